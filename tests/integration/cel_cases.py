"""Cases of lib/cel/cases.h, run by `troupe cel --cases`."""
import json
import os
import re
import subprocess

from processes import SANITIZER_REPORT
from stack import ROOT, SANITIZERS


def run_cases(tmp_path, cases):
    """What is said of the cases that fail, by id, and how many passed, by profile."""
    path = tmp_path / "cases.jsonl"
    path.write_text("".join(json.dumps(case) + "\n" for case in cases), encoding="utf-8")
    binary = os.path.join(ROOT, os.environ.get("TROUPE_BIN_DIR", "bin"), "troupe")
    done = subprocess.run([binary, "cel", "--cases", str(path)], env=dict(os.environ, **SANITIZERS),
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=100)
    out = done.stdout.decode(errors="replace")
    assert not SANITIZER_REPORT.search(out), out
    counts = re.findall(r"^(\w+): (\d+) passed, (\d+) failed$", out, re.MULTILINE)
    passed = {profile: int(n) for profile, n, _ in counts}
    failed = sum(int(n) for _, _, n in counts)
    assert sum(passed.values()) + failed == len(cases), out
    assert (done.returncode == 0) == (failed == 0), out
    said = {}
    for case in cases:
        found = re.search("^FAIL %s: (.*)$" % re.escape(case["id"]), out, re.MULTILINE)
        if found:
            assert found.group(1).startswith(case["expr"] + ": "), found.group(0)
            said[case["id"]] = found.group(1)[len(case["expr"]) + 2:]
    assert len(said) == failed, out
    return said, passed
