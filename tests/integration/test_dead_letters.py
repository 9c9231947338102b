"""Dead letters: what nobody could execute, listed, started again, put aside."""
import json
import uuid

import pytest

from remote import Remote
from test_end_to_end import UUID, detach, wait_for_status

LOST = {"metadata": {"name": "lost"}, "edges": [{"from": "a", "to": "score"}],
        "nodes": [{"id": "a", "type": "noop"},
                  {"id": "score", "type": "function", "config": {"function_name": "score"}}]}
DOUBLE = {"metadata": {"name": "double"}, "input_schema": {"type": "integer"}, "edges": [],
          "nodes": [{"id": "d", "type": "transform", "config": {"expression": "input * 2"}}]}
MEMBERS = ["id", "kind", "run_id", "workflow", "version", "node_id", "scope", "code", "reason", "at", "state",
           "settled_at", "retried_as"]


@pytest.fixture
def remote(running_stack):
    client = running_stack.redis_client()
    running_stack.wait_until(lambda: client.exists("troupe:script:tasks"), what="the script")
    return Remote(client, "function:score", lease_ms=1000)


def dead_letters(stack, *args, status=0):
    result = stack.troupe("dead-letters", *args, "-o", "json", status=status)
    return result.json


def lose(stack, remote, value, *args):
    """A run whose node three workers were lost with."""
    run = detach(stack, "lost", value, *args)
    for _ in range(3):
        remote.claim()
    assert wait_for_status(stack, run, "failed")["error"]["code"] == "worker_lost"
    return run


def reject(stack, count=1, **fields):
    """A request that cannot become a run; all dead letters that are open then."""
    stack.redis_client().xadd("troupe:runs", fields)
    return stack.wait_until(lambda: len(found := dead_letters(stack)) >= count and found,
                            what="%d dead letters" % count)


def test_a_run_that_lost_its_workers(running_stack, remote):
    running_stack.deploy(LOST)
    assert dead_letters(running_stack) == []
    assert "no dead letters" in running_stack.troupe("dead-letters", status=0).stdout
    run = lose(running_stack, remote, {"n": 1}, "--label", "team=data", "--deadline", "1000")
    running_stack.deploy({**LOST, "metadata": {"name": "lost", "description": "a newer one"}})
    letter, = dead_letters(running_stack)
    assert list(letter) == MEMBERS
    assert (letter["id"], letter["run_id"], letter["kind"], letter["workflow"], letter["version"]) == (
        run, run, "run", "lost", 1)
    assert (letter["node_id"], letter["scope"], letter["code"], letter["state"]) == ("score", "", "worker_lost", "open")
    assert "three remote workers" in letter["reason"] and letter["settled_at"] is letter["retried_as"] is None
    table = running_stack.troupe("dead-letters", "list", status=0).stdout
    assert run in table and "worker_lost" in table and "score" in table
    shown = running_stack.troupe("dead-letters", "show", run, status=0).stdout
    assert "troupe dead-letters retry " + run in shown and '{"n": 1}' in shown

    retried, = dead_letters(running_stack, "retry", run)
    again = retried["retried_as"]
    assert uuid.UUID(again).version == 5 and again != run
    assert dead_letters(running_stack, "retry", run)[0]["retried_as"] == again
    task, = remote.claim()
    assert task.run == again and task.data["input"] == {"n": 1}
    assert remote.settle(task, task.completed({"points": 3})) == "ok"
    done = wait_for_status(running_stack, again, "completed", "failed")
    assert done["status"] == "completed" and done["version"] == 1 and done["input"] == {"n": 1}
    assert done["labels"] == {"team": "data", "retry_of": run}
    left, = running_stack.sql("select extract(epoch from deadline_at - submitted_at)::int from run where run_id = %s",
                              again)[0]
    assert left == 1000
    assert remote.poll() == []
    assert dead_letters(running_stack) == []
    letter, = dead_letters(running_stack, "--all")
    assert (letter["state"], letter["retried_as"]) == ("retried", again) and letter["settled_at"]
    assert running_stack.sql("select dead_letter::text, kind, run_id::text, asked_by from dead_letter_action") == [
        (run, "retry", again, "command line")]


def test_a_retry_that_is_lost_again(running_stack, remote):
    running_stack.deploy(LOST)
    run = lose(running_stack, remote, 1)
    again = dead_letters(running_stack, "retry", run)[0]["retried_as"]
    for _ in range(3):
        remote.claim()
    wait_for_status(running_stack, again, "failed")
    letter, = dead_letters(running_stack)
    assert letter["id"] == again
    third = dead_letters(running_stack, "retry", again)[0]["retried_as"]
    assert third not in (run, again)
    assert running_stack.show(third)["labels"] == {"retry_of": again}


def test_a_failure_that_is_handled_is_none(running_stack, remote):
    handled = json.loads(json.dumps(LOST))
    handled["nodes"][1]["on_error"] = "continue"
    running_stack.deploy(handled)
    run = detach(running_stack, "lost", 1)
    for _ in range(3):
        remote.claim()
    wait_for_status(running_stack, run, "completed")
    plain = {"metadata": {"name": "plain"}, "nodes": [{"id": "f", "type": "function", "config": {
        "function_name": "fail", "input": {"code": "mine", "message": "worker_lost"}}}], "edges": []}
    running_stack.run(plain, status=1)
    assert dead_letters(running_stack, "--all") == []


def test_a_rejected_request(running_stack):
    letter, = reject(running_stack, workflow="double", input="4", labels='{"a": "b", "retry_of": "x"}')
    assert UUID.fullmatch(letter["id"]) and letter["kind"] == "request"
    assert (letter["workflow"], letter["code"], letter["version"], letter["node_id"]) == ("double", "rejected", None, None)
    shown = dead_letters(running_stack, "show", letter["id"])
    assert shown["request"]["input"] == "4" and shown["input"] is None
    result = running_stack.troupe("dead-letters", "retry", letter["id"])
    assert result.status == 4 and "double" in result.stderr, result
    assert dead_letters(running_stack)[0]["state"] == "open"
    running_stack.deploy(DOUBLE)
    retried, = dead_letters(running_stack, "retry", letter["id"])
    done = wait_for_status(running_stack, retried["retried_as"], "completed", "failed")
    assert done["output"] == {"d": 8} and done["labels"] == {"a": "b", "retry_of": letter["id"]}
    assert dead_letters(running_stack) == []


@pytest.mark.parametrize("fields, status, said", [
    ({"workflow": "double", "input": "{"}, 3, "make the request again"),
    ({"workflow": "double", "input": '"text"'}, 3, "does not fit"),
    ({"workflow": "double", "input": "1", "labels": "[1]"}, 3, "labels"),
    ({"input": "1"}, 3, "names no workflow"),
    ({"workflow": "double", "version": "9", "input": "1"}, 4, "9"),
    ({"workflow": 'od"d\\u0000\x01', "input": "\\u0000"}, 3, "make the request again")])
def test_requests_that_cannot_be_retried(running_stack, fields, status, said):
    running_stack.deploy(DOUBLE)
    letter, = reject(running_stack, **fields)
    result = running_stack.troupe("dead-letters", "retry", letter["id"])
    assert result.status == status and said in result.stderr, result
    assert dead_letters(running_stack, "drop", letter["id"]) == [
        {"id": letter["id"], "state": "dropped", "retried_as": None}]
    assert dead_letters(running_stack) == []
    letter, = dead_letters(running_stack, "--all")
    assert letter["state"] == "dropped" and letter["settled_at"]


def test_in_bulk(running_stack):
    for n in range(3):
        reject(running_stack, n + 1, workflow="double", input=str(n))
    reject(running_stack, 4, workflow="other", input="1")
    reject(running_stack, 5, workflow="other", input="}")
    running_stack.deploy(DOUBLE)
    assert len(dead_letters(running_stack, "--workflow", "double")) == 3
    assert len(dead_letters(running_stack, "--code", "rejected", "-n", "2")) == 2
    assert dead_letters(running_stack, "--code", "worker_lost") == []
    retried = dead_letters(running_stack, "retry", "--all", "--workflow", "double")
    outputs = [wait_for_status(running_stack, r["retried_as"], "completed")["output"]["d"] for r in retried]
    assert sorted(outputs) == [0, 2, 4]
    # One that cannot be started does not keep the others from it.
    running_stack.deploy({**DOUBLE, "metadata": {"name": "other"}})
    result = running_stack.troupe("dead-letters", "retry", "--all", "-o", "json")
    assert result.status == 3 and len(result.json) == 1 and "make the request again" in result.stderr
    assert len(dead_letters(running_stack, "drop", "--all")) == 1
    assert dead_letters(running_stack, "drop", "--all") == []
    assert {x["state"] for x in dead_letters(running_stack, "--all")} == {"retried", "dropped"}
    assert running_stack.sql("select count(*) from v_dead_letters where state = 'open'") == [(0,)]


def test_what_it_says_when_it_is_asked_wrongly(stack):
    stack.migrate()
    nobody = "018f2a6e-7c1b-7d2a-9a51-0242ac120002"
    for args, status, said in [
            (["retry"], 2, "retry --all"), (["drop", nobody, "--all"], 2, "drop --all"),
            (["retry", nobody, "--code", "rejected"], 2, "go with --all"), (["shwo"], 2, "show ID"),
            (["show"], 2, "takes one ID"), (["list", "x"], 2, "it is list"),
            (["show", nobody], 4, "troupe dead-letters --all lists them"),
            (["retry", nobody], 4, "troupe dead-letters --all lists them"),
            (["drop", "x"], 4, "troupe dead-letters --all lists them")]:
        result = stack.troupe("dead-letters", *args)
        assert result.status == status and said in result.stderr, result
    assert "troupe dead-letters retry --all" in stack.troupe("dead-letters", "--help", status=0).stdout
