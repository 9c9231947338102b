"""Random definitions with random inputs, against an interpreter that knows the rules alone.

The seeds are 0 to 499, RANDOM_FLOWS=FIRST:COUNT names others: `RANDOM_FLOWS=217:1 make integration
TEST=random_flows` runs one again. A failure names its seed, input and definition.
"""
import json
import os
import random
import uuid

import pytest

from flow_interpreter import Mismatch, Replay
from flow_random import HOUR_MS, RandomFlow
from load import check_record, check_redis_is_empty

FIRST, COUNT = map(int, os.environ.get("RANDOM_FLOWS", "0:500").split(":"))
RUNS_EACH = 2
# Every one of them has to occur, or the test has not looked at what it is for.
FEATURES = [
    "all with dead edges", "dead join", "any", "any with late ones", "count", "count with late ones",
    "count unsatisfied", "each fired", "each skipped", "late ones in a loop", "iteration",
    "nested iteration", "loop in an each region", "timeout path", "skipped head", "parallel edges",
    "conditional with several predecessors", "agent", "rules", "goto", "continue", "retry",
    "when is false", "presence by timing", "output mapping", "loop's end in the output",
    "list in the output", "code binding", "code code", "code expression", "code join_unsatisfied",
    "code loop_limit", "code routing", "cut off by a failure", "run completed", "run failed",
    "run cancelled",
]


class Submitted:
    def __init__(self, flow, n, rnd):
        self.flow, self.id = flow, str(uuid.UUID(int=rnd.getrandbits(128), version=4))
        self.input = {"v": rnd.randint(0, 99)}
        if rnd.random() < .1:
            self.input = {"other": n}
        anchored = any(node.get("config", {}).get("ms") == HOUR_MS for node in flow.definition["nodes"])
        self.cancel = "late" if anchored else "early" if rnd.random() < .03 else None


def submit(stack, flows):
    runs, redis = [], stack.redis_client()
    pipe = redis.pipeline(transaction=False)
    for flow in flows:
        rnd = random.Random(flow.seed)
        for n in range(RUNS_EACH):
            run = Submitted(flow, n, rnd)
            runs.append(run)
            pipe.xadd("troupe:runs", {"workflow": "random-%d" % flow.seed, "run_id": run.id,
                                      "input": json.dumps(run.input)})
    pipe.execute()
    return runs


def ended(stack):
    return {row[0] for row in stack.sql("select run_id::text from run where ended_at is not null")}


def cancel(stack, runs):
    known = {row[0] for row in stack.sql("select run_id::text from run")}
    for run in runs:
        if run.id in known:
            stack.troupe("cancel", run.id)


def wait_for(stack, runs, timeout_s):
    wanted, left = {run.id: run for run in runs}, []

    def none_left():
        left[:] = sorted(set(wanted) - ended(stack))
        return not left

    try:
        stack.wait_until(none_left, timeout_s)
    except AssertionError:
        raise AssertionError("%d runs have not ended, of seeds %s" % (
            len(left), [wanted[run].flow.seed for run in left][:10])) from None


def read_record(stack):
    rows, decisions, runs = {}, {}, {}
    for run, node, scope, attempt, status, output, error in stack.sql(
            "select run_id::text, node_id, scope, attempt, status, output::text, error::text "
            "from node_executions order by attempt"):
        rows.setdefault(run, {}).setdefault((node, scope), []).append(
            {"attempt": attempt, "status": status, "output": json.loads(output) if output else None,
             "error": json.loads(error) if error else None})
    for run, node, scope, taken, dead in stack.sql(
            "select run_id::text, node_id, scope, taken::text, dead::text from run_decision"):
        decisions.setdefault(run, {})[node, scope] = (json.loads(taken), json.loads(dead))
    for run, status, output, error in stack.sql(
            "select run_id::text, status, output::text, error::text from run"):
        runs[run] = {"status": status, "output": json.loads(output) if output else None,
                     "error": json.loads(error) if error else None}
    return rows, decisions, runs


def compare(stack, submitted):
    """Returns how often what occurred, and what was wrong, by run."""
    rows, decisions, runs = read_record(stack)
    seen, wrong = {}, []
    for run in submitted:
        flow = run.flow
        replay = Replay(flow.d, flow.terms, run.input, runs[run.id], rows.get(run.id, {}),
                        decisions.get(run.id, {}))
        try:
            for what, times in replay.check().items():
                seen[what] = seen.get(what, 0) + times
        except Mismatch as e:
            wrong.append((len(flow.nodes), flow, run, str(e)))
    return seen, sorted(wrong, key=lambda w: w[0])


@pytest.mark.timeout_s(600)
def test_random_flows(stack):
    flows = [RandomFlow(seed) for seed in range(FIRST, FIRST + COUNT)]
    stack.up(workers=2)
    # Nearly all that this one stores stands beside its run, where all of them read it.
    stack.start_worker("--inline-value-bytes", "64")
    for i in range(0, len(flows), 50):
        stack.troupe("deploy", *[stack.write(f.definition) for f in flows[i:i + 50]], status=0)
    submitted = submit(stack, flows)
    cancel(stack, [run for run in submitted if run.cancel == "early"])
    wait_for(stack, [run for run in submitted if not run.cancel], 120)
    gone = ended(stack)
    cancel(stack, [run for run in submitted if run.cancel and run.id not in gone])
    wait_for(stack, submitted, 60)
    seen, wrong = compare(stack, submitted)
    for what in sorted(set(seen) | set(FEATURES)):
        print("%6d  %s" % (seen.get(what, 0), what))
    if wrong:
        _, flow, run, why = wrong[0]
        raise AssertionError("%d of %d runs are not what they should be, of seeds %s\n"
                             "smallest: RANDOM_FLOWS=%d:1, run %s, input %s: %s\n%s" % (
                                 len(wrong), len(submitted), sorted({w[1].seed for w in wrong}),
                                 flow.seed, run.id, json.dumps(run.input), why,
                                 json.dumps(flow.definition)))
    if COUNT >= 500:
        missing = [what for what in FEATURES if not seen.get(what)]
        assert not missing, "never occurred, so nothing was shown of it: %s" % missing
    check_record(stack)
    check_redis_is_empty(stack)
