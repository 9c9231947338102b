/* troupe import FORMAT FILE: a foreign workflow as a definition, on stdout. */
#include "cli.h"
#include "wfformat.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { SOURCE_BYTES_MOST = 256 << 20, OUTPUT_BYTES_MOST = 256 << 20, READ_BYTES = 64 << 10 };
#define IMPORT_ARENA_BYTES ((size_t)2 << 30)

/* Compressed or not: zlib tells by itself. */
static int read_file(const char *path, struct buf *source, struct err *err)
{
    char part[READ_BYTES];
    int got, code = 0;
    gzFile file = gzopen(path, "rb");
    if (!file)
        return err_set(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "cannot open %s: %s", path,
                       strerror(errno));
    while ((got = gzread(file, part, sizeof part)) > 0)
        buf_append(source, part, (size_t)got);
    const char *why = gzerror(file, &code);
    int result = 0;
    if (got < 0)
        result = err_set(err, code == Z_ERRNO ? ERR_IO : ERR_INVALID, "cannot read %s: %s", path,
                         code == Z_ERRNO ? strerror(errno) : why);
    else if (!buf_ok(source))
        result = err_set(err, ERR_LIMIT, "%s is larger than %d MiB", path, SOURCE_BYTES_MOST >> 20);
    (void)gzclose_r(file);
    return result;
}

static int read_scale(struct cli *cli, double *scale, struct err *err)
{
    const char *text = settings_string(&cli->settings, "scale");
    char *end;
    *scale = strtod(text, &end);
    if (*end || end == text || !isfinite(*scale) || *scale < 0)
        return err_set(err, ERR_USAGE, "--scale: '%s' is not a number, 0 or more", text);
    return 0;
}

int cmd_import(struct cli *cli)
{
    struct err err = ERR_INIT;
    struct buf source, out;
    struct arena arena;
    double scale;
    if (strcmp(cli_argument(cli, 0), "wfformat") != 0)
        return cli_fail_with(cli, ERR_USAGE, "import: unknown format '%s': there is wfformat",
                             cli_argument(cli, 0));
    if (read_scale(cli, &scale, &err) != 0)
        return cli_fail(cli, &err);
    buf_init(&source, SOURCE_BYTES_MOST);
    buf_init(&out, OUTPUT_BYTES_MOST);
    arena_init(&arena, IMPORT_ARENA_BYTES);
    int result = read_file(cli_argument(cli, 1), &source, &err);
    if (result == 0)
        result =
            wfformat_write(&out, buf_slice(&source), cli_argument(cli, 1), scale, &arena, &err);
    buf_free(&source);
    arena_free(&arena);
    if (result == 0)
        return cli_print(cli, &out, 0);
    buf_free(&out);
    return cli_fail(cli, &err);
}
