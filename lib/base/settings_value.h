/* settings_value: from a setting's text to its value. Internal to lib/base. */
#ifndef TROUPE_BASE_SETTINGS_VALUE_H
#define TROUPE_BASE_SETTINGS_VALUE_H

#include "base/buf.h"
#include "base/settings.h"

/* Stores a value that `where` gave ("--port", "TROUPE_PORT", "troupe.conf:3:7: port"); a list grows
 * when the same source gave some before. The text is copied. */
MUSTCHECK int setting_store(struct settings *settings, uint32_t index, enum setting_source source,
                            const char *where, struct slice text, struct err *err);

/* "an integer": for messages. */
const char *setting_expected(enum setting_kind kind);

/* The table's index of a name, or settings->count. */
uint32_t setting_find(const struct settings *settings, struct slice name);

/* True when some program of ours takes that name from a file. */
bool setting_known_elsewhere(struct slice name);

/* The known name that is nearest, or NULL. The file does not know the options of one call, and knows
 * those of all programs. */
const char *setting_suggest(const struct settings *settings, struct slice name, bool from_file);

/* Reads the settings file at `path` for all settings that no flag or variable gave. */
MUSTCHECK int settings_read_file(struct settings *settings, const char *path, struct err *err);

/* The bytes of a file, at most `cap`; -1 and err. The buf is the caller's, already initialised. */
MUSTCHECK int settings_slurp(const char *path, size_t cap, struct buf *buf, struct err *err);

int setting_no_memory(struct err *err);

#endif
