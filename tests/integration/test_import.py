"""Foreign workflows: real traces run to completion, every task once, none before its parents."""
import glob
import json
import os

import load
import pytest


def traces(shared):
    return sorted(glob.glob(os.path.join(shared, "inputs", "wfformat", "*.json*")))


@pytest.mark.timeout_s(240)
def test_traces_run_in_order(running_stack, shared):
    stack = running_stack
    paths = traces(shared)
    assert len(paths) >= 5
    for number, path in enumerate(paths):
        definition = json.loads(stack.troupe("import", "wfformat", path, status=0).stdout)
        definition["metadata"]["name"] = "trace-%d" % number
        nodes = [n["id"] for n in definition["nodes"]]
        run = stack.run(definition, None, status=0, timeout_s=120).json["run_id"]
        rows = stack.sql("select node_id, status, attempt from node_executions where run_id = %s",
                         run)
        assert sorted(node for node, _, _ in rows) == sorted(nodes), path
        assert {(status, attempt) for _, status, attempt in rows} == {("completed", 1)}
    load.check_order(stack)
    load.check_record(stack)


def trace(tasks):
    return json.dumps({"name": "t", "workflow": {
        "specification": {"tasks": [{"id": i, "parents": p, "children": []} for i, p in tasks]},
        "execution": {"tasks": [{"id": i, "runtimeInSeconds": 1.5} for i, _ in tasks]}}})


def test_ids_are_adapted_and_edges_come_once(stack):
    path = stack.write(trace([("1 a", []), ("1_a", ["1 a"]), ("input", ["1 a", "1_a"])]))
    made = stack.troupe("import", "wfformat", path, "--scale", "0.01", status=0).json
    assert [n["id"] for n in made["nodes"]] == ["_1_a", "_1_a_2", "input_2"]
    assert {n["config"]["input"]["ms"] for n in made["nodes"]} == {15}
    assert made["edges"] == [{"from": "_1_a", "to": "_1_a_2"}, {"from": "_1_a", "to": "input_2"},
                             {"from": "_1_a_2", "to": "input_2"}]


@pytest.mark.parametrize("text, says", [
    ('{"workflow": {}}', "specification"), ("[1]", "workflow"), ('{"a": ', "1:"),
    (trace([("a", ["b"])]), "id of a task"), (trace([("a", []), ("a", [])]), "two tasks")])
def test_what_is_no_trace(stack, text, says):
    result = stack.troupe("import", "wfformat", stack.write(text))
    assert result.status == 3 and says in result.stderr and not result.stdout, repr(result)


def test_unknown_formats_and_files(stack):
    assert stack.troupe("import", "bpmn", "x.xml").status == 2
    assert stack.troupe("import", "wfformat", "/nowhere.json").status == 4
