"""The functions that tests of lib/python run; remote_programs/worker.mjs has the same. Each execution leaves a line
in the file MARKS: what happened, run, attempt."""
import asyncio
import logging
import os
import time

from troupe import Task, TaskError, Worker

logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
worker = Worker(concurrency=int(os.environ.get("CONCURRENCY", "32")),
                lease=float(os.environ.get("LEASE", "15")),
                drain_timeout=float(os.environ.get("DRAIN", "30")), name=os.environ.get("NAME"))
MARKS = os.open(os.environ["MARKS"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


def mark(what, task):
    os.write(MARKS, b"%s %s %d\n" % (what.encode(), task.run_id.encode(), task.attempt))


@worker.function("hello")
def hello(input, task: Task):
    mark("hello", task)
    return {"hello": input["name"], "config": task.config, "node": task.node_id, "key": task.idempotency_key}


@worker.function("hello_async")
async def hello_async(input):
    await asyncio.sleep(0)
    return {"hello": input["name"]}


@worker.agent("writer")
async def writer(input, task):
    task.usage(tokens=800)
    task.usage(tokens=12, cost=0.25)
    return "about " + input["topic"]


@worker.tool("search")
def search(input):
    return [input["query"]] * 2


@worker.tool("sorter", queue="gpu")
async def sorter(input):
    return sorted(input)


@worker.function("flaky")
def flaky(input, task):
    mark("flaky", task)
    if task.attempt < input["until"]:
        raise TaskError("not_yet", "attempt %d" % task.attempt)
    return task.attempt


@worker.function("hopeless")
async def hopeless(input, task):
    mark("hopeless", task)
    task.usage(tokens=5)
    raise TaskError("hopeless", "no use in trying again", retry=False)


@worker.function("broken")
def broken(input, task):
    mark("broken", task)
    return input["no such field"]


@worker.function("no_json")
def no_json(input, task):
    mark("no_json", task)
    return {1, 2}


@worker.function("big")
def big(input):
    return "x" * input["bytes"]


@worker.function("long")
async def long_async(input, task):
    mark("began", task)
    try:
        await asyncio.sleep(input["seconds"])
    except asyncio.CancelledError:
        mark("cancelled", task)
        raise
    mark("ended", task)
    return os.getpid()


@worker.function("long_plain")
def long_plain(input, task):
    mark("began", task)
    if task.cancelled.wait(input["seconds"]):
        mark("cancelled", task)
        return None
    mark("ended", task)
    return os.getpid()


@worker.function("deaf")
def deaf(input, task):
    """Does not look whether it is wanted."""
    mark("began", task)
    time.sleep(input["seconds"])
    mark("ended", task)
    return os.getpid()


@worker.function("talks")
async def talks(input, task):
    for step in range(1, 4):
        task.progress(step / 4, "step %d" % step)
        task.log("line", step)
        await asyncio.sleep(0.7)
    task.log("last words")
    return "said"


worker.run()
