"""Nothing grows with the work: a million iterations of a loop, a million of one whose iterations overlap, a million
runs. `make lab-memory` runs it, for the better part of an hour; TROUPE_MEMORY_COUNT changes the million."""
import os

import pytest

from memory import Memory, overlapping_loop, plain_loop

COUNT = int(os.environ.get("TROUPE_MEMORY_COUNT", "1000000"))
LIMIT_S = 120 + COUNT // 100  # a tenth of what is seen


@pytest.mark.timeout_s(LIMIT_S + 60)
@pytest.mark.parametrize("loop", [plain_loop, overlapping_loop])
def test_a_loop_of_a_million_iterations(stack, loop):
    Memory(stack).go_round(loop(COUNT), COUNT, LIMIT_S)


@pytest.mark.timeout_s(LIMIT_S + 60)
def test_a_million_runs(stack):
    Memory(stack).many_runs(COUNT, LIMIT_S)
