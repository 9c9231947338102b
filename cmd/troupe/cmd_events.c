/* troupe events RUN: everything that happened in a run, in order. */
#include "base/clock.h"
#include "base/json.h"
#include "cli.h"
#include "follow.h"
#include "table.h"
#include "view.h"
#include <stdio.h>

enum { OUTPUT_BYTES_MOST = 64 << 20, PAGE = 1000, PAGE_ARENA_BYTES = 256 << 20, POLL_MS = 500 };

struct printer {
    struct cli *cli;
    uint64_t after; /* number of the last event shown */
    bool follow;
    bool begun;
};

static void member(struct buf *out, const char *name, struct slice text)
{
    buf_printf(out, ",\"%s\":", name);
    if (text.ptr)
        json_write_string(out, text);
    else
        buf_str(out, "null");
}

static void write_json(struct buf *out, const struct store_event *event)
{
    buf_printf(out, "{\"event\":%llu,\"at\":\"", (unsigned long long)event->event);
    clock_write_rfc3339(out, event->at_us);
    buf_char(out, '"');
    member(out, "kind", event->kind);
    member(out, "node_id", event->node_id);
    member(out, "scope", event->scope);
    member(out, "result", event->result);
    buf_printf(out, ",\"attempt\":%u,\"token\":%llu,\"delta\":%lld", event->attempt,
               (unsigned long long)event->token, (long long)event->delta);
    member(out, "run_status", event->status);
    member(out, "detail", event->detail);
    buf_char(out, '}');
}

static void write_line(struct buf *out, const struct store_event *event)
{
    time_of_day_write(out, event->at_us, true);
    buf_printf(out, "  %5llu  %-12.*s", (unsigned long long)event->event, SLICE_ARG(event->kind));
    if (event->node_id.ptr) {
        text_plain(out, event->node_id);
        if (event->scope.len > 0) {
            buf_char(out, ' ');
            text_plain(out, event->scope);
        }
        if (event->attempt > 1)
            buf_printf(out, " attempt %u", event->attempt);
    }
    if (event->result.ptr &&
        (slice_eq_str(event->kind, "execution") || slice_eq_str(event->kind, "retry"))) {
        buf_char(out, ' ');
        text_plain(out, event->result);
    }
    if (event->detail.ptr) {
        buf_char(out, ' ');
        text_plain(out, event->detail);
    }
    buf_printf(out, "  (%+lld)", (long long)event->delta);
    if (!slice_eq_str(event->status, "running") && !slice_eq_str(event->status, "queued"))
        buf_printf(out, "  run %.*s", SLICE_ARG(event->status));
    buf_char(out, '\n');
}

/* What is new, page by page. *more: the last page was full. */
static int print_page(struct printer *printer, struct store *store, struct slice run_id, bool *more,
                      struct err *err)
{
    struct store_event *events;
    struct arena arena;
    struct buf out;
    uint32_t count;
    arena_init(&arena, PAGE_ARENA_BYTES);
    int result =
        store_event_list(store, run_id, printer->after, PAGE, &arena, &events, &count, err);
    buf_init(&out, OUTPUT_BYTES_MOST);
    for (uint32_t i = 0; result == 0 && i < count; i++) {
        if (!printer->cli->json) {
            write_line(&out, &events[i]);
        } else {
            if (!printer->follow)
                buf_char(&out, printer->begun ? ',' : '[');
            write_json(&out, &events[i]);
            if (printer->follow)
                buf_char(&out, '\n');
        }
        printer->begun = true;
        printer->after = events[i].event;
    }
    if (result == 0 &&
        (!buf_ok(&out) || fwrite(buf_slice(&out).ptr, 1, out.len, stdout) != out.len))
        result = err_set(err, ERR_IO, "cannot write to stdout");
    *more = result == 0 && count == PAGE;
    buf_free(&out);
    arena_free(&arena);
    return result;
}

static int print_all(struct printer *printer, struct store *store, struct slice run_id,
                     struct err *err)
{
    bool more = true;
    while (more) {
        if (print_page(printer, store, run_id, &more, err) != 0)
            return -1;
    }
    return fflush(stdout) == 0 ? 0 : err_set(err, ERR_IO, "cannot write to stdout");
}

/* Until the run is final and all of it is shown. */
static int follow(struct printer *printer, struct store *store, struct slice run_id,
                  enum follow_end *end, struct err *err)
{
    struct view_source source = {.store = store};
    struct follow follow;
    struct store_run run;
    struct arena arena;
    int result = 0;
    arena_init(&arena, PAGE_ARENA_BYTES);
    follow_begin(&follow, printer->cli, &source, run_id, 0);
    for (;;) {
        arena_reset(&arena);
        /* The status first: what is committed with it is read after it. */
        result = store_run_get(store, run_id, &arena, &run, err);
        if (result == 0)
            result = print_all(printer, store, run_id, err);
        *end = FOLLOW_FINAL;
        if (result != 0 && !follow_outlasts(&follow, err))
            break;
        if (result == 0 && run_status_final(run.status))
            break;
        result = 0;
        if (!follow_pause(&follow, POLL_MS, end, err))
            break;
    }
    arena_free(&arena);
    return result;
}

int cmd_events(struct cli *cli)
{
    struct err err = ERR_INIT;
    struct store_run run;
    struct slice run_id = slice_str(cli_argument(cli, 0));
    struct printer printer = {.cli = cli, .follow = settings_flag(&cli->settings, "follow")};
    enum follow_end end = FOLLOW_FINAL;
    struct store *store = cli_store(cli, &err);
    if (!store)
        return cli_fail(cli, &err);
    int result = store_run_get(store, run_id, &cli->arena, &run, &err);
    if (result == 0 && printer.follow)
        result = follow_listen(store, &err) != 0 ? -1 : follow(&printer, store, run_id, &end, &err);
    else if (result == 0)
        result = print_all(&printer, store, run_id, &err);
    store_free(store);
    if (result != 0)
        return cli_fail(cli, &err);
    if (cli->json && !printer.follow)
        (void)fputs(printer.begun ? "]\n" : "[]\n", stdout);
    else if (!printer.begun && !cli->json)
        (void)fputs("no events yet: the run has not been started\n", stdout);
    if (fflush(stdout) != 0)
        return cli_fail_with(cli, ERR_IO, "cannot write to stdout");
    return end == FOLLOW_INTERRUPTED ? EXIT_INTERRUPTED : 0;
}
