#!/usr/bin/python3
"""Do http nodes keep a server at its limit that answers in 10 ms, with 50 calls under way at a time?

    bin/troupe dev --workers 0 -- tests/bench/warm/http_calls.py CALLS MS ROUNDS WORKERS

CALLS is the program made of calls.c: the server, and a client that does nothing but call it. Each round the
client and the fleet take turns; the workers may have 50 calls under way in all, and always have more to make.
What counts is what the server answered within MS, while it went on. Prints one object: lists with a figure for
each round.
"""
import http.client
import json
import os
import subprocess
import sys
import time

from fleet import NODES, client_of, deploy, live_runs, submit, wait_for

AT_ONCE = 50
AHEAD = 1000  # calls that have been asked for and not been answered
NODE = "{id: n%d, type: http, config: {url: 'http://127.0.0.1:%d/'}}"


class Server:
    def __init__(self, calls):
        self.process = subprocess.Popen([calls, "serve"], stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port)  # kept: new ones cost time of the cores

    def stats(self):
        """Calls that were answered, and how many are under way."""
        self.connection.request("GET", "/stats")
        found = json.load(self.connection.getresponse())
        return found["answered"], found["under_way"]

    def close(self):
        self.connection.close()
        self.process.terminate()
        self.process.wait()


def start_workers(count):
    """Together they make AT_ONCE calls at a time."""
    made = []
    for i in range(count):
        calls = AT_ONCE // count + (i < AT_ONCE % count)
        made.append(subprocess.Popen(
            [os.path.join(os.path.dirname(os.environ["TROUPE"]), "troupe-worker"), "--http-calls", str(calls),
             "--http-allow", "127.0.0.1", "--name", "bench-%d" % i], stderr=subprocess.DEVNULL))
    return made


def drive(calls, server, connections, ms):
    done = subprocess.run([calls, "drive", str(server.port), str(connections), str(ms)], check=True,
                          stdout=subprocess.PIPE, text=True)
    return float(done.stdout)


class Load:
    """Runs of one definition, as many as it takes to have AHEAD calls asked for."""

    def __init__(self, client, server, workflow, calls_per_run):
        self.client, self.server = client, server
        self.workflow, self.calls_per_run = workflow, calls_per_run
        self.before = server.stats()[0]
        self.asked = 0

    def go_on(self):
        """Asks for more; calls that were answered so far, and how many are under way."""
        answered, under_way = self.server.stats()
        missing = AHEAD - (self.asked - (answered - self.before))
        runs = -(-missing // self.calls_per_run)
        if runs > 0:
            submit(self.client, self.workflow, runs)
            self.asked += runs * self.calls_per_run
        return answered, under_way

    def measure(self, ms):
        """Calls a second, and how many were under way in the mean."""
        wait_for(lambda: self.go_on()[0] - self.before > AHEAD or time.sleep(.01))
        began, (first, _) = time.monotonic(), self.go_on()
        seen = []
        while time.monotonic() - began < ms / 1000:
            seen.append(self.go_on()[1])
            time.sleep(.01)
        last, end = self.server.stats()[0], time.monotonic()
        wait_for(lambda: self.server.stats()[0] - self.before == self.asked and live_runs(self.client) == 0)
        if max(seen) > AT_ONCE:
            sys.exit("%d calls were under way, more than %d" % (max(seen), AT_ONCE))
        return (last - first) / (end - began), sum(seen) / len(seen)


def main():
    calls, ms, rounds, workers = sys.argv[1], *map(int, sys.argv[2:5])
    client, server = client_of(), Server(calls)
    processes = start_workers(workers)
    try:
        deploy("metadata: {name: bench-calls}\nnodes:\n"
               + "".join("  - %s\n" % (NODE % (i, server.port)) for i in range(NODES)),
               "metadata: {name: bench-call}\nnodes: [%s]\n" % (NODE % (0, server.port)))
        found = {"direct": [], "fan": [], "fan_under_way": [], "single": [], "single_under_way": []}
        found["server"] = drive(calls, server, 8 * AT_ONCE, 1000)
        for _ in range(rounds):
            found["direct"].append(drive(calls, server, AT_ONCE, ms))
            for shape, workflow, each in (("fan", "bench-calls", NODES), ("single", "bench-call", 1)):
                rate, under_way = Load(client, server, workflow, each).measure(ms)
                found[shape].append(rate)
                found[shape + "_under_way"].append(under_way)
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait()
        server.close()
    print(json.dumps(found))


main()
