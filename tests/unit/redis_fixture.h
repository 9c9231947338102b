/* redis_fixture: a private redis-server for unit tests: loopback, a free port, nothing on disk. */
#ifndef TROUPE_TESTS_REDIS_FIXTURE_H
#define TROUPE_TESTS_REDIS_FIXTURE_H

#include "base/attr.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

struct redis_fixture {
    int port;
    pid_t pid; /* 0: not running */
    char url[64];
};

/* A loopback socket: bound to a port of the system's choice (listening: false), or connected. -1: no. */
static inline int fixture_socket(int *port, bool connected)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)*port)};
    socklen_t len = sizeof(address);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    struct sockaddr *generic = (struct sockaddr *)&address;
    if (connected ? connect(fd, generic, len)
                  : (bind(fd, generic, len) || getsockname(fd, generic, &len))) {
        close(fd);
        return -1;
    }
    *port = ntohs(address.sin_port);
    return fd;
}

static inline bool fixture_has_server(void)
{
    const char *path = getenv("PATH");
    char file[4096];
    while (path && *path) {
        size_t len = strcspn(path, ":");
        snprintf(file, sizeof(file), "%.*s/redis-server", (int)len, path);
        if (access(file, X_OK) == 0)
            return true;
        path += len + (path[len] == ':');
    }
    return false;
}

/* Starts on fixture->port, or on a free one if that is 0; returns when it answers. */
static inline bool fixture_start(struct redis_fixture *fixture)
{
    char port[16];
    if (fixture->port == 0) {
        int fd = fixture_socket(&fixture->port, false);
        if (fd < 0)
            return false;
        close(fd);
    }
    snprintf(port, sizeof(port), "%d", fixture->port);
    snprintf(fixture->url, sizeof(fixture->url), "redis://127.0.0.1:%d", fixture->port);
    fixture->pid = fork();
    if (fixture->pid == 0) {
        int null = open("/dev/null", O_RDWR);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(null, 0);
        dup2(null, 1);
        dup2(null, 2);
        execlp("redis-server", "redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "",
               "--appendonly", "no", "--dir", "/tmp", (char *)NULL);
        _exit(127);
    }
    for (int tries = 0; fixture->pid > 0 && tries < 500; tries++) {
        char answer[5] = "";
        int fd = fixture_socket(&fixture->port, true);
        if (fd >= 0) {
            bool up = write(fd, "PING\r\n", 6) == 6 && read(fd, answer, 5) == 5;
            close(fd);
            if (up && memcmp(answer, "+PONG", 5) == 0)
                return true;
        }
        if (waitpid(fixture->pid, NULL, WNOHANG) == fixture->pid)
            break;
        poll(NULL, 0, 20);
    }
    return false;
}

static inline void fixture_stop(struct redis_fixture *fixture)
{
    if (fixture->pid > 0) {
        kill(fixture->pid, SIGKILL);
        waitpid(fixture->pid, NULL, 0);
    }
    fixture->pid = 0;
}

#endif
