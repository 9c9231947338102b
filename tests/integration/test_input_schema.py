"""input_schema of a definition: a run whose input does not fit is refused, with the paths that fail."""
import json
import re

DEFINITION = {"metadata": {"name": "typed"},
              "input_schema": {"type": "object", "required": ["url"],
                               "properties": {"url": {"type": "string", "format": "uri"}, "n": {"minimum": 1}}},
              "nodes": [{"id": "a", "type": "noop"}]}
GOOD = {"url": "https://example.org/x", "n": 2}
BAD = {"url": 5, "n": 0}


def test_the_command_line_refuses(running_stack):
    assert running_stack.run(DEFINITION, GOOD, status=0).json["output"] == {"a": GOOD}
    for workflow in (DEFINITION, "typed"):
        result = running_stack.run(workflow, BAD, status=3)
        assert "input_schema: " in result.stderr and "url: " in result.stderr and "n: " in result.stderr
    assert running_stack.sql("select count(*) from run") == [(1,)]


def test_a_request_is_rejected(running_stack):
    running_stack.deploy(DEFINITION)
    redis = running_stack.redis_client()
    redis.xadd("troupe:runs", {"workflow": "typed", "input": json.dumps(BAD)})
    redis.xadd("troupe:runs", {"workflow": "typed", "input": json.dumps(GOOD)})
    running_stack.wait_until(lambda: redis.xlen("troupe:rejected") == 1 and running_stack.sql(
        "select 1 from run where status = 'completed'"), 20)
    (_, fields), = redis.xrange("troupe:rejected")
    assert fields["reason"].startswith("input_schema: ") and "url: " in fields["reason"]
    assert running_stack.sql("select count(*) from run") == [(1,)]


def test_mistakes_in_schemas_have_their_place(running_stack):
    definition = {"metadata": {"name": "x"}, "nodes": [
        {"id": "a", "type": "noop", "input_schema": {"properties": {"n": {"typ": "integer"}}},
         "output_schema": {"minLength": -1}}]}
    text = json.dumps(definition, indent=1)
    result = running_stack.troupe("validate", running_stack.write(text), status=3)
    lines = result.stdout.splitlines()
    assert any(re.search(r":1[0-9]:", l) and "nodes[0].input_schema.properties.n.typ: " in l and "'type'" in l for l in lines), result
    assert any("nodes[0].output_schema.minLength: " in l for l in lines), result
    unclear = {"metadata": {"name": "x"}, "output_schema": {}, "nodes": [
        {"id": "a", "type": "noop"}, {"id": "j", "type": "noop", "join": "each"}], "edges": [{"from": "a", "to": "j"}]}
    result = running_stack.troupe("validate", running_stack.write(unclear), status=3)
    assert "output_schema: needs an output mapping" in result.stdout
