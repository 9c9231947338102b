"""Remote workers of the tests, in either language: the programs in remote_programs/, which have the same functions."""
import collections
import json
import os
import shutil

import npm
from processes import Process, wait_until
from stack import ROOT

HERE = os.path.dirname(os.path.abspath(__file__))
IOREDIS = "ioredis@5.4.1"


def python_command(_directory):
    return ["/usr/bin/python3", "-B", os.path.join(HERE, "remote_programs", "worker.py")]


def node_command(directory):
    """Installs lib/node as npm would, beside the ioredis that npm got."""
    modules = os.path.join(directory, "node_modules")
    program = os.path.join(directory, "worker.mjs")
    if not os.path.isdir(modules):
        there = npm.packages(IOREDIS)
        os.mkdir(modules)
        os.symlink(os.path.join(there, "node_modules", "ioredis"), os.path.join(modules, "ioredis"))
        shutil.copytree(os.path.join(ROOT, "lib", "node"), os.path.join(modules, "troupe"),
                        ignore=shutil.ignore_patterns("node_modules"))
        shutil.copy(os.path.join(HERE, "remote_programs", "worker.mjs"), program)
    return ["node", program]


class Remote:
    """The remote workers of one test."""

    def __init__(self, stack, command_of):
        self.stack = stack
        self.command = command_of(stack.dir)
        self.marks_file = os.path.join(stack.dir, "marks")
        self.count = 0

    def start(self, **settings):
        """Starts one; settings: CONCURRENCY, LEASE, DRAIN (seconds), NAME, or any of the environment."""
        self.count += 1
        name = "remote-%d" % self.count
        env = self.stack.env(PYTHONPATH=os.path.join(ROOT, "lib", "python"), MARKS=self.marks_file,
                             **{key: str(value) for key, value in settings.items()})
        process = Process(name, self.command, os.path.join(self.stack.dir, name + ".log"), env=env,
                          cwd=self.stack.dir)
        self.stack.processes.append(process)
        return process

    def marks(self):
        """How often what happened: {"began": 2, …}."""
        try:
            with open(self.marks_file) as f:
                return collections.Counter(line.split()[0] for line in f)
        except FileNotFoundError:
            return collections.Counter()

    def wait_for_mark(self, what, count=1, timeout_s=30):
        wait_until(lambda: self.marks()[what] >= count, timeout_s, "%d times %s" % (count, what))

    def detach(self, definition, input=None):
        """Starts a run of it; its id."""
        if isinstance(definition, dict):
            definition = self.stack.write(definition)
        return self.stack.troupe("run", definition, "--input", json.dumps(input), "--detach",
                                 status=0).stdout.strip()

    def ended(self, run, timeout_s=30):
        """The run, once it is over."""
        def look():
            shown = self.stack.show(run)
            return shown if shown["status"] not in ("running", "pending", "queued") else None
        return wait_until(look, timeout_s, "the end of run " + run)


def node_of(name, kind="function", **more):
    """A definition with one node that a remote worker executes."""
    config = {"function_name": name} if kind == "function" else {"name": name}
    node = {"id": "n", "type": kind, "config": {**config, **more.pop("config", {})}, **more}
    return {"metadata": {"name": "remote-" + name.replace("_", "-")}, "nodes": [node]}
