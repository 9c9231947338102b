#!/usr/bin/python3
"""How many tasks that do nothing a fleet with the plugin noop.so does per second.

    TROUPE_PLUGIN=noop.so bin/troupe dev --workers 2 -- tests/bench/warm/tasks_plugin.py TASKS ROUNDS

Nothing is parked: the fleet's workers execute them as they claim the tokens, so this is the whole of it,
with evaluating, routing, settling and the record; from the first run to the end of the last.
"""
import json
import sys
import time

from fleet import NODES, client_of, deploy, live_runs, submit, wait_for
from tasks import DEFINITION


def main():
    runs, rounds = max(1, int(sys.argv[1]) // NODES), int(sys.argv[2])
    client = client_of()
    deploy(DEFINITION)
    partitions = int(client.hget("troupe:{0}:meta", "partitions"))

    def burst(count):
        began = time.monotonic()
        submit(client, "bench-tasks", count)
        wait_for(lambda: live_runs(client) == 0 and client.xlen("troupe:runs") == 0)
        return count * NODES / (time.monotonic() - began)

    burst(max(1, runs // 10))  # graphs are there, threads run
    figures = [burst(runs) for _ in range(rounds)]
    if sum(client.xlen("troupe:{%d}:q:function:noop" % p) for p in range(partitions)):
        sys.exit("tasks were parked: the workers have no plugin")
    print(json.dumps({"tasks_per_s": figures}))


main()
