"""CEL's own conformance cases, as the npm package @bufbuild/cel-spec has them: all that need no
messages or enums of protobuf pass. The package also has the type that the reference implementation
deduces for most of them; troupe's checker deduces the same.

How many there are of each file of the suite is written down here, so that a package that lacks some,
or a conversion that drops some, is seen.
"""
import json
import os
import subprocess
from collections import Counter

import pytest

import npm
from cel_cases import run_cases

PACKAGE = "@bufbuild/cel-spec@0.6.1"

# File of the suite: cases that run, cases left out.
CASES = {
    "basic": (43, 0),
    "bindings_ext": (5, 0),
    "block_ext": (25, 12),
    "comparisons": (334, 72),
    "conversions": (109, 0),
    "dynamic": (17, 209),
    "encoders_ext": (4, 0),
    "enums": (0, 85),
    "fields": (60, 0),
    "fp_math": (30, 0),
    "integer_math": (64, 0),
    "lists": (39, 0),
    "logic": (30, 0),
    "macros": (44, 0),
    "macros2": (46, 0),
    "math_ext": (199, 0),
    "namespace": (3, 0),
    "optionals": (59, 11),
    "parse": (193, 26),
    "plumbing": (5, 0),
    "proto2": (0, 108),
    "proto2_ext": (0, 18),
    "proto3": (0, 75),
    "string": (51, 0),
    "string_ext": (206, 3),
    "timestamps": (76, 0),
    "type_deductions": (26, 21),
    "wrappers": (0, 36),
}
TYPED = 1453 # cases with a type to deduce
PASSED = {"core": 1108, "ext": 550, "container": 2, "check": 8}
LEFT_OUT = {
    "the names of messages and enums": 621,
    "a message as a value": 42,
    "a message as a type": 11,
    "an enum as a value": 2,
}


@pytest.fixture(scope="module")
def lines():
    """What cel_spec_cases.mjs makes of the package's cases."""
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "cel_spec_cases.mjs")
    done = subprocess.run(["node", script, npm.packages(PACKAGE)], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return [json.loads(line) for line in done.stdout.decode().splitlines()]


def test_every_case_is_there(lines):
    """Run, or left out for a reason that is counted."""
    run = Counter(line["case"]["id"].split("/")[0] for line in lines if "case" in line)
    left_out = Counter(line["id"].split("/")[0] for line in lines if "left_out" in line)
    assert {name: (run[name], left_out[name]) for name in run | left_out} == CASES
    reasons = Counter(line["left_out"] for line in lines if "left_out" in line)
    for reason, count in reasons.most_common():
        print("%d left out: %s" % (count, reason))
    assert reasons == LEFT_OUT
    assert sum("type" in line["case"]["expect"] for line in lines if "case" in line) == TYPED
    assert len({line.get("id") or line["case"]["id"] for line in lines}) == len(lines)


def test_every_case_passes(lines, tmp_path):
    said, passed = run_cases(tmp_path, [line["case"] for line in lines if "case" in line])
    assert said == {}
    assert passed == PASSED
