"""Single messages between troupe's programs and Redis are lost, each at a moment that once was, or could be,
the wrong one. Any message at any moment: test_chaos_short.py and tests/lab.
"""
import json
import threading
import uuid

import pytest

import load
from resp_proxy import KINDS, RespProxy
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


def owns_all(stack, name):
    """Whether that supervisor owns the partitions, and may still."""
    return stack.sql("select bool_and(owner = %s and lease_until > clock_timestamp()) from partition_state",
                     name) == [(True,)]


def test_who_has_a_partition_again_repeats_what_the_owner_between_left(stack, proxy):
    """Owner, other owner, first owner again: what it knew of the partition does not hold any more, although it
    never heard of the other one, who committed the end of a run and died before it was forgotten."""
    stack.migrate()
    first = stack.start_supervisor("--name", "first", TROUPE_OWNERSHIP_LEASE="1s")
    stack.start_worker()
    stack.deploy(HELLO)
    submit(stack, 1)
    stack.wait_until(lambda: completed(stack) == 1 and load.redis_is_empty(stack))
    stack.wait_until(lambda: owns_all(stack, "first"), what="a first owner")
    first.pause()
    between = stack.start_supervisor("--name", "between", TROUPE_OWNERSHIP_LEASE="1s", TROUPE_REDIS_URL=proxy.url)
    stack.wait_until(lambda: owns_all(stack, "between"), what="a second owner")
    submit(stack, 1)
    stack.wait_until(lambda: completed(stack) == 2 and load.redis_is_empty(stack))
    for _ in range(1000):  # however often it tries
        proxy.order("drop", "forget")
    submit(stack, 1)
    stack.wait_until(lambda: completed(stack) == 3 and proxy.counts["drop forget"] > 0, what="a commit of its")
    between.kill()
    assert in_redis(stack, "c"), "it was forgotten: nothing to repeat"
    lapsed = "select bool_and(lease_until < clock_timestamp()) from partition_state"
    stack.wait_until(lambda: stack.sql(lapsed) == [(True,)], what="the end of its lease")
    first.unpause()
    stack.wait_until(lambda: owns_all(stack, "first"), what="the first owner again")
    load.check_redis_is_empty(stack)
    load.check_record(stack)


# --- Each kind of loss alone: no other fault comes later and mends it by the way ---

SLOW = {"metadata": {"name": "slow"},
        "nodes": [{"id": "a", "type": "noop"}, {"id": "b", "type": "delay", "config": {"ms": 2}},
                  {"id": "c", "type": "noop"}],
        "edges": [{"from": "a", "to": "b"}, {"from": "b", "to": "c"}, {"from": "a", "to": "c"}]}
TARGETS = ["settle", "start", "XREADGROUP", "fire", "forget", "XTRIM"]


@pytest.mark.parametrize("kind", KINDS)
def test_one_message_of_each_kind_is_lost(stack, proxy, kind):
    stack.migrate()
    stack.start_supervisor(TROUPE_REDIS_URL=proxy.url)
    # Its lease is long: what it forgets nobody takes over in time.
    stack.start_worker(TROUPE_REDIS_URL=proxy.url, TROUPE_LEASE="60s")
    stack.deploy(SLOW)
    client, count = stack.redis_client(), 0
    for target in TARGETS:
        before = proxy.counts["%s %s" % (kind, target)]
        proxy.order(kind, target)
        for _ in range(20):
            client.xadd("troupe:runs", {"workflow": "slow", "input": "1"})
            count += 1
            stack.wait_until(lambda: completed(stack) == count, 15, "run %d, after a %s of %s" % (
                count, kind, target))
            if proxy.counts["%s %s" % (kind, target)] > before:
                break
        else:
            raise AssertionError("no %s was met" % target)
    load.check_redis_is_empty(stack)
    load.check_record(stack)


# The first arrivals at more joins than a settle call has operations: what is left over is a token that stands on the
# same entry, and so is what is left over by that one. They differ by their number only.
JOINS = ["j%d" % i for i in range(1600)]
WIDE = {"metadata": {"name": "wide"},
        "nodes": [{"id": "s", "type": "delay", "config": {"ms": 1}}, {"id": "t", "type": "delay", "config": {"ms": 1500}}] +
                 [{"id": j, "type": "noop", "join": "all"} for j in JOINS],
        "edges": [{"from": n, "to": j} for n in "st" for j in JOINS]}


def test_the_next_token_of_an_entry_is_not_the_last_one(stack, proxy):
    stack.migrate()
    stack.start_supervisor(TROUPE_PARTITIONS="1")  # so that all calls are about the run
    stack.start_worker(TROUPE_REDIS_URL=proxy.url, TROUPE_LEASE="60s")
    stack.deploy(WIDE)
    for count in range(1, 4):
        for _ in range(2 + count):
            proxy.order("swallow", "settle")
        stack.redis_client().xadd("troupe:runs", {"workflow": "wide", "input": "1"})
        stack.wait_until(lambda: completed(stack) == count, 25, "run %d, after lost replies of settle" % count)
        assert proxy.counts["swallow settle"] > 0
    load.check_redis_is_empty(stack)
    load.check_record(stack)


# --- A worker is killed and started again under its name; what it was reading is served all the same ---

LATER = {"metadata": {"name": "later"},
         "nodes": [{"id": "a", "type": "delay", "config": {"ms": 1}}, {"id": "b", "type": "noop"}],
         "edges": [{"from": "a", "to": "b"}]}


def blocked_reads(stack):
    return [c for c in stack.redis_client().client_list() if "b" in c["flags"] and c["cmd"] == "xreadgroup"]


def read_on(stack, name, brought):
    """As the bell of the one that was killed would, had Redis not noticed."""
    streams = {key: ">" for key in stack.redis_client().keys("troupe:{*}:q:default")}
    reply = stack.redis_client().xreadgroup("fleet", name, streams, count=1, block=10000)
    brought.extend(entry for _, entries in reply or [] for entry, _ in entries)


def served_to(stack, name, done, **env):
    """A run whose second token is served to a read in the name of a worker that does not know of it; False when
    the worker was faster."""
    brought = []
    reader = threading.Thread(target=read_on, args=(stack, name, brought))
    reader.start()
    stack.wait_until(lambda: blocked_reads(stack) or not reader.is_alive(), what="its read, still there")
    worker = stack.start_worker("--name", name, **env)
    stack.wait_until(lambda: len(blocked_reads(stack)) == 2 or not reader.is_alive(), what="its new bell")
    stack.redis_client().xadd("troupe:runs", {"workflow": "later", "input": "1"})
    stack.wait_until(lambda: completed(stack) == done, what="the run's end")
    reader.join()
    worker.kill()
    stack.wait_until(lambda: not blocked_reads(stack), what="its end")
    return bool(brought)


def test_what_the_process_before_was_given_is_not_lost(stack):
    stack.migrate()
    stack.start_supervisor()
    stack.deploy(LATER)
    for attempt in range(5):
        worker = stack.start_worker("--name", "again", TROUPE_LEASE="60s")
        stack.wait_until(lambda: blocked_reads(stack), what="its bell")
        worker.kill()
        stack.wait_until(lambda: not blocked_reads(stack), what="its end")
        if served_to(stack, "again", attempt + 1, TROUPE_LEASE="60s"):
            break
    else:
        raise AssertionError("the old read was given nothing in five attempts: nothing shown")
    stack.start_worker()
    load.check_redis_is_empty(stack)
    load.check_record(stack)


def test_what_is_pending_and_not_known_is_found(stack):
    """By a worker that has no reason to look for it: nobody of its name was there before."""
    stack.migrate()
    stack.start_supervisor(TROUPE_PARTITIONS="1")
    stack.deploy(LATER)
    first = stack.start_worker()  # it makes the queues
    stack.wait_until(lambda: blocked_reads(stack), what="its bell")
    first.terminate()
    stack.wait_until(lambda: not first.alive, what="its end")
    for attempt in range(5):
        if served_to(stack, "new-%d" % attempt, attempt + 1, TROUPE_LEASE="1s"):
            break
    else:
        raise AssertionError("the read was given nothing in five attempts: nothing shown")
    assert any("did not know of it" in p.output() for p in stack.processes)
    stack.start_worker()
    load.check_redis_is_empty(stack)
    load.check_record(stack)
