/* arena: blocks in a list, each half of what was handed out before, handed out from the newest. */
#include "base/arena.h"
#include "base/alloc.h"
#include <malloc.h>
#include <stdalign.h>
#include <stdlib.h>

enum { FIRST_BLOCK_BYTES = 4096, LAST_BLOCK_BYTES = 1 << 20, GIVE_BACK_BYTES = 128 << 10 };

#define ALIGNMENT alignof(max_align_t)

struct arena_block {
    struct arena_block *older;
    size_t size; /* of data */
    size_t used;
    alignas(max_align_t) char data[];
};

bool (*arena_test_may_allocate)(void) = NULL;
bool (*arena_test_may_hand_out)(void) = NULL;

void mem_give_back(void)
{
    /* They would grow with the largest block ever freed, and what is freed would stay ours. */
    (void)mallopt(M_MMAP_THRESHOLD, GIVE_BACK_BYTES);
    (void)mallopt(M_TRIM_THRESHOLD, GIVE_BACK_BYTES);
}

void *mem_alloc(size_t size)
{
    if (arena_test_may_allocate && !arena_test_may_allocate())
        return NULL;
    return malloc(size);
}

void *mem_calloc(size_t count, size_t size)
{
    if (arena_test_may_allocate && !arena_test_may_allocate())
        return NULL;
    return calloc(count, size);
}

void *mem_realloc(void *old, size_t size)
{
    if (arena_test_may_allocate && !arena_test_may_allocate())
        return NULL;
    return realloc(old, size);
}

void arena_init(struct arena *arena, size_t cap_bytes)
{
    *arena = (struct arena){.cap_bytes = cap_bytes};
}

static void free_from(struct arena_block *block)
{
    while (block) {
        struct arena_block *older = block->older;
        free(block);
        block = older;
    }
}

void arena_free(struct arena *arena)
{
    free_from(arena->head);
    arena->head = NULL;
    arena->used_bytes = 0;
}

void arena_reset(struct arena *arena)
{
    arena->used_bytes = 0;
    if (!arena->head)
        return;
    free_from(arena->head->older);
    arena->head->older = NULL;
    arena->head->used = 0;
}

size_t arena_room(const struct arena *arena)
{
    return arena->head ? sizeof(*arena->head) + arena->head->size : 0;
}

struct arena_mark arena_mark(const struct arena *arena)
{
    return (struct arena_mark){arena->head, arena->head ? arena->head->used : 0, arena->used_bytes};
}

void arena_rewind(struct arena *arena, struct arena_mark mark)
{
    while (arena->head != mark.head) {
        struct arena_block *older = arena->head->older;
        free(arena->head);
        arena->head = older;
    }
    if (arena->head)
        arena->head->used = mark.used;
    arena->used_bytes = mark.used_bytes;
}

/* A new head with room for `size`. Not larger than what the cap can still hand out: an arena with a
 * small cap takes little memory. */
static struct arena_block *add_block(struct arena *arena, size_t size)
{
    size_t want = FIRST_BLOCK_BYTES - sizeof(struct arena_block);
    if (arena->used_bytes / 2 > want)
        want = arena->used_bytes / 2 < LAST_BLOCK_BYTES ? arena->used_bytes / 2 : LAST_BLOCK_BYTES;
    if (arena->cap_bytes && want > arena->cap_bytes - arena->used_bytes)
        want = arena->cap_bytes - arena->used_bytes;
    if (want < size)
        want = size;
    struct arena_block *block = mem_alloc(sizeof(struct arena_block) + want);
    if (!block)
        return NULL;
    block->older = arena->head;
    block->size = want;
    block->used = 0;
    arena->head = block;
    return block;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    if (size > SIZE_MAX / 2 || (arena_test_may_hand_out && !arena_test_may_hand_out()))
        return NULL;
    size_t rounded = size ? (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1) : ALIGNMENT;
    if (arena->cap_bytes && rounded > arena->cap_bytes - arena->used_bytes)
        return NULL;
    struct arena_block *block = arena->head;
    if (!block || rounded > block->size - block->used) {
        block = add_block(arena, rounded);
        if (!block)
            return NULL;
    }
    void *result = block->data + block->used;
    block->used += rounded;
    arena->used_bytes += rounded;
    return result;
}

void *arena_zalloc(struct arena *arena, size_t size)
{
    void *result = arena_alloc(arena, size);
    if (result)
        memset(result, 0, size);
    return result;
}

void *arena_array(struct arena *arena, size_t count, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(count, size, &total))
        return NULL;
    return arena_zalloc(arena, total);
}

char *arena_strdup(struct arena *arena, struct slice bytes)
{
    if (bytes.len > SIZE_MAX / 2)
        return NULL;
    char *copy = arena_alloc(arena, bytes.len + 1);
    if (!copy)
        return NULL;
    if (bytes.len)
        memcpy(copy, bytes.ptr, bytes.len);
    copy[bytes.len] = '\0';
    return copy;
}

struct slice arena_copy(struct arena *arena, struct slice bytes)
{
    char *copy = arena_strdup(arena, bytes);
    return copy ? slice_of(copy, bytes.len) : SLICE_NONE;
}
