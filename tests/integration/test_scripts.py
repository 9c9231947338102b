"""Each script of lua/ by itself, against a real Redis; settle, joins and sessions have files of their
own."""
import pytest
import redis

from lua_calls import FAR, TEXTS, Claim, Partition, Settle, begin, one, part, run_id, worker  # noqa: F401


# --- epochs, sessions, hold ---


def calls_of(part, session):
    """Every call that carries an epoch, with arguments that would do something."""
    queues = part.named_queues()
    return {
        "start": [512, 1, "default", 1, run_id(50), 1, "d", "", "{}", "{}", FAR, 0, "p", "", 1, 0, "default", "in;", 0],
        "settle": ["w", session, 512, 5, *queues, 0, 0],
        "hello": ["w", 5000, "", 10, *queues],
        "beat": ["w", session, 5000],
        "reclaim": ["w", session, "v", 5, *queues],
        "leave": ["w", session, *queues],
        "cancel": [run_id(1), "p"],
        "reject": ["p"],
        "forget": [1, run_id(1)],
        "load": ["d", 1, 2, "a|2|2|default|0,1||"],
    }


@pytest.mark.parametrize("script", sorted(calls_of(Partition(None, 0, texts=TEXTS), "1")))
def test_other_epochs_are_refused_and_change_nothing(part, script):
    begin(part)
    _, session = worker(part)
    args = calls_of(part, session)[script]
    before = part.dump()
    for epoch in ("0", "2", "01", ""):
        assert part.raw(script, epoch, *args)[0] == "epoch"
    assert part.dump() == before


@pytest.mark.parametrize("script", sorted(calls_of(Partition(None, 0, texts=TEXTS), "1")))
def test_an_empty_redis_is_another_epoch(part, script):
    args = calls_of(part, "1")[script]
    for key in list(part.client.scan_iter(part.prefix + "*")):
        part.client.delete(key)
    assert part.raw(script, "1", *args)[0] == "epoch"
    assert part.dump() == {}


@pytest.mark.parametrize("script", ["settle", "beat", "reclaim", "leave"])
def test_older_sessions_are_refused_as_a_whole(part, script):
    begin(part)
    _, old = worker(part)
    _, new = worker(part)
    assert new != old
    before = part.dump()
    assert part.raw(script, "1", *calls_of(part, old)[script])[0] == "session"
    assert part.raw(script, "1", *calls_of(part, "99")[script])[0] == "session"
    assert part.dump() == before
    assert part.raw(script, "1", *calls_of(part, new)[script])[0] == "ok"


@pytest.mark.parametrize("script", ["start", "settle", "hello", "reclaim", "cancel", "reject"])
def test_a_held_partition_refuses_what_would_move_it(part, script):
    begin(part)
    _, session = worker(part)
    part.client.hset(part.key("meta"), "hold", "rebuilding")
    before = part.dump()
    assert part.raw(script, "1", *calls_of(part, session)[script])[0] == "hold"
    assert part.dump() == before
    part.client.hdel(part.key("meta"), "hold")
    assert part.raw(script, "1", *calls_of(part, session)[script])[0] == "ok"


def test_a_held_partition_still_beats_and_tidies(part):
    _, session = worker(part)
    part.client.hset(part.key("meta"), "hold", "rebuilding")
    part.beat("w", session)
    part.load("d", {2: "a|2|2|default|0,1||"})
    part.forget(run_id(1))
    assert part.leave("w", session) == "left"


@pytest.mark.parametrize("script", sorted(calls_of(Partition(None, 0, texts=TEXTS), "1")))
def test_too_many_or_too_few_arguments_change_nothing(part, script):
    begin(part)
    _, session = worker(part)
    args = calls_of(part, session)[script]
    before = part.dump()
    for wrong in (args[:-1], args + ["more"]):
        with pytest.raises(redis.ResponseError, match="ARGS"):
            part.raw(script, "1", *wrong)
    assert part.dump() == before


# --- open ---


def test_open_makes_meta_and_groups(part):
    meta = part.client.hgetall(part.key("meta"))
    assert meta == {"epoch": "1", "layout": "1", "partitions": "16", "seq": "0"}
    for queue in part.queues:
        group = part.client.xinfo_groups(part.key("q:" + queue))[0]
        assert (group["name"], group["last-delivered-id"]) == ("fleet", "0-0")


def test_open_again_keeps_what_is_there(part):
    begin(part)
    part.client.hset(part.key("meta"), "hold", "why")
    before = part.dump()
    assert part.open() == "1-1"
    assert part.dump() == before


def test_open_raises_the_epoch_but_never_lowers_it(part):
    begin(part)
    assert part.open("7") == "1-1"
    begin(part, 2)
    assert [i for i, _ in part.ledger()] == ["1-1", "7-1"]
    assert part.raw("open", 6, 1, 16)[0] == "epoch"
    assert part.raw("open", 10, 1, 16)[0] == "ok"  # as a number, not as a text
    assert part.client.hget(part.key("meta"), "epoch") == "10"


def test_open_never_lowers_the_epoch_of_a_partition_without_a_ledger(part):
    part.open("7")
    before = part.dump()
    assert part.raw("open", 6, 1, 16) == ["epoch"]
    assert part.dump() == before


@pytest.mark.parametrize("args,word", [((1, 2, 16), ["layout", "1"]), ((1, 1, 8), ["partitions", "16"])])
def test_open_refuses_a_misfit(part, args, word):
    before = part.dump()
    assert part.raw("open", *args) == word
    assert part.dump() == before


def test_open_without_meta_goes_on_behind_the_ledger(part):
    begin(part)
    part.client.delete(part.key("meta"))
    assert part.open() == "1-1"
    begin(part, 2)
    assert [i for i, _ in part.ledger()] == ["1-1", "1-2"]


def test_open_refuses_an_epoch_below_the_ledgers(part):
    part.open("5")
    begin(part)
    part.client.delete(part.key("meta"))
    assert part.raw("open", 4, 1, 16)[0] == "epoch"


def test_a_group_that_is_missing_begins_at_the_first_token(part):
    begin(part)
    part.client.xgroup_destroy(part.key("q:default"), "fleet")
    part.open()
    w = worker(part)
    assert one(part, *w).run == run_id()


@pytest.mark.parametrize("epoch", ["", "0", "-1", "x", "1.5", "01"])
def test_open_wants_a_number_as_epoch(part, epoch):
    with pytest.raises(redis.ResponseError, match="ARGS epoch"):
        part.raw("open", epoch, 1, 16)


# --- start ---


def test_start_writes_run_tokens_and_record(part):
    run = begin(part, entries=[(0, "default", "in;rn"), (3, "heavy", "in;")], digest="abc", fin=";0,in",
                data='{"a":"b"}', inbox="5-1")
    assert part.client.hgetall(part.key("run:" + run)) == {
        "h": "r|1|2|0|2|1", "dg": "abc", "fin": ";0,in", "in": '{"a":"b"}', "rn": '{"id":1}',
        "t1": "0||1|0|0|q", "t2": "3||1|0|0|q"}
    assert [f for _, f in part.entries("default")] == [{"r": run, "n": "1", "m": "1|0||1", "w": "in;rn"}]
    assert [f for _, f in part.entries("heavy")] == [{"r": run, "n": "2", "m": "1|3||1", "w": "in;"}]
    (kind, callers, scripts), = part.records()
    assert (kind, scripts) == ("s", "1|2")
    assert callers.startswith("%d:%s" % (len(run), run))
    part.check([run])


def test_start_is_idempotent_by_run(part):
    run = begin(part)
    before = part.dump()
    assert part.start(run, [(0, "default", "in;")]) == "exists"
    assert part.dump() == before
    assert part.start(run, [(0, "default", "in;")], inbox="9-3") == "exists"
    assert part.records()[-1] == ("d", "%d:%s3:9-3" % (len(run), run), "")
    part.check([run])


def test_start_of_an_ended_run_does_not_revive_it(part):
    run = begin(part)
    part.cancel(run)
    assert part.start(run, [(0, "default", "in;")]) == "exists"
    assert part.forget(run) == 1
    assert part.start(run, [(0, "default", "in;")]) == "ended"
    assert part.start(run, [(0, "default", "in;")], inbox="9-4") == "ended"
    assert part.records()[-1][0] == "d"
    assert part.head(run) is None


def test_a_late_start_writes_nothing(part):
    seconds, micros = part.client.time()
    before = part.dump()
    assert part.start(run_id(), [(0, "default", "in;")], not_after=seconds * 1000 + micros // 1000 - 1) == "late"
    assert part.dump() == before


@pytest.mark.parametrize("entries", [[], [("x", "default", "in;")], [(0, "a b", "in;")], [(0, "a,b", "in;")]])
def test_start_refuses_malformed_entries(part, entries):
    before = part.dump()
    with pytest.raises(redis.ResponseError):
        part.start(run_id(), entries)
    assert part.dump() == before


def test_start_is_refused_before_it_begins_when_memory_is_full(part):
    run = begin(part)
    w, s = worker(part)
    claim = one(part, w, s)
    part.client.config_set("maxmemory", 1)
    try:
        before = part.dump()
        with pytest.raises(redis.ResponseError, match="OOM|maxmemory"):
            part.start(run_id(2), [(0, "default", "in;")])
        assert part.dump() == before
        # What is in flight goes on.
        w2, s2 = worker(part, "w2")
        part.beat(w2, s2)
        assert part.settle(w, s, [Settle(claim, [("e", 1, "0,0;")], "o")])[0] == ["ok"]
        part.load("dd", {2: "a|2|2|default|0,1||"})
        assert part.cancel(run) == "cancelled"
        assert part.forget(run) == 1
        assert part.leave(w, s) == "left"
        part.call("reject", "p")
    finally:
        part.client.config_set("maxmemory", 0)


def test_start_with_more_entries_than_one_unpack(part):
    run = begin(part, entries=[(i, "default", "in;") for i in range(9000)])
    assert part.head(run)["counter"] == 9000
    assert part.client.xlen(part.key("q:default")) == 9000


# --- cancel, reject, forget, load, inspect ---


def test_cancel(part):
    run = begin(part, entries=[(i, "default", "in;") for i in range(4)])
    w, s = worker(part)
    claims = part.claim(w, s, want=2)
    assert part.cancel(run) == "cancelled"
    assert part.head(run) == {"status": "x", "incarnation": 1, "counter": 0, "open": 0, "last": 4, "events": 2}
    assert part.records()[-1][0] == "k" and part.records()[-1][2] == "2|-4|x"
    part.check([run])
    ledger = part.ledger()
    assert part.cancel(run) == "ended"
    assert part.cancel(run_id(9)) == "gone"
    assert part.ledger() == ledger
    assert part.settle(w, s, [Settle(c) for c in claims], want=9) == (["gone", "gone"], [])
    assert part.entries("default") == []
    part.check([run])


def test_reject_writes_the_ledger_only(part):
    before = part.dump()
    assert part.call("reject", "3:abc0:") == []
    after = part.dump()
    assert part.records() == [("r", "3:abc0:", "")]
    for key in (part.key("ledger"), part.key("meta")):
        before.pop(key, None), after.pop(key)
    assert after == before


def test_forget_removes_ended_runs_only(part):
    runs = [begin(part, n) for n in (1, 2, 3)]
    part.cancel(runs[0])
    part.cancel(runs[1])
    assert part.forget(*runs, run_id(9)) == 2
    assert [part.head(r) is None for r in runs] == [True, True, False]
    assert sorted(part.client.zrange(part.key("ended"), 0, -1)) == runs[:2]
    assert 60 < part.client.pttl(part.key("ended")) / 1000 <= 61  # when nothing else ends: all are due
    assert part.forget(*runs) == 0
    part.client.zadd(part.key("ended"), {runs[0]: 1})
    part.forget()
    assert part.client.zrange(part.key("ended"), 0, -1) == [runs[1]]


GOOD_ROW = "a|2|2|default|0,1|in,7|3.0,4.1"


def test_load_stores_a_table_for_a_day(part):
    part.load("d9", {2: GOOD_ROW, 3: "k|2|1|default|0,1||"})
    assert part.client.hgetall(part.key("g:d9")) == {"2": GOOD_ROW, "3": "k|2|1|default|0,1||"}
    assert 86000 < part.client.ttl(part.key("g:d9")) <= 86400
    part.load("d8", {i: "k|2|1|default|0,1||" for i in range(9000)})
    assert part.client.hlen(part.key("g:d8")) == 9000
    part.load("d7", {})
    assert not part.client.exists(part.key("g:d7"))


@pytest.mark.parametrize("row", ["", "b|2|2|default|0,1||", "a|3|2|default|0,1||", "a|2|0|default|0,1||",
                                 "a|2|3|default|0,1||", "a|2|2||0,1||", "a|2|2|default|0,1|in", GOOD_ROW + "|"])
def test_load_refuses_malformed_rows(part, row):
    before = part.dump()
    with pytest.raises(redis.ResponseError, match="ARGS row"):
        part.load("d9", {1: GOOD_ROW, 2: row})
    assert part.dump() == before


def test_inspect_reads_and_writes_nothing(part):
    assert part.raw("inspect", run_id())[2:] == ["", [], []]
    part.load("d1", {3: "a|3|3|default|0,1,2||"})
    run = begin(part, entries=[(i, "default", "in;") for i in range(3)])
    w, s = worker(part)
    part.settle(w, s, [Settle(one(part, w, s), [("t", 3, 0)], "v")])
    before = part.dump()
    head, tokens, joins = part.raw("inspect", run)[2:]
    assert head == "r|1|2|1|3|2"
    assert dict(zip(tokens[::2], tokens[1::2])) == {"2": "1||1|0|0|q", "3": "2||1|0|0|q"}
    assert joins == ["3|", "1|1|t.."]
    assert part.dump() == before
    wide = begin(part, 2, entries=[(i, "default", "in;") for i in range(6000)])
    assert len(part.raw("inspect", wide)[3]) == 10000


def test_inspect_may_be_asked_of_a_redis_that_takes_no_writes(part):
    run = begin(part)
    sha = part.client.script_load(part.texts["inspect"])
    assert part.client.execute_command("EVALSHA_RO", sha, 1, part.key("meta"), run)[2] == "r|1|1|0|1|1"


# --- cluster ---


def test_every_script_stays_in_its_slot(redis_cluster_server):
    """With #!lua a script that leaves its slot is refused in cluster mode."""
    part = Partition(redis_cluster_server.client(), 3, ["default", "heavy"], texts=TEXTS)
    part.open()
    part.load("d1", {2: "a|2|2|heavy|0,1||"})
    run = begin(part, entries=[(0, "default", "in;"), (1, "heavy", "in;")], fin=";2")
    other = begin(part, 2)
    a, sa = worker(part, "a")
    claims = part.claim(a, sa)
    part.lapse("a", since_ms=60000)
    b, sb = worker(part, "b")
    assert part.beat(b, sb) == ["a"]
    again = part.reclaim(b, sb, "a")
    assert len(again) == len(claims) == 3
    assert part.leave("a", "*") == "left"
    by_node = {(c.run, c.node): c for c in again}
    ops = {"0": [("t", 2, 0)], "1": [("t", 2, 1)]}
    tokens = [Settle(by_node[run, n], ops[n], "v") for n in "01"]
    results, (fired,) = part.settle(b, sb, tokens, want=5)
    assert results == ["ok", "ok"]
    _, (hidden,) = part.settle(b, sb, [Settle(fired, output="v")], want=5)
    assert part.settle(b, sb, [Settle(hidden)])[0] == ["ok"]
    assert part.cancel(other) == "cancelled"
    assert part.settle(b, sb, [Settle(by_node[other, "0"])])[0] == ["gone"]
    assert part.raw("inspect", run)[0] == "ok"
    part.check([run, other])
    part.call("reject", "3:abc0:")
    assert part.forget(run, other) == 2
    assert part.leave(b, sb) == "left"
    assert isinstance(again[0], Claim)
