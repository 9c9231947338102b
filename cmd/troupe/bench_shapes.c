/* bench_shapes: what is run. */
#include "bench.h"

enum { CHAIN = 10, FAN = 100, BLOCKS = 10, WIDTH = 98, ROUND = 1000 };

static void begin(struct buf *out, const char *workflow)
{
    buf_printf(out, "{\"metadata\":{\"name\":\"%s\"},\"nodes\":[", workflow);
}

static void write_row(struct buf *out, const char *workflow, const char *last)
{
    begin(out, workflow);
    for (int i = 0; i < CHAIN; i++)
        buf_printf(out, "%s{\"id\":\"n%d\",%s}", i ? "," : "", i,
                   i == CHAIN - 1 ? last : "\"type\":\"noop\"");
    buf_str(out, "],\"edges\":[");
    for (int i = 1; i < CHAIN; i++)
        buf_printf(out, "%s{\"from\":\"n%d\",\"to\":\"n%d\"}", i > 1 ? "," : "", i - 1, i);
    buf_str(out, "]}");
}

static void write_chain(struct buf *out, const char *workflow)
{
    write_row(out, workflow, "\"type\":\"noop\"");
}

/* Stays in flight at its last node. */
static void write_parked(struct buf *out, const char *workflow)
{
    write_row(out, workflow, "\"type\":\"delay\",\"config\":{\"ms\":3600000}");
}

static void write_fan(struct buf *out, const char *workflow)
{
    begin(out, workflow);
    buf_str(out, "{\"id\":\"s\",\"type\":\"parallel\"},{\"id\":\"j\",\"type\":\"transform\","
                 "\"config\":{\"expression\":\"size(input)\"}},{\"id\":\"e\",\"type\":\"noop\"}");
    for (int i = 0; i < FAN; i++)
        buf_printf(out, ",{\"id\":\"n%d\",\"type\":\"noop\"}", i);
    buf_str(out, "],\"edges\":[{\"from\":\"j\",\"to\":\"e\"}");
    for (int i = 0; i < FAN; i++)
        buf_printf(out, ",{\"from\":\"s\",\"to\":\"n%d\"},{\"from\":\"n%d\",\"to\":\"j\"}", i, i);
    buf_str(out, "]}");
}

static void write_asleep(struct buf *out, const char *workflow)
{
    begin(out, workflow);
    buf_str(out, "{\"id\":\"n\",\"type\":\"delay\",\"config\":{\"ms\":36000000}}]}");
}

static void write_thousand(struct buf *out, const char *workflow)
{
    begin(out, workflow);
    for (int b = 0; b < BLOCKS; b++) {
        buf_printf(out, "%s{\"id\":\"s%d\",\"type\":\"parallel\"}", b ? "," : "", b);
        for (int i = 0; i < WIDTH; i++)
            buf_printf(out, ",{\"id\":\"n%d_%d\",\"type\":\"noop\"}", b, i);
        buf_printf(out,
                   ",{\"id\":\"j%d\",\"type\":\"transform\",\"config\":{\"expression\":"
                   "\"size(input)\"}}",
                   b);
    }
    buf_str(out, "],\"edges\":[");
    for (int b = 0; b < BLOCKS; b++) {
        for (int i = 0; i < WIDTH; i++)
            buf_printf(out,
                       "%s{\"from\":\"s%d\",\"to\":\"n%d_%d\"},{\"from\":\"n%d_%d\",\"to\":"
                       "\"j%d\"}",
                       b || i ? "," : "", b, b, i, b, i, b);
        if (b)
            buf_printf(out, ",{\"from\":\"j%d\",\"to\":\"s%d\"}", b - 1, b);
    }
    buf_str(out, "]}");
}

static void write_loop(struct buf *out, const char *workflow)
{
    begin(out, workflow);
    buf_printf(out,
               "{\"id\":\"n\",\"type\":\"transform\",\"config\":{\"expression\":"
               "\"{'n': input.n + 1}\"},\"loop\":{\"condition\":\"output.n < %d\","
               "\"max_iterations\":%d,\"break_path\":[\"e\"]}},{\"id\":\"e\",\"type\":\"noop\"}],"
               "\"edges\":[]}",
               ROUND, ROUND);
}

static void write_single(struct buf *out, const char *workflow)
{
    begin(out, workflow);
    buf_str(out, "{\"id\":\"n\",\"type\":\"noop\"}]}");
}

/* A document of 1 KB through conditions, a branch that is joined again, and a loop of three. */
static void write_mixed(struct buf *out, const char *workflow)
{
    begin(out, workflow);
    buf_str(
        out,
        "{\"id\":\"in\",\"type\":\"noop\"},"
        "{\"id\":\"grade\",\"type\":\"conditional\"},"
        "{\"id\":\"gold\",\"type\":\"transform\",\"config\":{\"expression\":"
        "\"{'tier': 'gold', 'names': input.items.filter(i, i.price < 50).map(i, i.name)}\"}},"
        "{\"id\":\"basic\",\"type\":\"transform\",\"config\":{\"template\":{\"tier\":\"basic\"}}},"
        "{\"id\":\"side\",\"type\":\"transform\",\"config\":{\"expression\":"
        "\"size(input.items)\"}},"
        "{\"id\":\"meet\",\"type\":\"transform\",\"config\":{\"expression\":"
        "\"{'n': 0, 'tier': has(input.gold) ? input.gold.tier : input.basic.tier, "
        "'count': input.side}\"}},"
        "{\"id\":\"again\",\"type\":\"transform\",\"config\":{\"expression\":"
        "\"{'n': input.n + 1, 'tier': input.tier}\"},\"loop\":{\"condition\":"
        "\"output.n < 3\",\"max_iterations\":5,\"break_path\":[\"end\"]}},"
        "{\"id\":\"end\",\"type\":\"noop\"}],\"edges\":["
        "{\"from\":\"in\",\"to\":\"grade\"},{\"from\":\"in\",\"to\":\"side\"},"
        "{\"from\":\"grade\",\"to\":\"gold\",\"condition\":\"output.score >= 80\"},"
        "{\"from\":\"grade\",\"to\":\"basic\"},{\"from\":\"gold\",\"to\":\"meet\"},"
        "{\"from\":\"basic\",\"to\":\"meet\"},{\"from\":\"side\",\"to\":\"meet\"},"
        "{\"from\":\"meet\",\"to\":\"again\"}],"
        "\"output\":{\"n\":\"$end.n\",\"tier\":\"$end.tier\"}}");
}

#define ITEM(n) "{\"name\":\"article number " #n "\",\"price\":" #n "9.5,\"in_stock\":true}"
#define DOCUMENT                                                                                            \
    "{\"score\":87,\"customer\":{\"name\":\"Ada Example\",\"city\":\"Somewhere\",\"since\":2019},"          \
    "\"items\":[" ITEM(1) "," ITEM(2) "," ITEM(3) "," ITEM(4) "," ITEM(5) "," ITEM(6) "," ITEM(7) "," ITEM( \
        8) "," ITEM(9) "," ITEM(10) "," ITEM(11) "," ITEM(12) "," ITEM(13) "," ITEM(14) "],"                \
                                                                                        "\"note\""          \
                                                                                        ":\"what "          \
                                                                                        "the "              \
                                                                                        "customer"          \
                                                                                        " said "            \
                                                                                        "when he "          \
                                                                                        "was "              \
                                                                                        "asked "            \
                                                                                        "why he "           \
                                                                                        "wanted "           \
                                                                                        "all of "           \
                                                                                        "this at "          \
                                                                                        "once\"}"

const struct bench_shape bench_shapes[] = {
    [SHAPE_CHAIN] = {"chain", 8000, CHAIN, CHAIN, write_chain, "{\"n\":1}"},
    [SHAPE_FAN] = {"fan", 800, FAN + 3, FAN + 3, write_fan, "{\"n\":1}"},
    [SHAPE_SINGLE] = {"single", 30000, 1, 1, write_single, "{\"n\":1}"},
    /* in, grade, gold, side, meet, three times again, end; basic is skipped; the mapping's token */
    [SHAPE_MIXED] = {"mixed", 7000, 9, 10, write_mixed, DOCUMENT},
    [SHAPE_PARKED] = {"parked", 2000, CHAIN, CHAIN, write_parked, "{\"n\":1}"},
    [SHAPE_ASLEEP] = {"asleep", 0, 1, 1, write_asleep, "{\"n\":1}"},
    [SHAPE_THOUSAND] = {"thousand", 100, BLOCKS *(WIDTH + 2), BLOCKS *(WIDTH + 2), write_thousand,
                        "{\"n\":1}"},
    [SHAPE_LOOP] = {"loop", 64, ROUND + 1, ROUND + 1, write_loop, "{\"n\":0}"},
};
