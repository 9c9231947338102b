/* suggest: optimal string alignment distance (insert, delete, replace, swap neighbours). */
#include "base/suggest.h"
#include <stddef.h>

/* No known name is longer; what is longer gets no suggestion. */
enum { NAME_BYTES_MOST = 64, DISTANCE_MOST = 3 };

static unsigned least(unsigned a, unsigned b) { return a < b ? a : b; }

/* Both at most NAME_BYTES_MOST long. Three rows are enough: a swap looks back two. */
static unsigned distance(struct slice a, struct slice b)
{
    unsigned rows[3][NAME_BYTES_MOST + 1];
    for (unsigned j = 0; j <= b.len; j++)
        rows[0][j] = j;
    for (unsigned i = 1; i <= a.len; i++) {
        unsigned *row = rows[i % 3];
        const unsigned *above = rows[(i + 2) % 3], *two_above = rows[(i + 1) % 3];
        row[0] = i;
        for (unsigned j = 1; j <= b.len; j++) {
            unsigned differ = a.ptr[i - 1] != b.ptr[j - 1];
            row[j] = least(least(row[j - 1], above[j]) + 1, above[j - 1] + differ);
            if (i > 1 && j > 1 && a.ptr[i - 1] == b.ptr[j - 2] && a.ptr[i - 2] == b.ptr[j - 1])
                row[j] = least(row[j], two_above[j - 2] + 1);
        }
    }
    return rows[a.len % 3][b.len];
}

void suggest_init(struct suggest *suggest, struct slice wanted)
{
    *suggest = (struct suggest){wanted, SLICE_NONE, DISTANCE_MOST + 1};
}

void suggest_offer(struct suggest *suggest, struct slice candidate)
{
    struct slice wanted = suggest->wanted;
    if (wanted.len > NAME_BYTES_MOST || candidate.len > NAME_BYTES_MOST || candidate.len == 0)
        return;
    size_t longer = wanted.len > candidate.len ? wanted.len : candidate.len;
    size_t shorter = wanted.len + candidate.len - longer;
    if (longer - shorter > DISTANCE_MOST)
        return;
    unsigned found = distance(wanted, candidate);
    if (found > DISTANCE_MOST || found > longer / 3 || found >= suggest->distance)
        return;
    suggest->best = candidate;
    suggest->distance = found;
}
