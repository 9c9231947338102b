"""troupe events: the ledger of a run, as people and programs read it."""
import uuid
from datetime import datetime, timedelta

LOOP = {"metadata": {"name": "again"},
        "nodes": [{"id": "l", "type": "transform", "config": {"expression": "iteration"},
                   "loop": {"condition": "iteration < 3", "max_iterations": 5}}]}
WAITS = {"metadata": {"name": "waits"}, "nodes": [{"id": "d", "type": "delay", "config": {"ms": 300}}]}

RETRIES = {"metadata": {"name": "retries"},
           "nodes": [{"id": "f", "type": "function", "retry": {"max_attempts": 3, "backoff_ms": 20},
                      "config": {"function_name": "fail", "input": {"code": "no", "message": "no"}}}]}


def test_events_of_a_finished_run(running_stack):
    run = running_stack.run(LOOP, None, status=0).json["run_id"]
    events = running_stack.troupe("events", run, "-o", "json", status=0).json
    assert [e["event"] for e in events] == [1, 2, 3, 4]
    assert [e["kind"] for e in events] == ["start"] + ["execution"] * 3
    assert [e["scope"] for e in events[1:]] == ["l#1", "l#2", "l#3"]
    assert sum(e["delta"] for e in events) == 0 and events[-1]["run_status"] == "completed"
    text = running_stack.troupe("events", run, status=0).stdout.splitlines()
    assert len(text) == 4 and "run completed" in text[-1]


def test_follow_ends_with_the_run(running_stack):
    running_stack.deploy(WAITS)
    run = running_stack.troupe("run", "waits", "--detach", status=0).stdout.strip()
    lines = running_stack.troupe("events", run, "--follow", "-o", "json", status=0).json_lines
    assert [e["kind"] for e in lines] == ["start", "wait", "execution"]
    assert lines[-1]["run_status"] == "completed"


def told_time(detail, lead):
    assert detail.startswith(lead), detail
    return datetime.fromisoformat(detail[len(lead):].replace("Z", "+00:00"))


def test_what_a_run_waits_for(running_stack):
    """A delay: until when. A failed attempt: which one comes, and when."""
    run = running_stack.run(WAITS, None, status=0).json["run_id"]
    _, wait, execution = running_stack.troupe("events", run, "-o", "json", status=0).json
    until = told_time(wait["detail"], "until ")
    began = datetime.fromisoformat(wait["at"].replace("Z", "+00:00"))
    assert until - began < timedelta(milliseconds=301)
    assert datetime.fromisoformat(execution["at"].replace("Z", "+00:00")) >= until
    assert execution["detail"] is None
    run = running_stack.run(RETRIES, None, status=1).json["run_id"]
    events = running_stack.troupe("events", run, "-o", "json", status=0).json
    assert [(e["kind"], e["attempt"]) for e in events[1:]] == [("retry", 1), ("retry", 2), ("execution", 3)]
    told_time(events[1]["detail"], "attempt 2 at ")
    told_time(events[2]["detail"], "attempt 3 at ")
    assert events[3]["detail"] is None
    text = running_stack.troupe("events", run, status=0).stdout.splitlines()
    assert " failed attempt 2 at 20" in text[1], text


def test_a_retry_at_once(running_stack):
    definition = {**RETRIES, "nodes": [{**RETRIES["nodes"][0], "retry": {"max_attempts": 2,
                                                                         "backoff_ms": 0}}]}
    run = running_stack.run(definition, None, status=1).json["run_id"]
    assert running_stack.sql("select detail from event_log where run_id = %s and kind = 'retry'",
                             run) == [("attempt 2 at once",)]


def test_events_of_nothing(running_stack):
    assert running_stack.troupe("events", "nope").status == 4
    assert running_stack.troupe("events", str(uuid.uuid4())).status == 4
