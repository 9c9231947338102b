"""A shop whose answer to an order may be lost, and that knows afterwards what became of it."""
import pytest

from http_stub import Stub

ALLOW = ("--http-allow", "127.0.0.1")


class Shop(Stub):
    """POST /orders does its work and breaks the connection as often as it is told to; the probe's route looks
    for the order by its key, as `answers` says: a list, one for each question."""

    def __init__(self):
        super().__init__()
        self.breaks, self.answers = 1, []
        self.routes["/orders"] = lambda r: (201, {}, {"order": len(self.seen("/orders"))})
        self.routes["/status"] = lambda r: self.answers.pop(0)

    async def _answer(self, request, reader, writer):
        if request.path == "/orders" and self.breaks > 0:
            self.breaks -= 1
            return False
        return await super()._answer(request, reader, writer)


@pytest.fixture
def shop():
    server = Shop()
    yield server
    server.close()


DONE = (200, {}, {"outcome": "done", "output": {"order": "found"}})
NOT_DONE = (200, {}, {"outcome": "not_done"})
UNKNOWN = (200, {}, {"outcome": "unknown"})
BROKEN = (500, {}, {})
