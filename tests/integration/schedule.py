"""Random schedules of the scripts, compared with an interpreter that knows none of them.

A schedule is a few random graphs, a few workers, and one scheduler that picks whose call goes next and
lets it be lost, doubled, late or stale; consumers lapse, runs are cancelled, nodes fail. After every
call all keys are checked. The interpreter keeps no counters: it decides from what was settled, as a
fixpoint, which nodes ought to be live, which join records open, and how the run ought to stand.
"""
import random

from lua_calls import Partition, Refused, Settle

QUEUES = ["default", "heavy"]
WORKERS = "ABCD"


class Violation(AssertionError):
    pass


def demand(condition, *what):
    if not condition:
        raise Violation(" ".join(map(str, what)))


class Graph:
    """Random, acyclic, in node order; the join table and the plans are made as the worker makes them."""

    def __init__(self, rnd, digest):
        self.digest, self.count = digest, rnd.randint(2, 14)
        n = self.count
        density = rnd.choice([.15, .3, .5])
        self.preds = [[] for _ in range(n)]
        self.outs = [[] for _ in range(n)]
        for node in range(1, n):
            preds = [p for p in range(node) if rnd.random() < density]
            if not preds and rnd.random() < .9:
                preds = [rnd.randrange(node)]
            for p in preds:
                self.preds[node].append(p)
                self.outs[p].append(node)
        self.queue = [rnd.randrange(2) for _ in range(n)]
        self.need = []
        for node in range(n):
            arity = len(self.preds[node])
            kind = rnd.choice("aaakn") if arity > 1 else "a"
            self.need.append(None if kind == "a" else 1 if kind == "n" else rnd.randint(1, arity))
        self.split = [rnd.choice("axxi") for _ in range(n)]
        self.reads = [sorted(rnd.sample(range(node), rnd.randint(0, min(node, 2)))) for node in range(n)]
        self.output = rnd.choice([None, None, ";", ";in,%d" % rnd.randrange(n)])
        self.rows = {node: self._row(node) for node in range(n) if self.is_join(node)}

    def is_join(self, node):
        return len(self.preds[node]) > 1

    def slot(self, pred, node):
        return self.preds[node].index(pred)

    def dead(self, pred, node):
        """The arrivals that follow from a dead edge."""
        if self.is_join(node):
            return [(node, self.slot(pred, node))]
        return [a for target in self.outs[node] for a in self.dead(node, target)]

    def _row(self, node):
        arity = len(self.preds[node])
        dead = [a for target in self.outs[node] for a in self.dead(node, target)]
        return "%s|%d|%d|%s|%s|%s|%s" % (
            "k" if self.need[node] else "a", arity, self.need[node] or arity, QUEUES[self.queue[node]],
            ",".join(map(str, self.preds[node])), ",".join(map(str, self.extras(node))),
            ",".join("%d.%d" % a for a in dead))

    def extras(self, node):
        return [r for r in self.reads[node] if r not in self.preds[node]]

    def wanted(self, node):
        inputs = str(self.preds[node][0]) if self.preds[node] else "in"
        return inputs + ";" + ",".join(map(str, self.extras(node)))

    def choose(self, rnd, node):
        outs = self.outs[node]
        if self.split[node] == "a" or not outs:
            return frozenset(outs)
        if self.split[node] == "x":
            return frozenset([rnd.choice(outs)] if rnd.random() < .9 else [])
        return frozenset(o for o in outs if rnd.random() < .5)

    def plan(self, node, taken):
        ops = []
        for target in self.outs[node]:
            if target not in taken:
                ops += [("d", *a) for a in self.dead(node, target)]
            elif self.is_join(target):
                ops.append(("t", target, self.slot(node, target)))
            else:
                ops.append(("e", target, "%d,%s" % (self.queue[target], self.wanted(target))))
        return ops


class Run:
    """What ought to be. settled: node -> taken targets."""

    def __init__(self, graph, name):
        self.graph, self.name = graph, name
        self.settled, self.values = {}, {}
        self.ended = None  # f or x, or c once seen
        self.output_done = False
        self.done = set()  # numbers
        self.generation = {}  # number -> as it ought to be
        self.inputs = {}  # join node -> taken predecessors when it fired

    def fixpoint(self):
        graph, edge, state = self.graph, {}, []
        for node in range(graph.count):
            decided = [edge.get((p, node)) for p in graph.preds[node]]
            taken, open_ones = decided.count("t"), decided.count(None)
            if not decided or (graph.need[node] and taken >= graph.need[node]):
                state.append("ready")
            elif open_ones:
                state.append("waits")
            elif not taken:
                state.append("skipped")
            else:
                state.append("unsatisfied" if graph.need[node] else "ready")
            for target in graph.outs[node]:
                if state[node] == "skipped":
                    edge[node, target] = "d"
                elif node in self.settled:
                    edge[node, target] = "t" if target in self.settled[node] else "d"
        return state, edge

    def settle(self, node, taken, stats):
        before, _ = self.fixpoint()
        demand(node not in self.settled, self.name, "node", node, "was settled twice")
        self.settled[node] = taken
        after, edge = self.fixpoint()
        for join in range(self.graph.count):
            if not self.graph.is_join(join) or before[join] != "waits" or after[join] == "waits":
                continue
            preds = self.graph.preds[join]
            stats[after[join]] = stats.get(after[join], 0) + 1
            self.inputs[join] = [p for p in preds if edge.get((p, join)) == "t"]

    def check(self, fields):
        status, _, _, _, _, _ = fields["h"].split("|")
        live = {int(f[1:]): v.split("|") for f, v in fields.items() if f[0] == "t"}
        for number in live:
            self.generation.setdefault(number, 0)
        state, edge = self.fixpoint()
        ready = [v for v in range(self.graph.count)
                 if state[v] in ("ready", "unsatisfied") and v not in self.settled]
        nodes = [int(v[0]) for v in live.values() if v[0] not in "co"]
        going_on = any(v[0] == "c" for v in live.values())
        hidden = any(v[0] == "o" for v in live.values())
        if self.ended in ("f", "x"):
            demand(status == self.ended, self.name, "is", status, "and ought to be", self.ended)
            return
        over = not ready and not going_on and (self.graph.output is None or self.output_done)
        demand(status == ("c" if over else "r"), self.name, "is", status, "over:", over)
        if over:
            self.ended = "c"
        demand(hidden == (not ready and not going_on and not over), self.name, "hidden token:", hidden)
        for number, value in live.items():
            demand(int(value[3]) == self.generation[number], self.name, number, value)
            if value[0] not in "co":
                demand(value[5] == ("u" if state[int(value[0])] == "unsatisfied" else "q"), self.name, value)
        demand(len(set(nodes)) == len(nodes), self.name, "a node is live twice:", nodes)
        if going_on:
            demand(set(nodes) <= set(ready), self.name, "live", nodes, "ready", ready)
            return
        demand(sorted(nodes) == ready, self.name, "live", nodes, "ready", ready)
        for join in self.graph.rows:
            marks = [edge.get((p, join)) or "." for p in self.graph.preds[join]]
            record = fields.get("j%d|" % join)
            if "." in marks and set(marks) != {"."}:
                expected = "%d|%d|%s" % (len(marks) - marks.count("."), marks.count("t"), "".join(marks))
                demand(record == expected, self.name, "join", join, record, "ought to be", expected)
            else:
                demand(record is None, self.name, "join", join, "has a record", record)


class Worker:
    def __init__(self, name, session):
        self.name, self.session = name, session
        self.held, self.old, self.late = [], [], []
        self.unknown = False  # it lost a reply: hello comes before anything else
        self.hellos = 0


class Schedule:
    def __init__(self, client, seed, number, texts):
        self.seed, self.rnd = seed, random.Random(seed)
        self.part = Partition(client, number, QUEUES, texts=texts)
        self.stats = {}
        self.runs, self.workers = {}, {}
        self.budget = self.rnd.choice([1, 2, 3, 512, 512, 512])

    def count(self, what, n=1):
        self.stats[what] = self.stats.get(what, 0) + n

    def clear(self):
        for key in list(self.part.client.scan_iter(self.part.prefix + "*", count=1000)):
            self.part.client.delete(key)

    # --- checks ---

    def check(self):
        try:
            hashes = self.part.check(list(self.runs))
        except AssertionError as e:
            raise Violation(str(e)) from e
        for run in self.runs.values():
            run.check(hashes[run.name])

    def learn(self, claims):
        """Are these tokens to be executed, with the inputs that they ought to have?"""
        for claim in claims:
            run, number = self.runs[claim.run], int(claim.number)
            demand(not run.ended, "claimed a token of", claim.run, "which is", run.ended)
            demand(number not in run.done, claim, "was settled before")
            if claim.node in "co":
                continue
            node = int(claim.node)
            inputs, extras = claim.wanted.split(";")
            if run.graph.is_join(node):
                self.check_inputs(run, claim, node, inputs)
            else:
                demand(claim.wanted == run.graph.wanted(node), claim, claim.wanted)
            for name, value in zip(claim.names, claim.values):
                demand(value == run.values.get(name, None), claim, name, value)
            demand(len(claim.names) == len(claim.values), claim, "values")

    def check_inputs(self, run, claim, node, inputs):
        """What was taken when the join fired. With continuations, arrivals come later than the node
        was settled, in another order: then any of the taken may have been the deciding ones."""
        need = run.graph.need[node]
        if claim.state == "u":
            demand(inputs == "", claim, inputs, "ought to be empty")
        elif need and self.budget < 512:
            _, edge = run.fixpoint()
            got = [int(i) for i in inputs.split(",")]
            demand(len(got) == need and got == sorted(set(got)), claim, inputs, "need", need)
            demand(all(edge.get((p, node)) == "t" for p in got), claim, inputs, "not all taken")
        else:
            live = run.inputs[node]
            demand(inputs == ",".join(map(str, live)), claim, inputs, "ought to be", live)

    # --- one call ---

    def execute(self, claim):
        """A node's execution: the arguments of its settlement, and what it decided."""
        run = self.runs[claim.run]
        if claim.node == "c":
            return Settle(claim), None
        # A lapsed holder does not know that it lapsed, and may well report a failure.
        lapsed = claim.generation != run.generation[int(claim.number)]
        odds = .3 if lapsed or claim.node == "o" or claim.state == "u" else .02
        if self.rnd.random() < odds:
            return Settle(claim, failed=True), "fails"
        if claim.node == "o":
            return Settle(claim), None
        taken = run.graph.choose(self.rnd, int(claim.node))
        value = "%s@%s" % (claim.node, claim.run)
        return Settle(claim, run.graph.plan(int(claim.node), taken), value), taken

    def compose(self, worker, settle, want):
        self.rnd.shuffle(worker.held)
        batch = []
        for claim in worker.held[:settle]:
            batch.append(self.execute(claim))
            if self.rnd.random() < .1:
                batch.append(self.execute(claim))
                self.count("doubled")
        if worker.old and self.rnd.random() < .2:
            batch.append(self.execute(self.rnd.choice(worker.old)))
            self.count("stale submissions")
        self.rnd.shuffle(batch)
        return {"worker": worker, "session": worker.session, "hellos": worker.hellos, "want": want, "batch": batch}

    def expect(self, token, decision):
        run, number = self.runs[token.claim.run], int(token.claim.number)
        if run.ended:
            return "gone"
        if number in run.done:
            return "stale"
        if decision == "fails" and run.generation[number] != token.claim.generation:
            return "held"
        return "ok"

    def settle(self, call):
        """Sends a call and follows it in the interpretation. Returns results and claims, or None."""
        worker = call["worker"]
        try:
            results, claims = self.part.settle(worker.name, call["session"], [t for t, _ in call["batch"]],
                                               call["want"], self.budget)
        except Refused:
            self.count("refused")
            self.check()
            return None
        self.count("calls")
        to_end = set()
        for (token, decision), result in zip(call["batch"], results):
            run, number = self.runs[token.claim.run], int(token.claim.number)
            self.count(result)
            expected = self.expect(token, decision)
            if result == "load" and expected == "ok":
                self.part.load(run.graph.digest, run.graph.rows)
                continue
            if result == "gone" and expected in ("stale", "ok", "held"):
                to_end.add(run)  # an earlier token of this very call ended it: seen below
                continue
            demand(result == expected, token.claim, "answered", result, "and ought to", expected)
            if result == "ok":
                self.follow(run, number, token, decision)
        self.check()
        for run in to_end:
            demand(run.ended, run.name, "answered gone and runs")
        self.learn(claims)
        return results, claims

    def follow(self, run, number, token, decision):
        run.done.add(number)
        if decision == "fails":
            run.ended = "f"
        elif token.claim.node == "o":
            run.output_done = True
        elif token.claim.node != "c":
            run.values[token.claim.node] = token.args["value"]
            run.settle(int(token.claim.node), decision, self.stats)

    # --- the schedule ---

    def begin(self):
        self.clear()
        self.part.open()
        for i in range(self.rnd.randint(1, 3)):
            graph = Graph(self.rnd, "d%d" % i)
            run = Run(graph, "%08x-%d" % (self.seed, i))
            run.values["in"] = '{"x":1}'
            if graph.rows and self.rnd.random() < .7:
                self.part.load(graph.digest, graph.rows)
            entries = [(v, QUEUES[graph.queue[v]], graph.wanted(v)) for v in range(graph.count)
                       if not graph.preds[v]]
            demand(self.part.start(run.name, entries, digest=graph.digest, fin=graph.output or "") == "started")
            self.runs[run.name] = run
        for name in WORKERS:
            self.workers[name] = Worker(name, self.part.hello(name)[0])
        self.check()

    def hello(self, worker):
        self.count("hellos")
        worker.hellos += 1
        worker.old += worker.held
        worker.held, following = [], ""
        while True:
            worker.session, following, claims = self.part.hello(worker.name, self.rnd.randint(1, 5), following)
            self.check()
            self.learn(claims)
            worker.held += claims
            if not following:
                break
        worker.unknown = False

    def reclaim(self, worker):
        lapsed = self.rnd.choice([n for n in WORKERS if n != worker.name])
        self.part.lapse(lapsed)
        try:
            claims = self.part.reclaim(worker.name, worker.session, lapsed, self.rnd.randint(1, 4))
        except Refused:
            worker.unknown = True
            return
        self.count("reclaimed", len(claims))
        for claim in claims:
            self.runs[claim.run].generation[int(claim.number)] += 1
        self.check()
        self.learn(claims)
        worker.held += claims

    def cancel(self):
        run = self.rnd.choice(list(self.runs.values()))
        answer = self.part.cancel(run.name)
        demand(answer == ("ended" if run.ended else "cancelled"), run.name, answer)
        run.ended = run.ended or "x"
        self.count("cancels")
        self.check()

    def adopt(self, worker):
        """The bell: a plain blocking read brings an entry, which the next call adopts."""
        queue = self.rnd.randrange(2)
        got = self.part.client.xreadgroup("fleet", worker.name, {self.part.key("q:" + QUEUES[queue]): ">"}, count=1)
        if not got:
            return
        adopt = [(str(queue), i) for i, _ in got[0][1]]
        try:
            claims = self.part.claim(worker.name, worker.session, want=0, adopt=adopt)
        except Refused:
            worker.unknown = True
            return
        self.count("adopted", len(claims))
        self.check()
        self.learn(claims)
        worker.held += claims

    def work(self, worker):
        call = self.compose(worker, self.rnd.randint(0, 4), self.rnd.randint(0, 4))
        fate = self.rnd.random()
        if fate < .06:  # it stays in a buffer, the worker gives up on it
            worker.late.append(call)
            worker.unknown = True
            self.count("late")
            return
        answer = self.settle(call)
        if fate < .12 or answer is None:  # the reply is lost
            worker.unknown = True
            return
        self.absorb(worker, call, *answer)

    def absorb(self, worker, call, results, claims):
        by_claim = {}
        for (token, _), result in zip(call["batch"], results):
            by_claim.setdefault(id(token.claim), []).append(result)
        keep = []
        for claim in worker.held:
            got = by_claim.get(id(claim))
            if got is None or ("load" in got and "ok" not in got):
                keep.append(claim)
            else:
                worker.old.append(claim)
        worker.held = keep + claims

    def late(self, worker):
        call = worker.late.pop()
        self.settle(call)
        if call["hellos"] == worker.hellos:
            worker.unknown = True  # it claimed what the worker does not know of

    def step(self):
        worker = self.workers[self.rnd.choice(WORKERS)]
        what = self.rnd.random()
        if worker.late and what < .3:
            self.late(worker)
        elif worker.unknown or what < .34:
            self.hello(worker) if worker.unknown or what < .04 else self.work(worker)
        elif what < .42:
            self.reclaim(worker)
        elif what < .425:
            self.cancel()
        elif what < .47:
            self.adopt(worker)
        else:
            self.work(worker)

    def drain(self):
        """Nothing goes wrong any more: every run must end."""
        for worker in self.workers.values():
            while worker.late:
                self.late(worker)
        for turn in range(2000):
            if all(run.ended for run in self.runs.values()):
                return
            worker = self.workers[WORKERS[turn % 4]]
            if worker.unknown:
                self.hello(worker)
            call = self.compose(worker, 8, 8)
            answer = self.settle(call)
            if answer is None:
                worker.unknown = True
            else:
                self.absorb(worker, call, *answer)
        raise Violation("hangs: %s" % [(r.name, r.ended) for r in self.runs.values()])

    def play(self, steps=60):
        try:
            self.begin()
            for _ in range(steps):
                if all(run.ended for run in self.runs.values()) and self.rnd.random() < .3:
                    break
                self.step()
            self.drain()
        finally:
            self.clear()
        return self.stats
