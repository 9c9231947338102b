"""fire and what it puts back: parked tokens and deadlines (docs/protocol.md)."""
import pytest

from lua_calls import FAR, Settle, begin, one, part, worker  # noqa: F401

PAST = 1


def park(partition, run, w, s, due=FAR, data="d5", attempt=1, wanted="in;"):
    """Parks the run's only token; returns its claim."""
    claim = one(partition, w, s)
    kind = "w" if data else "x"
    ops = [("p", due, "%d,0,%s,%s" % (attempt, data, wanted))]
    assert partition.settle(w, s, [Settle(claim, ops, identity=claim.live, kind=kind)])[0] == ["ok"]
    partition.check([run])
    return claim


def make_due(partition, timer):
    assert partition.client.zscore(partition.key("timers"), timer) is not None
    partition.client.zadd(partition.key("timers"), {timer: PAST})


def test_a_parked_token_leaves_its_queue_and_fires_once(part):
    run = begin(part)
    w, s = worker(part)
    park(part, run, w, s)
    assert part.tokens(run) == {1: "0||1|0|0|p"}
    assert part.entries("default") == [] and part.claim(w, s) == []
    make_due(part, run + "/1")
    assert part.fire() == (1, None)
    part.check([run])
    assert part.tokens(run) == {1: "0||1|0|0|f"}
    assert part.fire() == (0, None)
    claim = one(part, w, s)
    assert (claim.state, claim.wanted, claim.values) == ("f", "in;p1", ['{"x":1}', "d5,default,in;"])
    assert part.settle(w, s, [Settle(claim)])[0] == ["ok"]
    assert part.head(run)["status"] == "c"
    part.check([run])


def test_nothing_fires_before_its_time(part):
    run = begin(part)
    w, s = worker(part)
    park(part, run, w, s)
    before = part.dump()
    assert part.fire() == (0, FAR)
    assert part.dump() == before


def test_the_next_attempt_after_a_pause(part):
    run = begin(part)
    w, s = worker(part)
    park(part, run, w, s, data="", attempt=2)
    make_due(part, run + "/1")
    assert part.fire() == (1, None)
    assert part.tokens(run) == {1: "0||2|0|0|q"}
    assert part.client.hget(part.key("run:" + run), "p1") is None
    claim = one(part, w, s)
    assert (claim.attempt, claim.wanted) == (2, "in;")
    part.check([run])


def test_who_parks_late_leaves_the_takers_entry(part):
    """The model found it: the whole live field is another one, since a taker has the token; the entry is its."""
    run = begin(part)
    a, sa = worker(part, "a")
    claim = one(part, a, sa)
    part.lapse("a")
    b, sb = worker(part, "b")
    again, = part.reclaim(b, sb, "a")
    before = part.dump()
    late = Settle(claim, [("p", FAR, "2,0,,in;")], identity=claim.live)
    assert part.settle(a, sa, [late])[0] == ["stale"]
    assert part.dump() == before
    assert [p["consumer"] for p in part.pending("default")] == ["b"]
    assert part.settle(b, sb, [Settle(again)])[0] == ["ok"]
    part.check([run])


def test_the_next_attempt_at_once(part):
    run = begin(part)
    w, s = worker(part)
    park(part, run, w, s, due=0, data="", attempt=2)
    assert part.client.zcard(part.key("timers")) == 0
    assert one(part, w, s).attempt == 2


@pytest.mark.parametrize("state", ["queued", "held", "fired"])
def test_a_timer_of_a_token_that_is_not_parked_does_nothing(part, state):
    run = begin(part)
    w, s = worker(part)
    if state == "held":
        one(part, w, s)
    elif state == "fired":
        park(part, run, w, s)
        make_due(part, run + "/1")
        part.fire()
    # Parked once: what it was parked with may still stand there.
    part.client.hset(part.key("run:" + run), "p1", "d5,default,in;")
    live = part.tokens(run)
    part.client.zadd(part.key("timers"), {run + "/1": PAST})
    assert part.fire() == (0, None)
    assert part.tokens(run) == live
    part.check([run])


def test_timers_of_runs_that_are_over_are_dropped(part):
    run = begin(part)
    w, s = worker(part)
    park(part, run, w, s)
    part.cancel(run)
    make_due(part, run + "/1")
    live = part.tokens(run)
    assert part.fire() == (0, None)
    assert part.tokens(run) == live and part.entries("default") == []


def test_fire_ends_at_its_most(part):
    runs = [begin(part, n) for n in range(1, 4)]
    w, s = worker(part)
    for claim in part.claim(w, s):
        ops = [("p", FAR, "1,0,d5,in;")]
        part.settle(w, s, [Settle(claim, ops, identity=claim.live, kind="w")])
    for run in runs:
        make_due(part, run + "/1")
    assert part.fire(most=2) == (2, PAST)
    part.check(runs)
    assert part.fire(most=2) == (1, None)
    part.check(runs)


def test_a_deadline_fails_the_run_once(part):
    run = begin(part, deadline=PAST)
    assert part.fire() == (1, None)
    assert part.head(run) == {"status": "f", "incarnation": 1, "counter": 0, "open": 0, "last": 1, "events": 2}
    kind, callers, scripts = part.records()[-1]
    assert (kind, scripts) == ("k", "2|-1|f")
    assert callers.endswith("8:deadline0:0:")
    part.check([run])
    w, s = worker(part)
    assert part.claim(w, s) == []


def test_the_deadline_of_a_run_that_is_over_does_nothing(part):
    run = begin(part, deadline=PAST)
    part.cancel(run)
    records, head = part.records(), part.head(run)
    assert part.fire() == (0, None)
    assert (part.records(), part.head(run)) == (records, head)


def test_a_deadline_goes_before_the_timers_of_its_run(part):
    run = begin(part, deadline=FAR)
    w, s = worker(part)
    park(part, run, w, s)
    make_due(part, run + "/1")
    make_due(part, run + "/d")
    assert part.fire() == (1, None)
    assert part.head(run)["status"] == "f" and part.entries("default") == []
    part.check([run])


def test_timers_are_forgotten_with_their_run(part):
    runs = [begin(part, n, deadline=FAR) for n in (1, 2)]
    w, s = worker(part)
    for claim in part.claim(w, s):
        ops = [("p", FAR, "1,0,d5,in;")]
        part.settle(w, s, [Settle(claim, ops, identity=claim.live, kind="w")])
    part.cancel(runs[0])
    assert part.forget(*runs) == 1
    assert sorted(part.client.zrange(part.key("timers"), 0, -1)) == [runs[1] + "/1", runs[1] + "/d"]
