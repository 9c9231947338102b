"""Probes: who is asked what became of an attempt whose outcome nobody knows. (Of tasks: test_probe_tasks.py.)"""
import json

import pytest

import callbacks
from lua_calls import TEXTS
from processes import wait_until
from shop_stub import ALLOW, BROKEN, DONE, NOT_DONE, UNKNOWN, shop  # noqa: F401
from worker_fleet import netstrings


def flow(shop, name="shop", url=None, probe=None, **node):
    """An order that is probed, and what comes behind it."""
    ask = probe or {"type": "http", "config": {
        "url": shop.url("/status"), "query": {"key": "$input.idempotency_key"}, "body": "$input", "method": "POST"}}
    return {"metadata": {"name": name}, "nodes": [
        {"id": "buy", "type": "http", "config": {"url": url or shop.url("/orders"), "method": "POST",
                                                 "body": "$input"}, "probe": "ask", **node},
        {"id": "ask", **ask},
        {"id": "after", "type": "noop"}], "edges": [{"from": "buy", "to": "after"}]}


def begin(fleet, definition, input={"sku": 7}):
    fleet.client.script_load(TEXTS["note"])  # else what is said comes behind what settles the token
    if not fleet.workers:
        fleet.open().worker(*ALLOW)
    fleet.publish(definition)
    return fleet.request(definition["metadata"]["name"], input)


def buys(executions):
    return [e for e in executions if e.node == "0"]


def told(fleet, run):
    """What the run's events say of its probes."""
    lines = []
    for kind, callers, _ in fleet.part_of(run).records():
        fields = netstrings(callers)
        if kind == "g" and fields[0] == run:
            lines += json.loads(fields[-1])["log"]
    return lines


def test_done_means_that_the_effect_happens_once(fleet, shop):
    shop.answers = [DONE]
    run = begin(fleet, flow(shop, retry={"max_attempts": 3}))
    first, second = buys(fleet.wait_for(run))
    assert first.error["outcome"] == "unknown" and first.attempt == "1"
    assert second.output == {"order": "found"} and second.attempt == "2"
    assert len(shop.seen("/orders")) == 1
    (order,), (question,) = shop.seen("/orders"), shop.seen("/status")
    assert question.json == {"input": {"sku": 7}, "attempt": 2, "node": "buy",
                             "idempotency_key": order.headers["idempotency-key"]}
    assert question.query["key"] == order.headers["idempotency-key"]
    assert question.headers["idempotency-key"] != order.headers["idempotency-key"]
    after = [e for e in fleet.executions(run) if e.node == "2"]
    assert [e.output for e in after] == [{"order": "found"}]
    assert told(fleet, run) == ["probe 'ask' was asked: done"]
    assert not [e for e in fleet.executions(run) if e.node == "1"], "a probe has no executions of its own"
    fleet.check([run])


def test_what_is_unknown_stays_so_while_the_token_is_parked(fleet, shop):
    shop.answers = [DONE]
    run = begin(fleet, flow(shop, retry={"max_attempts": 3, "backoff_ms": 300}))
    part = fleet.part_of(run)
    wait_until(lambda: part.fire() and fleet.status(run) == "c", 10, "the end of the run")
    first, second = buys(fleet.executions(run))
    assert first.error["outcome"] == "unknown" and second.output == {"order": "found"}
    assert second.started - first.ended >= 290000 and len(shop.seen("/orders")) == 1
    fleet.check([run])


def test_not_done_means_that_it_is_attempted_with_the_same_key(fleet, shop):
    shop.answers = [NOT_DONE]
    run = begin(fleet, flow(shop, retry={"max_attempts": 3}))
    *_, last = buys(fleet.wait_for(run))
    assert last.output["status"] == 201 and last.attempt == "2"
    orders = shop.seen("/orders")
    assert len(orders) == 2 and len({r.headers["idempotency-key"] for r in orders}) == 1
    fleet.check([run])


@pytest.mark.parametrize("answer", [UNKNOWN, BROKEN])
def test_who_cannot_tell_leaves_it_as_without_a_probe(fleet, shop, answer):
    shop.answers = [answer]
    run = begin(fleet, flow(shop, retry={"max_attempts": 3}))
    *_, last = buys(fleet.wait_for(run))
    assert last.output["status"] == 201
    assert len(shop.seen("/orders")) == 2 and len(shop.seen("/status")) == 1
    fleet.check([run])


def test_each_attempt_is_probed_until_somebody_knows(fleet, shop):
    """What the second attempt's own failure leaves known does not make the first one's outcome known."""
    shop.routes["/orders"] = lambda r: (503, {}, {}) if len(shop.seen("/orders")) < 4 else (201, {}, {})
    shop.answers = [UNKNOWN, UNKNOWN, NOT_DONE]
    run = begin(fleet, flow(shop, retry={"max_attempts": 5}))
    attempts = buys(fleet.wait_for(run))
    assert [e.attempt for e in attempts] == ["1", "2", "3", "4"]
    assert [(e.error or {}).get("outcome") for e in attempts] == ["unknown", "unknown", "unknown", None]
    assert len(shop.seen("/status")) == 3
    keys = [r.headers["idempotency-key"] for r in shop.seen("/status")]
    assert len(set(keys)) == 3, "a server that remembers answers must not give an old one"
    fleet.check([run])


def test_a_failure_whose_outcome_is_known_is_not_probed(fleet, shop):
    shop.breaks = 0
    shop.routes["/orders"] = lambda r: (503, {}, {}) if len(shop.seen("/orders")) < 2 else (201, {}, {})
    run = begin(fleet, flow(shop, retry={"max_attempts": 3}))
    assert buys(fleet.wait_for(run))[-1].output["status"] == 201
    assert not shop.seen("/status") and told(fleet, run) == []
    fleet.check([run])


def test_the_last_attempt_is_probed_before_it_is_a_failure(fleet, shop):
    shop.answers = [DONE]
    run = begin(fleet, flow(shop))
    (only,) = buys(fleet.wait_for(run))
    assert only.output == {"order": "found"} and only.error is None
    assert len(shop.seen("/orders")) == 1
    fleet.check([run])


def test_the_last_failure_says_what_is_known(fleet, shop):
    fleet.open().worker(*ALLOW)
    shop.breaks, shop.answers = 3, [NOT_DONE, UNKNOWN, BROKEN]
    fleet.publish(flow(shop))
    errors = []
    for _ in range(3):
        errors.append(buys(fleet.wait_for(fleet.request("shop", 1), "f"))[0].error)
    not_done, unknown, failed = errors
    assert "outcome" not in not_done and "unknown" not in not_done["message"] and not_done["code"] == "http"
    assert unknown["outcome"] == "unknown" and "probe" not in unknown
    assert failed["outcome"] == "unknown" and failed["code"] == "http" and "/orders" not in failed["message"]
    assert failed["probe"]["node"] == "ask" and failed["probe"]["code"] == "http"
    assert "answered 500" in failed["probe"]["message"]
    assert len(shop.seen("/orders")) == 3, "on a connection of its own each: none is sent twice in silence"


def test_on_error_comes_behind_the_probe(fleet, shop):
    shop.answers = [UNKNOWN]
    run = begin(fleet, flow(shop, on_error="continue"))
    executions = fleet.wait_for(run)
    assert buys(executions)[0].error["outcome"] == "unknown"
    assert [e.output["error"]["outcome"] for e in executions if e.node == "2"] == ["unknown"]


@pytest.mark.parametrize("body", [{"outcome": "perhaps"}, {"done": True}, [1], "done", None])
def test_what_is_no_answer_is_a_type_error(fleet, shop, body):
    shop.answers = [(200, {}, body)]
    run = begin(fleet, flow(shop, retry={"max_attempts": 3}))
    *_, last = buys(fleet.wait_for(run, "f"))
    assert last.error["code"] == "type" and "probe 'ask' of node 'buy'" in last.error["message"]
    assert last.error["outcome"] == "unknown"
    assert len(shop.seen("/orders")) == 1 and len(shop.seen("/status")) == 1


def test_a_killed_worker_s_call_is_probed_by_the_next_one(fleet, shop):
    shop.answers = [DONE]
    first = fleet.open().worker(*ALLOW)
    fleet.publish(flow(shop, url=shop.url("/hold")))
    run = fleet.request("shop", {"sku": 1})
    wait_until(lambda: shop.seen("/hold"), 10, "the call")
    first.kill()
    fleet.worker(*ALLOW)
    (only,) = buys(fleet.wait_for(run))
    assert only.output == {"order": "found"} and only.attempt == "1" and only.worker == "worker-2"
    assert len(shop.seen("/hold")) == 1
    assert shop.seen("/status")[0].json["attempt"] == 1
    fleet.check([run])


def test_a_worker_of_the_same_name_asks_about_what_it_had_before(fleet, shop):
    """Its tokens are its own again, of the same generation: nobody took them over."""
    shop.answers = [DONE]
    first = fleet.open().worker(*ALLOW, "--name", "same", lease_ms=30000)
    fleet.publish(flow(shop, url=shop.url("/hold")))
    run = fleet.request("shop", {"sku": 1})
    wait_until(lambda: shop.seen("/hold"), 10, "the call")
    first.kill()
    fleet.worker(*ALLOW, "--name", "same", lease_ms=30000)
    (only,) = buys(fleet.wait_for(run))
    assert only.output == {"order": "found"} and only.worker == "same"
    assert len(shop.seen("/hold")) == 1
    fleet.check([run])


def test_a_worker_that_dies_while_it_asks_is_followed_by_one_that_asks(fleet, shop):
    answers = [NOT_DONE, DONE]
    shop.routes["/hold"] = lambda r: answers.pop()
    first = fleet.open().worker(*ALLOW)
    fleet.publish(flow(shop, retry={"max_attempts": 3}, probe={"type": "http", "config": {"url": shop.url("/hold")}}))
    run = fleet.request("shop", {"sku": 1})
    wait_until(lambda: shop.seen("/hold"), 10, "the question")
    first.kill()
    fleet.worker(*ALLOW)
    wait_until(lambda: len(shop.seen("/hold")) == 2, 20, "the question again")
    shop.let_go()
    *_, last = buys(fleet.wait_for(run))
    assert last.output == {"order": "found"} and last.attempt == "2"
    assert len(shop.seen("/orders")) == 1
    fleet.check([run])


def test_what_was_known_not_to_have_happened_is_no_doubt_any_more(fleet, shop):
    """After `not_done` a taker's own failure is of known outcome."""
    shop.answers = [NOT_DONE]
    shop.routes["/hold"] = lambda r: (500, {}, {})
    first = fleet.open().worker(*ALLOW)
    fleet.publish(flow(shop, url=shop.url("/hold")))
    run = fleet.request("shop", 1)
    wait_until(lambda: shop.seen("/hold"), 10, "the call")
    first.kill()
    fleet.worker(*ALLOW)
    wait_until(lambda: len(shop.seen("/hold")) == 2, 20, "the call again")
    shop.let_go()
    (only,) = buys(fleet.wait_for(run, "f"))
    assert "outcome" not in only.error and "outcome unknown" not in only.error["message"]


def test_a_transform_asks_what_the_run_knows(fleet, shop):
    """It sees what its node sees."""
    definition = flow(shop, probe={"type": "transform", "config": {
        "input": {"key": "$input.idempotency_key", "limit": "$first.limit"},
        "expression": "{'outcome': input.limit > 3 ? 'done' : 'not_done',"
                      " 'output': [input.key, ctx.first.output.limit, context.sku]}"}})
    definition["nodes"].append({"id": "first", "type": "noop"})
    definition["nodes"].append({"id": "second", "type": "noop"})
    definition["edges"] += [{"from": "first", "to": "second"}, {"from": "second", "to": "buy"}]
    run = begin(fleet, definition, {"sku": 7, "limit": 4})
    (only,) = buys(fleet.wait_for(run))
    (order,) = shop.seen("/orders")
    assert only.output == [order.headers["idempotency-key"], 4, 7]
    assert told(fleet, run) == ["probe 'ask' was asked: done"]
    fleet.check([run])


def test_a_program_asks(fleet, shop, tmp_path):
    """Both the effect and the question are programs: one dies of a signal once it has done its work."""
    done, scratch = tmp_path / "done", tmp_path / "exec"
    scratch.mkdir()
    fleet.open().worker(*ALLOW, "--allow-exec", "sh", "--exec-dir", str(scratch))
    count = """printf '{"outcome": "done", "output": %%d}' $$(wc -l < %s)""" % done
    definition = flow(shop)
    definition["nodes"][:2] = [
        {"id": "buy", "type": "exec", "probe": "ask", "retry": {"max_attempts": 2}, "config": {
            "argv": ["sh", "-c", "echo x >> %s; kill -9 $$$$" % done]}},
        {"id": "ask", "type": "exec", "config": {"argv": ["sh", "-c", count]}}]
    run = begin(fleet, definition)
    first, last = buys(fleet.wait_for(run))
    assert first.error["outcome"] == "unknown" and last.output == 1
    assert done.read_text() == "x\n"
    fleet.check([run])


def test_its_own_time_over_leaves_the_attempt(fleet, shop):
    probe = {"type": "http", "timeout_ms": 200, "config": {"url": shop.url("/hold")}}
    run = begin(fleet, flow(shop, retry={"max_attempts": 2}, timeout_ms=20000, probe=probe))
    *_, last = buys(fleet.wait_for(run))
    assert last.output["status"] == 201 and shop.seen("/hold")[0].closed
    fleet.check([run])


def test_the_attempt_s_time_includes_its_probe(fleet, shop):
    probe = {"type": "http", "config": {"url": shop.url("/hold")}}
    run = begin(fleet, flow(shop, retry={"max_attempts": 2}, timeout_ms=400, probe=probe))
    *_, last = buys(fleet.wait_for(run, "f"))
    assert last.error["code"] == "timeout" and last.error["outcome"] == "unknown"
    assert "its probe 'ask' had not answered yet" in last.error["message"]
    assert len(shop.seen("/orders")) == 1 and len(shop.seen("/hold")) == 1
    wait_until(lambda: shop.seen("/hold")[0].closed, 5, "the end of the question")


def test_a_cancelled_run_ends_its_probe(fleet, shop):
    probe = {"type": "http", "config": {"url": shop.url("/hold")}}
    run = begin(fleet, flow(shop, retry={"max_attempts": 2}, probe=probe))
    wait_until(lambda: shop.seen("/hold"), 10, "the question")
    fleet.part_of(run).cancel(run)
    wait_until(lambda: shop.seen("/hold")[0].closed, 10, "the end of the question")
    assert len(shop.seen("/orders")) == 1


def test_the_output_must_fit_its_schema(fleet, shop):
    shop.answers = [DONE]
    run = begin(fleet, flow(shop, output_schema={"type": "object", "required": ["status"]}))
    (only,) = buys(fleet.wait_for(run, "f"))
    assert only.error["code"] == "type" and "output_schema" in only.error["message"]
    assert len(shop.seen("/status")) == 1


def test_a_function_without_a_plugin_cannot_tell(fleet, shop):
    run = begin(fleet, flow(shop, probe={"type": "function", "config": {"function_name": "look"}}))
    (only,) = buys(fleet.wait_for(run, "f"))
    assert only.error["code"] == "http" and only.error["outcome"] == "unknown"
    assert only.error["probe"]["code"] == "rejected" and "no plugin" in only.error["probe"]["message"]


LOOK = """
#include "troupe.h"
#include <stdio.h>
#include <string.h>
static int look(struct troupe_task *task, void *context)
{
    char out[2000];
    (void)context;
    int len = snprintf(out, sizeof(out), "{\\"outcome\\":\\"done\\",\\"output\\":{\\"node\\":\\"%s\\",\\"asked\\":%s}}",
                       troupe_task_node_id(task), troupe_task_input(task, NULL));
    return troupe_task_output(task, out, (size_t)len);
}
static int work(struct troupe_task *task, void *context)
{
    (void)context;
    return troupe_task_wait(task, 60000);
}
int troupe_plugin(const struct troupe_host *host)
{
    if (troupe_plugin_begin(host, "look") != 0 || troupe_host_function(host, "work", work, NULL) != 0)
        return -1;
    return troupe_host_function(host, "look", look, NULL);
}
"""


def test_a_plugin_asks_what_became_of_a_plugin_s_work(fleet, shop, tmp_path):
    source = tmp_path / "look.c"
    source.write_text(LOOK)
    plugin = callbacks.plugin(str(tmp_path), "look", str(source))
    fleet.open().worker(*ALLOW, "--plugin", plugin)
    definition = flow(shop, probe={"type": "function", "config": {"function_name": "look"}})
    definition["nodes"][0] = {"id": "buy", "type": "function", "config": {"function_name": "work"}, "probe": "ask",
                              "timeout_ms": 300}
    run = begin(fleet, definition, {"sku": 1})
    (only,) = buys(fleet.wait_for(run))
    assert only.output == {"node": "ask", "asked": {
        "input": {"sku": 1}, "idempotency_key": run + "/buy/", "attempt": 1, "node": "buy"}}
    fleet.check([run])
