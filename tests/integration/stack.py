"""troupe as a test runs it: one Redis, one database, a supervisor, workers, the command line."""
import contextlib
import json
import os
import subprocess
import tempfile

from processes import SANITIZER_REPORT, Process, wait_until

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
SANITIZERS = {
    "ASAN_OPTIONS": "detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1:"
                    "handle_segv=2:handle_sigbus=2:handle_sigfpe=2",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
}


class Result:
    """How a command ended."""

    def __init__(self, command, completed):
        self.command = command
        self.status = completed.returncode
        self.stdout = completed.stdout.decode(errors="replace")
        self.stderr = completed.stderr.decode(errors="replace")

    @property
    def json(self):
        return json.loads(self.stdout)

    @property
    def json_lines(self):
        return [json.loads(line) for line in self.stdout.splitlines()]

    def __repr__(self):
        return "%s\nstatus %d\n%s%s" % (" ".join(self.command), self.status, self.stdout,
                                       self.stderr)


class Stack:
    """Nothing is started by itself. `close` ends what runs and raises on what went wrong: a
    sanitizer's report, a server that did not end with 0 at SIGTERM or ended by itself."""

    def __init__(self, redis, postgres):
        self.redis = redis
        self.postgres = postgres
        self.redis.reset()
        self.database = postgres.create_database()
        self.directory = tempfile.TemporaryDirectory(prefix="troupe-stack-")
        self.dir = self.directory.name
        self.bin_dir = os.path.join(ROOT, os.environ.get("TROUPE_BIN_DIR", "bin"))
        self.processes = []
        self.findings = []
        self.files = 0

    # --- Programs ---

    def env(self, **more):
        """The environment of every program: the servers' URLs and no other setting of ours."""
        env = {k: v for k, v in os.environ.items() if not k.startswith("TROUPE_")}
        for name, value in SANITIZERS.items():
            env.setdefault(name, value)
        env["TROUPE_REDIS_URL"] = self.redis.url
        env["TROUPE_DATABASE_URL"] = self.postgres.url(self.database)
        env.update(more)
        return env

    def binary(self, program):
        return os.path.join(self.bin_dir, program)

    def start(self, program, *args, **env):
        """Starts a server of ours; keyword arguments are environment variables."""
        count = sum(1 for p in self.processes if p.name.startswith(program + "-")) + 1
        name = "%s-%d" % (program, count)
        process = Process(name, [self.binary(program), *args],
                          os.path.join(self.dir, name + ".log"), env=self.env(**env), cwd=self.dir)
        self.processes.append(process)
        return process

    def start_supervisor(self, *args, **env):
        return self.start("troupe-supervisor", *args, **env)

    def start_worker(self, *args, **env):
        return self.start("troupe-worker", *args, **env)

    def start_workers(self, count, *args, **env):
        return [self.start_worker(*args, **env) for _ in range(count)]

    def up(self, workers=2):
        """Migrates, then starts a supervisor and workers; returns them."""
        self.migrate()
        return self.start_supervisor(), self.start_workers(workers)

    def troupe(self, *args, stdin=b"", timeout_s=60, status=None, **env):
        """Runs the command line. With `status`, another exit status is a failure."""
        command = [self.binary("troupe"), *args]
        if isinstance(stdin, str):
            stdin = stdin.encode()
        result = Result(command, subprocess.run(command, input=stdin, capture_output=True,
                                                timeout=timeout_s, env=self.env(**env), cwd=ROOT))
        if SANITIZER_REPORT.search(result.stderr):
            self.findings.append("sanitizer report of %r" % result)
        if status is not None:
            assert result.status == status, repr(result)
        return result

    def migrate(self):
        return self.troupe("migrate", status=0)

    # --- Workflows ---

    def write(self, definition, suffix=".json"):
        """Writes a definition (an object, or its text) to a file; returns the path."""
        self.files += 1
        path = os.path.join(self.dir, "definition-%d%s" % (self.files, suffix))
        with open(path, "w", encoding="utf-8") as f:
            if isinstance(definition, str):
                f.write(definition)
            else:
                json.dump(definition, f)
        return path

    def deploy(self, definition):
        return self.troupe("deploy", self.write(definition), status=0)

    def run(self, workflow, input=None, *args, timeout_s=60, status=None):
        """`troupe run --wait -o json` of a name, a path or a definition; a Result, whose `json` is
        the finished run."""
        if not isinstance(workflow, str):
            workflow = self.write(workflow)
        return self.troupe("run", workflow, "--input", json.dumps(input), "--wait", "--timeout",
                           str(timeout_s), "-o", "json", *args, timeout_s=timeout_s + 30,
                           status=status)

    def show(self, run_id):
        """What `troupe show -o json` says of a run."""
        return self.troupe("show", run_id, "-o", "json", status=0).json

    # --- Servers ---

    def redis_client(self, **options):
        return self.redis.client(**options)

    def sql(self, query, *parameters):
        """All rows of a query, as tuples; [] for a statement without rows."""
        connection = self.postgres.connect(self.database)
        try:
            with connection.cursor() as cursor:
                cursor.execute(query, parameters or None)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    def wait_until(self, condition, timeout_s=30, what=None):
        return wait_until(condition, timeout_s, what)

    # --- The end ---

    def logs(self):
        """(name, text) of every server started here, and of Redis and Postgres."""
        every = [*self.processes, self.redis.process, self.postgres.process]
        return [(p.name, p.output()) for p in every]

    def close(self):
        try:
            # Servers that are away would only make the others wait.
            if not self.redis.running:
                self.redis.start()
            self.redis.process.unpause()
            if not self.postgres.running:
                self.postgres.start()
            self._end_processes()
        finally:
            for process in self.processes:
                if process.alive:
                    process.kill()
            self.postgres.drop_database(self.database)
            self.directory.cleanup()
        if self.findings:
            raise AssertionError("\n".join(self.findings))

    def _end_processes(self):
        for process in self.processes:
            # One that ended before anybody asked it to has its status looked at, too.
            if process.alive:
                process.unpause()
                process.fate = "terminated"
                with contextlib.suppress(ProcessLookupError):
                    process.popen.terminate()
        for process in self.processes:
            try:
                process.wait()
            except AssertionError as e:
                self.findings.append("%s\n%s" % (e, process.output()[-2000:]))
            self.findings += process.problems()
