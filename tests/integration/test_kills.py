"""Programs and servers die, hang and come back in the middle of many runs: every run ends once, as
its definition says, and nothing stays behind.

TROUPE_KILL_RUNS sets how many runs the largest test has (default 500). The moments are random: a
failure prints the seed, and TROUPE_KILL_SEED sets it.
"""
import os
import random

import pytest
import redis

from load import Load, check_record, check_redis_is_empty

RUNS = int(os.environ.get("TROUPE_KILL_RUNS", "500"))
LEASE = "1s"


@pytest.fixture
def chance():
    seed = int(os.environ.get("TROUPE_KILL_SEED", random.SystemRandom().randrange(10**6)))
    print("TROUPE_KILL_SEED=%d" % seed)
    return random.Random(seed)


class Fleet:
    """Supervisors and workers of which some die."""

    def __init__(self, stack, chance, workers, supervisors=1):
        self.stack = stack
        self.chance = chance
        stack.migrate()
        self.supervisors = [self.supervisor() for _ in range(supervisors)]
        self.load = Load(stack)
        self.load.deploy()
        self.workers = [self.worker() for _ in range(workers)]

    def supervisor(self):
        return self.stack.start_supervisor(TROUPE_OWNERSHIP_LEASE=LEASE)

    def worker(self):
        return self.stack.start_worker(TROUPE_LEASE=LEASE)

    def advance(self, tokens):
        """Waits until the fleet has got on by so much, or has done all there is."""
        target = self.load.settled() + tokens

        def reached():
            return self.load.settled() >= target or not self.load.unfinished()

        self.stack.wait_until(reached, 60, "progress")

    def kill_worker(self):
        victim = self.chance.randrange(len(self.workers))
        self.workers[victim].kill()
        self.workers[victim] = self.worker()

    def kill_supervisor(self):
        victim = self.chance.randrange(len(self.supervisors))
        self.supervisors[victim].kill()
        self.supervisors[victim] = self.supervisor()


@pytest.mark.timeout_s(180)
def test_workers_and_supervisors_are_killed(stack, chance):
    fleet = Fleet(stack, chance, workers=3, supervisors=2)
    strikes = [fleet.kill_worker] * 6 + [fleet.kill_supervisor] * 4
    chance.shuffle(strikes)
    wave = RUNS // len(strikes)
    by_command = min(4, wave)
    for strike in strikes:
        fleet.load.submit_by_stream(wave - by_command)
        fleet.load.submit_by_command(by_command)
        fleet.advance(chance.randrange(1, max(2, wave)))
        strike()
    fleet.load.wait_for_end(90)
    assert len(fleet.load.runs) == wave * len(strikes)
    fleet.load.check()


def test_all_workers_are_killed_at_once(stack, chance):
    fleet = Fleet(stack, chance, workers=2)
    fleet.load.submit_by_stream(120)
    fleet.advance(chance.randrange(1, 60))
    for worker in fleet.workers:
        worker.kill()
    fleet.supervisors[0].kill()
    fleet.workers = [fleet.worker()]
    fleet.supervisors = [fleet.supervisor()]
    fleet.load.wait_for_end()
    fleet.load.check()


def test_a_worker_sleeps_past_its_lease(stack, chance):
    fleet = Fleet(stack, chance, workers=2)
    sleeper, other = fleet.workers
    client = stack.redis_client()
    for _ in range(3):
        fleet.load.submit_by_stream(60)
        fleet.advance(chance.randrange(1, 40))
        sleeper.pause()
        # The other one does it all, what the sleeper holds included, before it wakes up.
        fleet.load.wait_for_end()
        sleeper.unpause()
    fleet.load.submit_by_stream(20)
    fleet.load.wait_for_end()
    fleet.load.check()
    assert client.ping()


# Two waits: the record moves on at the first while one supervisor sleeps, at the second once it has
# woken up.
TWO_WAITS = {
    "metadata": {"name": "two-waits"},
    "nodes": [{"id": "first", "type": "delay", "config": {"ms": 3000}},
              {"id": "second", "type": "delay", "config": {"ms": 4000}}, {"id": "n", "type": "noop"}],
    "edges": [{"from": "first", "to": "second"}, {"from": "second", "to": "n"}],
}


def test_a_supervisor_sleeps_while_another_has_its_partitions(stack):
    """It gets the same partitions back, as many as before: what it knew of their runs is old."""
    runs = 12
    stack.migrate()
    sleeper = stack.start_supervisor(TROUPE_OWNERSHIP_LEASE=LEASE)
    stack.deploy(TWO_WAITS)
    stack.start_worker(TROUPE_LEASE=LEASE)
    client = stack.redis_client()
    for _ in range(runs):
        client.xadd("troupe:runs", {"workflow": "two-waits", "input": "{}"})

    def waiting():
        return stack.sql("select count(*) from event_log where kind = 'wait'")[0][0]

    def ownerless():
        return stack.sql("select count(*) from partition_state "
                         "where lease_until >= clock_timestamp()") == [(0,)]

    stack.wait_until(lambda: waiting() == runs, what="runs at their first wait")
    sleeper.pause()
    other = stack.start_supervisor(TROUPE_OWNERSHIP_LEASE=LEASE)
    stack.wait_until(lambda: waiting() == 2 * runs, what="runs at their second wait")
    other.kill()
    stack.wait_until(ownerless, what="a lease that has lapsed")
    sleeper.unpause()
    stack.wait_until(lambda: stack.sql("select count(*) from v_runs where status = 'completed'")
                     == [(runs,)], what="runs that have completed")
    check_record(stack)
    check_redis_is_empty(stack)
    assert "are missing" not in sleeper.output()
    assert "does not allow" not in sleeper.output()


def test_all_workers_sleep_past_their_leases(stack, chance):
    fleet = Fleet(stack, chance, workers=2)
    fleet.load.submit_by_stream(100)
    fleet.advance(chance.randrange(1, 60))
    for worker in fleet.workers:
        worker.pause()
    client = stack.redis_client()

    def lapsed():
        now = client.time()
        now_ms = now[0] * 1000 + now[1] // 1000
        leases = [int(v.split("|")[1]) for k in client.keys("troupe:{*}:workers")
                  for v in client.hvals(k)]
        return all(lease < now_ms for lease in leases)

    stack.wait_until(lapsed, what="leases that have lapsed")
    for worker in fleet.workers:
        worker.unpause()
    fleet.load.wait_for_end()
    fleet.load.check()


def test_redis_restarts(stack, chance):
    fleet = Fleet(stack, chance, workers=2)
    for how in ("restart", "kill"):
        fleet.load.submit_by_stream(60)
        fleet.load.submit_by_command(3)
        fleet.advance(chance.randrange(1, 60))
        if how == "restart":
            stack.redis.restart()
        else:
            stack.redis.kill()  # what it had written is in the page cache: nothing is lost
            stack.redis.start()
    fleet.load.wait_for_end()
    fleet.load.check()


def test_postgres_restarts(stack, chance):
    fleet = Fleet(stack, chance, workers=2)
    for how in ("restart", "kill"):
        fleet.load.submit_by_stream(60)
        fleet.load.submit_by_command(3)
        fleet.advance(chance.randrange(1, 60))
        if how == "restart":
            stack.postgres.restart()
        else:
            stack.postgres.kill()
            stack.postgres.start()
    fleet.load.wait_for_end()
    fleet.load.check()


def test_scripts_and_connections_go(stack, chance):
    fleet = Fleet(stack, chance, workers=2)
    client = stack.redis_client()
    for _ in range(6):
        fleet.load.submit_by_stream(30)
        fleet.load.submit_by_command(1)
        fleet.advance(chance.randrange(1, 30))
        client.script_flush()
        fleet.advance(chance.randrange(1, 30))
        client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    fleet.load.wait_for_end()
    fleet.load.check()


def test_connections_to_postgres_go(stack, chance):
    fleet = Fleet(stack, chance, workers=2, supervisors=2)
    for _ in range(4):
        fleet.load.submit_by_stream(30)
        fleet.load.submit_by_command(1)
        fleet.advance(chance.randrange(1, 30))
        stack.sql("select pg_terminate_backend(pid) from pg_stat_activity "
                  "where datname = current_database() and pid <> pg_backend_pid()")
    fleet.load.wait_for_end()
    fleet.load.check()


def test_redis_loses_everything_between_two_loads(stack, chance):
    """With nothing live. (Rebuilding live runs is not built yet.)"""
    fleet = Fleet(stack, chance, workers=2)
    fleet.load.submit_by_stream(40)
    fleet.load.wait_for_end()
    fleet.load.check()
    stack.redis_client().flushall()
    try:
        fleet.load.submit_by_stream(40)
    except redis.ResponseError as e:
        raise AssertionError("a producer is refused after a flush: %s" % e) from None
    fleet.load.wait_for_end()
    fleet.load.check()
