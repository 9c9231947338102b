/* troupe migrate: makes the tables, or brings them up to date. */
#include "cli.h"
#include "store/store.h"

enum { OUTPUT_BYTES_MOST = 1 << 20 };

struct steps {
    struct cli *cli;
    struct buf out;
    uint32_t count, applied;
};

static void on_step(void *context, const struct migration_state *state)
{
    struct steps *steps = context;
    if (steps->cli->json) {
        buf_printf(&steps->out, "%s{\"number\":%u,\"name\":", steps->count ? "," : "",
                   state->number);
        json_write_string(&steps->out, slice_str(state->name));
        buf_printf(&steps->out, ",\"applied\":%s}", state->applied ? "true" : "false");
    } else if (state->applied) {
        buf_printf(&steps->out, "applied %04u_%s\n", state->number, state->name);
    }
    steps->count++;
    steps->applied += state->applied;
}

int cmd_migrate(struct cli *cli)
{
    struct err err = ERR_INIT;
    const char *url = settings_string(&cli->settings, "database-url");
    if (!url || !*url)
        return cli_fail_with(cli, ERR_USAGE,
                             "no database is named: set TROUPE_DATABASE_URL or --database-url");
    struct store *store = store_new(url, "troupe migrate", &err);
    if (!store)
        return cli_fail(cli, &err);
    struct steps steps = {.cli = cli};
    buf_init(&steps.out, OUTPUT_BYTES_MOST);
    buf_str(&steps.out, cli->json ? "[" : "");
    int result = store_migrate(store, on_step, &steps, &err);
    store_free(store);
    if (result != 0) {
        buf_free(&steps.out);
        return cli_fail(cli, &err);
    }
    if (cli->json)
        buf_char(&steps.out, ']');
    else if (steps.applied == 0)
        buf_printf(&steps.out, "up to date (%u migration%s)\n", steps.count,
                   steps.count == 1 ? "" : "s");
    return cli_print(cli, &steps.out, 0);
}
