"""The parts of lib/node that need no server: library_node.mjs, run by node's own test runner."""
import os
import shutil
import subprocess

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))


def test_library_node():
    if not shutil.which("node"):
        pytest.skip("left out: it needs node, which is not here")
    done = subprocess.run(["node", "--test", os.path.join(HERE, "library_node.mjs")], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
    text = done.stdout.decode(errors="replace")
    assert done.returncode == 0, text
    assert "# pass 0" not in text and "# fail 0" in text, text
