/* dev_servers: how each of them is started. */
#include "dev.h"
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* argv of execvp is not const, for reasons of 1970; it is not written to. */
static char *word(const char *text)
{
    union {
        const char *in;
        char *out;
    } cast = {.in = text};
    return cast.out;
}

int dev_start_redis(struct dev *dev, struct err *err)
{
    char port[16], directory[PATH_MAX];
    (void)snprintf(port, sizeof(port), "%d", dev->redis_port);
    (void)snprintf(directory, sizeof(directory), "%s/redis", dev->dir);
    const char *const words[] = {"redis-server",
                                 "--port",
                                 port,
                                 "--bind",
                                 "127.0.0.1",
                                 "--dir",
                                 directory,
                                 "--appendonly",
                                 "yes",
                                 "--appendfsync",
                                 "everysec",
                                 "--save",
                                 "",
                                 "--maxmemory-policy",
                                 "noeviction",
                                 "--daemonize",
                                 "no",
                                 "--logfile",
                                 ""};
    char *argv[ARRAY_LEN(words) + 1] = {NULL};
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        argv[i] = word(words[i]);
    struct child_spec spec = {
        .program = "redis-server", .argv = argv, .directory = directory, .death_signal = SIGKILL};
    dev->redis.name = "redis";
    dev_log_path(dev, &dev->redis);
    return child_start(&dev->redis, &spec, NULL, err);
}

static int run_initdb(struct dev *dev, const char *data, struct err *err)
{
    char program[PATH_MAX];
    (void)snprintf(program, sizeof(program), "%s/initdb", dev->postgres_bin);
    const char *const words[] = {
        program, "-D",       data, "-U",        "postgres",         "-A", "trust", "-E",
        "UTF8",  "--locale", "C",  "--no-sync", "--no-instructions"};
    char *argv[ARRAY_LEN(words) + 1] = {NULL};
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        argv[i] = word(words[i]);
    struct child initdb = {.name = "initdb"};
    dev_log_path(dev, &initdb);
    struct child_spec spec = {.program = program,
                              .argv = argv,
                              .directory = data,
                              .account = dev->other_account ? &dev->account : NULL,
                              .death_signal = SIGKILL};
    if (child_start(&initdb, &spec, NULL, err) != 0)
        return -1;
    while (!child_reap(&initdb)) {
        dev_wait(dev, 100);
        if (dev->stops > 0)
            child_signal(&initdb, SIGKILL);
    }
    if (WIFEXITED(initdb.status) && WEXITSTATUS(initdb.status) == 0)
        return 0;
    if (dev->stops > 0)
        return err_set(err, ERR_TIMEOUT, "stopped");
    char fate[64];
    child_fate(&initdb, fate, sizeof(fate));
    child_write_log_tail(&initdb);
    return err_set(err, ERR_IO, "initdb failed (%s)", fate);
}

/* Made under another name and then renamed: a cluster that is there is whole. */
int dev_init_postgres(struct dev *dev, struct err *err)
{
    char data[PATH_MAX], fresh[PATH_MAX];
    struct stat info;
    (void)snprintf(data, sizeof(data), "%s/postgres", dev->dir);
    if (stat(data, &info) == 0)
        return 0;
    (void)snprintf(fresh, sizeof(fresh), "%s/postgres.%d", dev->dir, (int)getpid());
    if (mkdir(fresh, 0700) != 0 ||
        (dev->other_account && chown(fresh, dev->account.uid, dev->account.gid) != 0))
        return err_set(err, ERR_IO, "cannot make %s: %s", fresh, strerror(errno));
    if (run_initdb(dev, fresh, err) != 0)
        return -1;
    if (rename(fresh, data) != 0)
        return err_set(err, ERR_IO, "cannot rename %s: %s", fresh, strerror(errno));
    return 0;
}

int dev_start_postgres(struct dev *dev, struct err *err)
{
    char program[PATH_MAX], data[PATH_MAX], port[32];
    (void)snprintf(program, sizeof(program), "%s/postgres", dev->postgres_bin);
    (void)snprintf(data, sizeof(data), "%s/postgres", dev->dir);
    (void)snprintf(port, sizeof(port), "port=%d", dev->postgres_port);
    /* What is thrown away at the end need not survive a power cut. */
    const char *fsync = dev->temporary ? "fsync=off" : "fsync=on";
    const char *full_pages = dev->temporary ? "full_page_writes=off" : "full_page_writes=on";
    const char *const settings[] = {port,
                                    "listen_addresses=127.0.0.1",
                                    "unix_socket_directories=",
                                    "shared_buffers=64MB",
                                    "max_connections=100",
                                    "timezone=UTC",
                                    "log_timezone=UTC",
                                    fsync,
                                    full_pages};
    char *argv[3 + 2 * ARRAY_LEN(settings) + 1] = {word(program), word("-D"), data};
    for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
        argv[3 + 2 * i] = word("-c");
        argv[4 + 2 * i] = word(settings[i]);
    }
    /* SIGQUIT: its immediate shutdown, which takes its own children with it. */
    struct child_spec spec = {.program = program,
                              .argv = argv,
                              .directory = data,
                              .account = dev->other_account ? &dev->account : NULL,
                              .death_signal = SIGQUIT};
    dev->postgres.name = "postgres";
    dev_log_path(dev, &dev->postgres);
    return child_start(&dev->postgres, &spec, NULL, err);
}

/* What every program of ours is told; a secret's …_FILE would contradict it. */
#define URLS(dev_)                                                                                 \
    {                                                                                              \
        "TROUPE_REDIS_URL", (dev_)->redis_url, "TROUPE_DATABASE_URL", (dev_)->database_url,        \
            "TROUPE_REDIS_URL_FILE", NULL, "TROUPE_DATABASE_URL_FILE", NULL, NULL                  \
    }

static int start_own(struct dev *dev, struct child *child, const char *name, char **argv,
                     struct err *err)
{
    char program[PATH_MAX];
    (void)snprintf(program, sizeof(program), "%s/%s", dev->bin_dir, name);
    argv[0] = program;
    const char *const environment[] = URLS(dev);
    struct child_spec spec = {
        .program = program, .argv = argv, .environment = environment, .death_signal = SIGKILL};
    dev_log_path(dev, child);
    return child_start(child, &spec, NULL, err);
}

int dev_start_supervisor(struct dev *dev, struct err *err)
{
    char partitions[40];
    (void)snprintf(partitions, sizeof(partitions), "--partitions=%u", dev->partitions);
    char *argv[] = {NULL, dev->partitions ? partitions : NULL, NULL};
    dev->supervisor.name = "supervisor";
    return start_own(dev, &dev->supervisor, "troupe-supervisor", argv, err);
}

int dev_start_worker(struct dev *dev, uint32_t index, struct err *err)
{
    char *argv[] = {NULL, NULL};
    char *name = dev->worker_names[index];
    (void)snprintf(name, sizeof(dev->worker_names[index]), "worker-%u", index + 1);
    dev->workers[index].name = name;
    return start_own(dev, &dev->workers[index], "troupe-worker", argv, err);
}

int dev_start_command(struct dev *dev, int *exec_errno, struct err *err)
{
    const struct settings *settings = &dev->cli->settings;
    char **argv =
        arena_array(&dev->cli->arena, (size_t)settings->argument_count + 1, sizeof(*argv));
    if (!argv)
        return err_set(err, ERR_LIMIT, "not enough memory");
    for (uint32_t i = 0; i < settings->argument_count; i++)
        argv[i] = word(settings->arguments[i]);
    const char *const environment[] = URLS(dev);
    struct child_spec spec = {.program = argv[0],
                              .argv = argv,
                              .environment = environment,
                              .death_signal = SIGKILL,
                              .foreground = true};
    dev->command.name = "command";
    return child_start(&dev->command, &spec, exec_errno, err);
}
