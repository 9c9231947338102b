"""The worker: which functions it has, and running it."""
import asyncio
import inspect
import os
import secrets
import signal
import socket
import threading
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Tuple, TypeVar

from .engine import Engine

Function = TypeVar("Function", bound=Callable[..., Any])
LEASE_SHORTEST, LEASE_LONGEST = 1.0, 3600.0  # seconds
FORBIDDEN = set("|,*")


class Handler(NamedTuple):
    call: Callable[..., Any]
    asynchronous: bool
    with_task: bool


class Worker:
    """Executes functions, agents and tools of workflows.

    url            of Redis: redis://, rediss:// or unix://; the environment's TROUPE_REDIS_URL
                   without one
    concurrency    how many functions run at a time (plain ones: threads), 1 to 1,000
    lease          seconds after which another worker gets the tasks of one that fell silent, 1 to
                   3,600; it beats three times as often, and learns of cancellations then
    drain_timeout  seconds that running functions get after SIGTERM; what is left is handed back
    prefetch       seconds of work to claim ahead of what runs, by what functions have taken so far;
                   0: claim only what can begin at once
    name           unique; made from host and process without one
    options        for the client of the package redis, such as ssl_ca_certs

    Functions get the node's input (and the Task, if they have a second parameter) and return what
    json.dumps takes. Raising TaskError fails the execution with that code, anything else with the
    code "exception"; a result that is no JSON fails it with "bad_output".
    """

    def __init__(self, url: Optional[str] = None, *, concurrency: int = 32, lease: float = 15.0,
                 drain_timeout: float = 30.0, prefetch: float = 0.02, name: Optional[str] = None,
                 options: Optional[Dict[str, Any]] = None) -> None:
        if not 1 <= concurrency <= 1000:
            raise ValueError("concurrency is 1 to 1,000, not %r" % concurrency)
        if not LEASE_SHORTEST <= lease <= LEASE_LONGEST:
            raise ValueError("lease is 1 to 3,600 seconds, not %r" % lease)
        if drain_timeout < 0 or prefetch < 0:
            raise ValueError("drain_timeout and prefetch are 0 or more seconds")
        self.url = url or os.environ.get("TROUPE_REDIS_URL") or "redis://127.0.0.1:6379/0"
        self.concurrency = concurrency
        self.lease = lease
        self.drain_timeout = drain_timeout
        self.prefetch = prefetch
        self.name = _checked_name(name or _own_name())
        self.options = dict(options or {})
        self.handlers: Dict[Tuple[str, str], Handler] = {}
        self.queues: List[str] = []
        self._engine: Optional[Engine] = None
        self._loop: Optional[asyncio.AbstractEventLoop] = None

    def function(self, name: str, *, queue: Optional[str] = None) -> Callable[[Function], Function]:
        """Decorator: the function for nodes of type `function` with this `function_name`. `queue`:
        as in the node, if it names one."""
        return self._decorator("function", name, queue)

    def agent(self, name: str, *, queue: Optional[str] = None) -> Callable[[Function], Function]:
        """Decorator: the same for nodes of type `agent`."""
        return self._decorator("agent", name, queue)

    def tool(self, name: str, *, queue: Optional[str] = None) -> Callable[[Function], Function]:
        """Decorator: the same for nodes of type `tool`."""
        return self._decorator("tool", name, queue)

    def run(self) -> None:
        """Works until SIGTERM or SIGINT (or `stop`), then drains; a second signal ends the waiting.
        Redis may come later, go and come back."""
        asyncio.run(self.serve(signals=True))

    async def serve(self, *, signals: bool = False) -> None:
        """The same inside a running loop. With `signals`, SIGTERM and SIGINT stop it, if this is the
        main thread."""
        if not self.handlers:
            raise ValueError("the worker has no functions")
        if self._engine is not None:
            raise RuntimeError("the worker runs already")
        self._loop = asyncio.get_running_loop()
        self._engine = Engine(self)
        handled = []
        if signals and threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                self._loop.add_signal_handler(number, self._engine.stop)
                handled.append(number)
        try:
            await self._engine.run()
        finally:
            for number in handled:
                self._loop.remove_signal_handler(number)
            self._engine = self._loop = None

    def stop(self) -> None:
        """As SIGTERM does; from any thread. Nothing when it does not run."""
        loop, engine = self._loop, self._engine
        if loop is not None and engine is not None:
            loop.call_soon_threadsafe(engine.stop)

    def _decorator(self, kind: str, name: str,
                   queue: Optional[str]) -> Callable[[Function], Function]:
        if (kind, name) in self.handlers:
            raise ValueError("there is a %s %r already" % (kind, name))

        def add(function: Function) -> Function:
            self.handlers[kind, name] = Handler(function, _is_async(function), _takes_task(function))
            wanted = queue or "%s:%s" % (kind, name)
            if wanted not in self.queues:
                self.queues.append(wanted)
            return function

        return add


def _is_async(function: Callable[..., Any]) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None))


def _takes_task(function: Callable[..., Any]) -> bool:
    """Whether it has room for a second argument. TypeError when it cannot be called with one."""
    signature = inspect.signature(function)
    for arguments in ((None, None), (None,)):
        try:
            signature.bind(*arguments)
        except TypeError:
            continue
        return len(arguments) == 2
    raise TypeError("%r takes neither (input) nor (input, task)" % function)


def _own_name() -> str:
    host = "".join(c if c.isalnum() and c.isascii() or c in "-._" else "-"
                   for c in socket.gethostname())
    return "%s-%d-%s" % (host[:80], os.getpid(), secrets.token_hex(4))


def _checked_name(name: str) -> str:
    if not 1 <= len(name) <= 128 or not all("!" <= c <= "~" and c not in FORBIDDEN for c in name):
        raise ValueError("a worker's name is 1 to 128 printable ASCII characters without blanks, "
                         "'|', ',' and '*', not %r" % name)
    return name
