"""The loop of a worker: one turn takes everything that has to be said to Redis, in one round trip.

    claimed ── waiting ── running ── result in its lane ── taken by the script
                  └───── handed back when draining

Each turn calls every lane that has results, beats that are due, or may have tasks for the room there
is. While a turn is under way, functions go on: their results gather for the next one. Nothing is
called per task. A second connection listens for new tasks (the bell).
"""
import asyncio
import logging
from collections import deque
from typing import TYPE_CHECKING, Deque, List

from redis.exceptions import ResponseError

from . import calls
from .calls import Given, Result
from .errors import TaskError, failure_of
from .job import Job
from .lane import Call, Lane
from .redis_link import LOST, WAIT_FOR_FLEET, Link, Pause
from .runner import Runner

if TYPE_CHECKING:
    from .worker import Worker

WANT_MOST = 1000  # of one call
AHEAD_MOST = 1000  # tasks that are claimed before there is room for them
BELL_LONGEST = 5.0  # seconds; then all are asked, since claims that lapsed do not ring
FLUSH = 5.0  # seconds for the last results, when Redis is away at the end

log = logging.getLogger("troupe")


class Engine:
    def __init__(self, worker: "Worker") -> None:
        self._worker = worker
        self._loop = asyncio.get_running_loop()
        self._link = Link(worker.url, worker.options)
        self._runner = Runner(worker, self._loop, self._finished)
        self._waiting: Deque[Job] = deque()
        self._lanes: List[Lane] = []
        self._beat_every = worker.lease / 3
        self._turns = 0
        self._wake = asyncio.Event()
        self._listen = asyncio.Event()  # the bell may listen: there is room, and none has rung
        self._draining = False
        self._end_of_drain = float("inf")

    def stop(self) -> None:
        """Drain; the second time, do not wait for what runs."""
        if self._draining:
            self._end_of_drain = self._loop.time()
        else:
            log.info("draining: %d run, %d wait", self._runner.running, len(self._waiting))
            self._draining = True
            self._end_of_drain = self._loop.time() + self._worker.drain_timeout
        self._wake.set()

    async def run(self) -> None:
        bell = None
        try:
            await self._open()
            bell = self._loop.create_task(self._listen_for_bell())
            await self._work()
        finally:
            # Once more if need be: a timeout at that very moment swallows what is cancelled.
            while bell is not None and not bell.done():
                bell.cancel()
                await asyncio.wait({bell}, timeout=0.5)
            if bell is not None and not bell.cancelled():
                bell.exception()  # looked at: nobody else does
            self._runner.close()
            await self._link.close()

    async def _open(self) -> None:
        """Waits for Redis, and for a supervisor."""
        pause, said = Pause(), ""
        while not self._draining:
            try:
                partitions = await self._link.open()
            except LOST as e:
                why, wait = "cannot reach Redis: %s" % e, pause.take()
            else:
                if partitions:
                    self._lanes = [Lane(queue, p) for queue in self._worker.queues
                                   for p in range(partitions)]
                    log.info("worker %s: %s in %d partitions", self._worker.name,
                             ", ".join(self._worker.queues), partitions)
                    return
                why, wait = "waiting for a supervisor", WAIT_FOR_FLEET
            if why != said:
                log.warning("%s", why)
                said = why
            await self._sleep(self._loop.time() + wait)

    async def _work(self) -> None:
        pause = Pause()
        while True:
            await asyncio.sleep(0)  # what can run does: its results go along
            if self._draining and self._drained():
                return
            self._wake.clear()
            now = self._loop.time()
            batch = self._batch(now)
            if not self._draining and self._room() and not any(lane.rung for lane in self._lanes):
                self._listen.set()
            if not batch:
                await self._sleep(self._next_time(now))
                continue
            try:
                await self._turn(batch)
                pause.reset()
            except (*LOST, ValueError) as e:
                wait = pause.take()
                log.warning("%s, trying again in %.1f s: %s", "Redis refuses" if isinstance(
                    e, ResponseError) else "lost Redis", wait, str(e) or type(e).__name__)
                self._link.forget()
                await asyncio.sleep(wait)

    # --- One turn ---

    def _batch(self, now: float) -> List[Call]:
        room = 0 if self._draining else self._room()
        open_lanes = [lane for lane in self._lanes if now >= lane.not_before]
        # What has results is called anyway: asking along costs nothing.
        asked = [lane for lane in open_lanes if lane.ready or lane.results] if room else []
        if asked:
            self._turns += 1
            first = self._turns % len(asked)
            asked = asked[first:] + asked[:first]
        wants = {}
        for left, lane in zip(range(len(asked), 0, -1), asked):
            wants[lane] = min(WANT_MOST, -(-room // left))
            room -= wants[lane]
        batch = []
        for lane in open_lanes:
            batch += lane.calls(now, wants.get(lane, 0), self._beat_every)
        return batch

    async def _turn(self, batch: List[Call]) -> None:
        lease_ms = int(self._worker.lease * 1000)
        answers = await self._link.call([
            (call.lane.meta, calls.arguments(call.lane.queue, self._worker.name, lease_ms, call.want,
                                             call.results, call.beats)) for call in batch])
        now = self._loop.time()
        error = None
        for call, answer in zip(batch, answers):
            if isinstance(answer, Exception):
                error = answer
                continue
            for result, word in zip(call.results, answer.results):
                if word not in ("ok", "too_large"):
                    log.info("result of run %s not taken: %s", calls.text_of(result.claim[0]), word)
            for job in call.lane.answered(call, answer, now):
                log.info("unwanted: %r", job.task)
                job.drop()
            for given in answer.tasks:
                self._take(call.lane, given, now)
        self._start()
        if error is not None:
            raise error

    def _take(self, lane: Lane, given: Given, now: float) -> None:
        try:
            job = Job(lane, given.claim, given.text, now, self._noted)
        except (ValueError, RecursionError) as e:  # numbers of 5,000 digits, lists 1,000 deep
            unreadable = TaskError("bad_input", "Python cannot read the task: %s" % e, retry=False)
            lane.results.append(Result(given.claim, calls.FAILED, failure_of(unreadable)))
            return
        lane.jobs[job.claim] = job
        self._waiting.append(job)

    def _room(self) -> int:
        ahead = min(AHEAD_MOST, self._runner.work_of(self._worker.prefetch))
        return max(0, self._worker.concurrency + ahead - self._runner.running - len(self._waiting))

    def _next_time(self, now: float) -> float:
        times = [lane.next_time(now, self._beat_every) for lane in self._lanes]
        if self._draining:
            times.append(self._end_of_drain)
        return min(times)

    # --- Functions ---

    def _start(self) -> None:
        while self._waiting and self._runner.running < self._worker.concurrency:
            job = self._waiting.popleft()
            if not job.dropped:
                self._runner.start(job)

    def _finished(self, job: Job, kind: bytes, body: bytes) -> None:
        if not job.dropped:
            job.lane.finish(job, kind, body)
        self._start()
        self._wake.set()

    def _noted(self, job: Job) -> None:
        """A task has something to say; called from any thread."""
        if not job.dropped and job.claim not in job.lane.noted:
            self._loop.call_soon_threadsafe(self._take_note, job)

    def _take_note(self, job: Job) -> None:
        if job.claim in job.lane.jobs:
            job.lane.noted[job.claim] = job
            self._wake.set()

    # --- The bell ---

    async def _listen_for_bell(self) -> None:
        pause = Pause()
        while True:
            await self._listen.wait()
            cursors = {lane.stream: lane.cursor for lane in self._lanes if lane.cursor is not None}
            rung = set(lane.stream for lane in self._lanes)
            try:
                if cursors:
                    rung = await self._link.bell(cursors, BELL_LONGEST) or rung
                pause.reset()
            except LOST as e:
                log.debug("the bell is lost: %s", e)
                await asyncio.sleep(pause.take())
            self._listen.clear()
            for lane in self._lanes:
                if lane.stream in rung and not lane.ready:
                    lane.ready = lane.rung = True
            self._wake.set()
            if not cursors:  # none can be listened to: asked in their own time
                await asyncio.sleep(WAIT_FOR_FLEET)

    # --- The end ---

    def _drained(self) -> bool:
        """Hands back what has not begun; and what has, when its time is over. True when nothing is
        left to say."""
        now = self._loop.time()
        while self._waiting:
            job = self._waiting.popleft()
            if not job.dropped:
                job.lane.finish(job, calls.HANDED_BACK, b"")
        if now >= self._end_of_drain:
            for lane in self._lanes:
                for job in list(lane.jobs.values()):
                    lane.finish(job, calls.HANDED_BACK, b"")
                    job.drop()
                    log.warning("handed back: %r", job.task)
        if any(lane.jobs for lane in self._lanes):
            return False
        left = sum(len(lane.results) for lane in self._lanes)
        if left and now >= self._end_of_drain + FLUSH:
            log.error("%d results were not taken: Redis is away", left)
            return True
        return left == 0

    async def _sleep(self, until: float) -> None:
        """Until then, or until something happens."""
        timer = None
        if until != float("inf"):
            timer = self._loop.call_at(until, self._wake.set)
        try:
            await self._wake.wait()
        finally:
            if timer is not None:
                timer.cancel()
