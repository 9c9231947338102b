"""Random flows on a fleet to which everything happens that may happen: the fleet, the faults, the account.

The schedule is made from a seed before anything starts. Where the fleet is when a fault comes is not in the
schedule, so a seed does not repeat a failure exactly; it repeats the flows, the faults and their order.

What is not done here: Redis loses or forgets what it acknowledged.
"""
import collections
import json
import random
import time
import uuid

from flow_interpreter import Replay
from flow_random import HOUR_MS, RandomFlow
from load import PARTITIONS, check_record, check_redis_is_empty
from resp_proxy import RespProxy
from test_random_flows import read_record

LEASE_S = 1
QUEUE = "troupe:{%d}:q:default"
SPLIT_BRAIN_S = 15  # how long another supervisor may take to notice
OWNER_S = 10
AIM_S = .5

# How often each fault strikes in a schedule of weight 1.
FAULTS = {"kill_worker": 10, "kill_all": 1, "kill_owner": 5, "kill_supervisor": 2, "stop_worker": 6, "stop_owner": 4,
          "script_flush": 3, "client_kill": 4, "redis_restart": 1, "redis_kill": 2, "redis_stop": 2,
          "postgres_restart": 1, "postgres_crash": 2, "postgres_terminate": 2, "drain_worker": 3,
          "drain_supervisor": 2, "lose_messages": 20}
# What the proxy does to what: (kind, script or command), None for anything.
LOSSES = [("swallow", "settle"), ("swallow_part", "settle"), ("replay", "settle"), ("late", "settle"),
          ("replay", "settle"), ("late", "settle"), ("replay", "settle"), ("late", "settle"),
          ("drop", "settle"), ("drop_part", "settle"), ("swallow", "start"), ("replay", "start"),
          ("swallow", "hello"), ("replay", "hello"), ("swallow", "reclaim"), ("replay", "reclaim"),
          ("swallow", "XREADGROUP"), ("replay", "XREADGROUP"), ("late", "XREADGROUP"), ("swallow", "beat"),
          ("replay", "forget"), ("swallow", "forget"), ("swallow", "fire"), ("replay", "fire"),
          ("late", "fire"), ("swallow", "leave"), ("swallow", "load"), ("replay", "load"),
          ("swallow", "open"), ("replay", "XTRIM"), ("swallow", None), ("drop", None), ("replay", None)]


class Account(collections.Counter):
    """What happened. `must` names what has to, or nothing was shown of it."""

    def require(self, must):
        print("\n".join("%8d  %s" % (self[what], what) for what in sorted(set(self) | set(must))))
        missing = [what for what in must if not self[what]]
        assert not missing, "inconclusive: never happened: %s" % missing


class Run:
    def __init__(self, flow, rnd):
        self.flow, self.id = flow, str(uuid.UUID(int=rnd.getrandbits(128), version=4))
        self.input = {"other": 1} if rnd.random() < .1 else {"v": rnd.randint(0, 99)}
        # A node that waits an hour ends by cancellation alone.
        self.waits = any(node.get("config", {}).get("ms") == HOUR_MS for node in flow.definition["nodes"])
        self.cancel = self.waits or rnd.random() < .03
        self.again = rnd.random() < .05  # its producer heard nothing and asks once more


class Fleet:
    """Workers and supervisors behind the proxy, each with a name that Redis and Postgres know it by."""

    def __init__(self, stack, rnd, account, workers, supervisors):
        self.stack, self.rnd, self.account = stack, rnd, account
        self.proxy = RespProxy(stack.redis.port, rnd.random())
        self.names = 0
        self.losses = []  # those that come next
        self.stopped = []  # (process, when it may go on, the condition that it waits for, what to count)
        stack.migrate()
        self.supervisors = [self.start_supervisor() for _ in range(supervisors)]
        self.workers = [self.start_worker() for _ in range(workers)]

    def start(self, program, name, **env):
        process = self.stack.start(program, TROUPE_REDIS_URL=self.proxy.url, TROUPE_NAME=name, **env)
        process.fleet_name = name
        return process

    def new_name(self, kind):
        self.names += 1
        return "%s-%d" % (kind, self.names)

    def start_worker(self, name=None):
        return self.start("troupe-worker", name or self.new_name("worker"), TROUPE_LEASE="%ds" % LEASE_S)

    def start_supervisor(self, name=None):
        return self.start("troupe-supervisor", name or self.new_name("supervisor"),
                          TROUPE_OWNERSHIP_LEASE="%ds" % LEASE_S)

    def held(self, worker):
        """How many tokens Redis says a worker has that is not there to settle them."""
        client = self.stack.redis_client()
        pipe = client.pipeline(transaction=False)
        for p in range(PARTITIONS):
            pipe.xpending_range(QUEUE % p, "fleet", "-", "+", 1000, worker.fleet_name)
        return sum(len(reply) for reply in pipe.execute(raise_on_error=False) if isinstance(reply, list))

    def is_stopped(self, process):
        return any(entry[0] is process for entry in self.stopped)

    def running(self, group):
        return [process for process in group if not self.is_stopped(process)]

    def victim(self):
        """A worker that runs: mostly the one that holds most, once anybody holds anything. None: all are
        stopped."""
        running = self.running(self.workers)
        if self.rnd.random() < .25 or not running:
            return self.rnd.choice(running or [None])
        deadline = time.monotonic() + AIM_S
        while True:
            held = {worker: self.held(worker) for worker in running}
            worker = max(running, key=held.get)
            if held[worker] or time.monotonic() > deadline:
                return worker

    def owners(self):
        return {name for name, in self.stack.sql("select distinct owner from partition_state "
                                                 "where owner is not null")}

    def owner(self):
        """A supervisor that runs and owns partitions; any when none does soon."""
        deadline = time.monotonic() + OWNER_S
        while True:
            names = self.owners()
            for supervisor in self.running(self.supervisors):
                if supervisor.fleet_name in names:
                    return supervisor
            if time.monotonic() > deadline:
                return self.rnd.choice(self.supervisors)
            self.go_on()
            time.sleep(.02)

    def unarchived(self):
        """Ledger entries that no supervisor has committed."""
        client, committed = self.stack.redis_client(), dict(self.stack.sql(
            "select partition, seq from partition_state"))
        return sum(int(client.hget("troupe:{%d}:meta" % p, "seq") or 0) - seq for p, seq in committed.items())

    # --- faults ---

    def replace(self, group, process, start):
        """Another one comes: of the same name, as a service manager restarts it, or of a new one."""
        same = self.rnd.random() < .5
        self.account["restarted under the same name"] += same
        group[group.index(process)] = start(process.fleet_name if same else None)
        self.stopped = [s for s in self.stopped if s[0] is not process]

    def kill_worker(self):
        self.kill_this_worker(self.victim() or self.rnd.choice(self.workers))

    def kill_this_worker(self, worker):
        worker.kill()
        held = self.held(worker)
        self.account["kills of a worker"] += 1
        self.account["kills that hit held tokens"] += held > 0
        self.account["tokens held by killed workers"] += held
        self.replace(self.workers, worker, self.start_worker)

    def kill_owner(self):
        owner = self.owner()
        owner.kill()
        self.account["kills of a supervisor"] += 1
        self.account["kills of the owning supervisor"] += owner.fleet_name in self.owners()
        self.account["kills of a supervisor with entries not archived"] += self.unarchived() > 0
        self.replace(self.supervisors, owner, self.start_supervisor)

    def kill_supervisor(self):
        supervisor = self.rnd.choice(self.running(self.supervisors) or self.supervisors)
        supervisor.kill()
        self.account["kills of a supervisor"] += 1
        self.replace(self.supervisors, supervisor, self.start_supervisor)

    def kill_all(self):
        """As when the machine goes: nobody is left to take over."""
        self.go_on(wait=True)
        for process in self.workers + self.supervisors:
            process.kill()
        for worker in list(self.workers):
            self.kill_this_worker(worker)
        for supervisor in list(self.supervisors):
            self.replace(self.supervisors, supervisor, self.start_supervisor)
        self.account["kills of the whole fleet"] += 1

    def stop(self, process, until, what):
        if self.is_stopped(process):
            return
        process.pause()
        wait_s = LEASE_S * self.rnd.uniform(1.1, 3)
        self.stopped.append((process, time.monotonic() + wait_s, until, what))

    def stop_worker(self):
        worker = self.victim()
        if worker is None:
            return

        def lapsed():
            client = self.stack.redis_client()
            seconds, micros = client.time()
            leases = [client.hget("troupe:{%d}:workers" % p, worker.fleet_name) for p in range(PARTITIONS)]
            return all(int(lease.split("|")[1]) < seconds * 1000 + micros // 1000 for lease in leases if lease)

        self.stop(worker, lapsed, "stops of a worker past its lease")
        self.account["stops that hit held tokens"] += self.held(worker) > 0

    def stop_owner(self):
        owner = self.owner()
        if owner.fleet_name in self.owners():
            self.stop(owner, lambda: owner.fleet_name not in self.owners(),
                      "stops of the owning supervisor past its lease")

    def go_on(self, wait=False):
        """Lets those go on whose time has come; with `wait` all of them, each past its lease."""
        for entry in list(self.stopped):
            process, due, until, what = entry
            if not wait and time.monotonic() < due:
                continue
            past = until()
            if not past and (wait or time.monotonic() < due + SPLIT_BRAIN_S):
                if not wait:
                    continue
                # A supervisor's place is not taken when the others have just been killed.
                deadline = time.monotonic() + SPLIT_BRAIN_S
                while not past and time.monotonic() < deadline:
                    time.sleep(.05)
                    past = until()
            self.account[what] += bool(past)
            process.unpause()
            self.stopped.remove(entry)

    def script_flush(self):
        self.stack.redis_client().script_flush()
        self.account["script flushes"] += 1

    def client_kill(self):
        killed = self.stack.redis_client().execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        self.account["connections killed by Redis"] += killed

    def redis_restart(self):
        self.stack.redis.restart()
        self.account["restarts of Redis"] += 1

    def redis_kill(self):
        self.stack.redis.kill()
        self.stack.redis.start()
        self.account["kills of Redis"] += 1

    def redis_stop(self):
        """Longer than a lease: all leases have lapsed when it goes on."""
        self.stack.redis.process.pause()
        time.sleep(LEASE_S * self.rnd.uniform(.5, 2))
        self.stack.redis.process.unpause()
        self.account["stops of Redis"] += 1

    def postgres_restart(self):
        self.stack.postgres.restart()
        self.account["restarts of Postgres"] += 1

    def postgres_crash(self):
        self.stack.postgres.crash()
        self.stack.postgres.start()
        self.account["immediate restarts of Postgres"] += 1

    def postgres_terminate(self):
        killed = self.stack.sql("select pg_terminate_backend(pid) from pg_stat_activity "
                                "where datname = current_database() and pid <> pg_backend_pid()")
        self.account["connections ended by Postgres"] += len(killed)

    def drain(self, group, start, what):
        """In order: what the process holds is settled or handed over."""
        process = self.rnd.choice(self.running(group) or group)
        self.stopped = [s for s in self.stopped if s[0] is not process]
        process.wait_for_log("supervisor begins|connected to Redis")  # before, SIGTERM just kills it
        status = process.terminate(60)
        assert status == 0, "%s ended with %s at SIGTERM\n%s" % (process.name, status, process.output()[-3000:])
        self.account[what] += 1
        self.replace(group, process, start)

    def drain_worker(self):
        self.drain(self.workers, self.start_worker, "workers ended in order")

    def drain_supervisor(self):
        self.drain(self.supervisors, self.start_supervisor, "supervisors ended in order")

    def lose_messages(self):
        for _ in range(5):
            if not self.losses:
                self.losses = self.rnd.sample(LOSSES, len(LOSSES))
            self.proxy.order(*self.losses.pop())
        self.account["orders to the proxy"] += 5

    def close(self):
        self.proxy.close()


class Chaos:
    """One schedule from beginning to end."""

    def __init__(self, stack, seed, runs, flows, weight=1.0, workers=4, supervisors=2):
        self.stack, self.seed = stack, seed
        self.rnd = random.Random(seed)
        self.account = Account()
        first = seed * flows
        self.flows = [RandomFlow(first + n) for n in range(flows)]
        self.runs = [Run(self.flows[n % flows], self.rnd) for n in range(runs)]
        self.schedule = [name for name, count in FAULTS.items() for _ in range(max(1, round(count * weight)))]
        self.rnd.shuffle(self.schedule)
        self.submitted = []
        stack.redis.fsync = "always"
        stack.redis_client().config_set("appendfsync", "always")
        self.fleet = Fleet(stack, self.rnd, self.account, workers, supervisors)

    def close(self):
        for process, *_ in self.fleet.stopped:
            process.unpause()
        self.stack.redis.fsync = "everysec"
        self.stack.redis_client().config_set("appendfsync", "everysec")
        # The programs end in order only if Redis is where they know it.
        for process in self.stack.processes:
            if process.alive:
                process.terminate()
        self.fleet.close()

    def submit(self, runs):
        pipe = self.stack.redis_client().pipeline(transaction=False)
        for run in runs:
            for _ in range(1 + run.again):
                pipe.xadd("troupe:runs", {"workflow": "random-%d" % run.flow.seed, "run_id": run.id,
                                          "input": json.dumps(run.input)})
            self.account["requests sent twice"] += run.again
        pipe.execute()
        self.submitted += runs

    def settled(self):
        pipe = self.stack.redis_client().pipeline(transaction=False)
        for p in range(PARTITIONS):
            pipe.hget("troupe:{%d}:meta" % p, "seq")
        return sum(int(v or 0) for v in pipe.execute())

    def advance(self, entries, most_s):
        """Lets the fleet get on by so many ledger entries; not for long, since it may be waiting for a
        lease. What is never done is seen at the end."""
        target, deadline = self.settled() + entries, time.monotonic() + most_s
        while self.settled() < target and time.monotonic() < deadline:
            time.sleep(.002)
            self.fleet.go_on()

    def cancel_some(self):
        wanted = [run for run in self.submitted if run.cancel and not run.waits]
        for run in wanted:
            run.cancel = False
            if self.stack.troupe("cancel", run.id).status == 0:
                self.account["cancelled while others ran"] += 1

    def strike(self, wave, fault):
        self.submit(wave)
        self.advance(self.rnd.randrange(1, 2 + 5 * len(wave)), 2)
        getattr(self.fleet, fault)()
        self.account["faults"] += 1
        self.account["faults while runs were not through"] += self.unfinished() > 0
        self.cancel_some()

    def unfinished(self):
        ended = self.ended()
        return sum(not run.waits and run.id not in ended for run in self.submitted)

    def run(self):
        for i in range(0, len(self.flows), 50):
            self.stack.troupe("deploy", *[self.stack.write(f.definition) for f in self.flows[i:i + 50]],
                              status=0)
        steps = len(self.schedule)
        for step, fault in enumerate(self.schedule):
            first, last = len(self.runs) * step // steps, len(self.runs) * (step + 1) // steps
            self.strike(self.runs[first:last], fault)
        self.fleet.go_on(wait=True)
        self.account["orders that nothing met"] += self.fleet.proxy.withdraw()
        self.wait_for_end()

    def wait_for_end(self):
        """All but those that wait an hour; then those are cancelled."""
        wanted = {run.id: run for run in self.runs}
        self.wait_for({run.id for run in self.runs if not run.waits}, wanted, 120)
        ended = self.ended()
        for run in self.runs:
            if run.waits and run.id not in ended:
                self.stack.troupe("cancel", run.id, status=0)
        self.wait_for(set(wanted), wanted, 60)

    def ended(self):
        return {row[0] for row in self.stack.sql("select run_id::text from run where ended_at is not null")}

    def wait_for(self, ids, wanted, timeout_s):
        left = set()

        def none_left():
            left.clear()
            left.update(ids - self.ended())
            return not left

        try:
            self.stack.wait_until(none_left, timeout_s)
        except AssertionError:
            raise AssertionError("%d runs have not ended: %s" % (
                len(left), self.describe([wanted[i] for i in sorted(left)[:10]]))) from None

    def describe(self, runs):
        client, told = self.stack.redis_client(), []
        for run in runs:
            keys = client.keys("troupe:{*}:run:" + run.id)
            told.append("%s of random-%d: %s" % (
                run.id, run.flow.seed, [(k, client.hgetall(k)) for k in keys] or "not in Redis"))
        return "\n".join(told)

    # --- afterwards ---

    def check(self):
        rows, decisions, runs = read_record(self.stack)
        assert set(runs) == {run.id for run in self.runs}, "runs that nobody asked for, or too few"
        wrong, seen = [], collections.Counter()
        for run in self.runs:
            replay = Replay(run.flow.d, run.flow.terms, run.input, runs[run.id], rows.get(run.id, {}),
                            decisions.get(run.id, {}), losses=True)
            try:
                seen.update(replay.check())
            except Exception as e:  # a stumble of the interpreter's must not hide which run it was
                wrong.append("run %s of random-%d, input %s: %s: %s\n%s\n%s" % (
                    run.id, run.flow.seed, json.dumps(run.input), type(e).__name__, e,
                    json.dumps(run.flow.definition), rows.get(run.id)))
        assert not wrong, "%d of %d runs are not what they should be; the shortest: %s" % (
            len(wrong), len(self.runs), min(wrong, key=len))
        check_record(self.stack)
        check_redis_is_empty(self.stack)
        self.take_stock(seen)

    def take_stock(self, seen):
        """Everything that was counted elsewhere goes into the account."""
        account, counts = self.account, self.fleet.proxy.counts
        assert not self.fleet.proxy.failures, self.fleet.proxy.failures
        account["runs"] = len(self.runs)
        account["executions recorded"] = seen["completed"] + seen["failed"]
        for status in ("completed", "failed", "cancelled"):
            account["runs %s" % status] = seen["run %s" % status]
        account["executions failed with worker_lost"] = seen["code worker_lost"]
        account.update({"proxy: " + what: times for what, times in counts.items()})
        account["tokens taken over"] = counts["reclaimed"]
        account["results refused as stale"] = counts["settled stale"] + counts["late stale"]
        account["results refused as held"] = counts["settled held"] + counts["late held"]
        account["calls of an older session refused"] = sum(
            times for what, times in counts.items() if what.endswith(": session"))
        account["settle calls of an older session that came late"] = \
            counts["late settle: session"] + counts["replay settle: session"]
        account["replies swallowed"] = counts["swallow"] + counts["swallow_part"] + counts["replay"]
        account["requests lost"] = counts["drop"] + counts["drop_part"]
        for log, text in self.stack.logs():
            if log.startswith("troupe-supervisor"):
                account["takeovers by a supervisor"] += text.count("partitions taken over")
        strays = self.stack.redis_client()
        account["strays"] = sum(int(strays.hget("troupe:{%d}:meta" % p, "strays") or 0)
                                for p in range(PARTITIONS))
        assert account["strays"] == 0, "entries were dropped that should not have been there"
        # Nobody gives a token up that was not taken over from three who had it alone.
        assert account["executions failed with worker_lost"] <= counts["reclaimed for good"]


# What a schedule of any length must have shown.
MUST = ["kills that hit held tokens", "kills of the owning supervisor", "tokens taken over",
        "stops of a worker past its lease", "stops of the owning supervisor past its lease",
        "script flushes", "connections killed by Redis", "restarts of Redis", "kills of Redis",
        "restarts of Postgres", "immediate restarts of Postgres", "takeovers by a supervisor",
        "replies swallowed", "requests lost", "proxy: late requests executed", "proxy: replay",
        "requests sent twice", "workers ended in order", "supervisors ended in order",
        "connections ended by Postgres", "runs completed", "runs failed", "faults while runs were not through"]
# And a long one besides.
MUST_LONG = MUST + ["kills of the whole fleet", "results refused as stale", "calls of an older session refused", "stops that hit held tokens",
                    "settle calls of an older session that came late", "proxy: found by hello",
                    "proxy: swallow settle", "proxy: replay settle", "proxy: late settle",
                    "kills of a supervisor with entries not archived", "runs cancelled"]


def chaos(stack, seed, must, **size):
    print("seed %d" % seed)
    made = Chaos(stack, seed, **size)
    try:
        made.run()
        made.check()
    except BaseException:
        print("\n".join("%8d  %s" % (times, what) for what, times in sorted(made.account.items())))
        raise
    finally:
        made.close()
    made.account.require(must)
    return made.account
