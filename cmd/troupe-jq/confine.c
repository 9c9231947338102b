/* confine: limits, then Landlock, then seccomp, which allows none of these again. */
#include "confine.h"
#include <errno.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { STACK_BYTES = 8 << 20 };

static int limit(int resource, rlim_t most)
{
    const struct rlimit value = {.rlim_cur = most, .rlim_max = most};
    return setrlimit((__rlimit_resource_t)resource, &value);
}

/* The soft limit alone: confine_cpu moves it on. */
void confine_cpu(uint32_t seconds)
{
    struct rusage used;
    struct rlimit value = {.rlim_max = RLIM_INFINITY};
    if (getrusage(RUSAGE_SELF, &used) != 0)
        return;
    const rlim_t spent = (rlim_t)used.ru_utime.tv_sec + (rlim_t)used.ru_stime.tv_sec;
    value.rlim_cur = spent + 2 + seconds; /* both sums are cut to seconds */
    (void)setrlimit(RLIMIT_CPU, &value);
}

static int limits(size_t memory_bytes)
{
    if (limit(RLIMIT_AS, memory_bytes) != 0 || limit(RLIMIT_STACK, STACK_BYTES) != 0 ||
        limit(RLIMIT_CORE, 0) != 0 || limit(RLIMIT_FSIZE, 0) != 0)
        return -1;
    return limit(RLIMIT_NPROC, 0);
}

/* --- Landlock: the C library of Debian 12 has no wrappers, and its kernel header only ABI 2 --- */

struct landlock_ruleset {
    uint64_t files, network, scopes;
};

/* Everything that the kernel's ABI can forbid is; nothing is allowed. A kernel without it is fine. */
static int landlock(void)
{
    const long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, 1u);
    if (abi < 1)
        return 0;
    const unsigned kinds = abi >= 5 ? 16 : abi >= 3 ? 15 : abi == 2 ? 14 : 13;
    const struct landlock_ruleset all = {.files = (1ull << kinds) - 1, .network = 3, .scopes = 3};
    const size_t size = abi >= 6   ? sizeof(all)
                        : abi >= 4 ? sizeof(all.files) + sizeof(all.network)
                                   : sizeof(all.files);
    const int ruleset = (int)syscall(SYS_landlock_create_ruleset, &all, size, 0u);
    if (ruleset < 0)
        return -1;
    const long rc = syscall(SYS_landlock_restrict_self, ruleset, 0u);
    const int why = errno;
    (void)close(ruleset);
    errno = why;
    return rc == 0 ? 0 : -1;
}

/* --- seccomp --- */

/* What malloc, the clock and ending need. */
static const int harmless[] = {
    SCMP_SYS(brk),           SCMP_SYS(munmap),         SCMP_SYS(mremap),
    SCMP_SYS(madvise),       SCMP_SYS(futex),          SCMP_SYS(getrandom),
    SCMP_SYS(clock_gettime), SCMP_SYS(gettimeofday),   SCMP_SYS(time),
    SCMP_SYS(getrusage),     SCMP_SYS(sysinfo),        SCMP_SYS(restart_syscall),
    SCMP_SYS(rt_sigreturn),  SCMP_SYS(rt_sigprocmask), SCMP_SYS(exit),
    SCMP_SYS(exit_group),
};

/* What libjq and the C library try on behalf of a program (modules, time zones, home directories) and
 * can be told no: the program then fails with libjq's message. */
static const int refused[] = {SCMP_SYS(open),
                              SCMP_SYS(openat),
                              SCMP_SYS(access),
                              SCMP_SYS(faccessat),
                              SCMP_SYS(faccessat2),
                              SCMP_SYS(stat),
                              SCMP_SYS(lstat),
                              SCMP_SYS(fstat),
                              SCMP_SYS(newfstatat),
                              SCMP_SYS(statx),
                              SCMP_SYS(readlink),
                              SCMP_SYS(readlinkat),
                              SCMP_SYS(getcwd),
                              SCMP_SYS(getdents64),
                              SCMP_SYS(ioctl),
                              SCMP_SYS(socket),
                              SCMP_SYS(getuid),
                              SCMP_SYS(geteuid),
                              SCMP_SYS(sched_getaffinity)};

static int allow(scmp_filter_ctx filter, int call, unsigned count, const struct scmp_arg_cmp *args)
{
    return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, call, count, args);
}

static int add_rules(scmp_filter_ctx filter)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sizeof(harmless) / sizeof(harmless[0]); i++)
        rc = allow(filter, harmless[i], 0, NULL);
    for (size_t i = 0; rc == 0 && i < sizeof(refused) / sizeof(refused[0]); i++)
        rc = seccomp_rule_add_array(filter, SCMP_ACT_ERRNO(EACCES), refused[i], 0, NULL);
    /* The socket; 2 is /dev/null, for what libjq says. Memory is never made executable. */
    const struct scmp_arg_cmp in = SCMP_A0_32(SCMP_CMP_EQ, STDIN_FILENO);
    const struct scmp_arg_cmp out = SCMP_A0_32(SCMP_CMP_EQ, STDOUT_FILENO);
    const struct scmp_arg_cmp err = SCMP_A0_32(SCMP_CMP_EQ, STDERR_FILENO);
    const struct scmp_arg_cmp data = SCMP_A2_32(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
    const struct scmp_arg_cmp cpu[] = {SCMP_A0_32(SCMP_CMP_EQ, 0),
                                       SCMP_A1_32(SCMP_CMP_EQ, RLIMIT_CPU)};
    rc = rc ? rc : allow(filter, SCMP_SYS(read), 1, &in);
    rc = rc ? rc : allow(filter, SCMP_SYS(write), 1, &out);
    rc = rc ? rc : allow(filter, SCMP_SYS(write), 1, &err);
    rc = rc ? rc : allow(filter, SCMP_SYS(mmap), 1, &data);
    rc = rc ? rc : allow(filter, SCMP_SYS(mprotect), 1, &data);
    rc = rc ? rc : allow(filter, SCMP_SYS(prlimit64), 2, cpu);
    const struct scmp_arg_cmp other = SCMP_A1_32(SCMP_CMP_NE, RLIMIT_CPU);
    return rc ? rc
              : seccomp_rule_add_array(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(prlimit64), 1,
                                       &other);
}

/* Anything that is in neither list ends the process. */
static int seccomp(void)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    if (!filter) {
        errno = ENOMEM;
        return -1;
    }
    int rc = add_rules(filter);
    if (rc == 0)
        rc = seccomp_load(filter);
    seccomp_release(filter);
    errno = -rc;
    return rc == 0 ? 0 : -1;
}

int confine(size_t memory_bytes, const char **step)
{
    *step = "prctl";
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
        return -1;
    *step = "Landlock";
    if (landlock() != 0)
        return -1;
    *step = "setrlimit";
    if (limits(memory_bytes) != 0)
        return -1;
    /* Now that Landlock has made and closed its descriptor. */
    if (limit(RLIMIT_NOFILE, 0) != 0)
        return -1;
    *step = "seccomp";
    return seccomp();
}
