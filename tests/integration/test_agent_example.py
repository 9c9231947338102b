"""examples/agent against a stub of a model."""
import os

import pytest

from model_stub import ModelStub, calls, fails, says
from processes import Process
from stack import ROOT

AGENT = os.path.join(ROOT, "examples", "agent")


@pytest.fixture
def agent(running_stack):
    """agent(replies…): the stub; the agent runs."""
    stubs = []

    def start(*replies):
        stubs.append(ModelStub(*replies))
        env = running_stack.env(PYTHONPATH=os.path.join(ROOT, "lib", "python"), OPENAI_API_KEY="canary-key",
                                OPENAI_BASE_URL=stubs[0].url)
        env = {k: v for k, v in env.items() if not k.lower().endswith("_proxy")}
        running_stack.processes.append(Process(
            "agent", ["/usr/bin/python3", "-B", os.path.join(AGENT, "agent.py")],
            os.path.join(running_stack.dir, "agent.log"), env=env))
        return stubs[0]

    yield start
    for stub in stubs:
        stub.close()


def ask(stack, status=0):
    return stack.run(os.path.join(AGENT, "agent.yaml"), {"question": "What is 6 times 7?"}, status=status).json


def test_an_answer_by_tools(running_stack, agent):
    stub = agent(calls(("calculate", {"expression": "6 * 7"}), ("count_words", {"text": "a b c"}), sent=100, made=20),
                 calls(("calculate", {"expression": "__import__('os')"}), ("unknown", {}), sent=200, made=10),
                 says("It is 42.", sent=300, made=30))
    run = ask(running_stack)
    assert run["output"] == "It is 42."
    told = [m["content"] for m in stub.requests[2][1]["messages"] if m["role"] == "tool"]
    assert told[:2] == ["42", "3"]
    assert told[2].startswith("error: ValueError: only numbers") and told[3].startswith("error: KeyError")
    headers, first = stub.requests[0]
    assert headers["Authorization"] == "Bearer canary-key" and first["model"] == "small"
    assert first["messages"][0]["role"] == "system"
    assert len({h["Idempotency-Key"] for h, _ in stub.requests}) == 3
    used = running_stack.wait_until(lambda: running_stack.sql(
        "select measure, amount from v_costs where run_id = %s", run["run_id"]))
    assert {measure: round(float(amount), 8) for measure, amount in used} == {"tokens": 660, "cost": 0.00039}
    events = running_stack.troupe("events", run["run_id"], "-o", "json", status=0).stdout
    assert "calculate" in events and "asked for 2 tools" in events and "canary-key" not in events


def test_a_busy_model_is_asked_again_with_the_same_key(running_stack, agent):
    stub = agent(fails(429), fails(503), says("Hello."))
    assert ask(running_stack)["output"] == "Hello."
    assert len({h["Idempotency-Key"] for h, _ in stub.requests}) == 1


def test_a_refusal_ends_it(running_stack, agent):
    stub = agent(fails(400, "no such model"))
    error = ask(running_stack, status=1)["error"]
    assert error["code"] == "model_refused" and "no such model" in error["message"] and error["attempt"] == 1
    assert len(stub.requests) == 1
