#include "evaluate.h"
#include <math.h>
#include <stdbool.h>
#include <string.h>

static struct outcome said(enum jq_reply_status status, uint64_t number, jv text)
{
    return (struct outcome){.reply = {.status = status,
                                      .bytes = (uint32_t)jv_string_length_bytes(jv_copy(text)),
                                      .number = number},
                            .text = text};
}

static struct outcome nothing(enum jq_reply_status status, uint64_t number)
{
    return said(status, number, jv_string(""));
}

/* Frees what an evaluation that was left early still holds. */
static void leave(jq_state *state) { jq_start(state, jv_null(), 0); }

/* What the program failed with: its message, or as jq shows what is none. */
static struct outcome failed(jv message)
{
    if (jv_get_kind(message) == JV_KIND_STRING)
        return said(JQ_REPLY_ERROR, 0, message);
    jv text = jv_dump_string(message, 0);
    jv all = jv_string("(not a string): ");
    return said(JQ_REPLY_ERROR, 0, jv_string_concat(all, text));
}

/* libjq would write null for a NaN and the largest double for an infinity. Consumes the value. */
static bool all_finite(jv value)
{
    bool finite = true;
    if (jv_get_kind(value) == JV_KIND_NUMBER)
        finite = isfinite(jv_number_value(value));
    if (jv_get_kind(value) == JV_KIND_ARRAY) {
        const int count = jv_array_length(jv_copy(value));
        for (int i = 0; finite && i < count; i++)
            finite = all_finite(jv_array_get(jv_copy(value), i));
    }
    if (jv_get_kind(value) == JV_KIND_OBJECT) {
        for (int it = jv_object_iter(value); finite && jv_object_iter_valid(value, it);
             it = jv_object_iter_next(value, it))
            finite = all_finite(jv_object_iter_value(value, it));
    }
    jv_free(value);
    return finite;
}

/* Written first: a value may be small in memory and shared so often that its text, and any walk over
 * it, has no end. Out of memory the text has. */
static struct outcome written(jv value, uint64_t most_bytes)
{
    jv text = jv_dump_string(jv_copy(value), 0);
    const uint64_t bytes = (uint64_t)jv_string_length_bytes(jv_copy(text));
    struct outcome outcome;
    if (bytes > most_bytes || bytes > UINT32_MAX)
        outcome = nothing(JQ_REPLY_TOO_LARGE, bytes);
    else if (!all_finite(jv_copy(value)))
        outcome = nothing(JQ_REPLY_NUMBER, 0);
    else
        outcome = said(JQ_REPLY_VALUE, 0, jv_copy(text));
    jv_free(text);
    jv_free(value);
    return outcome;
}

/* How it ended, when it ended with an error; `last` is what jq_next returned. */
static bool ended_badly(jq_state *state, jv last, struct outcome *outcome)
{
    if (jv_invalid_has_msg(jv_copy(last))) {
        *outcome = failed(jv_invalid_get_msg(last));
        return true;
    }
    jv_free(last);
    if (!jq_halted(state))
        return false;
    jv code = jq_get_exit_code(state);
    const bool error = jv_get_kind(code) == JV_KIND_NUMBER && jv_number_value(code) != 0;
    jv_free(code);
    jv message = jq_get_error_message(state);
    if (!error) {
        jv_free(message);
        return false;
    }
    if (!jv_is_valid(message)) {
        jv_free(message);
        message = jv_string("halted");
    }
    *outcome = failed(message);
    return true;
}

struct outcome evaluate(jq_state *state, const char *input, size_t bytes, uint64_t most_bytes)
{
    struct outcome outcome;
    uint64_t count = 0;
    jv first = jv_invalid();
    jv value = jv_parse_sized(input, (int)bytes);
    if (!jv_is_valid(value)) {
        jv_free(value);
        return said(JQ_REPLY_ERROR, 0, jv_string("the input is no JSON that jq reads"));
    }
    jq_start(state, value, 0);
    value = jq_next(state);
    for (; jv_is_valid(value) && count <= JQ_VALUES_COUNTED; value = jq_next(state)) {
        if (count++ == 0)
            first = jv_copy(value);
        jv_free(value);
    }
    if (jv_is_valid(value)) {
        jv_free(value);
        outcome = nothing(JQ_REPLY_COUNT, count);
    } else if (!ended_badly(state, value, &outcome)) {
        outcome = count == 1 ? written(jv_copy(first), most_bytes) : nothing(JQ_REPLY_COUNT, count);
    }
    jv_free(first);
    leave(state);
    return outcome;
}
