/* cel_repl: expressions line by line. On a terminal with editing, history and completion; elsewhere
 * plain lines, so that it can be fed from a file. */
#include "cel_values.h"
#include <editline/readline.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HISTORY_MOST = 1000, LINE_BYTES_MOST = 1 << 20, VALUE_BYTES_MOST = 16 << 20 };

static const char help[] = "EXPR              its value\n"
                           "NAME = EXPR       a variable\n"
                           ":type EXPR        what the checker knows of it\n"
                           ":vars             the variables\n"
                           ":drop NAME        forget a variable\n"
                           ":quit             so does Ctrl-D\n"
                           "A line that ends in \\ goes on in the next one.\n";

struct repl {
    struct cli *cli;
    struct cel_values *values;
    bool tty;
    bool failed; /* some expression did */
};

/* --- completion; libedit asks a function without an argument of ours --- */

static const struct cel_values *completed_values;

struct matches {
    struct slice prefix;
    char **found;
    size_t count, capacity;
};

static void add_match(void *context, struct slice name)
{
    struct matches *m = context;
    if (!name.ptr || !m->prefix.ptr || name.len < m->prefix.len ||
        memcmp(name.ptr, m->prefix.ptr, m->prefix.len) != 0)
        return;
    for (size_t i = 1; i < m->count; i++)
        if (slice_eq_str(name, m->found[i]))
            return;
    if (m->count + 2 > m->capacity) {
        size_t capacity = m->capacity * 2;
        char **found = realloc(m->found, capacity * sizeof(*found));
        if (!found)
            return;
        m->found = found;
        m->capacity = capacity;
    }
    char *copy = strndup(name.ptr, name.len);
    if (copy)
        m->found[m->count++] = copy;
}

/* As readline wants it: first what all have in common, then all, then NULL; all of malloc. */
static char **complete(const char *text, int start, int end)
{
    struct matches m = {.prefix = slice_str(text), .count = 1, .capacity = 64};
    (void)start;
    (void)end;
    rl_attempted_completion_over = 1; /* no file names */
    m.found = calloc(m.capacity, sizeof(*m.found));
    if (!m.found)
        return NULL;
    for (uint32_t i = 0; i < completed_values->count; i++)
        add_match(&m, slice_str(completed_values->names[i].name));
    cel_each_function(add_match, &m);
    size_t common = m.count > 1 ? strlen(m.found[1]) : 0;
    for (size_t i = 2; i < m.count; i++) {
        size_t same = 0;
        while (same < common && m.found[i][same] == m.found[1][same])
            same++;
        common = same;
    }
    m.found[0] = m.count > 1 ? strndup(m.found[1], common) : NULL;
    m.found[m.count] = NULL;
    if (!m.found[0]) {
        for (size_t i = 1; i < m.count; i++)
            free(m.found[i]);
        free(m.found);
        return NULL;
    }
    return m.found;
}

/* --- history --- */

static int make_parents(char *path)
{
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        const int result = mkdir(path, 0700);
        *slash = '/';
        if (result != 0 && errno != EEXIST)
            return -1;
    }
    return 0;
}

/* $XDG_STATE_HOME/troupe/cel_history; false when there is no home. */
static bool history_path(char *path, size_t size)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    int written = -1;
    if (state && state[0] == '/')
        written = snprintf(path, size, "%s/troupe/cel_history", state);
    else if (home && home[0] == '/')
        written = snprintf(path, size, "%s/.local/state/troupe/cel_history", home);
    return written > 0 && (size_t)written < size;
}

static void history_save(void)
{
    char path[4096];
    if (!history_path(path, sizeof path))
        return;
    if (make_parents(path) != 0 || write_history(path) != 0 || chmod(path, 0600) != 0)
        (void)fprintf(stderr, "troupe: the history is not kept: %s: %s\n", path, strerror(errno));
}

/* --- lines --- */

/* One line without its end, of malloc; NULL at the end. */
static char *read_line(const struct repl *repl, const char *prompt)
{
    char *line = NULL;
    size_t size = 0;
    if (repl->tty)
        return readline(prompt);
    const ssize_t len = getline(&line, &size, stdin);
    if (len < 0) {
        free(line);
        return NULL;
    }
    if (len > 0 && line[len - 1] == '\n')
        line[len - 1] = '\0';
    return line;
}

/* With the lines that it goes on in. False at the end of all. */
static bool read_statement(const struct repl *repl, struct buf *statement)
{
    buf_reset(statement);
    for (const char *prompt = "cel> ";; prompt = "...> ") {
        char *line = read_line(repl, prompt);
        if (!line)
            return statement->len > 0;
        size_t len = strlen(line);
        const bool goes_on = len > 0 && line[len - 1] == '\\';
        buf_append(statement, line, goes_on ? len - 1 : len);
        free(line);
        if (!goes_on)
            return true;
        buf_char(statement, '\n');
    }
}

static struct slice trim(struct slice text)
{
    while (text.len > 0 && (text.ptr[0] == ' ' || text.ptr[0] == '\t'))
        text = slice_of(text.ptr + 1, text.len - 1);
    while (text.len > 0 && (text.ptr[text.len - 1] == ' ' || text.ptr[text.len - 1] == '\t'))
        text.len--;
    return text;
}

static bool is_name_char(char c, bool first)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           (!first && c >= '0' && c <= '9');
}

/* NAME = EXPR, and not NAME == EXPR. */
static bool read_assignment(struct slice text, struct slice *name, struct slice *expression)
{
    size_t len = 0, at;
    while (len < text.len && is_name_char(text.ptr[len], len == 0))
        len++;
    for (at = len; at < text.len && text.ptr[at] == ' ';)
        at++;
    if (len == 0 || at + 1 >= text.len || text.ptr[at] != '=' || text.ptr[at + 1] == '=')
        return false;
    *name = slice_of(text.ptr, len);
    *expression = trim(slice_of(text.ptr + at + 1, text.len - at - 1));
    return true;
}

/* --- what is asked for --- */

static void print(struct repl *repl, struct slice text)
{
    (void)fwrite(text.ptr, 1, text.len, stdout);
    (void)fputc('\n', stdout);
    (void)fflush(stdout);
    (void)repl;
}

static void evaluate(struct repl *repl, struct slice source, const struct slice *name)
{
    struct arena arena;
    struct buf out;
    struct err err = ERR_INIT;
    arena_init(&arena, 0);
    buf_init(&out, VALUE_BYTES_MOST);
    if (cel_values_eval(repl->values, source, &arena, &out, repl->cli) != 0) {
        repl->failed = true;
    } else {
        if (name && cel_values_set(repl->values, *name, buf_slice(&out), &err) != 0) {
            (void)fprintf(stderr, "troupe: %s\n", err.message);
            repl->failed = true;
        }
        print(repl, buf_slice(&out));
    }
    buf_free(&out);
    arena_free(&arena);
}

static void show_type(struct repl *repl, struct slice source)
{
    struct arena arena;
    arena_init(&arena, 0);
    const struct cel_program *program = cel_values_compile(repl->values, source, &arena, repl->cli);
    if (program)
        print(repl, cel_type_text(program));
    else
        repl->failed = true;
    cel_program_release(program);
    arena_free(&arena);
}

static void show_variables(struct repl *repl)
{
    for (uint32_t i = 0; i < repl->values->count; i++) {
        (void)printf("%s = ", repl->values->names[i].name);
        print(repl, repl->values->texts[i]);
    }
}

/* Behind ':'. False: it is to end. */
static bool command(struct repl *repl, struct slice text)
{
    size_t len = 0;
    while (len < text.len && text.ptr[len] != ' ')
        len++;
    struct slice word = slice_of(text.ptr, len);
    struct slice rest = trim(slice_of(text.ptr + len, text.len - len));
    if (slice_eq_str(word, ":quit") || slice_eq_str(word, ":q"))
        return false;
    if (slice_eq_str(word, ":type")) {
        show_type(repl, rest);
    } else if (slice_eq_str(word, ":vars")) {
        show_variables(repl);
    } else if (slice_eq_str(word, ":drop") && cel_values_drop(repl->values, rest)) {
        return true;
    } else if (slice_eq_str(word, ":help")) {
        (void)fputs(help, stdout);
    } else {
        (void)fprintf(stderr, "troupe: %.*s: %s; :help lists what there is\n", SLICE_ARG(text),
                      slice_eq_str(word, ":drop") ? "no such variable" : "no such command");
        repl->failed = true;
    }
    return true;
}

int cel_repl(struct cli *cli, struct cel_values *values)
{
    struct repl repl = {.cli = cli, .values = values, .tty = isatty(STDIN_FILENO) != 0};
    struct buf statement;
    char path[4096];
    buf_init(&statement, LINE_BYTES_MOST);
    if (repl.tty) {
        completed_values = values;
        rl_readline_name = "troupe";
        rl_attempted_completion_function = complete;
        rl_completion_append_character = '\0'; /* a name is rarely followed by a blank */
        using_history();
        stifle_history(HISTORY_MOST);
        if (history_path(path, sizeof path))
            (void)read_history(path); /* there may be none yet */
        (void)puts("CEL over JSON values; :help lists what there is, Ctrl-D ends it");
    }
    while (read_statement(&repl, &statement)) {
        struct slice text = trim(buf_slice(&statement)), name, expression;
        if (!buf_ok(&statement)) {
            (void)fputs("troupe: the line is too long\n", stderr);
            repl.failed = true;
            buf_free(&statement);
            buf_init(&statement, LINE_BYTES_MOST);
            continue;
        }
        if (text.len == 0)
            continue;
        if (repl.tty)
            (void)add_history(buf_slice(&statement).ptr);
        if (text.ptr[0] == ':') {
            if (!command(&repl, text))
                break;
        } else if (read_assignment(text, &name, &expression)) {
            evaluate(&repl, expression, &name);
        } else {
            evaluate(&repl, text, NULL);
        }
    }
    buf_free(&statement);
    if (repl.tty) {
        (void)puts("");
        history_save();
    }
    /* A script wants to know; a person has seen it. */
    return repl.failed && !repl.tty ? EXIT_RUN_FAILED : 0;
}
