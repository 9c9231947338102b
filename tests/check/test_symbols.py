"""No two files define the same function: the linker would take the first for both, without a word."""
import collections
import glob
import os
import subprocess

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))


def test_every_function_is_defined_once():
    build = os.environ.get("TROUPE_BUILD", os.path.join(ROOT, "build"))
    objects = glob.glob(os.path.join(build, "*", "lib", "*", "*.o"))
    assert objects, "nothing is built: make first"
    listing = subprocess.run(["nm", "-A", "--defined-only", *objects], capture_output=True, text=True,
                             check=True).stdout
    where = collections.defaultdict(set)
    for line in listing.splitlines():
        place, *_, kind, name = line.split()
        if kind in "TDBR":
            path = os.path.relpath(place.split(":")[0], build)
            where[path.split(os.sep)[0], name].add(path)
    twice = {name: sorted(paths) for (_, name), paths in where.items() if len(paths) > 1}
    assert not twice, twice
