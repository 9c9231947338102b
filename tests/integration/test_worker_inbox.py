"""The inbox: what a worker makes of start requests, and of those that others read or Redis lost."""
import json

import pytest

from processes import wait_until
from worker_fleet import chain, netstrings


@pytest.mark.parametrize("fields, reason", [
    ({"workflow": "none"}, "there is no workflow 'none'"),
    ({"workflow": "chain", "version": "7"}, "has no version 7"),
    ({"workflow": "chain", "version": "x"}, "version: 'x' is no number"),
    ({"input": "1"}, "workflow: is missing"),
    ({"workflow": "chain", "input": "{]"}, "input: line 1, column 2"),
    ({"workflow": "chain", "run_id": "x"}, "run_id: 'x' is no UUID"),
    ({"workflow": "chain", "labels": '{"a":1}'}, "labels: must be a JSON object of strings"),
    ({"workflow": "chain", "priority": "1"}, "priority: not supported yet"),
    ({"workflow": "chain", "deadline_ms": "0"}, "deadline_ms: '0' is no number of milliseconds"),
    ({"workflow": "chain", "priority": "high"}, "priority: not supported yet"),
    ({"workflow": "chain", "lables": "{}"}, "lables: unknown field, did you mean 'labels'?"),
])
def test_what_is_no_request_is_rejected_with_the_reason(fleet, fields, reason):
    fleet.open().publish(chain("chain", 1))
    fleet.worker()
    entry = fleet.client.xadd("troupe:runs", fields)
    rejected = wait_until(lambda: [netstrings(r[1]) for p in fleet.parts for r in p.records()
                                   if r[0] == "r"])
    ((_, inbox, text, request),) = rejected
    assert inbox == entry and reason in text
    assert json.loads(request) == fields


def test_an_unknown_workflow_is_decided_only_once_the_table_is_complete(fleet):
    fleet.open()
    worker = fleet.worker()
    run = fleet.request("chain", {"v": 0})
    wait_until(lambda: fleet.client.xpending("troupe:runs", "fleet")["pending"] == 1)
    worker.wait_for_log("partition open")
    fleet.publish(chain("chain", 1))
    fleet.wait_for(run)
    assert not [r for p in fleet.parts for r in p.records() if r[0] == "r"]


def test_requests_without_an_id_start_once_and_by_key_once_ever(fleet):
    fleet.open().publish(chain("chain", 1))
    fleet.worker()
    for _ in range(3):
        fleet.client.xadd("troupe:runs", {"workflow": "chain", "input": '{"v":1}', "dedup_key": "k"})
    fleet.client.xadd("troupe:runs", {"workflow": "chain", "input": '{"v":1}'})
    fleet.client.xadd("troupe:runs", {"workflow": "chain", "input": '{"v":1}'})

    def kinds():
        found = "".join(r[0] for p in fleet.parts for r in p.records())
        return found.count("x") == 3 and found.count("d") == 2 and found
    assert wait_until(kinds, what="3 executions and 2 duplicates").count("s") == 3


def test_the_start_record_says_everything(fleet):
    digest = fleet.open().publish(chain("chain", 1))
    fleet.worker()
    run = fleet.request("chain", {"v": 1}, labels='{"a":"b"}', version="1")
    fleet.wait_for(run)
    (start,) = [netstrings(r[1]) for r in fleet.part_of(run).records() if r[0] == "s"]
    assert start[:6] == [run, "chain", "1", digest, '{"v": 1}', '{"a":"b"}']
    (entry,) = fleet.client.xrange("troupe:runs")
    assert start[6] == entry[0].split("-")[0] + "000" and start[7] == entry[0]
    said = json.loads(start[8])
    assert said["id"] == run and said["labels"] == {"a": "b"} and said["version"] == 1


def test_requests_of_a_reader_that_died_are_taken_over(fleet):
    fleet.open().publish(chain("chain", 1))
    run = fleet.request("chain", {"v": 1})
    ((_, entries),) = fleet.client.xreadgroup("fleet", "dead", {"troupe:runs": ">"})
    # As if it had read the entry 31 s ago.
    fleet.client.execute_command("XCLAIM", "troupe:runs", "fleet", "dead", 0, entries[0][0], "IDLE",
                                 31000, "JUSTID")
    fleet.worker()
    fleet.wait_for(run)


def test_requests_that_an_earlier_process_of_the_name_read_are_started(fleet):
    fleet.open().publish(chain("chain", 1))
    runs = [fleet.request("chain", {"v": 1}) for _ in range(100)]
    fleet.client.xreadgroup("fleet", "worker-1", {"troupe:runs": ">"})
    fleet.worker()
    for run in runs:
        fleet.wait_for(run)
    fleet.check(runs)


def lose_last_starts(fleet):
    """As a Redis that starts again without its last write to each partition: it has the deliveries, but not the starts.
    Returns their runs."""
    lost = []
    for part in fleet.parts:
        starts = [(i, [netstrings(c)[0] for k, c, _ in records if k == "s"]) for i, records in part.ledger()]
        entry, runs = ([s for s in starts if s[1]] or [(None, [])])[-1]
        if runs:
            fleet.client.xdel(part.key("ledger"), entry)
            fleet.client.delete(*[part.key("run:" + run) for run in runs])
        lost += runs
    return lost


def duplicates(fleet):
    return [r for p in fleet.parts for r in p.records() if r[0] == "d"]


@pytest.mark.parametrize("how", ["connection", "epoch"])
def test_a_start_that_redis_lost_is_made_again_by_who_made_it(fleet, how):
    fleet.open().publish(chain("chain", 1))
    fleet.worker()
    runs = [fleet.request("chain", {"v": 1}) for _ in range(20)]
    for run in runs:
        fleet.wait_for(run)
    lost = lose_last_starts(fleet)
    assert lost
    if how == "connection":
        fleet.client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    else:
        fleet.open(epoch="2")
    for run in lost:
        wait_until(lambda run=run: fleet.status(run) == "c", what="a run that was lost")
    # Those that were not lost are found where they are, and acknowledged once more.
    wait_until(lambda: len(duplicates(fleet)) >= len(runs) - len(lost), what="duplicates of the others")
    starts = [netstrings(r[1])[0] for p in fleet.parts for r in p.records() if r[0] == "s"]
    assert sorted(starts) == sorted(runs)


def test_a_request_without_an_id_keeps_its_run_in_a_later_epoch(fleet):
    fleet.open().publish(chain("chain", 1))
    fleet.worker()
    for _ in range(8):
        fleet.client.xadd("troupe:runs", {"workflow": "chain", "input": '{"v":1}'})

    def count(kind):
        return sum(r[0] == kind for p in fleet.parts for r in p.records())

    wait_until(lambda: count("x") == 8, what="8 executions")
    fleet.open(epoch="2")
    wait_until(lambda: len(duplicates(fleet)) >= 8, what="8 duplicates")
    assert count("s") == 8 and len(fleet.client.keys("troupe:{*}:run:*")) == 8
