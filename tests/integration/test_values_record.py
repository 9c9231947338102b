"""Values above the inline limit are kept once, by content address; whoever reads the record sees them."""
import hashlib
import json
import os
import uuid

import pytest

from stack import ROOT

NODES = 10
CHAIN = {"metadata": {"name": "chain"},
         "nodes": [{"id": "n%d" % i, "type": "transform", "config": {"expression": "input"}}
                   for i in range(NODES)],
         "edges": [{"from": "n%d" % i, "to": "n%d" % (i + 1)} for i in range(NODES - 1)]}
DOCUMENT = {"text": "".join(hashlib.sha256(b"%d" % i).hexdigest() for i in range(1 << 14))}


def compact(value):
    return json.dumps(value, separators=(",", ":"))


def run(stack, workflow, input, *args, status=0):
    """As Stack.run, with an input that is too long for an argument, as the workers write it."""
    workflow = workflow if isinstance(workflow, str) else stack.write(workflow)
    return stack.troupe("run", workflow, "--input", "-", "--wait", "-o", "json", *args, stdin=compact(input),
                        status=status)


def kept(stack):
    """Digest in hex -> the value, each of them what its digest says."""
    rows = stack.sql("select encode(digest, 'hex'), json::text, length from value")
    for digest, text, length in rows:
        assert hashlib.sha256(text.encode()).hexdigest() == digest and len(text.encode()) == length
    return {digest: json.loads(text) for digest, text, _ in rows}


def test_a_document_through_ten_nodes_is_kept_once(running_stack):
    run_id = run(running_stack, CHAIN, DOCUMENT).json["run_id"]
    ended = {"n%d" % (NODES - 1): DOCUMENT}
    # The output is an object of the document.
    assert sorted(map(compact, kept(running_stack).values())) == sorted(map(compact, [DOCUMENT, ended]))
    assert running_stack.sql("select count(distinct output_digest), count(output) from execution_row") == [(1, 0)]
    assert running_stack.sql("select count(*) from execution_row where output_digest is not null") == [(NODES,)]
    assert running_stack.sql("select input is null and output is null from run_row") == [(True,)]
    for query in ("select output from node_executions", "select output from v_run_timeline where run_id = '%s'" % run_id):
        rows = running_stack.sql(query)
        assert len(rows) == NODES and all(row[0] == DOCUMENT for row in rows)
    for view in ("run", "v_runs"):
        assert running_stack.sql("select input, output from " + view) == [(DOCUMENT, ended)]
    shown = running_stack.show(run_id)
    assert shown["input"] == DOCUMENT and shown["output"] == ended
    assert len(shown["nodes"]) == NODES
    assert all(execution["output"] == DOCUMENT for execution in shown["nodes"])


def test_runs_share_what_they_have_in_common(running_stack):
    for _ in range(2):
        run(running_stack, CHAIN, DOCUMENT)
    assert running_stack.sql("select count(*) from run where output_digest is not null") == [(2,)]
    assert len(kept(running_stack)) == 2


def test_small_values_stay_in_their_rows(running_stack):
    run_id = run(running_stack, CHAIN, {"n": 1}).json["run_id"]
    assert running_stack.sql("select count(*) from value") == [(0,)]
    assert running_stack.sql("select count(*) from execution_row where output_digest is null and output is not null "
                             "and run_id = %s", run_id) == [(NODES,)]


@pytest.mark.parametrize("limit, is_kept", [(1024, True), (1 << 20, False)])
def test_the_limit_is_a_setting(stack, limit, is_kept):
    stack.migrate()
    stack.start_supervisor("--inline-value-bytes", str(limit))
    stack.start_worker()
    value = "x" * (limit - 2)  # with its quotes as long as may be
    for more in (0, 1):
        run(stack, CHAIN, value + "x" * more if is_kept else "x" * 3000)
        # The output of a run is an object of the value: longer.
        rows = stack.sql("select count(*) from execution_row where output_digest is not null")
        assert rows == [(NODES * more if is_kept else 0,)]


def test_a_collected_output_is_kept_too(stack):
    """Two ends in different batches: Postgres makes the output of them."""
    flow = {"metadata": {"name": "two"},
            "nodes": [{"id": "s", "type": "transform", "config": {"expression": "input"}},
                      {"id": "a", "type": "transform", "config": {"expression": "input"}},
                      {"id": "d", "type": "delay", "config": {"ms": 1500}},
                      {"id": "b", "type": "transform", "config": {"input": "$s", "expression": "input"}}],
            "edges": [{"from": "s", "to": "a"}, {"from": "s", "to": "d"}, {"from": "d", "to": "b"}]}
    stack.up(workers=1)
    ended = run(stack, flow, DOCUMENT).json
    assert ended["output"] == {"a": DOCUMENT, "b": DOCUMENT}
    assert stack.sql("select output is null and output_digest is not null from run_row") == [(True,)]
    assert stack.show(ended["run_id"])["output"] == ended["output"]
    assert {"a": DOCUMENT, "b": DOCUMENT} in kept(stack).values()


def test_an_input_is_compared_with_the_one_that_is_kept(running_stack):
    """A run id that is there: fine with the same input, a conflict with another."""
    running_stack.deploy(CHAIN)
    first = run(running_stack, "chain", DOCUMENT).json["run_id"]
    again = run(running_stack, "chain", DOCUMENT, "--id", first)
    assert again.status == 0 and again.json["run_id"] == first
    other = run(running_stack, "chain", {**DOCUMENT, "other": 1}, "--id", first, status=None)
    assert other.status != 0 and "another input" in other.stderr


def test_nobody_refers_to_a_value_and_it_goes(running_stack):
    keep = run(running_stack, CHAIN, DOCUMENT).json["run_id"]
    drop = run(running_stack, CHAIN, [DOCUMENT]).json["run_id"]
    before = kept(running_stack)
    assert running_stack.sql("select drop_unreferenced_values()") == [(0,)]
    running_stack.sql("delete from execution_row where run_id = %s", drop)
    running_stack.sql("delete from run_row where run_id = %s", drop)
    dropped = running_stack.sql("select drop_unreferenced_values()")[0][0]
    after = kept(running_stack)
    assert len(before) == len(after) + dropped and dropped == 2
    assert all(compact(value).startswith("{") for value in after.values())
    shown = running_stack.show(keep)
    assert shown["input"] == DOCUMENT and all(e["output"] == DOCUMENT for e in shown["nodes"])
    # What was dropped comes again.
    run(running_stack, CHAIN, [DOCUMENT])
    assert len(kept(running_stack)) == len(before)


def test_a_value_that_somebody_is_about_to_refer_to_stays(stack):
    """Found unreferenced, then referred to by a transaction that commits before the removal."""
    stack.migrate()
    stack.sql("insert into value (digest, json, length) values (sha256('1'), '1', 1), (sha256('2'), '2', 1)")
    writer, cleaner = (stack.postgres.connect(stack.database) for _ in range(2))
    writer.autocommit = False
    try:
        with writer.cursor() as w, cleaner.cursor() as c:
            w.execute("select pg_advisory_xact_lock_shared(7092026002)")
            w.execute("insert into run_row (run_id, partition, workflow, version, digest, input_digest, submitted_at) "
                      "values (gen_random_uuid(), 0, 'w', 1, 'd', sha256('1'), now())")
            c.execute("set lock_timeout = '200ms'")
            with pytest.raises(Exception, match="lock timeout"):
                c.execute("select drop_unreferenced_values()")
            cleaner.rollback()
            writer.commit()
            c.execute("select drop_unreferenced_values()")
            assert c.fetchall() == [(1,)]
        cleaner.commit()
    finally:
        writer.close()
        cleaner.close()
    assert stack.sql("select json::text from value") == [("1",)]


def test_values_are_dropped_with_a_snapshot_of_their_own(stack):
    stack.migrate()
    connection = stack.postgres.connect(stack.database)
    connection.autocommit = False
    try:
        with connection.cursor() as cursor:
            cursor.execute("set transaction isolation level repeatable read")
            with pytest.raises(Exception, match="read committed"):
                cursor.execute("select drop_unreferenced_values()")
    finally:
        connection.close()


@pytest.mark.timeout_s(240)
def test_two_supervisors_add_the_same_values(stack):
    """Each has half of the partitions, and both archive runs of the same documents."""
    stack.migrate()
    supervisors = [stack.start_supervisor("--name", name) for name in ("first", "second")]
    stack.start_worker()
    stack.wait_until(lambda: stack.sql("select count(*) from partition_state where seq > 0 or epoch > 0") == [(16,)])
    stack.deploy(CHAIN)
    for owner in ("first", "second"):
        stack.sql("update partition_state set owner = %s, fence = fence + 1 where partition %% 2 = %s", owner,
                  int(owner == "second"))
    documents = [{"n": i, "text": DOCUMENT["text"][:20000 + i]} for i in range(30)]
    client = stack.redis_client()
    for _ in range(4):
        for document in documents:
            client.xadd("troupe:runs", {"workflow": "chain", "input": compact(document)})
    stack.wait_until(lambda: stack.sql("select count(*) from run where status = 'completed'") == [(120,)], 120)
    # Both had a part in it.
    assert stack.sql("select owner, count(*) from partition_state where seq > 0 group by 1 order by 1") == [
        ("first", 8), ("second", 8)]
    outputs = [{"n%d" % (NODES - 1): document} for document in documents]
    assert sorted(map(compact, kept(stack).values())) == sorted(map(compact, documents + outputs))
    assert stack.sql("select count(*) from run_row where input_digest is not null and output_digest is not null") == [
        (120,)]
    for process in (*supervisors, stack.postgres.process):
        assert "deadlock" not in process.output()


OLD = ["0001_record.sql", "0002_iterations.sql", "0003_tasks.sql", "0004_dead_letters.sql"]


def test_runs_from_before_stay_readable(stack):
    """A database of version 0004 with its views and runs in it."""
    folder = os.path.join(ROOT, "migrations")
    stack.sql("create table schema_migration (number integer primary key, name text not null, sha256 text not null,"
              " applied_at timestamptz not null default now())")
    for name in OLD:
        with open(os.path.join(folder, name), encoding="utf-8") as f:
            text = f.read()
        stack.sql(text.replace("%", "%%") if "%" in text else text)
        stack.sql("insert into schema_migration (number, name, sha256) values (%s, %s, %s)", int(name[:4]),
                  name[5:-4], hashlib.sha256(text.encode()).hexdigest())
    # Its views, as far as they stand on what changes.
    stack.sql("create view v_runs as select run_id, workflow, status, input, output from run")
    stack.sql("create view v_run_timeline as select run_id, node_id, output from node_executions")
    stack.sql("insert into schema_migration (number, name, sha256) values (0, 'views', repeat('0', 64))")
    ended = str(uuid.uuid4())
    stack.sql("insert into run (run_id, partition, workflow, version, digest, status, input, output, submitted_at,"
              " started_at, ended_at, events) values (%s, 0, 'w', 1, 'd', 'completed', %s, %s, now(), now(), now(), 2)",
              ended, compact(DOCUMENT), compact([DOCUMENT]))
    stack.sql("insert into node_executions (run_id, node_index, scope, attempt, node_id, node_type, status, token, at,"
              " started_at, ended_at, output, terminal) values (%s, 0, '', 1, 'a', 'noop', 'completed', 1, now(), now(),"
              " now(), %s, true)", ended, compact(DOCUMENT))
    stack.migrate()
    for query in ("select input, output from run", "select input, output from v_runs"):
        assert stack.sql(query) == [(DOCUMENT, [DOCUMENT])]
    for view in ("node_executions", "v_run_timeline"):
        assert stack.sql("select output from " + view) == [(DOCUMENT,)]
    assert stack.sql("select count(*) from value") == [(0,)]
    shown = stack.show(ended)
    assert shown["input"] == DOCUMENT and [node["output"] for node in shown["nodes"]] == [DOCUMENT]
    # One that was accepted before and had not begun is started with its input.
    waits = stack.troupe("run", stack.write(CHAIN), "--input", "-", "--detach", "-o", "json", stdin=compact(DOCUMENT),
                         status=0).json["run_id"]
    stack.sql("update run_row set input = (select json from value where digest = input_digest), input_digest = null"
              " where run_id = %s", waits)
    stack.start_supervisor()
    stack.start_worker()
    stack.wait_until(lambda: stack.sql("select output from run where run_id = %s and status = 'completed'", waits))
    assert stack.sql("select output from v_runs where run_id = %s", waits) == [({"n%d" % (NODES - 1): DOCUMENT},)]
    assert stack.sql("select input is not null, output_digest is not null from run_row where run_id = %s", waits) == [
        (True, True)]
