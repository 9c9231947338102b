/* cli: errors, notes, output and files, as all commands have them. */
#include "cli.h"
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { READ_STEP_BYTES = 64 << 10 };

static void write_line(const struct cli *cli, const char *text)
{
    struct buf line;
    buf_init(&line, 64u << 10);
    buf_str(&line, "troupe: ");
    if (cli->log.tty)
        text_plain(&line, slice_str(text));
    else
        buf_str(&line, text);
    buf_char(&line, '\n');
    (void)fputs(buf_ok(&line) ? line.data : text, stderr);
    buf_free(&line);
}

int cli_fail(const struct cli *cli, const struct err *err)
{
    write_line(cli, err->message);
    if (err->code == ERR_USAGE && cli->command)
        (void)fprintf(stderr, "See 'troupe %s --help'.\n", cli->command->name);
    return err_exit_code(err->code);
}

int cli_fail_with(const struct cli *cli, enum err_code code, const char *format, ...)
{
    struct err err = {.code = code};
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(err.message, sizeof(err.message), format, arguments);
    va_end(arguments);
    return cli_fail(cli, &err);
}

void cli_note(const struct cli *cli, const char *format, ...)
{
    char text[2000];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    write_line(cli, text);
}

int cli_print(struct cli *cli, struct buf *buf, int status)
{
    if (!buf_ok(buf)) {
        buf_free(buf);
        return cli_fail_with(cli, ERR_LIMIT, "not enough memory for the output");
    }
    bool ended = buf->len == 0 || buf->data[buf->len - 1] == '\n';
    bool written = fwrite(buf_slice(buf).ptr, 1, buf->len, stdout) == buf->len &&
                   (ended || fputc('\n', stdout) != EOF) && fflush(stdout) == 0;
    const int why = errno;
    buf_free(buf);
    if (!written && why == EPIPE) /* the reader has seen enough: troupe ps | head */
        return err_exit_code(ERR_IO);
    if (!written)
        return cli_fail_with(cli, ERR_IO, "cannot write to stdout: %s", strerror(why));
    return status;
}

struct store *cli_store(struct cli *cli, struct err *err)
{
    const char *url = settings_string(&cli->settings, "database-url");
    if (!url || !*url) {
        err_set(err, ERR_USAGE,
                "no database is named: set TROUPE_DATABASE_URL, or run under 'troupe dev'");
        return NULL;
    }
    struct store *store = store_new(url, "troupe", err);
    if (store && store_check(store, err) != 0) {
        store_free(store);
        return NULL;
    }
    return store;
}

static int read_all(int fd, const char *path, size_t most_bytes, struct buf *content,
                    struct err *err)
{
    for (;;) {
        if (!buf_reserve(content, READ_STEP_BYTES))
            return err_set(err, ERR_LIMIT, "not enough memory for %s", path);
        ssize_t got = read(fd, content->data + content->len, READ_STEP_BYTES);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return err_set(err, ERR_IO, "cannot read %s: %s", path, strerror(errno));
        if (got == 0)
            return 0;
        content->len += (size_t)got;
        content->data[content->len] = '\0';
        if (content->len > most_bytes)
            return err_set(err, ERR_INVALID, "%s is larger than %zu MiB", path, most_bytes >> 20);
    }
}

int file_read(const char *path, size_t most_bytes, struct arena *arena, struct slice *content,
              struct err *err)
{
    bool is_stdin = strcmp(path, "-") == 0;
    int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_set(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "cannot open %s: %s", path,
                       strerror(errno));
    struct buf buf;
    buf_init(&buf, most_bytes + 2 * READ_STEP_BYTES);
    int result = read_all(fd, is_stdin ? "stdin" : path, most_bytes, &buf, err);
    if (!is_stdin)
        (void)close(fd);
    if (result == 0) {
        *content = arena_copy(arena, buf_slice(&buf));
        if (!content->ptr)
            result = err_set(err, ERR_LIMIT, "not enough memory for %s", path);
    }
    buf_free(&buf);
    return result;
}
