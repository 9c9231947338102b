/* help: from the table of commands. */
#include "cli.h"
#include <stdio.h>
#include <string.h>

static const char intro[] = "troupe: workflows without an orchestrator.\n"
                            "\n"
                            "  troupe COMMAND [OPTION...] [ARGUMENT...]\n"
                            "  troupe COMMAND --help\n"
                            "\n";

static const char outro[] =
    "\n"
    "Servers are named by TROUPE_REDIS_URL and TROUPE_DATABASE_URL, by options or by troupe.conf.\n"
    "Exit status: 0 done, 1 the run failed or was cancelled, 2 usage, 3 invalid definition,\n"
    "4 not found, 5 cannot reach a server, 6 conflict or wrong state, 124 timed out waiting.\n"
    "\n"
    "Begin with:\n"
    "  troupe dev\n";

void help_write(FILE *out)
{
    (void)fputs(intro, out);
    (void)fputs("Commands:\n", out);
    for (uint32_t i = 0; i < cli_command_count; i++) {
        if (cli_commands[i].run)
            (void)fprintf(out, "  %-10s %s\n", cli_commands[i].name, cli_commands[i].summary);
    }
    (void)fputs("\nNot supported yet:\n ", out);
    size_t column = 1;
    for (uint32_t i = 0; i < cli_command_count; i++) {
        if (cli_commands[i].run)
            continue;
        column += strlen(cli_commands[i].name) + 1;
        if (column > 78) {
            (void)fputs("\n ", out);
            column = strlen(cli_commands[i].name) + 2;
        }
        (void)fprintf(out, " %s", cli_commands[i].name);
    }
    (void)fputs("\n", out);
    (void)fputs(outro, out);
}

/* Each line of text with `indent` before it. */
static void write_indented(FILE *out, const char *indent, const char *text)
{
    while (*text) {
        size_t line = strcspn(text, "\n");
        (void)fprintf(out, "%s%.*s\n", indent, (int)line, text);
        text += line + (text[line] == '\n');
    }
}

void help_command_write(FILE *out, const struct cli_command *command)
{
    (void)fprintf(out, "troupe %s: %s\n\n", command->name, command->summary);
    const char *form = command->synopsis;
    bool alternative = strcmp(command->name, "cel") == 0;
    (void)fprintf(out, "  troupe %s %.*s\n", command->name, (int)strcspn(form, "\n"), form);
    for (form += strcspn(form, "\n"); *form == '\n'; form += strcspn(form, "\n")) {
        form++;
        (void)fprintf(out, "  %s%s %.*s\n", alternative ? "troupe " : "      ",
                      alternative ? command->name : "", (int)strcspn(form, "\n"), form);
    }
    if (command->details) {
        (void)fputs("\n", out);
        write_indented(out, "", command->details);
    }
    if (!command->run)
        (void)fputs("\nNot supported yet.\n", out);
    (void)fputs("\nOptions:\n", out);
    settings_help(out, command->options, command->option_count);
    if (command->examples) {
        (void)fputs("\nExamples:\n", out);
        write_indented(out, "  ", command->examples);
    }
}
