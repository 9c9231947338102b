#!/usr/bin/python3
"""How many tasks that do nothing one remote worker does per second.

    bin/troupe dev --workers 2 -- tests/bench/remote/bench.py [TASKS] -- COMMAND...

COMMAND is the worker, noop.py or noop.mjs: `run` beside this file has all of them in turn. First the tasks are parked, without a worker; then it is started, and the time counted
from the first result to the last. Fleet, Redis and worker share the machine's cores, so this is a lower
bound; the processor time that the worker took says what a core of its own would do.
"""
import os
import subprocess
import sys
import tempfile
import time
import uuid

import redis

NODES = 100
DEFINITION = """
metadata: {name: bench-remote}
nodes:
""" + "".join("  - {id: n%d, type: function, config: {function_name: noop}}\n" % i for i in range(NODES))
ONE = """
metadata: {name: bench-remote-one}
nodes: [{id: n, type: function, config: {function_name: noop}}]
"""


def cpu_seconds(pid):
    with open("/proc/%d/stat" % pid) as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def wait_for(condition, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            sys.exit("not within %d s" % seconds)
        time.sleep(0.01)


def one_run(client):
    """Seconds from the request to the end, seen by looking again and again."""
    run = str(uuid.uuid4())
    key = "troupe:{%d}:run:%s" % (int(run[-4:], 16) % int(client.hget("troupe:{0}:meta", "partitions")), run)
    began = time.monotonic()
    client.xadd("troupe:runs", {"workflow": "bench-remote-one", "input": "null", "run_id": run})
    seen = False
    while True:
        head = client.hget(key, "h")  # status|…; the key goes soon after the end
        seen = seen or head is not None
        if head is None and seen or head is not None and head[:1] in (b"c", b"f"):
            break
        time.sleep(0.0002)
    return time.monotonic() - began


def main():
    split = sys.argv.index("--")
    tasks = int(sys.argv[1]) if split > 1 else 20000
    command = sys.argv[split + 1:]
    client = redis.Redis.from_url(os.environ["TROUPE_REDIS_URL"])
    troupe = os.environ.get("TROUPE", "bin/troupe")
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as f:
        for text in (DEFINITION, ONE):
            f.seek(0)
            f.truncate()
            f.write(text)
            f.flush()
            subprocess.run([troupe, "deploy", f.name], check=True, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL)
    partitions = int(client.hget("troupe:{0}:meta", "partitions"))
    streams = ["troupe:{%d}:q:function:noop" % p for p in range(partitions)]

    def parked():
        return sum(client.xlen(stream) for stream in streams)

    def live():
        return sum(1 for _ in client.scan_iter("troupe:{*}:run:*", count=1000))

    runs = tasks // NODES
    pipe = client.pipeline(transaction=False)
    for _ in range(runs):
        pipe.xadd("troupe:runs", {"workflow": "bench-remote", "input": "null"})
    pipe.execute()
    wait_for(lambda: parked() == runs * NODES)
    worker = subprocess.Popen(command)
    try:
        wait_for(lambda: parked() < runs * NODES)
        began, cpu, first = time.monotonic(), cpu_seconds(worker.pid), parked()
        wait_for(lambda: parked() == 0)
        wall, cpu = time.monotonic() - began, cpu_seconds(worker.pid) - cpu
        print("%d tasks given out in %.2f s: %d/s; %.0f us of processor time each: %d/s on a core of its own"
              % (first, wall, first / wall, cpu / first * 1e6, first / max(cpu, 0.01)))
        wait_for(lambda: live() == 0)
        print("all %d runs were over after %.2f s" % (runs, time.monotonic() - began))
        took = sorted(one_run(client) for _ in range(50))
        print("a run of one node, with nothing else to do: %.1f ms (median of 50; the slowest %.1f ms)"
              % (took[25] * 1e3, took[-1] * 1e3))
    finally:
        worker.terminate()
        worker.wait()


if __name__ == "__main__":
    main()
