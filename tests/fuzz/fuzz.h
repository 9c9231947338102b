/* fuzz: what a fuzzer is, and what it demands.
 *
 * A fuzz_NAME.c defines LLVMFuzzerTestOneInput (and nothing else that is not static). Built by clang it is a
 * libFuzzer target (make fuzz); built with replay.c it runs given files, which is how `make test`
 * goes through tests/fuzz/corpus/NAME.
 */
#ifndef TROUPE_TESTS_FUZZ_H
#define TROUPE_TESTS_FUZZ_H

#include "base/attr.h"
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* The name is libFuzzer's. Always 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Ends the process when a property does not hold: libFuzzer keeps the input then. */
#define DEMAND(condition, ...)                                                                     \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: does not hold: %s: ", __FILE__, __LINE__, #condition);         \
            fprintf(stderr, __VA_ARGS__);                                                          \
            fputc('\n', stderr);                                                                   \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

#endif
