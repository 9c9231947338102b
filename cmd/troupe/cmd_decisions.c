/* troupe decisions RUN: which edges a run took, and why. */
#include "base/json.h"
#include "cli.h"
#include "store/store.h"
#include "table.h"
#include "view.h"

enum { OUTPUT_BYTES_MOST = 256 << 20 };

/* ["a","b"] as "a, b". */
static struct slice names(struct arena *arena, struct slice list)
{
    struct json_doc doc;
    struct json_error error;
    struct buf out;
    if (json_read(arena, list, NULL, &doc, &error) != 0)
        return list;
    buf_init(&out, OUTPUT_BYTES_MOST);
    struct json_iter it = json_iter(json_root(&doc));
    while (json_next(&it)) {
        buf_str(&out, out.len ? ", " : "");
        text_plain(&out, json_string(it.value, arena));
    }
    struct slice text = buf_ok(&out) ? arena_copy(arena, buf_slice(&out)) : SLICE_NONE;
    buf_free(&out);
    return text.ptr ? text : list;
}

static void write_table(struct cli *cli, const struct store_decision *items, uint32_t count,
                        struct buf *out)
{
    static const char *const headings[] = {"NODE", "SCOPE", "TAKEN", "DEAD", "REASON"};
    struct table table;
    table_init(&table, &cli->arena, headings, ARRAY_LEN(headings));
    for (uint32_t i = 0; i < count; i++) {
        table_add(&table, STYLE_PLAIN, items[i].node_id);
        table_add(&table, STYLE_DIM, items[i].scope);
        table_add(&table, STYLE_GREEN, names(&cli->arena, items[i].taken));
        table_add(&table, STYLE_DIM, names(&cli->arena, items[i].dead));
        table_add(&table, STYLE_PLAIN, items[i].reason);
    }
    table_write(&table, &cli->out, out);
}

int cmd_decisions(struct cli *cli)
{
    struct err err = ERR_INIT;
    struct store_decision *items = NULL;
    struct store_run run;
    uint32_t count = 0;
    struct buf out;
    struct slice run_id = slice_str(cli_argument(cli, 0));
    struct store *store = cli_store(cli, &err);
    if (!store)
        return cli_fail(cli, &err);
    int result = store_run_get(store, run_id, &cli->arena, &run, &err);
    if (result == 0)
        result = store_decision_list(store, run_id, &cli->arena, &items, &count, &err);
    store_free(store);
    if (result != 0)
        return cli_fail(cli, &err);
    buf_init(&out, OUTPUT_BYTES_MOST);
    if (cli->json)
        view_write_decisions(&out, items, count);
    else if (count == 0)
        buf_str(&out, "no decisions yet: no node that had a choice has been executed\n");
    else
        write_table(cli, items, count, &out);
    return cli_print(cli, &out, 0);
}
