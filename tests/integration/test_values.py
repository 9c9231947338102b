"""Values over the inline limit, end to end: through chains, joins and loops, once in Redis however many wait for
them, kept by a restart, and gone with their runs."""
import json
import time
import uuid

import pytest

from load import check_record, check_redis_is_empty, edge, transform

LARGE = 1 << 20
RUN_S = 60
# In jq: such a node goes through the queue, so its input comes from Redis and not from the node before.
GROW = '{v: ("x" * %d), n: (.n + 1)}' % LARGE


def jq(name, program):
    return {"id": name, "type": "transform", "config": {"jq": program}}


def chain(name, nodes):
    return {"metadata": {"name": name}, "nodes": nodes, "edges": [edge(a["id"], b["id"]) for a, b in zip(nodes, nodes[1:])]}


def values(stack):
    return stack.redis_client().keys("troupe:{*}:v:*")


def check_after(stack):
    check_record(stack)
    check_redis_is_empty(stack)
    assert values(stack) == []


@pytest.fixture
def fleet_of_two(stack):
    stack.up(workers=2)
    return stack


def test_through_a_chain(fleet_of_two):
    stack = fleet_of_two
    nodes = [jq("n%d" % i, GROW) for i in range(4)] + [jq("last", "{n: .n, size: (.v | length)}")]
    done = stack.run(chain("chain", nodes), {"n": 0}, timeout_s=RUN_S, status=0).json
    assert done["output"] in ({"n": 4, "size": LARGE}, {"last": {"n": 4, "size": LARGE}})
    check_after(stack)


def test_through_a_fork_and_a_join(fleet_of_two):
    stack = fleet_of_two
    branches = [jq("b%d" % i, "{v: .v, b: %d}" % i) for i in range(4)]
    flow = {"metadata": {"name": "fork"}, "nodes": [
        jq("a", GROW), *branches, jq("z", "[.[] | {b: .b, size: (.v | length)}] | sort_by(.b)")],
        "edges": [edge("a", b["id"]) for b in branches] + [edge(b["id"], "z") for b in branches]}
    done = stack.run(flow, {"n": 0}, timeout_s=RUN_S, status=0).json
    expected = [{"b": i, "size": LARGE} for i in range(4)]
    assert done["output"] in (expected, {"z": expected})
    check_after(stack)


ROUNDS = 5


@pytest.mark.parametrize("join", ["all", "any"])
def test_through_a_loop(fleet_of_two, join):
    """With `any` its iterations overlap: each has a frame of its own, and the slow branch runs on into later ones."""
    stack = fleet_of_two
    flow = {"metadata": {"name": "loop"}, "nodes": [
        jq("h", '{v: ("x" * %d), i: ((.i // 0) + 1)}' % LARGE), jq("quick", "."),
        {"id": "slow", "type": "delay", "config": {"ms": 300}}, jq("c", '{i: .i, v: (.v + "c")}'),
        {"id": "j", "type": "noop", "join": join},
        {**jq("l", "{i: (.i // .quick.i), size: (.v // .c.v | length)}"),
         "loop": {"condition": "iteration < %d" % ROUNDS, "max_iterations": ROUNDS, "loop_back_to": "h"}}],
        "edges": [edge("h", "quick"), edge("h", "slow"), edge("slow", "c"), edge("quick", "j"), edge("c", "j"),
                  edge("j", "l")]}
    run = stack.run(flow, {"n": 0}, timeout_s=RUN_S, status=0).json["run_id"]
    outputs = stack.sql("select output from node_executions where node_id = 'l' and run_id = %s order by token", run)
    size = LARGE + (join == "all")
    assert [output for output, in outputs] == [{"i": i, "size": size} for i in range(1, ROUNDS + 1)]
    read = stack.sql("select scope, (output ->> 'i')::int, length(output ->> 'v') from node_executions "
                     "where node_id = 'c' and run_id = %s", run)
    assert sorted((int(scope[-1]), i, length) for scope, i, length in read) == \
        [(i, i, LARGE + 1) for i in range(1, ROUNDS + 1)], "each reads what its own iteration made"
    check_after(stack)


def test_the_input_is_beside_too(fleet_of_two):
    stack = fleet_of_two
    done = stack.run(chain("input", [jq("a", ".v | length"), jq("b", "."), ]), {"v": "y" * 100000}, timeout_s=RUN_S,
                     status=0).json
    assert done["output"] in (100000, {"b": 100000})
    check_after(stack)


def sleeping(name, count):
    """One output, and so many that wait for a time before they read it."""
    waiting = [{"id": "w%d" % i, "type": "delay", "config": {"ms": 3600000}} for i in range(count)]
    return {"metadata": {"name": name}, "nodes": [jq("a", GROW), *waiting],
            "edges": [edge("a", w["id"]) for w in waiting]}


def begin(stack, workflow, data):
    run = str(uuid.uuid4())
    stack.redis_client().xadd("troupe:runs", {"workflow": workflow, "run_id": run, "input": json.dumps(data)})
    return run


def wait_for_timers(stack, count):
    redis = stack.redis_client()
    stack.wait_until(lambda: sum(redis.zcard(k) for k in redis.keys("troupe:{*}:timers")) == count, RUN_S)


def test_who_waits_for_a_value_does_not_multiply_it(fleet_of_two):
    stack, redis = fleet_of_two, fleet_of_two.redis_client()
    stack.deploy(sleeping("sleeping", 10))
    run = begin(stack, "sleeping", {"n": 0})
    wait_for_timers(stack, 10)
    (key,) = values(stack)
    assert LARGE <= redis.strlen(key) <= LARGE + 200
    (of_run,) = redis.keys("troupe:{*}:run:*")
    assert redis.memory_usage(of_run, samples=0) < 8192, "the hash has references only"
    stack.troupe("cancel", run, status=0)
    check_after(stack)


def test_a_restart_of_redis_keeps_them(fleet_of_two):
    stack = fleet_of_two
    until = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 8))
    stack.deploy(chain("restart", [jq("a", GROW), {"id": "w", "type": "delay", "config": {"until": until}},
                                   jq("z", "(.v | length) + .n")]))
    run = begin(stack, "restart", {"n": 0})
    wait_for_timers(stack, 1)
    before = {key: stack.redis_client().get(key) for key in values(stack)}
    assert len(before) == 1
    stack.redis.restart()
    assert {key: stack.redis_client().get(key) for key in values(stack)} == before
    stack.wait_until(lambda: stack.show(run)["status"] == "completed", RUN_S)
    assert stack.show(run)["output"] in (LARGE + 1, {"z": LARGE + 1})
    check_after(stack)


def test_a_value_that_is_not_there_fails_the_run(fleet_of_two):
    """Nothing of ours takes it away. If somebody does, the run says so and does not wait for ever."""
    stack, redis = fleet_of_two, fleet_of_two.redis_client()
    flow = chain("robbed", [jq("a", GROW), {"id": "w", "type": "delay", "config": {"ms": 3000}}, jq("z", ".n")])
    stack.deploy(flow)
    run = begin(stack, "robbed", {"n": 0})
    wait_for_timers(stack, 1)
    assert redis.delete(*values(stack)) == 1
    stack.wait_until(lambda: stack.show(run)["status"] == "failed", RUN_S)
    assert stack.show(run)["error"]["code"] == "internal"
    assert "not beside its run any more" in stack.show(run)["error"]["message"]
    check_after(stack)
