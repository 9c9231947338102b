#include "process/place.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool is_below(const char *real, const char *directory)
{
    const size_t len = strlen(directory);
    return strncmp(real, directory, len) == 0 &&
           (real[len] == '\0' || real[len] == '/' || strcmp(directory, "/") == 0);
}

int place_open(char *const *directories, uint32_t count, const char *path, struct err *err)
{
    char link[64], real[PATH_MAX];
    const int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return err_set(err, ERR_NOT_FOUND, "cwd %.200s: %s", path, strerror(errno));
    (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    const ssize_t len = readlink(link, real, sizeof(real) - 1);
    if (len > 0) {
        real[len] = '\0';
        for (uint32_t i = 0; i < count; i++) {
            if (is_below(real, directories[i]))
                return fd;
        }
    }
    (void)close(fd);
    return err_set(err, ERR_REFUSED, "cwd %.200s is not below a directory of exec-cwd", path);
}

/* --- the environment --- */

static bool is_set(const struct process_pair *pairs, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (slice_eq_str(pairs[i].name, name))
            return true;
    }
    return false;
}

static size_t put_pair(char **at, struct slice name, struct slice value)
{
    if (*at) {
        memcpy(*at, name.ptr, name.len);
        (*at)[name.len] = '=';
        if (value.len > 0)
            memcpy(*at + name.len + 1, value.ptr, value.len);
        (*at)[name.len + 1 + value.len] = '\0';
        *at += name.len + value.len + 2;
    }
    return name.len + value.len + 2;
}

char **place_environment(const char *home, const struct process_pair *pairs, size_t count)
{
    const struct process_pair base[] = {{SLICE("PATH"), SLICE(PROGRAMS_PATH)},
                                        {SLICE("HOME"), slice_str(home)},
                                        {SLICE("LANG"), SLICE("C.UTF-8")},
                                        {SLICE("TMPDIR"), slice_str(home)}};
    char *none = NULL;
    size_t bytes = 0;
    for (size_t i = 0; i < ARRAY_LEN(base); i++)
        bytes += put_pair(&none, base[i].name, base[i].value);
    for (size_t i = 0; i < count; i++)
        bytes += put_pair(&none, pairs[i].name, pairs[i].value);
    const size_t table = (count + ARRAY_LEN(base) + 1) * sizeof(char *);
    char **list = malloc(table + bytes);
    if (!list)
        return NULL;
    char *at = (char *)list + table;
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(base); i++) {
        if (is_set(pairs, count, base[i].name.ptr))
            continue;
        list[n++] = at;
        (void)put_pair(&at, base[i].name, base[i].value);
    }
    for (size_t i = 0; i < count; i++) {
        list[n++] = at;
        (void)put_pair(&at, pairs[i].name, pairs[i].value);
    }
    list[n] = NULL;
    return list;
}
