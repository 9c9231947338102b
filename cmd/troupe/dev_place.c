/* dev_place: where everything is and goes. */
#include "dev.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <limits.h>
#include <netinet/in.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static int find_own_directory(struct dev *dev, struct err *err)
{
    ssize_t len = readlink("/proc/self/exe", dev->bin_dir, sizeof(dev->bin_dir) - 1);
    if (len <= 0)
        return err_set(err, ERR_IO, "cannot find out where this program is: %s", strerror(errno));
    dev->bin_dir[len] = '\0';
    char *slash = strrchr(dev->bin_dir, '/');
    if (slash)
        *slash = '\0';
    static const char *const programs[] = {"troupe-supervisor", "troupe-worker", "troupe-jq"};
    for (size_t i = 0; i < ARRAY_LEN(programs); i++) {
        char path[PATH_MAX];
        (void)snprintf(path, sizeof(path), "%s/%s", dev->bin_dir, programs[i]);
        if (access(path, X_OK) != 0)
            return err_set(err, ERR_NOT_FOUND,
                           "there is no %s beside this program (build it: make)", path);
    }
    return 0;
}

/* The first directory of PATH that holds the program. */
static bool find_in_path(const char *program, char *directory, size_t size)
{
    const char *at = getenv("PATH");
    while (at && *at) {
        size_t len = strcspn(at, ":");
        char path[PATH_MAX];
        (void)snprintf(path, sizeof(path), "%.*s/%s", (int)len, at, program);
        if (len > 0 && len < size && access(path, X_OK) == 0) {
            (void)snprintf(directory, size, "%.*s", (int)len, at);
            return true;
        }
        at += len + (at[len] == ':');
    }
    return false;
}

/* Debian keeps the servers outside of PATH, by version: the newest. */
static bool find_postgres(char *directory, size_t size)
{
    glob_t found = {0};
    long newest = 0;
    static const char root[] = "/usr/lib/postgresql/";
    if (glob("/usr/lib/postgresql/*/bin/postgres", 0, NULL, &found) == 0) {
        for (size_t i = 0; i < found.gl_pathc; i++) {
            const char *path = found.gl_pathv[i];
            long version = strtol(path + sizeof(root) - 1, NULL, 10);
            if (version > newest) {
                newest = version;
                (void)snprintf(directory, size, "%s%ld/bin", root, version);
            }
        }
    }
    globfree(&found);
    return newest > 0 || find_in_path("postgres", directory, size);
}

int dev_find_programs(struct dev *dev, struct err *err)
{
    char directory[512];
    if (find_own_directory(dev, err) != 0)
        return -1;
    if (!find_in_path("redis-server", directory, sizeof(directory)))
        return err_set(err, ERR_NOT_FOUND,
                       "there is no redis-server in PATH (Debian: apt-get "
                       "install redis-server)");
    if (!find_postgres(dev->postgres_bin, sizeof(dev->postgres_bin)))
        return err_set(err, ERR_NOT_FOUND,
                       "there is no Postgres server (Debian: apt-get install "
                       "postgresql)");
    dev->other_account = geteuid() == 0;
    if (!dev->other_account)
        return 0;
    /* One thread: nobody else asks for users meanwhile. */
    /* cppcheck-suppress getpwnamCalled */
    const struct passwd *user = getpwnam("postgres");
    /* cppcheck-suppress getpwnamCalled */
    user = user ? user : getpwnam("nobody");
    if (!user)
        return err_set(err, ERR_NOT_FOUND,
                       "Postgres does not run as root, and there is neither a "
                       "user postgres nor nobody");
    dev->account = (struct account){.uid = user->pw_uid, .gid = user->pw_gid};
    return 0;
}

static int make_directory(const char *path, mode_t mode, struct err *err)
{
    if (mkdir(path, mode) == 0)
        return chmod(path, mode) == 0 ? 0
                                      : err_set(err, ERR_IO, "cannot change the mode of %s: %s",
                                                path, strerror(errno));
    if (errno != EEXIST)
        return err_set(err, ERR_IO, "cannot make %s: %s", path, strerror(errno));
    return 0;
}

/* Postgres' user must be able to enter every directory above its own. */
static int check_way(const struct dev *dev, struct err *err)
{
    char path[DEV_PATH_MAX];
    (void)snprintf(path, sizeof(path), "%s", dev->dir);
    for (char *slash = path + strlen(path); slash && slash > path; slash = strrchr(path, '/')) {
        *slash = '\0';
        struct stat info;
        if (*path && stat(path, &info) == 0 && !(info.st_mode & S_IXOTH))
            return err_set(err, ERR_IO,
                           "Postgres does not run as root, and its user cannot enter %s: choose "
                           "another --data, or chmod o+x %s",
                           path, path);
    }
    return 0;
}

static int choose_directory(struct dev *dev, struct err *err)
{
    const char *given = dev->given_dir;
    /* Others may pass through, Postgres' user among them, but not look. */
    const mode_t mode = dev->other_account ? 0711 : 0700;
    if (given && *given) {
        if (make_directory(given, mode, err) != 0)
            return -1;
        char full[PATH_MAX];
        if (!realpath(given, full) || strlen(full) >= sizeof(dev->dir) - 64)
            return err_set(err, ERR_IO, "cannot use %s: %s", given, strerror(errno));
        memcpy(dev->dir, full, strlen(full) + 1);
    } else {
        const char *base = getenv("TMPDIR");
        (void)snprintf(dev->dir, sizeof(dev->dir) - 64, "%s/troupe-dev-XXXXXX",
                       base && *base == '/' ? base : "/tmp");
        if (!mkdtemp(dev->dir) || chmod(dev->dir, mode) != 0)
            return err_set(err, ERR_IO, "cannot make a directory %s: %s", dev->dir,
                           strerror(errno));
        dev->temporary = true;
    }
    return dev->other_account ? check_way(dev, err) : 0;
}

static int take_lock(struct dev *dev, struct err *err)
{
    char path[PATH_MAX];
    (void)snprintf(path, sizeof(path), "%s/lock", dev->dir);
    dev->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (dev->lock_fd < 0)
        return err_set(err, ERR_IO, "cannot open %s: %s", path, strerror(errno));
    if (flock(dev->lock_fd, LOCK_EX | LOCK_NB) != 0)
        return err_set(err, ERR_CONFLICT, "another 'troupe dev' uses %s", dev->dir);
    return 0;
}

int dev_make_place(struct dev *dev, struct err *err)
{
    static const char *const parts[] = {"log", "redis"};
    dev->lock_fd = -1;
    if (choose_directory(dev, err) != 0 || take_lock(dev, err) != 0)
        return -1;
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        char path[PATH_MAX];
        (void)snprintf(path, sizeof(path), "%s/%s", dev->dir, parts[i]);
        if (make_directory(path, 0755, err) != 0)
            return -1;
    }
    return 0;
}

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *at)
{
    (void)info;
    (void)kind;
    (void)at;
    return remove(path);
}

void dev_leave_place(struct dev *dev)
{
    if (dev->temporary && *dev->dir && nftw(dev->dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS) != 0)
        cli_note(dev->cli, "cannot remove %s: %s", dev->dir, strerror(errno));
    if (dev->lock_fd >= 0)
        (void)close(dev->lock_fd);
    dev->lock_fd = -1;
}

void dev_log_path(const struct dev *dev, struct child *child)
{
    (void)snprintf(child->log_path, sizeof(child->log_path), "%s/log/%s.log", dev->dir,
                   child->name);
}

/* A port that was free a moment ago; the socket keeps it until the caller has all it wants. */
static int bind_any(int *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    if (bind(fd, (const struct sockaddr *)&address, len) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &len) != 0) {
        (void)close(fd);
        return -1;
    }
    *port = ntohs(address.sin_port);
    return fd;
}

int dev_pick_ports(struct dev *dev, struct err *err)
{
    int base = dev->given_port;
    dev->ports_given = base > 0;
    if (dev->ports_given) {
        dev->redis_port = base + 1;
        dev->postgres_port = base + 2;
    } else {
        int first = bind_any(&dev->redis_port);
        int second = bind_any(&dev->postgres_port);
        int why = errno;
        if (first >= 0)
            (void)close(first);
        if (second >= 0)
            (void)close(second);
        if (first < 0 || second < 0)
            return err_set(err, ERR_IO, "no free port on 127.0.0.1: %s", strerror(why));
    }
    (void)snprintf(dev->redis_url, sizeof(dev->redis_url), "redis://127.0.0.1:%d", dev->redis_port);
    (void)snprintf(dev->database_url, sizeof(dev->database_url),
                   "postgresql://postgres@127.0.0.1:%d/troupe", dev->postgres_port);
    return 0;
}
