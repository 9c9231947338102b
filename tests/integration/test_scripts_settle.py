"""settle: results, rollback, what a call refuses."""
import pytest
import redis

from lua_calls import Settle, begin, one, part, run_id, worker  # noqa: F401


def test_a_chain_to_its_end(part):
    run = begin(part)
    w, s = worker(part)
    claim = one(part, w, s)
    assert (claim.names, claim.values, claim.queue) == (["in"], ['{"x":1}'], "0")
    results, claims = part.settle(w, s, [Settle(claim, [("e", 1, "1,0;in")], "c|1|0|0|7")], want=1)
    assert results == ["ok"]
    part.check([run])
    (claim,) = claims
    assert (claim.queue, claim.names, claim.values) == ("1", ["0", "in"], ["c|1|0|0|7", '{"x":1}'])
    results, claims = part.settle(w, s, [Settle(claim, output="c|1|0|0|8")], want=1)
    assert (results, claims) == (["ok"], [])
    part.check([run])
    assert part.head(run) == {"status": "c", "incarnation": 1, "counter": 0, "open": 0, "last": 2, "events": 3}
    assert [(k, c) for _, c, k in part.records()[1:]] == [("2|1|0|2|2|r|", run + "/1"), ("3|2|-1|3|2|c|", run + "/2")]
    assert part.entries("default") == part.entries("heavy") == []


def test_an_end_is_published(part):
    listener = part.client.pubsub()
    listener.subscribe("troupe:completion_events")
    assert listener.get_message(timeout=5)["type"] == "subscribe"
    run = begin(part)
    w, s = worker(part)
    part.settle(w, s, [Settle(one(part, w, s))])
    assert listener.get_message(timeout=5)["data"] == run
    other = begin(part, 2)
    part.cancel(other)
    assert listener.get_message(timeout=5)["data"] == other
    listener.close()


@pytest.mark.parametrize("rules", [["-publish"], ["resetchannels"]])
def test_an_end_that_may_not_be_published_is_an_end(part, redis_server, rules):
    """The hint comes behind the writes: without the right to give it everything else stands."""
    admin, part.client = part.client, redis_server.client(username="mute", password="m")
    admin.acl_setuser("mute", enabled=True, passwords=["+m"], keys=["*"], channels=["*"], commands=["+@all"])
    admin.execute_command("ACL", "SETUSER", "mute", *rules)
    try:
        with pytest.raises(redis.exceptions.NoPermissionError):
            part.client.publish("troupe:completion_events", "x")
        run, other, third = begin(part), begin(part, 2), begin(part, 3)
        w, s = worker(part)
        results, claims = part.settle(w, s, [Settle(one(part, w, s))], want=1)
        assert results == ["ok"] and part.head(run)["status"] == "c"
        assert [c.run for c in claims] == [other]
        assert part.settle(w, s, [Settle(claims[0], failed=True)])[0] == ["ok"]
        assert part.cancel(third) == "cancelled"
        part.check([run, other, third])
    finally:
        part.client.close()
        part.client = admin
        admin.acl_deluser("mute")


def test_a_token_is_settled_once(part):
    run = begin(part)
    w, s = worker(part)
    token = Settle(one(part, w, s), [("e", 1, "0,0;")], "o")
    assert part.settle(w, s, [token, token])[0] == ["ok", "stale"]
    before = part.dump()
    assert part.settle(w, s, [token])[0] == ["stale"]
    assert part.dump() == before
    part.check([run])


def test_tokens_of_ended_and_unknown_runs_are_gone_and_leave_the_queue(part):
    run, other = begin(part), begin(part, 2)
    w, s = worker(part)
    first, second = part.claim(w, s)
    part.cancel(run)
    ledger = len(part.ledger())
    assert part.settle(w, s, [Settle(first)])[0] == ["gone"]
    part.client.delete(part.key("run:" + other))
    assert part.settle(w, s, [Settle(second)])[0] == ["gone"]
    assert part.entries("default") == [] and part.pending("default") == []
    assert len(part.ledger()) == ledger


def test_an_other_incarnation_is_stale(part):
    run = begin(part, incarnation=2)
    w, s = worker(part)
    claim = one(part, w, s)
    assert part.settle(w, s, [Settle(claim, incarnation="1")])[0] == ["stale"]
    assert part.head(run)["counter"] == 1


def test_a_failure_ends_the_run_at_once(part):
    run = begin(part, entries=[(i, "default", "in;") for i in range(5)])
    w, s = worker(part)
    claims = part.claim(w, s)
    tokens = [Settle(claims[0], [("e", 7, "0,0;")], "o"), Settle(claims[1], failed=True), Settle(claims[2])]
    assert part.settle(w, s, tokens)[0] == ["ok", "ok", "gone"]
    assert part.head(run) == {"status": "f", "incarnation": 1, "counter": 0, "open": 0, "last": 6, "events": 3}
    assert part.records()[-1][2] == "3|2|-5|7|6|f|"
    part.check([run])
    # What it had emitted in the same call never was to be executed; the rest is dropped when claimed.
    assert "6" not in [fields["n"] for _, fields in part.entries("default")]
    assert part.claim(w, s) == []
    assert part.settle(w, s, [Settle(claims[3]), Settle(claims[4], failed=True)])[0] == ["gone", "gone"]
    assert part.entries("default") == []


def test_a_lapsed_holders_success_counts_and_its_failure_does_not(part):
    run, other = begin(part), begin(part, 2)
    a, sa = worker(part, "a")
    first, second = part.claim(a, sa)
    b, sb = worker(part, "b")
    part.lapse("a")
    again = part.reclaim(b, sb, "a")
    assert [c.generation for c in again] == [1, 1]
    before = part.dump()
    assert part.settle(a, sa, [Settle(first, failed=True)])[0] == ["held"]
    assert part.dump() == before
    assert part.settle(a, sa, [Settle(second, output="o")])[0] == ["ok"]
    assert part.settle(b, sb, [Settle(again[1], failed=True)])[0] == ["gone"]
    assert part.settle(b, sb, [Settle(again[0], failed=True)])[0] == ["ok"]
    assert (part.head(run)["status"], part.head(other)["status"]) == ("f", "c")
    part.check([run, other])


def test_held_is_never_acknowledged(part):
    begin(part)
    a, sa = worker(part, "a")
    claim = one(part, a, sa)
    part.lapse("a")
    b, sb = worker(part, "b")
    part.reclaim(b, sb, "a")
    part.settle(a, sa, [Settle(claim, failed=True)])
    assert [p["consumer"] for p in part.pending("default")] == ["b"]
    part.check([run_id()])


BAD = {
    "unknown operation": dict(ops=[("z", 1, "0,0;")]),
    "queue of no index": dict(ops=[("e", 1, "9,0;")]),
    "queue without wanted": dict(ops=[("e", 1, "0")]),
    "emitted node": dict(ops=[("e", "o", "0,0;")]),
    "arriving node": dict(ops=[("t", "x", 0)]),
    "slot": dict(ops=[("t", 2, -1)]),
    "slot beyond the join": dict(ops=[("t", 2, 3)]),
    "node without a row": dict(ops=[("t", 5, 0)]),
    "edge decided twice": dict(ops=[("t", 2, 0), ("t", 2, 0)]),
    "edge decided twice, other way": dict(ops=[("t", 2, 0), ("d", 2, 0)]),
    "failure beside others": dict(ops=[("e", 1, "0,0;"), ("f", "", "")]),
    "failure without generation": dict(ops=[("f", "", "")]),
    "scope": dict(ops=[("s", "a|b", ""), ("e", 1, "0,0;")]),
    "late bad one": dict(ops=[("e", 1, "0,0;"), ("t", 2, 0), ("s", "m:1", ""), ("q", 1, 1)]),
    "identity without attempt": dict(identity="0||"),
    "empty identity": dict(identity=""),
    "identity with more": dict(identity="0||1|0|0|"),
    "token's queue": dict(queue="7"),
    "entry id": dict(id="x"),
    "entry id too long": dict(id="1-" + "9" * 20),
    "output of another node": dict(ops=[], field="o9|", value="v"),
    "output over the head": dict(ops=[], field="h", value="v"),
    "record kind": dict(kind="s"),
    "record kind of continuations": dict(kind="n"),
}


@pytest.mark.parametrize("case", sorted(BAD))
def test_a_bad_token_is_rolled_back_alone(part, case):
    part.load("d1", {2: "a|3|3|default|0,1,4||"})
    run = begin(part, entries=[(0, "default", "in;"), (1, "default", "in;"), (4, "default", "in;")])
    w, s = worker(part)
    claims = part.claim(w, s)
    change = dict(BAD[case])
    ops = change.pop("ops", [("e", 3, "0,0;")])
    bad = Settle(claims[0], ops, "v", **change)
    good = [Settle(claims[1], [("t", 2, 1)], "v"), Settle(claims[2], [("e", 5, "0,4;")], "v")]
    assert part.settle(w, s, [good[0], bad, good[1]])[0] == ["ok", "bad", "ok"]
    assert part.tokens(run) == {1: "0||1|0|0|q", 4: "5||1|0|0|q"}
    assert part.head(run)["open"] == 1
    part.check([run])
    fields = part.client.hgetall(part.key("run:" + run))
    assert fields["j2|"] == "1|1|.t." and "o0|" not in fields
    assert len(part.pending("default")) == 1
    assert part.settle(w, s, [Settle(claims[0], [("t", 2, 0)], "v")])[0] == ["ok"]
    part.check([run])


def test_the_batch_is_refused_as_a_whole_when_its_form_is_wrong(part):
    begin(part)
    w, s = worker(part)
    good = Settle(one(part, w, s)).flat()
    before = part.dump()
    queues = part.named_queues()
    for args in ([w, s, 512, 0, *queues, 0, 2, *good], [w, s, 0, 0, *queues, 0, 1, *good],
                 [w, s, 512, 0, 0, 0, 0], [w, s, 512, -1, *queues, 0, 0],
                 [w, s, 512, 0, 1, "a b", 0, 0], [w, s, 512, 0, *queues, 1, "0", "x", 0],
                 [w, s, 512, 0, *queues, 1, "5", "1-1", 0], [w, s, 512, 0, *queues, 0, 1, *good, "more"]):
        with pytest.raises(redis.ResponseError, match="ARGS"):
            part.raw("settle", "1", *args)
    assert part.dump() == before


@pytest.mark.parametrize("key", ["run:" + run_id(), "q:default", "ledger", "workers", "meta", "g:d1"])
def test_a_key_of_the_wrong_type_fails_before_anything_is_written(part, key):
    part.load("d1", {2: "a|2|2|default|0,1||"})
    begin(part)
    w, s = worker(part)
    claim = one(part, w, s)
    part.client.delete(part.key(key))
    part.client.set(part.key(key), "x")
    before = part.dump()
    with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
        part.settle(w, s, [Settle(claim, [("e", 1, "0,0;"), ("t", 2, 0)], "v")], want=3)
    assert part.dump() == before


def test_a_ledger_that_somebody_else_wrote_to_fails_before_anything_is_written(part):
    begin(part)
    w, s = worker(part)
    claim = one(part, w, s)
    part.client.xadd(part.key("ledger"), {"t": "1", "b": ""}, id="1-50")
    before = part.dump()
    with pytest.raises(redis.ResponseError, match="ID specified in XADD"):
        part.settle(w, s, [Settle(claim, [("e", 1, "0,0;")], "v")])
    assert part.dump() == before


def test_a_queue_that_takes_no_more_entries_fails_before_anything_is_written(part):
    begin(part)
    w, s = worker(part)
    claim = one(part, w, s)
    part.client.xadd(part.key("q:heavy"), {"x": "y"}, id="18446744073709551615-18446744073709551615")
    before = part.dump()
    with pytest.raises(redis.ResponseError, match="EXHAUSTED"):
        part.settle(w, s, [Settle(claim, [("e", 1, "1,0;")], "v")])
    with pytest.raises(redis.ResponseError, match="EXHAUSTED"):
        begin(part, 2, entries=[(0, "heavy", "in;")])
    assert part.dump() == before


def test_a_missing_group_is_made_and_no_token_is_passed_over(part):
    run = begin(part, entries=[(0, "default", "in;"), (1, "heavy", "in;")])
    w, s = worker(part)
    claims = part.claim(w, s)
    part.client.delete(part.key("q:default"))
    part.client.xgroup_destroy(part.key("q:heavy"), "fleet")
    ops = [[("e", 2, "0,0;")], [("e", 3, "1,1;")]]
    results, more = part.settle(w, s, [Settle(c, o, "v") for c, o in zip(claims, ops)], want=5)
    assert results == ["ok", "ok"]
    assert sorted(c.node for c in more) == ["2", "3"]
    part.check([run])


def test_a_run_in_which_a_join_stays_open_fails_with_an_alarm(part):
    part.load("d1", {2: "a|2|2|default|0,1||"})
    run = begin(part)
    w, s = worker(part)
    assert part.settle(w, s, [Settle(one(part, w, s), [("t", 2, 0)], "v")])[0] == ["ok"]
    assert part.head(run)["status"] == "f"
    assert part.records()[-1][2] == "2|1|-1|2|1|f|!open"
    part.check([run])


def test_the_hidden_token_comes_last_and_once(part):
    run = begin(part, fin=";0,in,rn")
    w, s = worker(part)
    _, claims = part.settle(w, s, [Settle(one(part, w, s), output="c|1|0|0|5")], want=1)
    (hidden,) = claims
    assert (hidden.node, hidden.scope, hidden.names) == ("o", "", ["0", "in", "rn"])
    assert hidden.values == ["c|1|0|0|5", '{"x":1}', '{"id":1}']
    assert part.records()[-1][2] == "2|1|0|2|2|r|"
    part.check([run])
    assert part.settle(w, s, [Settle(hidden)])[0] == ["ok"]
    assert part.head(run)["status"] == "c"
    assert part.records()[-1][0] == "o"
    part.check([run])


def test_the_hidden_token_can_fail_the_run(part):
    run = begin(part, fin=";")
    w, s = worker(part)
    _, (hidden,) = part.settle(w, s, [Settle(one(part, w, s), output="v")], want=1)
    assert hidden.names == []
    assert part.settle(w, s, [Settle(hidden, failed=True)])[0] == ["ok"]
    assert part.head(run)["status"] == "f"
    part.check([run])


def test_scopes_apply_to_what_follows(part):
    run = begin(part)
    w, s = worker(part)
    ops = [("e", 1, "0,0;"), ("s", "m:1", ""), ("e", 2, "0,0;"), ("s", "", ""), ("e", 3, "0,0;")]
    assert part.settle(w, s, [Settle(one(part, w, s), ops, "v")])[0] == ["ok"]
    assert part.tokens(run) == {2: "1||1|0|0|q", 3: "2|m:1|1|0|0|q", 4: "3||1|0|0|q"}
    claim = part.claim(w, s)[1]
    assert (claim.node, claim.scope, claim.values) == ("2", "m:1", [None])
    part.settle(w, s, [Settle(claim, [("e", 4, "0,2;")], "v2")])
    assert part.client.hget(part.key("run:" + run), "o2|m:1") == "v2"
    assert part.claim(w, s)[0].values == ["v2"]


def test_counters_beyond_15_digits_are_written_whole(part):
    run = begin(part)
    w, s = worker(part)
    part.client.hset(part.key("meta"), "seq", "99999999999998")
    claim = one(part, w, s)
    for node in range(1, 5):
        _, (claim,) = part.settle(w, s, [Settle(claim, [("e", node, "0,0;")], "v")], want=1)
    assert part.ledger()[-1][0] == "1-100000000000002"
    assert part.head(run)["events"] == 5
