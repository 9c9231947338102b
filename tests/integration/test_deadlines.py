"""Deadlines: a run that has not ended by then fails, whatever it waits for; one that has ended does not."""
import json
import uuid

HOUR_MS = 3600000

WAITS = {"metadata": {"name": "waits"},
         "nodes": [{"id": "a", "type": "noop"},
                   {"id": "d", "type": "delay", "config": {"ms": HOUR_MS}},
                   {"id": "e", "type": "noop"}],
         "edges": [{"from": "a", "to": "d"}, {"from": "d", "to": "e"}]}
QUICK = {"metadata": {"name": "quick"}, "nodes": [{"id": "a", "type": "noop"}]}


def check_failed(stack, run_id):
    run = stack.show(run_id)
    assert run["status"] == "failed" and run["error"]["code"] == "deadline"
    # How far it had come is a matter of time; what was live is cancelled.
    assert {n["node_id"]: n["status"] for n in run["nodes"]} in (
        {"a": "completed", "d": "cancelled"}, {"a": "cancelled"})
    assert sum(row[0] for row in stack.sql("select delta from event_log where run_id = %s::uuid", run_id)) == 0


def left_timers(stack):
    redis = stack.redis_client()
    return [m for key in redis.keys("troupe:{*}:timers") for m in redis.zrange(key, 0, -1)]


def test_the_command_line_sets_one(running_stack):
    result = running_stack.run(WAITS, None, "--deadline", "0.2", status=1)
    assert result.json["status"] == "failed" and result.json["error"]["code"] == "deadline"
    check_failed(running_stack, result.json["run_id"])
    # Neither the deadline nor the hour that was cut off is left behind.
    running_stack.wait_until(lambda: not left_timers(running_stack), 10)


def test_a_request_sets_one(running_stack):
    running_stack.deploy(WAITS)
    run_id = str(uuid.uuid4())
    running_stack.redis_client().xadd("troupe:runs", {"workflow": "waits", "run_id": run_id,
                                                      "deadline_ms": "150"})
    running_stack.wait_until(lambda: running_stack.sql(
        "select 1 from run where run_id = %s::uuid and status = 'failed'", run_id), 20)
    check_failed(running_stack, run_id)
    (deadline,) = running_stack.sql(
        "select extract(epoch from deadline_at - submitted_at) * 1000 from v_runs where run_id = %s::uuid",
        run_id)[0]
    assert deadline == 150


def test_who_ends_in_time_does_not_fail(running_stack):
    result = running_stack.run(QUICK, 5, "--deadline", "60", status=0)
    assert result.json["output"] == {"a": 5}
    running_stack.wait_until(lambda: not left_timers(running_stack), 10)


def test_one_that_is_over_before_it_starts(stack):
    """Accepted while there is no supervisor: it fails as soon as it has begun."""
    stack.migrate()
    stack.deploy(WAITS)
    run_id = stack.troupe("run", "waits", "--deadline", "0.05", "--detach", "-o", "json", status=0).json["run_id"]
    stack.wait_until(lambda: stack.sql("select 1 from run where deadline_at < clock_timestamp()"), 10)
    stack.start_supervisor()
    stack.start_worker()
    stack.wait_until(lambda: stack.sql("select 1 from run where run_id = %s::uuid and status = 'failed'",
                                       run_id), 20)
    assert json.loads(stack.sql("select error::text from run")[0][0])["code"] == "deadline"


def test_nonsense_is_refused(running_stack):
    for text in ("0", "-1", "soon"):
        result = running_stack.run(QUICK, None, "--deadline", text)
        assert result.status == 2 and "--deadline" in result.stderr
    redis = running_stack.redis_client()
    running_stack.deploy(QUICK)
    redis.xadd("troupe:runs", {"workflow": "quick", "deadline_ms": "soon"})
    running_stack.wait_until(lambda: redis.xlen("troupe:rejected") == 1, 20)
    (_, fields), = redis.xrange("troupe:rejected")
    assert "deadline_ms: 'soon'" in fields["reason"]
