"""settle with steps: nodes that were executed one after the other and are settled together."""
import pytest
import redis

from lua_calls import Settle, begin, one, part, run_id, worker  # noqa: F401

OUT = "c|1|0|0|%d"
JOIN = {"7": "a|2|2|default|2,5||"}  # all of two
ENDS = {
    "nothing": dict(output=OUT % 3),
    "a node": dict(ops=[("e", 3, "0,2")], output=OUT % 3),
    "a fork": dict(ops=[("e", 3, "0,2"), ("e", 4, "1,2")], output=OUT % 3),
    "an arrival": dict(ops=[("t", 7, 0)], output=OUT % 3),
    "a dead arrival": dict(ops=[("d", 7, 0)]),
    "a failure": dict(failed=True),
    "the next attempt": dict(ops=[("p", 0, "2,0,,1")]),
    "a timer": dict(ops=[("p", 4102444800000, "1,0,d12,1")], kind="w"),
}


def start(part, n=1, scope="", **more):
    return begin(part, n, entries=[("0" + scope, "default", "in;")], **more)


def steps(run, count=2):
    """The first `count` nodes of a chain, each with an output."""
    return [(i + 1, OUT % i, "%s/step%d" % (run, i)) for i in range(count)]


def state(part, run):
    """Of a run, without what differs from call to call: times, and the entries' ids."""
    fields = {f: v for f, v in part.client.hgetall(part.key("run:" + run)).items() if not f.startswith("e")}
    entries = {q: [(e["n"], e["m"].split("|", 1)[1], e["w"]) for _, e in part.entries(q) if e["r"] == run
                   and "t" + e["n"] in fields] for q in part.queues}
    records = [(kind, mine.split("/", 1)[1], told) for kind, mine, told in part.records()
               if kind != "s" and mine.startswith(run)]
    timers = [t.split("/")[1] for t in part.client.zrange(part.key("timers"), 0, -1) if t.startswith(run)]
    fields.pop("rn", None)
    return fields, entries, records, timers


@pytest.mark.parametrize("end", ENDS)
def test_it_comes_to_what_settling_one_by_one_comes_to(part, end):
    part.load("d1", JOIN)
    together, apart = start(part, 1), start(part, 2)
    w, s = worker(part)
    first, second = sorted(part.claim(w, s), key=lambda c: c.run)
    more = dict(ENDS[end])
    assert part.settle(w, s, [Settle(first, steps=steps(together), record=together + "/end", **more)])[0] == ["ok"]
    claim = second
    for node, output, record in steps(apart):
        done = Settle(claim, [("e", node, "0,%d" % (node - 1))], output, record=record)
        results, claims = part.settle(w, s, [done], want=1, keep=1)
        assert results == ["ok"]
        claim, = claims
    if "ops" in more and more["ops"][0][0] == "p":
        more["identity"] = claim.live
    assert part.settle(w, s, [Settle(claim, record=apart + "/end", **more)])[0] == ["ok"]
    part.check([together, apart])
    mine, theirs = state(part, together), state(part, apart)
    if part.head(apart)["status"] != "r":  # outputs of what is over are kept only of calls before
        theirs = ({f: v for f, v in theirs[0].items() if not f.startswith("o")}, *theirs[1:])
    assert mine == theirs


def test_a_chain_in_one_call(part):
    run = start(part)
    w, s = worker(part)
    claim = one(part, w, s)
    chain = steps(run, 9)
    assert part.settle(w, s, [Settle(claim, output=OUT % 9, steps=chain, record=run + "/last")])[0] == ["ok"]
    part.check([run])
    assert part.head(run) == {"status": "c", "incarnation": 1, "counter": 0, "open": 0, "last": 10, "events": 11}
    assert [r[2] for r in part.records()[1:]] == ["%d|%d|0|%d|%d|r|" % (i + 1, i, i + 1, i + 1) for i in range(1, 10)] \
        + ["11|10|-1|11|10|c|"]
    assert not [f for f in part.client.hgetall(part.key("run:" + run)) if f[0] in "ot"], "it is over"
    assert part.entries("default") == []
    again = Settle(claim, output=OUT % 9, steps=chain, record=run + "/last")
    assert part.settle(w, s, [again])[0] == ["gone"]


def test_the_last_one_is_handed_on(part):
    run = start(part)
    w, s = worker(part)
    claim = one(part, w, s)
    done = Settle(claim, [("e", 3, "0,2,1")], OUT % 2, steps=steps(run))
    (result,), (after,) = part.settle(w, s, [done], want=1, keep=1)
    part.check([run])
    assert (result, after.id, after.number, after.live) == ("ok", claim.id, "4", "3||1|0|0|q")
    assert after.values == [OUT % 2, OUT % 1]
    assert part.settle(w, s, [done], want=1, keep=1) == (["stale"], []), "it comes again"
    part.check([run])


@pytest.mark.parametrize("wrong", [
    dict(ops=[("t", 7, 0), ("t", 7, 0)]), dict(ops=[("x", 1, 1)]), dict(kind="o"), dict(kind="n"), dict(field="o2|"),
    dict(field="o5|"), dict(ops=[("p", "x", "1,0,,")])])
def test_a_wrong_end_undoes_all_of_it(part, wrong):
    part.load("d1", JOIN)
    run, other, third = start(part, 1), start(part, 2), start(part, 3)
    w, s = worker(part)
    claims = sorted(part.claim(w, s), key=lambda c: c.run)
    before = part.client.hgetall(part.key("run:" + other))
    entries = [dict(), dict(steps=steps(other, 3), **wrong), dict(steps=steps(third))]
    tokens = [Settle(c, **{"output": OUT % 9, **e}) for c, e in zip(claims, entries)]
    assert part.settle(w, s, tokens)[0] == ["ok", "bad", "ok"]
    part.check([run, other, third])
    assert part.client.hgetall(part.key("run:" + other)) == before
    assert not [r for r in part.records() if r[0] != "s" and r[1].startswith(other)]
    assert [p["message_id"] for p in part.pending("default")] == [claims[1].id]
    assert part.settle(w, s, [Settle(claims[1], output=OUT % 0)])[0] == ["ok"]


@pytest.mark.parametrize("node", ["", "o", "c", "-1", "1|", "x"])
def test_a_step_leads_to_a_node(part, node):
    run = start(part)
    w, s = worker(part)
    claim = one(part, w, s)
    assert part.settle(w, s, [Settle(claim, steps=[*steps(run, 1), (node, "", run + "/x")], field="")])[0] == ["bad"]
    part.check([run])
    assert part.head(run)["events"] == 1


@pytest.mark.parametrize("text", ["", "0,", "0,2,1", "0,x", ",1", "1", "0,1", "0,3", "-1,1", "0,-2", "1" * 16])
def test_counts_that_make_no_sense(part, text):
    run = start(part)
    w, s = worker(part)
    done = Settle(one(part, w, s), steps=steps(run))
    flat = done.flat()
    flat[10] = text
    done.flat = lambda: flat
    before = part.dump()
    with pytest.raises(redis.ResponseError, match="ARGS "):
        part.settle(w, s, [done])
    assert part.dump() == before


def test_hidden_tokens_and_continuations_have_no_steps(part):
    run = start(part, fin="0;")
    w, s = worker(part)
    assert part.settle(w, s, [Settle(one(part, w, s), output=OUT % 0)])[0] == ["ok"]
    hidden = one(part, w, s)
    assert hidden.node == "o"
    assert part.settle(w, s, [Settle(hidden, steps=steps(run), kind="x")])[0] == ["bad"]
    assert part.settle(w, s, [Settle(hidden, steps=steps(run), field="")])[0] == ["bad"]
    part.check([run])
    assert part.settle(w, s, [Settle(hidden)])[0] == ["ok"]


def test_a_table_that_is_missing_undoes_it_until_it_is_there(part):
    run = start(part)
    w, s = worker(part)
    done = Settle(one(part, w, s), [("t", 7, 0)], OUT % 2, steps=steps(run))
    assert part.settle(w, s, [done])[0] == ["load"]
    assert part.head(run)["events"] == 1 and part.check([run])
    part.load("d1", JOIN)
    assert part.settle(w, s, [done])[0] == ["ok"]
    part.check([run])
    assert part.head(run)["events"] == 4


def taken_over(part, w, s):
    """Another worker has w's token; returns w's claim and the other's name, session and claim."""
    claim = one(part, w, s)
    other, t = worker(part, "other")
    part.lapse(w)
    mine, = part.reclaim(other, t, w)
    assert mine.generation == 1
    return claim, other, t, mine


def test_who_was_overtaken_may_be_first_and_hands_nothing_on(part):
    run = start(part)
    w, s = worker(part)
    claim, other, t, mine = taken_over(part, w, s)
    done = Settle(claim, [("e", 3, "0,2")], OUT % 2, steps=steps(run))
    results, claims = part.settle(w, s, [done], want=1, keep=1)
    assert results == ["ok"] and [c.id != claim.id for c in claims] == [True], "an entry of its own"
    part.check([run])
    assert part.settle(other, t, [Settle(mine, output=OUT % 0)])[0] == ["stale"]
    part.check([run])


def test_what_the_steps_led_to_is_nobody_elses_and_may_fail(part):
    run = start(part)
    w, s = worker(part)
    claim, other, t, mine = taken_over(part, w, s)
    alone = Settle(claim, failed=True)
    assert part.settle(w, s, [alone])[0] == ["held"], "the token itself is another's"
    assert part.settle(w, s, [Settle(claim, failed=True, steps=steps(run))])[0] == ["ok"]
    assert part.head(run)["status"] == "f"
    part.check([run])
    assert part.settle(other, t, [Settle(mine, output=OUT % 0)])[0] == ["gone"]


def test_who_is_late_settles_no_step(part):
    run = start(part)
    w, s = worker(part)
    claim, other, t, mine = taken_over(part, w, s)
    assert part.settle(other, t, [Settle(mine, [("e", 1, "0,0")], OUT % 0)])[0] == ["ok"]
    before = part.client.hgetall(part.key("run:" + run))
    assert part.settle(w, s, [Settle(claim, steps=steps(run), output=OUT % 2)])[0] == ["stale"]
    assert part.client.hgetall(part.key("run:" + run)) == before
    part.check([run])


def test_two_of_a_run_in_one_call(part):
    part.load("d1", {"7": "a|2|2|default|2,12||"})
    run = begin(part, 1, entries=[("0", "default", "in;"), ("10", "default", "in;")])
    w, s = worker(part)
    a, b = sorted(part.claim(w, s), key=lambda c: int(c.node))
    chain = [(11, OUT % 10, run + "/b0"), (12, OUT % 11, run + "/b1")]
    tokens = [Settle(a, [("t", 7, 0)], OUT % 2, steps=steps(run)), Settle(b, [("t", 7, 1)], OUT % 12, steps=chain)]
    (one_, two), (joined,) = part.settle(w, s, tokens, want=1, keep=1)
    assert (one_, two, joined.node, joined.number) == ("ok", "ok", "7", "7")
    assert joined.values == [OUT % 2, OUT % 12]
    part.check([run])
    assert part.head(run)["events"] == 7


def test_an_older_iteration_leaves_the_younger_ones_output(part):
    run = start(part, scope="|9#1")
    w, s = worker(part)
    key = part.key("run:" + run)
    part.client.hset(key, "o0|", "c#2|1|0|0|22")
    older = [(1, "c#1|1|0|0|1", run + "/0"), (2, "c#1|1|0|0|2", run + "/1")]
    done = Settle(one(part, w, s), [("e", 3, "0,2")], "c#1|1|0|0|3", steps=older, field="o2|")
    assert part.settle(w, s, [done])[0] == ["ok"]
    assert part.client.hmget(key, "o0|", "o1|", "o2|") == ["c#2|1|0|0|22", "c#1|1|0|0|2", "c#1|1|0|0|3"]
    part.check([run])
    assert run == run_id(1)


# --- Steps that do more than lead to the next node ---

FORKED = {  # what a node did, the scope before and after
    "a fork": ([("e", 1, "0,0"), ("e", 5, "1,0")], "", ""),
    "a fork in one queue": ([("e", 1, "0,0"), ("e", 5, "0,0")], "", ""),
    "a dead edge": ([("e", 1, "0,0"), ("d", 7, 0)], "", ""),
    "an arrival": ([("t", 7, 0), ("e", 1, "0,0")], "", ""),
    "a skipped join": ([("d", 8, 0), ("d", 8, 1), ("e", 1, "0,0")], "", ""),
    "into a loop": ([("s", "9#1", ""), ("e", 1, "0,0"), ("s", "", "")], "", "9#1"),
    "out of a loop": ([("s", "", ""), ("e", 1, "0,0")], "9#3", ""),
    "the next iteration": ([("b", 9, "0;0,1;"), ("s", "9#4", ""), ("e", 1, "0,q9.9")], "9#3", "9#4"),
}
TABLE = {**JOIN, "8": "a|2|2|default|3,4||7.1"}


@pytest.mark.parametrize("did, end", [(did, end) for did in FORKED for end in ENDS
                                      if did != "a skipped join" or "arrival" not in end])  # it decides that edge
def test_forks_and_loops_on_the_way(part, did, end):
    ops, before, after = FORKED[did]
    part.load("d1", TABLE)
    scope = "|" + before if before else ""
    together, apart = start(part, 1, scope), start(part, 2, scope)
    w, s = worker(part)
    first, second = sorted(part.claim(w, s), key=lambda c: c.run)
    more = dict(ENDS[end])
    if more.get("ops") == [("t", 7, 0)] or more.get("ops") == [("d", 7, 0)]:
        more["ops"] = [(more["ops"][0][0], 7, 1)]  # the other edge may be decided already
    field = {"field": "o1|"} if "output" in more else {}
    stamp = "#" + before.split("#")[1] if before else ""
    mine = [("1,%d" % len(ops), "c%s|1|0|0|5" % stamp, together + "/0"), *ops]
    assert part.settle(w, s, [Settle(first, steps=mine, record=together + "/end", **more, **field)])[0] == ["ok"]
    results, claims = part.settle(w, s, [Settle(second, ops, "c%s|1|0|0|5" % stamp, record=apart + "/0", field="o0|")],
                                  want=1, keep=1)
    claim, = claims
    assert (results, claim.node, claim.scope) == (["ok"], "1", after)
    if "ops" in more and more["ops"][0][0] == "p":
        more["identity"] = claim.live
    assert part.settle(w, s, [Settle(claim, record=apart + "/end", **more, **field)])[0] == ["ok"]
    part.check([together, apart])
    ours, theirs = state(part, together), state(part, apart)
    if part.head(apart)["status"] != "r":
        theirs = ({f: v for f, v in theirs[0].items() if f[0] not in "oq"}, ours[1], *theirs[2:])
    assert ours == theirs


def forked(run, *ops):
    return [("1,%d" % len(ops), OUT % 0, run + "/0"), *ops]


def finish(part, w, s, run):
    """Settles what is left of it; each node leads nowhere."""
    while True:
        claims = part.claim(w, s)
        if not claims:
            return
        results = part.settle(w, s, [Settle(c) if c.node == "c" else Settle(c, output=OUT % 1) for c in claims])[0]
        assert set(results) == {"ok"}
        part.check([run])


@pytest.mark.parametrize("budget", [1, 2, 3, 4])
def test_what_the_budget_leaves_over_ends_the_stretch(part, budget):
    run = start(part)
    w, s = worker(part)
    ops = [("e", 5, "0,0"), ("e", 6, "0,0"), ("e", 1, "0,0")]
    done = Settle(one(part, w, s), steps=forked(run, *ops), output=OUT % 1, field="o1|")
    assert part.settle(w, s, [done], budget=budget)[0] == ["ok"]
    part.check([run])
    assert part.head(run)["events"] == (2 if budget < 4 else 3), "the last one is settled, or comes again"
    finish(part, w, s, run)
    assert part.head(run)["status"] == "c"
    assert sorted(r[2].split("|")[1] for r in part.records() if r[0] == "x" and "/0" not in r[1]).count("2") <= 1


@pytest.mark.parametrize("scope", ["", "9#2"])
def test_branch_after_branch_and_their_join(part, scope):
    """0 forks to 2 and 5, which join in 7, and to 6, which is left."""
    part.load("d1", {"7": "a|2|2|default|2,5||" + ("|9|" if scope else "")})
    begun = "|" + scope if scope else ""
    together, apart = start(part, 1, begun), start(part, 2, begun)
    w, s = worker(part)
    first, second = sorted(part.claim(w, s), key=lambda c: c.run)
    fork = [("e", 2, "0,0"), ("e", 5, "0,0"), ("e", 6, "0,0")]
    value = "c#2|1|0|0|%d" if scope else OUT
    mine = [("2,3", value % 0, together + "/0"), *fork,
            ("5,1," + scope, value % 2, together + "/2"), ("t", 7, 0),
            ("7,1", value % 5, together + "/5"), ("t", 7, 1)]
    assert part.settle(w, s, [Settle(first, output=value % 7, field="o7|", steps=mine, record=together + "/7")])[0] \
        == ["ok"]
    part.check([together])
    assert part.settle(w, s, [Settle(second, fork, value % 0, field="o0|", record=apart + "/0")])[0] == ["ok"]
    claims = {c.node: c for c in part.claim(w, s) if c.run == apart}
    for node, slot in ((2, 0), (5, 1)):
        done = Settle(claims[str(node)], [("t", 7, slot)], value % node, field="o%d|" % node, record=apart + "/%d" % node)
        assert part.settle(w, s, [done])[0] == ["ok"]
    join, = (c for c in part.claim(w, s) if c.run == apart)
    assert (join.node, join.scope) == ("7", scope)
    assert part.settle(w, s, [Settle(join, output=value % 7, field="o7|", record=apart + "/7")])[0] == ["ok"]
    part.check([together, apart])
    assert state(part, together) == state(part, apart)
    assert part.head(together)["counter"] == 1


@pytest.mark.parametrize("second", ["5,0,9#1", "5,0,x|y", "3,0,", "1,0,", "5,0", "5,,"])
def test_what_no_step_led_to(part, second):
    run = start(part)
    w, s = worker(part)
    ops = [("e", 1, "0,0"), ("e", 5, "0,0")]
    done = Settle(one(part, w, s), steps=[*forked(run, *ops), (second, OUT % 1, run + "/1")], output=OUT % 5, field="o5|")
    before = part.client.hgetall(part.key("run:" + run))
    assert part.settle(w, s, [done])[0] == ["bad"]
    part.check([run])
    assert part.client.hgetall(part.key("run:" + run)) == before and len(part.ledger()) == 1


@pytest.mark.parametrize("ops", [
    [("e", 1, "0,0"), ("t", 7, 0), ("t", 7, 0)], [("e", 1, "0,0"), ("x", "", "")], [("f", "", "")],
    [("p", 0, "2,0,,1")], [("e", 1, "9,0")], [("e", 5, "0,0"), ("e", 6, "0,0")], [("t", 7, 0)],
    [("e", 1, "1,0"), ("e", 5, "0,0")]])  # the last three do not lead to node 1 in that queue
def test_a_wrong_step_undoes_all_of_it(part, ops):
    part.load("d1", JOIN)
    run = start(part)
    w, s = worker(part)
    done = Settle(one(part, w, s), steps=forked(run, *ops), output=OUT % 1, field="o1|")
    before = part.client.hgetall(part.key("run:" + run))
    assert part.settle(w, s, [done])[0] == ["bad"]
    part.check([run])
    assert part.client.hgetall(part.key("run:" + run)) == before and len(part.ledger()) == 1


def test_more_operations_than_there_are(part):
    run = start(part)
    w, s = worker(part)
    done = Settle(one(part, w, s), steps=[("1,2", OUT % 0, run + "/0"), ("e", 1, "0,0")], output=OUT % 1, field="o1|")
    assert part.settle(w, s, [done])[0] == ["bad"]
    part.check([run])


def test_a_table_that_is_missing_on_the_way(part):
    run = start(part)
    w, s = worker(part)
    done = Settle(one(part, w, s), steps=forked(run, ("e", 1, "0,0"), ("d", 7, 0)), output=OUT % 1, field="o1|")
    assert part.settle(w, s, [done])[0] == ["load"]
    part.check([run])
    part.load("d1", JOIN)
    assert part.settle(w, s, [done])[0] == ["ok"]
    part.check([run])


@pytest.mark.parametrize("scope, ops", [("9~1", [("e", 1, "0,0"), ("d", 7, 0)]),
                                        ("", [("s", "9~1", ""), ("e", 1, "0,0")])])
def test_loops_that_overlap_are_not_gone_on_with(part, scope, ops):
    part.load("d1", {**JOIN, "l9": ";;"})
    run = start(part, scope="|" + scope if scope else "")
    w, s = worker(part)
    done = Settle(one(part, w, s), steps=forked(run, *ops), output=OUT % 1, field="o1|9~1")
    assert part.settle(w, s, [done])[0] == ["bad"]
    part.check([run])
    assert part.head(run)["events"] == 1


def test_it_counts_how_often_in_a_row(part):
    run = start(part)
    w, s = worker(part)
    claim, entry = one(part, w, s), None
    for times in range(1, 10):
        entry = entry or claim.id
        ops = [("e", 1, "0,0"), ("e", 2, "1,0")]
        done = Settle(claim, [("e", 3, "0,1")], OUT % 1, steps=forked(run, *ops), field="o1|")
        results, claims = part.settle(w, s, [done], want=1, keep=1, queues=["default", "heavy"])
        part.check([run])
        assert results == ["ok"]
        claim, = claims
        if claim.id != entry:
            break
    assert times == 9, "after eight it goes through the queue"
