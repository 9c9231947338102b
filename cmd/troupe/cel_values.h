/* cel_values: variables with JSON values, and expressions over them. */
#ifndef TROUPE_CEL_VALUES_H
#define TROUPE_CEL_VALUES_H

#include "cel/cel.h"
#include "cli.h"

enum { CEL_VALUES_MOST = 1000 };

struct cel_values {
    struct arena *arena; /* names and values live here */
    struct cel_variable names[CEL_VALUES_MOST];
    struct cel_value values[CEL_VALUES_MOST];
    struct slice texts[CEL_VALUES_MOST]; /* the values as JSON */
    uint32_t count;
};

void cel_values_init(struct cel_values *values, struct arena *arena);
/* The members of an object, as variables. `what` is named in errors. */
MUSTCHECK int cel_values_read(struct cel_values *values, struct slice json, const char *what,
                              struct err *err);
/* A new variable, or a new value of one. */
MUSTCHECK int cel_values_set(struct cel_values *values, struct slice name, struct slice json,
                             struct err *err);
bool cel_values_drop(struct cel_values *values, struct slice name);
/* Compiles; NULL when that fails: the error is on stderr then, with the place. */
MUSTCHECK const struct cel_program *cel_values_compile(const struct cel_values *values,
                                                       struct slice source, struct arena *arena,
                                                       struct cli *cli);
/* Appends the expression's value to `out`, as JSON. -1: the error is on stderr, with the place. */
MUSTCHECK int cel_values_eval(const struct cel_values *values, struct slice source,
                              struct arena *arena, struct buf *out, struct cli *cli);

/* Reads expressions from stdin until its end. Returns the exit status. */
int cel_repl(struct cli *cli, struct cel_values *values);

#endif
