/* troupe show RUN, troupe decisions RUN. */
#include "cli.h"
#include "protocol/redis.h"
#include "store/store.h"
#include "table.h"
#include "view.h"

enum { OUTPUT_BYTES_MOST = 256 << 20, REDIS_TIMEOUT_MS = 2000, VALUE_LINES_MOST = 40 };

static int write_show(struct cli *cli, struct view_source *source, struct slice run_id,
                      struct buf *out, struct err *err)
{
    struct view view;
    struct store_decision *decisions;
    uint32_t count;
    if (view_read(source, run_id, &cli->arena, &view, err) != 0 ||
        store_decision_list(source->store, run_id, &cli->arena, &decisions, &count, err) != 0)
        return -1;
    if (cli->json) {
        view_write_run(out, &view.run, true);
        buf_char(out, ',');
        view_write_nodes(out, &view);
        buf_str(out, ",\"decisions\":");
        view_write_decisions(out, decisions, count);
        buf_char(out, '}');
    } else {
        const struct view_style style = {.term = cli->out};
        view_write_timeline(out, &view, &cli->arena, &style);
        view_write_values(out, &view, &cli->arena, &cli->out, cli->out.tty ? VALUE_LINES_MOST : 0,
                          true);
    }
    if (view.missing)
        cli_note(cli, "only what is recorded is shown: %s", view.missing);
    return 0;
}

int cmd_show(struct cli *cli)
{
    struct err err = ERR_INIT, no_redis = ERR_INIT;
    struct buf out;
    struct view_source source = {.store = cli_store(cli, &err)};
    if (!source.store)
        return cli_fail(cli, &err);
    source.redis =
        redis_new(settings_string(&cli->settings, "redis-url"), REDIS_TIMEOUT_MS, &no_redis);
    if (!source.redis)
        cli_note(cli, "only what is recorded is shown: %s", no_redis.message);
    buf_init(&out, OUTPUT_BYTES_MOST);
    int result = write_show(cli, &source, slice_str(cli_argument(cli, 0)), &out, &err);
    view_source_free(&source);
    redis_free(source.redis);
    store_free(source.store);
    if (result != 0) {
        buf_free(&out);
        return cli_fail(cli, &err);
    }
    return cli_print(cli, &out, 0);
}
