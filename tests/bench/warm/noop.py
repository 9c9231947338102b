"""A remote worker whose function does nothing: async, or on threads with THREADS=1."""
import os

from troupe import Worker

worker = Worker()


async def noop(input):
    return None


def noop_plain(input):
    return None


worker.function("noop")(noop_plain if os.environ.get("THREADS") else noop)
worker.run()
