"""settle with `keep`: successors that stay with their worker, on the entry of the one before."""
import pytest

from lua_calls import Settle, begin, one, part, worker  # noqa: F401

OUT = "c|1|0|0|7"
TIMES = 8  # in a row


def step(part, w, s, claim, node, **more):
    """Settles a node of a chain and keeps the next one; returns its claim."""
    results, claims = part.settle(w, s, [Settle(claim, [("e", node, "0,%d;in" % (node - 1))], OUT)], want=1, keep=1, **more)
    assert results == ["ok"]
    return claims[0] if claims else None


def held(part, consumer=None):
    return [p["message_id"] for p in part.pending("default", consumer)]


def test_a_successor_stays_and_its_entry_with_it(part):
    run = begin(part)
    w, s = worker(part)
    first = one(part, w, s)
    claim = step(part, w, s, first, 1)
    part.check([run])
    assert (claim.id, claim.queue, claim.number, claim.live) == (first.id, "0", "2", "1||1|0|0|q")
    assert (claim.names, claim.values) == (["0", "in"], [OUT, '{"x":1}'])
    assert (claim.incarnation, claim.digest) == (first.incarnation, first.digest)
    assert [e[0] for e in part.entries("default")] == [first.id] == held(part)
    results, claims = part.settle(w, s, [Settle(claim, output=OUT)], want=1, keep=1)
    assert (results, claims) == (["ok"], [])
    part.check([run])
    assert part.head(run)["status"] == "c" and part.entries("default") == []


def test_after_so_many_times_it_goes_through_the_queue(part):
    run = begin(part)
    w, s = worker(part)
    first = claim = one(part, w, s)
    for node in range(1, TIMES + 1):
        claim = step(part, w, s, claim, node)
        part.check([run])
        assert claim.id == first.id
    other = begin(part, 2)
    claim = step(part, w, s, claim, TIMES + 1)
    assert claim.run == other, "who waits comes first"
    part.check([run, other])
    claim = one(part, w, s)
    assert claim.run == run and claim.id != first.id
    assert not [f for f in part.client.hgetall(part.key("run:" + run)) if f.startswith("e")]
    assert step(part, w, s, claim, TIMES + 2).id == claim.id, "and then it counts anew"


def test_a_lost_reply_leaves_the_entry_to_the_successor(part):
    run = begin(part)
    w, s = worker(part)
    first = one(part, w, s)
    done = Settle(first, [("e", 1, "0,0;in")], OUT)
    assert part.settle(w, s, [done], want=1, keep=1)[0] == ["ok"]
    s, _, claims = part.hello(w)
    assert [(c.id, c.number, c.names, c.values) for c in claims] == [(first.id, "2", ["0", "in"], [OUT, '{"x":1}'])]
    assert part.settle(w, s, [done], want=1, keep=1) == (["stale"], [])
    part.check([run])
    assert held(part) == [first.id]
    # The bell's entry may be adopted late: it is the successor's.
    _, claims = part.settle(w, s, adopt=[(0, first.id)], want=1)
    assert [c.number for c in claims] == ["2"]
    assert part.settle(w, s, [Settle(claims[0], output=OUT)])[0] == ["ok"]
    assert part.settle(w, s, [done])[0] == ["gone"]
    part.check([run])
    assert part.entries("default") == []


def test_another_worker_takes_the_successor_over(part):
    run = begin(part)
    w, s = worker(part)
    first = one(part, w, s)
    claim = step(part, w, s, first, 1)
    other, t = worker(part, "other")
    part.lapse(w)
    (taken,) = part.reclaim(other, t, w)
    part.check([run])
    assert (taken.id, taken.number, taken.generation, taken.values) == (first.id, "2", 1, [OUT, '{"x":1}'])
    assert held(part, other) == [first.id]
    # Its failure does not count any more, its success does; but the entry is the other's now.
    assert part.settle(w, s, [Settle(claim, failed=True)])[0] == ["held"]
    results, claims = part.settle(w, s, [Settle(claim, [("e", 2, "0,1;in")], OUT)], want=1, keep=1)
    part.check([run])
    assert results == ["ok"] and claims[0].number == "3" and claims[0].id != first.id
    assert held(part, w) == [claims[0].id] and held(part, other) == []
    assert part.settle(other, t, [Settle(taken, [("e", 2, "0,1;in")], OUT)])[0] == ["stale"]
    part.check([run])


def test_only_as_many_as_asked_for(part):
    runs = [begin(part, n) for n in range(1, 5)]
    w, s = worker(part)
    claims = part.claim(w, s)
    tokens = [Settle(c, [("e", 1, "0,0;")], OUT) for c in claims]
    results, kept = part.settle(w, s, tokens, want=3, keep=2)
    part.check(runs)
    assert results == ["ok"] * 4
    assert [c.id for c in kept[:2]] == [c.id for c in claims[:2]], "two stay"
    assert len(kept) == 3 and kept[2].id not in [c.id for c in claims], "and one comes from the queue"
    assert len(part.entries("default")) == 4


@pytest.mark.parametrize("text", ["1,2", "x", "1,", ",1", "1,1,1", ""])
def test_a_wrong_want_is_refused(part, text):
    w, s = worker(part)
    if text == "1,":
        assert part.call("settle", w, s, 512, text, *part.named_queues(), 0, 0) == [[], []]
        return
    with pytest.raises(Exception, match="ARGS want"):
        part.call("settle", w, s, 512, text, *part.named_queues(), 0, 0)


def test_one_of_several_stays_and_it_is_of_the_same_queue(part):
    run = begin(part)
    w, s = worker(part)
    first = one(part, w, s)
    results, claims = part.settle(w, s, [Settle(first, [("e", 1, "1,0;"), ("e", 2, "0,0;"), ("e", 3, "0,0;")], OUT)],
                                  want=1, keep=1)
    part.check([run])
    assert results == ["ok"] and [(c.node, c.id) for c in claims] == [("2", first.id)]
    assert len(part.entries("heavy")) == 1 and len(part.entries("default")) == 2


def test_a_join_that_fires_and_the_output_stay(part):
    part.load("d1", {"2": "a|2|2|default|0,1||"})
    run = begin(part, entries=[(0, "default", "in;"), (1, "default", "in;")], fin="2;")
    w, s = worker(part)
    claims = part.claim(w, s)
    results, kept = part.settle(w, s, [Settle(c, [("t", 2, i)], OUT) for i, c in enumerate(claims)], want=4, keep=4)
    part.check([run])
    assert results == ["ok", "ok"]
    (join,) = kept
    assert (join.node, join.id, join.names, join.values) == ("2", claims[1].id, ["0", "1"], [OUT, OUT])
    results, (last,) = part.settle(w, s, [Settle(join, output=OUT)], want=4, keep=4)
    part.check([run])
    assert (last.node, last.id, last.values) == ("o", claims[1].id, [OUT])
    assert part.settle(w, s, [Settle(last)], want=4, keep=4) == (["ok"], [])
    part.check([run])
    assert part.head(run)["status"] == "c" and part.entries("default") == []


def test_a_run_that_fails_in_the_same_call_keeps_nothing(part):
    run = begin(part, entries=[(0, "default", "in;"), (1, "default", "in;")])
    w, s = worker(part)
    claims = part.claim(w, s)
    results, kept = part.settle(w, s, [Settle(claims[0], [("e", 2, "0,0;")], OUT), Settle(claims[1], failed=True)],
                                want=4, keep=4)
    part.check([run])
    assert (results, kept) == (["ok", "ok"], [])
    assert part.head(run)["status"] == "f" and part.entries("default") == []


def test_what_waits_for_its_time_leaves_its_entry(part):
    run = begin(part)
    w, s = worker(part)
    claim = step(part, w, s, one(part, w, s), 1)
    due = str(part.client.time()[0] * 1000 + 3600000)
    parks = Settle(claim, [("p", due, "2,0,,0;")], identity=claim.live)
    assert part.settle(w, s, [parks], want=1, keep=1) == (["ok"], [])
    part.check([run])
    assert part.entries("default") == []
    assert not [f for f in part.client.hgetall(part.key("run:" + run)) if f.startswith("e")]


def test_too_much_for_one_reply_goes_through_the_queue(part):
    part.limit = 1 << 24
    runs = [begin(part, n) for n in range(1, 5)]
    w, s = worker(part)
    claims = part.claim(w, s)
    big = "c|1|0|0|" + '"' + "x" * 600000 + '"'
    results, kept = part.settle(w, s, [Settle(c, [("e", 1, "0,0;")], big) for c in claims], want=4, keep=4)
    part.check(runs)
    assert results == ["ok"] * 4
    assert [c.id for c in kept] == [c.id for c in claims[:2]], "what reaches the bound is the last"
    assert len(part.entries("default")) == 4 and len(held(part)) == 2


def test_values_are_those_behind_the_call(part):
    """Another token of the call may have changed what the kept one wants."""
    run = begin(part, entries=[(0, "default", "in;"), (1, "default", "in;")])
    w, s = worker(part)
    claims = part.claim(w, s)
    _, (kept,) = part.settle(w, s, [Settle(claims[0], [("e", 2, "0,0;1,in,rn")], OUT), Settle(claims[1], output="c|1|0|0|8")],
                             want=4, keep=4)
    part.check([run])
    assert (kept.names, kept.values) == (["0", "1", "in", "rn"], [OUT, "c|1|0|0|8", '{"x":1}', '{"id":1}'])


def test_entries_of_two_queues_may_have_one_id(part):
    """What one call adds to several streams in one millisecond has the same id in each of them."""
    w, s = worker(part)
    for n in range(1, 1000):
        run = begin(part, n)
        first = one(part, w, s)
        before = int(first.id.split("-")[0])
        while part.client.time()[0] * 1000 + part.client.time()[1] // 1000 <= before:
            pass  # an id of a later millisecond, in both
        assert part.settle(w, s, [Settle(first, [("e", 1, "0,0;"), ("e", 2, "1,0;")], OUT)])[0] == ["ok"]
        light, heavy = part.claim(w, s)
        if light.id == heavy.id:
            break
        assert part.settle(w, s, [Settle(light), Settle(heavy)])[0] == ["ok", "ok"]  # the clock went on between them
    assert light.id == heavy.id and light.node == "1"
    results, (kept,) = part.settle(w, s, [Settle(light, [("e", 3, "0,1;")], OUT)], want=1, keep=1)
    part.check([run])
    assert results == ["ok"] and kept.id == light.id
    assert part.settle(w, s, [Settle(heavy)])[0] == ["ok"]
    part.check([run])
    _, _, claims = part.hello(w)
    assert [(c.node, c.id) for c in claims] == [("3", light.id)]
