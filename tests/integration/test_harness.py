"""The tests' own servers do what the other tests take for granted."""
import os

import pytest
import redis

from lua_calls import read_netstring
from processes import Process, wait_until


def start(tmp_path, script):
    return Process("program", ["/bin/sh", "-c", script], str(tmp_path / "log"))


def test_redis_keeps_its_data_over_restart_and_kill(redis_server):
    redis_server.reset()
    redis_server.client().set("k", "1")
    redis_server.restart()
    assert redis_server.client().get("k") == "1"
    redis_server.client().set("k", "2")
    redis_server.kill()
    with pytest.raises(redis.ConnectionError):
        redis_server.client().ping()
    redis_server.start()
    assert redis_server.client().get("k") == "2"


def test_redis_restored_from_a_snapshot_has_lost_what_came_after(redis_server):
    redis_server.reset()
    redis_server.client().set("k", "1")
    snapshot = redis_server.snapshot()
    redis_server.client().set("k", "2")
    redis_server.restore(snapshot)
    assert redis_server.client().get("k") == "1"


def test_redis_cluster_of_one_node_refuses_keys_of_two_slots(redis_cluster_server):
    client = redis_cluster_server.client()
    assert client.mset({"{a}x": 1, "{a}y": 2})
    with pytest.raises(redis.ResponseError, match="CROSSSLOT|same slot"):
        client.mset({"{a}x": 1, "{b}x": 2})


@pytest.mark.parametrize("how", ["restart", "kill"])
def test_postgres_keeps_its_data(postgres_server, how):
    name = postgres_server.create_database()
    connection = postgres_server.connect(name)
    connection.cursor().execute("create table t as select 1 as x")
    connection.close()
    if how == "restart":
        postgres_server.restart()
    else:
        postgres_server.kill()
        postgres_server.start()
    connection = postgres_server.connect(name)
    cursor = connection.cursor()
    cursor.execute("select x from t")
    assert cursor.fetchall() == [(1,)]
    connection.close()
    postgres_server.drop_database(name)


def test_each_stack_starts_empty(stack):
    assert stack.redis_client().dbsize() == 0
    assert stack.sql("select count(*) from pg_tables where schemaname = 'public'") == [(0,)]
    assert stack.env()["TROUPE_DATABASE_URL"].endswith("/" + stack.database)


def test_a_clean_end_is_no_problem(tmp_path):
    process = start(tmp_path, "trap 'exit 0' TERM; echo ready; while :; do sleep 0.05; done")
    process.wait_for_log("ready")
    assert process.terminate() == 0
    assert process.problems() == []


def test_a_sanitizer_report_is_a_problem(tmp_path):
    process = start(tmp_path, "echo '==1==ERROR: AddressSanitizer: heap-use-after-free' >&2")
    process.wait()
    assert "sanitizer report" in process.problems()[0]


def test_a_failed_end_is_a_problem_and_a_kill_is_none(tmp_path):
    process = start(tmp_path, "exit 3")
    process.wait()
    assert "status 3" in process.problems()[0]
    process = start(tmp_path, "exec sleep 60")
    process.kill()
    assert process.problems() == []


def test_a_paused_process_ends_at_terminate(tmp_path):
    process = start(tmp_path, "trap 'exit 0' TERM; echo ready; while :; do sleep 0.05; done")
    process.wait_for_log("ready")
    process.pause()
    assert process.terminate() == 0


def test_a_stack_tells_of_a_server_that_ended_by_itself(stack, tmp_path):
    program = tmp_path / "troupe-worker"
    program.write_text("#!/bin/sh\necho broken\nexit 7\n")
    program.chmod(0o755)
    stack.bin_dir = str(tmp_path)
    worker = stack.start_worker()
    worker.wait()
    stack._end_processes()
    assert "troupe-worker-1 ended with status 7" in stack.findings[0]
    stack.findings.clear()
    stack.processes.clear()


def test_waiting_gives_up(tmp_path):
    with pytest.raises(AssertionError, match="not within 0.1 s: a file"):
        wait_until(lambda: os.path.exists(tmp_path / "none"), 0.1, "a file")


def test_netstrings_count_bytes():
    text = "5:abéc3:xyz0:4:ßü"
    parts, at = [], 0
    while at < len(text):
        part, at = read_netstring(text, at)
        parts.append(part)
    assert parts == ["abéc", "xyz", "", "ßü"]
    with pytest.raises(AssertionError, match="cut off"):
        read_netstring("5:ßü", 0)
