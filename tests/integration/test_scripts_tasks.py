"""tasks, and what settle and fire do with tasks (docs/tasks.md, docs/protocol.md)."""
import json

import pytest

from lua_calls import NUMBERS, Partition, Refused, Settle, begin, one, part, run_id, worker  # noqa: F401

QUEUE = "function:f"
TASK = '{"a":1}'


def post(partition, run, w, s, queue=QUEUE, timeout=0, attempt=1, task=TASK, wanted="in;", at_once="", **changes):
    """Makes the run's ready token a task; returns its claim by the fleet. at_once: "!", its first lapse is the last."""
    claim = one(partition, w, s)
    ops = [("r", "%d,0,d5,%d%s,%s,%s" % (attempt, timeout, at_once, queue, wanted), task)]
    changes = {"identity": claim.live, "kind": "w", **changes}
    assert partition.settle(w, s, [Settle(claim, ops, **changes)])[0] == ["ok"]
    partition.check([run])
    return claim


class Run:
    """A run whose only token is a task, and its worker of the fleet."""

    def __init__(self, partition, n=1, **more):
        self.part = partition
        self.run = begin(partition, n)
        self.w, self.s = worker(partition, "w%d" % n)
        post(partition, self.run, self.w, self.s, **more)

    def claim(self, worker="r", want=1, lease=60000):
        """The tasks that it gets, as names and text."""
        found = self.part.tasks(QUEUE, worker, want=want, lease=lease)[2]
        self.part.check([self.run])
        return found

    def result(self, fence, kind="c", body='{"output":5}', incarnation=1, worker="r"):
        answer = self.part.tasks(QUEUE, worker, [[self.run, 1, incarnation, fence, kind, body]])[0]
        self.part.check([self.run])
        return answer[0]

    def beat(self, fence, progress="", incarnation=1, worker="r", lease=60000):
        answer = self.part.tasks(QUEUE, worker, beats=[[self.run, 1, incarnation, fence, progress]], lease=lease)[1]
        self.part.check([self.run])
        return answer[0]

    def field(self, name):
        return self.part.client.hget(self.part.key("run:" + self.run), name)

    def claimed(self):
        return dict(zip("fence holder until first lapses since timeout queue".split(), self.field("b1").split("|")))

    def shift(self, **changes):
        """Sets parts of its claim, and the timer to what follows: as if time had passed."""
        parts = {**self.claimed(), **changes}
        self.part.client.hset(self.part.key("run:" + self.run), "b1", "|".join(str(v) for v in parts.values()))
        ends = [int(parts["until"])] if parts["holder"] else []
        if int(parts["first"]) and int(parts["timeout"]):
            ends.append(int(parts["first"]) + int(parts["timeout"]))
        self.part.client.zadd(self.part.key("timers"), {self.run + "/1": min(ends)})

    def lapse(self):
        self.shift(until=1)
        fired = self.part.fire()[0]
        self.part.check([self.run])
        return fired

    def events(self):
        """Kinds, workers and details of what the ledger has of its task."""
        out = []
        for kind, callers, _ in self.part.records():
            if kind == "g":
                parts, at = [], 0
                while at < len(callers):
                    end = callers.index(":", at)
                    at = end + 1 + int(callers[at:end])
                    parts.append(callers[end + 1:at])
                assert parts[0] == self.run
                out.append(tuple(parts[4:]))
        return out

    def back(self):
        """The fleet's claim of what came back."""
        return one(self.part, self.w, self.s)


@pytest.fixture
def run(part):
    return Run(part)


def test_a_task_leaves_the_fleet_and_waits_for_a_worker(run):
    part = run.part
    assert part.tokens(run.run) == {1: "0||1|0|0|r"}
    assert part.entries("default") == [] and part.claim(run.w, run.s) == []
    assert [f for _, f in part.entries(QUEUE)] == [{"r": run.run, "n": "1", "m": "1|1"}]
    assert run.field("w1") == TASK and run.field("p1") == "d5,default,in;"
    assert part.client.zcard(part.key("timers")) == 0


def test_it_is_claimed_once_and_comes_back_with_its_result(run):
    part = run.part
    assert run.claim() == [[run.run, "1", "1", "1", TASK]]
    assert run.claim("other") == [] and part.entries(QUEUE) == []
    assert run.result("1") == "ok"
    assert part.client.zcard(part.key("timers")) == 0
    claim = run.back()
    assert (claim.live, claim.wanted) == ("0||1|0|0|f", "in;p1,y1")
    kind, fence, holder, since, ended, body = claim.values[2].split("|")
    assert (kind, fence, holder, body) == ("c", "1", "r", '{"output":5}')
    assert 0 < int(since) <= int(ended)
    assert part.settle(run.w, run.s, [Settle(claim)])[0] == ["ok"]
    assert part.head(run.run)["status"] == "c"
    fields = part.check([run.run])[run.run]
    assert not [f for f in fields if f[0] in "tpwby"], fields
    assert run.events() == [("claim", "r", "")]


def test_a_result_counts_once_and_says_so_again(run):
    run.claim()
    assert run.result("1", body='{"output":1}') == "ok"
    before = run.part.dump()
    assert run.result("1", body='{"output":2}') == "ok"
    assert run.part.dump() == before
    assert run.part.settle(run.w, run.s, [Settle(run.back())])[0] == ["ok"]
    assert run.result("1") == "gone"


def test_results_of_nobody(run):
    before = run.part.dump()
    assert run.result("0") == "stale" and run.part.dump() == before, "it was never claimed"


def test_a_result_that_is_settled_while_its_run_goes_on(part):
    run = Run(part, wanted="in;")
    run.claim()
    assert run.result("1") == "ok"
    assert part.settle(run.w, run.s, [Settle(run.back(), [("e", 2, "0,0;")])])[0] == ["ok"]
    assert (run.result("1"), run.beat("1")) == ("stale", "stale")


@pytest.mark.parametrize("kind, body", [
    ("c", ""), ("c", "5"), ("c", "[]"), ("c", "{}"), ("c", '{"output":'), ("c", '{"output":1}x'), ("c", "null"),
    ("c", '{"output":1,"usage":5}'), ("f", "{}"), ("f", '{"code":5}'), ("f", '"x"'), ("b", "{}"), ("b", "x"), ("q", '{"output":1}'), ("", ""),
    ("c", "{" + "[" * 2000), ("c", "x" * 70000),
])
def test_bad_results_leave_the_claim(run, kind, body):
    run.claim()
    before = run.part.dump()
    assert run.result("1", kind, body) == "bad"
    assert run.part.dump() == before
    assert run.result("1") == "ok"


@pytest.mark.parametrize("kind, body", [
    ("c", '{"output":null}'), ("c", ' {"output": {"a": [1]}, "usage": {}} \n'), ("f", '{"code":"x"}'),
    ("c", '{"output":"' + "x" * 70000 + '"}'),
])
def test_good_results(run, kind, body):
    run.claim()
    assert run.result("1", kind, body) == "ok"
    assert run.back().values[2].split("|", 5)[5] == body


def test_a_result_that_is_too_large_fails_the_execution(run):
    run.claim()
    body = '{"output":"%s"}' % ("x" * (16 << 20))
    assert run.result("1", body=body) == "too_large"
    before = run.part.dump()
    assert run.result("1", body=body) == "too_large"
    assert run.part.dump() == before
    assert run.back().values[2].split("|")[0::5] == ["z", str(len(body))]


def test_a_beat_renews(run):
    run.claim(lease=5000)
    first = int(run.claimed()["until"])
    assert run.beat("1", lease=60000) == "ok"
    assert int(run.claimed()["until"]) > first + 50000
    assert run.events() == [("claim", "r", "")]


def test_progress_is_an_event(run):
    run.claim()
    assert run.beat("1", '{"progress":0.5}') == "ok"
    assert run.events()[1:] == [("progress", "r", '{"progress":0.5}')]
    before = int(run.claimed()["until"])
    for bad in ("5", "{", '{"m":"' + "x" * 4096 + '"}'):
        assert run.beat("1", bad, lease=120000) == "bad"
    assert int(run.claimed()["until"]) > before + 50000, "and the lease was renewed"
    assert len(run.events()) == 2


def test_beats_of_the_wrong_ones(run):
    assert run.beat("0") == "stale", "it is nobody's"
    run.claim()
    assert run.beat("2") == "stale" and run.beat("1", incarnation=2) == "stale"
    assert run.result("2") == "stale" and run.result("1", incarnation=2) == "stale"
    assert run.result("1") == "ok" and run.beat("1") == "stale"


def test_a_lapsed_claim_is_offered_anew(run):
    run.claim()
    assert run.lapse() == 1
    assert run.claimed()["holder"] == "" and run.beat("1") == "stale"
    assert run.claim("other") == [[run.run, "1", "1", "2", TASK]]
    assert run.result("1") == "stale" and run.beat("1") == "stale"
    assert run.result("2", worker="other") == "ok"
    assert run.events() == [("claim", "r", ""), ("lapse", "r", ""), ("claim", "other", "")]


def test_a_late_result_counts_while_nobody_has_it(run):
    run.claim()
    run.lapse()
    assert run.result("1", worker="late") == "ok"
    assert int(run.field("y1").split("|")[3]) > 0
    assert run.claim("other") == [], "its entry is of no use any more"
    assert run.part.entries(QUEUE) == []


def test_three_lapses_lose_it(run):
    for fence in "123":
        assert run.claim()[0][3] == fence
        assert run.lapse() == 1
    assert run.claim() == []
    assert run.back().values[2].split("|")[:3] == ["l", "3", "r"]
    assert run.result("3") == "stale"


@pytest.mark.parametrize("at_once", ["", "!"])
def test_handed_back_is_claimed_anew_and_not_counted(part, at_once):
    run = Run(part, at_once=at_once)
    before = run.claimed()["lapses"]
    for fence in "12345":
        assert run.claim()[0][3] == fence
        assert run.result(fence, "b", "") == "ok"
        assert run.result(fence, "b", "") == "ok", "again"
        assert run.beat(fence) == "stale"
    assert run.claimed()["lapses"] == before
    assert [e[0] for e in run.events()] == ["claim", "release"] * 5
    assert run.claim()[0][3] == "6" and run.result("6") == "ok"


@pytest.mark.parametrize("timeout", [0, 30000])
def test_the_first_lapse_may_be_the_last(part, timeout):
    run = Run(part, at_once="!", timeout=timeout)
    assert run.claim()[0][3] == "1"
    assert run.result("1", "b", "") == "ok"
    assert run.claim()[0][3] == "2"
    assert run.lapse() == 1
    assert run.claim("other") == [] and part.entries(QUEUE) == []
    assert part.client.zcard(part.key("timers")) == 0
    before = part.dump()
    assert (run.result("2"), run.beat("2")) == ("stale", "stale"), "it is the fleet's"
    assert run.result("2", "b", "") == "stale"
    assert part.dump() == before
    assert [e[0] for e in run.events()] == ["claim", "release", "claim", "lapse"]
    claim = run.back()
    assert claim.values[2].split("|")[:3] == ["l", "2", "r"]
    assert part.settle(run.w, run.s, [Settle(claim, [("p", 0, "2,0,u,in;")], identity=claim.live)])[0] == ["ok"]
    assert run.result("2") == "stale"
    post(part, run.run, run.w, run.s, attempt=2)
    assert run.result("2") == "stale", "that was of the attempt before"
    for fence in "345":
        assert run.claim()[0][3] == fence, "what this attempt says counts: three lapses"
        assert run.lapse() == 1
    assert run.back().values[2].split("|")[:3] == ["l", "5", "r"]


def test_a_timeout_of_one_whose_first_lapse_is_the_last(part):
    run = Run(part, at_once="!", timeout=30000)
    run.claim()
    run.shift(first=1, until=1)
    assert part.fire()[0] == 1
    part.check([run.run])
    assert run.back().values[2].split("|")[:3] == ["t", "1", "r"]


def test_a_result_behind_the_lease_counts_until_the_lapse_is_seen(part):
    run = Run(part, at_once="!")
    run.claim()
    run.shift(until=1)
    assert run.result("1") == "ok"
    assert part.fire()[0] == 0
    part.check([run.run])
    assert run.back().values[2].split("|")[0] == "c"


def test_a_timeout_counts_from_the_first_claim(part):
    run = Run(part, timeout=30000)
    run.claim()
    first = int(run.claimed()["first"])
    assert part.client.zscore(part.key("timers"), run.run + "/1") == first + 30000
    run.result("1", "b", "")
    assert part.client.zscore(part.key("timers"), run.run + "/1") == first + 30000
    run.claim("other")
    assert int(run.claimed()["first"]) == first
    run.shift(first=1)
    assert run.part.tasks(QUEUE, "other", beats=[[run.run, 1, 1, 2, ""]])[1] == ["stale"]
    assert part.fire()[0] == 1
    part.check([run.run])
    assert run.result("2") == "stale"
    assert run.back().values[2].split("|")[:3] == ["t", "2", "other"]


def test_a_timeout_while_nobody_has_it(part):
    run = Run(part, timeout=30000)
    run.claim()
    run.result("1", "b", "")
    run.shift(first=1)
    assert run.part.tasks(QUEUE, "other", want=1)[2] == []
    assert part.fire()[0] == 1
    part.check([run.run])
    assert run.back().values[2].split("|")[0] == "t"


def test_fences_go_on_in_the_next_attempt(run):
    part = run.part
    run.claim()
    assert run.result("1", "f", '{"code":"x"}') == "ok"
    claim = run.back()
    ops = [("p", 0, "2,0,,in;")]
    assert part.settle(run.w, run.s, [Settle(claim, ops, identity=claim.live)])[0] == ["ok"]
    part.check([run.run])
    assert part.tokens(run.run) == {1: "0||2|0|0|q"}
    assert run.result("1") == "stale"
    post(part, run.run, run.w, run.s, attempt=2)
    assert run.result("1") == "stale", "that was of the attempt before"
    assert run.claim() == [[run.run, "1", "1", "2", TASK]]
    assert run.result("2") == "ok"


def test_the_next_attempt_settles_without_being_a_task(run):
    part = run.part
    run.claim()
    run.result("1", "f", '{"code":"x"}')
    claim = run.back()
    assert part.settle(run.w, run.s, [Settle(claim, [("p", 0, "2,0,,in;")], identity=claim.live)])[0] == ["ok"]
    assert part.settle(run.w, run.s, [Settle(run.back(), [("e", 2, "0,0;")])])[0] == ["ok"]
    part.check([run.run])


def test_a_cancelled_run(run):
    run.claim()
    assert run.part.cancel(run.run) == "cancelled"
    assert (run.beat("1"), run.result("1")) == ("gone", "gone")
    run.shift(until=1)
    assert run.part.fire() == (0, None)
    assert run.part.forget(run.run) == 1
    assert (run.beat("1"), run.result("1")) == ("gone", "gone")


def test_entries_of_cancelled_runs_are_dropped_and_the_rest_is_found(part):
    runs = [Run(part, n) for n in range(1, 6)]
    for one_of in runs[:4]:
        assert part.cancel(one_of.run) == "cancelled"
    tasks, cursor = part.tasks(QUEUE, want=1)[2:]
    assert [t[0] for t in tasks] == [runs[4].run] and part.entries(QUEUE) == []
    assert cursor == part.client.xinfo_stream(part.key("q:" + QUEUE))["last-generated-id"]


def test_a_fleet_worker_that_was_overtaken_cannot_end_a_task(part):
    run = begin(part)
    w, s = worker(part)
    old = one(part, w, s)
    part.lapse(w)
    w2, s2 = worker(part, "w2")
    taken, = part.reclaim(w2, s2, w)
    ops = [("r", "1,0,d5,0,%s,in;" % QUEUE, TASK)]
    assert part.settle(w2, s2, [Settle(taken, ops, identity=taken.live, kind="w")])[0] == ["ok"]
    part.check([run])
    assert part.tokens(run) == {1: "0||1|1|0|r"}
    again = Settle(old, ops, identity=old.live, kind="w")
    assert part.settle(w, s, [again])[0] == ["stale"]
    assert part.settle(w, s, [Settle(old, failed=True)])[0] == ["held"]
    part.check([run])


def test_a_success_of_who_was_overtaken_ends_the_task(part):
    run = begin(part)
    w, s = worker(part)
    old = one(part, w, s)
    part.lapse(w)
    w2, s2 = worker(part, "w2")
    taken, = part.reclaim(w2, s2, w)
    ops = [("r", "1,0,d5,0,%s,in;" % QUEUE, TASK)]
    assert part.settle(w2, s2, [Settle(taken, ops, identity=taken.live, kind="w")])[0] == ["ok"]
    assert part.settle(w, s, [Settle(old, [("e", 2, "0,0;")])])[0] == ["ok"]
    part.check([run])
    assert part.tasks(QUEUE, want=1)[2] == [] and part.entries(QUEUE) == []


@pytest.mark.parametrize("a, b", [
    ("1,0,d5,0,%s" % QUEUE, TASK), ("2,0,d5,0,%s,in;" % QUEUE, TASK), ("1,7,d5,0,%s,in;" % QUEUE, TASK),
    ("1,0,,0,%s,in;" % QUEUE, TASK), ("1,0,d5,x,%s,in;" % QUEUE, TASK), ("1,0,d5,0,a b,in;", TASK),
    ("1,0,d5,0,%s,in;" % QUEUE, ""), ("1,0,d5,%s,%s,in;" % ("9" * 16, QUEUE), TASK), ("", ""),
    ("1,0,d5,0!!,%s,in;" % QUEUE, TASK), ("1,0,d5,!,%s,in;" % QUEUE, TASK), ("1,0,d5,0?,%s,in;" % QUEUE, TASK),
])
def test_malformed_plans_are_bad(part, a, b):
    run = begin(part)
    w, s = worker(part)
    claim = one(part, w, s)
    before = part.dump()
    assert part.settle(w, s, [Settle(claim, [("r", a, b)], identity=claim.live, kind="w")])[0] == ["bad"]
    assert part.settle(w, s, [Settle(claim, [("r", "1,0,d5,0,%s,in;" % QUEUE, TASK)], identity=claim.live,
                                     kind="x")])[0] == ["bad"]
    assert part.dump() == before
    part.check([run])


def item(run="x", number="1", incarnation="1", fence="1"):
    return [run, number, incarnation, fence]


@pytest.mark.parametrize("args", [
    (), ("q",), ("q", "r"), ("q", "r", 60000, 1), ("q", "r", 60000, 1, 0), ("q", "r", 60000, 1, 1, 0),
    ("a b", "r", 60000, 1, 0, 0), ("", "r", 60000, 1, 0, 0), ("q|", "r", 60000, 1, 0, 0),
    ("q" * 257, "r", 60000, 1, 0, 0), ("q", "", 60000, 1, 0, 0), ("q", "a|b", 60000, 1, 0, 0),
    ("q", "a b", 60000, 1, 0, 0), ("q", "\u00e9", 60000, 1, 0, 0), ("q", "r" * 129, 60000, 1, 0, 0),
    ("q", "r", 999, 1, 0, 0), ("q", "r", 3600001, 1, 0, 0), ("q", "r", "x", 1, 0, 0),
    ("q", "r", 60000, 1001, 0, 0), ("q", "r", 60000, -1, 0, 0), ("q", "r", 60000, 1, 10001, 0),
    ("q", "r", 60000, 1, 0, 10001), ("q", "r", 60000, 1, 0, 0, "more"),
    ("q", "r", 60000, 1, 1, *item(number="x"), "c", "{}", 0), ("q", "r", 60000, 1, 1, *item(run=""), "c", "{}", 0),
    ("q", "r", 60000, 1, 1, *item(fence="-1"), "c", "{}", 0),
    ("q", "r", 60000, 1, 1, *item(run="a b"), "c", "{}", 0),
    ("q", "r", 60000, 1, 0, 1, *item(incarnation=""), ""),
])
def test_arguments_that_make_no_sense_change_nothing(run, args):
    run.claim()
    before = run.part.dump()
    with pytest.raises(Exception, match="ARGS"):
        run.part.raw("tasks", *args)
    assert run.part.dump() == before


def test_the_fleets_queue_is_none_of_tasks(part):
    run = begin(part)
    with pytest.raises(Exception, match="one of the fleet"):
        part.tasks("default", want=1)
    part.check([run])


def test_strays_are_dropped_and_counted(run):
    part = run.part
    for fields in ({"x": "y"}, {"r": run.run, "n": "1", "m": "x"}, {"r": run.run, "n": "z", "m": "1|1"}):
        part.client.xadd(part.key("q:" + QUEUE), fields)
    assert len(run.claim(want=10)) == 1
    assert part.client.hget(part.key("meta"), "strays") == "3" and part.entries(QUEUE) == []


def test_a_held_partition_and_one_that_is_not_there(run):
    part = run.part
    part.client.hset(part.key("meta"), "hold", "rebuild")
    before = part.dump()
    with pytest.raises(Refused, match="hold"):
        part.tasks(QUEUE, want=1)
    assert part.dump() == before
    part.client.hdel(part.key("meta"), "hold")
    empty = Partition(part.client, 999999, texts=part.texts)
    with pytest.raises(Refused, match="none"):
        empty.tasks(QUEUE, want=1)
    assert empty.dump() == {}


def test_cursors_ring_for_what_was_not_looked_at(part):
    assert part.tasks(QUEUE)[3] == part.tasks(QUEUE, want=1)[3] == "0-0"
    runs = [Run(part, n) for n in range(1, 4)]
    ids = [i for i, _ in part.entries(QUEUE)]
    assert part.tasks(QUEUE)[3] == "0-0", "nothing was looked at"
    assert part.tasks(QUEUE, want=1)[3] == ids[0]
    assert part.tasks(QUEUE, want=5)[3] == ids[2]
    assert part.tasks(QUEUE)[3] == ids[2]
    part.check([r.run for r in runs])


def test_a_reply_is_bounded_by_bytes(part):
    large = json.dumps({"x": "y" * 600000})
    runs = [Run(part, n, task=large) for n in range(1, 5)]
    assert [len(part.tasks(QUEUE, want=10)[2]) for _ in range(3)] == [2, 2, 0]
    part.check([r.run for r in runs])


def test_all_in_one_call(part):
    runs = [Run(part, n) for n in range(1, 5)]
    first = part.tasks(QUEUE, want=3)[2]
    a, b, c = (t[:4] for t in first)
    results, beats, tasks, _ = part.tasks(QUEUE, results=[[*a, "c", '{"output":1}'], [*b, "b", ""], [*a, "c", "{}"]],
                                          beats=[[*c, '{"progress":1}'], [*c, ""], [*a, ""]], want=5)
    assert (results, beats) == (["ok", "ok", "ok"], ["ok", "ok", "stale"])
    assert [t[0] for t in tasks] == [runs[3].run]
    part.check([r.run for r in runs])
    assert [t[0] for t in part.tasks(QUEUE, want=5)[2]] == [runs[1].run]
    part.check([r.run for r in runs])


def test_other_queues_tasks_stay(part):
    run = Run(part)
    assert part.tasks("function:g", want=1)[2] == []
    part.client.xadd(part.key("q:function:g"), {"r": run.run, "n": "1", "m": "1|1"})
    assert part.tasks("function:g", want=1)[2] == [], "an entry of another queue's task"
    part.check([run.run])


def test_keys_of_the_wrong_type(part):
    part.client.set(part.key("run:x"), "no hash")
    assert part.tasks(QUEUE, results=[["x", 1, 1, 1, "c", '{"output":1}']])[0] == ["gone"]
    part.client.set(part.key("q:" + QUEUE), "no stream")
    with pytest.raises(Exception, match="WRONGTYPE"):
        part.tasks(QUEUE, want=1)


def test_it_stays_in_one_slot(redis_cluster_server):
    part = Partition(redis_cluster_server.client(), next(NUMBERS))
    part.open()
    run = Run(part)
    run.claim()
    run.lapse()
    run.claim()
    assert run.result("2") == "ok"


def test_entries_that_stand_for_nothing(run):
    part = run.part
    part.client.xadd(part.key("q:" + QUEUE), {"r": run.run, "n": "1", "m": "1|2"})  # of another attempt
    part.client.xadd(part.key("q:" + QUEUE), {"r": run.run, "n": "1", "m": "2|1"})
    part.client.xadd(part.key("q:" + QUEUE), {"r": run.run, "n": "2", "m": "1|1"})
    part.client.xadd(part.key("q:" + QUEUE), {"r": run_id(9), "n": "1", "m": "1|1"})
    assert len(part.tasks(QUEUE, want=1)[2]) == 1
    part.client.xadd(part.key("q:" + QUEUE), {"r": run.run, "n": "1", "m": "1|1"})  # somebody has it
    assert part.tasks(QUEUE, "other", want=1)[2] == []
    part.check([run.run])
    assert part.entries(QUEUE) == []


# --- Who serves what ---

def remotes(part):
    """worker -> (until, queues)."""
    found = part.client.hgetall(part.key("remotes"))
    return {name: (int(value.split("|")[0]), value.split("|", 1)[1]) for name, value in found.items()}


def test_who_calls_serves(part):
    def now():
        seconds, micros = part.client.time()
        return seconds * 1000 + micros // 1000
    before = now()
    part.tasks("function:f", "a", want=1, lease=1000)
    part.tasks("tool:t", "a", want=0, lease=60000)
    part.tasks("function:f", "b", want=1, lease=1000)
    found = remotes(part)
    assert {name: queues for name, (_, queues) in found.items()} == {"a": "function:f,tool:t", "b": "function:f"}
    assert before + 60000 <= found["a"][0] <= now() + 60000, "its lease, when that is longer"
    assert before + 15000 <= found["b"][0] <= now() + 15000
    part.tasks("function:f", "b", want=1, lease=1000)
    assert remotes(part) == found, "not written anew at every call"
    part.client.hset(part.key("remotes"), "b", "%d|function:f" % (now() + 9000))
    part.tasks("function:f", "b", want=1, lease=1000)
    assert remotes(part)["b"][0] >= before + 15000, "but in time"


def test_a_queue_within_anothers_name_is_another(part):
    for queue in ("function:long", "function:lo", "function:l", "function:long"):
        part.tasks(queue, "a", want=1)
    assert remotes(part)["a"][1] == "function:long,function:lo,function:l"


def test_who_went_long_ago_makes_room(part):
    now = part.client.time()[0] * 1000
    gone = {"gone%d" % i: "%d|function:f" % (now - 61000) for i in range(5000)}
    part.client.hset(part.key("remotes"), mapping={**gone, "lately": "%d|function:f" % (now - 1000)})
    part.tasks("function:f", "a", want=1)
    assert set(remotes(part)) == {"a", "lately"}


def test_refused_calls_say_nothing(part):
    part.client.hset(part.key("meta"), "hold", "rebuild")
    with pytest.raises(Refused, match="hold"):
        part.tasks("function:f", "a", want=1)
    part.client.hdel(part.key("meta"), "hold")
    with pytest.raises(Exception, match="ARGS"):
        part.tasks("function:f", "a", want=1, lease=1)
    assert remotes(part) == {}
    part.client.set(part.key("remotes"), "no hash")
    before = part.dump()
    with pytest.raises(Exception, match="WRONGTYPE"):
        part.tasks("function:f", "a", want=1)
    assert part.dump() == before
