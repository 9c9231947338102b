#include "base/program.h"
#include "base/alloc.h"
#include "base/log.h"
#include <signal.h>
#include <stdio.h>
#include <string.h>

enum { SETTINGS_BYTES = 4 << 20 };

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

/* Wherever they stand, before anything is read. */
static bool answers(const struct program_about *about, int argc, char **argv, int *status)
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

static int read_settings(const struct program *program, struct settings *settings,
                         struct arena *arena, struct err *err)
{
    const struct program_about *about = program->about;
    enum log_level level;
    if (settings_read(settings, arena, about->table, about->table_count, program->argc,
                      program->argv, false, err) != 0)
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

bool program_open(struct program *program, const struct program_about *about, int argc, char **argv,
                  int *status)
{
    struct err err = ERR_INIT;
    *program = (struct program){.about = about, .argc = argc, .argv = argv};
    arena_init(&program->arena, SETTINGS_BYTES);
    (void)signal(SIGPIPE, SIG_IGN);
    if (answers(about, argc, argv, status))
        return false;
    mem_give_back();
    log_setup(about->name, LOG_INFO);
    if (read_settings(program, &program->settings, &program->arena, &err) == 0)
        return true;
    *status = program_fail(about, &err);
    return false;
}

void program_close(struct program *program) { arena_free(&program->arena); }

void program_reload(const struct program *program)
{
    struct settings settings = {0};
    struct arena arena;
    struct err err = ERR_INIT;
    arena_init(&arena, SETTINGS_BYTES);
    if (read_settings(program, &settings, &arena, &err) != 0)
        log_write(LOG_ERROR, "settings are kept: the new ones are wrong",
                  LOG_S("reason", err.message));
    else
        log_write(LOG_INFO, "settings read again: log-level is what can change",
                  LOG_S("log_level", settings_string(&settings, "log-level")));
    arena_free(&arena);
}

int program_serve(struct program *program, struct event_base *base, const struct probes_asks *asks,
                  struct err *err)
{
    const struct settings *settings = &program->settings;
    if (!settings_given(settings, "http-port"))
        return 0;
    program->probes =
        probes_start(base, (uint16_t)settings_number(settings, "http-port"), asks, err);
    return program->probes ? 0 : -1;
}

int program_fail(const struct program_about *about, const struct err *err)
{
    (void)fprintf(stderr, "%s: %s\n", about->name, err->message);
    return err_exit_code(err->code);
}
