/* dev: everything that runs need, private, in one directory.
 *
 *   DIR/lock            held while a `troupe dev` uses DIR
 *   DIR/redis/          append-only file
 *   DIR/postgres/       cluster, owned by another user when we are root (Postgres refuses root)
 *   DIR/log/NAME.log    what the children say
 *
 * One thread; waits for signals (children that end, Ctrl-C) with a time limit, so that every wait
 * also notices the end of a child at once.
 */
#ifndef TROUPE_DEV_H
#define TROUPE_DEV_H

#include "cli.h"
#include "dev_child.h"
#include <signal.h>

enum { DEV_WORKERS_MOST = 64, DEV_PATH_MAX = 3800, DEV_URL_MAX = 128 };

struct dev {
    struct cli *cli;
    const char *given_dir;      /* NULL: a temporary one */
    int given_port;             /* 0: free ones */
    char bin_dir[DEV_PATH_MAX]; /* of our own program */
    char dir[DEV_PATH_MAX];
    bool temporary; /* dir is removed at the end */
    int lock_fd;
    int64_t begun_us;

    struct account account; /* Postgres' */
    bool other_account;     /* we are root */
    char postgres_bin[512];

    int redis_port, postgres_port;
    bool ports_given;
    char redis_url[DEV_URL_MAX], database_url[DEV_URL_MAX];

    struct child redis, postgres, supervisor, command;
    struct child workers[DEV_WORKERS_MOST];
    char worker_names[DEV_WORKERS_MOST][16];
    uint32_t worker_count;
    uint32_t partitions; /* of a new record; 0: as the supervisor has it */

    sigset_t signals;        /* blocked, and waited for */
    int stop_signal;         /* the first that asked us to end; 0: none */
    uint32_t stops;          /* how many did */
    bool stop_from_terminal; /* the last one: the whole foreground group got it */
};

/* --- cmd_dev.c --- */
/* A zeroed dev: takes over the signals. */
void dev_begin(struct dev *dev, struct cli *cli);

/* --- dev_place.c: directory, ports, programs --- */
MUSTCHECK int dev_find_programs(struct dev *dev, struct err *err);
/* Makes or takes the directory and locks it. ERR_CONFLICT: another one uses it. */
MUSTCHECK int dev_make_place(struct dev *dev, struct err *err);
/* Ends the lock; removes a temporary directory. */
void dev_leave_place(struct dev *dev);
/* Free ports, or those given. */
MUSTCHECK int dev_pick_ports(struct dev *dev, struct err *err);
void dev_log_path(const struct dev *dev, struct child *child);

/* --- dev_servers.c: starting each of them --- */
MUSTCHECK int dev_start_redis(struct dev *dev, struct err *err);
/* Makes the cluster if there is none, waiting for it. */
MUSTCHECK int dev_init_postgres(struct dev *dev, struct err *err);
MUSTCHECK int dev_start_postgres(struct dev *dev, struct err *err);
MUSTCHECK int dev_start_supervisor(struct dev *dev, struct err *err);
MUSTCHECK int dev_start_worker(struct dev *dev, uint32_t index, struct err *err);
MUSTCHECK int dev_start_command(struct dev *dev, int *exec_errno, struct err *err);

/* --- dev_ready.c: waiting until they are of use --- */
/* From nothing to a system that runs workflows; ERR_TIMEOUT when stopped meanwhile. Says on stderr
 * what went wrong, with the end of the log of the one that did. */
MUSTCHECK int dev_bring_up(struct dev *dev, struct err *err);

/* --- dev_watch.c: signals, restarts, the end --- */
/* Waits up to timeout_ms for a signal and notes what it means. */
void dev_wait(struct dev *dev, int64_t timeout_ms);
/* Until asked to stop, or until the command ended: starts again what dies. */
void dev_stay(struct dev *dev);
void dev_end_all(struct dev *dev);

#endif
