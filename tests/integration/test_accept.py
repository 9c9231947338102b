"""The acceptance cases of ../shared/accept, as far as this much of the language reaches."""
import json
import os
import re
import subprocess

import pytest

from processes import SANITIZER_REPORT
from stack import ROOT

FLOWS = ["sequence", "single_node", "fan_out_join", "triple_fan_in", "two_entries_two_ends",
         "exclusive_*", "dead_*", "half_dead_join", "inclusive_split", "bindings",
         "binding_missing", "config_input", "output_mapping", "unicode_and_numbers",
         "parallel_edges_are_one", "int_times_double"]
# Definitions whose mistake is in a part of the language that is not built: found, but said otherwise.
NOT_BUILT = {"loop_without_limit.json", "leaking_loop.json"}


@pytest.fixture
def accept(shared):
    path = os.path.join(shared, "accept")
    if not os.path.isdir(path):
        pytest.skip("left out: it needs ../shared/accept, which is not here")
    return path


def execute(stack, *command):
    env = stack.env(TROUPE_BIN=stack.binary("troupe"))
    done = subprocess.run(command, cwd=ROOT, env=env, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=170)
    out = done.stdout.decode(errors="replace")
    assert not SANITIZER_REPORT.search(out), out
    return done.returncode, out


@pytest.mark.timeout_s(180)
def test_flows(stack, accept):
    status, out = execute(stack, stack.binary("troupe"), "dev", "--workers", "2", "--", "python3",
                          os.path.join(accept, "flow.py"), "-v", *FLOWS)
    assert "FAIL" not in out and status == 0, out
    passed = int(re.search(r"^(\d+) passed, 0 failed$", out, re.MULTILINE).group(1))
    assert passed >= 22, out


def test_invalid_definitions(stack, accept):
    with open(os.path.join(accept, "invalid", "index.json"), encoding="utf-8") as f:
        files = {case["file"] for case in json.load(f)}
    _, out = execute(stack, "python3", os.path.join(accept, "invalid.py"))
    failed = set(re.findall(r"^FAIL (\S+):", out, re.MULTILINE))
    assert failed <= NOT_BUILT, out
    passed = int(re.search(r"^(\d+) passed", out, re.MULTILINE).group(1))
    assert passed == len(files) - len(failed)
