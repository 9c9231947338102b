/* troupe dev: everything that runs need, until Ctrl-C or for one command. */
#include "base/clock.h"
#include "cli.h"
#include "dev.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

enum { COMMAND_NOT_FOUND = 127, COMMAND_NOT_EXECUTABLE = 126 };

static void welcome(const struct dev *dev)
{
    const struct term *term = &dev->cli->log;
    struct buf out;
    buf_init(&out, 64u << 10);
    style_str(&out, term->colour, STYLE_GREEN, "troupe dev is ready");
    buf_str(&out, " (");
    duration_write(&out, clock_mono_us(&clock_system) - dev->begun_us);
    buf_printf(&out, ", %u worker%s)\n\n", dev->worker_count, dev->worker_count == 1 ? "" : "s");
    buf_printf(&out, "  export TROUPE_REDIS_URL=%s\n", dev->redis_url);
    buf_printf(&out, "  export TROUPE_DATABASE_URL=%s\n\n", dev->database_url);
    buf_printf(&out, "  %s  logs and data%s\n\n", dev->dir,
               dev->temporary ? ", removed at the end (--data DIR keeps them)" : "");
    buf_str(&out, "With these two lines in another terminal, for example:\n\n"
                  "  troupe run ./workflow.json --input '{\"name\": \"you\"}'\n"
                  "  troupe ps\n"
                  "  troupe doctor\n\n"
                  "Ctrl-C ends everything.\n");
    (void)fwrite(buf_slice(&out).ptr, 1, out.len, stderr);
    buf_free(&out);
}

void dev_begin(struct dev *dev, struct cli *cli)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGCHLD};
    dev->cli = cli;
    dev->lock_fd = -1;
    dev->begun_us = clock_mono_us(&clock_system);
    (void)sigemptyset(&dev->signals);
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        (void)sigaddset(&dev->signals, numbers[i]);
    (void)sigprocmask(SIG_BLOCK, &dev->signals, NULL);
}

static int run_until_end(struct dev *dev)
{
    struct err err = ERR_INIT;
    int exec_errno = 0;
    if (dev->cli->settings.argument_count == 0) {
        welcome(dev);
        dev_stay(dev);
        return 0;
    }
    if (dev_start_command(dev, &exec_errno, &err) != 0) {
        (void)cli_fail(dev->cli, &err);
        return exec_errno == ENOENT ? COMMAND_NOT_FOUND : COMMAND_NOT_EXECUTABLE;
    }
    dev_stay(dev);
    int status = dev->command.status;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int cmd_dev(struct cli *cli)
{
    struct err err = ERR_INIT;
    struct dev *dev = calloc(1, sizeof(*dev));
    if (!dev)
        return cli_fail_with(cli, ERR_LIMIT, "not enough memory");
    dev_begin(dev, cli);
    dev->given_dir = settings_string(&cli->settings, "data");
    dev->given_port = (int)settings_number(&cli->settings, "port");
    dev->worker_count = (uint32_t)settings_number(&cli->settings, "workers");
    int status = 0;
    bool up = false;
    if (dev_find_programs(dev, &err) == 0 && dev_make_place(dev, &err) == 0)
        up = dev_bring_up(dev, &err) == 0;
    if (up)
        status = run_until_end(dev);
    else if (dev->stops > 0)
        status = 128 + dev->stop_signal;
    else
        status = cli_fail(cli, &err);
    if (up && dev->stops > 0 && cli->settings.argument_count == 0)
        (void)fprintf(stderr, "\rending (again to kill)\n");
    /* One Ctrl-C ends in good order; only further ones kill. */
    dev->stops = dev->stops > 0;
    dev_end_all(dev);
    dev_leave_place(dev);
    free(dev);
    return status;
}
