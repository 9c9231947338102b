"""The checks find what they are for, and the generator embeds what it should."""
import importlib.machinery
import importlib.util
import os
import subprocess

import pytest

import banned
import layers

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")


def load_script(name):
    """A program of scripts/, as a module."""
    path = os.path.join(ROOT, "scripts", name)
    loader = importlib.machinery.SourceFileLoader(name, path)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(name, loader))
    loader.exec_module(module)
    return module


embed = load_script("embed")


@pytest.mark.parametrize("path, text, lines", [
    ("lib/cel/a.c", '#include "base/json.h"\n#include "cel/cel.h"\n#include <stdio.h>\n', []),
    ("lib/base/a.c", '#include "cel/cel.h"\n', [1]),
    ("lib/exec/a.c", '\n#include "protocol/x.h"\n#include "store/x.h"\n', [2, 3]),
    ("lib/store/a.h", '#include "exec/x.h"\n#include "protocol/x.h"\n', [1]),
    ("lib/worker/a.c", '#include "exec/x.h"\n#include "supervisor/x.h"\n', [2]),
    ("lib/supervisor/a.c", '  #  include "worker/x.h"\n', [1]),
    ("lib/graph/a.c", '/* two\n lines\n#include "worker/x.h" */\n#include "graph.h"\n', [4]),
    ("lib/other/a.c", "", [1]),
    ("cmd/troupe/main.c", '#include "worker/x.h"\n#include "nowhere.h"\n', [2]),
])
def test_layers(path, text, lines):
    assert [line for line, _ in layers.check_file(path, text)] == lines


@pytest.mark.parametrize("text, found", [
    ("strcpy(a, b);\n", [(1, "strcpy")]),
    ("\n x = (atoi (s));\n", [(2, "atoi")]),
    ("/* gets(x)\n */ sprintf(b, \"strcat(\");\n", [(2, "sprintf")]),
    ("// system(x)\nfile_system(x); a->gets(1); a.system(2); vsnprintf(b);\n", []),
    ("char c = '\"'; popen(x);\n", [(1, "popen")]),
])
def test_banned(text, found):
    assert list(banned.check_text(text)) == found


def scripts_in(tmp_path, files):
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return {name: embed.strip(lines) for name, lines in embed.scripts(str(tmp_path))}


def test_embed_includes_once_and_strips(tmp_path):
    found = scripts_in(tmp_path, {
        "a.lua": "#!lua\n-- why\n--@include x.lua\n--@include y.lua\n  return f() -- kept\n\n",
        "include/x.lua": "local function f()\n  return 1\nend\n",
        "include/y.lua": "--@include x.lua\nlocal y = 2\n",
    })
    assert found == {"a": ["#!lua", "local function f()", "return 1", "end", "local y = 2",
                           "return f() -- kept"]}


def test_embed_leaves_long_brackets_alone(tmp_path):
    text = "#!lua\nlocal s = [[\n  -- no comment\n]]\n"
    assert scripts_in(tmp_path, {"a.lua": text}) == {"a": text.splitlines()}


@pytest.mark.parametrize("files, message", [
    ({"a.lua": "return 1\n"}, "must begin with #!lua"),
    ({"a.lua": "#!lua\n--@include gone.lua\n"}, "a.lua:2: no "),
    ({"a.lua": "#!lua\n-- @include x.lua\n"}, "not an include"),
    ({"a.lua": "#!lua\n--@include x.lua\n", "include/x.lua": "--@include x.lua\n"},
     "includes itself"),
])
def test_embed_refuses_scripts(tmp_path, files, message):
    with pytest.raises(embed.EmbedError, match=message):
        scripts_in(tmp_path, files)


def migrations_in(tmp_path, *names):
    for name in names:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("select 1;\n")
    return [(number, name) for number, name, _ in embed.migrations(str(tmp_path))]


def test_embed_orders_migrations(tmp_path):
    assert migrations_in(tmp_path, "views/b.sql", "0002_more.sql", "views/a.sql",
                         "0001_init.sql") == [(1, "init"), (2, "more"), (0, "a"), (0, "b")]


@pytest.mark.parametrize("names, message", [
    (["0001_a.sql", "0003_b.sql"], "number 0002 is missing"),
    (["0001_a.sql", "0001_b.sql"], "number 0002 is missing or taken"),
    (["1_a.sql"], "must be named"),
])
def test_embed_refuses_migrations(tmp_path, names, message):
    with pytest.raises(embed.EmbedError, match=message):
        migrations_in(tmp_path, *names)


def test_c_string_survives_the_compiler(tmp_path):
    """Every byte that text can hold comes back out of a compiled literal."""
    text = "".join(map(chr, range(1, 128))) + "??/ \\ \"q\" é ☃\x0123\n-- last line without end"
    program = tmp_path / "p.c"
    program.write_text("#include <stdio.h>\nstatic const char text[] = %s;\n"
                       "int main(void)\n{\n    fwrite(text, 1, sizeof(text) - 1, stdout);\n"
                       "    return 0;\n}\n" % embed.c_string(text))
    subprocess.run(["gcc", "-std=gnu17", "-Wall", "-Werror", "-o", str(tmp_path / "p"),
                    str(program)], check=True)
    got = subprocess.run([str(tmp_path / "p")], check=True, capture_output=True).stdout
    assert got == text.encode()
