#include "process/spawn.h"
#include "process/guard.h"
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STACK_BYTES = 64 << 10, FIRST_OTHER_FD = STDERR_FILENO + 1, CHILD_FAILED = 127 };

/* What the child is born with, and what it tells us when it fails: the memory is one. */
struct birth {
    const struct spawn_order *order;
    int input, output, errors; /* the child's ends, none of them 0, 1 or 2 */
    pid_t parent;
    const char *what; /* failed; NULL: nothing did */
    int why;
};

/* The sanitizer's marks on a stack that exec abandons would never be taken back. */
#define IN_CHILD __attribute__((no_sanitize("address")))

IN_CHILD static int fail(struct birth *birth, const char *what)
{
    birth->why = errno;
    birth->what = what;
    return CHILD_FAILED;
}

IN_CHILD static bool limit(int resource, uint64_t most)
{
    struct rlimit limit;
    if (most == 0)
        return true;
    if (getrlimit((__rlimit_resource_t)resource, &limit) != 0)
        return false;
    if (most < limit.rlim_max)
        limit.rlim_max = most;
    limit.rlim_cur = limit.rlim_max;
    /* SIGXCPU first, then SIGKILL for who ignores it. */
    if (resource == RLIMIT_CPU && limit.rlim_max == most)
        limit.rlim_max++;
    return setrlimit((__rlimit_resource_t)resource, &limit) == 0;
}

IN_CHILD static bool set_limits(const struct process_limits *limits)
{
    const struct rlimit none = {0, 0};
    return limit(RLIMIT_CPU, (uint64_t)limits->cpu_s) && limit(RLIMIT_AS, limits->memory_bytes) &&
           limit(RLIMIT_FSIZE, limits->file_bytes) && limit(RLIMIT_NOFILE, limits->files) &&
           limit(RLIMIT_NPROC, limits->processes) && setrlimit(RLIMIT_CORE, &none) == 0;
}

/* Handlers must be gone before a signal is let through: they would run here and write to our loop. */
IN_CHILD static bool default_signals(void)
{
    struct sigaction normal;
    sigset_t none;
    memset(&normal, 0, sizeof(normal));
    normal.sa_handler = SIG_DFL;
    for (int number = 1; number < NSIG; number++)
        (void)sigaction(number, &normal, NULL); /* some cannot be set */
    (void)sigemptyset(&none);
    return sigprocmask(SIG_SETMASK, &none, NULL) == 0;
}

/* In the child: only what may be called there. */
IN_CHILD static int become(void *context)
{
    struct birth *birth = context;
    const struct spawn_order *order = birth->order;
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
        return fail(birth, "PR_SET_PDEATHSIG");
    if (getppid() != birth->parent) { /* it died before we asked */
        errno = ESRCH;
        return fail(birth, "the parent is gone");
    }
    if (setsid() < 0)
        return fail(birth, "setsid");
    if (order->guard >= 0 && !guard_watch(order->guard, getpid()))
        return fail(birth, "telling the guard");
    if (!default_signals())
        return fail(birth, "sigprocmask");
    if (fchdir(order->directory) != 0)
        return fail(birth, "the working directory");
    if (dup2(birth->input, STDIN_FILENO) < 0 || dup2(birth->output, STDOUT_FILENO) < 0 ||
        dup2(birth->errors, STDERR_FILENO) < 0)
        return fail(birth, "dup2");
    /* Behind this nothing else is open in the program, whoever opened it without O_CLOEXEC. */
    if (close_range(FIRST_OTHER_FD, ~0u, CLOSE_RANGE_CLOEXEC) != 0)
        return fail(birth, "close_range");
    (void)umask(077);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return fail(birth, "PR_SET_NO_NEW_PRIVS");
    if (!set_limits(order->limits))
        return fail(birth, "setrlimit");
    (void)execve(order->program, order->argv, order->envp);
    return fail(birth, "exec");
}

/* --- in the parent --- */

static void close_fd(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

/* An end that is 0, 1 or 2 would be closed by the child's dup2. */
static bool move_up(int *fd)
{
    if (*fd >= FIRST_OTHER_FD)
        return true;
    const int higher = fcntl(*fd, F_DUPFD_CLOEXEC, FIRST_OTHER_FD);
    if (higher < 0)
        return false;
    (void)close(*fd);
    *fd = higher;
    return true;
}

/* ours does not block; theirs does, as programs expect. */
static bool open_pipe(int *ours, int *theirs, bool we_write)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return false;
    *ours = ends[we_write ? 1 : 0];
    *theirs = ends[we_write ? 0 : 1];
    return move_up(ours) && move_up(theirs) && fcntl(*ours, F_SETFL, O_NONBLOCK) == 0;
}

static bool open_pipes(struct spawned *child, struct birth *birth)
{
    if (!open_pipe(&child->output, &birth->output, false) ||
        !open_pipe(&child->errors, &birth->errors, false))
        return false;
    if (birth->order->input)
        return open_pipe(&child->input, &birth->input, true);
    birth->input = open("/dev/null", O_RDONLY | O_CLOEXEC);
    return birth->input >= 0 && move_up(&birth->input);
}

/* True: it is the program now. */
static bool give_birth(struct birth *birth, struct spawned *child)
{
    _Alignas(16) char stack[STACK_BYTES];
    sigset_t all, before;
    (void)sigfillset(&all);
    birth->parent = getpid();
    if (sigprocmask(SIG_SETMASK, &all, &before) != 0) {
        (void)fail(birth, "sigprocmask");
        return false;
    }
    child->pid = clone(become, stack + sizeof(stack),
                       CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, birth, &child->pidfd);
    if (child->pid < 0)
        (void)fail(birth, "a new process");
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    return !birth->what;
}

/* Of one that failed before it was the program, or that we cannot have. */
static void bury(struct spawned *child)
{
    siginfo_t info;
    if (child->pid <= 0)
        return;
    (void)kill(child->pid, SIGKILL);
    while (waitid(P_PID, (id_t)child->pid, &info, WEXITED) != 0 && errno == EINTR)
        ;
}

static int say_failed(const struct birth *birth, struct err *err)
{
    const bool program = strcmp(birth->what, "exec") == 0;
    const bool forever = program && birth->why != EAGAIN && birth->why != ENOMEM &&
                         birth->why != ENFILE && birth->why != ETXTBSY;
    return err_set(err, forever ? ERR_INVALID : ERR_IO, "%s cannot be started: %s%s%s",
                   birth->order->program, program ? "" : birth->what, program ? "" : ": ",
                   strerror(birth->why));
}

int spawn(const struct spawn_order *order, struct spawned *child, struct err *err)
{
    struct birth birth = {.order = order, .input = -1, .output = -1, .errors = -1};
    *child = (struct spawned){.pidfd = -1, .input = -1, .output = -1, .errors = -1};
    if (!open_pipes(child, &birth))
        (void)fail(&birth, "pipes");
    const bool born = !birth.what && give_birth(&birth, child);
    close_fd(&birth.input);
    close_fd(&birth.output);
    close_fd(&birth.errors);
    if (born)
        return 0;
    if (child->pid > 0 && order->guard >= 0)
        guard_forget(order->guard, child->pid);
    bury(child);
    close_fd(&child->pidfd);
    close_fd(&child->input);
    close_fd(&child->output);
    close_fd(&child->errors);
    return say_failed(&birth, err);
}
