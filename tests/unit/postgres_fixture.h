/* postgres_fixture: a private Postgres for unit tests: loopback, a free port, a directory that goes
 * with it, nothing synced. Each test takes a database of its own. */
#ifndef TROUPE_TESTS_POSTGRES_FIXTURE_H
#define TROUPE_TESTS_POSTGRES_FIXTURE_H

#include "redis_fixture.h"
#include <ftw.h>
#include <glob.h>
#include <grp.h>
#include <libpq-fe.h>
#include <pwd.h>
#include <stdlib.h>

enum { POSTGRES_URL_LEN = 96 };

struct postgres_fixture {
    int port;
    pid_t pid; /* 0: not running */
    int databases;
    char bin[200], directory[64];
};

/* The newest server installed; false: none is. */
static inline bool postgres_present(struct postgres_fixture *fixture)
{
    glob_t found;
    bool any = glob("/usr/lib/postgresql/*/bin/initdb", 0, NULL, &found) == 0;
    if (any) {
        const char *path = found.gl_pathv[found.gl_pathc - 1];
        snprintf(fixture->bin, sizeof(fixture->bin), "%.*s",
                 (int)(strlen(path) - strlen("/initdb")), path);
    }
    globfree(&found);
    return any;
}

/* Postgres refuses to run as root. */
static inline bool postgres_drop_root(void)
{
    const struct passwd *user = geteuid() == 0 ? getpwnam("postgres") : NULL;
    if (geteuid() != 0)
        return true;
    return user && initgroups(user->pw_name, user->pw_gid) == 0 && setgid(user->pw_gid) == 0 &&
           setuid(user->pw_uid) == 0;
}

static inline bool postgres_make_directory(struct postgres_fixture *fixture)
{
    const struct passwd *user = geteuid() == 0 ? getpwnam("postgres") : NULL;
    snprintf(fixture->directory, sizeof(fixture->directory), "/tmp/troupe_test_pg.XXXXXX");
    if (!mkdtemp(fixture->directory))
        return false;
    return geteuid() != 0 || (user && chown(fixture->directory, user->pw_uid, user->pw_gid) == 0);
}

/* What the programs say goes to the file "log" in the directory. */
static inline pid_t postgres_run(const struct postgres_fixture *fixture, const char *program,
                                 const char *const *arguments)
{
    char path[300], log[100];
    snprintf(path, sizeof(path), "%s/%s", fixture->bin, program);
    snprintf(log, sizeof(log), "%s/log", fixture->directory);
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    /* Changing the user clears the death signal: hence after it. SIGQUIT ends all of Postgres. */
    if (!postgres_drop_root() || chdir(fixture->directory) != 0)
        _exit(126);
    prctl(PR_SET_PDEATHSIG, SIGQUIT);
    int null = open("/dev/null", O_RDONLY), out = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (dup2(null, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
        _exit(126);
    /* By its whole path: it looks for its own directory there, and else in PATH. */
    const char *words[32] = {path};
    for (size_t i = 1; i < sizeof(words) / sizeof(words[0]) - 1 && arguments[i]; i++)
        words[i] = arguments[i];
    execv(path, (char *const *)(uintptr_t)words);
    _exit(127);
}

static inline void postgres_print_log(const struct postgres_fixture *fixture)
{
    char line[400];
    snprintf(line, sizeof(line), "%s/log", fixture->directory);
    FILE *file = fopen(line, "r");
    while (file && fgets(line, sizeof(line), file))
        fprintf(stderr, "postgres: %s", line);
    if (file)
        fclose(file);
}

/* Of a database of this server. */
static inline void postgres_url(const struct postgres_fixture *fixture, const char *database,
                                char url[POSTGRES_URL_LEN])
{
    snprintf(url, POSTGRES_URL_LEN, "postgresql://postgres@127.0.0.1:%d/%s", fixture->port,
             database);
}

static inline bool postgres_up(struct postgres_fixture *fixture)
{
    char url[POSTGRES_URL_LEN];
    postgres_url(fixture, "postgres", url);
    for (int tries = 0; fixture->pid > 0 && tries < 1500; tries++) {
        if (PQping(url) == PQPING_OK)
            return true;
        if (waitpid(fixture->pid, NULL, WNOHANG) == fixture->pid)
            fixture->pid = 0;
        poll(NULL, 0, 20);
    }
    return false;
}

static inline int postgres_remove(const char *path, const struct stat *status, int type,
                                  struct FTW *place)
{
    (void)status, (void)type, (void)place;
    return remove(path);
}

static inline void postgres_stop(struct postgres_fixture *fixture)
{
    if (fixture->pid > 0) {
        kill(fixture->pid, SIGQUIT);
        waitpid(fixture->pid, NULL, 0);
    }
    fixture->pid = 0;
    if (fixture->directory[0])
        nftw(fixture->directory, postgres_remove, 16, FTW_DEPTH | FTW_PHYS);
    fixture->directory[0] = '\0';
}

/* After postgres_present; returns when it answers. A failure prints what the server said. */
static inline bool postgres_start(struct postgres_fixture *fixture)
{
    static const char *const initdb[] = {
        "initdb",    "-D",         "data", "-U",   "postgres",          "-A", "trust",
        "--no-sync", "--locale=C", "-E",   "UTF8", "--no-instructions", NULL};
    int status = -1;
    if (!postgres_make_directory(fixture))
        return false;
    pid_t pid = postgres_run(fixture, "initdb", initdb);
    bool made = pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
    /* Somebody else may take the free port before Postgres does. */
    for (int tries = 0; made && fixture->pid == 0 && tries < 3; tries++) {
        char port[16];
        fixture->port = 0;
        int fd = fixture_socket(&fixture->port, false);
        if (fd < 0)
            break;
        close(fd);
        snprintf(port, sizeof(port), "%d", fixture->port);
        const char *const server[] = {"postgres",
                                      "-D",
                                      "data",
                                      "-p",
                                      port,
                                      "-c",
                                      "listen_addresses=127.0.0.1",
                                      "-c",
                                      "unix_socket_directories=",
                                      "-c",
                                      "fsync=off",
                                      "-c",
                                      "shared_buffers=16MB",
                                      NULL};
        fixture->pid = postgres_run(fixture, "postgres", server);
        if (postgres_up(fixture))
            return true;
    }
    postgres_print_log(fixture);
    postgres_stop(fixture);
    return false;
}

/* A new database, like the one named (or empty, for NULL), to which nobody may be connected. */
static inline bool postgres_database(struct postgres_fixture *fixture, const char *like,
                                     char url[POSTGRES_URL_LEN])
{
    char statement[160], name[24];
    snprintf(name, sizeof(name), "test_%d", ++fixture->databases);
    snprintf(statement, sizeof(statement), "create database %s template %s", name,
             like ? like : "template0");
    postgres_url(fixture, "postgres", url);
    PGconn *conn = PQconnectdb(url);
    PGresult *result = PQexec(conn, statement);
    bool made = PQresultStatus(result) == PGRES_COMMAND_OK;
    if (!made)
        fprintf(stderr, "%s: %s", statement, PQerrorMessage(conn));
    PQclear(result);
    PQfinish(conn);
    postgres_url(fixture, name, url);
    return made;
}

#endif
