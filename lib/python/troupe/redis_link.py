"""The connections to Redis: the script called in batches, the bell, and coming back after a loss."""
import asyncio
import logging
import random
from typing import Any, Dict, List, Optional, Sequence, Set, Tuple, Union

import redis.asyncio
from redis.exceptions import NoScriptError, RedisError

from . import calls
from .calls import Answer

LOST = (RedisError, OSError, EOFError, asyncio.TimeoutError, asyncio.IncompleteReadError)
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0  # seconds
TIMEOUT = 15.0  # seconds without an answer: the connection is taken for lost
WAIT_FOR_FLEET = 0.2  # seconds

Reply = Union[Answer, Exception]
NOBODY = Answer("none", [], [], [], "0-0")
NOT_DONE = Answer("again", [], [], [], "0-0")  # the script was not there: call again at once

log = logging.getLogger("troupe")


class Pause:
    """Growing pauses between attempts, each 50% to 100% of its length, so that a fleet of workers
    does not come back at once."""

    def __init__(self) -> None:
        self._next = FIRST_PAUSE

    def reset(self) -> None:
        self._next = FIRST_PAUSE

    def take(self) -> float:
        length, self._next = self._next, min(self._next * 2, LONGEST_PAUSE)
        return length * random.uniform(0.5, 1.0)


class Link:
    def __init__(self, url: str, options: Dict[str, Any]) -> None:
        options = {"socket_timeout": TIMEOUT, "socket_connect_timeout": TIMEOUT, **options}
        options["decode_responses"] = False
        # Any: the package has types for some of its calls only, by version.
        self._redis: Any = redis.asyncio.Redis.from_url(url, **options)
        self._sha: Optional[str] = None

    async def open(self) -> Optional[int]:
        """Loads the script; how many partitions there are, or None when no supervisor has opened
        them."""
        pipe = self._redis.pipeline(transaction=False)
        pipe.hget(calls.meta_key(0), "partitions")
        pipe.get(calls.SCRIPT_KEY)
        partitions, script = await pipe.execute()
        if not partitions or not script:
            return None
        sha = await self._redis.script_load(script)
        self._sha = calls.text_of(sha)
        return int(partitions)

    async def call(self, wanted: "Sequence[Tuple[str, List[Any]]]") -> "List[Reply]":
        """One call of the script for each (key, arguments), in one round trip: an answer each, or the
        error of that call. Raises one of LOST when there was no answer. What was not answered may be
        called again."""
        if self._sha is None and await self.open() is None:
            return [NOBODY] * len(wanted)
        pipe = self._redis.pipeline(transaction=False)
        for key, arguments in wanted:
            pipe.execute_command("EVALSHA", self._sha, 1, key, *arguments)
        replies = await pipe.execute(raise_on_error=False)
        out: List[Reply] = []
        for reply in replies:
            if isinstance(reply, NoScriptError):  # Redis was restarted
                self._sha = None
                out.append(NOT_DONE)
            else:
                out.append(reply if isinstance(reply, Exception) else calls.answer_of(reply))
        return out

    async def bell(self, cursors: Dict[str, str], wait_s: float) -> Set[str]:
        """The streams that have got an entry behind their cursor; empty after `wait_s` without."""
        reply = await self._redis.execute_command(
            "XREAD", "BLOCK", max(1, int(wait_s * 1000)), "COUNT", 1, "STREAMS", *cursors,
            *cursors.values())
        if not reply:
            return set()
        # RESP3 answers with a map, RESP2 with a list of pairs.
        names = list(reply) if isinstance(reply, dict) else [pair[0] for pair in reply]
        return set(calls.text_of(name) for name in names)

    def forget(self) -> None:
        """After a loss: another server may answer, without the script."""
        self._sha = None

    async def close(self) -> None:
        await getattr(self._redis, "aclose", self._redis.close)()
        await self._redis.connection_pool.disconnect()
