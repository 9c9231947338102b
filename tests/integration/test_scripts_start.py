"""start with what has been executed already, and with several runs."""
import time

import pytest
import redis

from lua_calls import FAR, Claim, Partition, Refused, Settle, one, part, run_id, worker  # noqa: F401
from test_scripts_stretch import ENDS, JOIN, OUT, state, steps

ENTRY = [("0", "default", "in;")]


def first(run, number=1, node="0", scope=""):
    """What its worker has as the claim of an entry token."""
    return Claim(["0", "", run, str(number), "%s|%s|1|0|0|q" % (node, scope), "1", "d1", "in;"])


def executed(run, *results, entries=ENTRY, **more):
    return Partition.begin_args(run, entries, executed=results, **more)


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("count", [0, 2])
def test_it_comes_to_what_starting_and_settling_comes_to(part, end, count):
    part.load("d1", JOIN)
    together, apart = run_id(1), run_id(2)
    more = dict(ENDS[end])

    def result(run, claim):
        identity = {"identity": claim.live} if not count and "ops" in more and more["ops"][0][0] == "p" else {}
        return Settle(claim, steps=steps(run, count), record=run + "/end", **more, **identity)

    assert part.start_all([executed(together, result(together, first(together)))]) == ["executed"]
    assert part.start(apart, ENTRY) == "started"
    w, s = worker(part)
    assert part.settle(w, s, [result(apart, [c for c in part.claim(w, s) if c.run == apart][0])])[0] == ["ok"]
    part.check([together, apart])
    mine, theirs = state(part, together), state(part, apart)
    if part.head(apart)["status"] != "r":  # what it began with is kept only of calls before
        theirs = ({f: v for f, v in theirs[0].items() if f not in ("in", "dg", "fin")}, *theirs[1:])
    assert mine == theirs


def test_a_run_that_is_through_at_once_leaves_its_head(part):
    run = run_id()
    assert part.start_all([executed(run, Settle(first(run), output=OUT % 0))]) == ["executed"]
    part.check([run])
    assert part.client.hgetall(part.key("run:" + run)) == {"h": "c|1|0|0|1|2"}
    assert [r[0] for r in part.records()] == ["s", "x"] and len(part.ledger()) == 1
    assert not part.client.exists(part.key("q:default")) or part.entries("default") == []
    assert part.start(run, ENTRY, inbox="5-0") == "exists"
    assert part.records()[-1][0] == "d"
    assert part.forget(run) == 1
    assert part.start_all([executed(run, Settle(first(run), output=OUT % 0), inbox="5-0")]) == ["ended"]
    assert not part.client.exists(part.key("run:" + run))


def test_several_runs_each_for_itself(part):
    old, late, plain, through, again = (run_id(n) for n in range(1, 6))
    assert part.start(old, ENTRY) == "started"
    results = part.start_all([
        executed(old, Settle(first(old), output=OUT % 0), inbox="1-0"),
        executed(late, Settle(first(late), output=OUT % 0), not_after=1),
        executed(plain),
        executed(through, Settle(first(through), output=OUT % 0)),
        executed(again), executed(again, inbox="2-0")])
    assert results == ["exists", "late", "started", "executed", "started", "exists"]
    part.check([old, plain, through, again])
    assert part.head(late) is None
    assert [r[0] for r in part.records()] == ["s", "d", "s", "s", "x", "s", "d"]
    assert len(part.ledger()) == 2, "one entry a call"
    assert sorted(e["r"] for _, e in part.entries("default")) == [old, plain, again]


@pytest.mark.parametrize("wrong", [dict(ops=[("t", 7, 0), ("t", 7, 0)]), dict(kind="o"), dict(field="o5|"),
                                   dict(number="2"), dict(number="0"), dict(number="x"), dict(ops=[("t", 9, 0)])])
def test_what_cannot_be_settled_is_a_token_like_any_other(part, wrong):
    part.load("d1", JOIN)
    run, other = run_id(1), run_id(2)
    args = {"output": OUT % 0, **wrong}
    results = part.start_all([executed(run, Settle(first(run), **args)),
                              executed(other, Settle(first(other), output=OUT % 0))])
    assert results == ["started", "executed"]
    part.check([run, other])
    assert part.tokens(run) == {1: "0||1|0|0|q"}
    assert part.head(run) == {"status": "r", "incarnation": 1, "counter": 1, "open": 0, "last": 1, "events": 1}
    assert part.client.hmget(part.key("run:" + run), "in", "dg", "fin") == ['{"x":1}', "d1", ""]
    w, s = worker(part)
    assert part.settle(w, s, [Settle(one(part, w, s), output=OUT % 0)])[0] == ["ok"]
    part.check([run])


def test_a_table_that_is_missing_is_loaded_by_whoever_claims_it(part):
    run = run_id()
    assert part.start_all([executed(run, Settle(first(run), [("t", 7, 0)], OUT % 0, steps=steps(run)))]) == ["started"]
    part.check([run])
    assert part.head(run)["events"] == 1 and len(part.entries("default")) == 1


def test_some_entry_nodes_are_executed_and_others_not(part):
    part.load("d1", {"7": "a|2|2|default|0,1||"})
    run = run_id()
    entries = [("0", "default", "in;"), ("1", "default", "in;"), ("2", "heavy", "in;")]
    results = part.start_all([executed(run, Settle(first(run), [("t", 7, 0)], OUT % 0),
                                       Settle(first(run, 2, "1"), [("t", 7, 1)], OUT % 1), entries=entries)])
    assert results == ["started"], "one is left"
    part.check([run])
    assert sorted(part.tokens(run).items()) == [(3, "2||1|0|0|q"), (4, "7||1|0|0|q")]
    assert [e["n"] for _, e in part.entries("heavy")] == ["3"]


def test_a_failure_ends_the_others(part):
    run = run_id()
    entries = [("0", "default", "in;"), ("1", "default", "in;")]
    results = part.start_all([executed(run, Settle(first(run), failed=True),
                                       Settle(first(run, 2, "1"), output=OUT % 1), entries=entries)])
    assert results == ["started"]
    assert part.head(run)["status"] == "f" and part.tokens(run) == {2: "1||1|0|0|q"}, "what its end cut off"
    assert not part.client.exists(part.key("q:default")) or part.entries("default") == []


def test_a_loops_head(part):
    run = run_id()
    entries = [("0|9~1", "default", "in;")]
    part.load("d1", {"l9": "0;;"})
    done = Settle(first(run, scope="9~1"), [("e", 1, "0,0")], "c#1|1|0|0|5", field="o0|9~1")
    assert part.start_all([executed(run, done, entries=entries)]) == ["executed"]
    part.check([run])
    fields = part.client.hgetall(part.key("run:" + run))
    assert (fields["t2"], fields["i9~1"], fields["o0|9~1"]) == ("1|9~1|1|0|0|q", "1", "c#1|1|0|0|5")


def test_a_deadline_of_what_is_through_is_none(part):
    now_ms = int(time.time() * 1000)
    through, on = run_id(1), run_id(2)
    assert part.start_all([executed(through, Settle(first(through), output=OUT % 0), deadline=now_ms + 60000),
                           executed(on, deadline=now_ms + 60000)]) == ["executed", "started"]
    assert part.client.zrange(part.key("timers"), 0, -1) == [on + "/d"]


@pytest.mark.parametrize("budget", [1, 2])
def test_the_budget_is_of_the_call(part, budget):
    runs = [run_id(n) for n in range(1, 4)]
    fork = [("e", 1, "0,0"), ("e", 2, "0,0")]
    part.start_all([executed(r, Settle(first(r), fork, OUT % 0)) for r in runs], budget=budget)
    part.check(runs)
    w, s = worker(part)
    while True:
        claims = part.claim(w, s)
        if not claims:
            break
        part.settle(w, s, [Settle(c) if c.node == "c" else Settle(c, output=OUT % 1) for c in claims])
    part.check(runs)
    assert {part.head(r)["status"] for r in runs} == {"c"}
    assert {part.head(r)["events"] for r in runs} <= {4, 5, 6}


def mangled(args, at, value):
    out = list(args)
    out[at] = value
    return out


GOOD = executed(run_id(), Settle(first(run_id()), output=OUT % 0))


@pytest.mark.parametrize("args", [
    GOOD[:-1], GOOD + ["x"], mangled(GOOD, 0, "no run"), mangled(GOOD, 1, "0"), mangled(GOOD, 2, ""),
    mangled(GOOD, 6, "soon"), mangled(GOOD, 7, "-1"), mangled(GOOD, 10, "0"), mangled(GOOD, 10, "2"),
    mangled(GOOD, 11, "x"), mangled(GOOD, 12, "a b"), mangled(GOOD, 14, "2"), mangled(GOOD, 14, "x"), []],
    ids=range(14))
def test_arguments_that_make_no_sense(part, args):
    before = part.dump()
    with pytest.raises(redis.ResponseError, match="ARGS "):
        part.start_all([GOOD, args])
    assert part.dump() == before


def test_a_key_of_another_type_stops_it_before_it_writes(part):
    part.client.set(part.key("timers"), "x")
    before = part.dump()
    with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
        part.start_all([GOOD, executed(run_id(2), deadline=FAR)])
    assert part.dump() == before


def test_of_another_epoch_nothing_begins(part):
    part.epoch = "2"
    with pytest.raises(Refused, match="epoch"):
        part.start_all([GOOD])
