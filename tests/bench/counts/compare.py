"""Counts of today beside the recorded ones."""
import json
import os
import platform
import re
import subprocess

from measure import callgrind
from series import measure
from shapes import SHAPES

BASELINE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "baseline.json")
MOST = 1.05
TRIES = 6
# A count may also grow by this much: a hundredth of a command is an answer that came a little later.
SLACK = {"commands": 0.05, "calls": 0.01, "bytes": 8, "instructions": 400}
RECORD = "To record what is wanted so: make counts-record"


def _first_line(*command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return "no " + command[0]
    return (done.stdout or done.stderr).strip().split("\n")[0]


def toolchain():
    """What instructions depend on besides ourselves."""
    redis = re.search(r"v=(\S+).*malloc=(\S+)", _first_line("redis-server", "--version"))
    return "; ".join((_first_line("gcc", "--version"), " ".join(platform.libc_ver()),
                      "Redis " + " ".join(redis.groups()) if redis else "no Redis",
                      _first_line("valgrind", "--version"), platform.machine()))


def _slack(name):
    # Redis works off what came by the clock, too: a hundredth of what it does for a token.
    if name.startswith("redis"):
        return 4000
    return next(most for word, most in SLACK.items() if word in name.split())


# How runs of one node fall into batches is a matter of microseconds: whole calls more or less.
SHORT_RUNS = "single"


def has_grown(name, before, now, shape=""):
    """Informative only are calls of scripts (they are commands), the bytes of tables, which grow by whole
    pages, and of requests and replies: a value goes once to whoever claims two of its readers at once."""
    if before is None or re.search(r"script|table|(from|to) redis$", name):
        return False
    most = 1.15 if shape == SHORT_RUNS and "commands" in name else MOST
    return now > before * most and now > before + _slack(name)


def table(before, after):
    lines = ["%-8s %-34s %12s %12s %8s" % ("shape", "per token", "recorded", "now", "")]
    for shape, counts in after.items():
        for name, now in counts.items():
            old = before.get(shape, {}).get(name)
            change = "%+7.1f%%" % (100 * (now / old - 1)) if old else ""
            mark = "  GROWN" if has_grown(name, old, now, shape) else ""
            lines.append("%-8s %-34s %12s %12s %8s%s" % (
                shape, name, "" if old is None else "%.6g" % old, "%.6g" % now, change, mark))
    return "\n".join(lines)


def grown(before, after):
    return [(shape, name) for shape, counts in after.items() for name, now in counts.items()
            if has_grown(name, before.get(shape, {}).get(name), now, shape)]


def least(first, second):
    """The smaller of each count; what only one has is kept."""
    return {shape: {name: min(n, second[shape].get(name, n)) if shape in second else n
                    for name, n in counts.items()} for shape, counts in first.items()}


class Comparison:
    """grown: (shape, count) pairs; left_out: why instructions were not compared, or None; text: for
    people."""

    def __init__(self, before, after, left_out):
        self.grown = grown(before, after)
        self.left_out = left_out
        parts = [table(before, after)]
        if left_out:
            parts.append("LEFT OUT: " + left_out)
        if self.grown:
            parts.append("grown by more than %d %%: %s\n%s" % (
                round(100 * MOST - 100), ", ".join("%s of %s" % (n, s) for s, n in self.grown),
                RECORD))
        self.text = "\n".join(parts)


def _why_not(recorded):
    if not callgrind():
        return "instructions: valgrind is not here (make deps)"
    if recorded["toolchain"] != toolchain():
        return "instructions: recorded with\n    %s\nhere is\n    %s" % (recorded["toolchain"],
                                                                        toolchain())
    return None


def compare(names, instructions=True, profiled=None, redis=True):
    """Measures and compares the named shapes; profiled: those whose instructions are counted (all)."""
    with open(BASELINE, encoding="utf-8") as f:
        recorded = json.load(f)
    left_out = _why_not(recorded) if instructions else None
    count = instructions and not left_out
    profiled = [name for name in names if count and (profiled is None or name in profiled)]

    def once(wanted):
        found = measure({n: SHAPES[n] for n in wanted}, False)
        those = [n for n in wanted if n in profiled]
        if those:
            for name, counts in measure({n: SHAPES[n] for n in those}, True, redis, False).items():
                found[name].update(counts)
        return found

    found = once(names)
    for _ in range(TRIES - 1):
        again = sorted({shape for shape, _ in grown(recorded["shapes"], found)})
        if not again:
            break
        found = least(found, once(again))
    return Comparison(recorded["shapes"], found, left_out)
