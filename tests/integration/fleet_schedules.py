"""Schedules of the real worker and the real supervisor (tests/schedules/sim.h), and whether their runs are what
their definitions say.

The servers are real ones that take their time from a file; the program `schedules` moves it.
"""
import json
import os
import shutil
import struct
import subprocess
import tempfile

import redis

from flow_interpreter import Mismatch, Replay
from flow_random import HOUR_MS, RandomFlow
from processes import Process, wait_until
from servers import PostgresServer
from stack import ROOT
from test_random_flows import read_record

CHECK = os.path.join(ROOT, "tests", "schedules", "check.lua")
BEGINNING_US = 1767225600 * 10 ** 6  # the year 2026: the same for every seed
INPUTS = [{"v": 7}, {"other": 1}]


# As fast as may be: not the build with sanitizers.
PLACE = os.path.join(ROOT, os.environ.get("BUILD") or "build")
PROGRAMS = os.path.join(PLACE, "release", "tests", "schedules")
BIN = os.path.join(ROOT if PLACE == os.path.join(ROOT, "build") else PLACE, "bin")


class VirtualTime:
    """The servers, and the clock that they go by."""

    def __init__(self, preload):
        self.dir = tempfile.mkdtemp(prefix="troupe-schedules-")
        os.chmod(self.dir, 0o755)
        self.clock = os.path.join(self.dir, "clock")
        with open(self.clock, "wb") as f:
            f.write(struct.pack("=q", BEGINNING_US))
        os.chmod(self.clock, 0o644)
        self.preload = os.path.join(self.dir, "clock.so")  # where another user may read it
        shutil.copy(preload, self.preload)
        os.chmod(self.preload, 0o755)
        env = dict(os.environ, LD_PRELOAD=self.preload, SCHEDULE_CLOCK=self.clock)
        self.socket = os.path.join(self.dir, "redis.sock")
        # Its allocator's thread would wait by a clock that stands still, and never stop waking.
        self.redis = Process("redis", ["redis-server", "--port", "0", "--unixsocket", self.socket, "--save", "",
                                       "--appendonly", "no", "--dir", self.dir, "--jemalloc-bg-thread", "no"],
                             os.path.join(self.dir, "redis.log"), env=env)
        self.postgres = PostgresServer(env=env)
        wait_until(self.answers, what="an answer from Redis")

    def answers(self):
        try:
            return self.client().ping()
        except redis.ConnectionError:
            return False

    def client(self):
        return redis.Redis(unix_socket_path=self.socket, decode_responses=True)

    def close(self):
        self.redis.kill()
        self.postgres.close()
        shutil.rmtree(self.dir, ignore_errors=True)


class Record:
    """What read_record wants of a stack."""

    def __init__(self, postgres, database):
        self.connection = postgres.connect(database)

    def sql(self, query):
        with self.connection.cursor() as cursor:
            cursor.execute(query)
            return cursor.fetchall()


def is_endless(flow):
    return any(node.get("config", {}).get("ms") == HOUR_MS for node in flow.definition["nodes"])


def uses_jq(flow):
    return any("jq" in node.get("config", {}) for node in flow.definition["nodes"])


class Play:
    """A process that plays the worlds of `count` seeds, on servers of its own."""

    def __init__(self, first, count, episodes, flows):
        self.servers = VirtualTime(os.path.join(PROGRAMS, "clock_preload.so"))
        self.dir = self.servers.dir
        self.database = self.servers.postgres.create_database()
        self.url = self.servers.postgres.url(self.database)
        self.flows = {"random-%d" % flow.seed: flow for flow in flows}
        self.command = [
            os.path.join(PROGRAMS, "schedules"), "--redis", self.servers.socket, "--database",
            "postgresql://postgres@/%s?host=%s&port=%d" % (self.database, self.servers.postgres.dir,
                                                         self.servers.postgres.port),
            "--clock", self.servers.clock, "--check", CHECK, "--flows", self.path("flows"), "--runs",
            self.path("runs"), "--jq", os.path.join(BIN, "troupe-jq"), "--seed", str(first), "--count",
            str(count), "--episodes", str(episodes)]
        self.deploy()
        self.process = None

    def path(self, name):
        return os.path.join(self.dir, name)

    def troupe(self, *args):
        env = dict(os.environ, TROUPE_DATABASE_URL=self.url)
        done = subprocess.run([os.path.join(BIN, "troupe"), *args], env=env, capture_output=True,
                              cwd=self.dir)
        assert done.returncode == 0, done.stderr.decode()

    def deploy(self):
        self.troupe("migrate")
        paths = []
        with open(self.path("flows"), "w", encoding="utf-8") as out:
            for name, flow in self.flows.items():
                paths.append(self.path(name + ".json"))
                with open(paths[-1], "w", encoding="utf-8") as f:
                    json.dump(flow.definition, f)
                print(name, int(is_endless(flow)), *map(json.dumps, INPUTS), sep="\t", file=out)
        for i in range(0, len(paths), 50):
            self.troupe("deploy", *paths[i:i + 50])

    def start(self):
        with open(self.path("out"), "wb") as out, open(self.path("err"), "wb") as err:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=out, stderr=err)

    def finish(self):
        """Counters of what happened."""
        status = self.process.wait()
        with open(self.path("err"), "rb") as f:
            said = f.read().decode(errors="replace")
        if status != 0:
            kept = os.path.join(tempfile.gettempdir(), "troupe-schedules-failed-%d.log" % self.process.pid)
            with open(kept, "w", encoding="utf-8") as f:
                f.write(said)
            found = said.find("\nseed ") + 1
            raise AssertionError("schedules ended with %d; all it said is in %s\n%s" % (
                status, kept, said[max(0, found - 500):found + 3000]))
        with open(self.path("out"), "rb") as f:
            return json.loads(f.read())

    def compare(self):
        """What the record says of every run against the interpreter; returns features seen, and what is wrong."""
        rows, decisions, runs = read_record(Record(self.servers.postgres, self.database))
        seen, wrong = {}, []
        with open(self.path("runs"), encoding="utf-8") as f:
            for line in f:
                made = json.loads(line)
                flow, run = self.flows[made["flow"]], made["run"]
                replay = Replay(flow.d, flow.terms, INPUTS[made["input"]], runs[run], rows.get(run, {}),
                                decisions.get(run, {}), losses=True, piecemeal=bool(made["budget"]))
                try:
                    for what, times in replay.check().items():
                        seen[what] = seen.get(what, 0) + times
                except Mismatch as e:
                    wrong.append("seed %d, episode %d, run %s of %s, input %s: %s\n%s" % (
                        made["seed"], made["episode"], run, made["flow"], json.dumps(INPUTS[made["input"]]), e,
                        json.dumps(flow.definition)))
        return seen, wrong

    def close(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.servers.close()


def flows_without_jq(first, count):
    """The first `count` from seed `first` that need no other process."""
    flows, seed = [], first
    while len(flows) < count:
        flow = RandomFlow(seed)
        seed += 1
        if not uses_jq(flow):
            flows.append(flow)
    return flows
