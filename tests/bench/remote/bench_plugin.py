#!/usr/bin/python3
"""How many tasks that do nothing a fleet with the plugin noop.so does per second.

    TROUPE_PLUGIN=noop.so bin/troupe dev --workers 2 -- tests/bench/remote/bench_plugin.py [TASKS]

Nothing is parked: the fleet's workers execute them as they claim the tokens, so this is the whole of it,
with evaluating, routing, settling and the record; from the first run to the end of the last.
"""
import os
import subprocess
import sys
import tempfile
import time

import redis

from bench import DEFINITION, NODES, wait_for


def main():
    tasks = int(sys.argv[1]) if len(sys.argv) > 1 else 20000
    client = redis.Redis.from_url(os.environ["TROUPE_REDIS_URL"])
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as f:
        f.write(DEFINITION)
        f.flush()
        subprocess.run([os.environ.get("TROUPE", "bin/troupe"), "deploy", f.name], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    partitions = int(client.hget("troupe:{0}:meta", "partitions"))

    def live():
        return sum(1 for _ in client.scan_iter("troupe:{*}:run:*", count=1000))

    def parked():
        return sum(client.xlen("troupe:{%d}:q:function:noop" % p) for p in range(partitions))

    def burst(runs):
        pipe = client.pipeline(transaction=False)
        for _ in range(runs):
            pipe.xadd("troupe:runs", {"workflow": "bench-remote", "input": "null"})
        began = time.monotonic()
        pipe.execute()
        wait_for(lambda: live() == 0 and client.xlen("troupe:runs") == 0)
        return time.monotonic() - began

    burst(10)  # graphs are there, threads run
    runs = tasks // NODES
    took = burst(runs)
    if parked():
        sys.exit("tasks were parked: the workers have no plugin")
    print("%d tasks in %.2f s, from the runs' start to their end: %d/s" % (runs * NODES, took,
                                                                          runs * NODES / took))


main()
