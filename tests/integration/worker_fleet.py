"""A fleet of workers against a real Redis and the real scripts, without a supervisor: the tests open
partitions, publish graphs, start runs, and read the ledgers themselves. The fixture is in conftest.py."""
import hashlib
import json
import os
import time
import urllib.request
import uuid

from lua_calls import TEXTS, Partition, read_netstring
from processes import Process, wait_until
from stack import ROOT, SANITIZERS

BIN = os.path.join(ROOT, os.environ.get("TROUPE_BIN_DIR", "bin"), "troupe-worker")
LEASE_MS = 1000


def netstrings(text):
    out, at = [], 0
    while at < len(text):
        part, at = read_netstring(text, at)
        out.append(part)
    return out


class Execution:
    """An `x` or `o` record."""

    def __init__(self, kind, callers, scripts):
        (self.run, self.node, self.scope, self.attempt, self.status, self.started, self.ended,
         self.worker, self.taken, self.reason, output, error) = netstrings(callers)
        self.kind = kind
        self.output = json.loads(output) if output else None
        self.error = json.loads(error) if error else None
        (self.event, self.number, self.delta, self.first, self.last, self.run_status,
         self.joins) = scripts.split("|")
        self.started, self.ended = int(self.started), int(self.ended)


class Fleet:
    """Open partitions in an empty Redis, and the workers of one test."""

    def __init__(self, redis_server, directory, partitions=4):
        self.redis = redis_server
        self.redis.reset()
        self.client = redis_server.client()
        self.dir = directory
        self.parts = [Partition(self.client, n, texts=TEXTS) for n in range(partitions)]
        self.workers = []
        self.graphs = {}

    def open(self, epoch="1"):
        for part in self.parts:
            part.epoch = epoch
            reply = part.raw("open", epoch, 1, len(self.parts), "default")
            assert reply[0] == "ok", reply
        if not self.client.exists("troupe:runs"):
            self.client.xgroup_create("troupe:runs", "fleet", "0", mkstream=True)
        return self

    def publish(self, definition, store=True):
        """Puts a definition where deploy and the supervisor put it; returns its digest."""
        text = json.dumps(definition, separators=(",", ":"), ensure_ascii=False)
        digest = hashlib.sha256(b"troupe-graph 1\n" + text.encode()).hexdigest()
        name = definition["metadata"]["name"]
        if store:
            self.client.set("troupe:graph:" + digest, text)
        self.graphs[digest] = text
        self.client.hset("troupe:workflows", mapping={
            name: "1 " + digest, name + "@1": digest, "!published": int(time.time() * 1000)})
        return digest

    def worker(self, *args, url=None, lease_ms=LEASE_MS, **env):
        name = "worker-%d" % (len(self.workers) + 1)
        environment = {k: v for k, v in os.environ.items() if not k.startswith("TROUPE_")}
        for key, value in SANITIZERS.items():
            environment.setdefault(key, value)
        environment.update({"TROUPE_REDIS_URL": url or self.redis.url,
                            "TROUPE_LEASE": "%dms" % lease_ms}, **env)
        process = Process(name, [BIN, "--name", name, "--log-level", "debug", *args],
                          str(self.dir / (name + ".log")), env=environment, cwd=str(self.dir))
        self.workers.append(process)
        return process

    def request(self, workflow, input=None, **fields):
        """Asks for a run through the inbox; returns its id."""
        run = str(uuid.uuid4())
        self.client.xadd("troupe:runs", {"workflow": workflow, "input": json.dumps(input),
                                         "run_id": run, **fields})
        return run

    def part_of(self, run):
        return self.parts[int(run[-4:], 16) % len(self.parts)]

    def status(self, run):
        head = self.part_of(run).head(run)
        return head and head["status"]

    def wait_for(self, run, status="c", timeout_s=30):
        try:
            wait_until(lambda: self.status(run) in ("c", "f"), timeout_s, "the end of run " + run)
        except AssertionError as e:
            raise AssertionError("%s; it is %s" % (e, self.part_of(run).dump())) from None
        assert self.status(run) == status
        return self.executions(run)

    def executions(self, run):
        return [Execution(*r) for r in self.part_of(run).records()
                if r[0] in "xo" and netstrings(r[1])[0] == run]

    def check(self, runs):
        """Counters at zero, deltas that add up, nothing left in queues, every node once."""
        for part in self.parts:
            mine = [run for run in runs if self.part_of(run) is part]
            entries = self.client.xrange(part.key("q:default"))
            assert not entries, entries
            assert part.client.xpending(part.key("q:default"), "fleet")["pending"] == 0
            sums, done = {}, set()
            for kind, callers, scripts in part.records():
                if kind in "xon":
                    run = netstrings(callers)[0]
                    sums[run] += int(scripts.split("|")[2])
                elif kind == "s":
                    run = netstrings(callers)[0]
                    assert run not in sums, "started twice"
                    sums[run] = int(scripts.split("|")[1])
                if kind in "xo":
                    once = tuple(netstrings(callers)[:4])
                    assert once not in done, "recorded twice: %s" % (once,)
                    done.add(once)
            for run in mine:
                assert part.head(run)["counter"] == 0 and sums[run] == 0

    def close(self):
        problems = []
        for process in self.workers:
            if process.alive:
                process.terminate()
            problems += process.problems()
        assert not problems, "\n".join(problems)


def metric(port, name):
    with urllib.request.urlopen("http://127.0.0.1:%d/metrics" % port) as reply:
        for line in reply.read().decode().splitlines():
            if line.startswith("troupe_worker_%s " % name):
                return int(line.split()[1])
    raise AssertionError("no metric " + name)


def chain(name, length, **node):
    nodes = [{"id": "n%d" % i, "type": "transform",
              "config": {"expression": "{'v': input.v + 1}"}} for i in range(length)]
    edges = [{"from": "n%d" % i, "to": "n%d" % (i + 1)} for i in range(length - 1)]
    return {"metadata": {"name": name}, "nodes": nodes, "edges": edges}


DIAMOND = {
    "metadata": {"name": "diamond"},
    "nodes": [
        {"id": "a", "type": "noop"},
        {"id": "b", "type": "transform", "config": {"expression": "input.v * 2"}},
        {"id": "c", "type": "transform", "config": {"template": {"was": "$input.v"}}},
        {"id": "skipped", "type": "noop"},
        {"id": "d", "type": "join"},
    ],
    "edges": [{"from": "a", "to": "b"}, {"from": "a", "to": "c"},
              {"from": "a", "to": "skipped", "condition": "output.v > 100"},
              {"from": "skipped", "to": "d"}, {"from": "b", "to": "d"}, {"from": "c", "to": "d"}],
    "output": {"sum": "${ctx.d.output.b + ctx.c.output.was}", "run": "${run.id}",
               "from": "$input.v"},
}
# About ten milliseconds a node, so that there is a middle to interfere with.
SLOW = {
    "metadata": {"name": "slow"},
    "nodes": [{"id": "n%d" % i, "type": "transform",
               "config": {"expression": "{'l': input.l.map(x, input.l.filter(y, x > y).size() > -1 ?"
                                        " x : 0)}"}} for i in range(5)],
    "edges": [{"from": "n%d" % i, "to": "n%d" % (i + 1)} for i in range(4)],
}
SLOW_INPUT = {"l": list(range(150))}
