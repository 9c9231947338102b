"""Names of workflows are looked up behind the reads of requests: with what is published by then, and not one by one."""
import hashlib
import json
import uuid

from worker_fleet import chain, netstrings


def publish(fleet, version):
    """As deploy does: the graph first, then all that names it at once."""
    definition = chain("flow", 1)
    definition["metadata"]["description"] = "version %d" % version
    text = json.dumps(definition, separators=(",", ":"))
    digest = hashlib.sha256(b"troupe-graph 1\n" + text.encode()).hexdigest()
    fleet.client.set("troupe:graph:" + digest, text)
    fleet.client.hset("troupe:workflows", mapping={
        "flow": "%d %s" % (version, digest), "flow@%d" % version: digest, "!published": "1"})


def versions(fleet):
    """By run, as their start records have it."""
    found = {}
    for part in fleet.parts:
        for record in part.records():
            if record[0] == "s":
                run, _, version = netstrings(record[1])[:3]
                found[run] = int(version)
    return found


def flood(fleet, count, **fields):
    """Requests in one go, so that several come with one read."""
    runs = [str(uuid.uuid4()) for _ in range(count)]
    pipeline = fleet.client.pipeline(transaction=False)
    for run in runs:
        pipeline.xadd("troupe:runs", {"workflow": "flow", "input": '{"v":1}', "run_id": run, **fields})
    pipeline.execute()
    return runs


def test_a_publication_is_seen_by_every_request_behind_it(fleet):
    fleet.open()
    publish(fleet, 1)
    fleet.worker()
    fleet.worker()
    least, runs = {}, []
    for version in range(2, 40):
        runs += flood(fleet, 7)
        if version % 3 == 0:  # nothing is on its way: the bell rings
            fleet.wait_for(runs[-1])
        publish(fleet, version)
        behind = flood(fleet, 1 + version % 5)
        least.update((run, version) for run in behind)
        runs += behind
    for run in runs:
        fleet.wait_for(run)
    started = versions(fleet)
    assert len(started) == len(runs)
    for run, version in least.items():
        assert started[run] >= version, "a request of version %d's time got version %d" % (version, started[run])


def test_a_version_that_is_asked_for_is_the_one_that_starts(fleet):
    fleet.open()
    publish(fleet, 1)
    publish(fleet, 2)
    fleet.worker()
    runs = {}
    for _ in range(5):
        runs.update((run, 1) for run in flood(fleet, 3, version="1"))
        runs.update((run, 2) for run in flood(fleet, 3))
        fleet.wait_for(list(runs)[-1])
    for run in runs:
        fleet.wait_for(run)
    assert versions(fleet) == runs


def seen(monitor):
    """Look-ups in the table of names, and reads of requests, until a PING that says done."""
    commands = list(iter(lambda: monitor.next_command()["command"], "PING done"))
    return (sum(c.startswith("HMGET troupe:workflows ") for c in commands),
            sum(c.startswith("XREADGROUP ") and "troupe:runs " in c for c in commands))


def test_a_name_that_was_asked_for_before_is_not_looked_up_for_each_request(fleet):
    fleet.open()
    publish(fleet, 1)
    fleet.worker()
    fleet.wait_for(fleet.request("flow", {"v": 1}))
    client = fleet.redis.client()
    with client.monitor() as monitor:
        for run in flood(fleet, 300):
            fleet.wait_for(run)
        fleet.client.execute_command("PING", "done")
        lookups, reads = seen(monitor)
    client.close()
    assert 0 < lookups <= reads + 10, "%d look-ups and %d reads for 300 requests of one workflow" % (lookups, reads)
