"""Many runs of mixed shapes, and what must be true once they have ended.

Shapes, by their input {"n": N}:

    chain    six steps, each adds one
    fan      one to five to one, the sum
    choice   one of three branches, two of them dead, then a join; its output is mapped
    fail     two steps, then a failure whose code is computed; a join waits behind it

Submitted in two ways: by an entry of troupe:runs, as a producer does, and by `troupe run --detach`.
"""
import json
import os
import uuid

PARTITIONS = 16
CHAIN = 6
FAN = 5


def transform(node, expression):
    return {"id": node, "type": "transform", "config": {"expression": expression}}


def edge(source, target, condition=None):
    made = {"from": source, "to": target}
    if condition:
        made["condition"] = condition
    return made


def chain_definition(name, length):
    nodes = [transform("c%d" % i, "{'n': input.n + 1}") for i in range(length)]
    edges = [edge("c%d" % i, "c%d" % (i + 1)) for i in range(length - 1)]
    return {"metadata": {"name": name}, "nodes": nodes, "edges": edges}


def fan_definition():
    branches = ["b%d" % i for i in range(FAN)]
    nodes = [{"id": "s", "type": "parallel"}]
    nodes += [transform(b, "input.n * %d" % i) for i, b in enumerate(branches)]
    nodes.append(transform("j", " + ".join("input." + b for b in branches)))
    edges = [edge("s", b) for b in branches] + [edge(b, "j") for b in branches]
    return {"metadata": {"name": "load-fan"}, "nodes": nodes, "edges": edges}


CHOICE = {
    "metadata": {"name": "load-choice"},
    "nodes": [{"id": "c", "type": "conditional"}, transform("x", "'x'"), transform("y", "'y'"),
              transform("z", "'z'"), {"id": "x2", "type": "noop"}, {"id": "j", "type": "join"}],
    "edges": [edge("c", "x", "output.n % 3 == 0"), edge("c", "y", "output.n % 3 == 1"),
              edge("c", "z"), edge("x", "x2"), edge("x2", "j"), edge("y", "j"), edge("z", "j")],
    "output": {"n": "$context.n", "took": "${has(ctx.x2) ? ctx.x2.output : "
                                          "has(ctx.y) ? ctx.y.output : ctx.z.output}"},
}

FAIL = {
    "metadata": {"name": "load-fail"},
    "nodes": [{"id": "s", "type": "noop"}, {"id": "a", "type": "noop"},
              {"id": "f", "type": "function",
               "config": {"function_name": "fail",
                          "input": {"code": "code_${context.n}", "message": "as asked"}}},
              {"id": "j", "type": "join"}],
    "edges": [edge("s", "a"), edge("a", "f"), edge("s", "j"), edge("f", "j")],
}

DEFINITIONS = {"chain": chain_definition("load-chain", CHAIN), "fan": fan_definition(),
               "choice": CHOICE, "fail": FAIL}
# Executed nodes and skipped nodes of a run that ends by itself.
EXECUTED = {"chain": CHAIN, "fan": FAN + 2, "fail": 3}


def expected(shape, n):
    """Status, output, error code."""
    if shape == "chain":
        return "completed", {"c%d" % (CHAIN - 1): {"n": n + CHAIN}}, None
    if shape == "fan":
        return "completed", {"j": n * sum(range(FAN))}, None
    if shape == "choice":
        return "completed", {"n": n, "took": "xyz"[n % 3]}, None
    return "failed", None, "code_%d" % n


class Load:
    def __init__(self, stack):
        self.stack = stack
        self.redis = stack.redis_client()
        self.runs = {}  # id -> (shape, n)

    def deploy(self):
        paths = [self.stack.write(d) for d in DEFINITIONS.values()]
        self.stack.troupe("deploy", *paths, status=0)

    def next_run(self):
        n = len(self.runs)
        run, shape = str(uuid.uuid4()), list(DEFINITIONS)[n % len(DEFINITIONS)]
        self.runs[run] = (shape, n)
        return run, shape, n

    def submit_by_stream(self, count):
        pipe = self.redis.pipeline(transaction=False)
        for _ in range(count):
            run, shape, n = self.next_run()
            pipe.xadd("troupe:runs", {"workflow": "load-" + shape, "input": json.dumps({"n": n}),
                                      "run_id": run})
        pipe.execute()

    def submit_by_command(self, count):
        for _ in range(count):
            run, shape, n = self.next_run()
            self.stack.troupe("run", "load-" + shape, "--input", json.dumps({"n": n}), "--id", run,
                              "--detach", status=0)

    def settled(self):
        """How many ledger entries there have been: how far the fleet is. None while Redis is away."""
        pipe = self.redis.pipeline(transaction=False)
        for p in range(PARTITIONS):
            pipe.hget("troupe:{%d}:meta" % p, "seq")
        return sum(int(v or 0) for v in pipe.execute())

    def unfinished(self):
        done = {run for run, in self.stack.sql(
            "select run_id::text from v_runs where status in ('completed', 'failed', 'cancelled')")}
        return set(self.runs) - done

    def wait_for_end(self, timeout_s=60):
        left = set()

        def ended():
            nonlocal left
            left = self.unfinished()
            return not left

        try:
            self.stack.wait_until(ended, timeout_s)
        except AssertionError:
            raise AssertionError("%d of %d runs have not ended: %s" % (
                len(left), len(self.runs),
                self.stack.sql("select run_id::text, workflow, status, started_at from v_runs "
                               "where run_id::text = any(%s) limit 5", list(left)))) from None

    def check(self):
        """After the end of all: what the record says of them, and what is left in Redis."""
        self.check_results()
        check_record(self.stack)
        check_order(self.stack)
        check_redis_is_empty(self.stack)

    def check_results(self):
        rows = self.stack.sql("select run_id::text, workflow, status, output::text, error::text, "
                              "input::text from v_runs")
        assert len(rows) == len(self.runs) == len({row[0] for row in rows})
        for run, workflow, status, output, error, given in rows:
            shape, n = self.runs[run]
            found = (workflow, json.loads(given), status, json.loads(output) if output else None,
                     json.loads(error)["code"] if error else None)
            assert found == ("load-" + shape, {"n": n}, *expected(shape, n)), run
        executed = dict(self.stack.sql(
            "select run_id::text, count(*) from v_run_timeline where status in "
            "('completed', 'failed') group by 1"))
        for run, (shape, n) in self.runs.items():
            count = EXECUTED.get(shape, 4 if n % 3 == 0 else 3)
            # A failing run's join waits; its branches may have been cut off, but not doubled.
            assert executed[run] == count, (run, shape, executed[run])


# --- What the record must satisfy ---


def none(stack, what, query):
    """A query that looks for what must not be there."""
    rows = stack.sql(query + " limit 5")
    assert not rows, "%s: %s" % (what, rows)


def check_record(stack):
    """The invariants of the record, for every run in it."""
    none(stack, "events with gaps",
         "select run_id::text, count(*), min(event), max(event) from event_log group by 1 "
         "having min(event) <> 1 or max(event) <> count(*)")
    none(stack, "runs that count other events than the log has",
         "select r.run_id::text, r.events, count(l.event) from run r left join event_log l "
         "using (run_id) group by r.run_id, r.events, r.status having r.events > count(l.event) "
         "or r.status <> 'running' and r.events <> count(l.event)")
    none(stack, "ended runs whose deltas do not sum to 0",
         "select r.run_id::text, sum(l.delta) from run r join event_log l using (run_id) "
         "where r.ended_at is not null group by 1 having sum(l.delta) <> 0")
    none(stack, "counters below 0",
         "select run_id::text, event, counter from (select run_id, event, sum(delta) over "
         "(partition by run_id order by event) as counter from event_log) c where counter < 0")
    none(stack, "tokens settled twice",
         "select run_id::text, token, count(*) from applied_keys group by 1, 2 having count(*) > 1")
    none(stack, "executions whose token the log does not have",
         "select e.run_id::text, e.node_id, e.token from node_executions e where e.status in "
         "('completed', 'failed') and not exists (select 1 from event_log l where "
         "l.run_id = e.run_id and l.token = e.token and l.node_index = e.node_index "
         "and l.scope = e.scope and l.attempt = e.attempt)")
    none(stack, "runs whose last event says another status",
         "select r.run_id::text, r.status, l.status from run r join event_log l on "
         "l.run_id = r.run_id and l.event = r.events where r.status <> l.status")
    none(stack, "ended runs with the wrong of output and error",
         "select run_id::text, status from run where (status = 'completed') <> (output is not null) "
         "or (status in ('failed', 'cancelled')) <> (error is not null)")
    none(stack, "ledger entries with gaps",
         "select partition, epoch, min(seq), max(seq), count(*) from (select distinct partition, "
         "epoch, seq from event_log union select partition, epoch, seq from rejected_request) e "
         "group by 1, 2 having max(seq) > (select seq from partition_state s "
         "where s.partition = e.partition and s.epoch = e.epoch)")


def check_order(stack):
    """A successor starts no earlier than each predecessor that was executed ended."""
    none(stack, "started before a predecessor ended",
         "select b.run_id::text, a.node_id, b.node_id from run r join graph g using (digest) "
         "cross join lateral json_array_elements(g.canonical::json -> 'edges') e "
         "join node_executions a on a.run_id = r.run_id and a.node_id = e ->> 'from' "
         "join node_executions b on b.run_id = r.run_id and b.node_id = e ->> 'to' "
         "where b.started_at < a.ended_at")


# --- What is left in Redis ---


def left_in_redis(stack):
    """What should not be there once every run has ended and is archived; {} when all is well."""
    client = stack.redis_client()
    committed = dict(stack.sql(
        "select partition, epoch || '-' || seq from partition_state where seq > 0"))
    left = {}
    runs = client.keys("troupe:{*}:run:*")
    if runs:
        left["run keys"] = runs[:5]
    values = client.keys("troupe:{*}:v:*")
    if values:
        left["values beside runs"] = values[:5]
    for queue in [*client.keys("troupe:{*}:q:*"), "troupe:runs"]:
        if not client.exists(queue):
            continue
        pending = sum(group["pending"] for group in client.xinfo_groups(queue))
        if client.xlen(queue) or pending:
            left[queue] = "%d entries, %d pending" % (client.xlen(queue), pending)
    for ledger in client.keys("troupe:{*}:ledger"):
        if client.xlen(ledger) > 1:
            left[ledger] = "%d entries" % client.xlen(ledger)
            continue
        last = client.xrevrange(ledger, count=1)
        if last and last[0][0] != committed.get(int(ledger[len("troupe:{"):].split("}")[0])):
            left[ledger] = "has %s, committed is %s" % (last[0][0], committed)
    return left


def redis_is_empty(stack):
    return not left_in_redis(stack)


def check_redis_is_empty(stack):
    try:
        stack.wait_until(lambda: redis_is_empty(stack), 30)
    except AssertionError:
        raise AssertionError("left in Redis: %s" % left_in_redis(stack)) from None
