/* program: what the servers' main() have in common: --help and --version, settings with a log level,
 * reading that level again, the port of the probes.
 */
#ifndef TROUPE_BASE_PROGRAM_H
#define TROUPE_BASE_PROGRAM_H

#include "base/arena.h"
#include "base/attr.h"
#include "base/err.h"
#include "base/probes.h"
#include "base/settings.h"
#include <stdbool.h>
#include <stdint.h>

struct program_about {
    const char *name, *version;
    const char *usage;           /* what --help says above the options */
    const char *examples;        /* and below them */
    const struct setting *table; /* its last rows are those of program_settings.def */
    uint32_t table_count;
};

/* From main()'s first line to its last. */
struct program {
    const struct program_about *about;
    int argc;
    char **argv;
    struct settings settings;
    struct arena arena;    /* has what the settings point to */
    struct probes *probes; /* NULL: none are served */
};

/* The first call in main(). --help, -h and --version are answered wherever they stand, before anything
 * is read; otherwise it reads the settings, among which there may be no words but options, and sets
 * the log up by their level. False: the program ends with *status; if settings were wrong, stderr has
 * the reason. Either way program_close() is for later. */
MUSTCHECK bool program_open(struct program *program, const struct program_about *about, int argc,
                            char **argv, int *status);
void program_close(struct program *program);

/* The log level once more; wrong settings are logged and change nothing. Not in a signal handler. */
void program_reload(const struct program *program);

/* Serves the probes if http-port was given; probes_stop(program->probes) is for later. asks is copied,
 * what it points to is borrowed until then. */
MUSTCHECK int program_serve(struct program *program, struct event_base *base,
                            const struct probes_asks *asks, struct err *err);

/* Says why on stderr; returns the exit status. */
int program_fail(const struct program_about *about, const struct err *err);

#endif
