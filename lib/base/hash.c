/* hash: SipHash with one round per word and three at the end. */
#include "base/hash.h"
#include "base/err.h"
#include <errno.h>
#include <sys/random.h>

void random_bytes(void *out, size_t len)
{
    char *at = out;
    while (len > 0) {
        ssize_t got = getrandom(at, len, 0);
        if (got < 0 && errno == EINTR)
            continue;
        invariant(got > 0, "the system gives no random bytes: %s", strerror(errno));
        at += got;
        len -= (size_t)got;
    }
}

uint64_t hash_seed(void)
{
    uint64_t seed;
    random_bytes(&seed, sizeof(seed));
    return seed;
}

struct sip {
    uint64_t a, b, c, d;
};

static inline uint64_t rotate(uint64_t word, unsigned bits)
{
    return word << bits | word >> (64 - bits);
}

static inline void sip_round(struct sip *s)
{
    s->a += s->b;
    s->c += s->d;
    s->b = rotate(s->b, 13) ^ s->a;
    s->d = rotate(s->d, 16) ^ s->c;
    s->a = rotate(s->a, 32);
    s->c += s->b;
    s->a += s->d;
    s->b = rotate(s->b, 17) ^ s->c;
    s->d = rotate(s->d, 21) ^ s->a;
    s->c = rotate(s->c, 32);
}

static inline void sip_word(struct sip *s, uint64_t word)
{
    s->d ^= word;
    sip_round(s);
    s->a ^= word;
}

uint64_t hash_bytes(struct slice bytes, uint64_t seed)
{
    /* The second half of the key only has to differ from the first. */
    uint64_t other = rotate(seed, 32) ^ 0x9E3779B97F4A7C15u;
    struct sip s = {seed ^ 0x736f6d6570736575u, other ^ 0x646f72616e646f6du,
                    seed ^ 0x6c7967656e657261u, other ^ 0x7465646279746573u};
    size_t at = 0;
    for (; bytes.len - at >= 8; at += 8) {
        uint64_t word;
        memcpy(&word, bytes.ptr + at, 8);
        sip_word(&s, word);
    }
    uint64_t last = (uint64_t)bytes.len << 56;
    if (at < bytes.len)
        memcpy(&last, bytes.ptr + at, bytes.len - at);
    /* The length goes in as a word of its own, so the tail needs no byte order. */
    sip_word(&s, last);
    sip_word(&s, (uint64_t)bytes.len);
    s.c ^= 0xFF;
    sip_round(&s);
    sip_round(&s);
    sip_round(&s);
    return s.a ^ s.b ^ s.c ^ s.d;
}
