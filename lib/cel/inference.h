/* inference: type variables and what they are bound to. Internal to lib/cel.
 *
 * A binding may be made more general later (int, then dyn), never replaced by another. A failed
 * attempt leaves no binding behind. Without memory `failed` is set and answers are "no".
 *
 * Variables that stand for maps of variables that stand for … make a short expression have a type
 * that takes forever to look through: each question may visit so many types only. Beyond that a type
 * is dyn, and nothing is assignable.
 */
#ifndef TROUPE_CEL_INFERENCE_H
#define TROUPE_CEL_INFERENCE_H

#include "cel/types.h"

struct cel_binding_change;

struct cel_inference {
    struct arena *arena;
    const struct cel_type **bound; /* by variable id, NULL: free */
    uint32_t count;
    uint32_t size;
    struct cel_binding_change *trail; /* to undo */
    uint32_t trail_count;
    uint32_t trail_size;
    uint32_t visits_left; /* of the question that is being answered */
    bool failed;          /* no memory */
};

void cel_inference_init(struct cel_inference *inference, struct arena *arena);
/* A fresh variable, or NULL. */
MUSTCHECK const struct cel_type *cel_infer_fresh(struct cel_inference *inference);
/* Can a value of type `from` be used as `to`? Binds variables of both when so, nothing when not. */
bool cel_infer_assignable(struct cel_inference *inference, const struct cel_type *from,
                          const struct cel_type *to);
/* The type with variables replaced; free ones stay variables. NULL without memory. */
MUSTCHECK const struct cel_type *cel_infer_resolve(struct cel_inference *inference,
                                                   const struct cel_type *type);
/* The type of a list whose elements so far are `previous` (NULL: none) and now `next`. */
MUSTCHECK const struct cel_type *cel_infer_join(struct cel_inference *inference,
                                                const struct cel_type *previous,
                                                const struct cel_type *next);
/* Tries the overloads of a function, given as a library signature (see library.h), on these
 * arguments. The result type; NULL when none fits (or `failed`). */
MUSTCHECK const struct cel_type *cel_infer_call(struct cel_inference *inference,
                                                const char *signatures, bool method,
                                                const struct cel_type *const *arguments,
                                                uint32_t count);

/* Marks for undoing by hand. */
uint32_t cel_infer_mark(const struct cel_inference *inference);
void cel_infer_undo(struct cel_inference *inference, uint32_t mark);

#endif
