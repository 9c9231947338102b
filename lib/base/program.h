/* program: what the servers' main() have in common: --help and --version, settings with a log level,
 * reading that level again.
 */
#ifndef TROUPE_BASE_PROGRAM_H
#define TROUPE_BASE_PROGRAM_H

#include "base/arena.h"
#include "base/attr.h"
#include "base/err.h"
#include "base/settings.h"
#include <stdbool.h>
#include <stdint.h>

#define PROGRAM_SETTINGS_BYTES (4u << 20)

struct program_about {
    const char *name, *version;
    const char *usage;           /* what --help says above the options */
    const char *examples;        /* and below them */
    const struct setting *table; /* one is log-level */
    uint32_t table_count;
};

/* --help, -h and --version are answered wherever they stand, before anything is read. True: it has
 * been, and the program ends with *status. */
MUSTCHECK bool program_answers(const struct program_about *about, int argc, char **argv,
                               int *status);

/* Reads the settings and sets the log up by their level. There may be no words but options. The
 * arena, which the caller makes, has what settings point to. */
MUSTCHECK int program_settings(const struct program_about *about, int argc, char **argv,
                               struct settings *settings, struct arena *arena, struct err *err);

/* The log level once more; wrong settings are logged and change nothing. Not in a signal handler. */
void program_reload(const struct program_about *about, int argc, char **argv);

/* Says why on stderr; returns the exit status. */
int program_fail(const struct program_about *about, const struct err *err);

#endif
