/* lexer: source text to tokens, one at a time. Internal to lib/cel. */
#ifndef TROUPE_CEL_LEXER_H
#define TROUPE_CEL_LEXER_H

#include "cel/cel.h"

enum cel_token_kind {
    CEL_TOKEN_END,
    CEL_TOKEN_NAME,        /* keywords and reserved words too */
    CEL_TOKEN_QUOTED_NAME, /* `content-type`; content without the backticks */
    CEL_TOKEN_INT,
    CEL_TOKEN_UINT, /* text without the suffix */
    CEL_TOKEN_DOUBLE,
    CEL_TOKEN_STRING,
    CEL_TOKEN_BYTES,
    CEL_TOKEN_SYMBOL, /* one of ( ) [ ] { } . , : ? + - * / % ! < <= > >= == != && || */
};

struct cel_token {
    enum cel_token_kind kind;
    uint32_t offset;
    struct slice text;    /* as written */
    struct slice content; /* STRING, BYTES: between the quotes; names and numbers: what counts */
    bool escaped;         /* STRING, BYTES: content has escapes to decode */
};

struct cel_lexer {
    struct slice source; /* valid UTF-8 */
    size_t at;
    struct cel_error *error; /* filled when cel_lexer_next fails */
};

MUSTCHECK int cel_lexer_next(struct cel_lexer *lexer, struct cel_token *token);

/* The value of a STRING or BYTES token: a view of the source, or decoded into the arena. */
MUSTCHECK int cel_lexer_decode(const struct cel_lexer *lexer, const struct cel_token *token,
                               struct arena *arena, struct slice *value);

static inline bool cel_token_is(const struct cel_token *token, const char *symbol)
{
    return token->kind == CEL_TOKEN_SYMBOL && slice_eq_str(token->text, symbol);
}
static inline bool cel_token_is_word(const struct cel_token *token, const char *word)
{
    return token->kind == CEL_TOKEN_NAME && slice_eq_str(token->text, word);
}
/* "'+'", "the end of the expression": for "…, found X". */
struct slice cel_token_describe(const struct cel_token *token, char *out, size_t size);

#endif
