"""What is hostile or broken is refused: with its place, in bounded time and memory, and nothing half done."""
import os
import re
import resource
import subprocess
import time

import pytest

from stack import ROOT

BIN = os.path.join(ROOT, os.environ.get("TROUPE_BIN_DIR", "bin"), "troupe")
SANITIZED = "asan" in BIN
MOST_SECONDS = 20
MOST_BYTES = 512 << 20


def template(text):
    return '{"nodes": [{"id": "a", "type": "transform", "config": {"template": %s}}]}' % text


def node(fields):
    return '{"nodes": [{"id": "a", "type": "noop", %s}]}' % fields


BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    "a%d: &a%d [%s]\n" % (i, i, ", ".join(["*a%d" % (i - 1)] * 9)) for i in range(1, 12)) + "nodes: *a11\n"

# name, file name, bytes, what the message says
CASES = [
    ("nested_brackets", "x.json", b"[" * 100000, r":1:\d+: .*(nested|deep)"),
    ("nested_and_closed", "x.json", template("[" * 100000 + "]" * 100000).encode(), r":1:\d+: .*(nested|deep)"),
    ("nested_objects", "x.json", template('{"a":' * 100000 + "1" + "}" * 100000).encode(), r":1:\d+: .*(nested|deep)"),
    ("nested_yaml", "x.yaml", b"nodes: " + b"[" * 100000, r":1:\d+: .*(nested|deep)"),
    ("huge_file", "x.json", lambda f: [f.write(b'{"nodes": [') and f.write(b" " * (100 << 20))], r"larger than 16 MiB"),
    ("huge_yaml", "x.yaml", lambda f: [f.write(b"nodes:\n") and f.write(b"#" * (100 << 20))], r"larger than 16 MiB"),
    ("nan", "x.json", template("NaN").encode(), r":1:\d+: "),
    ("infinity", "x.json", template("-Infinity").encode(), r":1:\d+: "),
    ("duplicate_key", "x.json", node('"when": "true",\n"when": "false"').encode(), r":2:1: .*when"),
    ("duplicate_key_yaml", "x.yaml", b"nodes:\n- id: a\n  type: noop\n  id: b\n", r":4:3: .*id"),
    ("huge_integer", "x.json", node('"timeout_ms": 123456789012345678901234567890').encode(), r":1:\d+: .*timeout_ms"),
    ("huge_exponent", "x.json", node('"retry": {"max_attempts": 1e999}').encode(), r":1:\d+: .*max_attempts"),
    ("invalid_utf8", "x.json", template('"a').encode()[:-3] + b'\xff\xfe"}}]}', r":1:\d+: .*UTF-8"),
    ("invalid_utf8_yaml", "x.yaml", b"nodes:\n- id: \xc3\x28\n", r":\d+:\d+: .*UTF-8"),
    ("lone_surrogate", "x.json", template('"\\ud800"').encode(), r":1:\d+: .*surrogate"),
    ("control_character", "x.json", template('"a\x01"').encode(), r":1:\d+: "),
    ("alias_bomb", "x.yaml", BOMB.encode(), r":\d+:\d+: .*(alias|larger|expand)"),
    ("alias_of_itself", "x.yaml", b"nodes: &n\n- *n\n", r":2:\d+: "),
    ("cut_off", "x.json", b'{"nodes": [{"id": "a"', r":1:\d+: "),
    ("empty", "x.json", b"", r":1:1: "),
    ("nul_bytes", "x.json", b"\0" * 1000, r":1:1: "),
    ("long_expression", "x.json",
     node('"when": "%s"' % ("(" * 100000)).encode(), r":1:\d+: .*when"),
    ("wide_expression", "x.json",
     node('"when": "%s"' % " && ".join(["true"] * 200000)).encode(), r":1:\d+: .*when"),
    ("long_id", "x.json", ('{"nodes": [{"id": "%s", "type": "noop"}]}' % ("a" * 1000000)).encode(), r":1:\d+: .*id"),
    ("too_many_nodes", "x.json",
     ('{"nodes": [%s]}' % ",".join('{"id":"n%d","type":"noop"}' % i for i in range(10001))).encode(),
     r":1:\d+: .*10000"),
]


def limits():
    if not SANITIZED:  # it reserves terabytes of addresses
        resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))


def troupe(*args, stdin=b""):
    env = {k: v for k, v in os.environ.items() if not k.startswith("TROUPE_")}
    began = time.monotonic()
    done = subprocess.run([BIN, *args], input=stdin, capture_output=True, timeout=60, preexec_fn=limits, env=env)
    assert time.monotonic() - began < MOST_SECONDS
    return done.returncode, done.stdout.decode(), done.stderr.decode()


@pytest.mark.parametrize("command", ["validate", "graph"])
@pytest.mark.parametrize("name, file_name, content, says", CASES, ids=[c[0] for c in CASES])
def test_a_broken_definition_is_refused(tmp_path, command, name, file_name, content, says):
    path = tmp_path / file_name
    with open(path, "wb") as f:
        if callable(content):
            content(f)
        else:
            f.write(content)
    status, out, err = troupe(command, str(path))
    text = out + err
    assert status == 3, text[:2000]
    assert re.search(says, text), text[:2000]
    assert len(text) < 100000  # whoever reads it wants to see the first of it
    assert file_name in text


INPUTS = [
    (b"{", r"1:2"), (b"NaN", r"1:1"), (b'{"a": 1, "a": 2}', r"1:10"), (b'"\xff"', r"UTF-8"),
    (b"[" * 100000, r"nested|deep"), (b"1 2", r"1:3"), (b" " * (17 << 20), r"larger than 16 MiB"),
]


@pytest.mark.parametrize("given, says", INPUTS, ids=range(len(INPUTS)))
def test_a_broken_input_is_refused(stack, given, says):
    """Before anything is accepted: no run is there afterwards."""
    stack.migrate()
    stack.deploy({"metadata": {"name": "w"}, "nodes": [{"id": "a", "type": "noop"}]})
    result = stack.troupe("run", "w", "--input", "-", "--detach", stdin=given)
    assert result.status == 2 and re.search(says, result.stderr), result
    assert stack.sql("select count(*) from run") == [(0,)]
