"""Packages of npm that a test needs: fetched when it runs, kept in the build directory."""
import os
import shutil
import subprocess
import tempfile

import pytest

from stack import ROOT

INSTALL = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--no-save", "--fetch-retries=1"]


def packages(*wanted):
    """The directory whose node_modules has the packages ("name@1.2.3") and what they need. Where they
    cannot be had, the test is left out, with the reason."""
    for program in ("node", "npm"):
        if not shutil.which(program):
            pytest.skip("left out: it needs %s, which is not here" % program)
    kept = os.path.join(ROOT, os.environ.get("BUILD") or "build", "npm")
    there = os.path.join(kept, "+".join(name.strip("@").replace("/", "-") for name in wanted))
    if os.path.isdir(there):
        return there
    os.makedirs(kept, exist_ok=True)
    # Renamed when it is whole: an install that was ended half-way is not taken for one.
    with tempfile.TemporaryDirectory(prefix="part-", dir=kept) as part:
        new = os.path.join(part, "new")
        os.mkdir(new)
        try:
            done = subprocess.run([*INSTALL, "--prefix", new, *wanted], stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=90)
        except subprocess.TimeoutExpired:
            pytest.skip("left out: npm did not install %s within 90 s" % " ".join(wanted))
        if done.returncode != 0:
            said = done.stdout.decode(errors="replace").splitlines()
            why = [line for line in said if line.startswith(("npm error", "npm ERR!"))] or said
            pytest.skip("left out: npm cannot install %s: %s" % (" ".join(wanted), why[:1]))
        os.rename(new, there)
    return there
