"""Names of workflows are looked up behind the reads of requests: with what is published by then, and not one by one."""
import uuid

from processes import wait_until
from worker_fleet import chain, netstrings


def publish(fleet, version):
    definition = chain("flow", 1)
    definition["metadata"]["description"] = "version %d" % version
    digest = fleet.publish(definition)
    fleet.client.hset("troupe:workflows", mapping={"flow": "%d %s" % (version, digest), "flow@%d" % version: digest})


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


def lookups(monitor):
    """How often the table of names was read, until a PING that says done."""
    commands = iter(lambda: monitor.next_command()["command"], "PING done")
    return sum(command.startswith("HMGET troupe:workflows ") for command in commands)


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
        count = lookups(monitor)
    client.close()
    assert count < 100, "%d look-ups for 300 requests of one workflow" % count


def test_who_was_there_before_the_inbox_hears_it_soon(fleet):
    for part in fleet.parts:
        part.epoch = "1"
        assert part.raw("open", "1", 1, len(fleet.parts), "default")[0] == "ok"
    worker = fleet.worker()
    worker.wait_for_log("the bell was refused")
    publish(fleet, 1)
    fleet.client.xgroup_create("troupe:runs", "fleet", "0", mkstream=True)

    def unblocked():
        return fleet.client.info("commandstats").get("cmdstat_client|unblock", {}).get("calls", 0)
    wait_until(unblocked, what="the end of a read without the inbox")
    fleet.wait_for(fleet.request("flow", {"v": 1}))
