/* Lists of tokens: order, and taking one out of anywhere. */
#include "worker/token.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { COUNT = 6 };

/* What is in the list, forwards and backwards. */
static void is(const struct token_list *list, const struct token *tokens, const char *wanted)
{
    const struct token *token = list->head, *before = NULL;
    uint32_t count = 0;
    for (; *wanted; wanted++, count++) {
        assert_ptr_equal(token, &tokens[*wanted - '0']);
        assert_ptr_equal(token->before, before);
        before = token;
        token = token->next;
    }
    assert_null(token);
    assert_ptr_equal(list->tail, before);
    assert_int_equal(list->count, count);
}

static void fill(struct token_list *list, struct token *tokens, int from, int end)
{
    *list = (struct token_list){0};
    for (int i = from; i < end; i++)
        token_list_push(list, &tokens[i]);
}

static void removes_from_anywhere(void **state)
{
    struct token tokens[COUNT] = {0};
    struct token_list list;
    (void)state;
    fill(&list, tokens, 0, COUNT);
    is(&list, tokens, "012345");
    token_list_remove(&list, &tokens[2]);
    is(&list, tokens, "01345");
    token_list_remove(&list, &tokens[0]);
    is(&list, tokens, "1345");
    token_list_remove(&list, &tokens[5]);
    is(&list, tokens, "134");
    token_list_push(&list, &tokens[2]);
    is(&list, tokens, "1342");
    assert_ptr_equal(token_list_pop(&list), &tokens[1]);
    is(&list, tokens, "342");
    token_list_remove(&list, &tokens[4]);
    token_list_remove(&list, &tokens[3]);
    token_list_remove(&list, &tokens[2]);
    is(&list, tokens, "");
    assert_null(token_list_pop(&list));
    token_list_push(&list, &tokens[1]);
    is(&list, tokens, "1");
}

static void appends(void **state)
{
    struct token tokens[COUNT] = {0};
    struct token_list to, from;
    (void)state;
    fill(&to, tokens, 0, 2);
    fill(&from, tokens, 2, 5);
    token_list_append(&to, &from);
    is(&to, tokens, "01234");
    is(&from, tokens, "");
    token_list_append(&to, &from);
    is(&to, tokens, "01234");
    token_list_append(&from, &to);
    is(&from, tokens, "01234");
    token_list_remove(&from, &tokens[2]);
    is(&from, tokens, "0134");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(removes_from_anywhere),
        cmocka_unit_test(appends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
