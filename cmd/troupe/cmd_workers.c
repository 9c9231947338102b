/* troupe workers: the fleet and remote ones, as a supervisor saw it last. */
#include "base/clock.h"
#include "cli.h"
#include "store/store.h"
#include "table.h"

enum { OUTPUT_BYTES_MOST = 64 << 20 };

static void write_json(struct buf *out, const struct store_worker *items, uint32_t count)
{
    buf_char(out, '[');
    for (uint32_t i = 0; i < count; i++) {
        buf_str(out, i ? ",{\"name\":" : "{\"name\":");
        json_write_string(out, items[i].name);
        buf_printf(out, ",\"status\":\"%s\",\"queues\":", items[i].alive ? "alive" : "lapsed");
        json_write_string(out, items[i].queues);
        buf_printf(out, ",\"held\":%llu,\"seen_at\":\"", (unsigned long long)items[i].held);
        clock_write_rfc3339(out, items[i].seen_us);
        buf_printf(out, "\",\"kind\":\"%s\"}", items[i].remote ? "remote" : "fleet");
    }
    buf_char(out, ']');
}

static void write_table(struct cli *cli, struct buf *out, const struct store_worker *items,
                        uint32_t count)
{
    static const char *const headings[] = {"WORKER", "KIND", "STATUS", "HELD", "SEEN", "QUEUES"};
    struct table table;
    struct buf text;
    const int64_t now_us = clock_wall_us(&clock_system);
    buf_init(&text, 0);
    table_init(&table, &cli->arena, headings, ARRAY_LEN(headings));
    for (uint32_t i = 0; i < count; i++) {
        table_add(&table, STYLE_BOLD, items[i].name);
        table_add(&table, STYLE_DIM, items[i].remote ? SLICE("remote") : SLICE("fleet"));
        table_add(&table, items[i].alive ? STYLE_GREEN : STYLE_RED,
                  items[i].alive ? SLICE("alive") : SLICE("lapsed"));
        buf_reset(&text);
        buf_uint(&text, items[i].held);
        table_add(&table, STYLE_PLAIN, buf_slice(&text));
        buf_reset(&text);
        duration_write(&text, now_us > items[i].seen_us ? now_us - items[i].seen_us : 0);
        buf_str(&text, " ago");
        table_add(&table, STYLE_DIM, buf_slice(&text));
        table_add(&table, STYLE_PLAIN, items[i].queues);
    }
    table_write(&table, &cli->out, out);
    buf_free(&text);
}

int cmd_workers(struct cli *cli)
{
    struct err err = ERR_INIT;
    struct store_worker *items;
    uint32_t count;
    struct buf out;
    struct store *store = cli_store(cli, &err);
    if (!store)
        return cli_fail(cli, &err);
    int result = store_worker_list(store, &cli->arena, &items, &count, &err);
    store_free(store);
    if (result != 0)
        return cli_fail(cli, &err);
    buf_init(&out, OUTPUT_BYTES_MOST);
    if (cli->json)
        write_json(&out, items, count);
    else if (count == 0)
        buf_str(&out, "no workers: start one with 'troupe-worker' (a supervisor notes it within "
                      "seconds)\n");
    else
        write_table(cli, &out, items, count);
    return cli_print(cli, &out, 0);
}
