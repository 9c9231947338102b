"""One queue in one partition: what has to be said to it, and whether it may have something.

    ready   it may have tasks: it is asked in the next turn that has room
    rung    the bell rang for it (or it was never asked), and it has not answered since
    cursor  where the bell listens from; None until the partition gave one
"""
from collections import deque
from typing import TYPE_CHECKING, Deque, Dict, List, NamedTuple, Optional

from . import calls
from .calls import Answer, Beat, Claim, Result

if TYPE_CHECKING:
    from .job import Job

RESULTS_MOST = 500  # of one call
BEATS_MOST = 500
BYTES_MOST = 4 << 20  # of results in one call, unless a single one is larger
PLENTY_BYTES = 512 << 10  # so many bytes of tasks: there may be more, although fewer than wanted came
NOTES_EVERY = 0.5  # seconds: how often a task's progress and log lines are sent
REFUSED = b'{"code": "bad_output", "message": "Redis does not take it for JSON", "retry": false}'
HOLD = 0.2  # seconds until a partition that cannot work is asked again


class Call(NamedTuple):
    lane: "Lane"
    want: int
    results: List[Result]
    beats: List[Beat]
    jobs: "List[Job]"  # of the beats


class Lane:
    def __init__(self, queue: str, partition: int) -> None:
        self.queue = queue
        self.partition = partition
        self.meta = calls.meta_key(partition)
        self.stream = calls.stream_key(partition, queue)
        self.cursor: Optional[str] = None
        self.ready = self.rung = True
        self.not_before = 0.0  # seconds of the loop's clock
        self.results: Deque[Result] = deque()
        self.jobs: "Dict[Claim, Job]" = {}  # claimed, and not done
        self.noted: "Dict[Claim, Job]" = {}  # have something to say
        self.last_words: List[Beat] = []  # of tasks that are done: to be said before their results

    def finish(self, job: "Job", kind: bytes, body: bytes) -> None:
        """Takes the result of a task; what it still has to say goes before."""
        del self.jobs[job.claim]
        self.noted.pop(job.claim, None)
        while job.has_words():
            self.last_words.append(Beat(job.claim, job.words()))
            job.said()
        self.results.append(Result(job.claim, kind, body))

    def forget(self, claim: Claim) -> "Optional[Job]":
        self.noted.pop(claim, None)
        return self.jobs.pop(claim, None)

    def calls(self, now: float, want: int, beat_every: float) -> List[Call]:
        """What to call now; nothing when there is nothing to say and nothing wanted. The results stay
        here until `answered`."""
        out: List[Call] = []
        for at in range(0, len(self.last_words), BEATS_MOST):  # the script takes results before beats
            out.append(Call(self, 0, [], self.last_words[at:at + BEATS_MOST], []))
        beats, jobs = [], []
        for job in self._due(now, beat_every):
            beats.append(Beat(job.claim, job.words()))
            jobs.append(job)
            if len(beats) == BEATS_MOST:
                out.append(Call(self, 0, [], beats, jobs))
                beats, jobs = [], []
        results: List[Result] = []
        size = 0
        for result in self.results:
            size += len(result.body)
            if len(results) == RESULTS_MOST or (results and size > BYTES_MOST):
                break
            results.append(result)
        if results or beats or want:
            out.append(Call(self, want, results, beats, jobs))
        return out

    def answered(self, call: Call, answer: Answer, now: float) -> "List[Job]":
        """Takes an answer; returns the jobs that nobody wants any more."""
        if answer.word == "again":
            return []
        if answer.word != "ok":
            self.ready, self.rung, self.cursor = True, False, None
            self.not_before = now + HOLD
            return []
        for result, word in zip(call.results, answer.results):
            self.results.popleft()
            if word == "bad" and result.kind == calls.COMPLETED:  # the claim stands: it must end
                self.results.append(Result(result.claim, calls.FAILED, REFUSED))
        if not call.jobs and call.beats:
            del self.last_words[:len(call.beats)]
        unwanted = []
        for job, word in zip(call.jobs, answer.beats):
            if word in ("stale", "gone"):
                self.forget(job.claim)
                unwanted.append(job)
                continue
            job.beaten = now
            job.said()
            if not job.has_words():
                self.noted.pop(job.claim, None)
        if call.want:
            size = sum(len(task.text) for task in answer.tasks)
            self.ready = len(answer.tasks) >= call.want or size >= PLENTY_BYTES
            self.rung = False
            self.cursor = answer.cursor
        return unwanted

    def next_time(self, now: float, beat_every: float) -> float:
        """When it has something to say next, if nothing happens before."""
        if now < self.not_before:
            return self.not_before
        if self.results or self.last_words:
            return now
        times = [job.beaten + NOTES_EVERY for job in self.noted.values()]
        times += [job.beaten + beat_every for job in self.jobs.values()]
        return min(times, default=float("inf"))

    def _due(self, now: float, beat_every: float) -> "List[Job]":
        due = [job for job in self.noted.values() if now >= job.beaten + NOTES_EVERY]
        said = set(job.claim for job in due)
        return due + [job for job in self.jobs.values()
                      if now >= job.beaten + beat_every and job.claim not in said]
