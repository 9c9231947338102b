/* replay: runs a fuzzer's function over files and the files of folders, one after the other.
 *
 *     replay_NAME PATH...
 *
 * Each path is printed before it is run: the last one is the one that ended the process. The last
 * line of a good run is "N inputs".
 */
#include "fuzz.h"
#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

enum { INPUT_BYTES_MOST = 1 << 24, PATH_BYTES = 4096 };

static _Noreturn void die(const char *path, const char *why)
{
    fprintf(stderr, "replay: %s: %s\n", path, why);
    exit(2);
}

/* The copy is exactly as long as the file, so that a sanitizer sees what reads behind it. */
static void replay_file(const char *path, size_t size)
{
    FILE *file = fopen(path, "rb");
    uint8_t *data = malloc(size ? size : 1);
    if (!file || !data || size > INPUT_BYTES_MOST)
        die(path, file ? "too large" : strerror(errno));
    if (fread(data, 1, size, file) != size)
        die(path, "cannot be read");
    (void)fclose(file);
    printf("%s\n", path);
    (void)fflush(stdout);
    (void)LLVMFuzzerTestOneInput(data, size);
    free(data);
}

static int visible(const struct dirent *entry) { return entry->d_name[0] != '.'; }

static unsigned replay(const char *path)
{
    struct stat status;
    if (stat(path, &status) != 0)
        die(path, strerror(errno));
    if (!S_ISDIR(status.st_mode)) {
        replay_file(path, (size_t)status.st_size);
        return 1;
    }
    struct dirent **entries = NULL;
    int count = scandir(path, &entries, visible, alphasort);
    if (count < 0)
        die(path, strerror(errno));
    unsigned inputs = 0;
    for (int i = 0; i < count; i++) {
        char below[PATH_BYTES];
        int length = snprintf(below, sizeof(below), "%s/%s", path, entries[i]->d_name);
        if (length < 0 || (size_t)length >= sizeof(below))
            die(path, "a path in it is too long");
        inputs += replay(below);
        free(entries[i]);
    }
    free(entries);
    return inputs;
}

int main(int argc, char **argv)
{
    unsigned inputs = 0;
    for (int i = 1; i < argc; i++)
        inputs += replay(argv[i]);
    printf("%u inputs\n", inputs);
    return inputs ? 0 : 2;
}
