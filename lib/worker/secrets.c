#include "worker/secrets.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/settings_value.h"
#include "base/strmap.h"
#include "base/utf8.h"
#include "worker/secrets_command.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SECRET_BYTES = 64 << 10, TTL_MS = 60000, PATH_BYTES = 4096, VARIABLE_BYTES = 512 };

/* A value, or what is known of there being none, of one file. */
struct kept {
    struct slice value; /* ptr NULL: no file */
    int64_t read_us;    /* monotonic */
};

struct secrets {
    struct graph_secrets source;
    char *prefix, *directory;
    int64_t ttl_us;
    struct strmap files;             /* of struct kept */
    struct secrets_command *command; /* NULL: none */
};

/* --- values --- */

static struct slice trimmed(struct slice text)
{
    while (text.len > 0 && (text.ptr[text.len - 1] == '\n' || text.ptr[text.len - 1] == '\r'))
        text.len--;
    return text;
}

static bool usable(struct slice value)
{
    if (value.len == 0 || value.len > SECRET_BYTES || memchr(value.ptr, '\0', value.len))
        return false;
    for (size_t at = 0, len; at < value.len; at += len) {
        len = utf8_sequence(value.ptr + at, value.len - at);
        if (len == 0)
            return false;
    }
    return true;
}

static void wipe(struct slice value)
{
    if (!value.ptr)
        return;
    char *bytes = (char *)(uintptr_t)value.ptr;
    explicit_bzero(bytes, value.len);
    free(bytes);
}

/* --- environment --- */

static bool from_environment(const struct secrets *secrets, struct slice name, struct slice *value)
{
    char variable[VARIABLE_BYTES];
    if (!secrets->prefix || !secrets->prefix[0])
        return false;
    const int len =
        snprintf(variable, sizeof(variable), "%s%.*s", secrets->prefix, SLICE_ARG(name));
    if (len < 0 || (size_t)len >= sizeof(variable))
        return false;
    const char *text = getenv(variable);
    for (char *c = variable + strlen(secrets->prefix); !text && *c; c++) {
        if (*c >= 'a' && *c <= 'z')
            *c = (char)(*c - 'a' + 'A');
        else if (*c == '-' || *c == '.')
            *c = '_';
    }
    if (!text)
        text = getenv(variable);
    *value = text ? trimmed(slice_str(text)) : SLICE_NONE;
    return text && usable(*value);
}

/* --- files --- */

/* ptr NULL: there is none that can be used; what is there and cannot be is logged. */
static struct slice read_file(const struct secrets *secrets, struct slice name)
{
    char path[PATH_BYTES];
    struct err err = ERR_INIT;
    struct slice value = SLICE_NONE;
    struct buf text;
    const int len = snprintf(path, sizeof(path), "%s/%.*s", secrets->directory, SLICE_ARG(name));
    if (len < 0 || (size_t)len >= sizeof(path) || access(path, F_OK) != 0)
        return SLICE_NONE;
    buf_init(&text, SECRET_BYTES + 2);
    if (settings_slurp(path, SECRET_BYTES, &text, &err) != 0) {
        log_write(LOG_WARN, "a secret cannot be read", LOG_S("reason", err.message));
    } else if (!usable(trimmed(buf_slice(&text)))) {
        log_write(LOG_WARN, "a file of a secret is empty, too large or no text",
                  LOG_S("file", path));
    } else {
        const struct slice found = trimmed(buf_slice(&text));
        char *copy = malloc(found.len);
        if (copy)
            memcpy(copy, found.ptr, found.len);
        value = copy ? slice_of(copy, found.len) : SLICE_NONE;
    }
    if (text.data)
        explicit_bzero(text.data, text.len);
    buf_free(&text);
    return value;
}

static void forget_files(struct secrets *secrets)
{
    struct slice name;
    void *entry;
    for (size_t at = 0; strmap_each(&secrets->files, &at, &name, &entry);) {
        struct kept *kept = entry;
        wipe(kept->value);
        free(kept);
    }
    strmap_free(&secrets->files);
    strmap_init(&secrets->files);
}

/* A file that is not there is looked for again each time: somebody may be waiting for it. */
static bool from_file(struct secrets *secrets, struct slice name, struct slice *value)
{
    const int64_t now_us = clock_mono_us(&clock_system);
    struct kept *kept = strmap_get(&secrets->files, name);
    if (kept && kept->value.ptr && now_us - kept->read_us < secrets->ttl_us) {
        *value = kept->value;
        return true;
    }
    if (!secrets->directory)
        return false;
    if (!kept) {
        kept = calloc(1, sizeof(*kept));
        if (!kept)
            return false;
        if (strmap_put(&secrets->files, name, kept) != 0) {
            free(kept);
            return false;
        }
    }
    wipe(kept->value);
    kept->value = read_file(secrets, name);
    kept->read_us = now_us;
    *value = kept->value;
    return kept->value.ptr != NULL;
}

/* --- all --- */

static bool from_command(const struct secrets *secrets, struct slice name, struct arena *arena,
                         struct slice *value)
{
    struct slice said;
    if (!secrets->command || !secrets_command_find(secrets->command, name, arena, &said))
        return false;
    *value = trimmed(said);
    return usable(*value);
}

static bool find(void *context, struct slice name, struct arena *arena, struct slice *value)
{
    struct secrets *secrets = context;
    struct slice found = SLICE_NONE;
    if (!from_environment(secrets, name, &found) && !from_file(secrets, name, &found) &&
        !from_command(secrets, name, arena, &found))
        return false;
    *value = arena_copy(arena, found);
    return value->ptr != NULL;
}

struct secrets *secrets_new(struct event_base *base, const struct secrets_options *options,
                            struct err *err)
{
    struct secrets *secrets = calloc(1, sizeof(*secrets));
    const int64_t ttl_ms = options->ttl_ms > 0 ? options->ttl_ms : TTL_MS;
    if (!secrets) {
        (void)err_set(err, ERR_LIMIT, "no memory for secrets");
        return NULL;
    }
    secrets->source = (struct graph_secrets){.find = find, .context = secrets};
    secrets->ttl_us = ttl_ms * 1000;
    secrets->prefix = options->env_prefix ? strdup(options->env_prefix) : NULL;
    secrets->directory = options->directory ? strdup(options->directory) : NULL;
    strmap_init(&secrets->files);
    bool good =
        (secrets->prefix || !options->env_prefix) && (secrets->directory || !options->directory);
    if (!good)
        (void)err_set(err, ERR_LIMIT, "no memory for secrets");
    if (good && options->directory && access(options->directory, R_OK | X_OK) != 0) {
        (void)err_set(err, ERR_USAGE, "secrets-dir: %s: %s", options->directory, strerror(errno));
        good = false;
    }
    if (good && options->command) {
        secrets->command = secrets_command_new(base, options->command, ttl_ms, err);
        good = secrets->command != NULL;
    }
    if (good)
        return secrets;
    secrets_free(secrets);
    return NULL;
}

void secrets_free(struct secrets *secrets)
{
    if (!secrets)
        return;
    secrets_command_free(secrets->command);
    forget_files(secrets);
    strmap_free(&secrets->files);
    free(secrets->prefix);
    free(secrets->directory);
    free(secrets);
}

void secrets_refresh(struct secrets *secrets)
{
    forget_files(secrets);
    if (secrets->command)
        secrets_command_run(secrets->command);
}

const struct graph_secrets *secrets_source(const struct secrets *secrets)
{
    return &secrets->source;
}
