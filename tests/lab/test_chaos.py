"""Random flows while everything dies: `make lab-chaos`, a part of `make lab`.

    LAB_RUNS    runs per round (default 1,000), of 500 definitions at most
    LAB_ROUNDS  rounds with new seeds (default 1)
    LAB_HOURS   rounds until so much time has passed, instead
    LAB_SEED    of the first round (default: random); the next ones follow. A round that fails says how to
                repeat it
"""
import os
import random
import time

import pytest

from chaos import MUST_LONG, Account, chaos
from stack import Stack

RUNS = int(os.environ.get("LAB_RUNS", "1000"))
ROUNDS = int(os.environ.get("LAB_ROUNDS", "1"))
HOURS = float(os.environ.get("LAB_HOURS", "0"))
SEED = int(os.environ.get("LAB_SEED", random.SystemRandom().randrange(10**6)))
ROUND_S = 600 + RUNS  # seconds that a round may take


def rounds():
    started = time.monotonic()
    n = 0
    while n < ROUNDS if not HOURS else time.monotonic() - started < HOURS * 3600:
        yield SEED + n
        n += 1


@pytest.mark.timeout_s(int(HOURS * 3600) + ROUND_S * (1 if HOURS else ROUNDS))
def test_random_flows_under_faults(redis_server, postgres_server):
    total, seeds = Account(), []
    for seed in rounds():
        stack = Stack(redis_server, postgres_server)
        try:
            total += chaos(stack, seed, MUST_LONG, runs=RUNS, flows=min(RUNS, 500), weight=max(1, RUNS / 1000))
        except BaseException:
            print("\nit failed: LAB_SEED=%d LAB_RUNS=%d LAB_ROUNDS=1 make lab-chaos" % (seed, RUNS))
            for name, text in stack.logs():
                print("--- log of %s\n%s" % (name, text[-20000:]))
            raise
        finally:
            stack.close()
        seeds.append(seed)
    print("\n%d rounds, seeds %d to %d:" % (len(seeds), seeds[0], seeds[-1]))
    total.require(MUST_LONG)
