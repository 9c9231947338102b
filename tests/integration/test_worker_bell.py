"""The bell of a worker that stays busy listens to the inbox only; with nothing to do it hears its queues again."""
import uuid

from processes import wait_until
from worker_fleet import chain

USER = "worker"


def loop(rounds):
    return {"metadata": {"name": "loop-%d" % rounds},
            "nodes": [{"id": "n", "type": "transform", "config": {"expression": "{'n': input.n + 1}"},
                       "loop": {"condition": "output.n < %d" % rounds, "max_iterations": rounds, "break_path": ["e"]}},
                      {"id": "e", "type": "noop"}],
            "edges": []}


def blocked_reads(clients):
    return [c for c in clients if "b" in c["flags"] and c["cmd"] == "xreadgroup"]


def request_seen(fleet):
    """A request in one transaction with a look at who is blocked: the run, whether somebody was, and whether
    the request was somebody's before anything else could be asked of Redis."""
    run = str(uuid.uuid4())
    client = fleet.redis.client()
    pipeline = client.pipeline(transaction=False)
    pipeline.execute_command("MULTI")
    pipeline.execute_command("CLIENT", "LIST")
    pipeline.execute_command("XADD", "troupe:runs", "*", "workflow", "chain", "input", '{"v":1}', "run_id", run)
    pipeline.execute_command("EXEC")
    pipeline.execute_command("XINFO", "GROUPS", "troupe:runs")
    *_, (clients, entry), (group,) = pipeline.execute()
    client.close()
    lines = [dict(word.partition("=")[::2] for word in line.split()) for line in clients.splitlines()]
    last = dict(zip(group[::2], group[1::2]))["last-delivered-id"]
    return run, bool(blocked_reads(lines)), last == entry


def stat(fleet, command, what):
    return fleet.client.info("commandstats").get("cmdstat_" + command, {}).get(what, 0)


def test_a_request_beside_a_busy_loop_is_read_at_once(fleet):
    rounds = 100000
    fleet.open().publish(chain("chain", 1))
    fleet.publish(loop(rounds))
    worker = fleet.worker()
    busy = fleet.request("loop-%d" % rounds, {"n": 0})
    wait_until(lambda: fleet.status(busy) == "r")
    heard, tries = 0, 0
    while heard < 5 and tries < 200:
        run, blocked, read = request_seen(fleet)
        tries += 1
        assert not blocked or read, "somebody waits for requests, and one that came was not given to him"
        heard += blocked
        fleet.wait_for(run)
    assert fleet.status(busy) == "r", "it was not busy for all of the time"
    assert heard == 5, "in %d tries nobody was blocked" % tries
    assert worker.terminate() == 0
    fleet.workers.remove(worker)


def run_from_queue(fleet, digest, part):
    """A token that nobody but the queue tells of."""
    run = next(r for r in iter(lambda: str(uuid.uuid4()), None) if fleet.part_of(r) is part)
    assert part.start(run, [(0, "default", "in;")], digest=digest, data='{"v":1}') == "started"
    return run


def busy_for_a_while(fleet, rounds):
    run = fleet.request("loop-%d" % rounds, {"n": 0})
    wait_until(lambda: fleet.status(run) == "c", what="the loop's end")


def test_with_nothing_to_do_it_hears_its_queues(fleet):
    digest = fleet.open().publish(chain("chain", 1))
    fleet.publish(loop(2000))
    fleet.worker()
    for _ in range(10):  # a read of the inbox that ends just then need not be ended
        busy_for_a_while(fleet, 2000)
        wait_until(lambda: blocked_reads(fleet.client.client_list()), what="its bell")
        for part in fleet.parts:
            fleet.wait_for(run_from_queue(fleet, digest, part))
        if stat(fleet, "client|unblock", "calls"):
            break
    assert stat(fleet, "client|unblock", "calls"), "the read of the inbox was left to end by itself"


def test_without_the_permission_to_end_a_read_it_hears_its_queues(fleet):
    digest = fleet.open().publish(chain("chain", 1))
    fleet.publish(loop(2000))
    fleet.client.execute_command("ACL", "SETUSER", USER, "on", ">secret", "~*", "&*", "+@all", "-client|unblock")
    try:
        fleet.worker(url=fleet.redis.url.replace("redis://", "redis://%s:secret@" % USER))
        for _ in range(4):
            busy_for_a_while(fleet, 2000)
            for part in fleet.parts:
                fleet.wait_for(run_from_queue(fleet, digest, part))
        refused = stat(fleet, "client|unblock", "rejected_calls")
        assert refused == 1, "it asked %d times for what is refused" % refused
        while fleet.workers:
            assert fleet.workers.pop().terminate() == 0
    finally:
        fleet.client.execute_command("ACL", "DELUSER", USER)


def test_who_was_there_before_the_inbox_hears_it_soon(fleet):
    ended = stat(fleet, "client|unblock", "calls")
    for part in fleet.parts:
        part.epoch = "1"
        assert part.raw("open", "1", 1, len(fleet.parts), "default")[0] == "ok"
    fleet.publish(chain("chain", 1))
    worker = fleet.worker()
    worker.wait_for_log("the bell was refused")
    wait_until(lambda: blocked_reads(fleet.client.client_list()), what="its bell, without the inbox")
    fleet.client.xgroup_create("troupe:runs", "fleet", "0", mkstream=True)
    wait_until(lambda: stat(fleet, "client|unblock", "calls") > ended, what="the end of that read")
    fleet.wait_for(fleet.request("chain", {"v": 1}))
