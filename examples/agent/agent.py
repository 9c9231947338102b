#!/usr/bin/env python3
"""An agent: asks a language model behind an OpenAI-compatible endpoint, runs the tools that it calls, and
answers; what it used is reported.

    OPENAI_BASE_URL=http://127.0.0.1:8000/v1 OPENAI_API_KEY=... TROUPE_REDIS_URL=redis://... python3 agent.py

input    {"question": "…"}
config   model (required), system (what the model is told first), max_rounds (8), price: {"input": …,
         "output": …} per million tokens
output   {"answer": "…", "rounds": 2}
"""
import ast
import json
import operator
import os
import urllib.error
import urllib.request

from troupe import Task, TaskError, Worker

BASE_URL = os.environ.get("OPENAI_BASE_URL", "https://api.openai.com/v1").rstrip("/")
TIMEOUT_S = 120
ROUNDS = 8
worker = Worker(concurrency=16)  # threads that wait for the model

# --- The tools: a function each, and what the model is told of it ---

OPERATORS = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
             ast.USub: operator.neg}


def calculate(expression):
    def value(node):
        if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
            return node.value
        if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
            return OPERATORS[type(node.op)](value(node.left), value(node.right))
        if isinstance(node, ast.UnaryOp) and type(node.op) in OPERATORS:
            return OPERATORS[type(node.op)](value(node.operand))
        raise ValueError("only numbers, + - * / and parentheses")

    return value(ast.parse(str(expression)[:1000], mode="eval").body)


def count_words(text):
    return len(text.split())


TOOLS = {
    "calculate": (calculate, "The value of an arithmetic expression", {"expression": {"type": "string"}}),
    "count_words": (count_words, "How many words a text has", {"text": {"type": "string"}}),
}
DESCRIPTIONS = [{"type": "function", "function": {
    "name": name, "description": what,
    "parameters": {"type": "object", "properties": parameters, "required": list(parameters)},
}} for name, (_, what, parameters) in TOOLS.items()]


def run_tool(call):
    """What goes back to the model; also what went wrong, so that it can do better."""
    try:
        function = TOOLS[call["function"]["name"]][0]
        return json.dumps(function(**json.loads(call["function"]["arguments"])))
    except Exception as e:
        return "error: %s: %s" % (type(e).__name__, e)


# --- The model ---

def ask(body, key):
    headers = {"Content-Type": "application/json", "Idempotency-Key": key}
    if os.environ.get("OPENAI_API_KEY"):
        headers["Authorization"] = "Bearer " + os.environ["OPENAI_API_KEY"]
    request = urllib.request.Request(BASE_URL + "/chat/completions", json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as reply:
            return json.load(reply)
    except urllib.error.HTTPError as e:
        again = e.code in (408, 409, 429) or e.code >= 500
        said = e.read(500).decode(errors="replace")
        raise TaskError("model_busy" if again else "model_refused", "%d: %s" % (e.code, said), retry=again)
    except (urllib.error.URLError, TimeoutError, ConnectionError) as e:
        raise TaskError("model_away", str(e))
    except ValueError as e:
        raise TaskError("model_nonsense", str(e))


def report(task, used, price):
    sent, made = used.get("prompt_tokens", 0), used.get("completion_tokens", 0)
    cost = (sent * price.get("input", 0) + made * price.get("output", 0)) / 1e6
    task.usage(tokens=sent + made, cost=cost)


@worker.agent("assistant")
def assistant(input, task: Task):
    config = task.config
    if "model" not in config:
        raise TaskError("config", "the node's config must name a model", retry=False)
    messages = [{"role": "system", "content": config["system"]}] if "system" in config else []
    messages.append({"role": "user", "content": input["question"]})
    rounds = config.get("max_rounds", ROUNDS)
    for number in range(1, rounds + 1):
        if task.cancelled.is_set():
            return None
        reply = ask({"model": config["model"], "messages": messages, "tools": DESCRIPTIONS},
                    "%s/%d" % (task.idempotency_key, number))
        report(task, reply.get("usage") or {}, config.get("price") or {})
        message = reply["choices"][0]["message"]
        calls = message.get("tool_calls") or []
        if not calls:
            return {"answer": message["content"], "rounds": number}
        messages.append(message)
        for call in calls:
            task.log(call["function"]["name"], call["function"]["arguments"])
            messages.append({"role": "tool", "tool_call_id": call["id"], "content": run_tool(call)})
        task.progress(number / rounds, "asked for %d tools" % len(calls))
    raise TaskError("no_answer", "none after %d rounds" % rounds, retry=False)


if __name__ == "__main__":
    worker.run()
