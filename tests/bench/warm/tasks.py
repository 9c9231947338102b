#!/usr/bin/python3
"""How many tasks that do nothing one remote worker does per second.

    bin/troupe dev --workers 2 -- tests/bench/warm/tasks.py TASKS ROUNDS COMMAND...

COMMAND is the worker, noop.py or noop.mjs: `run` beside this file has all of them in turn. Each round the tasks
are parked, without a worker; then it is started, and the time counted from when a fifth is done, so that it is
warm, to the last result. Fleet, Redis and worker share the machine's cores, so this is a lower bound; the processor time that the worker took
says what a core of its own would do. Prints one object: lists with a figure for each round.
"""
import json
import os
import subprocess
import sys
import time
import uuid

from fleet import NODES, client_of, deploy, live_runs, submit, wait_for

DEFINITION = """
metadata: {name: bench-tasks}
nodes:
""" + "".join("  - {id: n%d, type: function, config: {function_name: noop}}\n" % i for i in range(NODES))
ONE = """
metadata: {name: bench-task}
nodes: [{id: n, type: function, config: {function_name: noop}}]
"""


def cpu_seconds(pid):
    with open("/proc/%d/stat" % pid) as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def one_run(client):
    """Seconds from the request to the end, seen by looking again and again."""
    run = str(uuid.uuid4())
    key = "troupe:{%d}:run:%s" % (int(run[-4:], 16) % int(client.hget("troupe:{0}:meta", "partitions")), run)
    began = time.monotonic()
    client.xadd("troupe:runs", {"workflow": "bench-task", "input": "null", "run_id": run})
    seen = False
    while True:
        head = client.hget(key, "h")  # status|…; the key goes soon after the end
        seen = seen or head is not None
        if head is None and seen or head is not None and head[:1] in (b"c", b"f"):
            break
        time.sleep(0.0002)
    return time.monotonic() - began


def measure(client, parked, runs, command):
    """Tasks a second, µs of processor time per task, ms of a run with nothing else to do."""
    submit(client, "bench-tasks", runs)
    wait_for(lambda: parked() == runs * NODES)
    worker = subprocess.Popen(command)
    try:
        def warm():
            if worker.poll() is not None:
                sys.exit("the worker ended with %s" % worker.returncode)
            return parked() < runs * NODES * 4 // 5

        wait_for(warm)
        began, cpu, first = time.monotonic(), cpu_seconds(worker.pid), parked()
        wait_for(lambda: parked() == 0)
        wall, cpu = time.monotonic() - began, cpu_seconds(worker.pid) - cpu
        wait_for(lambda: live_runs(client) == 0)
        idle = sorted(one_run(client) for _ in range(21))[10]
    finally:
        worker.terminate()
        worker.wait()
    return first / wall, cpu / first * 1e6, idle * 1e3


def main():
    tasks, rounds, command = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    client = client_of()
    deploy(DEFINITION, ONE)
    partitions = int(client.hget("troupe:{0}:meta", "partitions"))
    streams = ["troupe:{%d}:q:function:noop" % p for p in range(partitions)]

    def parked():
        pipe = client.pipeline(transaction=False)
        for stream in streams:
            pipe.xlen(stream)
        return sum(pipe.execute())

    figures = [measure(client, parked, max(1, tasks // NODES), command) for _ in range(rounds)]
    print(json.dumps(dict(zip(("tasks_per_s", "cpu_us_per_task", "idle_run_ms"), map(list, zip(*figures))))))


if __name__ == "__main__":
    main()
