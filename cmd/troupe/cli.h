/* cli: what a command gets, and how it answers.
 *
 * main() finds the command in the table of commands.c, reads its options and calls its function,
 * which returns the exit status (DESIGN 6). Answers go to stdout, everything else to stderr; with
 * `-o json` stdout has one JSON document, or JSON lines when following, and nothing else.
 */
#ifndef TROUPE_CLI_H
#define TROUPE_CLI_H

#include "base/arena.h"
#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/settings.h"
#include "store/store.h"
#include "term.h"
#include <stdbool.h>
#include <stdint.h>

/* Beyond the codes of base/err.h. */
enum { EXIT_RUN_FAILED = 1, EXIT_USAGE = 2, EXIT_INVALID = 3, EXIT_INTERRUPTED = 130 };

struct cli {
    const struct cli_command *command;
    struct settings settings;
    struct arena arena; /* for the whole call */
    bool json;          /* -o json */
    struct term out;    /* stdout */
    struct term log;    /* stderr */
};

struct cli_command {
    const char *name;
    const char *synopsis; /* behind the name; one line per form */
    const char *summary;
    const char *details;  /* paragraphs, or NULL */
    const char *examples; /* lines "troupe …", or NULL */
    const struct setting *options;
    uint32_t option_count;
    uint32_t least, most;        /* arguments */
    int (*run)(struct cli *cli); /* NULL: not supported yet */
};

extern const struct cli_command cli_commands[];
extern const uint32_t cli_command_count;
/* NULL when there is none of that name. */
const struct cli_command *cli_command_find(const char *name);
void help_write(FILE *out);
void help_command_write(FILE *out, const struct cli_command *command);

/* One per command, in the file of its name. */
int cmd_bench(struct cli *cli);
int cmd_cancel(struct cli *cli);
int cmd_cel(struct cli *cli);
int cmd_dead_letters(struct cli *cli);
int cmd_decisions(struct cli *cli);
int cmd_deploy(struct cli *cli);
int cmd_dev(struct cli *cli);
int cmd_doctor(struct cli *cli);
int cmd_events(struct cli *cli);
int cmd_graph(struct cli *cli);
int cmd_import(struct cli *cli);
int cmd_migrate(struct cli *cli);
int cmd_ps(struct cli *cli);
int cmd_queues(struct cli *cli);
int cmd_run(struct cli *cli);
int cmd_schema(struct cli *cli);
int cmd_show(struct cli *cli);
int cmd_validate(struct cli *cli);
int cmd_workers(struct cli *cli);

static inline const char *cli_argument(const struct cli *cli, uint32_t index)
{
    return cli->settings.arguments[index];
}

/* "troupe: message" on stderr; returns the exit status of the error's code. */
int cli_fail(const struct cli *cli, const struct err *err);
/* The same for one that is made here. */
int cli_fail_with(const struct cli *cli, enum err_code code, const char *format, ...) PRINTF(3, 4);
/* A line on stderr, "troupe: …". */
void cli_note(const struct cli *cli, const char *format, ...) PRINTF(2, 3);
/* Writes the buffer to stdout (with a newline if there is none at its end) and frees it; returns
 * `status`, or an exit status of its own when memory was short or stdout cannot be written; in
 * silence when its reader has gone. */
int cli_print(struct cli *cli, struct buf *buf, int status);

/* A connection to the record of --database-url, checked for its schema. NULL with *err filled. */
MUSTCHECK struct store *cli_store(struct cli *cli, struct err *err);

/* A whole file, or stdin for "-", with a NUL behind it. ERR_NOT_FOUND, ERR_IO, ERR_LIMIT. */
MUSTCHECK int file_read(const char *path, size_t most_bytes, struct arena *arena,
                        struct slice *content, struct err *err);

#endif
