"""What is wrong is said, with the right exit status, and leaves nothing half done."""
import json
import os
import uuid

import pytest

import load
from processes import Process
from stack import Stack
from test_end_to_end import FAILING, HELLO, detach, inbox_is_empty, wait_for_status

NOBODY = "127.0.0.1:1"  # no server listens there


def nothing_accepted(stack):
    return stack.sql("select count(*) from v_runs") == [(0,)]


def says(result, status, *words):
    """The exit status, and a message without a trace of our inside on stderr only."""
    assert result.status == status, repr(result)
    assert result.stdout == "", repr(result)
    for word in words:
        assert word.lower() in result.stderr.lower(), "%r not in %r" % (word, result)
    assert result.stderr.startswith("troupe: ") or ": " in result.stderr


# --- Wrong words ---


def test_an_unknown_workflow(running_stack):
    running_stack.deploy(HELLO)
    says(running_stack.troupe("run", "helo", "--detach"), 4, "helo", "hello")
    says(running_stack.troupe("run", "helo", "--wait"), 4, "helo", "hello")
    says(running_stack.troupe("run", "quite-different", "--wait"), 4, "quite-different")
    says(running_stack.troupe("run", "./no-such-file.json"), 4, "no-such-file.json")
    assert nothing_accepted(running_stack)


def test_an_unknown_run(running_stack):
    for command in ("show", "cancel", "decisions"):
        run = str(uuid.uuid4())
        says(running_stack.troupe(command, run), 4, run)
        no_id = running_stack.troupe(command, "no-id")
        assert no_id.status in (2, 4) and "no-id" in no_id.stderr, repr(no_id)


@pytest.mark.parametrize("text, place", [('{"a": }', "1:7"), ('{"a": 1', "1:8"), ("", ""),
                                         ("{'a': 1}", "1:2"), ("[1,\n 2,,]", "2:4"),
                                         ("NaN", "1:1"), ('{"a": 1, "a": 2}', "1:10"),
                                         ('"\\ud800"', "")])
def test_an_input_that_is_no_json(running_stack, text, place):
    running_stack.deploy(HELLO)
    result = running_stack.troupe("run", "hello", "--wait", "--timeout", "20", "--input", text)
    assert result.status in (2, 3), repr(result)
    assert result.stdout == "" and "input" in result.stderr, repr(result)
    if place:
        line, column = place.split(":")
        assert place in result.stderr or ("line %s" % line in result.stderr and
                                          "column %s" % column in result.stderr), repr(result)
    assert nothing_accepted(running_stack)


def test_inputs_by_file_and_stdin(running_stack):
    running_stack.deploy(HELLO)
    path = running_stack.write('{"n":\n oops}')
    result = running_stack.troupe("run", "hello", "--input", "@" + path)
    assert result.status in (2, 3) and "2" in result.stderr, repr(result)
    result = running_stack.troupe("run", "hello", "--input", "@/no/such/file")
    assert result.status == 4 and "/no/such/file" in result.stderr, repr(result)
    result = running_stack.troupe("run", "hello", "--input", "-", "--wait", "-o", "json",
                                  stdin='{"n": 1}', status=0)
    assert result.json["output"] == {"b": {"n": 2}}


def test_words_that_the_command_line_does_not_know(stack):
    for args in (["runn"], ["run"], ["run", "a", "b"], ["run", "a", "--nope"],
                 ["run", "a", "--timeout", "soon"], ["run", "a", "--label", "no-equals-sign"],
                 ["run", "a", "--wait", "--detach"], ["show"], ["show", "x", "-o", "yaml"],
                 ["pause", "x"], []):
        result = stack.troupe(*args)
        assert result.status == 2 and result.stdout == "" and result.stderr, repr(result)


def test_an_invalid_definition_is_not_deployed(running_stack):
    path = running_stack.write('{"metadata": {"name": "bad"},\n "nodes": [{"id": "a", "type": "noop"}],\n'
                               ' "edges": [{"from": "a", "to": "nowhere"}]}')
    for command in (["deploy", path], ["run", path, "--wait"]):
        result = running_stack.troupe(*command)
        assert result.status == 3, repr(result)
        assert os.path.basename(path) + ":3:" in result.stdout + result.stderr
    unnamed = running_stack.write({"nodes": [{"id": "a", "type": "noop"}]})
    result = running_stack.troupe("deploy", unnamed)
    assert result.status == 3 and "metadata.name" in result.stdout + result.stderr, repr(result)
    assert nothing_accepted(running_stack)
    assert running_stack.troupe("run", "bad").status == 4


def test_one_bad_file_of_several_deploys_none(running_stack):
    good = running_stack.write(HELLO)
    bad = running_stack.write({"metadata": {"name": "bad"}, "nodes": []})
    assert running_stack.troupe("deploy", good, bad).status == 3
    assert running_stack.troupe("run", "hello", "--input", '{"n": 1}', "--detach").status == 4


# --- Requests of producers that cannot start ---


REQUESTS = {
    "unknown_workflow": ({"workflow": "helo", "input": "1"}, "helo"),
    "no_workflow": ({"input": "1"}, "workflow"),
    "broken_input": ({"workflow": "hello", "input": '{"a": }'}, "input"),
    "unknown_version": ({"workflow": "hello", "input": "1", "version": "7"}, "7"),
    "version_that_is_no_number": ({"workflow": "hello", "input": "1", "version": "new"},
                                  "version"),
    "labels_that_are_no_object": ({"workflow": "hello", "input": "1", "labels": "[1]"}, "labels"),
    "labels_that_are_no_strings": ({"workflow": "hello", "input": "1", "labels": '{"a": {}}'},
                                   "labels"),
    "id_that_is_no_uuid": ({"workflow": "hello", "input": "1", "run_id": "me"}, "run_id"),
    "nothing_known": ({"x": "y"}, ""),
    "bytes": ({"workflow": b"\xff\x00|\n", "input": b"\xfe"}, ""),
}


@pytest.fixture(scope="module")
def requests_answered(redis_server, postgres_server):
    """All of REQUESTS, sent at once with good ones around them; name -> its rejection."""
    stack = Stack(redis_server, postgres_server)
    try:
        stack.up()
        stack.deploy(HELLO)
        client = stack.redis_client()
        good = {"workflow": "hello", "input": '{"n": 1}'}
        client.xadd("troupe:runs", good)
        sent = {client.xadd("troupe:runs", fields): name for name, (fields, _) in REQUESTS.items()}
        client.xadd("troupe:runs", good)
        stack.wait_until(lambda: client.xlen("troupe:rejected") >= len(REQUESTS),
                         what="%d rejections" % len(REQUESTS))
        raw = stack.redis.client(decode=False)
        rejected = {sent[fields[b"request"].decode()]: fields
                    for _, fields in raw.xrange("troupe:rejected")}
        stack.wait_until(lambda: inbox_is_empty(client), what="an empty inbox")
        stack.wait_until(lambda: stack.sql("select count(*) from v_runs where status = 'completed'")
                         == [(2,)], what="the good ones")
        rows = stack.sql("select count(*) from v_runs")
        count = client.xlen("troupe:rejected")
    finally:
        stack.close()  # the tests in between have the same Redis
    return rejected, count, rows


@pytest.mark.parametrize("name", list(REQUESTS))
def test_a_request_that_cannot_start(requests_answered, name):
    rejected, _, _ = requests_answered
    fields, word = REQUESTS[name]
    answer = rejected[name]
    reason = answer[b"reason"].decode()
    assert reason and word in reason, reason
    if name != "bytes":
        for field, value in fields.items():
            assert answer[field.encode()].decode() == value


def test_rejections_are_written_once_and_start_nothing(requests_answered):
    rejected, count, rows = requests_answered
    assert len(rejected) == count == len(REQUESTS)
    assert rows == [(2,)]


# --- Servers that are away or refuse ---


def test_a_redis_of_another_database(running_stack):
    """Two records over one Redis would undo each other's work for ever."""
    other = running_stack.postgres.create_database()
    url = running_stack.postgres.url(other)
    try:
        running_stack.troupe("migrate", status=0, TROUPE_DATABASE_URL=url)
        supervisor = running_stack.start_supervisor(TROUPE_DATABASE_URL=url)
        running_stack.processes.remove(supervisor)
        assert supervisor.wait() == 6, supervisor.output()
        assert "another database" in supervisor.output()
        assert running_stack.run(HELLO, {"n": 1}, status=0).json["status"] == "completed"
    finally:
        running_stack.postgres.drop_database(other)


def test_the_command_line_without_servers(stack):
    stack.migrate()
    path = stack.write(HELLO)
    for url in ("postgresql://postgres@%s/x" % NOBODY, "postgresql://postgres@127.0.0.1:%d/nothing"
                % stack.postgres.port):
        for command in (["run", path, "--detach"], ["show", str(uuid.uuid4())], ["ps"],
                        ["deploy", path], ["migrate"], ["doctor"]):
            result = stack.troupe(*command, TROUPE_DATABASE_URL=url)
            assert result.status == 5, repr(result)
            told = result.stdout + result.stderr
            assert "127.0.0.1" in told or "nothing" in told, repr(result)
    assert nothing_accepted(stack)


def test_a_database_without_tables(stack):
    path = stack.write(HELLO)
    for command in (["run", path, "--detach"], ["ps"]):
        says(stack.troupe(*command), 5, "troupe migrate")
    supervisor = stack.start_supervisor()
    stack.processes.remove(supervisor)
    assert supervisor.wait() == 5 and "troupe migrate" in supervisor.output()
    assert supervisor.problems() != []


@pytest.fixture
def locked_role(stack):
    """A role that needs its password; returns a function from a password to a URL."""
    path = os.path.join(stack.postgres.data, "pg_hba.conf")
    with open(path, encoding="utf-8") as f:
        before = f.read()
    stack.sql("create role locked login superuser password 'right'")
    with open(path, "w", encoding="utf-8") as f:
        f.write("host all locked 127.0.0.1/32 scram-sha-256\n" + before)
    stack.sql("select pg_reload_conf()")
    yield lambda password: "postgresql://locked:%s@127.0.0.1:%d/%s" % (
        password, stack.postgres.port, stack.database)
    with open(path, "w", encoding="utf-8") as f:
        f.write(before)
    stack.sql("select pg_reload_conf()")
    stack.sql("reassign owned by locked to postgres")
    stack.sql("drop role locked")


def ends_refused(stack, process, *words):
    """It ends by itself, with 5 and a message that keeps the password."""
    stack.processes.remove(process)
    status, out = process.wait(), process.output()
    assert status == 5, "status %s\n%s" % (status, out)
    assert not process.problems()[0].startswith(process.name + ": sanitizer"), out
    for word in words:
        assert word.lower() in out.lower(), out
    assert "s3cret" not in out


def test_a_wrong_password_of_postgres(stack, locked_role):
    stack.migrate()
    path = stack.write(HELLO)
    for command in (["run", path, "--detach"], ["ps"], ["migrate"]):
        result = stack.troupe(*command, TROUPE_DATABASE_URL=locked_role("s3cret"))
        says(result, 5, "password")
        assert "s3cret" not in result.stderr
    ends_refused(stack, stack.start_supervisor(TROUPE_DATABASE_URL=locked_role("s3cret")),
                 "password")
    assert stack.troupe("ps", TROUPE_DATABASE_URL=locked_role("right")).status == 0
    assert nothing_accepted(stack)


def test_a_wrong_password_of_redis(stack):
    stack.migrate()
    client = stack.redis_client()
    client.config_set("requirepass", "right")
    try:
        url = "redis://:%s@127.0.0.1:" + str(stack.redis.port)
        for wrong in (url % "s3cret", stack.redis.url):
            ends_refused(stack, stack.start_supervisor(TROUPE_REDIS_URL=wrong), "redis")
            result = stack.troupe("doctor", TROUPE_REDIS_URL=wrong)
            assert result.status == 5 and "s3cret" not in result.stdout + result.stderr, \
                repr(result)
            ends_refused(stack, stack.start_worker(TROUPE_REDIS_URL=wrong), "redis")
        stack.start_supervisor(TROUPE_REDIS_URL=url % "right")
        stack.start_worker(TROUPE_REDIS_URL=url % "right")
        run = stack.troupe("run", stack.write(HELLO), "--input", '{"n": 1}', "--wait", "--timeout",
                           "30", "-o", "json", TROUPE_REDIS_URL=url % "right", status=0)
        assert run.json["status"] == "completed"
        for process in stack.processes:
            if process.alive:
                process.terminate()
    finally:
        stack.redis.process.unpause()
        client.config_set("requirepass", "")


def test_servers_that_come_later(stack):
    """Workers and supervisors wait for a Redis that is not there yet."""
    stack.migrate()
    stack.redis.stop()
    supervisor, worker = stack.start_supervisor(), stack.start_worker()
    for process in (supervisor, worker):
        process.wait_for_log(str(stack.redis.port))
        assert process.alive
    path = stack.write(HELLO)
    accepted = stack.troupe("run", path, "--input", '{"n": 1}', "--detach", "-o", "json", status=0)
    stack.redis.start()
    shown = wait_for_status(stack, accepted.json["run_id"], "completed")
    assert shown["output"] == {"b": {"n": 2}}


def test_a_producer_that_comes_first(stack):
    """Its request makes the stream of requests without the group that workers read it by."""
    stack.migrate()
    run = str(uuid.uuid4())
    stack.deploy(HELLO)
    stack.redis_client().xadd("troupe:runs", {"workflow": HELLO["metadata"]["name"], "run_id": run, "input": '{"n": 1}'})
    stack.start_supervisor()
    stack.start_worker()
    assert wait_for_status(stack, run, "completed")["output"] == {"b": {"n": 2}}


def test_a_group_that_somebody_removes_is_made_again(running_stack):
    stack, client = running_stack, running_stack.redis_client()
    stack.deploy(HELLO)
    stack.wait_until(lambda: client.exists("troupe:runs") and client.xinfo_groups("troupe:runs"),
                     what="the group")
    client.xgroup_destroy("troupe:runs", "fleet")
    run = str(uuid.uuid4())
    client.xadd("troupe:runs", {"workflow": HELLO["metadata"]["name"], "run_id": run, "input": '{"n": 1}'})
    assert wait_for_status(stack, run, "completed")["output"] == {"b": {"n": 2}}


def test_redis_is_away_for_a_while(running_stack):
    stack = running_stack
    before = stack.run(HELLO, {"n": 1}, status=0).json["run_id"]
    stack.redis.stop()
    shown = stack.troupe("show", before, "-o", "json", status=0).json
    assert shown["status"] == "completed"
    run = detach(stack, "hello", {"n": 2})
    shown = stack.troupe("show", run, "-o", "json", status=0)
    assert shown.json["status"] == "queued"
    timed_out = stack.run("hello", {"n": 3}, timeout_s=1)
    assert timed_out.status == 124, repr(timed_out)
    doctor = stack.troupe("doctor")
    assert doctor.status == 5 and str(stack.redis.port) in doctor.stdout + doctor.stderr
    stack.redis.start()
    wait_for_status(stack, run, "completed")
    stack.wait_until(lambda: stack.sql("select count(*) from v_runs where status = 'completed'")
                     == [(3,)], what="all three")
    assert all(p.alive for p in stack.processes)


def test_postgres_is_away_for_a_while(running_stack):
    stack = running_stack
    stack.deploy(HELLO)
    stack.run("hello", {"n": 0}, status=0)
    client = stack.redis_client()
    stack.postgres.stop()
    refused = stack.troupe("run", "hello", "--input", '{"n": 1}', "--detach")
    says(refused, 5, str(stack.postgres.port))
    # What comes through Redis is executed; its record waits in the ledgers.
    runs = [str(uuid.uuid4()) for _ in range(20)]
    for n, run in enumerate(runs):
        client.xadd("troupe:runs", {"workflow": "hello", "input": json.dumps({"n": n}),
                                    "run_id": run})

    def executed():
        keys = [k for run in runs for k in client.keys("troupe:{*}:run:" + run)]
        return len(keys) == 20 and all(client.hget(k, "h").startswith("c|") for k in keys)

    stack.wait_until(executed, what="20 completed runs in Redis")
    assert client.xlen("troupe:runs") == 20  # acknowledged only once they are in the record
    stack.postgres.start()
    stack.wait_until(lambda: stack.sql("select count(*) from v_runs where status = 'completed'")
                     == [(21,)], what="all of them in the record")
    stack.wait_until(lambda: load.redis_is_empty(stack))
    load.check_record(stack)
    assert all(p.alive for p in stack.processes)


def test_a_waiting_client_whose_postgres_goes(stack):
    stack.up(workers=0)
    path = stack.write(FAILING)
    command = [stack.binary("troupe"), "run", path, "--wait", "--timeout", "60", "-o", "json"]
    client = Process("client", command, os.path.join(stack.dir, "client.log"), env=stack.env())
    stack.wait_until(lambda: stack.sql("select count(*) from v_runs") == [(1,)])
    stack.postgres.restart()
    stack.start_worker()
    # It waits on, or says that it cannot; it never answers what is not so.
    status = client.wait(60)
    assert status in (1, 5), client.output()
    if status == 1:
        assert json.loads(client.output().splitlines()[-1])["error"]["code"] == "oh_no"
    stack.wait_until(lambda: stack.sql("select count(*) from v_runs where status = 'failed'")
                     == [(1,)])
