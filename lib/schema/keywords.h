/* keywords: the rows of keywords.def. Internal to lib/schema. */
#ifndef TROUPE_SCHEMA_KEYWORDS_H
#define TROUPE_SCHEMA_KEYWORDS_H

#include "schema/node.h"
#include <stddef.h>

/* What a keyword's value must be. */
enum keyword_kind {
    KIND_VALUE, /* anything */
    KIND_TYPES,
    KIND_CHOICES,
    KIND_NUMBER,
    KIND_DIVISOR,
    KIND_COUNT,
    KIND_BOOL,
    KIND_TEXT,
    KIND_LIST,
    KIND_PATTERN,
    KIND_FORMAT,
    KIND_NAMES,
    KIND_SCHEMA,
    KIND_SCHEMAS,
    KIND_PROPERTIES,
    KIND_PATTERNS,
    KIND_REFERENCE,
    KIND_DEFINITIONS,
    KIND_DIALECT,
    KIND_IDENTITY,
    KIND_REFUSED,
};

struct keyword {
    const char *name;
    enum keyword_kind kind;
    size_t member;   /* offset in struct schema_node; kept only with a group */
    unsigned group;  /* 0: a note */
    const char *why; /* REFUSED */
};

#endif
