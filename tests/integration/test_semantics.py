"""docs/semantics.md: every example does what stands behind it."""
import json
import os
import re

import pytest

from stack import ROOT, Stack

PAGE = os.path.join(ROOT, "docs", "semantics.md")


def examples():
    with open(PAGE, encoding="utf-8") as f:
        text = f.read()
    found = []
    for block in re.finditer(r"^```json\n(.*?)^```\n([^\n]*)", text, re.MULTILINE | re.DOTALL):
        line = text.count("\n", 0, block.start()) + 1
        found.append(pytest.param(block.group(1), block.group(2), id="line%d" % line))
    return found


@pytest.fixture(scope="module")
def stack(redis_server, postgres_server):
    stack = Stack(redis_server, postgres_server)
    try:
        stack.up()
        yield stack
    finally:
        stack.close()


@pytest.mark.parametrize("definition, outcome", examples())
def test_example(stack, definition, outcome, request):
    refused = re.fullmatch(r"→ refused: (.+)", outcome)
    if refused:
        result = stack.troupe("validate", stack.write(definition), status=3)
        assert refused.group(1) in result.stdout + result.stderr
        return
    given, verb, expected = re.fullmatch(r"→ input `(.*?)` (gives|fails with) `(.*)`", outcome).groups()
    made = {"metadata": {"name": request.node.callspec.id}, **json.loads(definition)}
    run = stack.run(made, json.loads(given), status=0 if verb == "gives" else 1).json
    if verb == "gives":
        assert json.dumps(run["output"]) == json.dumps(json.loads(expected))
    else:
        assert run["error"]["code"] == expected


def test_there_are_examples():
    assert len(examples()) >= 15
