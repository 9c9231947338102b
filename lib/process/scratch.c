#include "process/scratch.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_DEPTH = 32 }; /* what is deeper is moved up: each level holds a descriptor */

struct removal {
    int top; /* the directory that all is below of */
    uint32_t left;
    uint32_t moved;
};

static bool is_dots(const char *name)
{
    return name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'));
}

/* A name that is free at the top; false: it stays, for another call. */
static void move_up(struct removal *removal, int directory, const char *name)
{
    char fresh[32];
    for (int tries = 0; tries < 100; tries++) {
        (void)snprintf(fresh, sizeof(fresh), ".deep-%u", removal->moved++);
        if (renameat2(directory, name, removal->top, fresh, RENAME_NOREPLACE) == 0 ||
            errno != EEXIST)
            return;
    }
}

static bool empty(struct removal *removal, int directory, int depth);

/* False: it is still there. */
static bool remove_entry(struct removal *removal, int directory, const char *name, int depth)
{
    removal->left--;
    if (unlinkat(directory, name, 0) == 0)
        return true;
    if (errno != EISDIR && errno != EPERM)
        return errno == ENOENT;
    if (unlinkat(directory, name, AT_REMOVEDIR) == 0)
        return true;
    if (depth >= MAX_DEPTH) {
        move_up(removal, directory, name);
        return false;
    }
    int inner = openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (inner < 0 && errno == EACCES && fchmodat(directory, name, 0700, 0) == 0)
        inner = openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (inner < 0)
        return false;
    return empty(removal, inner, depth + 1) && unlinkat(directory, name, AT_REMOVEDIR) == 0;
}

/* Takes the descriptor. True when nothing is left in it. */
static bool empty(struct removal *removal, int directory, int depth)
{
    bool all = true;
    (void)fchmod(directory, 0700); /* it may have taken away what unlinking needs */
    DIR *listing = fdopendir(directory);
    if (!listing) {
        (void)close(directory);
        return false;
    }
    const struct dirent *entry;
    /* cppcheck-suppress readdirCalled */
    while (removal->left > 0 && (entry = readdir(listing))) {
        if (!is_dots(entry->d_name) && !remove_entry(removal, dirfd(listing), entry->d_name, depth))
            all = false;
    }
    all = all && removal->left > 0;
    (void)closedir(listing);
    return all;
}

static int open_top(const char *path)
{
    const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    const int top = open(path, flags);
    if (top >= 0 || errno != EACCES || chmod(path, 0700) != 0)
        return top;
    return open(path, flags);
}

bool scratch_remove(const char *path, uint32_t most)
{
    if (rmdir(path) == 0 || errno == ENOENT)
        return true;
    const int top = open_top(path);
    if (top < 0)
        return errno == ENOENT;
    struct removal removal = {.top = top, .left = most};
    (void)empty(&removal, top, 0);
    return rmdir(path) == 0 || errno == ENOENT;
}
