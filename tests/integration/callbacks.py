"""Builds remote_programs/callbacks.c: as a plugin, or as a worker with libtroupe."""
import os
import subprocess

from stack import ROOT

HEADERS = os.path.join(ROOT, "lib", "libtroupe")
SOURCE = os.path.join(ROOT, "tests", "integration", "remote_programs", "callbacks.c")
FLAGS = ["-std=gnu11", "-O1", "-g", "-Wall", "-Wextra", "-Werror"]


def compile_c(source, out, *flags):
    done = subprocess.run(["gcc", *FLAGS, "-I", HEADERS, source, "-o", out, *flags],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout.decode()
    return out


def plugin(directory, name="callbacks", source=SOURCE, *flags):
    return compile_c(source, os.path.join(directory, name + ".so"), "-shared", "-fPIC", "-DPLUGIN", *flags)
