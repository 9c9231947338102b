"""`troupe schema --check` (lib/schema) against two others, on random schemas and values: Debian's
python3-jsonschema, and ajv, which is fetched with npm (left out, and said to be, where that fails).

SCHEMAS=FIRST:COUNT names other seeds than 0 to 159.
"""
import json
import os
import random
import subprocess

import pytest
from jsonschema import Draft202012Validator

import npm
from stack import ROOT

FIRST, COUNT = map(int, os.environ.get("SCHEMAS", "0:160").split(":"))
VALUES_EACH = 14
AJV = "ajv@8.17.1"
NAMES = ["a", "b", "ab", "x-y", "é"]
TEXTS = ["", "a", "b", "ab", "aab", "é", "😀", "😀b", "x-1", "null", "1"]
NUMBERS = [0, 1, -1, 2, 3, 6, 1.5, -2.5, 1.0, 100, 1e3, 2**31]
PATTERNS = ["^a", "b$", "^$", "[0-9]", "^.{2}$", "a|b", "é"]


class Maker:
    """A random schema of ours. What looks at the same value refers only to later $defs, so that
    nothing leads in a circle; what takes a step into the value may refer to all."""

    def __init__(self, seed):
        self.rnd = random.Random(seed)
        self.names = ["d%d" % i for i in range(self.rnd.randrange(4))]
        self.schema = self.make(0, 3)
        if not isinstance(self.schema, dict):
            self.schema = {"not": {"const": "never"}}
        self.schema["$defs"] = {name: self.make(i + 1, 2) for i, name in enumerate(self.names)}

    def value(self, depth=2):
        rnd = self.rnd
        kind = rnd.randrange(8 if depth > 0 else 5)
        if kind == 0:
            return rnd.choice([None, True, False])
        if kind <= 2:
            return rnd.choice(NUMBERS)
        if kind <= 4:
            return rnd.choice(TEXTS)
        if kind == 5:
            return [self.value(depth - 1) for _ in range(rnd.randrange(12 if depth > 1 else 4))]
        return {rnd.choice(NAMES): self.value(depth - 1) for _ in range(rnd.randrange(5))}

    def below(self, depth):
        """A schema of a part of the value."""
        if self.names and self.rnd.random() < .2:
            return {"$ref": "#/$defs/" + self.rnd.choice(self.names)}
        return self.make(0, depth - 1)

    def make(self, later, depth):
        rnd = self.rnd
        if depth <= 0 or rnd.random() < .08:
            return rnd.choice([True, True, False, {"type": "integer"}, {"type": "string"}, {}])
        schema = {}
        for _ in range(rnd.choice([1, 1, 2, 2, 3, 4])):
            getattr(self, rnd.choice(KINDS))(schema, later, depth)
        return schema

    def types(self, schema, _later, _depth):
        every = ["null", "boolean", "integer", "number", "string", "array", "object"]
        schema["type"] = self.rnd.choice(every) if self.rnd.random() < .5 else \
            self.rnd.sample(every, self.rnd.randint(1, 4))

    def choices(self, schema, _later, _depth):
        if self.rnd.random() < .4:
            schema["const"] = self.value()
        else:
            schema["enum"] = [self.value() for _ in range(self.rnd.randint(1, 5))]

    def numbers(self, schema, _later, _depth):
        for word in self.rnd.sample(["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"], 2):
            schema[word] = self.rnd.choice(NUMBERS)
        if self.rnd.random() < .4:
            schema["multipleOf"] = self.rnd.choice([1, 2, 3, 0.5, 2.0])

    def strings(self, schema, _later, _depth):
        schema["minLength"] = self.rnd.randrange(3)
        if self.rnd.random() < .5:
            schema["maxLength"] = self.rnd.randrange(4)
        if self.rnd.random() < .5:
            schema["pattern"] = self.rnd.choice(PATTERNS)

    def elements(self, schema, _later, depth):
        if self.rnd.random() < .5:
            schema["prefixItems"] = [self.below(depth) for _ in range(self.rnd.randint(1, 3))]
        if self.rnd.random() < .7:
            schema["items"] = self.below(depth)
        if self.rnd.random() < .4:
            schema["contains"] = self.below(depth)
            if self.rnd.random() < .5:
                schema["minContains"] = self.rnd.randrange(3)
            if self.rnd.random() < .5:
                schema["maxContains"] = self.rnd.randint(1, 3)

    def sizes(self, schema, _later, _depth):
        words = ["minItems", "maxItems", "minProperties", "maxProperties"]
        for word in self.rnd.sample(words, 2):
            schema[word] = self.rnd.randrange(4)
        schema["uniqueItems"] = self.rnd.random() < .7

    def members(self, schema, _later, depth):
        schema["properties"] = {name: self.below(depth)
                                for name in self.rnd.sample(NAMES, self.rnd.randint(1, 3))}
        if self.rnd.random() < .4:
            schema["patternProperties"] = {p: self.below(depth)
                                           for p in self.rnd.sample(PATTERNS, 2)}
        if self.rnd.random() < .4:
            schema["additionalProperties"] = self.below(depth)
        if self.rnd.random() < .4:
            schema["required"] = self.rnd.sample(NAMES, self.rnd.randint(1, 2))

    def alternatives(self, schema, later, depth):
        word = self.rnd.choice(["allOf", "anyOf", "oneOf"])
        schema[word] = [self.make(later, depth - 1) for _ in range(self.rnd.randint(1, 3))]

    def turned(self, schema, later, depth):
        schema["not"] = self.make(later, depth - 1)

    def conditional(self, schema, later, depth):
        for word in ["if", "then", "else"]:
            if word == "if" or self.rnd.random() < .7:
                schema[word] = self.make(later, depth - 1)

    def reference(self, schema, later, _depth):
        if later < len(self.names):
            schema["$ref"] = "#/$defs/" + self.rnd.choice(self.names[later:])


KINDS = ["types", "choices", "numbers", "strings", "elements", "elements", "sizes", "members",
         "members", "alternatives", "turned", "conditional", "reference", "reference"]


@pytest.fixture(scope="module")
def cases():
    made = []
    for seed in range(FIRST, FIRST + COUNT):
        maker = Maker(seed)
        made.append({"schema": maker.schema, "values": [maker.value(3) for _ in range(VALUES_EACH)]})
    return made


@pytest.fixture(scope="module")
def verdicts_of():
    """Asked once, compared twice."""
    return {}


def ours(stack, cases, verdicts_of):
    if not verdicts_of:
        made = []
        for case in cases:
            result = stack.troupe("schema", "--check", stack.write(json.dumps(case["schema"])), "-o",
                                  "json", *[stack.write(json.dumps(v)) for v in case["values"]])
            assert result.status in (0, 3) and result.stdout, repr(result)
            answers = result.json
            assert all(bool(a["problems"]) == (a["verdict"] == "differs") for a in answers)
            assert {a["verdict"] for a in answers} <= {"fits", "differs"}, repr(result)
            made.append([a["verdict"] == "fits" for a in answers])
        verdicts_of["ours"] = made
    return verdicts_of["ours"]


def compare(cases, mine, theirs):
    wrong = []
    for seed, (case, a, b) in enumerate(zip(cases, mine, theirs), FIRST):
        wrong += ["SCHEMAS=%d:1, we say %s: %s of %s" % (seed, x, json.dumps(v), json.dumps(case["schema"]))
                  for v, x, y in zip(case["values"], a, b) if x != y]
    assert not wrong, "%d differ\n%s" % (len(wrong), "\n".join(sorted(wrong, key=len)[:3]))
    fits = sum(map(sum, mine))
    if COUNT >= 100:
        assert .1 < fits / (len(cases) * VALUES_EACH) < .9


@pytest.mark.timeout_s(240)
def test_against_jsonschema(stack, cases, verdicts_of):
    theirs = [[Draft202012Validator(case["schema"]).is_valid(v) for v in case["values"]]
              for case in cases]
    compare(cases, ours(stack, cases, verdicts_of), theirs)


@pytest.mark.timeout_s(240)
def test_against_ajv(stack, cases, verdicts_of):
    script = os.path.join(ROOT, "tests", "integration", "ajv_verdicts.js")
    done = subprocess.run(["node", script, npm.packages(AJV)], input=json.dumps(cases).encode(),
                          capture_output=True, timeout=100)
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    compare(cases, ours(stack, cases, verdicts_of), json.loads(done.stdout))


EXACT = [
    ({"const": 9007199254740993}, "9007199254740992", False),
    ({"maximum": 9007199254740992}, "9007199254740993", False),
    ({"multipleOf": 0.01}, "4.35", True),
    ({"multipleOf": 0.1}, "1e300", True),
    ({"uniqueItems": True}, "[9007199254740992, 9007199254740993]", True),
    ({"type": "integer"}, "1e400", True),
    ({"minimum": 1}, "1e-400", False),
]


def test_numbers_are_exact(stack):
    for schema, value, fits in EXACT:
        result = stack.troupe("schema", "--check", stack.write(json.dumps(schema)), stack.write(value))
        assert result.status == (0 if fits else 3), repr(result)


def test_what_is_said(stack):
    schema = stack.write('{"properties": {"price": {"minimum": 0}}, "required": ["name"]}')
    value = stack.write('{\n  "price": -3}')
    fine = stack.write("name: x\n", ".yaml")
    broken = stack.write('{"price" 3}')
    result = stack.troupe("schema", "--check", schema, value, fine, broken, status=3)
    lines = result.stdout.splitlines()
    assert lines[:3] == [value + ":1:1: 'name' is missing",
                         value + ":2:12: price: expected a number not below 0, not -3",
                         fine + ": fits"]
    assert lines[3].startswith(broken + ":1:10: ") and len(lines) == 4
    wrong = stack.troupe("schema", "--check", value, fine, status=3)
    assert wrong.stderr.startswith(value + ":2:3: price: unknown keyword") and not wrong.stdout
    assert stack.troupe("schema", "--check", "/nowhere.json", fine).status == 4
    assert stack.troupe("schema", "--check", schema).status == 2
    assert stack.troupe("schema", fine).status == 2
