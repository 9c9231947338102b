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


def sdk(bin_dir):
    """Where the build has the library: <build>/<mode>/sdk, beside bin or in build/."""
    asan = os.path.basename(bin_dir.rstrip("/")).endswith("asan")
    mode = "asan" if asan else "release"
    base = os.path.dirname(bin_dir.rstrip("/"))
    for directory in (os.path.join(base, mode, "sdk"), os.path.join(base, "build", mode, "sdk")):
        if os.path.exists(os.path.join(directory, "libtroupe.a")):
            return directory
    raise AssertionError("libtroupe was not built (make libtroupe)")


def worker(directory, bin_dir, static=False):
    """The worker program; its library is found where it was built."""
    lib = sdk(bin_dir)
    program = os.path.join(directory, "worker-c")
    how = [os.path.join(lib, "libtroupe.a"), "-lhiredis", "-lpthread", "-lm"] if static else \
        ["-L" + lib, "-ltroupe", "-Wl,-rpath," + lib]
    if lib.endswith("asan/sdk"):
        how.append("-fsanitize=address,undefined")
    return compile_c(SOURCE, program, *how)
