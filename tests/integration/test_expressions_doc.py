"""docs/expressions.md: every line of its examples is what it says."""
import json
import os
import re
import subprocess

import pytest

from stack import ROOT, SANITIZERS

BIN = os.path.join(ROOT, os.environ.get("TROUPE_BIN_DIR", "bin"), "troupe")


def examples():
    with open(os.path.join(ROOT, "docs", "expressions.md"), encoding="utf-8") as f:
        text = f.read()
    found = []
    for block in re.finditer(r"^```cel\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        first, given = text.count("\n", 0, block.start(1)) + 1, "{}"
        for i, line in enumerate(block.group(1).splitlines()):
            if line.startswith("// with "):
                given = line[len("// with "):]
                continue
            expression, sign, outcome = re.fullmatch(r"(.*?)\s+([→✗]) (.*)", line).groups()
            found.append(pytest.param(expression, given, sign, outcome, id="line%d" % (first + i)))
    return found


@pytest.mark.parametrize("expression, given, sign, outcome", examples())
def test_example(expression, given, sign, outcome):
    json.loads(given)
    done = subprocess.run([BIN, "cel", "--with", given, "--", expression], capture_output=True, text=True, timeout=60,
                          env={**os.environ, **SANITIZERS})
    if sign == "→":
        assert (done.returncode, done.stdout.rstrip("\n")) == (0, outcome), done.stderr
    else:
        assert done.returncode == 1 and outcome in done.stderr.lower(), done.stdout + done.stderr


def test_there_are_examples():
    assert len(examples()) > 70
