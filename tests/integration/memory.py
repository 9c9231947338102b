"""Does anything grow? Much work of one kind, and the memory of Redis, worker and supervisor at several moments.

Redis must be as small after it as before: the same keys, and the same bytes but for an allowance that does not
grow with the work. Worker and supervisor may have grown only so much from the first third on.

What stays in Redis on purpose and is taken off: the last ledger entry of each partition, and for a minute the
runs that ended, so that none starts twice.
"""
import json
import os
import uuid

from load import PARTITIONS, left_in_redis, transform
from stack import SANITIZERS

SLACK = {"redis": 512 << 10, "worker": 4 << 20, "supervisor": 16 << 20}
WAVE = 2000  # runs that are under way at once
POINTS = 12  # moments at which memory is looked at


def plain_loop(count):
    """One token that goes round."""
    return {"metadata": {"name": "memory-loop"},
            "nodes": [{**transform("l", "iteration"),
                       "loop": {"condition": "iteration < context.n", "max_iterations": count}}]}


def overlapping_loop(count):
    """The join takes the quick branch; the other one is parked, and ends when later iterations have begun."""
    return {"metadata": {"name": "memory-overlap"},
            "nodes": [transform("h", "iteration"), {"id": "quick", "type": "noop"},
                      {"id": "slow", "type": "delay", "config": {"ms": 20}},
                      transform("c", "[ctx.h.output, input]"), {"id": "j", "type": "noop", "join": "any"},
                      {**transform("l", "iteration"),
                       "loop": {"condition": "iteration < context.n", "max_iterations": count,
                                "loop_back_to": "h"}}],
            "edges": [{"from": a, "to": b} for a, b in
                      (("h", "quick"), ("h", "slow"), ("slow", "c"), ("quick", "j"), ("c", "j"), ("j", "l"))]}


def small_chain():
    """Three nodes, one of them a join."""
    return {"metadata": {"name": "memory-chain"},
            "nodes": [transform("a", "{'n': input.n + 1}"),
                      transform("b", "input.n * 2"), {"id": "j", "type": "join"}],
            "edges": [{"from": "a", "to": "b"}, {"from": "a", "to": "j"}, {"from": "b", "to": "j"}]}


def resident(pid):
    with open("/proc/%d/status" % pid) as f:
        return next(int(line.split()[1]) << 10 for line in f if line.startswith("VmRSS:"))


class Memory:
    """A fleet of one supervisor and one worker, whose memory is looked at."""

    def __init__(self, stack):
        # Freed memory of an instrumented program is kept back for a while: not for long here.
        options = {"ASAN_OPTIONS": SANITIZERS["ASAN_OPTIONS"] + ":quarantine_size_mb=1:"
                                                                "thread_local_quarantine_size_kb=64"}
        self.stack = stack
        self.redis = stack.redis_client()
        self.redis.config_set("slowlog-log-slower-than", -1)  # its entries are memory, too
        self.redis.slowlog_reset()
        stack.migrate()
        self.supervisor = stack.start_supervisor(**options)
        self.worker = stack.start_worker(**options)
        self.points = []

    # --- what there is ---

    def ended_bytes(self):
        return sum(self.redis.memory_usage(key, samples=0) or 0 for key in self.redis.keys("troupe:{*}:ended"))

    def redis_bytes(self):
        """What the keys take: without buffers of clients and of the append-only file, and the script cache."""
        stats = self.redis.memory_stats()
        others = ("clients.normal", "aof.buffer", "lua.caches", "functions.caches")
        return stats["total.allocated"] - sum(stats[name] for name in others) - self.ended_bytes()

    def keys(self):
        """How many there are of each kind."""
        kinds = {}
        for key in self.redis.scan_iter(count=1000):
            kind = key.split("}:")[-1].split(":")[0]
            if kind != "ended":
                kinds[kind] = kinds.get(kind, 0) + 1
        return kinds

    def tidy(self):
        """Everything is archived and forgotten."""
        try:
            self.stack.wait_until(lambda: not left_in_redis(self.stack), 60)
        except AssertionError:
            raise AssertionError("left in Redis: %s" % left_in_redis(self.stack)) from None

    def settled(self):
        """How many entries the ledgers have had."""
        return sum(int(self.redis.hget("troupe:{%d}:meta" % p, "seq") or 0) for p in range(PARTITIONS))

    def look(self, done):
        self.points.append({"done": done, "redis": self.redis_bytes(), "worker": resident(self.worker.pid),
                            "supervisor": resident(self.supervisor.pid)})
        return done

    # --- work ---

    def status(self, run):
        rows = self.stack.sql("select status, output::text from v_runs where run_id = %s::uuid", run)
        return rows[0] if rows else (None, None)

    def warm_up(self, workflow, n):
        """A run in each partition, so that ledgers and join tables are there; programs and Redis have the
        memory that they need for anything."""
        for partition in range(PARTITIONS):
            self.redis.xadd("troupe:runs", {"workflow": workflow, "input": json.dumps({"n": n}),
                                            "run_id": str(uuid.uuid4())[:-4] + "%04x" % partition})
        done = "select 1 from run where status = 'completed'"
        self.stack.wait_until(lambda: len(self.stack.sql(done)) == PARTITIONS, what="a run in each partition")
        self.tidy()

    def go_round(self, definition, count, timeout_s):
        """One run that goes round so often, looked at on the way."""
        self.stack.deploy(definition)
        name = definition["metadata"]["name"]
        self.warm_up(name, 20)
        before, keys, began = self.redis_bytes(), self.keys(), self.settled()
        run = str(uuid.uuid4())
        self.redis.xadd("troupe:runs", {"workflow": name, "run_id": run, "input": json.dumps({"n": count})})
        next_look = 0

        def over():
            nonlocal next_look
            done = self.settled() - began
            if done >= next_look:
                next_look = self.look(done) + count // POINTS
            return self.status(run)[0] in ("completed", "failed")

        self.stack.wait_until(over, timeout_s, "the end of the loop")
        status, output = self.status(run)
        assert (status, output) == ("completed", json.dumps({"l": count}).replace(" ", "")), (status, output)
        self.tidy()
        self.look(self.settled() - began)
        self.check(before, keys)

    def many_runs(self, count, timeout_s):
        """So many runs, WAVE of them at a time."""
        self.stack.deploy(small_chain())
        self.warm_up("memory-chain", 1)
        before, keys, done = self.redis_bytes(), self.keys(), 0
        while done < count:
            self.submit(min(WAVE, count - done), timeout_s)
            done += min(WAVE, count - done)
            if done * POINTS // count > (done - WAVE) * POINTS // count:
                self.look(done)
        self.tidy()
        self.look(done)
        self.check(before, keys)
        assert self.stack.sql("select status, count(*) from run group by 1") == [
            ("completed", count + PARTITIONS)]

    def submit(self, count, timeout_s):
        pipe = self.redis.pipeline(transaction=False)
        for n in range(count):
            pipe.xadd("troupe:runs", {"workflow": "memory-chain", "input": '{"n":%d}' % n})
        pipe.execute()
        self.stack.wait_until(lambda: not self.redis.xlen("troupe:runs"), timeout_s, "a wave of runs accepted")
        self.stack.wait_until(lambda: not self.redis.keys("troupe:{*}:run:*"), timeout_s, "the end of a wave of runs")

    # --- judgement ---

    def check(self, before, keys):
        text = "\n".join("%9d done: Redis %8d KB, worker %6d KB, supervisor %6d KB" % (
            p["done"], p["redis"] >> 10, p["worker"] >> 10, p["supervisor"] >> 10) for p in self.points)
        print(text)
        after = self.redis_bytes()
        print("Redis before %d KB, after %d KB" % (before >> 10, after >> 10))
        assert self.keys() == keys, "keys of Redis: %s before, %s now" % (keys, self.keys())
        # Redis only estimates what `ended` takes.
        assert after - before < SLACK["redis"] + self.ended_bytes() // 10, text
        last = self.points[-1]["done"]
        late = [p for p in self.points if p["done"] >= last / 3]
        for program in ("worker", "supervisor"):
            grown = max(p[program] for p in late) - late[0][program]
            assert grown < SLACK[program], "%s grew by %d KB\n%s" % (program, grown >> 10, text)
