#include "cel/inference.h"

#define MAX_VISITS 10000u

struct cel_binding_change {
    uint32_t id;
    const struct cel_type *before;
};

void cel_inference_init(struct cel_inference *inference, struct arena *arena)
{
    *inference = (struct cel_inference){.arena = arena};
}

/* Room for one more item in an array of the arena; the old array is left to the arena. */
static bool grow(struct cel_inference *inference, void **items, uint32_t count, uint32_t *size,
                 size_t item_size)
{
    if (count < *size)
        return true;
    uint32_t larger = *size ? *size * 2 : 16;
    void *copy = arena_array(inference->arena, larger, item_size);
    if (!copy) {
        inference->failed = true;
        return false;
    }
    if (count > 0)
        memcpy(copy, *items, count * item_size);
    *items = copy;
    *size = larger;
    return true;
}

const struct cel_type *cel_infer_fresh(struct cel_inference *inference)
{
    void *items = inference->bound;
    struct cel_type *type = arena_alloc(inference->arena, sizeof(*type));
    if (!type || !grow(inference, &items, inference->count, &inference->size,
                       sizeof(const struct cel_type *))) {
        inference->failed = true;
        return NULL;
    }
    inference->bound = items;
    inference->bound[inference->count] = NULL;
    *type = (struct cel_type){.kind = CEL_TYPE_VARIABLE, .id = inference->count++, .name = "dyn"};
    return type;
}

uint32_t cel_infer_mark(const struct cel_inference *inference) { return inference->trail_count; }

void cel_infer_undo(struct cel_inference *inference, uint32_t mark)
{
    while (inference->trail_count > mark) {
        const struct cel_binding_change *change = &inference->trail[--inference->trail_count];
        inference->bound[change->id] = change->before;
    }
}

static bool bind(struct cel_inference *inference, const struct cel_type *variable,
                 const struct cel_type *type)
{
    void *items = inference->trail;
    if (!grow(inference, &items, inference->trail_count, &inference->trail_size,
              sizeof(struct cel_binding_change)))
        return false;
    inference->trail = items;
    inference->trail[inference->trail_count++] =
        (struct cel_binding_change){variable->id, inference->bound[variable->id]};
    inference->bound[variable->id] = type;
    return true;
}

static bool type_equal(const struct cel_type *a, const struct cel_type *b)
{
    if (a == b)
        return true;
    if (a->kind != b->kind || a->id != b->id || a->count != b->count ||
        strcmp(a->name, b->name) != 0)
        return false;
    for (uint32_t i = 0; i < a->count; i++)
        if (!type_equal(a->parameters[i], b->parameters[i]))
            return false;
    return true;
}

/* One more type is looked at; false when it were too many. */
static bool visit(struct cel_inference *inference)
{
    if (inference->visits_left == 0)
        return false;
    inference->visits_left--;
    return true;
}

/* Does the variable occur in type, through bindings too? Binding it there would make a cycle. */
static bool occurs(struct cel_inference *inference, const struct cel_type *variable,
                   const struct cel_type *type)
{
    if (!visit(inference))
        return true;
    if (type->kind == CEL_TYPE_VARIABLE) {
        if (type->id == variable->id)
            return true;
        const struct cel_type *bound = inference->bound[type->id];
        return bound && occurs(inference, variable, bound);
    }
    for (uint32_t i = 0; i < type->count; i++)
        if (occurs(inference, variable, type->parameters[i]))
            return true;
    return false;
}

/* Is a at least as general as b? */
static bool as_general(const struct cel_type *a, const struct cel_type *b)
{
    if (a->kind == CEL_TYPE_DYN || a->kind == CEL_TYPE_VARIABLE)
        return true;
    if (b->kind == CEL_TYPE_DYN || b->kind == CEL_TYPE_VARIABLE)
        return false;
    if (a->kind == CEL_TYPE_NUMBER)
        return cel_type_is_number(b);
    if (a->kind != b->kind || a->count != b->count || strcmp(a->name, b->name) != 0)
        return false;
    if (a->kind == CEL_TYPE_TYPE)
        return true;
    for (uint32_t i = 0; i < a->count; i++)
        if (!as_general(a->parameters[i], b->parameters[i]))
            return false;
    return true;
}

static const struct cel_type *more_general(const struct cel_type *a, const struct cel_type *b)
{
    return as_general(a, b) ? a : b;
}

static bool assignable(struct cel_inference *inference, const struct cel_type *from,
                       const struct cel_type *to);

enum substitution { FITS, CLASHES, IMPOSSIBLE };

/* Makes `variable` stand for `type` too. CLASHES: it stands for something else already. */
static enum substitution substitute(struct cel_inference *inference, const struct cel_type *type,
                                    const struct cel_type *variable)
{
    if (type_equal(type, variable))
        return FITS;
    const struct cel_type *bound = inference->bound[variable->id];
    if (!bound) {
        if (occurs(inference, variable, type))
            return IMPOSSIBLE;
        return bind(inference, variable, type) ? FITS : IMPOSSIBLE;
    }
    if (type_equal(type, bound))
        return FITS;
    if (!assignable(inference, type, bound))
        return CLASHES;
    const struct cel_type *wider = more_general(type, bound);
    if (wider != bound && !occurs(inference, variable, wider) && !bind(inference, variable, wider))
        return IMPOSSIBLE;
    return FITS;
}

static bool nullable(const struct cel_type *type)
{
    return type->kind == CEL_TYPE_NULL || type->kind == CEL_TYPE_TIMESTAMP ||
           type->kind == CEL_TYPE_DURATION || type->kind == CEL_TYPE_ABSTRACT ||
           type->kind == CEL_TYPE_OPTIONAL;
}

static bool assignable(struct cel_inference *inference, const struct cel_type *from,
                       const struct cel_type *to)
{
    if (!visit(inference))
        return false;
    if (to->kind == CEL_TYPE_VARIABLE) {
        enum substitution result = substitute(inference, from, to);
        if (result != IMPOSSIBLE)
            return result == FITS;
    }
    if (from->kind == CEL_TYPE_VARIABLE)
        return substitute(inference, to, from) == FITS;
    if (from->kind == CEL_TYPE_DYN || to->kind == CEL_TYPE_DYN)
        return true;
    if (from->kind == CEL_TYPE_NULL)
        return nullable(to);
    if (to->kind == CEL_TYPE_NULL)
        return nullable(from);
    if (from->kind == CEL_TYPE_NUMBER || to->kind == CEL_TYPE_NUMBER)
        return cel_type_is_number(from) && cel_type_is_number(to);
    if (from->kind != to->kind)
        return false;
    if (from->kind == CEL_TYPE_TYPE)
        return true; /* type(int) == type(string) is a fair question */
    if (from->count != to->count || strcmp(from->name, to->name) != 0)
        return false;
    for (uint32_t i = 0; i < from->count; i++)
        if (!assignable(inference, from->parameters[i], to->parameters[i]))
            return false;
    return true;
}

bool cel_infer_assignable(struct cel_inference *inference, const struct cel_type *from,
                          const struct cel_type *to)
{
    uint32_t mark = cel_infer_mark(inference);
    inference->visits_left = MAX_VISITS;
    if (assignable(inference, from, to) && !inference->failed)
        return true;
    cel_infer_undo(inference, mark);
    return false;
}

static const struct cel_type *resolve(struct cel_inference *inference, const struct cel_type *type)
{
    if (!visit(inference))
        return cel_type_of_kind(CEL_TYPE_DYN);
    if (type->kind == CEL_TYPE_VARIABLE) {
        const struct cel_type *bound = inference->bound[type->id];
        return bound ? resolve(inference, bound) : type;
    }
    const struct cel_type *parameters[CEL_MAX_TYPE_PARAMETERS] = {NULL};
    bool changed = false;
    for (uint32_t i = 0; i < type->count; i++) {
        parameters[i] = resolve(inference, type->parameters[i]);
        if (!parameters[i])
            return NULL;
        changed |= parameters[i] != type->parameters[i];
    }
    const struct cel_type *resolved =
        changed ? cel_type_with(inference->arena, type, parameters) : type;
    if (!resolved)
        inference->failed = true;
    return resolved;
}

const struct cel_type *cel_infer_resolve(struct cel_inference *inference,
                                         const struct cel_type *type)
{
    inference->visits_left = MAX_VISITS;
    return resolve(inference, type);
}

const struct cel_type *cel_infer_join(struct cel_inference *inference,
                                      const struct cel_type *previous, const struct cel_type *next)
{
    if (!previous)
        return next;
    if (cel_infer_assignable(inference, previous, next)) {
        if (previous->kind == CEL_TYPE_NULL || next->kind == CEL_TYPE_NULL)
            return previous->kind == CEL_TYPE_NULL ? next : previous; /* what may be null */
        return more_general(previous, next);
    }
    return inference->failed ? NULL : cel_type_of_kind(CEL_TYPE_DYN);
}

/* --- signatures --- */

struct signature {
    struct cel_inference *inference;
    const char *at;
    bool found;                          /* another one fitted */
    const struct cel_type *variables[3]; /* A, B, C: fresh for each signature */
};

static enum cel_type_kind kind_of_letter(char letter)
{
    static const char letters[] = "*nbiudsytrpc";
    static const enum cel_type_kind kinds[] = {
        CEL_TYPE_DYN,       CEL_TYPE_NULL,     CEL_TYPE_BOOL,   CEL_TYPE_INT,
        CEL_TYPE_UINT,      CEL_TYPE_DOUBLE,   CEL_TYPE_STRING, CEL_TYPE_BYTES,
        CEL_TYPE_TIMESTAMP, CEL_TYPE_DURATION, CEL_TYPE_IP,     CEL_TYPE_CIDR};
    return kinds[strchr(letters, letter) - letters];
}

static const struct cel_type *read_type(struct signature *signature)
{
    char letter = *signature->at++;
    struct arena *arena = signature->inference->arena;
    if (letter >= 'A' && letter <= 'C') {
        const struct cel_type **variable = &signature->variables[letter - 'A'];
        if (!*variable)
            *variable = cel_infer_fresh(signature->inference);
        return *variable;
    }
    const struct cel_type *type = NULL;
    if (letter == 'l') {
        type = cel_type_list(arena, read_type(signature));
    } else if (letter == 'm') {
        const struct cel_type *key = read_type(signature);
        type = cel_type_map(arena, key, read_type(signature));
    } else if (letter == 'T') {
        type = cel_type_type(arena, read_type(signature));
    } else if (letter == 'o') {
        type = cel_type_optional(arena, read_type(signature));
    } else {
        type = cel_type_of_kind(kind_of_letter(letter));
    }
    if (!type)
        signature->inference->failed = true;
    return type;
}

/* Are there arguments of a kind that is known only when the expression runs? */
static bool any_dyn(struct cel_inference *inference, const struct cel_type *const *arguments,
                    uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct cel_type *type = cel_infer_resolve(inference, arguments[i]);
        if (type && (type->kind == CEL_TYPE_DYN || type->kind == CEL_TYPE_VARIABLE ||
                     type->kind == CEL_TYPE_NUMBER))
            return true;
    }
    return false;
}

static bool any_number(struct cel_inference *inference, const struct cel_type *const *arguments,
                       uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct cel_type *type = cel_infer_resolve(inference, arguments[i]);
        if (type && type->kind == CEL_TYPE_NUMBER)
            return true;
    }
    return false;
}

static bool is_number(struct cel_inference *inference, const struct cel_type *argument)
{
    const struct cel_type *type = cel_infer_resolve(inference, argument);
    return type && (cel_type_is_number(type) || type->kind == CEL_TYPE_DYN ||
                    type->kind == CEL_TYPE_VARIABLE);
}

/* Reads a parameter, with its '+'; true when it takes argument *at (and those behind it), which
 * *at then passes. */
static bool take_parameter(struct signature *signature, const struct cel_type *const *arguments,
                           uint32_t count, uint32_t *at)
{
    bool number = *signature->at == '#';
    const struct cel_type *parameter = NULL;
    if (number)
        signature->at++;
    else if (!(parameter = read_type(signature)))
        return false;
    bool repeats = *signature->at == '+';
    signature->at += repeats;
    bool fits = *at < count;
    for (uint32_t last = repeats ? count : *at + 1; fits && *at < last; ++*at)
        fits = number ? is_number(signature->inference, arguments[*at])
                      : cel_infer_assignable(signature->inference, arguments[*at], parameter);
    return fits;
}

/* Reads one signature up to its end; the result type when the arguments fit. */
static const struct cel_type *try_signature(struct signature *signature, bool method,
                                            const struct cel_type *const *arguments, uint32_t count)
{
    bool fits = true;
    bool is_method = false;
    uint32_t i = 0;
    if (*signature->at == '~') {
        signature->at++;
        fits = any_dyn(signature->inference, arguments, count);
    } else if (*signature->at == '!') {
        signature->at++;
        fits = !signature->found;
    }
    while (*signature->at != ':') {
        if (*signature->at == '.') {
            is_method = true;
            signature->at++;
            continue;
        }
        fits = take_parameter(signature, fits ? arguments : NULL, fits ? count : 0, &i) && fits;
        if (signature->inference->failed)
            return NULL;
    }
    signature->at++;
    const struct cel_type *result = read_type(signature);
    return fits && i == count && is_method == method ? result : NULL;
}

const struct cel_type *cel_infer_call(struct cel_inference *inference, const char *signatures,
                                      bool method, const struct cel_type *const *arguments,
                                      uint32_t count)
{
    struct signature signature = {.inference = inference, .at = signatures};
    const bool number = any_number(inference, arguments, count);
    const struct cel_type *found = NULL;
    while (*signature.at) {
        if (*signature.at == ' ') {
            signature.at++;
            continue;
        }
        memset(signature.variables, 0, sizeof(signature.variables));
        uint32_t mark = cel_infer_mark(inference);
        const struct cel_type *result = try_signature(&signature, method, arguments, count);
        if (inference->failed)
            return NULL;
        if (!result) {
            cel_infer_undo(inference, mark);
            continue;
        }
        result = cel_infer_resolve(inference, result);
        if (!result)
            return NULL;
        signature.found = true;
        if (!found)
            found = result;
        else if (number && cel_type_is_number(found) && cel_type_is_number(result))
            found = cel_type_of_kind(found->kind == result->kind ? found->kind : CEL_TYPE_NUMBER);
        else if (!type_equal(found, result))
            found = cel_type_of_kind(CEL_TYPE_DYN);
    }
    return found;
}
