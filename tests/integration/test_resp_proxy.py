"""The proxy of the tests under faults does what it says, and nothing else."""
import pytest
import redis

from lua_calls import script_texts
from processes import wait_until
from resp_proxy import Framer, RespProxy, decode


@pytest.fixture
def proxy(redis_server):
    redis_server.reset()
    proxy = RespProxy(redis_server.port, seed=1)
    yield proxy
    proxy.close()
    assert not proxy.failures


def connect(proxy):
    return redis.Redis("127.0.0.1", proxy.port, decode_responses=True, retry_on_error=[])


def test_messages_in_any_pieces():
    messages = [b"+OK\r\n", b"-ERR no\r\n", b":12\r\n", b"$-1\r\n", b"*-1\r\n", b"*0\r\n", b"$0\r\n\r\n",
                b"$4\r\n\r\n\r\n\r\n", b"*3\r\n$1\r\na\r\n*2\r\n:1\r\n*0\r\n$-1\r\n"]
    stream = b"".join(messages)
    for size in range(1, len(stream) + 1):
        framer, found = Framer(), []
        for at in range(0, len(stream), size):
            found += framer.feed(stream[at:at + size])
        assert found == messages
    assert decode(messages[-1])[0] == [b"a", [1, []], None]


def test_all_goes_through(proxy, redis_server):
    client = connect(proxy)
    value = "x" * 3000000
    assert client.set("a", value) and client.get("a") == value == redis_server.client().get("a")
    pipe = client.pipeline(transaction=False)
    for i in range(1000):
        pipe.rpush("l", i)
    assert pipe.execute() == list(range(1, 1001))
    with pytest.raises(redis.ResponseError):
        client.get("l")
    assert proxy.counts["requests"] >= 1003 and not any(proxy.counts[k] for k in ("swallow", "drop"))


@pytest.mark.parametrize("kind, least, most", [
    ("swallow", 1, 1), ("swallow_part", 1, 1), ("drop", 0, 0), ("drop_part", 0, 0), ("late", 1, 1),
    ("replay", 2, 2)])
def test_what_redis_has_done(proxy, redis_server, kind, least, most):
    client, direct = connect(proxy), redis_server.client()
    assert client.ping()
    proxy.order(kind, "INCR")
    assert client.set("other", 1)  # not what was ordered
    connection = client.connection_pool.get_connection("INCR")
    connection.send_command("INCR", "n")
    with pytest.raises(redis.ConnectionError):
        connection.read_response()
    if kind in ("late", "replay"):
        wait_until(lambda: proxy.counts["%s INCR: done" % kind] == 1)
    assert least <= int(direct.get("n") or 0) <= most
    assert proxy.counts[kind] == proxy.counts[kind + " INCR"] == 1
    assert connect(proxy).incr("n") == most + 1


def test_scripts_by_their_names(proxy):
    client = connect(proxy)
    proxy.order("swallow", "inspect")
    with pytest.raises(redis.ResponseError):
        client.evalsha("0" * 40, 1, "k")
    sha = client.script_load(script_texts()["inspect"])
    connection = client.connection_pool.get_connection("EVALSHA")
    connection.send_command("EVALSHA", sha, 1, "troupe:{0}:meta", "no run")
    with pytest.raises(redis.ConnectionError):
        connection.read_response()
    assert proxy.counts["swallow inspect"] == 1


def test_a_server_that_is_away(proxy, redis_server):
    redis_server.stop()
    with pytest.raises(redis.ConnectionError):
        connect(proxy).ping()
    redis_server.start()
    assert connect(proxy).ping()
