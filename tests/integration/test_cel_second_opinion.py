"""Random expressions, evaluated by `troupe cel --cases` and by the npm package @bufbuild/cel.

The seeds are 0 to 2999; CEL_SEEDS=FIRST:COUNT names others: `CEL_SEEDS=217:1 make integration
TEST=second_opinion` runs one again. Where the two differ the specification decides; what is left is
in docs/design/007-cel-differences.md, with a reason each, and in REASONS below, by what such an
expression looks like.
"""
import json
import os
import re
import subprocess

import pytest

import npm
from cel_cases import run_cases
from cel_random import RandomExpression
from cel_random_strings import RandomStrings
from stack import ROOT

FIRST, COUNT = map(int, os.environ.get("CEL_SEEDS", "0:3000").split(":"))
PACKAGE = "@bufbuild/cel@0.6.1"
DIFFERENCES = os.path.join(ROOT, "docs", "design", "007-cel-differences.md")
# At most so many of the expressions may differ, whatever the reasons: a wide pattern must not hide
# what nobody has looked at.
DIFFERENT_MOST = 0.1

# Heading in the document: what the expression looks like, and the two results, as one text:
# "EXPRESSION => what troupe said => what the package said".
REASONS = {
    "Arithmetic of an int and a double": r"=> error: .*'_[-+*/]_' applied to '\((int, double|double, int)\)'",
    "The seconds of timestamp(int)": r"timestamp\((\d+|-\d+|m)\)",
    "Numbers in strings": r'(u?int\("( 1|0x10||\+1)"\)|double\("(x|1e400|)"\)).*=> error',
    "has() of what is no map": r"has\((mixed|n|items\[0\])\..*=> error",
    "Fractions of a second as text": r'(string\(|%(\.1)?s.*format\().*\.5(s|Z|")',
    "The last nanosecond of a second": r"(59\.999999999Z|-1ns).*get",
    "The first centuries": r"000[01]-\d\d-\d\d.*get",
    "Dates that do not exist": r"(02-30|06-31|T24:00).*=> error",
    "Durations without a number": r'duration\("-?"\).*=> error',
    "Doubles as text": r"string\(.*=> got .*(-0|e-0|MDc=|\+Inf)",
    "Keys that no map can have": r"=> .*=> error.*'@in' applied to '\(.*, map\)'",
    "Large uints divided": r"=> error: int overflow during divide",
    "Two signs": r"-\(-.*=> .*'-'.*=> [^e]",
    "Days in a zone": r'get(Date|DayOf\w+)\("',
    "The end of a string as a position": r"ndexOf\(.*=> error: index (\d+) out of bounds \[0, \1\)",
    "Characters of more than 16 bits": r"(?s)^(?=.*😀)(?=.*(charAt|substring|ndexOf|split)\()|=> error: thrown: half a character",
    "Replacing the empty string": r'\.replace\((""|[st]|items\[0\]\.name|v\d),',
    "Replacing without a limit": r"\.replace\(.*, (-1|m)\)",
    "The rest behind the last split": r"\.split\(.*, (2|3|m)\)",
    "Numbers in formats": r"\.format\(.*=> error: .*(clause can only be used on doubles|invalid integer value)",
    "Doubles in formats": r"%(\.\d)?[se].*\.format\(.*=> got .*=> .*(\de[-+]\d|MDAw|0)|format\(\[-0\.0\]\)",
    "Digits of large doubles in formats": r"%(\.\d)?f.*\.format\(.*=> got .*(\d{16}|MDAw)",
    "Bytes in formats": r"\.format\(.*=> error: %s cannot format bytes",
    "Keys in formats": r"%(\.1)?s.*\.format\(.*=> got .*\{.*: ",
    "Too many values for a format": r"\.format\(.*=> error: .*too many arguments",
}


def tagged(value):
    """As cases have values that are not JSON."""
    if value is None:
        return {"null": None}
    if isinstance(value, bool):
        return {"bool": value}
    if isinstance(value, int):
        return {"int": str(value)}
    if isinstance(value, float):
        return {"double": repr(value)}
    if isinstance(value, str):
        return {"string": value}
    if isinstance(value, list):
        return {"list": [tagged(v) for v in value]}
    return {"map": [[tagged(k), tagged(v)] for k, v in value.items()]}


@pytest.fixture(scope="module")
def second():
    """Asks the package: a list of (expression, variables) to a list of answers."""
    packages = npm.packages(PACKAGE)

    def ask(questions):
        lines = [json.dumps({"expr": text, "bindings": {name: tagged(v) for name, v in variables.items()}})
                 for text, variables in questions]
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "second_opinion.mjs")
        done = subprocess.run(["node", script, packages], input="\n".join(lines).encode() + b"\n",
                              env=dict(os.environ, TZ="UTC"), stdout=subprocess.PIPE, check=True, timeout=100)
        answers = [json.loads(line) for line in done.stdout.decode().splitlines()]
        assert len(answers) == len(questions)
        return answers
    return ask


def case_of(expression, answer):
    case = {"id": expression.id, "profile": "random", "expr": expression.text,
            "bindings": {name: {"json": value} for name, value in expression.variables.items()},
            "expect": {"error": [answer["error"]]} if "error" in answer else answer}
    if not expression.checked:
        case["disable_check"] = True
    return case


def brief(answer):
    return "error: " + answer["error"] if "error" in answer else json.dumps(answer["value"], ensure_ascii=False)


@pytest.mark.timeout_s(240)
def test_random_expressions(second, tmp_path):
    expressions = [kind(seed) for seed in range(FIRST, FIRST + COUNT) for kind in (RandomExpression, RandomStrings)]
    answers = second([(e.text, e.variables) for e in expressions])
    said, _ = run_cases(tmp_path, [case_of(e, a) for e, a in zip(expressions, answers)])
    needed, unexplained = set(), []
    for expression, answer in zip(expressions, answers):
        ours = said.get(expression.id)
        if ours is None:
            continue
        text = "%s => %s => %s" % (expression.text, ours, brief(answer))
        reasons = [name for name, pattern in REASONS.items() if re.search(pattern, text, re.DOTALL)]
        needed.update(reasons)
        if not reasons:
            unexplained.append("%s%s: %s\n  with %s" % (expression.id, "" if expression.checked else
                               " (unchecked)", text, json.dumps(expression.variables, ensure_ascii=False)))
    assert not unexplained, "\n".join(unexplained[:20])
    if COUNT >= 3000 and FIRST == 0:
        errors = sum("error" in answer for answer in answers)
        assert .02 < errors / len(expressions) < .4, errors
        assert len(said) < len(expressions) * DIFFERENT_MOST, len(said)
        print("%d of %d differ" % (len(said), len(expressions)))
        assert needed == set(REASONS), set(REASONS) - needed


def read_result(text):
    """"int 7", "string -0", "error" as the document has them."""
    if text == "error":
        return {"error": ["any"]}
    kind, _, value = text.partition(" ")
    return {"value": {kind: {"true": True, "false": False}[value] if kind == "bool" else value}}


def documented():
    """(heading, expression, troupe's result, the package's result) of each row of each table."""
    with open(DIFFERENCES, encoding="utf-8") as f:
        sections = re.split(r"^## ", f.read(), flags=re.MULTILINE)[1:]
    for section in sections:
        heading = section.splitlines()[0].strip()
        for row in re.findall(r"^\| `(.+?)` \| `(.+?)` \| `(.+?)` \|$", section, re.MULTILINE):
            yield (heading, *row)


def test_every_reason_is_documented():
    assert {row[0] for row in documented()} == set(REASONS)


def test_documented_results_of_troupe(tmp_path):
    cases = [{"id": "row-%d." % i, "profile": "rows", "expr": expression, "expect": read_result(ours)}
             for i, (_, expression, ours, _) in enumerate(documented())]
    assert run_cases(tmp_path, cases)[0] == {}


def test_documented_results_of_the_package(second):
    rows = list(documented())
    for (_, expression, _, theirs), answer in zip(rows, second([(row[1], {}) for row in rows])):
        wanted = read_result(theirs)
        assert ("error" in wanted) == ("error" in answer), (expression, answer)
        assert "error" in wanted or wanted == answer, expression
