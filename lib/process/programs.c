#include "process/programs.h"
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct program {
    char *listed, *found, *real;
};

struct programs {
    struct program *items;
    uint32_t count;
};

static bool is_program(const char *path)
{
    struct stat about;
    return stat(path, &about) == 0 && S_ISREG(about.st_mode) && access(path, X_OK) == 0;
}

/* The first in PROGRAMS_PATH; false: none. */
static bool look_for(const char *name, char path[PATH_MAX])
{
    const char *at = PROGRAMS_PATH;
    while (*at) {
        const size_t len = strcspn(at, ":");
        const int put = snprintf(path, PATH_MAX, "%.*s/%s", (int)len, at, name);
        if (put > 0 && put < PATH_MAX && is_program(path))
            return true;
        at += len + (at[len] == ':');
    }
    return false;
}

static int resolve(struct program *program, const char *listed, struct err *err)
{
    char path[PATH_MAX], real[PATH_MAX];
    if (strchr(listed, '/') && listed[0] != '/')
        return err_set(err, ERR_USAGE, "allow-exec: '%.200s' must be a name or an absolute path",
                       listed);
    if (listed[0] == '/') {
        (void)snprintf(path, sizeof(path), "%s", listed);
        if (!is_program(path))
            return err_set(err, ERR_USAGE, "allow-exec: %.200s is no program that can be executed",
                           listed);
    } else if (*listed == '\0' || !look_for(listed, path)) {
        return err_set(err, ERR_USAGE, "allow-exec: no program '%.200s' in %s", listed,
                       PROGRAMS_PATH);
    }
    if (!realpath(path, real))
        return err_set(err, ERR_USAGE, "allow-exec: %.200s: %s", path, strerror(errno));
    program->listed = strdup(listed);
    program->found = strdup(path);
    program->real = strdup(real);
    return program->listed && program->found && program->real
               ? 0
               : err_set(err, ERR_LIMIT, "no memory for allow-exec");
}

struct programs *programs_new(const char *const *list, uint32_t count, struct err *err)
{
    struct programs *programs = calloc(1, sizeof(*programs));
    if (programs)
        programs->items = calloc(count ? count : 1, sizeof(*programs->items));
    if (!programs || !programs->items) {
        (void)err_set(err, ERR_LIMIT, "no memory for allow-exec");
        programs_free(programs);
        return NULL;
    }
    for (uint32_t i = 0; i < count; i++) {
        programs->count = i + 1;
        if (resolve(&programs->items[i], list[i], err) != 0) {
            programs_free(programs);
            return NULL;
        }
    }
    return programs;
}

void programs_free(struct programs *programs)
{
    if (!programs)
        return;
    for (uint32_t i = 0; i < programs->count; i++) {
        free(programs->items[i].listed);
        free(programs->items[i].found);
        free(programs->items[i].real);
    }
    free(programs->items);
    free(programs);
}

const char *programs_find(const struct programs *programs, struct slice name)
{
    for (uint32_t i = 0; i < programs->count; i++) {
        const struct program *program = &programs->items[i];
        if (slice_eq_str(name, program->listed) || slice_eq_str(name, program->found) ||
            slice_eq_str(name, program->real))
            return program->real;
    }
    return NULL;
}
