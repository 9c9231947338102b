/* scripts: the files of lua/ by name, with their SHA-1 as Redis computes it. */
#ifndef TROUPE_PROTOCOL_SCRIPTS_H
#define TROUPE_PROTOCOL_SCRIPTS_H

#include "base/slice.h"

#define SCRIPTS(X)                                                                                 \
    X(OPEN, "open")                                                                                \
    X(START, "start")                                                                              \
    X(SETTLE, "settle")                                                                            \
    X(HELLO, "hello")                                                                              \
    X(BEAT, "beat")                                                                                \
    X(RECLAIM, "reclaim")                                                                          \
    X(LEAVE, "leave")                                                                              \
    X(CANCEL, "cancel")                                                                            \
    X(REJECT, "reject")                                                                            \
    X(FORGET, "forget")                                                                            \
    X(LOAD, "load")                                                                                \
    X(INSPECT, "inspect")                                                                          \
    X(FIRE, "fire")                                                                                \
    X(DISMISS, "dismiss")                                                                          \
    X(TASKS, "tasks")                                                                              \
    X(NOTE, "note")

enum script {
#define X(id, name) SCRIPT_##id,
    SCRIPTS(X)
#undef X
        SCRIPT_COUNT,
};

/* Call once at the start of main(), before any thread: computes the digests. */
void scripts_setup(void);
struct slice script_text(enum script script);
struct slice script_sha(enum script script); /* 40 hex digits */
const char *script_name(enum script script);

#endif
