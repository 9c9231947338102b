/* troupe ps: runs, newest first. */
#include "base/clock.h"
#include "cli.h"
#include "store/store.h"
#include "table.h"
#include "timeline.h"
#include "view.h"
#include <string.h>

enum { OUTPUT_BYTES_MOST = 64 << 20 };

static enum style style_of(enum run_status status)
{
    switch (status) {
    case RUN_QUEUED:
        return STYLE_BLUE;
    case RUN_RUNNING:
        return STYLE_CYAN;
    case RUN_COMPLETED:
        return STYLE_GREEN;
    case RUN_FAILED:
        return STYLE_RED;
    case RUN_CANCELLED:
        return STYLE_YELLOW;
    }
    return STYLE_PLAIN;
}

static void add_row(struct table *table, const struct store_run *run, int64_t now_us)
{
    struct buf text;
    buf_init(&text, 0);
    table_add(table, STYLE_PLAIN, run->run_id);
    table_add(table, style_of(run->status), slice_str(run_status_name(run->status)));
    duration_write(&text, now_us > run->submitted_us ? now_us - run->submitted_us : 0);
    table_add(table, STYLE_DIM, buf_slice(&text));
    buf_reset(&text);
    if (run->started_us)
        duration_write(&text, (run->ended_us ? run->ended_us : now_us) - run->started_us);
    table_add(table, STYLE_PLAIN, buf_slice(&text));
    buf_reset(&text);
    buf_slice_append(&text, run->workflow);
    buf_printf(&text, " v%lld", (long long)run->version);
    table_add(table, STYLE_BOLD, buf_slice(&text));
    buf_free(&text);
}

static void write_table(struct cli *cli, const struct store_run *runs, uint32_t count,
                        struct buf *out)
{
    static const char *const headings[] = {"RUN", "STATUS", "AGE", "DURATION", "WORKFLOW"};
    struct table table;
    const int64_t now_us = clock_wall_us(&clock_system);
    table_init(&table, &cli->arena, headings, ARRAY_LEN(headings));
    for (uint32_t i = 0; i < count; i++)
        add_row(&table, &runs[i], now_us);
    table_write(&table, &cli->out, out);
}

static void write_json(const struct store_run *runs, uint32_t count, struct buf *out)
{
    buf_char(out, '[');
    for (uint32_t i = 0; i < count; i++) {
        buf_str(out, i ? "," : "");
        view_write_run_head(out, &runs[i]);
    }
    buf_char(out, ']');
}

static bool known_status(const char *status)
{
    for (int i = 0; i <= RUN_CANCELLED; i++) {
        if (strcmp(status, run_status_name((enum run_status)i)) == 0)
            return true;
    }
    return false;
}

int cmd_ps(struct cli *cli)
{
    struct err err = ERR_INIT;
    struct store_run *runs;
    uint32_t count;
    struct buf out;
    const struct store_run_filter filter = {
        .status = settings_string(&cli->settings, "status"),
        .workflow = settings_string(&cli->settings, "workflow"),
        .limit = (uint32_t)settings_number(&cli->settings, "limit"),
        .live_only = settings_flag(&cli->settings, "live"),
    };
    if (filter.status && !known_status(filter.status))
        return cli_fail_with(
            cli, ERR_USAGE,
            "--status: '%s' is not one of queued, running, completed, failed, cancelled",
            filter.status);
    struct store *store = cli_store(cli, &err);
    if (!store)
        return cli_fail(cli, &err);
    int result = store_run_list(store, &filter, &cli->arena, &runs, &count, &err);
    store_free(store);
    if (result != 0)
        return cli_fail(cli, &err);
    buf_init(&out, OUTPUT_BYTES_MOST);
    if (cli->json)
        write_json(runs, count, &out);
    else if (count == 0)
        buf_str(&out, filter.status || filter.workflow || filter.live_only
                          ? "no such runs\n"
                          : "no runs yet: start one with 'troupe run NAME|FILE'\n");
    else
        write_table(cli, runs, count, &out);
    return cli_print(cli, &out, 0);
}
