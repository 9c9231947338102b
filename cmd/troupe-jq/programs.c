/* programs: compiling, and finding out where a program is wrong.
 *
 * libjq 1.6 names the line of a mistake and no column. A program that does not compile is compiled
 * once more with every blank turned into a line's end: the line of its mistake is then the word.
 */
#include "programs.h"
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The first thing that libjq says. */
struct complaint {
    char text[512];
    bool said;
};

static void on_complaint(void *context, jv message)
{
    struct complaint *complaint = context;
    jv text = jq_format_error(message);
    if (!complaint->said && jv_get_kind(text) == JV_KIND_STRING)
        (void)snprintf(complaint->text, sizeof(complaint->text), "%s", jv_string_value(text));
    complaint->said = true;
    jv_free(text);
}

static void on_debug(void *context, jv message)
{
    (void)context;
    jv_free(message);
}

/* `input` has nothing to read. libjq does not initialise the callback that it calls for it. */
static jv on_input(jq_state *state, void *context)
{
    (void)state;
    (void)context;
    return jv_invalid();
}

static jq_state *compile(const struct programs *programs, const char *text,
                         struct complaint *complaint)
{
    jq_state *state = jq_init();
    *complaint = (struct complaint){.said = false};
    if (!state)
        programs->out_of_memory(NULL);
    jq_set_nomem_handler(state, programs->out_of_memory, NULL);
    jq_set_error_cb(state, on_complaint, complaint);
    jq_set_debug_cb(state, on_debug, NULL);
    jq_set_input_cb(state, on_input, NULL);
    /* Nowhere to look for modules. */
    jq_set_attr(state, jv_string("JQ_LIBRARY_PATH"), jv_array());
    if (!jq_compile(state, text)) {
        jq_teardown(&state);
        return NULL;
    }
    jq_set_error_cb(state, on_debug, NULL);
    return state;
}

/* --- where --- */

static const char at_line[] = " at <top-level>, line ";

/* The line that a complaint names, from 1; 0: none. */
static unsigned long line_of(const struct complaint *complaint)
{
    const char *found = strstr(complaint->text, at_line);
    return found ? strtoul(found + sizeof(at_line) - 1, NULL, 10) : 0;
}

static size_t offset_of_line(const char *text, unsigned long line)
{
    const char *at = text;
    for (unsigned long i = 1; i < line; i++) {
        const char *newline = strchr(at, '\n');
        if (!newline)
            break;
        at = newline + 1;
    }
    return (size_t)(at - text);
}

/* A copy in which each word is a line. In a comment a line's end would end it, and in a string it would
 * be harmless but for what the message shows. */
static char *word_by_word(const char *text, size_t bytes)
{
    char *copy = malloc(bytes + 1);
    bool comment = false, string = false;
    for (size_t i = 0; copy && i <= bytes; i++) {
        const char c = text[i];
        copy[i] = !comment && !string && (c == ' ' || c == '\t') ? '\n' : c;
        if (comment)
            comment = c != '\n';
        else if (string && c == '\\' && i < bytes) {
            i++;
            copy[i] = text[i];
        } else if (c == '"')
            string = !string;
        else
            comment = !string && c == '#';
    }
    return copy;
}

/* "foo/0 is not defined": where foo stands in the word, when it does. */
static size_t offset_of_name(const char *word, const char *message)
{
    const char *end = strstr(message, " is not defined");
    if (!end)
        return 0;
    const char *slash = memchr(message, '/', (size_t)(end - message));
    const size_t length = (size_t)((slash ? slash : end) - message);
    const size_t word_length = strcspn(word, "\n");
    for (size_t i = 0; length > 0 && i + length <= word_length; i++)
        if (memcmp(word + i, message, length) == 0)
            return i;
    return 0;
}

static size_t find(const struct programs *programs, const char *text, size_t bytes,
                   const struct complaint *first, const char *message)
{
    struct complaint again;
    const unsigned long line = line_of(first);
    char *words = line ? word_by_word(text, bytes) : NULL;
    if (!words)
        return 0;
    size_t offset = offset_of_line(text, line);
    jq_state *state = compile(programs, words, &again);
    if (state)
        jq_teardown(&state);
    const char *said = strstr(first->text, at_line), *said_again = strstr(again.text, at_line);
    const size_t length = (size_t)(said - first->text);
    /* The same complaint, hence about the same place. */
    if (said_again && (size_t)(said_again - again.text) == length &&
        memcmp(first->text, again.text, length) == 0)
        offset = offset_of_line(words, line_of(&again));
    offset += offset_of_name(words + offset, message);
    free(words);
    return offset;
}

/* What libjq says, without what is for a command line. */
static void copy_message(struct problem *problem, const char *said)
{
    static const char prefix[] = "jq: error: ", hint[] = " (Unix shell quoting issues?)";
    if (strncmp(said, prefix, sizeof(prefix) - 1) == 0)
        said += sizeof(prefix) - 1;
    const char *end = strstr(said, at_line);
    size_t length = end ? (size_t)(end - said) : strcspn(said, "\n");
    const size_t hint_length = sizeof(hint) - 1;
    if (length >= hint_length && memcmp(said + length - hint_length, hint, hint_length) == 0)
        length -= hint_length;
    (void)snprintf(problem->message, sizeof(problem->message), "%.*s", (int)length, said);
}

/* --- keeping --- */

static void drop(struct programs *programs, struct program *program)
{
    if (!program->text)
        return;
    jq_teardown(&program->state);
    programs->bytes -= program->bytes;
    free(program->text);
    *program = (struct program){.text = NULL};
}

static struct program *oldest(struct programs *programs)
{
    struct program *found = NULL;
    for (size_t i = 0; i < PROGRAMS_MAX; i++) {
        struct program *program = &programs->all[i];
        if (program->text && (!found || program->used < found->used))
            found = program;
    }
    return found;
}

static struct program *make_room(struct programs *programs, size_t bytes)
{
    while (programs->bytes > 0 && programs->bytes + bytes > PROGRAMS_MAX_BYTES)
        drop(programs, oldest(programs));
    for (size_t i = 0; i < PROGRAMS_MAX; i++)
        if (!programs->all[i].text)
            return &programs->all[i];
    struct program *program = oldest(programs);
    drop(programs, program);
    return program;
}

jq_state *programs_get(struct programs *programs, const char *text, size_t bytes,
                       struct problem *problem)
{
    struct complaint complaint;
    for (size_t i = 0; i < PROGRAMS_MAX; i++) {
        struct program *program = &programs->all[i];
        if (program->text && program->bytes == bytes && memcmp(program->text, text, bytes) == 0) {
            program->used = ++programs->uses;
            return program->state;
        }
    }
    if (memchr(text, '\0', bytes)) {
        (void)snprintf(problem->message, sizeof(problem->message),
                       "a program may not contain the character U+0000");
        problem->offset = strlen(text);
        return NULL;
    }
    jq_state *state = compile(programs, text, &complaint);
    if (!state) {
        copy_message(problem, complaint.said ? complaint.text : "it does not compile");
        problem->offset = find(programs, text, bytes, &complaint, problem->message);
        return NULL;
    }
    struct program *program = make_room(programs, bytes + 1);
    char *copy = malloc(bytes + 1);
    if (!copy)
        programs->out_of_memory(NULL);
    else
        memcpy(copy, text, bytes + 1);
    *program =
        (struct program){.text = copy, .bytes = bytes, .state = state, .used = ++programs->uses};
    programs->bytes += bytes;
    return state;
}
