"""`troupe schema` against `troupe validate`: what validate accepts the schema accepts; structural
mistakes the schema refuses. The oracle is Debian's python3-jsonschema."""
import copy
import glob
import json
import os
import random
import re

import pytest
import yaml
from jsonschema import Draft202012Validator

from flow_random import RandomFlow
from stack import ROOT


@pytest.fixture
def schema(stack):
    text = stack.troupe("schema", status=0).stdout
    made = json.loads(text)
    assert made == stack.troupe("schema", "-o", "json", status=0).json
    Draft202012Validator.check_schema(made)
    return Draft202012Validator(made)


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def of_page():
    page = read(os.path.join(ROOT, "docs", "definitions.md"))
    for block in re.findall(r"^```json\n(.*?)^```", page, re.MULTILINE | re.DOTALL):
        yield json.loads(block)
    for block in re.findall(r"^```yaml\n(.*?)^```", page, re.MULTILINE | re.DOTALL):
        yield yaml.safe_load(block)


def of_flows(folder):
    for path in sorted(glob.glob(os.path.join(folder, "*.json"))):
        cases = json.loads(read(path))
        for case in cases if isinstance(cases, list) else [cases]:
            if isinstance(case, dict) and "definition" in case:
                yield case["definition"]
            elif isinstance(case, dict) and "nodes" in case:
                yield case


def ours():
    made = list(of_page()) + list(of_flows(os.path.join(ROOT, "tests", "flows")))
    made += of_flows(os.path.join(ROOT, "examples"))
    return made + [RandomFlow(seed).definition for seed in range(60)]


def validate(stack, definitions):
    """Which of them validate accepts."""
    good = []
    for i in range(0, len(definitions), 100):
        paths = [stack.write(d) for d in definitions[i:i + 100]]
        result = stack.troupe("validate", "-o", "json", *paths)
        assert result.status in (0, 3), repr(result)
        assert len(result.json) == len(paths)
        good += [answer["valid"] for answer in result.json]
    return good


def why(schema, definition):
    return "; ".join("%s: %s" % (e.json_path, e.message) for e in schema.iter_errors(definition))


def check_accepted(stack, schema, definitions):
    good = validate(stack, definitions)
    for definition, valid in zip(definitions, good):
        if valid:
            assert not why(schema, definition), "%s\n%s" % (why(schema, definition),
                                                            json.dumps(definition))
    return good


def test_definitions_of_this_checkout(stack, schema):
    definitions = ours()
    assert len(definitions) >= 150
    good = check_accepted(stack, schema, definitions)
    assert sum(good) >= 140


def test_definitions_of_shared(stack, schema, shared):
    definitions = list(of_flows(os.path.join(shared, "accept")))
    assert len(definitions) >= 20
    # What is not built yet is refused by both.
    assert sum(check_accepted(stack, schema, definitions)) >= 20


# --- mistakes ---

def node(**fields):
    return {"nodes": [dict({"id": "a", "type": "noop"}, **fields)]}


def config(kind, **fields):
    return node(type=kind, config=fields)


LOOP = {"condition": "true", "max_iterations": 3}
MISTAKES = [
    [], 5, "x", None, {}, {"nodes": {}}, {"nodes": []}, {"nodes": [5]}, {"nodes": [{"id": "a"}]},
    {"nodes": [{"type": "noop"}]}, dict(node(), node=[]), dict(node(), edges={}),
    dict(node(), edges=[[]]), dict(node(), edges=[{"from": "a"}]),
    dict(node(), edges=[{"from": "a", "to": 5}]), dict(node(), edges=[{"from": "a", "to": "b c"}]),
    dict(node(), edges=[{"from": "a", "to": "a", "weight": 1}]),
    dict(node(), edges=[{"from": "a", "to": "a", "condition": True}]),
    dict(node(), edges=[{"from": "a", "to": "a", "condition": {"type": "jq"}}]),
    dict(node(), metadata="x"), dict(node(), metadata={"nmae": "x"}),
    dict(node(), metadata={"name": 5}), dict(node(), metadata={"tags": "x"}),
    dict(node(), metadata={"tags": [5]}), node(id="1a"), node(id=""), node(id="a b"), node(id=5),
    node(id="x" * 129), node(id="ctx"), node(id="secrets"), node(type="nope"), node(type=5),
    node(type="http"), node(type="map"), node(colour="red"), node(config=[]), node(config=5),
    node(timeout_ms=0), node(timeout_ms="5"), node(timeout_ms=1.5), node(priority=1),
    node(join="some"), node(join={}), node(join={"count": 0}), node(join={"count": "2"}),
    node(join={"number": 2}), node(join=2), node(retry=3), node(retry={"max_attempts": 0}),
    node(retry={"attempts": 3}), node(retry={"backoff_ms": -1}), node(retry={"jitter": "x"}),
    node(on_error="stop"), node(on_error={}), node(on_error={"goto": "a"}),
    node(on_error={"goto": [5]}), node(on_error={"goto": ["b c"]}), node(branch=[]),
    node(branch={"rules": {}}), node(branch={"rules": [{}]}), node(branch={"type": "other"}),
    node(branch={"rules": [{"condition": "true"}]}), node(branch={"default": 5}),
    node(branch={"rules": [{"condition": "true", "next_nodes": "b"}]}), node(loop={}),
    node(loop={"condition": "true"}), node(loop={"max_iterations": 3}),
    node(loop=dict(LOOP, max_iterations=0)), node(loop=dict(LOOP, break_path="b")),
    node(loop=dict(LOOP, until="x")), node(type="loop"), config("loop", condition="true"),
    config("loop", max_iterations=3), node(when=True), node(when={"type": "jq"}),
    config("noop", inptu=1), config("noop", expression="1"), node(type="transform"),
    config("transform"), config("transform", expression=1), config("transform", jq=1),
    config("transform", expression="1", template=2), config("transform", transformation="upper"),
    config("transform", input=1), node(type="function"), config("function"),
    config("agent"), config("tool", name=5), config("agent", input=1), config("function", function_name=5),
    config("function", function_name="echo", more=1),
    config("function", function_name="fail", input={"code": 5}),
    config("function", function_name="fail", input={"until_attempt": "soon"}),
    node(type="delay"), config("delay"), config("delay", ms="soon"), config("delay", ms=-1),
    config("delay", ms=1, until="$input"), config("delay", until=5), node(type="filter"),
    config("filter"), config("filter", filter_expression=1), config("filter", items="x"),
    config("filter", filter_expression="true", items={}), node(type="aggregate"),
    config("aggregate"), config("aggregate", strategy="median"),
    config("aggregate", strategy="sum", expression="1"), config("aggregate", expression=1),
    config("aggregate", strategy="sum", items=5),
]


def test_mistakes_are_refused(stack, schema):
    assert not [m for m, valid in zip(MISTAKES, validate(stack, MISTAKES)) if valid]
    accepted = [json.dumps(m) for m in MISTAKES if schema.is_valid(m)]
    assert not accepted, "\n".join(accepted)


def test_the_schema_by_our_own_validator(stack, schema):
    """troupe schema --check says of definitions what jsonschema says."""
    path = stack.write(stack.troupe("schema", status=0).stdout)
    rnd = random.Random(7)
    whole = ours()
    definitions = whole + MISTAKES + [mutate(rnd.choice(whole), rnd) for _ in range(200)]
    for i in range(0, len(definitions), 200):
        part = definitions[i:i + 200]
        files = [stack.write(json.dumps(d)) for d in part]
        result = stack.troupe("schema", "--check", path, "-o", "json", *files)
        assert [a["verdict"] == "fits" for a in result.json] == [schema.is_valid(d) for d in part]


VALUES = [None, True, 0, 1, -1, 2.5, "", "a", "$input.x", "a b", [], ["a"], [1], {}, {"a": 1}]
NAMES = ["id", "type", "config", "join", "retry", "loop", "branch", "when", "input", "expression",
         "template", "items", "strategy", "condition", "goto", "count", "ms", "until", "default",
         "function_name", "max_iterations", "break_path", "nodes", "edges", "output", "x"]


def places(value):
    if isinstance(value, dict):
        for key, member in value.items():
            yield value, key
            yield from places(member)
    elif isinstance(value, list):
        for i, element in enumerate(value):
            yield value, i
            yield from places(element)


def mutate(definition, rnd):
    made = copy.deepcopy(definition)
    where = list(places(made))
    container, key = where[rnd.randrange(min(len(where), 60))]
    how = rnd.randrange(4)
    if how == 0:
        container[key] = copy.deepcopy(rnd.choice(VALUES))
    elif how == 1:
        del container[key]
    elif isinstance(container, dict):
        name = rnd.choice(NAMES)
        container.setdefault(name, copy.deepcopy(rnd.choice(VALUES)))
    else:
        container.append(copy.deepcopy(rnd.choice(VALUES)))
    return made


def test_changed_definitions(stack, schema):
    """Whatever validate still accepts, the schema does; and it sees most of what validate refuses
    for its structure."""
    rnd = random.Random(5)
    whole = [d for d in ours() if len(json.dumps(d)) < 3000]
    changed = [mutate(rnd.choice(whole), rnd) for _ in range(700)]
    good = check_accepted(stack, schema, changed)
    refused = [d for d, valid in zip(changed, good) if not valid]
    seen = sum(not schema.is_valid(d) for d in refused)
    print("%d accepted, %d refused, %d of them by the schema" % (sum(good), len(refused), seen))
    assert sum(good) >= 50 and seen >= len(refused) // 2
