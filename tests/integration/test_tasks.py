"""Tasks from end to end: the fleet, the record, and a remote worker that is told what to do when (docs/tasks.md)."""
import json
import signal

import pytest

from remote import Remote
from test_end_to_end import detach, wait_for_status


def score(**node):
    config = {"function_name": "score", **node.pop("config", {})}
    return {"id": "score", "type": "function", "config": config, **node}


def definition(name, node=None, *more):
    nodes = [{"id": "a", "type": "noop"}, node or score(), *more]
    edges = [{"from": a["id"], "to": b["id"]} for a, b in zip(nodes, nodes[1:])]
    return {"metadata": {"name": name}, "nodes": nodes, "edges": edges}


@pytest.fixture
def remote(running_stack):
    client = running_stack.redis_client()
    running_stack.wait_until(lambda: client.exists("troupe:script:tasks"), what="the script")
    return Remote(client, "function:score")


def begin(running_stack, definition, value=None):
    running_stack.deploy(definition)
    return detach(running_stack, definition["metadata"]["name"], value)


def test_a_remote_worker_completes_an_execution(running_stack, remote):
    node = score(config={"model": "m-$input.n", "depth": "${ input.n + 1 }", "plain": [1, {"a": None}]})
    node["config"]["model"] = "$input.model"
    run = begin(running_stack, definition("tasks-plain", node, {"id": "z", "type": "transform", "config": {
        "expression": "input.points * 2"}}), {"n": 4, "model": "big"})
    task, = remote.claim()
    assert task.data == {
        "run_id": run, "workflow": "tasks-plain", "version": 1, "node_id": "score", "scope": "", "type": "function",
        "name": "score", "attempt": 1, "idempotency_key": run + "/score/", "input": {"n": 4, "model": "big"},
        "config": {"model": "big", "depth": 5, "plain": [1, {"a": None}]}}
    assert task.fence == "1" and remote.poll() == []
    assert remote.settle(task, task.completed({"points": 21})) == "ok"
    shown = wait_for_status(running_stack, run, "completed", "failed")
    assert shown["output"] == {"z": 42}, shown
    nodes = {n["node_id"]: n for n in shown["nodes"]}
    assert (nodes["score"]["worker"], nodes["score"]["output"]) == ("r1", {"points": 21})
