"""The views are a public interface: their columns stay, and say what happened."""
import os
import re

import pytest

from stack import ROOT

FAN = {"metadata": {"name": "fan"},
       "nodes": [{"id": "s", "type": "noop"}, {"id": "a", "type": "delay", "config": {"ms": 50}},
                 {"id": "b", "type": "delay", "config": {"ms": 50}}, {"id": "c", "type": "conditional"},
                 {"id": "x", "type": "noop"}, {"id": "y", "type": "noop"}],
       "edges": [{"from": "s", "to": "a"}, {"from": "s", "to": "b"}, {"from": "a", "to": "c"},
                 {"from": "b", "to": "c"}, {"from": "c", "to": "x", "condition": "false"},
                 {"from": "c", "to": "y"}]}
CHAIN = {"metadata": {"name": "chain"},
         "nodes": [{"id": n, "type": "noop"} for n in "abc"],
         "edges": [{"from": "a", "to": "b"}, {"from": "b", "to": "c"}]}


def documented():
    """View -> columns, by docs/record.md."""
    with open(os.path.join(ROOT, "docs", "record.md"), encoding="utf-8") as f:
        text = f.read().split("## Views")[1]
    return {name: columns.split(", ") for name, columns in
            re.findall(r"^\| `(\w+)` \| [^|]+ \| ([a-z_, ]+) \|$", text, re.M)}


@pytest.mark.parametrize("view", sorted(documented()))
def test_columns_are_as_documented(stack, view):
    stack.migrate()
    rows = stack.sql("select column_name from information_schema.columns where table_name = %s "
                     "order by ordinal_position", view)
    assert [row[0] for row in rows] == documented()[view]


def test_every_view_is_documented(stack):
    stack.migrate()
    made = {row[0] for row in stack.sql(
        "select viewname from pg_views where schemaname = current_schema()")}
    assert made == set(documented()) and len(made) >= 6


def test_lanes_never_overlap(running_stack):
    run = running_stack.run(FAN, {"n": 1}, status=0).json["run_id"]
    chain = running_stack.run(CHAIN, 1, status=0).json["run_id"]
    assert running_stack.sql(
        "select count(*) from v_run_timeline a join v_run_timeline b using (run_id, lane) "
        "where a.position < b.position and a.ended_at > b.started_at "
        "and a.started_at < b.ended_at") == [(0,)]
    lanes = dict(running_stack.sql(
        "select node_id, lane from v_run_timeline where run_id = %s", run))
    assert lanes["x"] is None and {lanes["a"], lanes["b"]} == {0, 1}
    assert running_stack.sql("select distinct lane from v_run_timeline where run_id = %s",
                             chain) == [(0,)]
    order = running_stack.sql("select node_id, position from v_run_timeline where run_id = %s "
                              "order by position", chain)
    assert order == [("a", 1), ("b", 2), ("c", 3)]


def test_decisions_and_applied_keys(running_stack):
    run = running_stack.run(FAN, {"n": 1}, status=0).json["run_id"]
    rows = running_stack.sql("select node_id, taken, dead from v_run_decisions where run_id = %s "
                             "and node_id = 'c'", run)
    assert rows == [("c", ["y"], ["x"])]
    tokens, total = running_stack.sql(
        "select count(distinct token), sum(delta) from applied_keys where run_id = %s", run)[0]
    assert tokens == 5 and total == -1  # the start's one token is no settled one


def test_workers_and_queues(running_stack):
    running_stack.wait_until(lambda: running_stack.sql(
        "select count(*) from v_workers where status = 'alive' and queues = 'default'") == [(2,)],
        what="two workers")
    running_stack.wait_until(lambda: running_stack.sql(
        "select queue, ready, held, workers, kind from v_queues") == [("default", 0, 0, 2, "fleet")],
        what="an idle queue")
