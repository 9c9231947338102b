/* troupe: the command line. Finds the command, reads its options, runs it. */
#include "base/log.h"
#include "base/suggest.h"
#include "base/version.h"
#include "cli.h"
#include "protocol/scripts.h"
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { CALL_ARENA_BYTES = 1 << 30 };

static bool is_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

static int unknown_command(const char *name)
{
    struct suggest suggest;
    suggest_init(&suggest, slice_str(name));
    for (uint32_t i = 0; i < cli_command_count; i++)
        suggest_offer(&suggest, slice_str(cli_commands[i].name));
    if (*name == '-') {
        suggest_offer(&suggest, SLICE("--help"));
        suggest_offer(&suggest, SLICE("--version"));
    }
    (void)fprintf(stderr, "troupe: unknown %s '%s'", *name == '-' ? "option" : "command", name);
    if (suggest.best.ptr)
        (void)fprintf(stderr, "; did you mean '%.*s'?", SLICE_ARG(suggest.best));
    (void)fputs("\nSee 'troupe --help'.\n", stderr);
    return EXIT_USAGE;
}

/* -o json, or the command's default; anything else is the command's own business or wrong. */
static int read_output(struct cli *cli)
{
    for (uint32_t i = 0; i < cli->command->option_count; i++) {
        const struct setting *option = &cli->command->options[i];
        if (strcmp(option->name, "output") != 0)
            continue;
        const char *format = settings_string(&cli->settings, "output");
        cli->json = strcmp(format, "json") == 0;
        bool of_its_own = strcmp(option->default_text, "table") != 0;
        if (!cli->json && !of_its_own && strcmp(format, "table") != 0)
            return cli_fail_with(cli, ERR_USAGE, "--output: '%s' is not one of table, json",
                                 format);
    }
    return 0;
}

static int check_arguments(struct cli *cli)
{
    const struct cli_command *command = cli->command;
    uint32_t count = cli->settings.argument_count;
    if (count < command->least)
        return cli_fail_with(cli, ERR_USAGE, "%s: an argument is missing: troupe %s %.*s",
                             command->name, command->name, (int)strcspn(command->synopsis, "\n"),
                             command->synopsis);
    if (count > command->most)
        return cli_fail_with(cli, ERR_USAGE, "%s: one argument too many: '%s'", command->name,
                             cli_argument(cli, command->most));
    return 0;
}

/* argv begins with the command's name. */
static int run_command(struct cli *cli, int argc, char **argv)
{
    const struct cli_command *command = cli->command;
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (is_help(argv[i])) {
            help_command_write(stdout, command);
            return fflush(stdout) == 0 ? 0 : err_exit_code(ERR_IO);
        }
    }
    if (!command->run) {
        (void)fprintf(stderr, "troupe: %s: not supported yet\n", command->name);
        return EXIT_USAGE;
    }
    struct err err = ERR_INIT;
    bool stop_at_argument = command->run == cmd_dev;
    if (settings_read(&cli->settings, &cli->arena, command->options, command->option_count, argc,
                      argv, stop_at_argument, &err) != 0)
        return cli_fail(cli, &err);
    int status = read_output(cli);
    if (status == 0)
        status = check_arguments(cli);
    return status ? status : command->run(cli);
}

int main(int argc, char **argv)
{
    (void)signal(SIGPIPE, SIG_IGN);
    log_setup("troupe", LOG_WARN);
    scripts_setup();
    if (argc < 2) {
        help_write(stderr);
        return EXIT_USAGE;
    }
    if (is_help(argv[1]) || (strcmp(argv[1], "help") == 0 && argc == 2)) {
        help_write(stdout);
        return fflush(stdout) == 0 ? 0 : err_exit_code(ERR_IO);
    }
    if (strcmp(argv[1], "--version") == 0) {
        (void)puts("troupe " TROUPE_VERSION);
        return fflush(stdout) == 0 ? 0 : err_exit_code(ERR_IO);
    }
    struct cli cli = {.out = term_of(STDOUT_FILENO), .log = term_of(STDERR_FILENO)};
    arena_init(&cli.arena, CALL_ARENA_BYTES);
    int status;
    if (strcmp(argv[1], "help") == 0 && (cli.command = cli_command_find(argv[2]))) {
        help_command_write(stdout, cli.command);
        status = fflush(stdout) == 0 ? 0 : err_exit_code(ERR_IO);
    } else if ((cli.command = cli_command_find(argv[1])))
        status = run_command(&cli, argc - 1, argv + 1);
    else
        status = unknown_command(strcmp(argv[1], "help") == 0 ? argv[2] : argv[1]);
    arena_free(&cli.arena);
    return status;
}
