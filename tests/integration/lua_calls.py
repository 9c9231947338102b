"""Calls the scripts of lua/ as the programs do, and looks at everything they leave behind.

The texts are those of the build (scripts/embed), the calls, the ledger's reader and the checks are
written again here, so that a mistake in lib/protocol does not hide one in lua/.
"""
import importlib.machinery
import importlib.util
import itertools
import os
import re

import pytest
import redis

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
FAR = 4102444800000  # not_after: the year 2100


def _embed():
    loader = importlib.machinery.SourceFileLoader("embed", os.path.join(ROOT, "scripts", "embed"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("embed", loader))
    loader.exec_module(module)
    return module


def script_texts():
    """name -> text as Redis gets it. TROUPE_LUA_DIR: another lua/, with a mistake in it."""
    embed = _embed()
    return {name: "\n".join(embed.strip(lines)) + "\n"
            for name, lines in embed.scripts(os.environ.get("TROUPE_LUA_DIR") or os.path.join(ROOT, "lua"))}


class Claim:
    def __init__(self, flat):
        (self.queue, self.id, self.run, self.number, self.live, self.incarnation, self.digest,
         self.wanted) = flat[:8]
        self.values = flat[8:]
        self.node, self.scope, attempt, generation, deliveries, self.state = self.live.split("|")
        self.attempt, self.generation, self.deliveries = map(int, (attempt, generation, deliveries))

    def __repr__(self):
        return "Claim(%s #%s %s)" % (self.run, self.number, self.live)

    @property
    def names(self):
        return [n for n in re.split("[,;]", self.wanted) if n]


class Settle:
    """One token's arguments: a success unless `failed`. steps: [(next node, output value, record)]; then `node` is
    the last one's, and output and operations are of it."""

    def __init__(self, claim, ops=(), output=None, failed=False, record=None, steps=(), **changes):
        self.claim = claim
        self.steps = list(steps)
        self.ops = [("f", "", "")] if failed else list(ops)
        node, scope = claim.node, claim.scope
        identity = "%s|%s|%d|" % (node, scope, claim.attempt)
        args = {
            "run": claim.run, "incarnation": claim.incarnation, "number": claim.number,
            "identity": identity + ("%d|" % claim.generation if failed and not steps else ""),
            "queue": claim.queue, "id": claim.id,
            "field": "" if output is None else "o%s|%s" % (steps[-1][0] if steps else node, scope),
            "value": output or "",
            "kind": {"c": "n", "o": "o"}.get(node, "x"),
            "record": record or "%s/%s" % (claim.run, claim.number),
        }
        args.update(changes)
        self.args = args

    def flat(self):
        a = self.args
        out = [a["run"], a["incarnation"], a["number"], a["identity"], a["queue"], a["id"],
               a["field"], a["value"], a["kind"], a["record"],
               "%d,%d" % (len(self.ops), len(self.steps)) if self.steps else len(self.ops)]
        for triple in self.ops + self.steps:
            out += triple
        return out


def read_netstring(text, at):
    """The part at `at`, whose length is of its bytes, and where it ends in the text."""
    colon = text.index(":", at)
    size = int(text[at:colon])
    part = text[colon + 1:colon + 1 + size].encode()
    assert len(part) >= size, "a record is cut off"
    part = part[:size].decode()
    return part, colon + 1 + len(part)


def read_records(body):
    """[(kind, caller's part, script's part)] of a ledger entry."""
    records, at = [], 0
    while at < len(body):
        kind = body[at]
        callers, at = read_netstring(body, at + 1)
        scripts, at = read_netstring(body, at)
        records.append((kind, callers, scripts))
    return records


def check_beside_run(run, fields, values):
    """fields: of its hash, empty when it is forgotten; values: n -> what lives beside it."""
    counts = {f[1:]: int(v) for f, v in fields.items() if re.match(r"^v\d+$", f)}
    assert set(values) <= set(counts), (run, "beside it, and not named by it", set(values) - set(counts))
    assert bool(fields.get("v")) >= bool(counts), (run, "forget would not look for them", counts)
    if not fields or not fields["h"].startswith("r"):
        return
    found = {}
    for field, value in fields.items():
        match = re.match(r"^(|[cf][#\d]*\|\d+\|\d+\|\d+\|)@(\d+),(\d+)$", value)
        if match and (field[0] in "oq" or field == "in"):
            head, n, length = match.groups()
            assert n in values, (run, field, value, "refers to nothing")
            assert values[n].startswith(head) and len(values[n].encode()) == int(length), (run, field, value)
            found[n] = found.get(n, 0) + 1
    assert found == counts, (run, "references", found, "counted as", counts)
    assert set(values) == set(counts), (run, counts, set(values))


class Refused(Exception):
    """A whole call was refused: the reply's first word."""


class Partition:
    """One partition, with the queues that a worker of it serves."""

    def __init__(self, client, number, queues=("default",), epoch="1", texts=None):
        self.client, self.number, self.epoch = client, number, epoch
        self.queues = list(queues)
        self.prefix = "troupe:{%d}:" % number
        self.texts = texts or script_texts()
        self.shas = {}
        self.limit = None  # of values in the hash; None: the script's own

    def key(self, name):
        return self.prefix + name

    def raw(self, script, *args):
        if script not in self.shas:
            self.shas[script] = self.client.script_load(self.texts[script])
        try:
            return self.client.evalsha(self.shas[script], 1, self.key("meta"), *args)
        except redis.exceptions.NoScriptError:
            return self.client.eval(self.texts[script], 1, self.key("meta"), *args)

    def call(self, script, *args):
        """What stands behind `ok` and the time."""
        reply = self.raw(script, self.epoch, *args)
        if reply[0] != "ok":
            raise Refused(" ".join(reply))
        assert re.match(r"^\d{16}$", reply[1]), reply[1]
        return reply[2:]

    def named_queues(self, queues=None):
        queues = self.queues if queues is None else queues
        return [len(queues), *queues]

    def budget(self, operations):
        return operations if self.limit is None else "%d,%d" % (operations, self.limit)

    def open(self, epoch=None):
        self.epoch = epoch or self.epoch
        return self.call("open", 1, 16, *self.queues)[0]

    def start(self, run, entries, **more):
        return self.start_all([self.begin_args(run, entries, **more)])[0]

    def start_all(self, runs, budget=512):
        """Results of several that begin in one call; runs: lists of begin_args."""
        flat = [x for run in runs for x in run]
        results, = self.call("start", self.budget(budget), *self.named_queues(), len(runs), *flat)
        assert len(results) == len(runs)
        return results

    @staticmethod
    def begin_args(run, entries, digest="d1", fin="", inbox="", part=None, incarnation=1, not_after=FAR,
                   data='{"x":1}', deadline=0, executed=()):
        """entries: [(node, queue, wanted)]; executed: [Settle], of a first_claim each."""
        flat = [x for e in entries for x in e]
        part = part or "".join("%d:%s" % (len(x), x) for x in (run, "w", "1", digest, data, "{}",
                                                                 "0", inbox, '{"id":1}', str(deadline)))
        settled = [x for s in executed for x in s.flat()]
        return [run, incarnation, digest, fin, '{"id":1}', data, not_after, deadline, part, inbox, len(entries), *flat,
                len(executed), *settled]

    def hello(self, consumer, limit=100, origin="", lease=60000, queues=None):
        session, following, claims, had = self.call("hello", consumer, lease, origin, limit,
                                                    *self.named_queues(queues))
        self.had_session = had == "1"  # this name, before
        return session, following, [Claim(c) for c in claims]

    def settle(self, consumer, session, tokens=(), want=0, budget=512, adopt=(), queues=None, keep=0):
        flat = [x for t in tokens for x in t.flat()]
        want = "%d,%d" % (want, keep) if keep else want
        results, claims = self.call(
            "settle", consumer, session, self.budget(budget), want, *self.named_queues(queues), len(adopt),
            *[x for a in adopt for x in a], len(tokens), *flat)
        assert len(results) == len(tokens)
        return results, [Claim(c) for c in claims]

    def claim(self, consumer, session, want=100, **more):
        return self.settle(consumer, session, want=want, **more)[1]

    def beat(self, consumer, session, lease=60000):
        return self.call("beat", consumer, session, lease)

    def reclaim(self, consumer, session, lapsed, limit=100, queues=None):
        return [Claim(c) for c in self.call("reclaim", consumer, session, lapsed, limit,
                                            *self.named_queues(queues))[0]]

    def leave(self, consumer, session, queues=None):
        return self.call("leave", consumer, session, *self.named_queues(queues))[0]

    def load(self, digest, rows):
        self.call("load", digest, len(rows), *[x for r in rows.items() for x in r])

    def cancel(self, run):
        part = "".join("%d:%s" % (len(x), x) for x in (run, "cancel", "c1", "test"))
        return self.call("cancel", run, part)[0]

    def fire(self, most=100):
        """How many timers had an effect, and when the next is due (ms; None: there is none)."""
        fired, due = self.call("fire", most)
        return int(fired), int(due) if due else None

    def tasks(self, queue, worker="r", results=(), beats=(), want=0, lease=60000):
        """(results, beats, tasks, cursor) of the script that remote workers call; it has no epoch."""
        reply = self.raw("tasks", queue, worker, lease, want, len(results), *[x for r in results for x in r],
                         len(beats), *[x for b in beats for x in b])
        if reply[0] != "ok":
            raise Refused(" ".join(reply))
        assert re.match(r"^\d{16}$", reply[1]), reply[1]
        return reply[2:]

    def forget(self, *runs):
        return int(self.call("forget", len(runs), *runs)[0])

    # --- what there is ---

    def lapse(self, consumer, since_ms=1):
        """Makes the lease of a consumer end that long ago."""
        now = self.client.time()
        session = self.client.hget(self.key("workers"), consumer).split("|")[0]
        ended = now[0] * 1000 + now[1] // 1000 - since_ms
        self.client.hset(self.key("workers"), consumer, "%s|%d" % (session, ended))

    def head(self, run):
        h = self.client.hget(self.key("run:" + run), "h")
        if h is None:
            return None
        status, incarnation, counter, joins, last, events = h.split("|")
        return {"status": status, "incarnation": int(incarnation), "counter": int(counter),
                "open": int(joins), "last": int(last), "events": int(events)}

    def tokens(self, run):
        """number -> live field"""
        fields = self.client.hgetall(self.key("run:" + run))
        return {int(f[1:]): v for f, v in fields.items() if re.match(r"^t\d+$", f)}

    def ledger(self):
        """[(id, [records])]"""
        return [(i, read_records(f["b"])) for i, f in self.client.xrange(self.key("ledger"))]

    def records(self):
        return [r for _, records in self.ledger() for r in records]

    def entries(self, queue):
        return self.client.xrange(self.key("q:" + queue))

    def pending(self, queue, consumer=None):
        return self.client.xpending_range(self.key("q:" + queue), "fleet", "-", "+", 100000,
                                          consumername=consumer)

    def dump(self):
        """Everything of the partition but who serves tasks, to see that a refused call changed nothing."""
        out = {}
        for key in sorted(self.client.scan_iter(self.prefix + "*", count=1000)):
            if key == self.key("remotes"):
                continue
            kind = self.client.type(key)
            if kind == "hash":
                out[key] = self.client.hgetall(key)
            elif kind == "stream":
                out[key] = self.client.xrange(key)
                try:
                    out[key + " pending"] = [
                        (p["message_id"], p["consumer"])
                        for p in self.client.xpending_range(key, "fleet", "-", "+", 100000)]
                except redis.ResponseError:
                    pass
            elif kind == "zset":
                out[key] = self.client.zrange(key, 0, -1, withscores=True)
            else:
                out[key] = self.client.get(key)
        return out

    # --- what must always hold ---

    def check(self, runs, queues=None):
        """Of each run: the counter is the number of live tokens, no join record is unaccounted for,
        every live token has exactly one entry that is pending or still to come, or none and a
        timer when it is parked, or is a task: see _check_task. Of the ledger: ids and events without a gap, deltas that add up to the counter."""
        queues = self.queues if queues is None else queues
        with self.client.pipeline(transaction=False) as pipe:
            for queue in queues:
                key = self.key("q:" + queue)
                pipe.xinfo_groups(key)
                pipe.xpending_range(key, "fleet", "-", "+", 100000)
                pipe.xrange(key)
            pipe.zrange(self.key("timers"), 0, -1, withscores=True)
            pipe.hget(self.key("meta"), "seq")
            pipe.xrange(self.key("ledger"))
            for run in runs:
                pipe.hgetall(self.key("run:" + run))
            replies = iter(pipe.execute())
        places = {}
        for queue in queues:
            self._check_queue(queue, next(replies)[0], next(replies), next(replies), places)
        timers = dict(next(replies))
        sums, events = self._check_ledger(next(replies), next(replies))
        hashes = {run: next(replies) for run in runs}
        self._move_places(hashes, places)
        self._find_tasks(hashes, places)
        self.check_beside(runs)
        for run, fields in hashes.items():
            if fields:
                self._check_run(run, fields, places, timers, sums.get(run, 0), events.get(run, 0))
        return hashes

    def beside(self, run):
        """n -> value that lives beside the run."""
        start = self.key("v:%s:" % run)
        return {key[len(start):]: self.client.get(key) for key in self.client.scan_iter(start + "*", count=1000)}

    def check_beside(self, runs):
        """Every reference of a run that runs has its key, and every key as many references as its `v<n>` says; what
        is there of a run that is over, `forget` will find."""
        left = set(self.client.scan_iter(self.key("v:*"), count=1000))
        for run in runs:
            fields = self.client.hgetall(self.key("run:" + run))
            keys = {k: self.client.get(k) for k in left if k.startswith(self.key("v:%s:" % run))}
            left -= set(keys)
            check_beside_run(run, fields, {k.rsplit(":", 1)[1]: v for k, v in keys.items()})

    def _find_tasks(self, hashes, places):
        """The entries of the task streams that claims name, of runs that still run."""
        queues = {value.split("|")[7] for fields in hashes.values() if fields
                  for field, value in fields.items() if re.match(r"^b\d+$", field)} - {""}
        for queue in queues:
            for entry, fields in self.entries(queue):
                head = hashes.get(fields["r"])
                incarnation, attempt = fields["m"].split("|")
                live = head and head.get("t" + fields["n"])
                if live and live.endswith("|r") and live.split("|")[2] == attempt \
                        and head["h"].split("|")[:2] == ["r", incarnation]:
                    places.setdefault((fields["r"], int(fields["n"])), []).append((queue, entry))

    @staticmethod
    def _move_places(hashes, places):
        """Entries that were handed on stand for the token that their run names, and are pending."""
        at = {place: run_and_number for run_and_number, found in places.items() for place in found}
        for run, fields in hashes.items():
            if not fields or not fields["h"].startswith("r"):
                continue
            for field, value in fields.items():
                if not re.match(r"^e\d+-\d+\|", field):
                    continue
                place = tuple(reversed(field[1:].split("|")))
                assert place in at, "%s: %s=%s, and no such entry" % (run, field, value)
                places[at[place]].remove(place)
                places.setdefault((run, int(value.split("|")[0])), []).append(place)

    @staticmethod
    def _check_queue(queue, group, pending, entries, places):
        delivered = tuple(map(int, group["last-delivered-id"].split("-")))
        pending = {p["message_id"] for p in pending}
        for entry, fields in entries:
            place = (fields["r"], int(fields["n"]))
            places.setdefault(place, []).append((queue, entry))
            if entry not in pending:
                assert tuple(map(int, entry.split("-"))) > delivered, \
                    "%s of %s is neither pending nor to come" % (entry, place)
        lost = pending - {entry for entry, _ in entries}
        assert not lost, "pending, but gone from the stream: %s" % lost

    @staticmethod
    def _check_run(run, fields, places, timers, total, events):
        status, _, counter, joins_open, last, recorded = fields["h"].split("|")
        counter = int(counter)
        live = {int(f[1:]): v for f, v in fields.items() if re.match(r"^t\d+$", f)}
        joins = [f for f in fields if re.match(r"^j\d+\|", f)]
        stored = {int(f[1:]) for f in fields if re.match(r"^c\d+$", f)}
        assert counter == total, (run, fields["h"], "the deltas add up to", total)
        assert int(recorded) == events, (run, fields["h"], "events in the ledger", events)
        if status != "r":
            assert counter == 0, (run, fields["h"])
            assert status != "c" or not (live or joins or stored), (run, fields)
            return
        assert counter == len(live) > 0, (run, fields["h"], live)
        assert int(joins_open) == len(joins), (run, fields["h"], joins)
        assert stored == {n for n, v in live.items() if v.startswith("c|")}, (run, fields)
        for field in fields:
            if re.match(r"^[pwby]\d+$", field):
                assert int(field[1:]) in live, "%s has %s of no live token" % (run, field)
        for number in live:
            at = places.get((run, number), [])
            Partition._check_task(run, number, fields, at, timers)
            if live[number].endswith("|r"):
                continue
            parked = live[number].endswith("|p")
            assert len(at) == (0 if parked else 1), "%s #%d has the entries %s" % (run, number, at)
            assert not parked or "%s/%d" % (run, number) in timers, "%s #%d has no timer" % (run, number)
            assert number <= int(last)

    @staticmethod
    def _check_task(run, number, fields, at, timers):
        """A task has its claim, its text and no result, and either a holder and a timer, or one entry that can be
        claimed, and a timer if its time runs; what came back has a result. Nobody else has any of it."""
        state = fields["t%d" % number][-1]
        has = {kind for kind in "pwby" if "%s%d" % (kind, number) in fields}
        what = "%s #%d, %s" % (run, number, fields["t%d" % number])
        if state == "f" and "y" in has:
            assert has == {"p", "b", "y"}, (what, has)
        elif state != "r":
            assert has <= {"p", "b"}, (what, has)
            assert "b" not in has or re.match(r"^\d+(\|\|0|\|\|0\|0)", fields["b%d" % number]), what
        else:
            assert has == {"p", "w", "b"}, (what, has)
            fence, holder, until, first, lapses, since, timeout, _ = fields["b%d" % number].split("|")
            ends = [int(until)] if holder else []
            ends += [int(first) + int(timeout)] if int(first) and int(timeout) else []
            timer = timers.get("%s/%d" % (run, number))
            assert len(at) == (0 if holder else 1), "%s has the entries %s" % (what, at)
            assert timer == (min(ends) if ends else None), (what, timer, ends)
            assert int(lapses) < 3 and (not holder or int(first)) and bool(int(first)) == bool(int(since)), (what, fields["b%d" % number])

    def _check_ledger(self, seq, entries):
        sums, events, expected = {}, {}, 0
        for entry, fields in entries:
            expected += 1
            assert entry == "%s-%d" % (self.epoch, expected), (entry, expected)
            records = read_records(fields["b"])
            assert records, "an empty ledger entry"
            for kind, callers, scripts in records:
                if kind in "dr":
                    continue
                run = read_netstring(callers, 0)[0] if kind in "skg" else callers.split("/")[0]
                parts = scripts.split("|")
                delta = 0 if kind == "g" else int(parts[2] if kind in "xonw" else parts[1])
                sums[run] = sums.get(run, 0) + delta
                events[run] = events.get(run, 0) + 1
                assert int(parts[0]) == events[run], (run, scripts)
        assert seq == str(expected), (seq, expected)
        return sums, events


# --- what tests of the scripts begin with ---

TEXTS = script_texts()
NUMBERS = itertools.count(1000)


@pytest.fixture
def part(redis_server):
    """An open partition that no other test uses."""
    partition = Partition(redis_server.client(), next(NUMBERS), ["default", "heavy"], texts=TEXTS)
    partition.open()
    yield partition
    for key in partition.client.scan_iter(partition.prefix + "*", count=1000):
        partition.client.delete(key)


def run_id(n=1):
    return "01890000-0000-7000-8000-%012d" % n


def begin(partition, n=1, entries=((0, "default", "in;"),), **more):
    assert partition.start(run_id(n), entries, **more) == "started"
    return run_id(n)


def worker(partition, name="w"):
    return name, partition.hello(name)[0]


def one(partition, consumer, session):
    claims = partition.claim(consumer, session, want=1)
    assert len(claims) == 1
    return claims[0]
