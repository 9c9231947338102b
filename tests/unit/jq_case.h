/* jq_case: what the tests of lib/jq share: a child of their own for each. */
#ifndef TROUPE_TESTS_JQ_CASE_H
#define TROUPE_TESTS_JQ_CASE_H

#include "base/attr.h"
#include "base/clock.h"
#include "jq/jq.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
/* after the five above */
#include <cmocka.h>

struct fixture {
    struct jq *jq;
    struct buf out;
    struct jq_error error;
};

static inline int setup(void **state)
{
    static struct fixture fixture;
    struct err err = ERR_INIT;
    fixture = (struct fixture){.jq = jq_new(NULL, 0, &err)};
    assert_non_null(fixture.jq);
    buf_init(&fixture.out, 32 << 20);
    *state = &fixture;
    return 0;
}

static inline int teardown(void **state)
{
    struct fixture *fixture = *state;
    jq_free(fixture->jq);
    buf_free(&fixture->out);
    return 0;
}

static inline struct jq_stats stats_of(const struct fixture *fixture)
{
    struct jq_stats stats;
    jq_stats(fixture->jq, &stats);
    return stats;
}

static inline int run(struct fixture *fixture, const char *program, const char *input)
{
    return jq_run(fixture->jq, slice_str(program), slice_str(input), NULL, &fixture->out,
                  &fixture->error);
}

static inline void gives(struct fixture *fixture, const char *program, const char *input,
                         const char *output)
{
    if (run(fixture, program, input) != 0)
        fail_msg("%s: %s", program, fixture->error.message);
    assert_string_equal(fixture->out.data, output);
}

static inline void fails(struct fixture *fixture, const char *program, const char *input,
                         enum jq_fault fault, const char *message)
{
    if (run(fixture, program, input) == 0)
        fail_msg("%s: gave %s", program, fixture->out.data);
    assert_string_equal(fixture->error.message, message);
    assert_int_equal(fixture->error.fault, fault);
    assert_int_equal(fixture->out.len, 0);
}

/* Another program is what the fixture's child goes on with, or a new child. */
static inline void still_works(struct fixture *fixture)
{
    gives(fixture, ".a + 1", "{\"a\": 41}", "42");
}

/* What the kernel says of the child. */
static inline void status_line(pid_t pid, const char *name, char *value, size_t size)
{
    char path[64], line[256];
    (void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    value[0] = '\0';
    while (fgets(line, sizeof(line), file))
        if (strncmp(line, name, strlen(name)) == 0)
            (void)snprintf(value, size, "%.*s", (int)strcspn(line + strlen(name), "\n"),
                           line + strlen(name));
    assert_int_equal(fclose(file), 0);
}

#endif
