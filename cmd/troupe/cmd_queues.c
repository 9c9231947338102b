/* troupe queues: what waits, and for whom, as a supervisor saw it last. */
#include "base/clock.h"
#include "cli.h"
#include "store/store.h"
#include "table.h"

enum { OUTPUT_BYTES_MOST = 64 << 20 };

static void write_json(struct buf *out, const struct store_queue *items, uint32_t count)
{
    buf_char(out, '[');
    for (uint32_t i = 0; i < count; i++) {
        buf_str(out, i ? ",{\"queue\":" : "{\"queue\":");
        json_write_string(out, items[i].queue);
        buf_printf(out, ",\"ready\":%llu,\"held\":%llu,\"workers\":%u,\"oldest_at\":",
                   (unsigned long long)items[i].ready, (unsigned long long)items[i].held,
                   items[i].workers);
        if (items[i].oldest_us) {
            buf_char(out, '"');
            clock_write_rfc3339(out, items[i].oldest_us);
            buf_char(out, '"');
        } else {
            buf_str(out, "null");
        }
        buf_printf(out, ",\"kind\":\"%s\"}", items[i].tasks ? "task" : "fleet");
    }
    buf_char(out, ']');
}

static void add_number(struct table *table, struct buf *text, enum style style, uint64_t number)
{
    buf_reset(text);
    buf_uint(text, number);
    table_add(table, style, buf_slice(text));
}

static void write_table(struct cli *cli, struct buf *out, const struct store_queue *items,
                        uint32_t count)
{
    static const char *const headings[] = {"QUEUE", "READY", "HELD", "WORKERS", "OLDEST", "FOR"};
    struct table table;
    struct buf text;
    const int64_t now_us = clock_wall_us(&clock_system);
    buf_init(&text, 0);
    table_init(&table, &cli->arena, headings, ARRAY_LEN(headings));
    for (uint32_t i = 0; i < count; i++) {
        bool stuck = items[i].ready > 0 && items[i].workers == 0;
        table_add(&table, STYLE_BOLD, items[i].queue);
        add_number(&table, &text, STYLE_PLAIN, items[i].ready);
        add_number(&table, &text, STYLE_PLAIN, items[i].held);
        if (stuck)
            table_add(&table, STYLE_RED, SLICE("nobody"));
        else
            add_number(&table, &text, STYLE_PLAIN, items[i].workers);
        buf_reset(&text);
        if (items[i].oldest_us) {
            duration_write(&text, now_us > items[i].oldest_us ? now_us - items[i].oldest_us : 0);
            buf_str(&text, " ago");
        }
        table_add(&table, STYLE_DIM, buf_slice(&text));
        table_add(&table, STYLE_DIM, items[i].tasks ? SLICE("remote workers") : SLICE("the fleet"));
    }
    table_write(&table, &cli->out, out);
    buf_free(&text);
}

int cmd_queues(struct cli *cli)
{
    struct err err = ERR_INIT;
    struct store_queue *items;
    uint32_t count;
    struct buf out;
    struct store *store = cli_store(cli, &err);
    if (!store)
        return cli_fail(cli, &err);
    int result = store_queue_list(store, &cli->arena, &items, &count, &err);
    store_free(store);
    if (result != 0)
        return cli_fail(cli, &err);
    buf_init(&out, OUTPUT_BYTES_MOST);
    if (cli->json)
        write_json(&out, items, count);
    else if (count == 0)
        buf_str(&out, "no queues yet: a supervisor makes and notes them ('troupe doctor')\n");
    else
        write_table(cli, &out, items, count);
    return cli_print(cli, &out, 0);
}
