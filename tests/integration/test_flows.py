"""The language: every case of tests/flows/*.json, through `troupe run` and `troupe show`.

A case is an object:

    name, about     the workflow is called flow-NAME
    definition      as a user writes it
    input           default: none given
    status          default: completed
    output          the run's, if it completes: members in this order, numbers as written here
    error           code; node, message, attempt if given; says: what the message contains
    nodes           node id -> status of its one entry in `show`
    outputs         node id -> its output
    absent          node ids that `show` must not have, since they were never reached
    one_of          node id -> statuses of which it has one (or it is absent)
    statuses        "x,y" -> the statuses of these nodes, in any order
    decisions       node id -> {taken, dead}, node ids in edge order

Values are compared as text: a number that was written 1.50 must come out as 1.50.
"""
import glob
import json
import os

import pytest

from stack import ROOT, Stack


class Number(str):
    """A number as it was written."""


def loads(text):
    return json.loads(text, parse_float=Number, parse_int=Number)


def dumps(value):
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, dict):
        return "{%s}" % ", ".join("%s: %s" % (json.dumps(k, ensure_ascii=False), dumps(v))
                                  for k, v in value.items())
    if isinstance(value, list):
        return "[%s]" % ", ".join(map(dumps, value))
    return json.dumps(value, ensure_ascii=False)


def load_cases():
    cases = []
    for path in sorted(glob.glob(os.path.join(ROOT, "tests", "flows", "*.json"))):
        with open(path, encoding="utf-8") as f:
            for case in loads(f.read()):
                cases.append(pytest.param(case, id=os.path.basename(path)[:-5] + "-" +
                                          case["name"]))
    return cases


KNOWN = {"name", "about", "definition", "input", "status", "output", "error", "nodes", "outputs",
         "absent", "one_of", "statuses", "decisions"}


@pytest.fixture(scope="module")
def stack(redis_server, postgres_server):
    """One for all cases."""
    stack = Stack(redis_server, postgres_server)
    try:
        stack.up()
        yield stack
    finally:
        stack.close()


def check_error(error, expected):
    assert isinstance(error, dict), "no error, wanted %s" % dumps(expected)
    for member in ("code", "node", "message", "attempt"):
        if member in expected:
            assert dumps(error.get(member)) == dumps(expected[member]), dumps(error)
    assert expected.get("says", "") in error["message"]


def check_nodes(case, nodes):
    entries = {}
    for node in nodes:
        entries.setdefault(node["node_id"], []).append(node)
    for node, status in case.get("nodes", {}).items():
        assert [e["status"] for e in entries.get(node, [])] == [status], "node " + node
    for node, output in case.get("outputs", {}).items():
        assert [dumps(e["output"]) for e in entries.get(node, [])] == [dumps(output)], node
    for node in case.get("absent", []):
        assert node not in entries, dumps(entries[node])
    for node, statuses in case.get("one_of", {}).items():
        assert [e["status"] for e in entries.get(node, [])] in [[], *([s] for s in statuses)]
    for names, statuses in case.get("statuses", {}).items():
        found = [e["status"] for name in names.split(",") for e in entries.get(name, [])]
        assert sorted(found) == sorted(statuses)


def check_decisions(case, decisions):
    for node, expected in case.get("decisions", {}).items():
        found = [{"taken": d["taken"], "dead": d["dead"]} for d in decisions
                 if d["node_id"] == node]
        assert found == [expected], "decision of " + node


@pytest.mark.parametrize("case", load_cases())
def test_flow(stack, case):
    assert not set(case) - KNOWN, "unknown members of a case"
    definition = dict(case["definition"])
    definition["metadata"] = {"name": "flow-" + case["name"].replace("_", "-")}
    arguments = ["run", stack.write(dumps(definition)), "--wait", "--timeout", "30", "-o", "json"]
    if "input" in case:
        arguments += ["--input", dumps(case["input"])]
    status = case.get("status", "completed")
    result = stack.troupe(*arguments, status=0 if status == "completed" else 1)
    run = loads(result.stdout)
    assert run["status"] == status
    if "output" in case:
        assert dumps(run["output"]) == dumps(case["output"])
        assert run["error"] is None
    if "error" in case:
        check_error(run["error"], case["error"])
        assert run["output"] is None
    shown = loads(stack.troupe("show", run["run_id"], "-o", "json", status=0).stdout)
    assert {k: dumps(v) for k, v in shown.items() if k in run} == \
        {k: dumps(v) for k, v in run.items()}
    check_nodes(case, shown["nodes"])
    check_decisions(case, shown["decisions"])


def test_there_are_cases():
    names = [param.values[0]["name"] for param in load_cases()]
    assert len(names) >= 60 and len(set(names)) == len(names)
