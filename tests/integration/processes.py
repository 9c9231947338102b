"""Programs that tests start: each with its log, each ended by its pid."""
import ctypes
import os
import re
import signal
import socket
import subprocess
import time

SANITIZER_REPORT = re.compile(
    r"ERROR: (Address|Leak)Sanitizer|runtime error:|AddressSanitizer:DEADLYSIGNAL")
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)


def wait_until(condition, timeout_s=30, what=None):
    """Calls condition until it returns something true, which is returned. Tests wait for what they
    need, never for a time."""
    deadline = time.monotonic() + timeout_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= deadline:
            raise AssertionError("not within %g s: %s" % (timeout_s, what or condition))
        time.sleep(0.02)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def die_with_parent():
    """Runs in the child: a killed pytest leaves nothing behind."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Process:
    """One running program. stdout and stderr go to its log; `fate` says how it was ended by the
    test: None (not at all), "terminated" or "killed"."""

    def __init__(self, name, command, log, env=None, **popen):
        self.name = name
        self.log = log
        self.fate = None
        with open(log, "ab") as out:
            self.popen = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=out,
                                          stderr=subprocess.STDOUT, preexec_fn=die_with_parent,
                                          **popen)

    @property
    def pid(self):
        return self.popen.pid

    @property
    def alive(self):
        return self.popen.poll() is None

    @property
    def status(self):
        """Exit status, negative for a signal; None while it runs."""
        return self.popen.poll()

    def output(self):
        with open(self.log, errors="replace") as f:
            return f.read()

    def wait_for_log(self, pattern, timeout_s=30):
        """The first match of a regular expression in the log."""
        return wait_until(lambda: re.search(pattern, self.output()), timeout_s,
                          "%r in the log of %s" % (pattern, self.name))

    def send(self, number):
        if self.alive:
            os.kill(self.pid, number)

    def pause(self):
        self.send(signal.SIGSTOP)

    def unpause(self):
        self.send(signal.SIGCONT)

    def kill(self):
        """SIGKILL, as a crash would have it."""
        self.fate = "killed"
        self.send(signal.SIGKILL)
        return self.popen.wait()

    def terminate(self, timeout_s=30):
        """SIGTERM; returns the exit status. Not ending in time is the test's failure."""
        self.fate = self.fate or "terminated"
        self.unpause()
        self.send(signal.SIGTERM)
        return self.wait(timeout_s)

    def wait(self, timeout_s=30):
        try:
            return self.popen.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError("%s did not end within %g s" % (self.name, timeout_s)) from None

    def problems(self):
        """What is wrong with how it ended, and what a sanitizer found. Call it after the end."""
        found = []
        report = SANITIZER_REPORT.search(self.output())
        if report:
            found.append("%s: sanitizer report\n%s" % (self.name,
                                                       self.output()[report.start():][:4000]))
        # Who is told to end before its main() has begun cannot say that it has drained.
        not_begun = self.fate == "terminated" and self.status == -signal.SIGTERM and not self.output()
        if self.fate != "killed" and self.status != 0 and not not_begun:
            found.append("%s ended with status %s\n%s" % (self.name, self.status,
                                                          self.output()[-2000:]))
        return found
