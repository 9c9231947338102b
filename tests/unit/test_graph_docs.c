/* The examples in docs/definitions.md: each of its json and yaml blocks compiles, without warnings
 * but for isolated nodes. Run from the top of the checkout. */
#include "graph/graph.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
/* after the four above */
#include <cmocka.h>

#define PAGE "docs/definitions.md"

static void read_page(struct buf *page)
{
    char part[4096];
    size_t got;
    FILE *file = fopen(PAGE, "r");
    assert_non_null(file);
    while ((got = fread(part, 1, sizeof(part), file)) > 0)
        buf_append(page, part, got);
    assert_int_equal(ferror(file), 0);
    fclose(file);
    assert_true(buf_ok(page));
}

static bool compiles(struct slice source, enum graph_format format)
{
    struct arena arena;
    struct findings findings;
    arena_init(&arena, 0);
    findings_init(&findings, &arena);
    struct graph *graph = graph_compile(source, format, &findings);
    bool good = graph != NULL;
    for (uint32_t i = 0; i < findings.count; i++) {
        if (strstr(findings.items[i].message, ": isolated:"))
            continue;
        print_error("%s\n%.*s\n", findings.items[i].message, SLICE_ARG(source));
        good = false;
    }
    graph_release(graph);
    arena_free(&arena);
    return good;
}

static unsigned check_blocks(const char *page, const char *fence, enum graph_format format)
{
    unsigned blocks = 0;
    for (const char *at = page; (at = strstr(at, fence));) {
        at += strlen(fence);
        const char *end = strstr(at, "\n```");
        assert_non_null(end);
        assert_true(compiles(slice_of(at, (size_t)(end - at) + 1), format));
        blocks++;
        at = end + 4;
    }
    return blocks;
}

static void examples(void **state)
{
    struct buf page;
    (void)state;
    buf_init(&page, 0);
    read_page(&page);
    assert_true(check_blocks(page.data, "```json\n", GRAPH_JSON) >= 6);
    assert_true(check_blocks(page.data, "```yaml\n", GRAPH_YAML) >= 2);
    buf_free(&page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(examples)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
