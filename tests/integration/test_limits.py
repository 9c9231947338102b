"""Poison and limits on the whole fleet: what kills workers, is too large or cannot be settled ends by itself,
as what it is, and takes no neighbour along; workers that come and go leave nothing behind.

Neighbours share a partition with the culprit, and wait for the same moment as it does: one call of `fire`
brings them back together, so the same worker claims them together.
"""
import json
import os
import time
import uuid

import pytest

from load import PARTITIONS, Load, check_record, edge, transform

NEIGHBOURS = 24
PARTITION = 5
WAIT_S = 3
# The time limit of a program in jq is a quarter of the lease: it runs that long, if nobody kills its worker.
LEASE = "2s"


def waits_then(name, *nodes):
    """Every run waits for a moment, then goes through the nodes."""
    nodes = [{"id": "w", "type": "delay", "config": {"until": "$input.until"}}, *nodes]
    edges = [edge(a["id"], b["id"]) for a, b in zip(nodes, nodes[1:])]
    return {"metadata": {"name": name}, "nodes": nodes, "edges": edges}


# b is a program in jq, which no worker executes together with what comes before it.
GOOD = waits_then("good", transform("a", "input.n + 1"), {"id": "b", "type": "transform", "config": {"jq": ". * 2"}})
AWAKE = {"metadata": {"name": "awake"}, "nodes": [{"id": "a", "type": "noop"}]}


def dead_letters(stack):
    return [(letter["id"], letter["node_id"], letter["code"])
            for letter in stack.troupe("dead-letters", "-o", "json", status=0).json]


def run_id():
    """One of the partition."""
    return str(uuid.uuid4())[:-4] + "%04x" % (PARTITIONS * 300 + PARTITION)


class Crowd:
    """Runs of one partition that go on at the same time: a culprit in the middle of its neighbours."""

    def __init__(self, stack, culprit, value):
        self.stack = stack
        self.redis = stack.redis_client()
        for definition in (GOOD, culprit):
            stack.deploy(definition)
        stack.run(AWAKE, status=0)  # the fleet is there: from now on nothing starts late
        seconds, us = self.redis.time()
        until = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds + WAIT_S)) + ".%03dZ" % (us // 1000)
        self.culprit, self.neighbours = run_id(), {}
        for n in range(NEIGHBOURS):
            if n == NEIGHBOURS // 2:
                self.submit(culprit["metadata"]["name"], self.culprit, {"until": until, "v": value})
            self.neighbours[run_id()] = n
            self.submit("good", list(self.neighbours)[-1], {"until": until, "n": n})

    def submit(self, workflow, run, value):
        self.redis.xadd("troupe:runs", {"workflow": workflow, "run_id": run, "input": json.dumps(value)})

    def timers(self):
        return self.redis.zcard("troupe:{%d}:timers" % PARTITION)

    def wait_until_all_wait(self):
        self.stack.wait_until(lambda: self.timers() == NEIGHBOURS + 1, what="runs that wait")

    def held(self, consumer):
        """Runs of which a consumer holds a token."""
        queue = "troupe:{%d}:q:default" % PARTITION
        entries = [p["message_id"] for p in self.redis.xpending_range(queue, "fleet", "-", "+", 1000, consumer)]
        runs = [self.redis.xrange(queue, e, e) for e in entries]
        return {found[0][1]["r"] for found in runs if found}

    def ended(self):
        return len(self.stack.sql("select 1 from run where ended_at is not null and run_id = any(%s::uuid[])",
                                  [self.culprit, *self.neighbours]))

    def wait_for_end(self, timeout_s=60):
        self.stack.wait_until(lambda: self.ended() == NEIGHBOURS + 1, timeout_s, "the end of all runs")

    def check(self, code):
        """Neighbours completed, each node once; the culprit failed. Returns its error."""
        for run, n in self.neighbours.items():
            shown = self.stack.sql("select status, output::text from v_runs where run_id = %s::uuid", run)
            assert shown == [("completed", json.dumps({"b": (n + 1) * 2}, separators=(",", ":")))], run
        counts = self.stack.sql("select run_id::text, count(*) from node_executions where status = 'completed' "
                                "and run_id = any(%s::uuid[]) group by 1", list(self.neighbours))
        assert dict(counts) == dict.fromkeys(self.neighbours, 3)
        check_record(self.stack)
        run = self.stack.show(self.culprit)
        assert run["status"] == "failed" and run["error"]["code"] == code, run
        return run["error"]


# --- A node that kills its workers ---


@pytest.mark.timeout_s(180)
def test_what_kills_its_workers_is_given_up(stack):
    """The killer is the test: whoever is seen to hold the token dies while its program runs."""
    stack.migrate()
    stack.start_supervisor(TROUPE_OWNERSHIP_LEASE=LEASE)
    workers = {}

    def worker():
        name = "w%d" % len(workers)
        workers[name] = stack.start_worker("--name", name, TROUPE_LEASE=LEASE)

    worker()
    crowd = Crowd(stack, waits_then("poison", {"id": "p", "type": "transform",
                                               "config": {"jq": "def f: f; f"}}), None)
    crowd.wait_until_all_wait()
    worker()
    killed, company = [], set()

    def runs_the_program(process):
        """Whether it waits for its troupe-jq, busy with a program that has no end."""
        return any(busy_us(child) > 20000 for child in children(process.pid))

    def strike():
        for name, process in list(workers.items()):
            if not process.alive or crowd.culprit not in crowd.held(name) or not runs_the_program(process):
                continue
            process.pause()  # what it holds now is what it dies with
            held = crowd.held(name)
            process.kill()
            if crowd.culprit in held:
                killed.append(name)
                company.update(held - {crowd.culprit})
                worker()
        return crowd.ended() == NEIGHBOURS + 1

    stack.wait_until(strike, 120, "the end of all runs")
    error = crowd.check("worker_lost")
    assert dead_letters(stack) == [(crowd.culprit, "p", "worker_lost")]
    assert error["node"] == "p"
    print("killed: %s, which held %d neighbours" % (killed, len(company)))
    assert len(killed) == 4  # the first held it among others, three alone
    assert company, "nobody was at risk"


def children(pid):
    with open("/proc/%d/task/%d/children" % (pid, pid)) as f:
        return [int(child) for child in f.read().split()]


def busy_us(pid):
    """Processor time of a process since it was started; 0 when it is gone."""
    try:
        with open("/proc/%d/stat" % pid) as f:
            fields = f.read().rsplit(")", 1)[1].split()
    except FileNotFoundError:
        return 0
    return (int(fields[11]) + int(fields[12])) * 1000000 // os.sysconf("SC_CLK_TCK")


# --- Too large ---


def test_what_is_too_large_fails_alone(stack):
    stack.migrate()
    stack.start_supervisor()
    stack.start_worker(TROUPE_MAX_VALUE="64KiB")
    large = waits_then("large", transform("d", "{'a': input.v, 'b': input.v}"))
    crowd = Crowd(stack, large, "x" * 40000)
    crowd.wait_for_end()
    error = crowd.check("too_large")
    assert error["node"] == "d" and "65536" in error["message"], error


# --- What Redis does not take ---


@pytest.mark.parametrize("damage", ["bad", "call"])
def test_a_result_that_redis_refuses_fails_alone(stack, damage):
    """The join table of its graph is damaged while it waits: it lacks a row (`bad`), or is no hash, so that
    every call with its token is an error."""
    stack.migrate()
    stack.start_supervisor()
    worker = stack.start_worker()
    definition = waits_then("joins", {"id": "s", "type": "noop"}, {"id": "x", "type": "noop"},
                            {"id": "j", "type": "join"})
    definition["edges"].append(edge("s", "j"))
    crowd = Crowd(stack, definition, 1)
    crowd.wait_until_all_wait()
    digest = crowd.redis.hget("troupe:workflows", "joins").split()[1]
    table = "troupe:{%d}:g:%s" % (PARTITION, digest)
    assert crowd.redis.type(table) == "none"  # loaded when a token needs it
    if damage == "bad":
        crowd.redis.hset(table, "9", "nonsense")  # there, but without the join's row
    else:
        crowd.redis.set(table, "nonsense")
    crowd.wait_for_end()
    crowd.check("internal")
    assert dead_letters(stack) == [(crowd.culprit, "w", "internal")]
    worker.wait_for_log("cannot be settled: failing it", timeout_s=0)
    assert "giving it up" not in worker.output()


# --- Workers that come and go ---


@pytest.mark.timeout_s(180)
def test_a_hundred_workers_leave_nothing_behind(stack):
    stack.migrate()
    stack.start_supervisor()
    load = Load(stack)
    load.deploy()
    redis = stack.redis_client()
    names, fleet = [], []

    def registered():
        found = {}
        for key in redis.keys("troupe:{*}:workers") + redis.keys("troupe:{*}:serves"):
            for name in redis.hkeys(key):
                found.setdefault(name, []).append(key)
        for key in [*redis.keys("troupe:{*}:q:*"), "troupe:runs"]:
            for consumer in redis.xinfo_consumers(key, "fleet"):
                found.setdefault(consumer["name"], []).append(key)
        return found

    for wave in range(20):
        for _ in range(5):
            name = "w%d" % len(names)
            names.append(name)
            fleet.append(stack.start_worker("--name", name, TROUPE_CONCURRENCY="8", TROUPE_BATCH="4"))
        for name in names[-5:]:
            stack.wait_until(lambda: name in redis.hgetall("troupe:{0}:workers"), what="worker " + name)
        load.submit_by_stream(8)
        # Five stay, so that some always work.
        leaving, fleet = fleet[:-5], fleet[-5:]
        for process in leaving:
            assert process.terminate() == 0
    last = set(names[-5:])
    load.wait_for_end()
    load.check()
    assert set(registered()) >= last
    for process in fleet:
        assert process.terminate() == 0
    try:
        stack.wait_until(lambda: not registered(), 30)
    except AssertionError:
        raise AssertionError("left in Redis: %s" % registered()) from None
