"""Secrets: where they come from, where they may be named, and that they never stay anywhere."""
import base64
import os
import re
import signal
from urllib.parse import quote, quote_plus

import pytest

from http_stub import Stub
from test_end_to_end import detach, wait_for_status

CANARY = 'can/ary "7+x& ünlike'  # has what JSON, URLs and base64 write in another way
PLAIN = "canary-Xq7vN2kLmP"  # for headers and URLs


@pytest.fixture
def stub():
    server = Stub()
    yield server
    server.close()


@pytest.fixture
def worker(stack):
    """worker(setting…, VARIABLE=…): starts one that may call the stub."""
    stack.migrate()
    stack.start_supervisor()

    def start(*settings, **env):
        return stack.start_worker("--http-allow", "127.0.0.1", *settings, **env)
    return start


def flow(config, name="secrets", **node):
    return {"metadata": {"name": name}, "nodes": [{"id": "call", "type": "http", "config": config, **node}],
            "edges": []}


def bearer(stub, name="token"):
    return {"url": stub.url("/v"), "headers": {"authorization": "Bearer ${secrets.%s}" % name}}


def sent(stub):
    return stub.requests[-1].headers["authorization"]


# --- where they come from ---

def test_from_the_environment(stack, worker, stub):
    worker(TROUPE_SECRET_TOKEN="from-env\n", TROUPE_SECRET_A_B_C="dashed", TROUPE_SECRET_exact="as-it-is")
    stack.run(flow(bearer(stub)), status=0)
    assert sent(stub) == "Bearer from-env"
    stack.run(flow({**bearer(stub), "headers": {"authorization": "${secrets['a-b.c']} ${secrets.exact}"}}), status=0)
    assert sent(stub) == "dashed as-it-is"


def test_another_prefix(stack, worker, stub):
    worker("--secrets-env", "VAULT_", VAULT_TOKEN="prefixed", TROUPE_SECRET_TOKEN="not this")
    stack.run(flow(bearer(stub)), status=0)
    assert sent(stub) == "Bearer prefixed"


def test_from_files_that_change(stack, worker, stub):
    directory = os.path.join(stack.dir, "secrets")
    os.mkdir(directory)

    def write(text, name="token"):
        with open(os.path.join(directory, name), "wb") as f:
            f.write(text)

    write(b"first\r\n")
    write(b"\xff\xfe", "bytes")
    process = worker("--secrets-dir", directory, "--secrets-ttl", "1h")
    stack.run(flow(bearer(stub)), status=0)
    assert sent(stub) == "Bearer first"
    write(b"second")
    stack.run(flow(bearer(stub)), status=0)
    assert sent(stub) == "Bearer first"  # kept
    process.popen.send_signal(signal.SIGHUP)
    stack.wait_until(lambda: "settings read again" in process.output(), what="SIGHUP")
    stack.run(flow(bearer(stub)), status=0)
    assert sent(stub) == "Bearer second"
    os.unlink(os.path.join(directory, "token"))
    write(b"once", "late")
    stack.run(flow(bearer(stub, "late")), status=0)  # one that is new needs no signal
    run = stack.run(flow(bearer(stub, "bytes")), status=1).json
    assert run["error"]["code"] == "binding"


def test_files_are_read_again_in_time(stack, worker, stub):
    directory = os.path.join(stack.dir, "secrets")
    os.mkdir(directory)
    path = os.path.join(directory, "token")
    with open(path, "w") as f:
        f.write("first")
    worker("--secrets-dir", directory, "--secrets-ttl", "100ms")
    stack.run(flow(bearer(stub)), status=0)
    with open(path, "w") as f:
        f.write("second")

    def again():
        stack.run(flow(bearer(stub)), status=0)
        return sent(stub) == "Bearer second"
    stack.wait_until(again, what="the new secret")


def test_from_a_command(stack, worker, stub):
    store = os.path.join(stack.dir, "store.json")

    def write(text):
        with open(store + ".new", "w") as f:
            f.write(text)
        os.rename(store + ".new", store)

    write('{"token": "one\\n", "other": "x"}')
    process = worker("--secrets-command", "cat '%s'" % store, "--secrets-ttl", "1h")
    stack.run(flow(bearer(stub)), status=0)
    assert sent(stub) == "Bearer one"
    write('{"token": 5}')
    process.popen.send_signal(signal.SIGHUP)
    stack.wait_until(lambda: "what it said before stays" in process.output(), what="the refusal")
    stack.run(flow(bearer(stub)), status=0)
    assert sent(stub) == "Bearer one"
    write('{"token": "two"}')
    process.popen.send_signal(signal.SIGHUP)

    def again():
        stack.run(flow(bearer(stub)), status=0)
        return sent(stub) == "Bearer two"
    stack.wait_until(again, what="the new secret")


@pytest.mark.parametrize("command", ["exit 3", "echo nonsense", "echo []"])
def test_a_command_that_fails_at_the_start(stack, command):
    process = stack.start_worker("--secrets-command", command)
    stack.wait_until(lambda: not process.alive, what="the end of the worker")
    assert process.popen.returncode == 2 and "secrets-command" in process.output()
    stack.processes.remove(process)


def test_one_that_is_missing(stack, worker, stub):
    worker()
    run = stack.run(flow(bearer(stub)), status=1).json
    assert run["error"]["code"] == "binding"
    assert run["error"]["message"] == ("nodes[0].config.headers.authorization: secrets.token: "
                                       "this worker has no such secret")
    assert stub.requests == []
    optional = {"url": stub.url("/v"), "headers": {"authorization": "${has(secrets.token) ? 'yes' : 'none'}"}}
    stack.run(flow(optional), status=0)
    assert sent(stub) == "none"


# --- where they may be named ---

REFUSED = [
    ({"id": "a", "type": "transform", "config": {"template": "${secrets.x}"}}, {}),
    ({"id": "a", "type": "transform", "config": {"expression": "secrets.x"}}, {}),
    ({"id": "a", "type": "noop", "config": {"input": "${secrets.x}"}}, {}),
    ({"id": "a", "type": "http", "config": {"url": "http://a.example/", "input": {"a": "${secrets.x}"}}}, {}),
    ({"id": "a", "type": "http", "config": {"url": "http://a.example/", "method": "${secrets.x}"}}, {}),
    ({"id": "a", "type": "http", "config": {"url": "http://a.example/", "pages": {"items": "[secrets.x]"}}}, {}),
    ({"id": "a", "type": "function", "config": {"function_name": "remote", "key": "${secrets.x}"}}, {}),
    ({"id": "a", "type": "agent", "config": {"name": "b", "key": "${secrets.x}"}}, {}),
    ({"id": "a", "type": "noop", "when": "secrets.x == 'y'"}, {}),
    ({"id": "a", "type": "noop"}, {"output": {"b": "${secrets.x}"}}),
    ({"id": "a", "type": "delay", "config": {"ms": "${int(secrets.x)}"}}, {}),
]


@pytest.mark.parametrize("node, more", REFUSED)
def test_refused_where_it_would_be_stored(stack, node, more):
    result = stack.troupe("validate", stack.write({"nodes": [node], "edges": [], **more}))
    assert result.status != 0 and "elsewhere its value would be stored" in result.stdout + result.stderr, result


@pytest.mark.parametrize("text, said", [
    ("$secrets.x", "write ${secrets.NAME}"), ("${secrets['../x']}", "the name of a secret"),
    ("${secrets['a/b']}", "the name of a secret"), ("${secrets}", "secrets"), ("${secrets[input.n]}", "secrets")])
def test_names_that_are_none(stack, text, said):
    result = stack.troupe("validate", stack.write(flow({"url": "http://a.example/", "headers": {"x": text}})))
    assert result.status != 0 and said in result.stdout + result.stderr, result


# --- the canary ---

def forms(secret):
    """As bytes, all that would be a leak."""
    raw = secret.encode()
    found = {raw, quote(secret, safe="").encode(), quote(secret).encode(), quote_plus(secret).encode(),
             raw.hex().encode(), raw.replace(b'"', b'\\"'), raw[:8], raw[-8:]}
    for before in range(3):
        text = base64.b64encode(b"\0" * before + raw)
        found.add(text[(before * 8 + 5) // 6:(before + len(raw)) * 8 // 6])
    return found | {f.lower() for f in found if b"%" in f} | {raw.lower(), raw.upper()}


def holders(stack, needles):
    """Where any of them is found: Redis and its files, every column of Postgres, every log."""
    pattern = re.compile(b"|".join(re.escape(n) for n in needles))
    found = []
    for folder, _, names in os.walk(stack.redis.data):
        for name in names:
            with open(os.path.join(folder, name), "rb") as f:
                found += [(name, m) for m in pattern.findall(f.read())]
    client = stack.redis.client(decode=False)
    readers = {b"string": client.get, b"hash": client.hgetall, b"stream": client.xrange, b"set": client.smembers,
               b"list": lambda k: client.lrange(k, 0, -1), b"zset": lambda k: client.zrange(k, 0, -1)}
    keys = list(client.scan_iter())
    assert keys
    for key in keys:
        value = repr(readers[client.type(key)](key)).replace("\\\\", "\\").encode()
        found += [(key, m) for m in pattern.findall(key + value)]
    tables = stack.sql("select c.table_name, c.column_name, c.data_type from information_schema.columns c"
                       " join information_schema.tables t using (table_schema, table_name)"
                       " where c.table_schema = 'public' and t.table_type = 'BASE TABLE'")
    assert len(tables) > 30
    for table, column, kind in tables:
        shown = '"%s"' % column if kind == "bytea" else 'convert_to("%s"::text, \'UTF8\')' % column
        for value, in stack.sql("select %s from \"%s\"" % (shown, table)):
            found += [(table, column, m) for m in pattern.findall(bytes(value or b""))]
    for name, text in stack.logs():
        found += [(name, m) for m in pattern.findall(text.encode())]
    return found


def test_the_search_finds(stack, worker, stub):
    """The canary test would be worth nothing if it did not."""
    worker()
    text = "no-secret-at-all-8"  # another one: what Redis appended to its file stays
    stub.routes["/echo"] = lambda r: (200, {}, {"is": text})
    stack.run(flow({"url": stub.url("/echo")}), status=0)
    found = holders(stack, {text.encode()})
    assert any("aof" in str(f[0]) for f in found) and any(len(f) == 3 for f in found), found


def echo(request):
    """All that came, in every form."""
    seen = {"body": request.body.decode(), "target": request.target, "headers": request.headers,
            "coded": base64.b64encode(request.body).decode(), "hex": request.body.hex(),
            "quoted": quote(request.body), "in": "a:" + request.headers.get("x-key", "")}
    seen["basic"] = base64.b64encode(("user:" + request.headers.get("x-key", "")).encode()).decode()
    seen[request.headers.get("x-key", "none")] = 1
    return seen


@pytest.mark.timeout_s(180)
def test_the_canary(stack, worker, stub):
    stack.redis.client().config_set("rdbcompression", "no")
    for _ in range(2):
        worker("--max-value", "64KiB", TROUPE_SECRET_PLAIN=PLAIN, TROUPE_SECRET_ODD=CANARY)
    secret = {"headers": {"x-key": "${secrets.plain}", "authorization":
                          "Basic ${base64.encode(bytes('user:' + secrets.plain))}"},
              "query": {"key": "${secrets.odd}", "k": "${secrets.plain}"},
              "body": {"odd": "${secrets.odd}", "text": "is ${secrets.plain}"}, "signature": {"secret": "${secrets.odd}"}}
    text = {"Content-Type": "text/plain"}
    stub.routes.update({
        "/echo": lambda r: (200, {"X-Echo": r.headers["x-key"], "X-Auth": r.headers["authorization"]}, echo(r)),
        "/text": lambda r: (200, text, b"target " + r.target.encode() + b" body " + r.body),
        "/binary": lambda r: (200, {"Content-Type": "image/png"}, b"\0\1" + r.body + CANARY.encode()),
        "/fails": lambda r: (500, text, b"x" * (198 - len(PLAIN) // 2) + PLAIN.encode() + b" and " + r.body),
        "/refuses": lambda r: (400, text, r.target.encode() + r.body + base64.b64encode(r.body)),
        "/large": lambda r: (200, text, PLAIN.encode() * 8000),
        "/moved": lambda r: (307, {"Location": "/echo?again=" + r.query["k"]}, b"to " + r.body),
        "/shown": lambda r: (302, {"Location": "/echo?again=" + quote(r.query["key"], safe="")}, b"to " + r.body),
        "/away": lambda r: (302, {"Location": "http://%s.invalid/%s" % (PLAIN, PLAIN)}, b""),
        "/page": lambda r: (200, {}, {"items": [r.query["k"]], "more": None if "n" in r.query else
                                      "/page?n=2&k=" + r.query["k"]}),
    })
    retry = {"retry": {"max_attempts": 2, "backoff_ms": 1}}
    expected = {"/echo": "completed", "/text": "completed", "/binary": "completed", "/fails": "failed",
                "/refuses": "failed", "/large": "failed", "/moved": "completed", "/away": "failed", "/cut": "failed"}
    runs = {}
    for number, (path, status) in enumerate(expected.items()):
        name = "canary-%d" % number
        stack.deploy(flow({"url": stub.url(path), **secret}, name, **retry))
        runs[detach(stack, name, None)] = (path, status)
    more = {
        "shown": (flow({"url": stub.url("/shown"), **secret, "max_redirects": 0, "expect": 302}), "completed"),
        "page": (flow({"url": stub.url("/page"), "query": {"k": "${secrets.plain}"},
                       "pages": {"items": "output.body.items", "next": "output.body.more", "max": 1}}), "completed"),
        "pages": (flow({"url": stub.url("/page"), "query": {"k": "${secrets.plain}"},
                        "pages": {"items": "output.body.items", "next": "output.body.more"}}), "completed"),
        "page_text": (flow({"url": stub.url("/page"), "query": {"k": "${secrets.plain}"},
                            "pages": {"items": "output.body.items.map(i, int(i))"}}), "failed"),
        "schema": (flow({"url": stub.url("/echo"), **secret},
                        output_schema={"properties": {"body": {"type": "integer"}}}), "failed"),
        "host": (flow({"url": "http://${secrets.plain}.invalid/", "connect_ms": 2000}), "failed"),
        "port": (flow({"url": "http://127.0.0.1:${secrets.plain}/"}), "failed"),
        "header": (flow({"url": stub.url("/v"), "headers": {"x": "${secrets.plain}\n"}}), "failed"),
        "name": (flow({"url": stub.url("/v"), "headers": "${ {secrets.odd: 'a'} }"}), "failed"),
        "number": (flow({"url": stub.url("/v"), "query": "${ {'a': int(secrets.plain)} }"}), "failed"),
        "handled": (flow({"url": stub.url("/refuses"), **secret}, on_error="continue"), "completed"),
        "timeout": (flow({"url": stub.url("/slow?ms=5000"), **secret}, timeout_ms=100), "failed"),
    }
    for name, (definition, status) in more.items():
        definition["metadata"]["name"] = "canary-" + name
        stack.deploy(definition)
        runs[detach(stack, "canary-" + name, None)] = (name, status)
    needles = forms(PLAIN) | forms(CANARY)
    pattern = re.compile(b"|".join(re.escape(n) for n in needles))
    outputs = {}
    for run, (name, status) in runs.items():
        shown = wait_for_status(stack, run, "completed", "failed")
        assert shown["status"] == status, (name, shown)
        outputs[name] = shown
        for command in (["show", run, "-o", "json"], ["show", run], ["events", run, "-o", "json"]):
            said = stack.troupe(*command, status=0).stdout.encode()
            assert not pattern.findall(said), (name, command, said)
    assert not holders(stack, needles)

    # They were sent as they are, and their places in what came back are visible.
    first, = stub.seen("/echo")[:1]
    assert first.headers["x-key"] == PLAIN and first.query["key"] == CANARY and first.json["odd"] == CANARY
    body = outputs["/echo"]["output"]["call"]["body"]
    assert body["headers"]["x-key"] == "***" and body["in"] == "a:***" and body["***#8"] == 1
    assert len(stub.seen("/fails")) == 2 and len(stub.seen("/page")) == 1 + 2 + 1
    assert outputs["pages"]["output"]["call"]["body"] == ["***", "***"]
    assert outputs["page"]["output"]["call"]["next"].endswith("n=2&k=***")
    assert "***" in outputs["/fails"]["error"]["message"] and "***" in outputs["host"]["error"]["message"]
    assert "***" in outputs["handled"]["output"]["call"]["error"]["message"]
    assert outputs["number"]["error"]["message"].endswith("it names secrets, so what went wrong is not shown")
