"""What a token costs, in counts: instructions, commands and bytes, never times.

Two loads of n1 and n2 runs; a count's difference, divided by the difference in tokens, is what a token
costs: starting and stopping cancel. To have the same counts every time, the requests are there before the
worker starts, and the worker has ended before the supervisor that archives what it did starts; leases are
long, Redis' and Postgres' background work is off, and run ids are given.
"""
import os
import re
import shutil
import subprocess
import sys
import time

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", ".."))
sys.path.insert(0, os.path.join(ROOT, "tests", "integration"))

from processes import Process, free_port, wait_until  # noqa: E402
from servers import PostgresServer, RedisServer  # noqa: E402
from stack import Stack  # noqa: E402

PARTITIONS = 16
LIMIT_S = 600
EVENTS = "troupe:completion_events"


def callgrind():
    """The path of valgrind, or None."""
    return shutil.which("valgrind")


class QuietRedis(RedisServer):
    """Without what Redis does by the clock; under callgrind when `profile` names its output. No syncs:
    what Redis would write meanwhile is kept, and missing in the size of its file."""

    def __init__(self, profile=None):
        self.profile = profile
        super().__init__()

    def start(self):
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--dir", self.data,
                   "--save", "", "--appendonly", "yes", "--appendfsync", "no",
                   "--auto-aof-rewrite-percentage", "0", "--hz", "1", "--dynamic-hz", "no",
                   "--activedefrag", "no"]
        if self.profile:
            command = [callgrind(), "--tool=callgrind", "--callgrind-out-file=" + self.profile,
                       *command]
        self.process = Process("redis", command, os.path.join(self.dir, "redis.log"))
        wait_until(self._answers, 60, what="an answer from Redis")

    def dump(self, word):
        """Under callgrind: instructions since the last dump, or since the start."""
        before = set(os.listdir(os.path.dirname(self.profile)))
        subprocess.run(["callgrind_control", "--dump=" + word, str(self.process.pid)], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)

        def written():
            new = set(os.listdir(os.path.dirname(self.profile))) - before
            return [instructions(os.path.join(os.path.dirname(self.profile), name)) for name in new
                    ] if new else None

        return sum(wait_until(written, what="a dump of callgrind"))


def instructions(path):
    """The sum of a profile of callgrind; None while it is being written. Without those of libcrypto: valgrind's
    processor computes no SHA-256, and how much is hashed depends on where a batch happens to end."""
    names, left_out, total, is_call, ended = {}, False, 0, False, False
    with open(path, errors="replace") as f:
        for line in f:
            if line.startswith("ob="):
                number, _, name = line[3:].strip().partition(" ")
                left_out = "libcrypto" in names.setdefault(number, name)
            elif line[0] in "0123456789+-*":
                if not is_call and not left_out:
                    total += int(line.split()[1])
                is_call = False
            elif line.startswith("cob="):
                number, _, name = line[4:].strip().partition(" ")
                names.setdefault(number, name)
            else:
                is_call = line.startswith("calls=")
                ended = ended or line.startswith(("summary:", "totals:"))
    return total if ended else None


class Counts(dict):
    """name -> number. Differences and quotients by name."""

    def per_token(self, smaller, tokens):
        return Counts({name: (self[name] - smaller.get(name, 0)) / tokens for name in self})


class Bench:
    """Servers and programs of one series of measurements; close() ends them. profiled: which of
    "worker", "supervisor", "redis" runs under callgrind; profiles go to `directory`."""

    def __init__(self, shapes, profiled=(), directory=None):
        self.profiled = set(profiled)
        self.directory = directory
        self.loads = 0
        self.redis_server = QuietRedis(os.path.join(directory, "redis.out")
                                       if "redis" in self.profiled else None)
        self.postgres_server = PostgresServer()
        self.stack = None
        try:
            self.stack = Stack(self.redis_server, self.postgres_server)
            self.redis = self.stack.redis_client()
            self._deploy(shapes)
        except BaseException:
            self.close()
            raise

    def close(self):
        try:
            if self.stack:
                self.stack.close()
        finally:
            self.postgres_server.close()
            self.redis_server.close()

    def _deploy(self, shapes):
        for setting in ("autovacuum = off", "checkpoint_timeout = '1d'", "max_wal_size = '10GB'"):
            self.stack.sql("alter system set " + setting)
        self.stack.sql("select pg_reload_conf()")
        self.stack.migrate()
        supervisor = self.stack.start_supervisor()
        for shape in shapes:
            self.stack.deploy(shape.definition)
        wait_until(lambda: self.redis.hlen("troupe:workflows") >= 2 * len(shapes) and
                   all(self.redis.exists("troupe:{%d}:meta" % p) for p in range(PARTITIONS)),
                   60, "a supervisor that opened the partitions and published the workflows")
        supervisor.terminate()

    # --- Programs ---

    def _start(self, program):
        """The program, under callgrind if so asked; returns it and the path of its profile."""
        name = program[len("troupe-"):]
        path = None
        command = [self.stack.binary(program)]
        if name in self.profiled:
            path = os.path.join(self.directory, "%s-%d.out" % (name, self.loads))
            command = [callgrind(), "--tool=callgrind", "--callgrind-out-file=" + path, *command]
        process = Process("%s-%d" % (name, self.loads), command,
                          os.path.join(self.stack.dir, "%s-%d.log" % (name, self.loads)),
                          env=self.stack.env(TROUPE_LEASE="300s", TROUPE_OWNERSHIP_LEASE="300s"),
                          cwd=self.stack.dir)
        self.stack.processes.append(process)
        return process, path

    def _end(self, process, path, counts, name):
        status = process.terminate(LIMIT_S)
        if status != 0:
            raise AssertionError("%s ended with %s:\n%s" % (process.name, status, process.output()))
        if path:
            counts[name + " instructions"] = instructions(path)

    # --- What Redis counts ---

    def _reset(self):
        if "redis" in self.profiled:
            self.redis_server.dump("before")
        self.redis.config_resetstat()
        return {"aof": self.redis.info("persistence")["aof_current_size"]}

    def _read(self, before, counts, name, heard=0):
        """Adds what Redis did since `before`; heard: bytes that went to a subscriber of ours."""
        if "redis" in self.profiled:
            counts["redis instructions for " + name] = self.redis_server.dump("after")
            return
        commands = self.redis.info("commandstats")
        stats = self.redis.info("stats")
        aof = self.redis.info("persistence")["aof_current_size"]
        ours = ("cmdstat_info", "cmdstat_config", "cmdstat_client", "cmdstat_subscribe")
        total = 0
        for command, values in commands.items():
            if not command.startswith(ours):
                total += values["calls"]
                if command in ("cmdstat_evalsha", "cmdstat_eval"):
                    counts["%s script calls" % name] = (counts.get("%s script calls" % name, 0) +
                                                        values["calls"])
        counts["%s commands" % name] = total
        counts["%s bytes to redis" % name] = stats["total_net_input_bytes"]
        counts["%s bytes from redis" % name] = stats["total_net_output_bytes"] - heard
        counts["%s aof bytes" % name] = aof - before["aof"]

    # --- One load ---

    def _submit(self, shape, runs):
        """Run ids as the worker would make them, but the same every time, and spread evenly."""
        pipe = self.redis.pipeline(transaction=False)
        for i in range(runs):
            run = "%08x-%04x-7000-8000-%012x" % (self.loads, i >> 4, i)
            pipe.xadd("troupe:runs", {"workflow": shape.workflow, "input": shape.input,
                                      "run_id": run})
        pipe.execute()

    def _work(self, shape, runs, counts):
        listener = self.redis.pubsub(ignore_subscribe_messages=True)
        listener.subscribe(EVENTS)
        listener.get_message(timeout=10)
        before = self._reset()
        process, path = self._start("troupe-worker")
        heard, heard_bytes, until = 0, 0, time.monotonic() + LIMIT_S
        while heard < runs:
            message = listener.get_message(timeout=0.2)
            if message:
                heard += 1
                heard_bytes += len(message["data"]) + len("*3$7message$23$36" + EVENTS) + 7 * 2
            elif not process.alive or time.monotonic() > until:
                raise AssertionError("%s: %d of %d runs have ended\n%s" % (
                    shape.name, heard, runs, process.output()[-2000:]))
        self._end(process, path, counts, "worker")
        self._read(before, counts, "worker", heard_bytes)
        listener.close()

    def _archive(self, shape, runs, counts):
        def ended():
            assert process.alive, process.output()[-2000:]
            return self.stack.sql("select count(*) from run where workflow = %s and "
                                  "status = 'completed'", shape.workflow)[0][0] >= expected

        expected = runs + self.stack.sql("select count(*) from run where workflow = %s",
                                         shape.workflow)[0][0]
        before, wal, table = self._reset(), self._wal(), self._tables()
        process, path = self._start("troupe-supervisor")
        wait_until(ended, LIMIT_S, "all %d runs in the record" % runs)
        self._end(process, path, counts, "supervisor")
        self._read(before, counts, "supervisor")
        counts["postgres wal bytes"] = self._wal() - wal
        counts["postgres table bytes"] = self._tables() - table
        left = self.redis.keys("troupe:{*}:run:*")
        assert not left, "%d runs are still in Redis" % len(left)

    def _wal(self):
        return int(self.stack.sql("select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')")[0][0])

    def _tables(self):
        return int(self.stack.sql(
            "select sum(pg_total_relation_size(c.oid)) from pg_class c join pg_namespace n on "
            "n.oid = relnamespace where relkind in ('r', 'm') and nspname !~ '^(pg_|inform)'")[0][0])

    def load(self, shape, runs):
        """The counts of so many runs, those of starting and stopping included."""
        counts = Counts()
        self._submit(shape, runs)
        self._work(shape, runs, counts)
        self._archive(shape, runs, counts)
        self.loads += 1
        return counts

    def per_token(self, shape, few, many):
        smaller = self.load(shape, few)
        return self.load(shape, many).per_token(smaller, (many - few) * shape.tokens)
