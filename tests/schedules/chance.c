/* chance: SplitMix64, seeded anew for each episode. */
#include "sim.h"

uint64_t chance_next(void)
{
    uint64_t z = sim.chance += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

uint32_t chance_below(uint32_t n) { return (uint32_t)(chance_next() >> 32) % n; }

bool chance_of(uint32_t percent) { return chance_below(100) < percent; }
