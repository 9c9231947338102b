/* Inbox entries: what is a request, and which run it asks for. */
#include "alloc_in_turn.h"
#include "worker/request.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
/* after the four above */
#include <cmocka.h>

enum { MAX_VALUE = 100, FIELDS_MAX = 80 };

/* An entry of texts, names and values in turn up to NULL. */
static int try_entry(struct request *request, const char *id, const char *const *texts)
{
    static redisReply parts[2 * FIELDS_MAX], fields, entry_id, entry;
    static redisReply *pointers[2 * FIELDS_MAX], *both[2] = {&entry_id, &fields};
    size_t count = 0;
    for (; texts[count]; count++) {
        parts[count] = (redisReply){.type = REDIS_REPLY_STRING,
                                    .str = (char *)(uintptr_t)texts[count],
                                    .len = strlen(texts[count])};
        pointers[count] = &parts[count];
    }
    entry_id =
        (redisReply){.type = REDIS_REPLY_STRING, .str = (char *)(uintptr_t)id, .len = strlen(id)};
    fields = (redisReply){.type = REDIS_REPLY_ARRAY, .elements = count, .element = pointers};
    entry = (redisReply){.type = REDIS_REPLY_ARRAY, .elements = 2, .element = both};
    return request_read(request, &entry, MAX_VALUE);
}

static void read_entry(struct request *request, const char *id, const char *const *texts)
{
    assert_int_equal(try_entry(request, id, texts), 0);
}

#define READ(request, ...)                                                                         \
    read_entry(request, "1700000000123-4", (const char *const[]){__VA_ARGS__, NULL})

static void a_full_request(void **state)
{
    struct request r;
    (void)state;
    READ(&r, "workflow", "w", "input", "{\"a\": 1}", "run_id",
         "00000000-0000-7000-8000-0000000000AB", "version", "12", "labels", "{\"k\":\"v\"}");
    assert_string_equal(r.reason, "");
    assert_string_equal(r.run, "00000000-0000-7000-8000-0000000000ab");
    assert_int_equal(r.version, 12);
    assert_int_equal(r.submitted_us, 1700000000123000);
    assert_int_equal(r.input.len, 8);
    request_free(&r);
}

static bool reads_fresh(void)
{
    static const char *const texts[] = {"workflow", "w", "input", "[1]", "labels", "{}", NULL};
    struct request r;
    if (try_entry(&r, "1-1", texts) != 0)
        return false;
    assert_string_equal(r.reason, ""); /* want of memory is no reason to refuse a run */
    request_free(&r);
    return true;
}

static void memory_may_fail(void **state)
{
    (void)state;
    assert_true(ALLOC_IN_TURN(reads_fresh()) >= 3);
}

static void what_may_be_missing(void **state)
{
    struct request r;
    (void)state;
    READ(&r, "workflow", "w");
    assert_string_equal(r.reason, "");
    assert_true(slice_eq_str(r.input, "null") && slice_eq_str(r.labels, "{}"));
    assert_true(r.version == 0 && r.run[0] == '\0');
    request_free(&r);
}

static void reasons(void **state)
{
    static const struct {
        const char *name, *value, *reason;
    } rows[] = {
        {"version", "0", "version: '0' is no number above 0"},
        {"version", "", "version: '' is no number above 0"},
        {"version", "99999999999999999999", "version: '99999999999999999999' is no"},
        {"workflow", "again", "workflow: given twice"},
        {"input", "", "input: line 1"},
        {"input", "[1", "input: line 1, column 3"},
        {"input", "\"\xff\"", "input: line 1"},
        {"labels", "[]", "labels: must be a JSON object of strings"},
        {"labels", "{\"a\":null}", "labels: must be a JSON object of strings"},
        {"dedup_key", "", "dedup_key: must have"},
        {"dedup_key", "\xff", "must be UTF-8"},
        {"priority", "1", "priority: not supported yet"},
        {"prioritz", "1", "prioritz: unknown field, did you mean 'priority'?"},
        {"zzzzzzzz", "1", "zzzzzzzz: unknown field"},
        {"\xff\xff", "1", "a field is not UTF-8"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct request r;
        READ(&r, "workflow", "w", rows[i].name, rows[i].value);
        if (!r.reason[0] || !strstr(r.reason, rows[i].reason))
            fail_msg("%s: '%s', not '%s'", rows[i].name, r.reason, rows[i].reason);
        request_free(&r);
    }
}

static void what_is_too_much(void **state)
{
    struct request r;
    char large[MAX_VALUE + 3];
    const char *many[2 * FIELDS_MAX] = {"workflow", "w"};
    (void)state;
    memset(large, '1', sizeof(large) - 1);
    large[sizeof(large) - 1] = '\0';
    READ(&r, "workflow", "w", "input", large);
    assert_string_equal(r.reason, "input: 102 bytes; the most here are 100");
    request_free(&r);
    for (int i = 2; i < 2 * FIELDS_MAX - 2; i++)
        many[i] = "x";
    read_entry(&r, "1-0", many);
    assert_string_equal(r.reason, "more than 64 fields");
    request_free(&r);
}

static void named(char *run, const char *id, const char *epoch, const char *const *texts)
{
    struct request r;
    read_entry(&r, id, texts);
    assert_int_equal(request_name_run(&r, slice_str(epoch)), 0);
    memcpy(run, r.run, sizeof(r.run));
    request_free(&r);
}

/* The same for whoever reads the entry; another for another entry, epoch or payload. */
static void runs_are_named_by_their_entries(void **state)
{
    static const char *const plain[] = {"workflow", "w", "input", "1", NULL};
    static const char *const other[] = {"workflow", "w", "input", "2", NULL};
    static const char *const key[] = {"workflow", "w", "input", "1", "dedup_key", "k", NULL};
    static const char *const same_key[] = {"workflow", "w", "input", "2", "dedup_key", "k", NULL};
    char first[UUID_TEXT_LEN + 1], second[UUID_TEXT_LEN + 1];
    (void)state;
    named(first, "5-0", "1", plain);
    named(second, "5-0", "1", plain);
    assert_string_equal(first, second);
    assert_int_equal(first[14], '5');
    named(second, "5-1", "1", plain);
    assert_string_not_equal(first, second);
    named(second, "5-0", "2", plain);
    assert_string_not_equal(first, second);
    named(second, "5-0", "1", other);
    assert_string_not_equal(first, second);
    named(first, "5-0", "1", key);
    named(second, "9-0", "2", same_key);
    assert_string_equal(first, second);
    /* Ids that are derived must never change between versions of this program. */
    assert_string_equal(first, "a9f0341d-a2a0-50ee-90b2-0a49774019a6");
}

static void the_record_has_the_fields(void **state)
{
    struct request r;
    struct buf out;
    (void)state;
    buf_init(&out, 0);
    READ(&r, "workflow", "a\xff\"", "x\xff", "1", "workflow", "b");
    request_write_json(&out, &r);
    assert_true(buf_ok(&out));
    assert_string_equal(out.data, "{\"workflow\":\"a?\\\"\",\"field 2\":\"1\"}");
    buf_free(&out);
    request_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_request),
        cmocka_unit_test(memory_may_fail),
        cmocka_unit_test(what_may_be_missing),
        cmocka_unit_test(reasons),
        cmocka_unit_test(what_is_too_much),
        cmocka_unit_test(runs_are_named_by_their_entries),
        cmocka_unit_test(the_record_has_the_fields),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
