"""Random flows while everything dies, in short. The long form is tests/lab.

A failure prints its seed, CHAOS_SEED=N sets it.
"""
import os
import random

import pytest

from chaos import MUST, chaos


@pytest.mark.timeout_s(180)
def test_random_flows_under_faults(stack):
    seed = int(os.environ.get("CHAOS_SEED", random.SystemRandom().randrange(10**6)))
    chaos(stack, seed, MUST, runs=400, flows=100, weight=.4)
