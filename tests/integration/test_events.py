"""troupe events: the ledger of a run, as people and programs read it."""
import uuid

LOOP = {"metadata": {"name": "again"},
        "nodes": [{"id": "l", "type": "transform", "config": {"expression": "iteration"},
                   "loop": {"condition": "iteration < 3", "max_iterations": 5}}]}
WAITS = {"metadata": {"name": "waits"}, "nodes": [{"id": "d", "type": "delay", "config": {"ms": 300}}]}


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


def test_events_of_nothing(running_stack):
    assert running_stack.troupe("events", "nope").status == 4
    assert running_stack.troupe("events", str(uuid.uuid4())).status == 4
