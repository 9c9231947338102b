"""A remote worker as docs/tasks.md has it, as small as it can be: one call at a time, by hand."""
import json
import time

import redis


class Task:
    """One that was given out."""

    def __init__(self, partition, flat):
        self.partition = partition
        self.run, self.number, self.incarnation, self.fence, self.text = flat
        self.data = json.loads(self.text)

    @property
    def names(self):
        return [self.run, self.number, self.incarnation, self.fence]

    def result(self, kind, body=""):
        return [*self.names, kind, body if isinstance(body, (str, bytes)) else json.dumps(body)]

    def completed(self, output, **more):
        return self.result("c", {"output": output, **more})

    def failed(self, code, message="", **more):
        return self.result("f", {"code": code, "message": message, **more})

    def beat(self, progress=""):
        return [*self.names, progress if isinstance(progress, str) else json.dumps(progress)]

    def __repr__(self):
        return "Task(%s/%s fence %s)" % (self.run, self.number, self.fence)


class Remote:
    """Serves one queue, through a client of Redis of its own."""

    def __init__(self, client, queue, name="r1", lease_ms=60000):
        self.client, self.queue, self.name, self.lease_ms = client, queue, name, lease_ms
        self.partitions = int(client.hget("troupe:{0}:meta", "partitions"))
        self.cursors = ["0-0"] * self.partitions
        self.sha = None

    def call(self, partition, results=(), beats=(), want=0, lease_ms=None):
        """(results, beats, [Task]); None: it is held, or is not there."""
        reply = self.raw(partition, results, beats, want, lease_ms)
        if reply[0] != "ok":
            assert reply in (["hold"], ["none"]), reply
            return None
        _, _, words, beat_words, tasks, self.cursors[partition] = reply
        return words, beat_words, [Task(partition, t) for t in tasks]

    def raw(self, partition, results=(), beats=(), want=0, lease_ms=None):
        args = [self.queue, self.name, lease_ms or self.lease_ms, want, len(results),
                *[x for r in results for x in r], len(beats), *[x for b in beats for x in b]]
        key = "troupe:{%d}:meta" % partition
        for _ in range(3):
            try:
                if not self.sha:
                    self.sha = self.client.script_load(self.client.get("troupe:script:tasks"))
                return self.client.evalsha(self.sha, 1, key, *args)
            except redis.exceptions.NoScriptError:
                self.sha = None
        raise AssertionError("the script is not kept")

    def settle(self, task, result):
        """The word for it."""
        return self.call(task.partition, [result])[0][0]

    def beat(self, task, progress=""):
        return self.call(task.partition, beats=[task.beat(progress)])[1][0]

    def poll(self, want=1):
        """Tasks of all partitions, those that are there now."""
        found = []
        for partition in range(self.partitions):
            reply = self.call(partition, want=want - len(found))
            found += reply[2] if reply else []
            if len(found) >= want:
                break
        return found

    def claim(self, want=1, timeout_s=20):
        """Waits as the page says: blocked on all partitions when none has anything."""
        until = time.monotonic() + timeout_s
        found = self.poll(want)
        while not found and time.monotonic() < until:
            self.client.xread({"troupe:{%d}:q:%s" % (p, self.queue): c for p, c in enumerate(self.cursors)},
                              count=1, block=1000)
            found = self.poll(want)
        assert found, "no task came to %s" % self.queue
        return found
