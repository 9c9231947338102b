"""A proxy between troupe's programs and Redis that loses replies, requests and connections on order.

It reads RESP, so it cuts at the ends of messages and inside them, and knows which script a request calls.

    proxy = RespProxy(redis_port, seed)
    proxy.order("swallow", "settle")    # what happens to the next settle; None: to the next request,
                                        # "EVAL settle": to the next one that brings the script along

    swallow         Redis has executed it, and the connection ends before the reply
    swallow_part    the same, in the middle of the reply
    drop            the connection ends before Redis has got the request
    drop_part       the same; Redis has got the first half of it
    late            the client's connection ends, and Redis executes the request a little later
    replay          as swallow, and Redis executes the same request once more a little later

The last two are what a request does that is buffered on a closed socket. `counts` says what was done:
every kind by itself and by target (`swallow settle`), what Redis answered a request that came late (`replay
settle: session`, its tokens: `late stale`), and what it answered the others (`settled stale`, `reclaimed`, ...).
"""
import asyncio
import collections
import hashlib
import random
import threading

from lua_calls import script_texts

KINDS = ("swallow", "swallow_part", "drop", "drop_part", "late", "replay")
LATE_MOST_S = .3
BUFFER = 1 << 16


class ProtocolError(Exception):
    pass


class Framer:
    """Cuts a stream of bytes into RESP messages."""

    def __init__(self):
        self.data = bytearray()
        self.at = 0  # where the next value of the first message begins
        self.missing = 1  # values until the first message is complete

    def feed(self, data):
        """The messages that are complete now, as bytes."""
        self.data += data
        messages = []
        while self._advance():
            messages.append(bytes(self.data[:self.at]))
            del self.data[:self.at]
            self.at, self.missing = 0, 1
        return messages

    def _advance(self):
        while self.missing:
            end = self.data.find(b"\r\n", self.at)
            if end < 0:
                return False
            kind, after = self.data[self.at], end + 2
            if kind in b"*$":
                length = int(self.data[self.at + 1:end])
                if kind == 36 and length >= 0:
                    after += length + 2
                    if len(self.data) < after:
                        return False
                elif kind == 42 and length > 0:
                    self.missing += length
            elif kind not in b"+-:":
                raise ProtocolError("no RESP2: %r" % bytes(self.data[self.at:self.at + 40]))
            self.at = after
            self.missing -= 1
        return True


def decode(message, at=0):
    """(value, where it ends) of a RESP message: bytes, int, list, None, Exception."""
    end = message.index(b"\r\n", at)
    kind, text, after = message[at], message[at + 1:end], end + 2
    if kind == 43:
        return text, after
    if kind == 45:
        return ProtocolError(text.decode(errors="replace")), after
    if kind == 58:
        return int(text), after
    length = int(text)
    if length < 0:
        return None, after
    if kind == 36:
        return message[after:after + length], after + length + 2
    values = []
    for _ in range(length):
        value, after = decode(message, after)
        values.append(value)
    return values, after


class Request:
    """One that is on its way."""

    def __init__(self, raw, scripts):
        self.raw = raw
        parts, at = [], raw.index(b"\r\n") + 2
        for _ in range(min(2, int(raw[1:at - 2]))):
            part, at = decode(raw, at)
            parts.append(part)
        self.verb = self.name = parts[0].decode(errors="replace").upper()
        if self.name in ("EVALSHA", "EVAL"):
            sha = parts[1].decode() if self.name == "EVALSHA" else hashlib.sha1(parts[1]).hexdigest()
            self.name = scripts.get(sha.lower(), "unknown script")
        self.fault = None


class Order:
    def __init__(self, kind, target):
        self.kind, self.target = kind, target


class RespProxy:
    def __init__(self, port, seed=0):
        self.redis_port = port
        self.rnd = random.Random(seed)
        self.counts = collections.Counter()
        self.orders = []
        self.sessions = set()
        self.tasks = set()
        self.failures = []  # of the proxy itself: a test should look
        self.scripts = {hashlib.sha1(text.encode()).hexdigest(): name for name, text in script_texts().items()}
        self.loop = asyncio.new_event_loop()
        self.loop.set_exception_handler(lambda _loop, context: self.failures.append(str(context)))
        self.server = self.loop.run_until_complete(
            asyncio.start_server(self._accept, "127.0.0.1", 0, limit=BUFFER))
        self.port = self.server.sockets[0].getsockname()[1]
        self.thread = threading.Thread(target=self.loop.run_forever, name="resp-proxy", daemon=True)
        self.thread.start()

    @property
    def url(self):
        return "redis://127.0.0.1:%d" % self.port

    def order(self, kind, target=None):
        assert kind in KINDS, kind
        self.loop.call_soon_threadsafe(self.orders.append, Order(kind, target))

    def withdraw(self):
        """Forgets the orders that nothing has met yet; returns how many."""
        left = len(self.orders)
        self.loop.call_soon_threadsafe(self.orders.clear)
        return left

    def close(self):
        async def stop():
            self.server.close()
            for session in list(self.sessions):
                session.cut()
            for task in list(self.tasks):
                task.cancel()
            await asyncio.gather(*self.tasks, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(stop(), self.loop).result(10)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
        self.loop.close()

    # --- in the proxy's thread ---

    def spawn(self, coroutine):
        task = self.loop.create_task(coroutine)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _accept(self, reader, writer):
        self.counts["connections"] += 1
        task = asyncio.current_task()
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        try:
            from_redis, to_redis = await asyncio.open_connection("127.0.0.1", self.redis_port, limit=BUFFER)
        except OSError:
            self.counts["connections refused"] += 1
            writer.close()
            return
        session = Session(self, writer, to_redis)
        self.sessions.add(session)
        try:
            await asyncio.gather(session.pump(reader, session.on_requests),
                                 session.pump(from_redis, session.on_replies))
        finally:
            session.cut()
            self.sessions.discard(session)

    def match(self, request):
        """Takes the first order that this request meets."""
        for i, order in enumerate(self.orders):
            if order.target in (None, request.name, "%s %s" % (request.verb, request.name)):
                return self.orders.pop(i)
        return None

    def count(self, kind, request):
        self.counts[kind] += 1
        self.counts["%s %s" % (kind, request.name)] += 1

    async def execute_late(self, request):
        """Sends a request once more, on a connection of its own, as a closed socket's buffer would."""
        await asyncio.sleep(self.rnd.random() * LATE_MOST_S)
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.redis_port, limit=BUFFER)
        except OSError:
            self.counts["%s lost" % request.fault.kind] += 1
            return
        try:
            writer.write(request.raw)
            await writer.drain()
            framer, replies = Framer(), []
            while not replies:
                data = await reader.read(BUFFER)
                if not data:
                    self.counts["%s lost" % request.fault.kind] += 1
                    return
                replies = framer.feed(data)
            self.count_late(request, decode(replies[0])[0])
        except OSError:
            self.counts["%s lost" % request.fault.kind] += 1
        finally:
            writer.close()

    def count_late(self, request, reply):
        word = "an error" if isinstance(reply, Exception) else \
            reply[0].decode() if request.name.islower() and reply else "nothing" if reply is None else "done"
        self.counts["late requests executed"] += word != "an error"
        self.counts["%s %s: %s" % (request.fault.kind, request.name, word)] += 1
        if request.name == "settle" and word == "ok":
            self.count_results(reply, "late ")

    def count_results(self, reply, prefix):
        for word in reply[2]:
            self.counts[prefix + word.decode()] += 1

    def look(self, request, raw):
        """What Redis said, for the few calls that are counted."""
        if request.name not in ("settle", "reclaim", "hello") or not raw.startswith(b"*"):
            return
        reply = decode(raw)[0]
        word = reply[0].decode()
        self.counts["%s: %s" % (request.name, word)] += 1
        if word != "ok":
            return
        if request.name == "settle":
            self.count_results(reply, "settled ")
        elif request.name == "reclaim":
            self.counts["reclaimed"] += len(reply[2])
            # A claim's live field ends with generation|deliveries|state.
            self.counts["reclaimed for good"] += sum(int(claim[4].split(b"|")[4]) >= 3 for claim in reply[2])
        elif reply[4]:
            self.counts["found by hello"] += len(reply[4])


class Session:
    """A client's connection and ours to Redis for it."""

    def __init__(self, proxy, client, redis):
        self.proxy = proxy
        self.client, self.redis = client, redis
        self.requests, self.replies = Framer(), Framer()
        self.waiting = collections.deque()
        self.over = False

    async def pump(self, reader, handle):
        try:
            while not self.over:
                data = await reader.read(BUFFER)
                if not data:
                    break
                await handle(data)
        except (ConnectionError, OSError):
            pass
        finally:
            self.cut()

    def cut(self):
        """Both connections end; to the client as an end or as a reset."""
        if self.over:
            return
        self.over = True
        if self.proxy.rnd.random() < .5:
            self.client.transport.abort()
        else:
            self.client.close()
        self.redis.close()

    async def on_requests(self, data):
        proxy = self.proxy
        for raw in self.requests.feed(data):
            if self.over:
                return
            request = Request(raw, proxy.scripts)
            proxy.counts["requests"] += 1
            request.fault = proxy.match(request) if proxy.orders else None
            kind = request.fault and request.fault.kind
            if kind in ("drop", "drop_part", "late"):
                proxy.count(kind, request)
                if kind == "drop_part":
                    self.redis.write(raw[:max(1, len(raw) // 2)])
                self.cut()
                if kind == "late":
                    proxy.spawn(proxy.execute_late(request))
                return
            self.waiting.append(request)
            self.redis.write(raw)
        await self.redis.drain()

    async def on_replies(self, data):
        proxy = self.proxy
        for raw in self.replies.feed(data):
            if self.over:
                return
            if not self.waiting:
                raise ProtocolError("a reply that nobody waits for: %r" % raw[:80])
            request = self.waiting.popleft()
            # What has done nothing is not worth losing.
            if request.fault and (raw.startswith(b"-") or raw == b"*-1\r\n"):
                proxy.orders.insert(0, request.fault)
                request.fault = None
            if request.fault:
                self.lose(request, raw)
                return
            proxy.look(request, raw)
            self.client.write(raw)
        await self.client.drain()

    def lose(self, request, raw):
        proxy, kind = self.proxy, request.fault.kind
        proxy.count(kind, request)
        proxy.look(request, raw)
        proxy.counts["replies lost with it"] += len(self.waiting)
        if kind == "swallow_part":
            self.client.write(raw[:max(1, len(raw) // 2)])
            self.client.close()
            self.redis.close()
            self.over = True
            return
        self.cut()
        if kind == "replay":
            proxy.spawn(proxy.execute_late(request))
