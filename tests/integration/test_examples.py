"""tests/examples: each workflow from end to end, with a server on loopback and the remote functions."""
import os

import pytest

from http_stub import Stub
from processes import Process
from stack import ROOT

EXAMPLES = os.path.join(ROOT, "tests", "examples")


@pytest.fixture
def stub():
    server = Stub()
    yield server
    server.close()


@pytest.fixture
def example(stack, stub):
    """example(name, input): the finished run."""
    stack.migrate()
    stack.start_supervisor()
    stack.start_workers(2, "--http-allow", "127.0.0.1")
    functions = Process(
        "functions", ["/usr/bin/python3", "-B", os.path.join(EXAMPLES, "functions.py")],
        os.path.join(stack.dir, "functions.log"), env=stack.env(PYTHONPATH=os.path.join(ROOT, "lib", "python")))
    stack.processes.append(functions)
    # Until then SIGTERM, with which the stack ends, would kill it.
    stack.wait_until(lambda: "worker " in functions.output(), what="the remote functions")

    def run(name, input, status=0):
        return stack.run(os.path.join(EXAMPLES, name, "workflow.yaml"), {"api": stub.url(""), **input},
                         status=status).json
    return run


def test_every_example_is_listed_and_compiles(stack):
    names = sorted(e.name for e in os.scandir(EXAMPLES) if e.is_dir() and e.name != "__pycache__")
    with open(os.path.join(EXAMPLES, "README.md"), encoding="utf-8") as f:
        listed = f.read()
    assert len(names) >= 5
    for name in names:
        assert "[%s](%s/)" % (name, name) in listed
        assert os.path.exists(os.path.join(EXAMPLES, name, "README.md"))
        stack.troupe("validate", os.path.join(EXAMPLES, name, "workflow.yaml"), status=0)


def test_sequence(example, stub):
    answers = [(503, {}, {}), (200, {}, {"title": "on naïve art", "text": "some text", "draft": True})]
    stub.routes["/articles/7"] = lambda r: answers.pop(0)
    run = example("sequence", {"id": 7})
    assert run["output"] == {"stored": {"title": "ON NAÏVE ART", "text": "SOME TEXT"}, "at": stub.url("/capitals/7")}
    first, second = stub.seen("/articles/7")
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]
    stored, = stub.seen("/capitals/7")
    assert stored.method == "PUT" and stored.json == run["output"]["stored"]


def test_fan_out(example, stub):
    stub.routes["/price"] = lambda r: (200, {}, {"sku": r.query["sku"], "price": {"net": 10}})
    stub.routes["/stock"] = lambda r: (200, {}, {"sku": r.query["sku"], "stock": 3, "price": {"currency": "EUR"}})
    run = example("fan-out", {"sku": "A7", "weight_kg": 12})
    assert run["output"] == {"sku": "A7", "price": {"net": 10, "currency": "EUR"}, "stock": 3,
                             "delivery": {"days": 3}}


@pytest.mark.parametrize("score, decision", [(80, "approved"), (79.5, "in review"), (39, "refused")])
def test_conditional(example, stub, score, decision):
    stub.routes["/score"] = lambda r: (200, {}, {"score": score})
    run = example("conditional", {"customer": "ada", "amount": 120})
    assert run["output"] == {"decision": decision, "score": score}
    assert stub.seen("/score")[0].json == {"customer": "ada", "amount": 120}


def test_retry_loop_succeeds(example, stub):
    answers = [(500, {}, {}), (200, {}, {"state": "waiting"}), (200, {}, {"state": "ready", "url": "/r/1"})]
    stub.routes["/report"] = lambda r: answers.pop(0)
    run = example("retry-loop", {"who": "ada", "pause_ms": 20})
    assert run["output"] == {"ready": True, "told": "ada"}
    assert [r.query["attempt"] for r in stub.seen("/report")] == ["1", "2", "3"]


def test_retry_loop_gives_up(example, stub, stack):
    stub.routes["/report"] = lambda r: (500, {}, {"why": "broken"})
    run = example("retry-loop", {"who": "ada", "pause_ms": 5})
    assert run["output"] == {"ready": False, "told": "ada"}
    assert len(stub.seen("/report")) == 5
    events = stack.troupe("events", run["run_id"], "-o", "json", status=0).stdout
    assert "not ready; the last answer: " in events and "500" in events


def test_pipeline(example, stub):
    stub.routes["/shops.json"] = lambda r: (200, {}, [{"id": 1, "name": " ada ", "score": 90},
                                                      {"id": 2, "name": "bob", "score": 50}])
    stub.routes["/partners.json"] = lambda r: (200, {}, [{"id": "1", "name": "ADA", "score": 9},
                                                         {"id": 3, "name": "cyd", "score": 5.1}])
    run = example("pipeline", {"config": "nightly"})
    stored, = stub.seen("/records")
    assert stored.json == {"records": [{"id": "1", "name": "Ada", "score": 90.0},
                                       {"id": "3", "name": "Cyd", "score": 51.0}]}
    assert run["output"] == {"read": 3, "stored": 2}


def test_pipeline_refuses_what_does_not_fit(example, stub):
    stub.routes["/shops.json"] = lambda r: (200, {}, [{"id": 1, "name": "ada", "score": -1}])
    stub.routes["/partners.json"] = lambda r: (200, {}, [])
    run = example("pipeline", {"config": "nightly"}, status=1)
    assert run["status"] == "failed" and run["error"]["code"] == "type", run
    assert "score" in run["error"]["message"] and not stub.seen("/records")
