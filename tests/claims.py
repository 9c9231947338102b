"""Shares test files among several processes of pytest: whoever claims a file first runs its tests.

    pytest -p claims --claims=DIR    in each process, with the same empty DIR and the same files

A test runs in its process's main thread, which alone may handle signals; each process has its own
fixtures, servers and report.
"""
import os

import pytest


def pytest_addoption(parser):
    parser.addoption("--claims", help="the directory in which files are claimed")


def pytest_configure(config):
    config.pluginmanager.register(Claims(config.getoption("--claims")))


class Claims:
    def __init__(self, directory):
        self.directory = directory
        self.ours = {}  # by path

    def claim(self, path):
        """Whether this process is the one that runs the file."""
        if path not in self.ours:
            name = os.path.join(self.directory, str(path).replace(os.sep, "-"))
            try:
                os.close(os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
                self.ours[path] = True
            except FileExistsError:
                self.ours[path] = False
        return self.ours[path]

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item):
        """True, for "it is done", if the file is another process's."""
        return None if self.claim(item.path) else True
