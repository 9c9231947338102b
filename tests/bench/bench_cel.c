/* bench_cel: what one evaluation of an expression costs, once the program is compiled and the
 * document is read.
 *
 *     make bench-cel
 *     bench_cel [-o text|json] [--rounds N] [--check]
 *
 * Every round times each case once, in turn, so that a machine that slows down slows all of them:
 * compare the ratios of one run rather than times of two. Shown are the median over the rounds, the
 * smallest and the largest. Allocations are counted at malloc, calloc and realloc (the linker wraps
 * them) in evaluations of their own, after one that warms the arena up.
 *
 * --check: exit status 1 when a median misses its target.
 */
#include "base/clock.h"
#include "base/json.h"
#include "cel/cel.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { ROUNDS_DEFAULT = 15, ROUNDS_MOST = 1000, ROUND_US = 20000, COUNTED = 100 };

/* --- allocations --- */

static uint64_t allocations;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);

void *__wrap_malloc(size_t size)
{
    allocations++;
    return __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    allocations++;
    return __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    allocations++;
    return __real_realloc(old, size);
}

static _Noreturn void die(const char *what, const char *why)
{
    fprintf(stderr, "bench_cel: %s: %s\n", what, why);
    exit(2);
}

/* --- documents --- */

/* About 1 KB: the output of one node and that of another, as a worker has them. */
static void write_order(struct buf *buf)
{
    buf_str(buf, "{\"output\":{\"id\":\"lead-00418\",\"source\":\"web\",\"received_at\":"
                 "\"2025-03-01T09:30:00Z\",\"attempts\":2,\"score\":86,\"grade\":\"B\","
                 "\"tags\":[\"inbound\",\"trial\",\"emea\"],\"owner\":null},\n"
                 "\"enrich\":{\"company\":\"Example Manufacturing\",\"domain\":\"example.com\","
                 "\"employees\":420,\"revenue\":1250000.0,\"country\":\"DE\",\"address\":");
    buf_str(buf, "{\"street\":\"1 Example Street\",\"city\":\"Hamburg\",\"zip\":\"20095\"},"
                 "\"contacts\":[");
    for (unsigned i = 0; i < 6; i++)
        buf_printf(buf, "%s{\"name\":\"Contact %u\",\"mail\":\"contact%u@example.com\",\"age\":%u}",
                   i ? "," : "", i, i, 30 + i);
    buf_str(buf, "],\"note\":\"");
    while (buf->len < 1020)
        buf_char(buf, 'x');
    buf_str(buf, "\"}}");
}

static void write_items(struct buf *buf, unsigned count)
{
    buf_str(buf, "{\"items\":[");
    for (unsigned i = 0; i < count; i++)
        buf_printf(buf, "%s{\"id\":%u,\"name\":\"item %u\",\"price\":%u.%02u,\"stock\":%u}",
                   i ? "," : "", i, i, i * 37 % 200, i * 7 % 100, i % 50);
    buf_str(buf, "]}");
}

/* --- cases --- */

enum { SLOT_OUTPUT, SLOT_ITEMS, SLOTS };

static const struct cel_variable variables[] = {{"output", CEL_DYN, SLOT_OUTPUT},
                                                {"items", CEL_DYN, SLOT_ITEMS}};
static const struct cel_namespace namespaces[] = {{"ctx", 0}};
static const struct cel_env env = {.variables = variables,
                                   .variable_count = ARRAY_LEN(variables),
                                   .namespaces = namespaces,
                                   .namespace_count = ARRAY_LEN(namespaces)};

enum kind { EVALUATE, COMPILE, READ };

struct bench {
    const char *name;
    enum kind kind;
    const char *source; /* NULL: READ */
    unsigned items;     /* of the document; 0: the order */
    double target_ns;   /* 0: none */
    const char *wanted; /* start of the result as JSON, so that the right thing is timed */

    struct arena kept; /* the document and the program */
    struct arena scratch;
    struct buf text;
    struct json_doc doc;
    const struct cel_program *program;
    uint64_t times; /* evaluations in a round */
    double *ns;     /* per evaluation, by round */
    double allocated;
    size_t arena_bytes;
};

static const char condition[] = "output.score >= 80 && ctx.enrich.output.revenue > 100000.0";
static const char selection[] = "items.filter(i, i.price < 100).map(i, i.name)";

enum { CONDITION, ITEMS_1000, ITEMS_100, COMPILE_CONDITION, READ_1_KB, READ_1000, BENCHES };

static struct bench benches[BENCHES] = {
    [CONDITION] = {.name = "condition, 1 KB",
                   .kind = EVALUATE,
                   .source = condition,
                   .target_ns = 1000,
                   .wanted = "true"},
    [ITEMS_1000] = {.name = "filter+map, 1,000 items",
                    .kind = EVALUATE,
                    .source = selection,
                    .items = 1000,
                    .target_ns = 200000,
                    .wanted = "[\"item 0\",\"item 1\",\"item 2\",\"item 6\""},
    [ITEMS_100] = {.name = "filter+map, 100 items",
                   .kind = EVALUATE,
                   .source = selection,
                   .items = 100,
                   .wanted = "[\"item 0\",\"item 1\",\"item 2\",\"item 6\""},
    [COMPILE_CONDITION] = {.name = "compile condition", .kind = COMPILE, .source = condition},
    [READ_1_KB] = {.name = "read 1 KB of JSON", .kind = READ},
    [READ_1000] = {.name = "read 1,000 items", .kind = READ, .items = 1000},
};

/* What a worker does for each evaluation: values from the document, then the program. */
static struct cel_value evaluate(struct bench *bench)
{
    struct json_ref root = json_root(&bench->doc);
    struct cel_error error;
    struct cel_value value;
    struct cel_value slots[SLOTS] = {cel_absent(), cel_absent()};
    struct cel_value reference = cel_absent();
    struct cel_member record[] = {{SLICE("output"), cel_absent()},
                                  {SLICE("status"), cel_string(SLICE("completed"))},
                                  {SLICE("attempt"), cel_int(1)}};
    if (bench->items) {
        slots[SLOT_ITEMS] = cel_from_json(json_member(root, SLICE("items")), &bench->scratch);
    } else {
        slots[SLOT_OUTPUT] = cel_from_json(json_member(root, SLICE("output")), &bench->scratch);
        record[0].value = cel_from_json(json_member(root, SLICE("enrich")), &bench->scratch);
        reference = cel_record(&bench->scratch, record, ARRAY_LEN(record));
    }
    const struct cel_activation activation = {
        .slots = slots, .slot_count = SLOTS, .references = &reference, .reference_count = 1};
    if (cel_eval(bench->program, &activation, &bench->scratch, &value, &error) != 0)
        die(bench->name, error.message);
    return value;
}

static void run_once(struct bench *bench)
{
    struct cel_error error;
    struct json_error json_error;
    struct json_doc doc;
    arena_reset(&bench->scratch);
    switch (bench->kind) {
    case EVALUATE:
        (void)evaluate(bench);
        return;
    case COMPILE: {
        const struct cel_program *program =
            cel_compile(&bench->scratch, slice_str(bench->source), &env, &error);
        if (!program)
            die(bench->name, error.message);
        cel_program_release(program);
        return;
    }
    case READ:
        if (json_read(&bench->scratch, buf_slice(&bench->text), NULL, &doc, &json_error) != 0)
            die(bench->name, json_error.message);
        return;
    }
}

static void check_result(struct bench *bench)
{
    struct buf out;
    struct cel_error error;
    buf_init(&out, 0);
    struct cel_value value = evaluate(bench);
    if (cel_write_json(&out, &value, &error) != 0)
        die(bench->name, error.message);
    if (strncmp(out.data, bench->wanted, strlen(bench->wanted)) != 0)
        die(bench->name, out.data);
    buf_free(&out);
}

static void prepare(struct bench *bench, unsigned rounds)
{
    struct json_error json_error;
    struct cel_error error;
    arena_init(&bench->kept, 0);
    arena_init(&bench->scratch, 0);
    buf_init(&bench->text, 0);
    if (bench->items)
        write_items(&bench->text, bench->items);
    else
        write_order(&bench->text);
    if (!buf_ok(&bench->text) ||
        json_read(&bench->kept, buf_slice(&bench->text), NULL, &bench->doc, &json_error) != 0)
        die(bench->name, "the document cannot be read");
    if (bench->kind == EVALUATE) {
        bench->program = cel_compile(&bench->kept, slice_str(bench->source), &env, &error);
        if (!bench->program)
            die(bench->name, error.message);
        check_result(bench);
    }
    bench->ns = calloc(rounds, sizeof(*bench->ns));
    if (!bench->ns)
        die(bench->name, "out of memory");
    run_once(bench); /* the arena has its block */
    run_once(bench);
    bench->arena_bytes = bench->scratch.used_bytes;
    uint64_t before = allocations;
    for (unsigned i = 0; i < COUNTED; i++)
        run_once(bench);
    bench->allocated = (double)(allocations - before) / COUNTED;
}

static void release(struct bench *bench)
{
    cel_program_release(bench->program);
    free(bench->ns);
    buf_free(&bench->text);
    arena_free(&bench->scratch);
    arena_free(&bench->kept);
}

/* --- timing --- */

static double time_of(struct bench *bench, uint64_t times)
{
    int64_t started = clock_mono_us(&clock_system);
    for (uint64_t i = 0; i < times; i++)
        run_once(bench);
    return (double)(clock_mono_us(&clock_system) - started);
}

/* As many evaluations as take about ROUND_US: the clock has microseconds. */
static void calibrate(struct bench *bench)
{
    double us = 0;
    bench->times = 1;
    while ((us = time_of(bench, bench->times)) < ROUND_US / 4.0)
        bench->times *= 2;
    bench->times = (uint64_t)((double)bench->times * ROUND_US / us) + 1;
}

static int by_size(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static void measure(unsigned rounds)
{
    for (size_t i = 0; i < BENCHES; i++)
        calibrate(&benches[i]);
    for (unsigned round = 0; round < rounds; round++)
        for (size_t i = 0; i < BENCHES; i++)
            benches[i].ns[round] =
                time_of(&benches[i], benches[i].times) * 1000 / (double)benches[i].times;
    for (size_t i = 0; i < BENCHES; i++)
        qsort(benches[i].ns, rounds, sizeof(double), by_size);
}

/* --- report --- */

static double median(const struct bench *bench, unsigned rounds)
{
    double upper = bench->ns[rounds / 2];
    return rounds % 2 ? upper : (upper + bench->ns[rounds / 2 - 1]) / 2;
}

static bool missed(const struct bench *bench, unsigned rounds)
{
    return bench->target_ns > 0 && median(bench, rounds) >= bench->target_ns;
}

static const struct ratio {
    const char *name;
    const char *title;
    unsigned of, to;
} ratios[] = {
    {"condition_to_read", "condition / reading its document", CONDITION, READ_1_KB},
    {"condition_to_compile", "condition / compiling it", CONDITION, COMPILE_CONDITION},
    {"items_to_read", "filter+map of 1,000 / reading their document", ITEMS_1000, READ_1000},
    {"items_1000_to_100", "filter+map of 1,000 / of 100", ITEMS_1000, ITEMS_100},
};

static double ratio(const struct ratio *ratio, unsigned rounds)
{
    return median(&benches[ratio->of], rounds) / median(&benches[ratio->to], rounds);
}

static void print_text(unsigned rounds)
{
    printf("%u rounds of about %d ms each; nanoseconds per evaluation\n\n", rounds,
           ROUND_US / 1000);
    printf("%-24s %10s %10s %10s %10s %7s %8s\n", "", "median", "min", "max", "target", "mallocs",
           "arena B");
    for (size_t i = 0; i < BENCHES; i++) {
        const struct bench *b = &benches[i];
        printf("%-24s %10.0f %10.0f %10.0f ", b->name, median(b, rounds), b->ns[0],
               b->ns[rounds - 1]);
        if (b->target_ns > 0)
            printf("%10.0f", b->target_ns);
        else
            printf("%10s", "-");
        printf(" %7.2f %8zu%s\n", b->allocated, b->arena_bytes,
               missed(b, rounds) ? "  MISSED" : "");
    }
    printf("\n");
    for (size_t i = 0; i < ARRAY_LEN(ratios); i++)
        printf("%-52s %9.3f\n", ratios[i].title, ratio(&ratios[i], rounds));
}

static void print_json(unsigned rounds)
{
    printf("{\"rounds\":%u,\"benches\":[", rounds);
    for (size_t i = 0; i < BENCHES; i++) {
        const struct bench *b = &benches[i];
        printf("%s\n {\"name\":\"%s\",\"median_ns\":%.1f,\"min_ns\":%.1f,\"max_ns\":%.1f,"
               "\"mallocs\":%.2f,\"arena_bytes\":%zu",
               i ? "," : "", b->name, median(b, rounds), b->ns[0], b->ns[rounds - 1], b->allocated,
               b->arena_bytes);
        if (b->target_ns > 0)
            printf(",\"target_ns\":%.0f,\"met\":%s", b->target_ns,
                   missed(b, rounds) ? "false" : "true");
        printf("}");
    }
    printf("],\n \"ratios\":{");
    for (size_t i = 0; i < ARRAY_LEN(ratios); i++)
        printf("%s\"%s\":%.4f", i ? "," : "", ratios[i].name, ratio(&ratios[i], rounds));
    printf("}}\n");
}

static unsigned read_rounds(const char *text)
{
    char *end = NULL;
    errno = 0;
    long rounds = text ? strtol(text, &end, 10) : 0;
    if (!text || errno || *end || rounds < 1 || rounds > ROUNDS_MOST)
        die("--rounds", "a number from 1 to 1000 is wanted");
    return (unsigned)rounds;
}

int main(int argc, char **argv)
{
    unsigned rounds = ROUNDS_DEFAULT;
    bool json = false, check = false;
    for (int i = 1; i < argc; i++) {
        const char *next = i + 1 < argc ? argv[i + 1] : NULL;
        if (strcmp(argv[i], "--check") == 0) {
            check = true;
        } else if (strcmp(argv[i], "--rounds") == 0) {
            rounds = read_rounds(next);
            i++;
        } else if (strcmp(argv[i], "-o") == 0 && next &&
                   (strcmp(next, "json") == 0 || strcmp(next, "text") == 0)) {
            json = strcmp(next, "json") == 0;
            i++;
        } else {
            die(argv[i], "usage: bench_cel [-o text|json] [--rounds N] [--check]");
        }
    }
    for (size_t i = 0; i < BENCHES; i++)
        prepare(&benches[i], rounds);
    measure(rounds);
    if (json)
        print_json(rounds);
    else
        print_text(rounds);
    bool bad = false;
    for (size_t i = 0; i < BENCHES; i++) {
        bad = bad || missed(&benches[i], rounds);
        release(&benches[i]);
    }
    return check && bad ? 1 : 0;
}
