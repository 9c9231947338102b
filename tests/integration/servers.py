"""A private Redis and a private Postgres: loopback, free ports, a directory each."""
import glob
import os
import pwd
import shutil
import signal
import subprocess
import tempfile

import psycopg2
import redis

from processes import Process, free_port, wait_until


class RedisServer:
    """redis-server with an append-only file. `cluster=True`: a cluster of this one node."""

    def __init__(self, cluster=False):
        self.dir = tempfile.mkdtemp(prefix="troupe-redis-")
        self.data = os.path.join(self.dir, "data")
        os.mkdir(self.data)
        self.port = free_port()
        self.fsync = "everysec"  # of the next start: always loses nothing that was acknowledged
        self.cluster = cluster
        self.process = None
        self.start()
        if cluster:
            self.client().execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
            wait_until(lambda: self.client().cluster("info")["cluster_state"] == "ok",
                       what="a cluster that serves all slots")

    @property
    def url(self):
        return "redis://127.0.0.1:%d" % self.port

    def client(self, decode=True, **options):
        """A new connection; the caller may leave it to the garbage collector."""
        return redis.Redis("127.0.0.1", self.port, decode_responses=decode, **options)

    def start(self):
        """Starts on the same port with the same data."""
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1",
                   "--dir", self.data, "--save", "", "--appendonly", "yes",
                   "--appendfsync", self.fsync, "--enable-debug-command", "local"]
        if self.cluster:
            # The bus would be at port + 10000, which may be no port.
            command += ["--cluster-enabled", "yes", "--cluster-port", str(free_port())]
        self.process = Process("redis", command, os.path.join(self.dir, "redis.log"))
        wait_until(self._answers, what="an answer from Redis")

    def _answers(self):
        if not self.process.alive:
            raise AssertionError("redis-server ended:\n" + self.process.output()[-2000:])
        try:
            return self.client().ping()
        except (redis.ConnectionError, redis.BusyLoadingError):
            return False

    @property
    def running(self):
        return self.process.alive

    def stop(self):
        """In order: everything is on disk afterwards."""
        if self.running:
            self.process.terminate()

    def kill(self):
        """SIGKILL. What was written before is kept by the system, as only this process dies."""
        self.process.kill()

    def restart(self):
        self.stop()
        self.start()

    def snapshot(self):
        """A copy of the data as of now, for restore: a Redis that lost what came after. While a sync is
        under way Redis keeps what it would write; that is waited for."""
        wait_until(lambda: self.client().info("persistence")["aof_buffer_length"] == 0, 30,
                   "Redis has written its append-only file")
        target = tempfile.mkdtemp(prefix="snapshot-", dir=self.dir)
        shutil.copytree(self.data, target, dirs_exist_ok=True)
        return target

    def restore(self, snapshot):
        """Kills Redis and starts it with the data of a snapshot."""
        self.kill()
        shutil.rmtree(self.data)
        shutil.copytree(snapshot, self.data)
        self.start()

    def reset(self):
        """Running, empty, and without what a test set."""
        if not self.running:
            self.start()
        self.process.unpause()
        client = self.client()
        client.execute_command("CLIENT", "UNPAUSE")
        client.config_set("maxmemory", 0)
        client.flushall()
        client.script_flush()

    def close(self):
        self.process.kill()
        shutil.rmtree(self.dir, ignore_errors=True)


def postgres_bin():
    """The directory of the newest installed server."""
    found = glob.glob("/usr/lib/postgresql/*/bin/postgres")
    if not found:
        raise AssertionError("no Postgres server is installed: make deps")
    return os.path.dirname(max(found, key=lambda p: int(p.split("/")[4])))


class PostgresServer:
    """A cluster of its own. Run as root, it runs as the user postgres, since it refuses root."""

    def __init__(self, env=None):
        self.env = env  # of the server; None: ours
        self.dir = tempfile.mkdtemp(prefix="troupe-postgres-")
        self.data = os.path.join(self.dir, "data")
        self.port = free_port()
        self.process = None
        self.databases = 0
        self.as_user = {}
        if os.getuid() == 0:
            user = pwd.getpwnam("postgres")
            os.chmod(self.dir, 0o755)
            os.chown(self.dir, user.pw_uid, user.pw_gid)
            self.as_user = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        made = subprocess.run(
            [os.path.join(postgres_bin(), "initdb"), "-D", self.data, "-U", "postgres", "-A",
             "trust", "-E", "UTF8", "--locale=C", "--no-sync"], cwd=self.dir,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            **self.as_user)
        if made.returncode != 0:
            raise AssertionError("initdb:\n" + made.stdout.decode(errors="replace"))
        self.start()

    def url(self, database="postgres"):
        return "postgresql://postgres@127.0.0.1:%d/%s" % (self.port, database)

    def connect(self, database="postgres"):
        """A new connection in autocommit mode."""
        connection = psycopg2.connect(self.url(database))
        connection.autocommit = True
        return connection

    def start(self):
        """Starts on the same port with the same data; no fsync, since only processes die here."""
        settings = {"port": self.port, "listen_addresses": "127.0.0.1",
                    "unix_socket_directories": self.dir, "fsync": "off",
                    "full_page_writes": "off", "max_connections": 200, "shared_buffers": "64MB",
                    "timezone": "UTC"}
        command = [os.path.join(postgres_bin(), "postgres"), "-D", self.data]
        for name, value in settings.items():
            command += ["-c", "%s=%s" % (name, value)]

        def answers():
            # After a kill, the old backends need a moment until they let go of the shared memory.
            if self.process is None or not self.process.alive:
                self.process = Process("postgres", command, os.path.join(self.dir, "postgres.log"),
                                       env=self.env, cwd=self.dir, **self.as_user)
            try:
                self.connect().close()
                return True
            except psycopg2.OperationalError:
                return False

        try:
            wait_until(answers, what="an answer from Postgres")
        except AssertionError as e:
            raise AssertionError("%s\n%s" % (e, self.process.output()[-2000:])) from None

    @property
    def running(self):
        return self.process.alive

    def stop(self):
        """A fast shutdown: clients are disconnected, what was committed is on disk."""
        if self.running:
            self.process.send(signal.SIGINT)
            self.process.wait()

    def crash(self):
        """An immediate shutdown: no checkpoint; the next start recovers from the log."""
        if self.running:
            self.process.send(signal.SIGQUIT)
            self.process.wait()

    def kill(self):
        """SIGKILL to the postmaster; the next start recovers from the log."""
        self.process.kill()

    def restart(self):
        self.stop()
        self.start()

    def create_database(self):
        """A new, empty database's name."""
        if not self.running:
            self.start()
        self.databases += 1
        name = "test_%d" % self.databases
        connection = self.connect()
        try:
            connection.cursor().execute("create database " + name)
        finally:
            connection.close()
        return name

    def drop_database(self, name):
        if not self.running:
            self.start()
        connection = self.connect()
        try:
            connection.cursor().execute("drop database %s with (force)" % name)
        finally:
            connection.close()

    def close(self):
        if self.running:
            self.process.send(signal.SIGQUIT)
            self.process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)
