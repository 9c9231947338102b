/* settings: flag > environment > file > default, from one table per program.
 *
 * A program declares its options in one static table; parsing, help, man page and completion all
 * come from it. The file is YAML (troupe.conf, or --config FILE, or TROUPE_CONFIG): a flat map of
 * option names without dashes. A secret may also come from a file: TROUPE_X_FILE. Unknown names are
 * errors with a suggestion; a bad value names its source (flag, variable, file and line). One file
 * may serve all programs: what only another one knows (settings_names.def) is passed over.
 *
 * --NAME VALUE, --NAME=VALUE, -lVALUE, -l VALUE; switches: --NAME, --no-NAME, --NAME=false, -abc. An
 * empty variable and a null in the file count as not given. TROUPE_X_FILE is only read for options
 * that are secret; messages never show their values. --config works in every program, whether or not
 * its table has it; ./troupe.conf may be missing, a file that was named may not.
 */
#ifndef TROUPE_BASE_SETTINGS_H
#define TROUPE_BASE_SETTINGS_H

#include "base/arena.h"
#include "base/attr.h"
#include "base/err.h"
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum setting_kind {
    SETTING_STRING,
    SETTING_INT,   /* int64, with min and max */
    SETTING_BYTES, /* "4KiB", "16MiB", "1GiB" or a number of bytes */
    SETTING_MS,    /* "500ms", "5s", "2m" or a number of milliseconds */
    SETTING_FLAG,  /* a switch: present or not; true/false elsewhere */
    SETTING_LIST,  /* strings, comma-separated or repeated */
};

struct setting {
    const char *name; /* "redis-url": --redis-url, TROUPE_REDIS_URL, redis-url in the file */
    char letter;      /* 'o' for -o, or 0 */
    enum setting_kind kind;
    const char *default_text; /* NULL: no value */
    int64_t min, max;         /* INT, BYTES, MS; both 0: any */
    const char *value_name;   /* "URL" in help */
    const char *help;         /* one line */
    bool secret;              /* redacted when shown */
    bool flag_only;           /* no variable and no place in the file (for options of one call) */
};

enum setting_source { SETTING_DEFAULT, SETTING_FILE, SETTING_ENV, SETTING_FLAG_SOURCE };

struct setting_value {
    enum setting_source source;
    const char *text;  /* the last one given; NULL: none */
    int64_t number;    /* INT, BYTES, MS, FLAG (0 or 1) */
    const char **list; /* LIST */
    uint32_t list_count;
};

struct settings {
    const struct setting *table;
    uint32_t count;
    struct setting_value *values; /* parallel to table */
    const char **arguments;       /* what is left of argv: not options; behind "--" everything */
    uint32_t argument_count;
    struct arena *arena; /* owns all text */
};

/* Reads all sources. argv[0] is skipped. ERR_USAGE names the offending option and its source. When
 * `stop_at_argument` is true parsing stops at the first non-option (for commands that run others). */
MUSTCHECK int settings_read(struct settings *settings, struct arena *arena,
                            const struct setting *table, uint32_t count, int argc, char **argv,
                            bool stop_at_argument, struct err *err);

/* By name; the name must be in the table (panics otherwise: a programming error). */
const char *settings_string(const struct settings *settings, const char *name);
int64_t settings_number(const struct settings *settings, const char *name);
bool settings_flag(const struct settings *settings, const char *name);
bool settings_given(const struct settings *settings, const char *name); /* not the default */
const char *const *settings_list(const struct settings *settings, const char *name,
                                 uint32_t *count);

/* The options' part of --help, aligned, wrapped at 100 columns. */
void settings_help(FILE *out, const struct setting *table, uint32_t count);

#endif
