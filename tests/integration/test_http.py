"""http nodes: calls that are under way while their worker does other things."""
import hashlib
import hmac
import signal
import time
from urllib.parse import urlsplit

import pytest

from http_stub import Stub
from processes import wait_until
from worker_fleet import chain, metric  # noqa: F401


@pytest.fixture
def stub():
    server = Stub()
    yield server
    server.close()


def flow(name, config, **node):
    return {"metadata": {"name": name}, "edges": [],
            "nodes": [{"id": "call", "type": "http", "config": config, **node}]}


def one(fleet, config, input=None, status="c", timeout_s=30, **node):
    """Runs one call; its executions."""
    if not fleet.workers:
        fleet.open().worker("--http-allow", "127.0.0.1")
    fleet.publish(flow("one", config, **node))
    return fleet.wait_for(fleet.request("one", input), status, timeout_s)


def test_json_comes_back_as_json(fleet, stub):
    stub.routes["/v"] = lambda r: (200, {"X-A": "b"}, {"got": r.query})
    (execution,) = one(fleet, {"url": stub.url("/v"), "query": {"q": "${input.q}", "n": 1}}, {"q": "a b"})
    assert execution.output["status"] == 200
    assert execution.output["body"] == {"got": {"q": "a b", "n": "1"}}
    assert execution.output["headers"]["x-a"] == "b"
    (request,) = stub.requests
    assert request.method == "GET"
    assert len(request.headers["idempotency-key"]) == 32
    assert request.headers["traceparent"].split("-")[1] == execution.run.replace("-", "")


def test_text_bytes_and_forced_kinds(fleet, stub):
    stub.routes["/t"] = lambda r: (200, {"Content-Type": "text/plain"}, b"plain")
    stub.routes["/b"] = lambda r: (200, {"Content-Type": "image/png"}, b"\x89PNG\x00")
    stub.routes["/none"] = lambda r: (204, {}, b"")
    (text,) = one(fleet, {"url": stub.url("/t")})
    assert text.output["body"] == "plain"
    (binary,) = one(fleet, {"url": stub.url("/b")})
    assert binary.output["body"]["base64"] == "iVBORwA=" and binary.output["body"]["length"] == 5
    assert binary.output["body"]["content_type"] == "image/png"
    (none,) = one(fleet, {"url": stub.url("/none")})
    assert none.output["body"] is None and none.output["status"] == 204
    (as_text,) = one(fleet, {"url": stub.url("/json"), "response": "text"})
    assert as_text.output["body"] == '{"path": "/json"}'
    (as_base64,) = one(fleet, {"url": stub.url("/t"), "response": "base64"})
    assert as_base64.output["body"] == "cGxhaW4="
    (no_json,) = one(fleet, {"url": stub.url("/t"), "response": "json"}, status="f")
    assert no_json.error["code"] == "http" and "no JSON" in no_json.error["message"]
    (no_text,) = one(fleet, {"url": stub.url("/b"), "response": "text"}, status="f")
    assert no_text.error["code"] == "http" and "no text" in no_text.error["message"]


BODIES = [
    ({"body": {"a": "${input.v}"}}, "application/json", b'{"a":7}'),
    ({"body": {"a": "x y", "b": [1, 2]}, "body_type": "form"}, "application/x-www-form-urlencoded",
     b"a=x+y&b=1&b=2"),
    ({"body": "as it is", "body_type": "raw", "method": "PUT", "headers": {"Content-Type": "text/x"}},
     "text/x", b"as it is"),
    ({"body": {"base64": "AAE="}, "body_type": "raw"}, "application/octet-stream", b"\0\1"),
]


@pytest.mark.parametrize("config,kind,bytes_", BODIES)
def test_bodies(fleet, stub, config, kind, bytes_):
    one(fleet, {"url": stub.url("/b"), **config}, {"v": 7})
    (request,) = stub.requests
    assert request.method == config.get("method", "POST")
    assert request.headers["content-type"].split(";")[0] == kind
    assert request.body == bytes_


def test_a_webhook_is_signed(fleet, stub):
    one(fleet, {"url": stub.url("/b"), "body": [1], "signature": {"secret": "${input.s}"}}, {"s": "key"})
    (request,) = stub.requests
    parts = dict(p.split("=", 1) for p in request.headers["x-troupe-signature"].split(","))
    wanted = hmac.new(b"key", parts["t"].encode() + b"." + request.body, hashlib.sha256).hexdigest()
    assert parts["v1"] == wanted and abs(int(parts["t"]) - time.time()) < 60


def test_statuses_are_judged_by_expect(fleet, stub):
    stub.routes["/404"] = lambda r: (404, {}, {"why": "no such thing"})
    (execution,) = one(fleet, {"url": stub.url("/404")}, status="f", retry={"max_attempts": 3})
    assert execution.error["code"] == "http"
    assert "answered 404" in execution.error["message"] and "no such thing" in execution.error["message"]
    assert len(stub.requests) == 1, "404 is not tried again"
    (execution,) = one(fleet, {"url": stub.url("/404"), "expect": ["2xx", 404]})
    assert execution.output["status"] == 404


# what is wrong, and how it is said
ERRORS = [
    ({"url": "/relative"}, "type", "URL"),
    ({"url": "${input.nope}"}, "binding", "nope"),
    ({"url": "STUB/x", "headers": {"Host": "evil"}}, "type", "Host"),
    ({"url": "STUB/x", "expect": "9xx"}, "type", "expect"),
    ({"url": "STUB/x", "body": {"a": {"b": 1}}, "body_type": "form"}, "type", "a"),
    ({"url": "http://127.0.0.1:1/"}, "http", "127.0.0.1"),
    ({"url": "STUB/cut"}, "http", "127.0.0.1"),
    ({"url": "STUB/large"}, "too_large", ""),
    ({"url": "STUB/loop"}, "http", "redirect"),
    ({"url": "http://10.0.0.1/"}, "rejected", "private"),
]


@pytest.mark.parametrize("config,code,message", ERRORS)
def test_errors_have_their_codes(fleet, stub, config, code, message):
    fleet.open().worker("--http-allow", "127.0.0.1", "--max-value", "100KiB")
    stub.routes["/large"] = lambda r: (200, {}, b"x" * 200000)
    stub.routes["/loop"] = lambda r: (302, {"Location": "/loop"}, b"")
    config = {k: v.replace("STUB", stub.url("")) if isinstance(v, str) else v for k, v in config.items()}
    (execution,) = one(fleet, config, {}, status="f")
    assert execution.error["code"] == code, execution.error
    assert message in execution.error["message"], execution.error


def test_loopback_is_denied_unless_allowed(fleet, stub):
    fleet.open().worker()
    for host in ("127.0.0.1", "localhost", "0x7f.1", "2130706433", "[::ffff:127.0.0.1]"):
        (execution,) = one(fleet, {"url": stub.url("/").replace("127.0.0.1", host)}, status="f")
        assert execution.error["code"] == "rejected" and "denied" in execution.error["message"]
    assert not stub.requests


def test_a_redirect_to_what_is_denied_is_not_followed(fleet, stub):
    inner = Stub()
    try:
        fleet.open().worker("--http-allow", "127.0.0.1")
        stub.routes["/r"] = lambda r: (302, {"Location": inner.url("/").replace("127.0.0.1", "127.0.0.2")}, b"")
        stub.routes["/ok"] = lambda r: (302, {"Location": inner.url("/there")}, b"")
        (execution,) = one(fleet, {"url": stub.url("/r")}, status="f")
        assert execution.error["code"] == "rejected"
        assert not inner.requests
        (execution,) = one(fleet, {"url": stub.url("/ok")})
        assert execution.output["body"] == {"path": "/there"}
        (execution,) = one(fleet, {"url": stub.url("/ok"), "max_redirects": 0, "expect": 302})
        assert execution.output["headers"]["location"] == inner.url("/there")
    finally:
        inner.close()


def test_redis_is_out_of_reach_even_when_its_address_is_allowed(fleet, stub):
    (execution,) = one(fleet, {"url": fleet.redis.url.replace("redis:", "http:")}, status="f")
    assert execution.error["code"] == "rejected"
    assert "one of our own servers" in execution.error["message"]


def test_timeout_of_the_node(fleet, stub):
    began = time.monotonic()
    (execution,) = one(fleet, {"url": stub.url("/hold")}, status="f", timeout_ms=300)
    assert execution.error["code"] == "timeout" and "300 ms" in execution.error["message"]
    assert time.monotonic() - began < 5
    (execution,) = one(fleet, {"url": stub.url("/hold"), "first_byte_ms": 200}, status="f")
    assert execution.error["code"] == "timeout" and "first byte" in execution.error["message"]


def fire_until_over(fleet, run):
    """What a supervisor does about pauses."""
    def over():
        fleet.part_of(run).fire()
        return fleet.status(run) in ("c", "f")
    wait_until(over, 20, "the end of run " + run)
    return fleet.executions(run)


def test_retry_after_is_the_least_pause_and_the_key_stays(fleet, stub):
    answers = iter([(503, {"Retry-After": "1"}, {}), (503, {}, {}), (200, {}, {"done": True})])
    stub.routes["/r"] = lambda r: next(answers)
    fleet.open().worker("--http-allow", "127.0.0.1")
    fleet.publish(flow("again", {"url": stub.url("/r"), "method": "POST"}, retry={"max_attempts": 3}))
    attempts = fire_until_over(fleet, fleet.request("again"))
    assert [(a.status, a.attempt) for a in attempts] == [("f", "1"), ("f", "2"), ("c", "3")]
    assert stub.requests[1].began - stub.requests[0].answered >= 0.99
    assert stub.requests[2].began - stub.requests[1].answered < 0.9
    assert len({r.headers["idempotency-key"] for r in stub.requests}) == 1
    assert len({r.headers["traceparent"].split("-")[1] for r in stub.requests}) == 1
    assert len({r.headers["traceparent"].split("-")[2] for r in stub.requests}) == 3


def test_a_server_that_asks_for_too_long_a_pause_is_not_asked_again(fleet, stub):
    stub.routes["/r"] = lambda r: (429, {"Retry-After": "100"}, {})
    (execution,) = one(fleet, {"url": stub.url("/r"), "max_retry_after_ms": 5000}, status="f",
                       retry={"max_attempts": 3})
    assert "answered 429" in execution.error["message"] and len(stub.requests) == 1


def test_a_worker_has_many_calls_under_way_and_goes_on(fleet, stub):
    fleet.open().worker("--http-allow", "127.0.0.1", "--concurrency", "32")
    fleet.publish(flow("held", {"url": stub.url("/hold")}))
    fleet.publish(chain("chain", 5))
    runs = [fleet.request("held", i) for i in range(500)]
    wait_until(lambda: len(stub.seen("/hold")) == 500, 30, "500 calls at once")
    assert stub.now == 500
    (quick,) = [fleet.request("chain", {"v": 0})]
    fleet.wait_for(quick)
    assert stub.now == 500
    stub.let_go()
    for run in runs:
        fleet.wait_for(run)
    fleet.check([*runs, quick])
    assert len(stub.requests) == 500


def test_no_more_are_claimed_than_may_be_under_way(fleet, stub):
    fleet.open().worker("--http-allow", "127.0.0.1", "--concurrency", "4", "--async-concurrency", "8",
                        "--batch", "2")
    fleet.publish(flow("held", {"url": stub.url("/hold")}))
    runs = [fleet.request("held", i) for i in range(60)]
    wait_until(lambda: len(stub.seen("/hold")) >= 8, 10, "calls")
    time.sleep(0.5)
    assert len(stub.requests) <= 16
    stub.let_go()
    for run in runs:
        fleet.wait_for(run)
    fleet.check(runs)


def test_a_cancelled_run_closes_its_connection(fleet, stub):
    fleet.open().worker("--http-allow", "127.0.0.1")
    fleet.publish(flow("held", {"url": stub.url("/hold")}))
    run = fleet.request("held")
    wait_until(lambda: stub.requests, 10, "the call")
    fleet.part_of(run).cancel(run)
    assert fleet.status(run) == "x"
    cancelled = time.monotonic()
    wait_until(lambda: stub.requests[0].closed, 10, "the connection's end")
    assert stub.requests[0].closed - cancelled < 2.2
    wait_until(lambda: not fleet.client.xrange(fleet.part_of(run).key("q:default")), 10, "no entry")


def test_a_new_session_does_not_repeat_a_call_under_way(fleet, stub):
    worker = fleet.open().worker("--http-allow", "127.0.0.1")
    fleet.publish(flow("held", {"url": stub.url("/hold"), "method": "POST"}))
    runs = [fleet.request("held", i) for i in range(20)]
    wait_until(lambda: len(stub.requests) == 20, 10, "the calls")
    for _ in range(3):
        hellos = worker.output().count("partition open")
        for client in fleet.client.client_list():
            if client["id"] != str(fleet.client.client_id()):
                fleet.client.client_kill_filter(_id=client["id"])
        wait_until(lambda: worker.output().count("partition open") >= hellos + len(fleet.parts), 10, "hellos")
    assert len(stub.requests) == 20 and stub.now == 20
    stub.let_go()
    for run in runs:
        fleet.wait_for(run)
    fleet.check(runs)
    assert len(stub.requests) == 20


def test_a_killed_worker_s_call_is_made_again_with_the_same_key(fleet, stub):
    first = fleet.open().worker("--http-allow", "127.0.0.1")
    fleet.publish(flow("held", {"url": stub.url("/hold"), "method": "POST"}))
    run = fleet.request("held")
    wait_until(lambda: stub.requests, 10, "the call")
    first.kill()
    fleet.worker("--http-allow", "127.0.0.1")
    wait_until(lambda: len(stub.requests) == 2, 20, "the call again")
    stub.let_go()
    fleet.wait_for(run)
    keys = {r.headers["idempotency-key"] for r in stub.requests}
    assert len(keys) == 1
    fleet.check([run])


def test_what_fails_after_its_worker_was_lost_is_of_unknown_outcome(fleet, stub):
    first = fleet.open().worker("--http-allow", "127.0.0.1")
    stub.routes["/hold"] = lambda r: (500, {}, {})
    fleet.publish(flow("held", {"url": stub.url("/hold"), "method": "POST"}))
    run = fleet.request("held")
    wait_until(lambda: stub.requests, 10, "the call")
    first.kill()
    fleet.worker("--http-allow", "127.0.0.1")
    wait_until(lambda: len(stub.requests) == 2, 20, "the call again")
    stub.let_go()
    (execution,) = fleet.wait_for(run, "f")
    assert execution.error["outcome"] == "unknown" and "outcome unknown" in execution.error["message"]


def test_a_connection_that_breaks_leaves_the_outcome_unknown_but_for_get(fleet, stub):
    (execution,) = one(fleet, {"url": stub.url("/cut"), "method": "POST"}, status="f")
    assert execution.error["outcome"] == "unknown" and "outcome unknown" in execution.error["message"]
    (execution,) = one(fleet, {"url": stub.url("/cut")}, status="f")
    assert "outcome" not in execution.error


def test_draining_finishes_calls(fleet, stub):
    worker = fleet.open().worker("--http-allow", "127.0.0.1")
    fleet.publish(flow("slow", {"url": stub.url("/slow"), "query": {"ms": 1500}}))
    run = fleet.request("slow")
    wait_until(lambda: stub.requests, 10, "the call")
    worker.terminate()
    assert fleet.status(run) == "c" and len(stub.requests) == 1
    fleet.check([run])


def test_a_drain_whose_time_is_over_leaves_calls_to_others(fleet, stub):
    worker = fleet.open().worker("--http-allow", "127.0.0.1", "--drain-timeout", "300ms", lease_ms=30000)
    fleet.publish(flow("held", {"url": stub.url("/hold")}))
    run = fleet.request("held")
    wait_until(lambda: stub.requests, 10, "the call")
    worker.terminate()
    assert stub.requests[0].closed
    fleet.worker("--http-allow", "127.0.0.1")
    wait_until(lambda: len(stub.requests) == 2, 10, "the call again, before the lease would have lapsed")
    stub.let_go()
    fleet.wait_for(run)
    fleet.check([run])


def test_what_follows_a_call_is_executed_with_it(fleet, stub):
    fleet.open().worker("--http-allow", "127.0.0.1")
    fleet.publish({"metadata": {"name": "fetch"}, "nodes": [
        {"id": "fetch", "type": "http", "config": {"url": stub.url("/v")}},
        {"id": "path", "type": "transform", "config": {"expression": "input.body.path"}},
        {"id": "again", "type": "http", "config": {"url": stub.url("") + "${input}2"}}],
        "edges": [{"from": "fetch", "to": "path", "condition": "output.status == 200"},
                  {"from": "path", "to": "again"}]})
    run = fleet.request("fetch")
    executions = fleet.wait_for(run)
    assert [e.node for e in executions] == ["0", "1", "2"]
    assert executions[-1].output["body"] == {"path": "/v2"}
    fleet.check([run])


def listing(stub, pages, **headers):
    """Five pages of two items, linked by headers."""
    def page(request):
        n = int(request.query.get("n", 1))
        more = {"Link": '<%s?n=%d>; rel="next"' % (pages, n + 1)} if n < 5 else {}
        return 200, {**more, **headers}, [n * 10, n * 10 + 1]
    return page


def test_pages_by_link_header(fleet, stub):
    stub.routes["/list"] = listing(stub, "/list")
    (execution,) = one(fleet, {"url": stub.url("/list"), "pages": {}})
    assert execution.output["body"] == [10, 11, 20, 21, 30, 31, 40, 41, 50, 51]
    assert execution.output["pages"] == 5 and execution.output["next"] is None
    assert len({r.headers["idempotency-key"] for r in stub.requests}) == 5
    (execution,) = one(fleet, {"url": stub.url("/list"), "pages": {"max": 2}})
    assert execution.output["body"] == [10, 11, 20, 21]
    assert execution.output["next"] == stub.url("/list?n=3")


def test_pages_by_expressions(fleet, stub):
    def page(request):
        n = int(request.query.get("after", 0))
        return 200, {}, {"data": {"items": [n]}, "cursor": n + 1 if n < 3 else None}
    stub.routes["/list"] = page
    config = {"url": stub.url("/list"), "pages": {
        "items": "output.body.data.items",
        "next": "output.body.cursor == null ? null : dyn('/list?after=' + string(output.body.cursor))"}}
    (execution,) = one(fleet, config)
    assert execution.output["body"] == [0, 1, 2, 3]
    (execution,) = one(fleet, {**config, "pages": {"items": "output.body"}}, status="f")
    assert execution.error["code"] == "type" and "must be a list" in execution.error["message"]


def test_pages_stay_at_their_origin(fleet, stub):
    inner = Stub()
    try:
        stub.routes["/list"] = listing(stub, inner.url("/list"))
        (execution,) = one(fleet, {"url": stub.url("/list"), "pages": {}}, status="f")
        assert execution.error["code"] == "rejected" and not inner.requests
    finally:
        inner.close()


# --- many calls, and workers that come and go ---


def slow_calls(fleet, stub, count, ms):
    fleet.publish(flow("slow", {"url": stub.url("/slow"), "method": "POST", "query": {"ms": ms}}))
    return [fleet.request("slow", i) for i in range(count)]


def test_a_rolling_restart_repeats_no_call(fleet, stub):
    fleet.open()
    workers = [fleet.worker("--http-allow", "127.0.0.1") for _ in range(3)]
    runs = slow_calls(fleet, stub, 300, 400)
    for worker in workers:
        seen = len(stub.requests)
        wait_until(lambda: len(stub.requests) > seen or len(stub.requests) == 300, 10, "more calls")
        fleet.worker("--http-allow", "127.0.0.1")
        worker.terminate()
    for run in runs:
        fleet.wait_for(run)
    fleet.check(runs)
    assert len(stub.requests) == 300


def test_kills_repeat_calls_with_their_keys_and_nothing_else(fleet, stub):
    fleet.open()
    workers = [fleet.worker("--http-allow", "127.0.0.1", "--async-concurrency", "60") for _ in range(3)]
    runs = slow_calls(fleet, stub, 300, 300)
    for worker in workers:
        seen = len(stub.requests)
        wait_until(lambda: len(stub.requests) > seen + 30 or len(stub.seen("/slow")) >= 300, 20, "more calls")
        fleet.worker("--http-allow", "127.0.0.1", "--async-concurrency", "60")
        worker.kill()
    for run in runs:
        fleet.wait_for(run, timeout_s=60)
    fleet.check(runs)
    keys = [r.headers["idempotency-key"] for r in stub.requests]
    assert len(set(keys)) == 300
    assert max(keys.count(k) for k in set(keys)) <= 4
    assert len(keys) > 300, "no call was under way when a worker was killed"


# --- with a supervisor, a record and the command line ---


def test_postgres_is_out_of_reach_even_when_its_address_is_allowed(stack):
    stack.migrate()
    stack.start_supervisor()
    stack.start_worker("--http-allow", "127.0.0.1")
    url = urlsplit(stack.env()["TROUPE_DATABASE_URL"])
    run = stack.run(flow("peek", {"url": "http://127.0.0.1:%d/" % url.port}), status=1).json
    assert run["error"]["code"] == "rejected"
    assert "one of our own servers" in run["error"]["message"]


def test_run_watch_shows_a_call_and_cancel_ends_it(stack, stub):
    stack.migrate()
    stack.start_supervisor()
    stack.start_worker("--http-allow", "127.0.0.1")
    stack.deploy(flow("held", {"url": stub.url("/hold")}))
    run = stack.troupe("run", "held", "--detach", status=0).stdout.split()[0]
    stack.wait_until(lambda: stub.requests, 20, "the call")
    stack.troupe("cancel", run, status=0)
    cancelled = time.monotonic()
    stack.wait_until(lambda: stub.requests[0].closed, 10, "the connection's end")
    assert stub.requests[0].closed - cancelled < 2
    stack.wait_until(lambda: stack.show(run)["status"] == "cancelled", 20, "the record")
    watched = stack.troupe("run", stack.write(flow("once", {"url": stub.url("/v")})), "--watch", status=0)
    assert "call" in watched.stdout and "completed" in watched.stdout
