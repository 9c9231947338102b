"""Twelve mistakes in the scripts that the tests of the scripts notice; `make mutants` seeds all of them.

Each gets a lua/ of its own, where another pytest reads it (lua_calls.script_texts).
"""
import os
import shutil
import sys

import pytest

from stack import ROOT

sys.path.insert(0, os.path.join(ROOT, "tests", "mutants"))

from seeding import Seeded, what_caught  # noqa: E402
from table import MUTANTS, QUICK, TESTS  # noqa: E402

BY_NAME = {m.name: m for m in MUTANTS}


def noticed(tree, key):
    return what_caught(TESTS[key].run(ROOT, TROUPE_LUA_DIR=os.path.join(tree, "lua")))


@pytest.fixture
def tree(tmp_path):
    shutil.copytree(os.path.join(ROOT, "lua"), tmp_path / "lua")
    return str(tmp_path)


@pytest.mark.parametrize("key", sorted({BY_NAME[name].test for name in QUICK}))
def test_a_copy_without_a_mistake_passes(tree, key):
    assert noticed(tree, key) is None


@pytest.mark.parametrize("name", QUICK)
def test_a_mistake_is_noticed(tree, name):
    mutant = BY_NAME[name]
    with Seeded(tree, mutant):
        assert noticed(tree, mutant.test), "%s did not notice: %s" % (mutant.test, mutant.breaks)


def test_every_mutant_fits_the_tree():
    """The others are only tried by `make mutants`: their texts must not go stale until then."""
    assert len({m.name for m in MUTANTS}) == len(MUTANTS)
    for mutant in MUTANTS:
        with open(os.path.join(ROOT, mutant.file), encoding="utf-8") as f:
            found = f.read().count(mutant.find)
        assert found == 1, "%s: its text stands %d times in %s" % (mutant.name, found, mutant.file)
        assert mutant.replace != mutant.find and mutant.test in TESTS, mutant.name
