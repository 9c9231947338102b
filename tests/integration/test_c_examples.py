"""examples/plugin and examples/worker-c, as a team would build and run them: from what `make install` installs."""
import os
import shutil
import subprocess

import pytest

import callbacks
from processes import Process
from stack import ROOT

BIN = os.path.join(ROOT, os.environ.get("TROUPE_BIN_DIR", "bin"))
ASAN = BIN.rstrip("/").endswith("asan")


def run(*command, **more):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **more)
    assert done.returncode == 0, done.stdout.decode()
    return done.stdout.decode()


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """An environment in which pkg-config finds it."""
    prefix = str(tmp_path_factory.mktemp("prefix"))
    build = os.path.dirname(os.path.dirname(callbacks.sdk(BIN)))
    env = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}
    run("make", "-C", ROOT, "MODE=" + ("asan" if ASAN else "release"), "BUILD=" + build, "PREFIX=" + prefix,
        "install-libtroupe", env=env)
    env["PKG_CONFIG_PATH"] = os.path.join(prefix, "lib", "pkgconfig")
    env["LD_LIBRARY_PATH"] = os.path.join(prefix, "lib")
    if ASAN:
        env["CFLAGS"] = "-fsanitize=address,undefined -g"
    return env, prefix


def built(installed, example, directory, target):
    copy = os.path.join(directory, example)
    shutil.copytree(os.path.join(ROOT, "examples", example), copy, ignore=shutil.ignore_patterns("*.so", "worker"))
    run("make", "-C", copy, target, env=installed[0])
    return os.path.join(copy, target), os.path.join(ROOT, "examples", example)


def test_plugin(installed, stack):
    path, example = built(installed, "plugin", stack.dir, "discount.so")
    stack.migrate()
    stack.start_supervisor()
    stack.start_worker(TROUPE_PLUGIN=path)
    order = os.path.join(example, "order.yaml")
    assert stack.run(order, {"price": 50}, status=0).json["output"] == {"total": {"price": 40}}
    assert stack.run(order, {}, status=1).json["error"]["code"] == "no_price"


@pytest.mark.parametrize("target", ["worker", "worker-static"])
def test_worker(installed, running_stack, target):
    path, example = built(installed, "worker-c", running_stack.dir, target)
    env = running_stack.env(LD_LIBRARY_PATH=installed[0]["LD_LIBRARY_PATH"])
    process = Process("shout", [path], os.path.join(running_stack.dir, "shout.log"), env=env)
    running_stack.processes.append(process)
    done = running_stack.run(os.path.join(example, "shout.yaml"), "hello", status=0)
    assert done.json["output"] == {"loud": "HELLO"}
    assert process.terminate() == 0


def test_the_header_is_plain_c(installed):
    for language, flags in (("c", ["-std=c11", "-Wstrict-prototypes"]), ("c++", ["-std=c++11"])):
        run("gcc", "-x", language, *flags, "-pedantic-errors", "-Wall", "-Wextra", "-Werror", "-fsyntax-only",
            os.path.join(installed[1], "include", "troupe.h"))


def test_the_manual_is_whole(installed):
    """Every function of the header is in it, and it has no mistakes, if there is a program to tell."""
    page = os.path.join(installed[1], "share", "man", "man3", "troupe.3")
    with open(page) as f, open(os.path.join(callbacks.HEADERS, "troupe.h")) as header:
        text = f.read()
        for line in header:
            if line.startswith("TROUPE_PUBLIC") and "troupe_host_begin" not in line:
                name = line.split("(")[0].split()[-1].lstrip("*")
                assert ".Fn %s " % name in text, name
    if shutil.which("mandoc"):
        run("mandoc", "-Tlint", "-W", "warning", page)
