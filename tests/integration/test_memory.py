"""Nothing grows with the work: a loop of many iterations, one whose iterations overlap, many runs. `make lab-memory`
does the same with a million (tests/lab)."""
import pytest

from memory import Memory, overlapping_loop, plain_loop

COUNT = 20000
LIMIT_S = 240


@pytest.mark.timeout_s(LIMIT_S + 60)
def test_a_loop_of_many_iterations(stack):
    Memory(stack).go_round(plain_loop(COUNT), COUNT, LIMIT_S)


@pytest.mark.timeout_s(LIMIT_S + 60)
def test_a_loop_whose_iterations_overlap(stack):
    """Each is several tokens and a timer: fewer of them."""
    Memory(stack).go_round(overlapping_loop(COUNT // 5), COUNT // 5, LIMIT_S)


@pytest.mark.timeout_s(LIMIT_S + 60)
def test_many_runs(stack):
    Memory(stack).many_runs(COUNT // 2, LIMIT_S)
