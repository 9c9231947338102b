"""libtroupe against the real fleet: worker programs in C."""
import re
import subprocess

import pytest

import callbacks
import remote_cases as cases
from remote_worker import Remote, node_of

RETRY = cases.RETRY


@pytest.fixture
def remote(running_stack):
    return Remote(running_stack, lambda directory: [callbacks.worker(directory, running_stack.bin_dir)])


@pytest.fixture(params=["long"])
def patient(request):
    return request.param


class TestC(cases.Cases):
    pass


def test_linked_statically(running_stack):
    """And with a name of its own for what the library has inside: nothing of that is seen."""
    remote = Remote(running_stack,
                    lambda directory: [callbacks.worker(directory, running_stack.bin_dir, static=True)])
    remote.start()
    assert cases.outcome(remote, node_of("hello_async"), {"name": "x"})["output"] == {"n": {"hello": "x"}}


@pytest.mark.parametrize("name,flags", [("libtroupe.so", ["-D"]), ("libtroupe.a", [])])
def test_only_the_api_is_seen(stack, name, flags):
    listed = subprocess.run(["nm", *flags, "--defined-only", "--extern-only",
                             "%s/%s" % (callbacks.sdk(stack.bin_dir), name)], stdout=subprocess.PIPE, check=True)
    names = set(re.findall(r"^[0-9a-f]+ [A-Z] ([a-z]\w+)", listed.stdout.decode(), re.MULTILINE))
    names = {n for n in names if not n.startswith(("__asan", "__odr", "__ubsan"))}
    with open(callbacks.HEADERS + "/troupe.h") as f:
        declared = set(re.findall(r"^TROUPE_PUBLIC [^;(]*?(troupe_(?:task|worker)_\w+)\(", f.read(), re.MULTILINE))
    assert names == declared


def test_callbacks_that_only_return_something(remote):
    remote.start()
    error = cases.fails(remote, node_of("broken", retry=RETRY), {})
    assert (error["code"], error["message"], error["attempt"]) == ("exception", "its callback returned 42", 3)


@pytest.mark.timeout_s(180)
def test_what_crashes_its_workers_is_given_up(remote):
    """Three workers in turn; then it fails with worker_lost. What they had besides is executed."""
    remote.start(LEASE=1)
    culprit = remote.detach(node_of("crashes"), {"crash": 1})

    def replaced():
        process = remote.stack.processes[-1]
        if process.status is not None:
            process.fate = "killed"
            remote.start(LEASE=1)
        return remote.stack.show(culprit)["status"] == "failed"

    remote.stack.wait_until(replaced, 60)
    assert remote.ended(culprit)["error"]["code"] == "worker_lost"
    assert remote.marks()["crashed"] == 3
    cases.outcome(remote, node_of("hello_async"), {"name": "x"})


def test_wrong_settings_are_said(remote):
    for settings, message in ((dict(LEASE=0.1), "lease_ms: 100 is not 1000 to 3600000"),
                              (dict(NAME="a b"), "a worker's name has"),
                              (dict(CONCURRENCY=5000), "threads: 5000 is more than 1024"),
                              (dict(TROUPE_REDIS_URL="http://x"), "Redis URL: expected redis://")):
        process = remote.start(**settings)
        assert process.wait(10) == 2
        process.fate = "killed"
        assert message in process.output()
