/* The next page of a listing. */
#include "http/page.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <strings.h>
/* after the four above */
#include <cmocka.h>

static void test_links(void **state UNUSED)
{
    static const struct {
        const char *link, *next;
    } rows[] = {
        {"<https://h/?page=2>; rel=\"next\"", "https://h/?page=2"},
        {"<https://h/?page=1>; rel=\"prev\", <https://h/?a=1,2&page=3>; rel=\"next\"; x=y",
         "https://h/?a=1,2&page=3"},
        {"</x>;rel=next", "/x"},
        {"</x> ; title=\"a, \\\"b; rel=next\" ; REL = \"last NEXT\"", "/x"},
        {"</x>; rel=prev; rel=next", NULL},
        {"</x>; title=\"rel=next\"", NULL},
        {"</x>; rel=nextish", NULL},
        {"</x>; rel", NULL},
        {"</x>", NULL},
        {"</x", NULL},
        {"x; rel=next", NULL},
        {"", NULL},
        {"</x>; rel=\"next", "/x"},
        {"<>; rel=next", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct slice next = http_link_next(slice_str(rows[i].link));
        if ((next.ptr == NULL) != (rows[i].next == NULL) ||
            (next.ptr && !slice_eq_str(next, rows[i].next)))
            fail_msg("%s: %.*s", rows[i].link, SLICE_ARG(next));
    }
}

static void test_urls(void **state UNUSED)
{
    static const struct {
        const char *next, *url;
        enum err_code code;
    } rows[] = {
        {"?page=2", "https://api.test/v1/list?page=2", ERR_NONE},
        {"/v2", "https://api.test/v2", ERR_NONE},
        {"more", "https://api.test/v1/more", ERR_NONE},
        {"https://API.test:443/x", "https://api.test:443/x", ERR_NONE},
        {"http://api.test/x", NULL, ERR_REFUSED},
        {"https://other.test/x", NULL, ERR_REFUSED},
        {"//other.test/x", NULL, ERR_REFUSED},
        {"https://api.test:8443/x", NULL, ERR_REFUSED},
        {"https://u:p@api.test/x", NULL, ERR_REFUSED},
        {"file:///etc/passwd", NULL, ERR_REFUSED},
        {"", NULL, ERR_INVALID},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena arena;
        struct err err = ERR_INIT;
        struct slice url = SLICE_NONE;
        arena_init(&arena, 1U << 20);
        int result = http_page_url(SLICE("https://api.test/v1/list?page=1"),
                                   slice_str(rows[i].next), &arena, &url, &err);
        if (result != (rows[i].url ? 0 : -1) || err.code != rows[i].code)
            fail_msg("%s: %d %s %s", rows[i].next, result, err_name(err.code), err.message);
        if (rows[i].url && strcasecmp(url.ptr, rows[i].url) != 0)
            fail_msg("%s: %s", rows[i].next, url.ptr);
        arena_free(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_links),
        cmocka_unit_test(test_urls),
    };
    return cmocka_run_group_tests_name("http_page", tests, NULL, NULL);
}
