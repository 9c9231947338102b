"""Single messages between troupe's programs and Redis are lost, each at a moment that once was, or could be,
the wrong one. Any message at any moment: test_chaos_short.py and tests/lab.
"""
import json
import uuid

import pytest

import load
from resp_proxy import RespProxy
from test_end_to_end import HELLO


@pytest.fixture
def proxy(stack):
    proxy = RespProxy(stack.redis.port, seed=1)
    yield proxy
    for process in stack.processes:  # they end in order only while Redis is where they know it
        if process.alive:
            process.terminate()
    proxy.close()
    assert not proxy.failures


def submit(stack, count):
    client = stack.redis_client()
    for n in range(count):
        client.xadd("troupe:runs", {"workflow": "hello", "input": json.dumps({"n": n}),
                                    "run_id": str(uuid.uuid4())})


def in_redis(stack, status):
    client = stack.redis_client()
    return [k for k in client.keys("troupe:{*}:run:*") if (client.hget(k, "h") or "").startswith(status + "|")]


def completed(stack):
    return stack.sql("select count(*) from v_runs where status = 'completed'")[0][0]


def test_what_follows_a_commit_is_lost_with_the_scripts(stack, proxy):
    """Redis has no scripts: of the pipeline behind a commit it refuses `forget` and does the rest. The ledger
    must not be trimmed then, since it is all that tells the next one what to forget."""
    stack.migrate()
    supervisor = stack.start_supervisor(TROUPE_REDIS_URL=proxy.url)
    stack.start_worker()
    stack.deploy(HELLO)
    submit(stack, 1)
    stack.wait_until(lambda: completed(stack) == 1 and load.redis_is_empty(stack))
    supervisor.pause()
    submit(stack, 100)
    stack.wait_until(lambda: len(in_redis(stack, "c")) == 100, what="100 completed runs in Redis")
    stack.redis_client().script_flush()
    proxy.order("drop", "EVAL forget")
    supervisor.unpause()
    stack.wait_until(lambda: completed(stack) == 101, what="all of them in the record")
    load.check_redis_is_empty(stack)
    assert proxy.counts["drop forget"] == 1, "nothing was lost"
    load.check_record(stack)
