/* troupe dead-letters: what nobody could execute: looked at, started again, or put aside. */
#include "base/clock.h"
#include "base/json.h"
#include "cli.h"
#include "dead_letters.h"
#include "table.h"
#include "timeline.h"
#include "view.h"
#include <string.h>

enum { OUTPUT_BYTES_MOST = 64 << 20, PAGE = 500 };

/* --- for machines --- */

static void write_member(struct buf *out, const char *name, struct slice text)
{
    buf_printf(out, ",\"%s\":", name);
    if (text.ptr)
        json_write_string(out, text);
    else
        buf_str(out, "null");
}

static void write_time(struct buf *out, const char *name, int64_t us)
{
    buf_printf(out, ",\"%s\":", name);
    buf_str(out, us ? "\"" : "null");
    if (us)
        clock_write_rfc3339(out, us);
    buf_str(out, us ? "\"" : "");
}

/* Without its closing brace. */
static void write_letter(struct buf *out, const struct store_dead_letter *letter)
{
    buf_str(out, "{\"id\":");
    json_write_string(out, letter->id);
    write_member(out, "kind", letter->kind);
    write_member(out, "run_id", letter->run_id);
    write_member(out, "workflow", letter->workflow);
    if (letter->version)
        buf_printf(out, ",\"version\":%lld", (long long)letter->version);
    else
        buf_str(out, ",\"version\":null");
    write_member(out, "node_id", letter->node_id);
    write_member(out, "scope", letter->scope);
    write_member(out, "code", letter->code);
    write_member(out, "reason", letter->reason);
    write_time(out, "at", letter->at_us);
    write_member(out, "state", letter->state);
    write_time(out, "settled_at", letter->settled_us);
    write_member(out, "retried_as", letter->retried_as);
}

/* --- list --- */

static struct store_dead_letter_filter filter_of(const struct cli *cli)
{
    return (struct store_dead_letter_filter){
        .workflow = settings_string(&cli->settings, "workflow"),
        .code = settings_string(&cli->settings, "code"),
        .settled = settings_flag(&cli->settings, "all"),
        .limit = (uint32_t)settings_number(&cli->settings, "limit"),
    };
}

static void add_row(struct table *table, const struct store_dead_letter *letter, int64_t now_us)
{
    const bool open = slice_eq_str(letter->state, "open");
    struct buf text;
    buf_init(&text, 0);
    table_add(table, STYLE_PLAIN, letter->id);
    table_add(table, open ? STYLE_RED : STYLE_DIM, letter->state);
    duration_write(&text, now_us > letter->at_us ? now_us - letter->at_us : 0);
    table_add(table, STYLE_DIM, buf_slice(&text));
    table_add(table, STYLE_BOLD, letter->workflow);
    table_add(table, STYLE_PLAIN, letter->node_id.ptr ? letter->node_id : SLICE(""));
    table_add(table, STYLE_YELLOW, letter->code);
    buf_reset(&text);
    text_plain(&text, letter->reason);
    table_add(table, STYLE_PLAIN, buf_slice(&text));
    buf_free(&text);
}

static void write_table(struct cli *cli, const struct store_dead_letter *items, uint32_t count,
                        struct buf *out)
{
    static const char *const headings[] = {"ID",   "STATE", "AGE",   "WORKFLOW",
                                           "NODE", "CODE",  "REASON"};
    struct table table;
    const int64_t now_us = clock_wall_us(&clock_system);
    table_init(&table, &cli->arena, headings, ARRAY_LEN(headings));
    for (uint32_t i = 0; i < count; i++)
        add_row(&table, &items[i], now_us);
    table_write(&table, &cli->out, out);
}

static int list(struct cli *cli, struct store *store)
{
    const struct store_dead_letter_filter filter = filter_of(cli);
    struct store_dead_letter *items;
    struct err err = ERR_INIT;
    struct buf out;
    uint32_t count;
    if (store_dead_letter_list(store, &filter, &cli->arena, &items, &count, &err) != 0)
        return cli_fail(cli, &err);
    buf_init(&out, OUTPUT_BYTES_MOST);
    if (cli->json) {
        buf_char(&out, '[');
        for (uint32_t i = 0; i < count; i++) {
            buf_str(&out, i ? "," : "");
            write_letter(&out, &items[i]);
            buf_char(&out, '}');
        }
        buf_char(&out, ']');
    } else if (count == 0) {
        buf_str(&out, filter.workflow || filter.code || filter.settled
                          ? "no such dead letters\n"
                          : "no dead letters (those that were dealt with: --all)\n");
    } else {
        write_table(cli, items, count, &out);
    }
    return cli_print(cli, &out, 0);
}

/* --- show --- */

static void write_line(struct buf *out, const char *name, struct slice text)
{
    if (!text.ptr || text.len == 0)
        return;
    buf_printf(out, "%-10s ", name);
    text_plain(out, text);
    buf_char(out, '\n');
}

static void write_text(struct buf *out, const struct store_dead_letter *letter,
                       const struct store_run *run)
{
    write_line(out, "id", letter->id);
    write_line(out, "kind", letter->kind);
    write_line(out, "state", letter->state);
    write_line(out, "retried as", letter->retried_as);
    write_line(out, "run", letter->run_id);
    write_line(out, "workflow", letter->workflow);
    if (letter->version)
        buf_printf(out, "version    %lld\n", (long long)letter->version);
    write_line(out, "node", letter->node_id);
    write_line(out, "scope", letter->scope);
    write_line(out, "code", letter->code);
    write_line(out, "reason", letter->reason);
    buf_str(out, "at         ");
    clock_write_rfc3339(out, letter->at_us);
    buf_char(out, '\n');
    write_line(out, "request", letter->request);
    write_line(out, "input", run->input);
    if (slice_eq_str(letter->state, "open"))
        buf_printf(out,
                   "\nstart it again:  troupe dead-letters retry %.*s\n"
                   "put it aside:    troupe dead-letters drop %.*s\n",
                   SLICE_ARG(letter->id), SLICE_ARG(letter->id));
}

static int show(struct cli *cli, struct store *store, struct slice id)
{
    struct store_dead_letter letter;
    struct store_run run = {0};
    struct err err = ERR_INIT;
    struct buf out;
    if (dead_letter_find(cli, store, id, &letter, &err) != 0)
        return cli_fail(cli, &err);
    if (!letter.request.ptr && store_run_get(store, letter.id, &cli->arena, &run, &err) != 0)
        return cli_fail(cli, &err);
    buf_init(&out, OUTPUT_BYTES_MOST);
    if (cli->json) {
        write_letter(&out, &letter);
        buf_str(&out, ",\"request\":");
        buf_slice_append(&out, letter.request.ptr ? letter.request : SLICE("null"));
        buf_str(&out, ",\"input\":");
        buf_slice_append(&out, run.input.ptr ? run.input : SLICE("null"));
        buf_char(&out, '}');
    } else {
        write_text(&out, &letter, &run);
    }
    return cli_print(cli, &out, 0);
}

/* --- retry and drop --- */

struct bulk {
    struct cli *cli;
    struct store *store;
    bool retry;
    int status; /* of the first that failed */
    uint32_t done;
    struct buf out;
};

/* One that fails is told, and the others go on. */
static void settle(struct bulk *bulk, struct slice id)
{
    struct store_dead_letter letter;
    struct err err = ERR_INIT;
    char run_id[UUID_TEXT_LEN + 1] = "";
    int rc = dead_letter_find(bulk->cli, bulk->store, id, &letter, &err);
    if (rc == 0 && bulk->retry)
        rc = dead_letter_retry(bulk->cli, bulk->store, &letter, run_id, &err);
    else if (rc == 0)
        rc = store_dead_letter_settle(bulk->store, letter.id, SLICE_NONE, "command line", &err);
    if (rc != 0) {
        const int status = cli_fail(bulk->cli, &err);
        bulk->status = bulk->status ? bulk->status : status;
        return;
    }
    if (bulk->cli->json) {
        buf_str(&bulk->out, bulk->done ? ",{\"id\":" : "{\"id\":");
        json_write_string(&bulk->out, letter.id);
        write_member(&bulk->out, "state", bulk->retry ? SLICE("retried") : SLICE("dropped"));
        write_member(&bulk->out, "retried_as", bulk->retry ? slice_str(run_id) : SLICE_NONE);
        buf_char(&bulk->out, '}');
    } else if (bulk->retry) {
        buf_printf(&bulk->out, "%.*s runs again as %s\n", SLICE_ARG(letter.id), run_id);
    } else {
        buf_printf(&bulk->out, "%.*s is dropped\n", SLICE_ARG(letter.id));
    }
    bulk->done++;
}

/* All that are open now, a page at a time. The ids are read first: what is retried may fail again
 * meanwhile, and what cannot be settled stays. */
static int settle_all(struct bulk *bulk, struct err *err)
{
    struct store_dead_letter_filter filter = filter_of(bulk->cli);
    struct store_dead_letter *items;
    uint32_t count;
    filter.settled = false;
    filter.limit = UINT32_MAX;
    if (store_dead_letter_list(bulk->store, &filter, &bulk->cli->arena, &items, &count, err) != 0)
        return -1;
    for (uint32_t i = 0; i < count; i++) {
        const struct arena_mark mark = arena_mark(&bulk->cli->arena);
        settle(bulk, items[i].id);
        arena_rewind(&bulk->cli->arena, mark);
    }
    if (count == 0)
        cli_note(bulk->cli, "no open dead letters%s",
                 filter.workflow || filter.code ? " of that kind" : "");
    return 0;
}

static int settle_these(struct cli *cli, struct store *store, bool retry)
{
    struct bulk bulk = {.cli = cli, .store = store, .retry = retry};
    struct err err = ERR_INIT;
    const char *word = retry ? "retry" : "drop";
    const uint32_t count = cli->settings.argument_count;
    const bool all = settings_flag(&cli->settings, "all");
    const bool filtered =
        settings_given(&cli->settings, "workflow") || settings_given(&cli->settings, "code");
    if (all == (count > 1))
        return cli_fail_with(cli, ERR_USAGE,
                             "which? troupe dead-letters %s ID..., or %s --all; troupe "
                             "dead-letters lists them",
                             word, word);
    if (filtered && !all)
        return cli_fail_with(cli, ERR_USAGE, "--workflow and --code go with --all");
    buf_init(&bulk.out, OUTPUT_BYTES_MOST);
    buf_str(&bulk.out, cli->json ? "[" : "");
    if (all && settle_all(&bulk, &err) != 0)
        bulk.status = cli_fail(cli, &err);
    for (uint32_t i = 1; i < count; i++)
        settle(&bulk, slice_str(cli_argument(cli, i)));
    buf_str(&bulk.out, cli->json ? "]" : "");
    if (bulk.out.len > 0)
        return cli_print(cli, &bulk.out, bulk.status);
    buf_free(&bulk.out);
    return bulk.status;
}

static int dispatch(struct cli *cli, struct store *store)
{
    const uint32_t count = cli->settings.argument_count;
    const char *word = count > 0 ? cli_argument(cli, 0) : "list";
    if (strcmp(word, "list") == 0 && count <= 1)
        return list(cli, store);
    if (strcmp(word, "show") == 0 && count == 2)
        return show(cli, store, slice_str(cli_argument(cli, 1)));
    if (strcmp(word, "retry") == 0 || strcmp(word, "drop") == 0)
        return settle_these(cli, store, word[0] == 'r');
    return cli_fail_with(cli, ERR_USAGE,
                         "dead-letters: '%s'%s: it is list, show ID, retry ID... or drop ID...",
                         word, strcmp(word, "show") == 0 ? " takes one ID" : "");
}

int cmd_dead_letters(struct cli *cli)
{
    struct err err = ERR_INIT;
    struct store *store = cli_store(cli, &err);
    if (!store)
        return cli_fail(cli, &err);
    const int status = dispatch(cli, store);
    store_free(store);
    return status;
}
