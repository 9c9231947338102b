"""Claims, hello, beat, reclaim, leave."""
import pytest

from lua_calls import TEXTS, Refused, Settle, begin, one, part, run_id, worker  # noqa: F401
from processes import wait_until


# --- claims ---


def test_claims_come_queue_by_queue_up_to_want(part):
    for n in range(1, 5):
        begin(part, n, entries=[(0, "default", "in;"), (1, "heavy", "in;")])
    w, s = worker(part)
    first = part.claim(w, s, want=3)
    assert [(c.run, c.queue) for c in first] == [(run_id(n), "0") for n in (1, 2, 3)]
    assert [(c.run, c.queue) for c in part.claim(w, s, want=3)] == [
        (run_id(4), "0"), (run_id(1), "1"), (run_id(2), "1")]
    assert part.claim(w, s, want=0) == []
    part.check([run_id(n) for n in range(1, 5)])


def test_claimed_entries_whose_token_is_gone_are_dropped(part):
    runs = [begin(part, n) for n in range(1, 4)]
    w, s = worker(part)
    part.cancel(runs[1])
    assert [c.run for c in part.claim(w, s)] == [runs[0], runs[2]]
    assert len(part.entries("default")) == 2
    part.check(runs)


def test_entries_that_are_none_of_ours_are_dropped_and_counted(part):
    run = begin(part)
    w, s = worker(part)
    part.client.xadd(part.key("q:default"), {"some": "thing"})
    part.client.xadd(part.key("q:default"), {"r": run, "n": "1", "m": "nonsense", "w": ""})
    assert len(part.claim(w, s)) == 1
    assert len(part.entries("default")) == 1
    assert part.client.hget(part.key("meta"), "strays") == "2"


def test_a_run_key_of_the_wrong_type_does_not_stop_claims(part):
    runs = [begin(part, n) for n in (1, 2)]
    w, s = worker(part)
    part.client.delete(part.key("run:" + runs[0]))
    part.client.set(part.key("run:" + runs[0]), "x")
    assert [c.run for c in part.claim(w, s)] == [runs[1]]
    part.client.delete(part.key("run:" + runs[0]))


def test_adopted_entries_come_first_and_only_if_they_are_the_callers(part):
    runs = [begin(part, n) for n in range(1, 5)]
    w, s = worker(part)
    v, _ = worker(part, "v")
    key = part.key("q:default")
    mine, = part.client.xreadgroup("fleet", w, {key: ">"}, count=1)[0][1]
    theirs, = part.client.xreadgroup("fleet", v, {key: ">"}, count=1)[0][1]
    adopt = [("0", theirs[0]), ("0", mine[0]), ("0", "1-1"), ("1", mine[0])]
    claims = part.claim(w, s, want=2, adopt=adopt)
    assert [c.run for c in claims] == [runs[0], runs[2]]
    assert [c.run for c in part.claim(w, s, want=0, adopt=[("0", mine[0])])] == [runs[0]]
    part.check(runs)
    part.cancel(runs[0])
    assert part.claim(w, s, want=0, adopt=[("0", mine[0])]) == []
    assert mine[0] not in [i for i, _ in part.entries("default")]


def test_claims_end_at_one_mebibyte_and_the_rest_stays_for_others(part):
    part.limit = 1 << 24
    runs = [begin(part, n, data='"%s"' % ("x" * 400000)) for n in range(1, 8)]
    a, sa = worker(part, "a")
    b, sb = worker(part, "b")
    first = part.claim(a, sa, want=100)
    assert [c.run for c in first] == runs[:3]
    part.check(runs)
    assert len(part.pending("default", "a")) == 3
    second = part.claim(b, sb, want=100)
    assert [c.run for c in second] == runs[3:6]
    part.check(runs)
    assert [c.run for c in part.claim(a, sa, want=100)] == runs[6:]
    part.check(runs)
    assert part.settle(a, sa, [Settle(c) for c in first])[0] == ["ok"] * 3


def test_one_claim_larger_than_the_bound_is_returned_alone(part):
    part.limit = 1 << 24
    for n in (1, 2):
        begin(part, n, data='"%s"' % ("x" * 2000000))
    w, s = worker(part)
    assert len(part.claim(w, s)) == 1
    assert len(part.claim(w, s)) == 1
    assert part.claim(w, s) == []


# --- hello ---


def test_hello_gives_a_new_session_and_what_is_pending(part):
    runs = [begin(part, n) for n in (1, 2, 3)]
    w, s = worker(part)
    claims = part.claim(w, s, want=2)
    part.settle(w, s, [Settle(claims[0])])
    session, following, again = part.hello(w)
    assert int(session) > int(s) and following == ""
    assert [(c.run, c.live) for c in again] == [(claims[1].run, claims[1].live)]
    assert part.client.hget(part.key("workers"), w).split("|")[0] == session
    part.check(runs)


def test_hello_tells_whether_the_name_had_a_session(part):
    begin(part)
    part.hello("w1")
    assert not part.had_session
    part.hello("w1")
    assert part.had_session
    session, _, _ = part.hello("w1")
    assert part.call("leave", "w1", session, *part.named_queues(None)) == ["left"]
    part.hello("w1")
    assert not part.had_session


def test_hello_pages(part):
    runs = [begin(part, n, entries=[(0, "default", "in;"), (1, "heavy", "in;")]) for n in range(1, 8)]
    w, s = worker(part)
    held = part.claim(w, s)
    assert len(held) == 14
    part.cancel(runs[2])
    session, following, page = part.hello(w, limit=4)
    seen = page
    while following:
        assert len(page) <= 4
        same, following, page = part.hello(w, limit=4, origin=following)
        assert same == session
        seen += page
    assert [(c.run, c.number) for c in seen] == [(c.run, c.number) for c in held if c.run != runs[2]]
    part.check(runs)
    assert len(part.pending("default")) == 6


def test_a_page_of_an_older_session_is_refused(part):
    for n in range(1, 4):
        begin(part, n)
    w, s = worker(part)
    part.claim(w, s)
    _, following, _ = part.hello(w, limit=1)
    part.hello(w)
    with pytest.raises(Refused, match="session"):
        part.hello(w, limit=1, origin=following)


def test_hello_pages_by_bytes(part):
    part.limit = 1 << 24
    for n in range(1, 5):
        begin(part, n, data='"%s"' % ("x" * 700000))
    w, s = worker(part)
    while len(part.pending("default")) < 4:
        part.claim(w, s)
    _, following, page = part.hello(w)
    assert len(page) == 2 and following
    _, following, page = part.hello(w, origin=following)
    assert len(page) == 2
    if following:
        _, following, page = part.hello(w, origin=following)
        assert (following, page) == ("", [])


def test_hello_drops_what_is_gone(part):
    run = begin(part)
    w, s = worker(part)
    claim = one(part, w, s)
    part.cancel(run)
    assert part.hello(w)[2] == []
    assert part.entries("default") == []
    # An entry that was deleted under its holder is lost: counted.
    begin(part, 2)
    claim = one(part, w, part.hello(w)[0])
    part.client.xdel(part.key("q:default"), claim.id)
    assert part.hello(w)[2] == []
    assert part.pending("default") == []
    assert part.client.hget(part.key("meta"), "strays") == "1"


def test_sessions_never_repeat(part):
    w, s = worker(part)
    part.leave(w, s)
    _, again = worker(part)
    assert int(again) > int(s)


def test_hello_registers_consumers_that_nobody_knows(part):
    run = begin(part)
    part.client.xreadgroup("fleet", "ghost", {part.key("q:default"): ">"}, count=1)
    w, s = worker(part)
    assert part.beat(w, s) == ["ghost"]
    assert [c.run for c in part.reclaim(w, s, "ghost")] == [run]
    assert part.leave("ghost", "*") == "left"
    assert part.beat(w, s) == []


# --- beat, reclaim, leave ---


def test_beat_renews_the_own_lease_and_names_the_lapsed(part):
    a, sa = worker(part, "a")
    worker(part, "b")
    worker(part, "c")
    assert part.beat(a, sa) == []
    part.lapse("a")
    part.lapse("c")
    assert part.beat(a, sa, lease=5000) == ["c"]
    session, until = part.client.hget(part.key("workers"), a).split("|")
    seconds, micros = part.client.time()
    assert session == sa and 4000 < int(until) - (seconds * 1000 + micros // 1000) <= 5000


def test_only_lapsed_consumers_lose_their_tokens(part):
    run = begin(part)
    a, sa = worker(part, "a")
    one(part, a, sa)
    b, sb = worker(part, "b")
    assert part.reclaim(b, sb, "a") == []
    assert part.reclaim(a, sa, "a") == []
    part.lapse("a")
    assert part.reclaim(a, sa, "a") == []
    (claim,) = part.reclaim(b, sb, "a")
    assert (claim.run, claim.generation, claim.deliveries, claim.values) == (run, 1, 0, ['{"x":1}'])
    assert part.tokens(run) == {1: claim.live}
    assert part.reclaim(b, sb, "a") == []
    part.check([run])


def test_deliveries_count_from_the_second_lapse(part):
    run = begin(part)
    holder, session = worker(part, "w0")
    one(part, holder, session)
    lives = []
    for i in range(1, 5):
        part.lapse(holder)
        holder_before, (holder, session) = holder, worker(part, "w%d" % i)
        lives += [c.live for c in part.reclaim(holder, session, holder_before)]
    assert lives == ["0||1|1|0|q", "0||1|2|1|q", "0||1|3|2|q", "0||1|4|3|q"]
    part.check([run])


def test_reclaim_ends_at_its_limit_and_drops_what_is_gone(part):
    runs = [begin(part, n, entries=[(0, "default", "in;"), (1, "heavy", "in;")]) for n in range(1, 6)]
    a, sa = worker(part, "a")
    part.claim(a, sa)
    part.cancel(runs[1])
    part.lapse("a")
    b, sb = worker(part, "b")
    seen = []
    while True:
        page = part.reclaim(b, sb, "a", limit=3)
        if not page:
            break
        assert len(page) <= 3
        seen += page
        part.check(runs)
    assert sorted((c.run, c.node) for c in seen) == sorted((r, n) for r in runs if r != runs[1] for n in "01")
    assert part.pending("default", "a") == part.pending("heavy", "a") == []
    assert {c.generation for c in seen} == {1}


def test_reclaim_ends_at_one_mebibyte(part):
    part.limit = 1 << 24
    for n in range(1, 5):
        begin(part, n, data='"%s"' % ("x" * 700000))
    a, sa = worker(part, "a")
    while len(part.pending("default")) < 4:
        part.claim(a, sa)
    part.lapse("a")
    b, sb = worker(part, "b")
    assert len(part.reclaim(b, sb, "a")) == 2
    assert len(part.pending("default", "a")) == 2
    assert len(part.reclaim(b, sb, "a")) == 2
    assert part.reclaim(b, sb, "a") == []


def test_leave(part):
    run = begin(part)
    w, s = worker(part)
    claim = one(part, w, s)
    assert part.leave(w, s) == "pending"
    v, sv = worker(part, "v")
    assert part.beat(v, sv) == [w]
    (again,) = part.reclaim(v, sv, w)
    assert part.leave(w, "*") == "left"
    assert part.client.hkeys(part.key("workers")) == ["v"]
    assert part.client.hkeys(part.key("serves")) == ["v"]
    consumers = [c["name"] for c in part.client.xinfo_consumers(part.key("q:default"), "fleet")]
    assert consumers == ["v"]
    assert part.settle(v, sv, [Settle(again)])[0] == ["ok"]
    assert part.leave(v, sv) == "left"
    with pytest.raises(Refused, match="session"):
        part.settle(v, sv, [Settle(claim)])
    assert part.leave(w, "*") == "left"
    part.check([run])


def test_a_consumer_that_lapsed_a_moment_ago_is_not_removed(part):
    w, _ = worker(part)
    assert part.leave(w, "*") == "pending"
    part.lapse(w, since_ms=1000)
    assert part.leave(w, "*") == "pending"
    assert part.client.hexists(part.key("workers"), w)
    part.lapse(w, since_ms=31000)
    assert part.leave(w, "*") == "left"
    assert not part.client.hexists(part.key("workers"), w)


def test_a_lapsed_consumer_is_kept_for_tokens_of_queues_that_the_caller_does_not_serve(part):
    run = begin(part, entries=[(0, "heavy", "in;")])
    a, sa = worker(part, "a")
    one(part, a, sa)
    part.lapse("a", since_ms=60000)
    _, sb, _ = part.hello("b", queues=["default"])[:1] + ("", "")
    sb = part.hello("b", queues=["default"])[0]
    assert part.reclaim("b", sb, "a", queues=["default"]) == []
    assert part.leave("a", "*", queues=["default"]) == "pending"
    assert part.beat("b", sb) == ["a"]
    c, sc = worker(part, "c")
    assert [x.run for x in part.reclaim(c, sc, "a")] == [run]
    assert part.leave("a", "*", queues=["default"]) == "left"


# --- dismiss ---


def test_dismiss_removes_readers_that_are_gone_and_hold_nothing(part):
    client, inbox = part.client, part.prefix + "inbox"

    def dismiss(idle_ms=0, most=100):
        return client.eval(TEXTS["dismiss"], 1, inbox, idle_ms, most)

    def readers():
        return {c["name"]: c["pending"] for c in client.xinfo_consumers(inbox, "fleet")}

    assert dismiss() == ["ok", 0]  # no inbox
    client.xgroup_create(inbox, "fleet", "0", mkstream=True)
    assert dismiss() == ["ok", 0]
    for name in ("holds", "held", "idle"):
        entry = client.xadd(inbox, {"a": "b"})
        client.xreadgroup("fleet", name, {inbox: ">"}, count=1)
        if name != "holds":
            client.xack(inbox, "fleet", entry)
    assert dismiss(idle_ms=60000) == ["ok", 0]
    assert readers() == {"holds": 1, "held": 0, "idle": 0}
    assert dismiss(most=1) == ["ok", 1] and dismiss() == ["ok", 1]
    assert readers() == {"holds": 1}


def test_a_reader_that_is_dismissed_while_it_waits_gets_its_entry(part, redis_server):
    client, inbox = part.client, part.prefix + "inbox"
    client.xgroup_create(inbox, "fleet", "0", mkstream=True)
    reader = redis_server.client()
    reader.connection = reader.connection_pool.get_connection("XREADGROUP")
    reader.connection.send_command("XREADGROUP", "GROUP", "fleet", "r", "COUNT", 1, "BLOCK", 0, "STREAMS", inbox, ">")
    wait_until(lambda: client.info("clients")["blocked_clients"] > 0, what="a reader that waits")
    client.eval(TEXTS["dismiss"], 1, inbox, 0, 100)
    assert client.xinfo_consumers(inbox, "fleet") == []
    entry = client.xadd(inbox, {"a": "b"})
    ((_, ((got, _),)),) = reader.connection.read_response()
    assert got == entry
    (pending,) = client.xpending_range(inbox, "fleet", "-", "+", 10)
    assert (pending["message_id"], pending["consumer"]) == (entry, "r")
