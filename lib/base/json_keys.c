/* json_keys: few plain keys are compared as words, the others go through a seeded hash table. */
#include "base/json_keys.h"
#include "base/hash.h"
#include "base/json_scan.h"

enum { FEW = 16 };

void json_keys_init(struct json_keys *keys) { *keys = (struct json_keys){0}; }

void json_keys_free(struct json_keys *keys)
{
    buf_free(&keys->table);
    buf_free(&keys->text);
}

static struct slice quoted(struct slice text, const struct json_node *key)
{
    return slice_of(text.ptr + key->start, key->end - key->start);
}

static bool keys_equal(struct slice text, const struct json_node *a, const struct json_node *b)
{
    struct slice left = quoted(text, a), right = quoted(text, b);
    if (!a->escaped && !b->escaped)
        return slice_eq(left, right);
    struct json_bytes one = json_bytes_of(left), two = json_bytes_of(right);
    for (;;) {
        int byte = json_bytes_next(&one);
        if (byte != json_bytes_next(&two))
            return false;
        if (byte < 0)
            return true;
    }
}

/* The first bytes of an unescaped key and its length: differing words mean differing keys. */
static inline uint64_t key_word(struct slice key)
{
    uint64_t word = 0;
    if (key.len >= sizeof(word))
        memcpy(&word, key.ptr, sizeof(word));
    else
        memcpy(&word, key.ptr, key.len);
    return word ^ (uint64_t)key.len << 56;
}

/* 2: there are escapes, this way does not do. */
static int check_few(struct slice text, const struct json_node *nodes, uint32_t object,
                     uint32_t end, uint32_t *duplicate)
{
    uint64_t words[FEW];
    uint32_t indexes[FEW];
    uint32_t count = 0;
    for (uint32_t at = object + 1; at < end; at = nodes[at + 1].next) {
        if (nodes[at].escaped)
            return 2;
        /* Behind the quote: the closing quote counts as part, that makes no difference. */
        words[count] =
            key_word(slice_of(text.ptr + nodes[at].start + 1, nodes[at].end - nodes[at].start - 1));
        indexes[count] = at;
        for (uint32_t i = 0; i < count; i++) {
            if (words[i] == words[count] &&
                slice_eq(quoted(text, &nodes[indexes[i]]), quoted(text, &nodes[at]))) {
                *duplicate = at;
                return 1;
            }
        }
        count++;
    }
    return 0;
}

/* The keyed hash of a key's unescaped bytes. */
static bool hash_key(struct json_keys *keys, struct slice text, const struct json_node *key,
                     uint64_t *hash)
{
    struct slice raw = quoted(text, key);
    if (!key->escaped) {
        *hash = hash_bytes(slice_of(raw.ptr + 1, raw.len - 2), keys->seed);
        return true;
    }
    buf_reset(&keys->text);
    struct json_bytes bytes = json_bytes_of(raw);
    for (int byte; (byte = json_bytes_next(&bytes)) >= 0;)
        buf_char(&keys->text, (char)byte);
    *hash = hash_bytes(buf_slice(&keys->text), keys->seed);
    return buf_ok(&keys->text);
}

struct key_slot {
    uint32_t hash;
    uint32_t index; /* of the key's node; 0: free (node 0 is never a key) */
};

static int check_many(struct json_keys *keys, struct slice text, const struct json_node *nodes,
                      uint32_t object, uint32_t end, uint32_t *duplicate)
{
    if (keys->seed == 0)
        keys->seed = hash_seed() | 1;
    size_t size = 16;
    while (size < (size_t)nodes[object].count * 2)
        size *= 2;
    buf_reset(&keys->table);
    if (!buf_reserve(&keys->table, size * sizeof(struct key_slot)))
        return -1;
    struct key_slot *slots = (struct key_slot *)(void *)keys->table.data;
    memset(slots, 0, size * sizeof(*slots));
    for (uint32_t at = object + 1; at < end; at = nodes[at + 1].next) {
        uint64_t hash;
        if (!hash_key(keys, text, &nodes[at], &hash))
            return -1;
        size_t slot = (size_t)hash & (size - 1);
        uint32_t short_hash = (uint32_t)(hash >> 32);
        for (; slots[slot].index; slot = (slot + 1) & (size - 1)) {
            if (slots[slot].hash == short_hash &&
                keys_equal(text, &nodes[slots[slot].index], &nodes[at])) {
                *duplicate = at;
                return 1;
            }
        }
        slots[slot] = (struct key_slot){short_hash, at};
    }
    return 0;
}

int json_keys_check(struct json_keys *keys, struct slice text, const struct json_node *nodes,
                    uint32_t object, uint32_t end, uint32_t *duplicate)
{
    if (nodes[object].count < 2)
        return 0;
    if (nodes[object].count <= FEW) {
        int result = check_few(text, nodes, object, end, duplicate);
        if (result != 2)
            return result;
    }
    return check_many(keys, text, nodes, object, end, duplicate);
}
