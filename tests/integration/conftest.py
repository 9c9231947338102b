"""Fixtures of the integration tests.

    redis_server, postgres_server   private servers, one each for the whole session
    stack                           a Stack: an empty Redis, a new database, nothing started
    running_stack                   the same, migrated, with a supervisor and two workers
    fleet                           partitions in an empty Redis and workers, without a supervisor
    redis_cluster_server            a cluster of one node, to see that scripts stay in their slot
    shared                          the folder ../shared beside the checkout, or the test is skipped

TROUPE_BIN_DIR names the programs' directory (default: bin). @pytest.mark.timeout_s(N) changes how
long a test may take (default: 120 s).
"""
import os
import signal

import pytest

from servers import PostgresServer, RedisServer
from stack import ROOT, Stack
from worker_fleet import Fleet

DEFAULT_TIMEOUT_S = 120
LOG_TAIL = int(os.environ.get("LOG_TAIL", 6000))


def pytest_configure(config):
    config.addinivalue_line("markers", "timeout_s(n): how long the test may take")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failure shows the ends of the logs."""
    outcome = yield
    report = outcome.get_result()
    stack = getattr(item, "funcargs", {}).get("stack")
    if report.failed and call.when == "call" and stack is not None:
        for name, text in stack.logs():
            report.sections.append(("log of " + name, text[-LOG_TAIL:]))


@pytest.fixture(autouse=True)
def _time_limit(request):
    marker = request.node.get_closest_marker("timeout_s")
    limit = marker.args[0] if marker else DEFAULT_TIMEOUT_S

    def over(_signal, _frame):
        raise AssertionError("the test took longer than %d s" % limit)

    before = signal.signal(signal.SIGALRM, over)
    signal.alarm(limit)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="session")
def redis_server():
    server = RedisServer()
    yield server
    server.close()


@pytest.fixture(scope="session")
def redis_cluster_server():
    server = RedisServer(cluster=True)
    yield server
    server.close()


@pytest.fixture(scope="session")
def postgres_server():
    server = PostgresServer()
    yield server
    server.close()


@pytest.fixture
def stack(redis_server, postgres_server):
    stack = Stack(redis_server, postgres_server)
    yield stack
    stack.close()


@pytest.fixture
def running_stack(stack):
    stack.up()
    return stack


@pytest.fixture
def fleet(redis_server, tmp_path):
    fleet = Fleet(redis_server, tmp_path)
    yield fleet
    for process in fleet.workers:  # shown when the test failed
        print("--- %s ---\n%s" % (process.name, process.output()[-6000:]))
    fleet.redis.reset()
    fleet.close()


@pytest.fixture(scope="session")
def shared():
    path = os.path.abspath(os.path.join(ROOT, "..", "shared"))
    if not os.path.isdir(path):
        pytest.skip("left out: it needs ../shared, which is not here")
    return path
