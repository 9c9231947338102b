"""settle: joins, dead cascades, continuations."""
import itertools

import pytest

from lua_calls import Settle, begin, one, part, worker  # noqa: F401


# --- joins ---


def joined(part, mode, need, arity=3, queue="heavy", dead=""):
    """A run of `arity` entry nodes that all lead to one join; returns its claims."""
    part.load("d1", {arity: "%s|%d|%d|%s|%s|in,rn|%s" % (
        mode, arity, need, queue, ",".join(map(str, range(arity))), dead)})
    run = begin(part, entries=[(i, "default", "in;") for i in range(arity)])
    w, s = worker(part)
    return run, w, s, part.claim(w, s)


def decide(part, w, s, claim, taken, arity=3):
    slot = int(claim.node)
    results, claims = part.settle(
        w, s, [Settle(claim, [("t" if taken else "d", arity, slot)], "out%d" % slot)], want=5)
    assert results == ["ok"]
    part.check([claim.run])
    return claims


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
@pytest.mark.parametrize("taken", list(itertools.product([True, False], repeat=3)))
def test_an_all_join_fires_when_every_edge_is_decided(part, order, taken):
    run, w, s, claims = joined(part, "a", 3)
    for i, at in enumerate(order):
        fired = decide(part, w, s, claims[at], taken[at])
        if i < 2:
            assert fired == []
    if any(taken):
        (claim,) = fired
        live = [i for i in range(3) if taken[i]]
        assert (claim.node, claim.state, claim.queue) == ("3", "q", "1")
        assert claim.names == [str(i) for i in live] + ["in", "rn"]
        assert claim.values == ["out%d" % i for i in live] + ['{"x":1}', '{"id":1}']
        marks = "".join("t" if t else "d" for t in taken)
        assert part.records()[-1][2].endswith("|F3,,4,%s" % marks)
    else:
        assert fired == [] and part.head(run)["status"] == "c"
        assert part.records()[-1][2].endswith("|c|S3,")
    assert part.head(run)["open"] == 0


@pytest.mark.parametrize("need", [1, 2, 3])
@pytest.mark.parametrize("taken", list(itertools.product([True, False], repeat=3)))
def test_any_and_count_fire_once_at_the_deciding_arrival(part, need, taken):
    run, w, s, claims = joined(part, "k", need)
    fired_at = []
    for i, claim in enumerate(claims):
        for got in decide(part, w, s, claim, taken[i]):
            fired_at.append((i, got.state, got.wanted))
    live = [i for i in range(3) if taken[i]]
    if len(live) >= need:
        last = live[need - 1]
        assert fired_at == [(last, "q", ",".join(map(str, live[:need])) + ";in,rn")]
    elif live:
        assert fired_at == [(2, "u", ";in,rn")]
    else:
        assert fired_at == []
        assert part.head(run)["status"] == "c"
    assert part.head(run)["open"] == 0


def test_a_skipped_join_decides_what_hangs_on_it(part):
    # 2 joins 0 and 1; 4 joins 2 and 3 (entry); 5 joins 2 (through one of its edges) and 4
    part.load("d1", {2: "a|2|2|default|0,1||4.0,5.0", 4: "a|2|2|default|2,3||5.1",
                     5: "a|2|2|default|2,4||"})
    run = begin(part, entries=[(0, "default", "in;"), (1, "default", "in;"), (3, "default", "in;")])
    w, s = worker(part)
    a, b, c = part.claim(w, s)
    assert part.settle(w, s, [Settle(a, [("d", 2, 0)]), Settle(b, [("d", 2, 1)])])[0] == ["ok", "ok"]
    assert part.records()[-1][2].endswith("|r|S2,")
    fields = part.client.hgetall(part.key("run:" + run))
    assert (fields["j4|"], fields["j5|"]) == ("1|0|d.", "1|0|d.")
    part.check([run])
    assert part.settle(w, s, [Settle(c, [("d", 4, 1)])])[0] == ["ok"]
    assert part.records()[-1][2] == "4|3|-1|4|3|c|S4,;S5,"
    part.check([run])


def test_joins_of_different_scopes_are_different(part):
    part.load("d1", {2: "a|2|2|default|0,1||"})
    run = begin(part)
    w, s = worker(part)
    ops = [("s", "m:1", ""), ("t", 2, 0), ("s", "m:2", ""), ("t", 2, 0), ("t", 2, 1), ("s", "m:1", ""), ("d", 2, 1)]
    assert part.settle(w, s, [Settle(one(part, w, s), ops, "v")])[0] == ["ok"]
    assert part.records()[-1][2].endswith("|F2,m:2,2,tt;F2,m:1,3,td")
    part.check([run])


def test_a_join_table_that_is_missing_is_asked_for(part):
    run = begin(part, entries=[(0, "default", "in;"), (1, "default", "in;")])
    w, s = worker(part)
    a, b = part.claim(w, s)
    tokens = [Settle(a, [("e", 5, "0,0;"), ("t", 2, 0)], "v"), Settle(b, [("e", 6, "0,1;")], "v")]
    assert part.settle(w, s, tokens)[0] == ["load", "ok"]
    part.check([run])
    part.load("d1", {2: "a|2|2|default|0,1||"})
    assert part.settle(w, s, [tokens[0]])[0] == ["ok"]
    part.check([run])


def test_wide_joins(part):
    arity = 9000
    names = ",".join(map(str, range(arity)))
    part.load("d1", {arity: "a|%d|%d|default|%s||" % (arity, arity, names)})
    run = begin(part)
    w, s = worker(part)
    ops = [("t", arity, i) for i in range(arity)]
    results, claims = part.settle(w, s, [Settle(one(part, w, s), ops, "v")], want=1, budget=20000)
    assert results == ["ok"]
    assert claims[0].names == names.split(",") and claims[0].values == ["v"] + [None] * (arity - 1)
    part.check([run])


# --- continuations ---


@pytest.mark.parametrize("budget", [1, 2, 3, 7])
def test_a_large_fan_out_goes_on_in_continuations(part, budget):
    run = begin(part)
    w, s = worker(part)
    ops = [("e", i, "%d,0;in" % (i % 2)) for i in range(1, 11)]
    results, claims = part.settle(w, s, [Settle(one(part, w, s), ops, "v")], want=100, budget=budget)
    assert results == ["ok"]
    part.check([run])
    # Another worker, whose first queue is another, goes on.
    seen, calls = [c for c in claims if c.node != "c"], 0
    going_on = [c for c in claims if c.node == "c"]
    while going_on:
        assert len(going_on) == 1 and going_on[0].names == []
        calls += 1
        queues = part.queues[::-1] if calls % 2 else part.queues
        token = Settle(going_on[0], queue=str(queues.index(part.queues[int(going_on[0].queue)])))
        results, claims = part.settle(w, s, [token], want=100, budget=budget, queues=queues)
        for claim in claims:
            claim.queue = str(part.queues.index(queues[int(claim.queue)]))
        assert results == ["ok"]
        part.check([run])
        seen += [c for c in claims if c.node != "c"]
        going_on = [c for c in claims if c.node == "c"]
    assert calls == -(-10 // budget) - 1
    assert sorted(int(c.node) for c in seen) == list(range(1, 11))
    assert all(int(c.queue) == int(c.node) % 2 and c.wanted == "0;in" for c in seen)
    assert [r[0] for r in part.records()[2:]] == ["n"] * calls
    assert part.settle(w, s, [Settle(c) for c in seen])[0] == ["ok"] * 10
    assert part.head(run)["status"] == "c"
    part.check([run])


def test_a_continuation_settled_twice_counts_once(part):
    run = begin(part)
    w, s = worker(part)
    _, claims = part.settle(w, s, [Settle(one(part, w, s), [("e", i, "0,0;") for i in range(1, 4)], "v")],
                            want=9, budget=2)
    more = Settle([c for c in claims if c.node == "c"][0])
    assert part.settle(w, s, [more, more])[0] == ["ok", "stale"]
    assert part.settle(w, s, [more])[0] == ["stale"]
    part.check([run])
    assert len(part.tokens(run)) == 3


def test_a_continuation_takes_no_plan(part):
    run = begin(part)
    w, s = worker(part)
    _, (claim, more) = part.settle(w, s, [Settle(one(part, w, s), [("e", 1, "0,0;"), ("e", 2, "0,0;")], "v")],
                                   want=9, budget=1)
    assert part.settle(w, s, [Settle(more, [("e", 7, "0,0;")])])[0] == ["bad"]
    assert part.settle(w, s, [Settle(more, output="v")])[0] == ["bad"]
    assert part.settle(w, s, [Settle(more, failed=True)])[0] == ["bad"]
    assert part.settle(w, s, [Settle(more), Settle(claim)])[0] == ["ok", "ok"]
    part.check([run])


def test_the_budget_counts_cascades(part):
    rows = {i: "a|2|2|default|0,1||%d.0,%d.1" % (i + 1, i + 1) for i in range(2, 40)}
    rows[40] = "a|2|2|default|0,1||"
    part.load("d1", rows)
    run = begin(part)
    w, s = worker(part)
    results, claims = part.settle(w, s, [Settle(one(part, w, s), [("d", 2, 0), ("d", 2, 1)], "v")],
                                  want=9, budget=10)
    calls = 1
    while part.head(run)["status"] == "r":
        (more,) = claims
        part.check([run])
        _, claims = part.settle(w, s, [Settle(more)], want=9, budget=10)
        calls += 1
    assert calls == -(-78 // 10)
    assert part.head(run)["status"] == "c"
    part.check([run])


def test_a_failed_token_gives_its_budget_back(part):
    run = begin(part, entries=[(0, "default", "in;"), (1, "default", "in;")])
    w, s = worker(part)
    a, b = part.claim(w, s)
    tokens = [Settle(a, [("e", 2, "0,0;"), ("t", 9, 0)], "v"), Settle(b, [("e", 3, "0,1;"), ("e", 4, "0,1;")], "v")]
    assert part.settle(w, s, tokens, budget=2)[0] == ["load", "ok"]
    assert sorted(v.split("|")[0] for v in part.tokens(run).values()) == ["0", "3", "4"]
    part.check([run])
