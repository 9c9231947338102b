"""lib/base/settings_names.def lists what the programs' option tables let a file set."""
import glob
import os
import re

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
ROW = re.compile(r'\{\s*\.name = "([^"]+)"([^{}]*)\}')


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def of_a_file(text):
    """The names of the rows of a table that a file may give."""
    return {name for name, rest in ROW.findall(text.replace("\\\n", "\n"))
            if "flag_only = true" not in rest and ".kind = " in rest} - {"config"}


def test_rows_are_found():
    text = ('{.name = "a",\n .kind = X,\n .help = "h"}, {.name = "b", .kind = X, .flag_only = true},\n'
            '{   \\\n  .name = "c", .kind = X \\\n}, {.name = "config", .kind = X}, {.name = "cmd", .run = f}')
    assert of_a_file(text) == {"a", "c"}


def test_the_list_is_that_of_the_tables():
    paths = [p for pattern in ("cmd/*/*.c", "cmd/*/*.h", "lib/base/program_settings.def") for p in glob.glob(os.path.join(ROOT, pattern))]
    tables = {os.path.relpath(path, ROOT): of_a_file(read(path)) for path in paths}
    for path in ("cmd/troupe/options.h", "cmd/troupe-worker/options.c", "cmd/troupe-supervisor/main.c"):
        assert {"redis-url"} <= tables[path], "no table was found in " + path
    listed = re.findall(r'^NAME\("([^"]+)"\)$', read("lib/base/settings_names.def"), re.MULTILINE)
    assert len(listed) == len(set(listed))
    assert set(listed) == set().union(*tables.values())
