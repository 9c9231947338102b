#include "base/program.h"
#include "base/log.h"
#include <stdio.h>
#include <string.h>

static void write_help(const struct program_about *about, FILE *out)
{
    (void)fputs(about->usage, out);
    settings_help(out, about->table, about->table_count);
    (void)fputs(about->examples, out);
}

static bool given(int argc, char **argv, const char *word)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], word) == 0)
            return true;
    }
    return false;
}

bool program_answers(const struct program_about *about, int argc, char **argv, int *status)
{
    if (given(argc, argv, "--help") || given(argc, argv, "-h"))
        write_help(about, stdout);
    else if (given(argc, argv, "--version"))
        (void)printf("%s %s\n", about->name, about->version);
    else
        return false;
    *status = fflush(stdout) == 0 ? 0 : err_exit_code(ERR_IO);
    return true;
}

int program_settings(const struct program_about *about, int argc, char **argv,
                     struct settings *settings, struct arena *arena, struct err *err)
{
    enum log_level level;
    if (settings_read(settings, arena, about->table, about->table_count, argc, argv, false, err) !=
        0)
        return -1;
    if (settings->argument_count > 0)
        return err_set(err, ERR_USAGE, "'%s' is no option", settings->arguments[0]);
    const char *text = settings_string(settings, "log-level");
    if (!log_level_parse(text, &level))
        return err_set(err, ERR_USAGE, "log-level: '%s' is not one of debug, info, warn, error",
                       text);
    log_setup(about->name, level);
    return 0;
}

void program_reload(const struct program_about *about, int argc, char **argv)
{
    struct settings settings = {0};
    struct arena arena;
    struct err err = ERR_INIT;
    arena_init(&arena, PROGRAM_SETTINGS_BYTES);
    if (program_settings(about, argc, argv, &settings, &arena, &err) != 0)
        log_write(LOG_ERROR, "settings are kept: the new ones are wrong",
                  LOG_S("reason", err.message));
    else
        log_write(LOG_INFO, "settings read again: log-level is what can change",
                  LOG_S("log_level", settings_string(&settings, "log-level")));
    arena_free(&arena);
}

int program_fail(const struct program_about *about, const struct err *err)
{
    (void)fprintf(stderr, "%s: %s\n", about->name, err->message);
    return err_exit_code(err->code);
}
