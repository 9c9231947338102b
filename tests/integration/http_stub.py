"""An HTTP server on loopback, as tests want it: routes are functions, every request is noted, and so is
when its connection closes."""
import asyncio
import json
import threading
import time
from urllib.parse import parse_qsl, urlsplit


class Request:
    def __init__(self, method, target, headers, body):
        self.method, self.target, self.headers, self.body = method, target, headers, body
        parts = urlsplit(target)
        self.path, self.query = parts.path, dict(parse_qsl(parts.query))
        self.began = time.monotonic()
        self.answered = self.closed = None  # closed: before it was answered

    @property
    def json(self):
        return json.loads(self.body)


class Stub:
    """Routes are path -> function of a Request that returns (status, headers, body); body is bytes or what
    becomes JSON. `hold` is a path whose answer waits for `let_go`."""

    def __init__(self):
        self.routes, self.requests = {}, []
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.server = self._call(self._serve())
        self.port = self.server.sockets[0].getsockname()[1]
        self.gate = self._call(self._make_gate())
        self.most, self.now = 0, 0

    async def _make_gate(self):
        return asyncio.Event()

    def _call(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(30)

    async def _serve(self):
        return await asyncio.start_server(self._connection, "127.0.0.1", 0, backlog=1024)

    def url(self, path):
        return "http://127.0.0.1:%d%s" % (self.port, path)

    def seen(self, path):
        return [r for r in self.requests if r.path == path]

    def let_go(self):
        self.loop.call_soon_threadsafe(self.gate.set)

    async def _read(self, reader):
        line = await reader.readline()
        if not line:
            return None
        method, target, _ = line.decode().split()
        headers = {}
        while True:
            line = (await reader.readline()).decode("latin-1").rstrip("\r\n")
            if not line:
                break
            name, value = line.split(":", 1)
            headers[name.strip().lower()] = value.strip()
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        return Request(method, target, headers, body)

    async def _connection(self, reader, writer):
        try:
            while True:
                request = await self._read(reader)
                if request is None:
                    break
                self.requests.append(request)
                self.now += 1
                self.most = max(self.most, self.now)
                try:
                    if not await self._answer(request, reader, writer):
                        break
                finally:
                    self.now -= 1
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _answer(self, request, reader, writer):
        if request.path == "/hold":
            gone = asyncio.ensure_future(reader.read(1))
            gate = asyncio.ensure_future(self.gate.wait())
            done, _ = await asyncio.wait({gone, gate}, return_when=asyncio.FIRST_COMPLETED)
            gate.cancel()
            if gone in done:
                request.closed = time.monotonic()
                return False
            gone.cancel()
            await asyncio.gather(gone, return_exceptions=True)
        if request.path == "/cut":
            return False
        if request.path == "/slow":
            await asyncio.sleep(int(request.query["ms"]) / 1000)
        route = self.routes.get(request.path)
        status, headers, body = route(request) if route else (200, {}, {"path": request.path})
        if not isinstance(body, bytes):
            body, headers = json.dumps(body).encode(), {"Content-Type": "application/json", **headers}
        head = "HTTP/1.1 %d X\r\nContent-Length: %d\r\n" % (status, len(body))
        head += "".join("%s: %s\r\n" % item for item in headers.items())
        writer.write(head.encode() + b"\r\n" + (b"" if request.method == "HEAD" else body))
        await writer.drain()
        request.answered = time.monotonic()
        return True

    def close(self):
        self._call(self._end())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
        self.loop.close()

    async def _end(self):
        self.server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
