/* text: a string built piece by piece in the arena, and paid for. Internal to lib/cel.
 *
 * Adding never returns an error: `failed` is sticky (no memory, or no budget left), and
 * cel_text_value gives the error in the end. Growing costs a step for each 16 bytes, so that what
 * makes long texts out of short ones is limited too.
 */
#ifndef TROUPE_CEL_TEXT_H
#define TROUPE_CEL_TEXT_H

#include "cel/evaluator.h"

struct cel_text {
    struct cel_evaluator *evaluator;
    char *data;
    size_t length;
    size_t size;
    bool failed;
};

static inline struct cel_text cel_text(struct cel_evaluator *evaluator)
{
    return (struct cel_text){.evaluator = evaluator};
}
void cel_text_add(struct cel_text *text, struct slice piece);
void cel_text_char(struct cel_text *text, char c);
/* What is there so far; not to be used once it failed. */
static inline struct slice cel_text_slice(const struct cel_text *text)
{
    return slice_of(text->data ? text->data : "", text->length);
}
/* The STRING, or the error. */
struct cel_value cel_text_value(const struct cel_text *text);

#endif
