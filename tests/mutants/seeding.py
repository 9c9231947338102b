"""One mistake seeded into a tree, and the test that is to notice it."""
import collections
import os
import re
import shlex
import subprocess
import sys

# What a mutant is: `find` stands exactly once in `file` and becomes `replace`; `test` is a key of
# TESTS (table.py). `breaks` says which promise is broken, in the words of a user or of the code.
Mutant = collections.namedtuple("Mutant", "name file find replace test breaks")

# Words of Redis for a script that is no program: the table is wrong then, and nothing was caught.
NO_SCRIPT = re.compile(r"Error compiling script|nonexistent global variable")
TROUBLE = re.compile(r"^(?:FAILED|ERROR) (\S+::.+?)(?: - .*)?$", re.MULTILINE)
GRACE_S = 20


class TableError(Exception):
    """A row of the table that does not fit the tree."""


def mutated(text, mutant):
    found = text.count(mutant.find)
    if found != 1:
        raise TableError("%s: its text stands %d times in %s" % (mutant.name, found, mutant.file))
    if mutant.find == mutant.replace:
        raise TableError("%s: changes nothing" % mutant.name)
    return text.replace(mutant.find, mutant.replace)


class Seeded:
    """Within it the tree has the mistake."""

    def __init__(self, tree, mutant):
        self.path = os.path.join(tree, mutant.file)
        self.mutant = mutant
        self.original = None

    def __enter__(self):
        with open(self.path, encoding="utf-8") as f:
            self.original = f.read()
        text = mutated(self.original, self.mutant)
        with open(self.path, "w", encoding="utf-8") as f:
            f.write(text)

    def __exit__(self, *_):
        with open(self.path, "w", encoding="utf-8") as f:
            f.write(self.original)


Outcome = collections.namedtuple("Outcome", "status output hung")


def run(command, tree, limit_s, env):
    """At the limit the command is asked to end, then made to: servers that a test started end with
    it (tests/integration/processes.py)."""
    process = subprocess.Popen(command, cwd=tree, env=env, stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        out, _ = process.communicate(timeout=limit_s)
        hung = False
    except subprocess.TimeoutExpired:
        hung = True
        process.terminate()
        try:
            out, _ = process.communicate(timeout=GRACE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            out, _ = process.communicate()
    except BaseException:
        process.kill()
        process.communicate()
        raise
    return Outcome(process.returncode, out.decode(errors="replace"), hung)


class Test:
    """pytest with these arguments (paths below tests/integration), or a unit test's program."""

    def __init__(self, words, limit_s=60, unit=False, programs=True, goals=(), **env):
        self.words = words
        self.limit_s = limit_s
        self.unit = unit
        self.programs = programs and not unit  # whether it needs those of bin/
        self.goals = goals  # of make, besides
        self.env = env

    def command(self):
        if self.unit:
            return ["build/release/tests/unit/" + self.words]
        return [sys.executable, "-m", "pytest", "-x", "-q", "-rfE", "--tb=line", "-p",
                "no:cacheprovider", "--rootdir", "tests/integration",
                *("tests/integration/" + w if w.startswith("test_") else w
                  for w in shlex.split(self.words))]

    def run(self, tree, **more):
        return run(self.command(), tree, self.limit_s, environment(**self.env, **more))


def environment(**more):
    """Without what make tells the makes that it calls, and without settings of the caller's."""
    env = {k: v for k, v in os.environ.items()
           if not k.startswith(("TROUPE_", "RANDOM_FLOWS", "SCHEDULES", "MAKE", "MFLAGS", "BUILD", "MODE", "PYTEST"))}
    env.update(PYTHONDONTWRITEBYTECODE="1", COLUMNS="200", **more)
    return env


def what_caught(outcome):
    """Who noticed, or None when nobody did. An outcome that says neither raises TableError."""
    if NO_SCRIPT.search(outcome.output):
        raise TableError("the mutant is no program:\n" + outcome.output[-2000:])
    if outcome.hung:
        return "a hang"
    if outcome.status == 0:
        return None
    trouble = TROUBLE.search(outcome.output)
    if trouble:
        return trouble.group(1).rpartition("integration/")[2]
    unit = re.search(r"^\[  FAILED  \] (\w+)", outcome.output, re.MULTILINE)
    if unit:
        return unit.group(1)
    if outcome.status < 0:
        return "signal %d" % -outcome.status
    raise TableError("the test ended with %s and names no failure:\n%s" % (
        outcome.status, outcome.output[-2000:]))
