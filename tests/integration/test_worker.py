"""Workers against a real Redis and the real scripts, without a supervisor: running, crashes and sessions,
what cannot be settled, graphs."""
import json
import time
import uuid
from datetime import datetime, timedelta

import pytest

from processes import free_port, wait_until
from worker_fleet import DIAMOND, SLOW, SLOW_INPUT, chain, metric


# --- running ---


def test_a_chain_runs_to_zero(fleet):
    fleet.open().publish(chain("chain", 5))
    fleet.worker()
    run = fleet.request("chain", {"v": 0})
    executions = fleet.wait_for(run)
    assert [e.node for e in executions] == ["0", "1", "2", "3", "4"]
    assert executions[-1].output == {"v": 5}
    for before, after in zip(executions, executions[1:]):
        assert before.started <= before.ended <= after.started
    fleet.check([run])


def test_a_diamond_with_a_dead_path_and_an_output_mapping(fleet):
    fleet.open().publish(DIAMOND)
    fleet.worker()
    run = fleet.request("diamond", {"v": 21})
    executions = {e.node: e for e in fleet.wait_for(run)}
    assert executions["0"].taken == "110" and "no condition" in executions["0"].reason
    assert executions["4"].output == {"b": 42, "c": {"was": 21}}
    assert executions["o"].kind == "o"
    assert executions["o"].output == {"sum": 63, "run": run, "from": 21}
    assert "3" not in executions
    fleet.check([run])


def test_a_failure_ends_the_run_with_its_error(fleet):
    fleet.open().publish({
        "metadata": {"name": "fails"},
        "nodes": [{"id": "a", "type": "function", "config": {
            "function_name": "fail", "input": {"code": "boom", "message": "on $input.x"}}},
            {"id": "b", "type": "noop"}],
        "edges": [{"from": "a", "to": "b"}]})
    fleet.worker()
    run = fleet.request("fails", {"x": 1})
    (execution,) = fleet.wait_for(run, "f")
    assert execution.status == "f" and execution.output is None
    assert execution.error == {"code": "boom", "message": "on $input.x", "node": "a", "attempt": 1}
    fleet.check([run])


def test_many_runs_on_three_workers(fleet):
    fleet.open().publish(DIAMOND)
    fleet.publish(chain("chain", 8))
    for _ in range(3):
        fleet.worker()
    runs = [fleet.request(("chain", "diamond")[i % 2], {"v": i}) for i in range(300)]
    for run in runs:
        fleet.wait_for(run, timeout_s=60)
    fleet.check(runs)
    assert len({e.worker for run in runs for e in fleet.executions(run)}) > 1


def test_a_wide_fan_goes_through_continuations(fleet):
    width = 1200
    fleet.open().publish({
        "metadata": {"name": "fan"},
        "nodes": [{"id": "a", "type": "noop"}, {"id": "z", "type": "join"}]
        + [{"id": "b%d" % i, "type": "noop"} for i in range(width)],
        "edges": [{"from": "a", "to": "b%d" % i} for i in range(width)]
        + [{"from": "b%d" % i, "to": "z"} for i in range(width)]})
    fleet.worker()
    run = fleet.request("fan", 7)
    executions = fleet.wait_for(run, timeout_s=60)
    assert len(executions) == width + 2
    assert executions[-1].output == {"b%d" % i: 7 for i in range(width)}
    assert any(r[0] == "n" for r in fleet.part_of(run).records())
    fleet.check([run])


def test_too_large_outputs_fail(fleet):
    fleet.open().publish({
        "metadata": {"name": "large"},
        "nodes": [{"id": "a", "type": "transform", "config": {"template": ["$input", "$input"]}}],
        "edges": []})
    fleet.worker("--max-value", "4KiB")
    run = fleet.request("large", "x" * 3000)
    (execution,) = fleet.wait_for(run, "f")
    assert execution.error["code"] == "too_large"


def greedy():
    """What would make gigabytes: maps in maps, a text that doubles; and what never ends."""
    doubled = "x39.size()"
    for i in range(39, 0, -1):
        doubled = f"cel.bind(x{i}, x{i - 1} + x{i - 1}, {doubled})"
    nested = "[a, b, c, d]"
    for name in "dcba":
        nested = f"input.map({name}, {nested})"
    return {"doubled": {"expression": f"cel.bind(x0, 'hello', {doubled})"},
            "nested": {"expression": nested},
            "bound": {"template": {"n": "${%s}" % nested}},
            "steps": {"expression": "input.map(a, input.map(b, input.filter(c, c > 60))).size()"}}


@pytest.mark.parametrize("kind", list(greedy()))
def test_greedy_expressions_fail_and_the_worker_goes_on(fleet, kind):
    fleet.open()
    for name, config in {kind: greedy()[kind], "modest": {"expression": "input.size()"}}.items():
        fleet.publish({"metadata": {"name": name}, "edges": [],
                       "nodes": [{"id": "a", "type": "transform", "config": config}]})
    steps = "20000" if kind == "steps" else "100000000"
    worker = fleet.worker("--expression-steps", steps, "--expression-memory", "8MiB")
    runs = [fleet.request(kind, list(range(60))) for _ in range(20)]
    for run in runs:
        (execution,) = fleet.wait_for(run, "f")
        assert execution.error["code"] == "expression_cost"
        assert ("steps" if kind == "steps" else "memory") in execution.error["message"]
    fleet.wait_for(fleet.request("modest", [1, 2]), "c")
    with open(f"/proc/{worker.pid}/status", encoding="utf-8") as status:
        peak = next(line for line in status if line.startswith("VmHWM"))
    assert int(peak.split()[1]) < 500 * 1024, peak  # with a sanitizer's quarantine; it would be gigabytes


# --- crashes and sessions ---


def stop_holding(fleet, worker):
    """Pauses a worker at a moment at which it holds tokens."""
    def holding():
        worker.pause()
        if any(p.client.xpending_range(p.key("q:default"), "fleet", "-", "+", 1, worker.name)
               for p in fleet.parts):
            return True
        worker.unpause()
        return False
    wait_until(holding, what="tokens held by " + worker.name)


def test_tokens_of_a_killed_worker_are_taken_over_within_the_lease(fleet):
    fleet.open().publish(SLOW)
    first = fleet.worker("--batch", "4")
    runs = [fleet.request("slow", SLOW_INPUT) for _ in range(20)]
    wait_until(lambda: all(fleet.status(run) for run in runs), what="all runs started")
    stop_holding(fleet, first)
    first.kill()
    killed = time.monotonic()
    port = free_port()
    second = fleet.worker("--http-port", str(port))
    for run in runs:
        fleet.wait_for(run, timeout_s=60)
    second.wait_for_log("executing a re-delivered token", timeout_s=1)
    assert metric(port, "reclaimed_total") >= 1
    fleet.check(runs)
    for part in fleet.parts:  # tidied away 30 s after it lapsed; until then it holds nothing
        assert not part.client.xpending_range(part.key("q:default"), "fleet", "-", "+", 1, "worker-1")
    assert time.monotonic() - killed < 30


def test_a_paused_worker_comes_back_and_counts_nothing_twice(fleet):
    fleet.open().publish(SLOW)
    first = fleet.worker("--batch", "4")
    runs = [fleet.request("slow", SLOW_INPUT) for _ in range(20)]
    wait_until(lambda: all(fleet.status(run) for run in runs), what="all runs started")
    stop_holding(fleet, first)
    fleet.worker()
    for run in runs:
        fleet.wait_for(run, timeout_s=60)
    first.unpause()
    first.wait_for_log("our own lease may have lapsed|saying hello again")
    more = [fleet.request("slow", SLOW_INPUT) for _ in range(10)]
    for run in more:
        fleet.wait_for(run, timeout_s=60)
    fleet.check(runs + more)


def test_what_kills_three_workers_in_turn_is_given_up(fleet):
    """The token is claimed by hand under names that lapse, as workers that it kills would."""
    fleet.open().publish(chain("chain", 2))
    part = fleet.parts[0]
    run = "00000000-0000-7000-8000-000000000000"
    digest = fleet.client.hget("troupe:workflows", "chain@1")
    assert part.start(run, [(0, "default", "in;")], digest=digest, data='{"v":1}') == "started"
    holder, session = "victim-0", part.hello("victim-0")[0]
    assert len(part.claim(holder, session)) == 1
    for i in range(1, 4):
        part.lapse(holder)
        session = part.hello("victim-%d" % i)[0]
        (claim,) = part.reclaim("victim-%d" % i, session, holder)
        holder = "victim-%d" % i
    assert claim.deliveries == 2  # the worker's is the third
    part.lapse(holder)
    fleet.worker()
    (execution,) = fleet.wait_for(run, "f")
    assert execution.error["code"] == "worker_lost"


def test_a_session_taken_by_somebody_else_means_hello(fleet):
    fleet.open().publish(chain("chain", 3))
    worker = fleet.worker()
    fleet.wait_for(fleet.request("chain", {"v": 0}))
    for part in fleet.parts:
        part.hello("worker-1")
    worker.wait_for_log("another session of this name")
    runs = [fleet.request("chain", {"v": 0}) for _ in range(8)]
    for run in runs:
        fleet.wait_for(run)
    fleet.check(runs)


def test_a_failure_of_an_older_generation_is_asked_for_again(fleet):
    """Answered `held`, and nobody else has the token: what is ours, hello tells, without a restart;
    but not more often than once a lease."""
    lease_ms = 3000
    fleet.open()
    worker = fleet.worker(lease_ms=lease_ms)
    part, ids = fleet.parts[0], ["00000000-0000-7000-8000-0000000000%02x" % (4 * i) for i in range(4)]

    def fail_with(code, runs):
        """Holds their tokens until there is the graph, and meanwhile makes them older than they were."""
        digest = fleet.publish({
            "metadata": {"name": code}, "edges": [],
            "nodes": [{"id": "a", "type": "task",
                       "config": {"function_name": "fail", "input": {"code": code}}}]}, store=False)
        for run in runs:
            assert part.start(run, [("0", "default", "in;")], digest=digest) == "started"
        wait_until(lambda: len(part.pending("default", worker.name)) == len(runs), what="claimed tokens")
        for run in runs:
            (live,) = part.tokens(run).values()
            node, scope, attempt, generation, rest = live.split("|", 4)
            assert generation == "0"
            fleet.client.hset(part.key("run:" + run), "t1", "|".join((node, scope, attempt, "1", rest)))
        fleet.client.set("troupe:graph:" + digest, fleet.graphs[digest])
        for run in runs:
            assert [e.error["code"] for e in fleet.wait_for(run, "f")] == [code]

    fail_with("boom", ids[:2])
    fail_with("bang", ids[2:])
    said = [datetime.fromisoformat(line["ts"].replace("Z", "+00:00"))
            for line in map(json.loads, worker.output().splitlines()) if line["msg"] == "saying hello again"]
    assert len(said) == 2
    # The worker counts from when it looked at its clock, a line's time is of its writing.
    assert said[1] - said[0] >= timedelta(milliseconds=lease_ms - 100)
    fleet.check(ids)


def test_a_raised_epoch_is_followed(fleet):
    fleet.open().publish(chain("chain", 3))
    worker = fleet.worker()
    fleet.wait_for(fleet.request("chain", {"v": 0}))
    fleet.open("2")
    worker.wait_for_log("the epoch changed")
    run = fleet.request("chain", {"v": 0})
    fleet.wait_for(run)


def test_a_held_partition_is_waited_for(fleet):
    fleet.open().publish(chain("chain", 3))
    worker = fleet.worker()
    worker.wait_for_log("partition open")
    for part in fleet.parts:
        fleet.client.hset(part.key("meta"), "hold", "a test")
    run = fleet.request("chain", {"v": 0})
    wait_until(lambda: fleet.client.xpending("troupe:runs", "fleet")["pending"] == 1)
    assert fleet.status(run) is None
    for part in fleet.parts:
        fleet.client.hdel(part.key("meta"), "hold")
    fleet.wait_for(run)


def test_cut_connections_lose_nothing(fleet):
    fleet.open().publish(chain("chain", 60))
    workers = [fleet.worker("--batch", "4") for _ in range(2)]
    runs = []

    def a_call_waits():
        return any("b" in c["flags"] and c["cmd"] == "evalsha" for c in fleet.client.client_list())

    deadline = time.monotonic() + 60
    while not any("a call whose outcome is unknown" in w.output() for w in workers):
        assert time.monotonic() < deadline, "only requests and beats were cut off"
        # Scripts wait until they are cut off; what has been read of them is executed or not.
        runs += [fleet.request("chain", {"v": i}) for i in range(20)]
        fleet.client.execute_command("CLIENT", "PAUSE", "60000", "WRITE")
        wait_until(a_call_waits)
        fleet.client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        fleet.client.execute_command("CLIENT", "UNPAUSE")
        wait_until(lambda: len(fleet.client.client_list()) > 1)
    for run in runs:
        fleet.wait_for(run)
    wait_until(lambda: not any(fleet.client.xlen(p.key("q:default")) for p in fleet.parts))
    fleet.check(runs)


def test_a_restarted_redis_is_waited_for(fleet):
    fleet.open().publish(chain("chain", 3))
    worker = fleet.worker()
    fleet.wait_for(fleet.request("chain", {"v": 0}))
    fleet.redis.stop()
    worker.wait_for_log("connection to Redis is down")
    fleet.redis.start()
    fleet.client = fleet.redis.client()
    for part in fleet.parts:
        part.client = fleet.client
    run = fleet.request("chain", {"v": 0})
    fleet.wait_for(run)
    fleet.check([run])


def test_a_flushed_redis_is_waited_for_until_it_is_opened_again(fleet):
    fleet.open().publish(chain("chain", 3))
    worker = fleet.worker()
    fleet.wait_for(fleet.request("chain", {"v": 0}))
    fleet.client.flushall()
    worker.wait_for_log("waiting for a supervisor to open")
    fleet.open("2").publish(chain("chain", 3))
    fleet.wait_for(fleet.request("chain", {"v": 0}))


def test_without_memory_for_new_runs_those_that_run_go_on(fleet):
    fleet.open().publish(chain("chain", 3))
    fleet.worker()
    fleet.wait_for(fleet.request("chain", {"v": 0}))
    run = fleet.request("chain", {"v": 0})
    fleet.wait_for(run)
    late = str(uuid.uuid4())
    fleet.client.xadd("troupe:runs", {"workflow": "nothing-yet", "run_id": late})
    fleet.client.config_set("maxmemory", "1mb")
    fleet.workers[0].wait_for_log("cannot be started now|a request cannot start")
    fleet.client.config_set("maxmemory", "0")
    fleet.wait_for(fleet.request("chain", {"v": 0}))


# --- tokens that cannot be settled ---


@pytest.mark.parametrize("damage", ["bad", "call"])
def test_a_token_that_cannot_be_settled_fails_alone(fleet, damage):
    """Its join table lacks a row (`bad`), or is no hash, so that every call with it fails."""
    fleet.open().publish(chain("chain", 12))
    table = "troupe:{0}:g:" + fleet.publish(DIAMOND)
    if damage == "bad":
        fleet.client.hset(table, "9", "nonsense")
    else:
        fleet.client.set(table, "nonsense")
    ids = ["00000000-0000-7000-8000-0000000000%02x" % (4 * i) for i in range(12)]
    for i, run in enumerate(ids):
        fleet.request("diamond" if i == 6 else "chain", {"v": 1}, run_id=run)
    worker = fleet.worker()
    failed = fleet.wait_for(ids[6], "f")
    assert failed[-1].error["code"] == "internal"
    worker.wait_for_log("cannot be settled: failing it", timeout_s=0)
    for run in ids[:6] + ids[7:]:
        fleet.wait_for(run)
    fleet.check(ids)


# --- graphs ---


def test_a_graph_that_is_not_there_is_asked_for(fleet):
    digest = fleet.open().publish(DIAMOND, store=False)
    fleet.worker()
    run = fleet.request("diamond", {"v": 1})
    wait_until(lambda: fleet.client.sismember("troupe:graph:wanted", digest))
    assert fleet.status(run) is None
    fleet.client.set("troupe:graph:" + digest, fleet.graphs[digest])
    fleet.wait_for(run)


def test_a_join_table_that_expired_is_loaded_again(fleet):
    digest = fleet.open().publish(DIAMOND)
    fleet.worker()
    run = "00000000-0000-7000-8000-000000000001"
    fleet.request("diamond", {"v": 1}, run_id=run)
    fleet.wait_for(run)
    assert fleet.client.delete("troupe:{1}:g:" + digest) == 1
    run = "00000000-0000-7000-8000-000000000005"
    fleet.request("diamond", {"v": 1}, run_id=run)
    fleet.wait_for(run)
