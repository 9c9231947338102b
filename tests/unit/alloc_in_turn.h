/* alloc_in_turn: fails the first allocation, then the second, and so on, until all succeed.
 *
 * ALLOC_IN_TURN(call) evaluates `call` (true: it succeeded) once per allocation that it makes, each
 * time with that one failing, which must make the call fail; and once with none failing, which must
 * succeed. Evaluates to the number of allocations.
 */
#ifndef TROUPE_TESTS_ALLOC_IN_TURN_H
#define TROUPE_TESTS_ALLOC_IN_TURN_H

#include "base/arena.h"

static int alloc_left;
static bool alloc_failed;

static inline bool alloc_counting(void)
{
    if (alloc_left-- > 0)
        return true;
    alloc_failed = true;
    return false;
}

static inline void alloc_fail_at(int index)
{
    alloc_left = index;
    alloc_failed = false;
    arena_test_may_allocate = alloc_counting;
}

#define ALLOC_IN_TURN(call)                                                                        \
    __extension__({                                                                                \
        int turn_ = 0;                                                                             \
        for (;; turn_++) {                                                                         \
            alloc_fail_at(turn_);                                                                  \
            bool succeeded_ = (call);                                                              \
            arena_test_may_allocate = NULL;                                                        \
            assert_int_equal(succeeded_, !alloc_failed);                                           \
            if (succeeded_)                                                                        \
                break;                                                                             \
        }                                                                                          \
        turn_;                                                                                     \
    })

#endif
