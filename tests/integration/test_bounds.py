"""No call does more than its bound, however wide a definition is: 10,000 nodes fanned out and joined, and
10,000 nodes that a dead edge skips. What every script call did is read from MONITOR, how long it took from
the slow log."""
import re
import threading
import time

import pytest

WIDTH = 9990
# The budget is 512 operations a call; an operation costs an emission (XADD) or an arrival (the join's row and
# record), and a call claims up to 32 tokens besides.
MOST_COMMANDS = 3 * 512 + 200
LONGEST_US = 1000000  # some hundred times what is seen: a call that does not end is found, a busy machine is not


def fan(condition):
    leaves = ["n%d" % i for i in range(WIDTH)]
    edges = []
    for leaf in leaves:
        edges += [{"from": "s", "to": leaf, **({"condition": condition} if condition else {})},
                  {"from": leaf, "to": "j"}]
    nodes = [{"id": "s", "type": "noop"}, *({"id": leaf, "type": "noop"} for leaf in leaves),
             {"id": "j", "type": "transform", "config": {"expression": "size(input)"}},
             {"id": "end", "type": "noop"}]
    return {"nodes": nodes, "edges": [*edges, {"from": "s", "to": "end"}]}


def dead_chains(length=10):
    """A thousand chains behind one dead edge, each ending in the same join."""
    nodes = [{"id": "s", "type": "conditional"}, {"id": "x", "type": "noop"}, {"id": "end", "type": "noop"}]
    edges = [{"from": "s", "to": "x", "condition": "false"}, {"from": "s", "to": "end"}]
    for chain in range(WIDTH // length):
        before = "x"
        for i in range(length):
            node = "c%d_%d" % (chain, i)
            nodes.append({"id": node, "type": "noop"})
            edges.append({"from": before, "to": node})
            before = node
        edges.append({"from": before, "to": "j"})
    nodes.append({"id": "j", "type": "noop"})
    return {"nodes": nodes, "edges": edges}


class Monitor:
    """Counts the commands of each script call."""

    def __init__(self, client):
        self.calls, self.ended = [], False
        self.client = client
        self.monitor = client.monitor()
        self.thread = threading.Thread(target=self.read, daemon=True)

    def __enter__(self):
        self.monitor.__enter__()
        self.thread.start()
        return self

    def read(self):
        count = None
        while True:
            text = self.monitor.connection.read_response()
            text = text.decode(errors="replace") if isinstance(text, bytes) else text
            found = re.match(r'^[\d.]+ \[\d+ ([^\]]*)\] "(\w+)"', text)
            if not found:
                continue
            if found.group(2).lower() == "echo" and "end-of-monitor" in text:
                break
            if found.group(2).lower() in ("evalsha", "eval"):
                if count is not None:
                    self.calls.append(count)
                count = 0
            elif found.group(1) == "lua":
                count += 1
        self.calls.append(count or 0)
        self.ended = True

    def __exit__(self, *_):
        self.client.echo("end-of-monitor")
        self.thread.join(60)
        self.monitor.connection.disconnect()


@pytest.mark.timeout_s(300)
@pytest.mark.parametrize("shape", ["fan_out", "all_dead", "dead_chains"])
def test_no_call_does_more_than_its_bound(stack, shape):
    stack.up(workers=2)
    definition = dead_chains() if shape == "dead_chains" else fan("false" if shape == "all_dead" else None)
    definition["metadata"] = {"name": "wide"}
    path = stack.write(definition)
    redis = stack.redis_client()
    redis.config_set("slowlog-log-slower-than", 1000)
    redis.config_set("slowlog-max-len", 10000)
    redis.slowlog_reset()
    began = time.monotonic()
    with Monitor(stack.redis_client()) as monitor:
        run = stack.troupe("run", path, "--wait", "--timeout", "120", "-o", "json", timeout_s=150, status=0).json
    assert monitor.ended and len(monitor.calls) > 10
    if shape == "fan_out":
        assert run["output"] == {"j": WIDTH, "end": None}
    else:
        assert run["output"] == {"end": None}
    slow = [entry["duration"] for entry in redis.slowlog_get(10000) if b"EVALSHA" in entry["command"].upper()]
    print("%s: %.1f s, %d calls, at most %d commands in one, longest %.1f ms" % (
        shape, time.monotonic() - began, len(monitor.calls), max(monitor.calls), max(slow, default=0) / 1000))
    assert max(monitor.calls) <= MOST_COMMANDS
    assert max(slow, default=0) < LONGEST_US
    counted = dict(stack.sql("select status, count(*) from node_executions group by 1"))
    executed = WIDTH + 3 if shape == "fan_out" else 2
    assert counted == {"completed": executed, **({"skipped": len(definition["nodes"]) - executed}
                                                 if executed == 2 else {})}


def loops_in_a_row(count):
    nodes = [{"id": "n%d" % i, "type": "noop", "loop": {"condition": "iteration < 2", "max_iterations": 3}}
             for i in range(count)]
    for i in range(1, count):
        nodes[i - 1]["loop"]["break_path"] = ["n%d" % i]
    return {"nodes": nodes}


def lattice(count):
    """Five edges from each node on, a fifth of the joins any, names from afar, a loop every hundred nodes."""
    nodes = [{"id": "n%d" % i, "type": "noop", "config": {"input": "${has(ctx.n%d) ? 1 : 2}" % (i - 6)} if i > 6
              else {}} for i in range(count)]
    edges = []
    for i in range(count):
        targets = ["n%d" % k for k in range(i + 1, min(i + 6, count))]
        if i % 100 == 0 and i:
            nodes[i]["loop"] = {"condition": "true", "max_iterations": 2, "break_path": targets}
        else:
            edges += [{"from": "n%d" % i, "to": t, "condition": "output.x > %d" % i} for t in targets]
        if i % 5 == 0 and i > 10:
            nodes[i]["join"] = "any"
    return {"nodes": nodes, "edges": edges}


@pytest.mark.parametrize("made", [loops_in_a_row, lattice])
def test_large_definitions_compile(stack, made):
    """Well under a second; what is quadratic takes ten times what is allowed here."""
    path = stack.write(made(10000))
    began = time.monotonic()
    stack.troupe("validate", path, status=0)
    took = time.monotonic() - began
    print("%s: %.2f s" % (made.__name__, took))
    assert took < 10
