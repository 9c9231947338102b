"""What the measurements need of the fleet that `troupe dev` has started around them."""
import os
import subprocess
import sys
import tempfile
import time

import redis

NODES = 100  # of the wide definitions


def client_of():
    return redis.Redis.from_url(os.environ["TROUPE_REDIS_URL"])


def deploy(*texts):
    for text in texts:
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as f:
            f.write(text)
            f.flush()
            subprocess.run([os.environ["TROUPE"], "deploy", f.name], check=True, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL)


def wait_for(condition, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            sys.exit("not within %d s" % seconds)
        time.sleep(0.01)


def submit(client, workflow, runs):
    pipe = client.pipeline(transaction=False)
    for _ in range(runs):
        pipe.xadd("troupe:runs", {"workflow": workflow, "input": "null"})
    pipe.execute()


def live_runs(client):
    return sum(1 for _ in client.scan_iter("troupe:{*}:run:*", count=1000))
