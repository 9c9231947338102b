/* troupe cancel RUN: asks, and waits until it took effect. */
#include "base/clock.h"
#include "cli.h"
#include "store/store.h"
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

enum { OUTPUT_BYTES_MOST = 1 << 20, POLL_MS = 500 };

static int read_timeout(struct cli *cli, int64_t *timeout_us, struct err *err)
{
    const char *text = settings_string(&cli->settings, "timeout");
    char *end;
    double seconds = strtod(text, &end);
    if (*end || end == text || !isfinite(seconds) || seconds <= 0 || seconds > 1e9)
        return err_set(err, ERR_USAGE, "--timeout: '%s' is not a number of seconds above 0", text);
    *timeout_us = (int64_t)(seconds * 1e6);
    return 0;
}

/* An outage meanwhile is waited out: the command is committed. */
static int wait_for_outcome(struct store *store, struct arena *arena, struct store_command *command,
                            int64_t timeout_us, struct err *err)
{
    const int64_t deadline = clock_mono_us(&clock_system) + timeout_us;
    struct slice id = command->id;
    for (;;) {
        int64_t left_ms = (deadline - clock_mono_us(&clock_system)) / 1000;
        *err = ERR_INIT;
        if (store_command_get(store, id, arena, command, err) == 0) {
            if (command->outcome.ptr)
                return 0;
            if (left_ms <= 0)
                return err_set(err, ERR_TIMEOUT,
                               "the run is not cancelled yet; it will be, once a supervisor runs: "
                               "troupe doctor");
            if (store_wait(store, left_ms < POLL_MS ? left_ms : POLL_MS, err) >= 0)
                continue;
        }
        if (err->code != ERR_UNREACHABLE || left_ms <= 0)
            return -1;
        (void)usleep(POLL_MS * 1000);
    }
}

static int say(struct cli *cli, struct slice run_id, const struct store_command *command)
{
    struct buf out;
    bool ended = command->outcome.ptr && slice_eq_str(command->outcome, "ended");
    if (ended && !cli->json)
        return cli_fail_with(cli, ERR_CONFLICT, "run %.*s had ended before: troupe show %.*s",
                             SLICE_ARG(run_id), SLICE_ARG(run_id));
    buf_init(&out, OUTPUT_BYTES_MOST);
    if (cli->json) {
        buf_str(&out, "{\"run_id\":");
        json_write_string(&out, run_id);
        buf_str(&out, ",\"command_id\":");
        json_write_string(&out, command->id);
        buf_str(&out, ",\"outcome\":");
        if (command->outcome.ptr)
            json_write_string(&out, command->outcome);
        else
            buf_str(&out, "null");
        buf_char(&out, '}');
    } else {
        buf_printf(&out,
                   command->outcome.ptr ? "run %.*s is cancelled\n"
                                        : "run %.*s is going to be cancelled\n",
                   SLICE_ARG(run_id));
    }
    return cli_print(cli, &out, ended ? err_exit_code(ERR_CONFLICT) : 0);
}

int cmd_cancel(struct cli *cli)
{
    struct err err = ERR_INIT;
    struct store_command command;
    int64_t timeout_us = 0;
    struct slice run_id = slice_str(cli_argument(cli, 0));
    if (read_timeout(cli, &timeout_us, &err) != 0)
        return cli_fail(cli, &err);
    struct store *store = cli_store(cli, &err);
    if (!store)
        return cli_fail(cli, &err);
    int result = store_listen(store, "troupe_progress", &err);
    if (result == 0)
        result =
            store_command_add(store, run_id, "cancel", "command line", &cli->arena, &command, &err);
    if (result == 0 && !settings_flag(&cli->settings, "detach"))
        result = wait_for_outcome(store, &cli->arena, &command, timeout_us, &err);
    store_free(store);
    return result == 0 ? say(cli, run_id, &command) : cli_fail(cli, &err);
}
