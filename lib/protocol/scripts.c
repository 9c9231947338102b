#include "protocol/scripts.h"
#include "base/err.h"
#include "base/sha256.h"
#include "protocol/script_source.h"

/* Written once, by scripts_setup, before there are threads; read only ever after. */
static struct {
    struct slice text;
    char sha[41];
} loaded[SCRIPT_COUNT];

static const char *const names[SCRIPT_COUNT] = {
#define X(id, name) [SCRIPT_##id] = name,
    SCRIPTS(X)
#undef X
};

void scripts_setup(void)
{
    for (int script = 0; script < SCRIPT_COUNT; script++) {
        for (size_t i = 0; i < script_source_count; i++) {
            if (strcmp(script_sources[i].name, names[script]) == 0)
                loaded[script].text = slice_of(script_sources[i].text, script_sources[i].len);
        }
        invariant(loaded[script].text.ptr, "no script %s is embedded", names[script]);
        sha1_hex(loaded[script].text, loaded[script].sha);
    }
}

struct slice script_text(enum script script)
{
    invariant(loaded[script].text.ptr, "scripts_setup was not called");
    return loaded[script].text;
}

struct slice script_sha(enum script script)
{
    invariant(loaded[script].text.ptr, "scripts_setup was not called");
    return slice_of(loaded[script].sha, 40);
}

const char *script_name(enum script script) { return names[script]; }
