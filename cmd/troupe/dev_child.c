/* dev_child: fork, exec, and what happens between them. */
#include "dev_child.h"
#include "base/clock.h"
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TAIL_BYTES = 4000, TAIL_LINES = 15, EXEC_FAILED = 127 };

static int become(const struct account *account)
{
    if (setgroups(0, NULL) != 0 || setgid(account->gid) != 0)
        return -1;
    return setuid(account->uid);
}

static int redirect(int log_fd)
{
    int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (null_fd < 0 || dup2(null_fd, STDIN_FILENO) < 0)
        return -1;
    return dup2(log_fd, STDOUT_FILENO) < 0 || dup2(log_fd, STDERR_FILENO) < 0 ? -1 : 0;
}

static int set_environment(const char *const *environment)
{
    for (; environment && environment[0]; environment += 2) {
        int result =
            environment[1] ? setenv(environment[0], environment[1], 1) : unsetenv(environment[0]);
        if (result != 0)
            return -1;
    }
    return 0;
}

static int default_signals(void)
{
    sigset_t none;
    (void)sigemptyset(&none);
    if (signal(SIGPIPE, SIG_DFL) == SIG_ERR || signal(SIGINT, SIG_DFL) == SIG_ERR)
        return -1;
    return sigprocmask(SIG_SETMASK, &none, NULL);
}

/* In the child: everything up to exec. Returns only on failure, with errno. */
static void become_program(const struct child_spec *spec, int log_fd, pid_t parent)
{
    if (!spec->foreground && (setpgid(0, 0) != 0 || redirect(log_fd) != 0))
        return;
    if (spec->account && become(spec->account) != 0)
        return;
    if (prctl(PR_SET_PDEATHSIG, spec->death_signal) != 0)
        return;
    if (getppid() != parent) /* it died before we asked */
        _exit(EXEC_FAILED);
    if (spec->directory && chdir(spec->directory) != 0)
        return;
    if (set_environment(spec->environment) != 0 || default_signals() != 0)
        return;
    (void)execvp(spec->program, spec->argv);
}

static NORETURN void run_in_child(const struct child_spec *spec, int log_fd, int report_fd,
                                  pid_t parent)
{
    become_program(spec, log_fd, parent);
    int why = errno;
    ssize_t written = write(report_fd, &why, sizeof(why));
    _exit(written == (ssize_t)sizeof(why) ? EXEC_FAILED : EXEC_FAILED - 1);
}

/* The child's errno when it could not execute its program; 0 when it could (the pipe closed). */
static int read_report(int fd)
{
    int why = 0;
    ssize_t got;
    do
        got = read(fd, &why, sizeof(why));
    while (got < 0 && errno == EINTR);
    return got == (ssize_t)sizeof(why) ? why : 0;
}

int child_start(struct child *child, const struct child_spec *spec, int *exec_errno,
                struct err *err)
{
    int report[2];
    int log_fd = -1;
    if (!spec->foreground) {
        log_fd = open(child->log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
        if (log_fd < 0)
            return err_set(err, ERR_IO, "cannot open %s: %s", child->log_path, strerror(errno));
    }
    pid_t parent = getpid(), pid = -1;
    if (pipe2(report, O_CLOEXEC) == 0) {
        pid = fork();
        if (pid == 0)
            run_in_child(spec, log_fd, report[1], parent);
        int why = errno;
        (void)close(report[1]);
        errno = pid < 0 ? why : read_report(report[0]);
        why = errno;
        (void)close(report[0]);
        errno = why;
    }
    int why = errno;
    if (log_fd >= 0)
        (void)close(log_fd);
    child->pid = pid > 0 ? pid : 0;
    child->status = 0;
    child->started_us = clock_mono_us(&clock_system);
    child->ended_us = 0;
    if (pid > 0 && why == 0)
        return 0;
    if (pid > 0) {
        (void)waitpid(pid, &child->status, 0);
        child->pid = 0;
    }
    if (exec_errno)
        *exec_errno = why;
    return err_set(err, ERR_IO, "cannot run %s: %s", spec->program, strerror(why));
}

bool child_reap(struct child *child)
{
    if (child->pid <= 0)
        return false;
    pid_t got = waitpid(child->pid, &child->status, WNOHANG);
    if (got == 0 || (got < 0 && errno == EINTR))
        return false;
    child->pid = 0;
    child->ended_us = clock_mono_us(&clock_system);
    return true;
}

void child_signal(const struct child *child, int number)
{
    /* A failure means that it has just ended: the reaping will tell. */
    if (child->pid > 0)
        (void)kill(child->pid, number);
}

void child_fate(const struct child *child, char *text, size_t size)
{
    if (WIFSIGNALED(child->status))
        (void)snprintf(text, size, "signal %d", WTERMSIG(child->status));
    else
        (void)snprintf(text, size, "exit status %d", WEXITSTATUS(child->status));
}

void child_write_log_tail(const struct child *child)
{
    FILE *log = fopen(child->log_path, "re");
    if (!log) {
        (void)fprintf(stderr, "  (its log %s cannot be read: %s)\n", child->log_path,
                      strerror(errno));
        return;
    }
    char text[TAIL_BYTES + 1];
    if (fseek(log, -TAIL_BYTES, SEEK_END) != 0)
        rewind(log);
    size_t len = fread(text, 1, TAIL_BYTES, log);
    (void)fclose(log);
    size_t from = len;
    int lines = 0;
    while (from > 0 && !(text[from - 1] == '\n' && from < len && ++lines == TAIL_LINES))
        from--;
    text[len] = '\0';
    (void)fprintf(stderr, "  the end of %s:\n", child->log_path);
    for (char *at = text + from; *at;) {
        size_t line = strcspn(at, "\n");
        (void)fprintf(stderr, "  | %.*s\n", (int)line, at);
        at += line + (at[line] == '\n');
    }
}
