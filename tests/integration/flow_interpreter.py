"""What a run must have done, by the rules for definitions alone: nothing here knows how troupe works.

An interpreter that follows a finished run. It executes the definition itself, node by node and scope by
scope, and compares each result with what the record shows. Where the rules leave something to timing (who
was first at an `any` or `count` join, how far a failed or cancelled run had come) it takes from the record
what happened, demands that it was possible, and goes on from there.

Scopes are tuples of ("L", loop node, iteration) and ("E", join, predecessor), outermost first.
"""
import collections
import itertools
import json
import re

from flow_definition import Node, as_list, text_of
from flow_terms import Failure

NEVER_RETRIED = {"binding", "expression", "type", "routing", "join_unsatisfied", "loop_limit"}


class Mismatch(AssertionError):
    pass


class Execution:
    """What became of a node in a scope."""

    def __init__(self, status, output=None, attempts=0, error=None, taken=None, ends=False):
        self.status, self.output, self.attempts, self.error = status, output, attempts, error
        self.taken = taken  # targets; "back"; None: nobody handled its failure
        self.ends = ends  # its output counts as a terminal's
        self.by_goto = False


class Environment:
    def __init__(self, replay, node, scope, natural, absent):
        self.replay, self.node, self.scope, self.absent = replay, node, scope, absent
        self.input, self.context, self.output = natural, replay.input, None
        self.error = None
        loops = [c for c in scope if c[0] == "L"]
        self.iteration = loops[-1][2] if loops else None

    def ctx(self, name):
        return None if name in self.absent else self.replay.visible(self.node, self.scope, name)


class Replay:
    """observed: {(node id, scope text): [rows by attempt]}, a row {status, attempt, output, error};
    run: {status, output, error}; terms: CEL text -> Term. losses: any execution may have failed with
    `worker_lost` instead, since workers were killed; how often is in what check returns. piecemeal: what
    follows from an execution was settled in several calls, so a run's end may cut in between: then a node may
    lack the row that it is skipped or was live, and what follows from it may arrive before itself."""

    def __init__(self, definition, terms, run_input, run, observed, decisions, losses=False, piecemeal=False):
        self.piecemeal = piecemeal
        self.losses = losses
        self.d, self.terms, self.input, self.run = definition, terms, run_input, run
        self.observed, self.decisions = observed, decisions
        self.complete = run["status"] == "completed"
        self.done = {}  # (node id, scope) -> Execution
        self.live = set()  # enabled, and cut off by the run's end
        self.arrivals = {}  # (node id, scope) -> {pred: scope it came from, or None when dead}
        self.decided = set()  # joins that have run, been skipped or are live
        self.last = {}  # (loop, scope around it) -> last iteration
        self.unhandled = []
        self.todo = collections.deque()
        self.later = []  # what may have seen something that is not replayed yet
        self.seen = collections.Counter()

    def wrong(self, node, scope, what, *values):
        raise Mismatch("node '%s' in scope '%s': %s" % (node.id, text_of(scope), what % values))

    # --- the course of things ---

    def check(self):
        for node in self.d.order:
            if not node.preds:
                self.enable(node, (), [()])
        while True:
            while self.todo:
                self.todo.popleft()()
            if not self.try_again() and not self.decide_what_is_early():
                break
        for _, _, _, wrong in self.later:
            raise wrong
        self.check_end()
        return self.seen

    def try_again(self):
        """What did not fit when less had been replayed. True when one of them does now."""
        later, self.later = self.later, []
        for node, scope, candidates, _ in later:
            self.execute(node, scope, candidates)
        return len(self.later) < len(later)

    def decide_what_is_early(self):
        """In a run that ended early: joins that could run before all their edges were decided."""
        for (name, scope), arrivals in list(self.arrivals.items()):
            node = self.d.nodes[name]
            taken = [p for p in node.preds if arrivals.get(p) is not None]
            if (name, scope) not in self.decided and node.need and len(taken) >= node.need:
                if self.complete:
                    self.wrong(node, scope, "an edge was never decided")
                self.decide_join(node, scope, arrivals)
                return True
        return False

    def arrive(self, source, scope, target, taken):
        node = self.d.nodes[target]
        at = self.d.fit(scope, node)
        if node.join == "each":
            arrivals = self.arrivals.setdefault((target, at), {})
            arrivals[source.id] = scope if taken else None
            if taken:
                self.seen["each fired"] += 1
                self.enable(node, at + (("E", target, source.id),), [((source.id, scope),)])
            if len(arrivals) == len(node.preds) and not any(s is not None for s in arrivals.values()):
                self.seen["each skipped"] += 1
                self.skip(node, at)
        elif len(node.preds) == 1:
            if taken:
                self.enable(node, at, [((source.id, scope),)])
            else:
                self.skip(node, at)
        else:
            arrivals = self.arrivals.setdefault((target, at), {})
            if source.id in arrivals:
                self.wrong(node, at, "the edge from %s is decided twice", source.id)
            arrivals[source.id] = scope if taken else None
            if len(arrivals) == len(node.preds):
                if (target, at) in self.decided:
                    self.seen["late arrival in an ended run"] += 1
                else:
                    self.decide_join(node, at, arrivals)

    def decide_join(self, node, at, arrivals):
        self.decided.add((node.id, at))
        taken = [(p, arrivals[p]) for p in node.preds if arrivals.get(p) is not None]
        if not taken:
            self.seen["dead join"] += 1
            self.skip(node, at)
        elif node.need is None:
            if len(taken) < len(node.preds):
                self.seen["all with dead edges"] += 1
            self.enable(node, at, [tuple(taken)])
        elif len(taken) < node.need:
            self.seen["count unsatisfied"] += 1
            self.enable(node, at, [None])
        else:
            kind = "any" if node.join == "any" else "count"
            self.seen[kind] += 1
            if len(taken) > node.need:
                self.seen[kind + " with late ones"] += 1
                if any(c[0] == "L" for c in at) or node.head_of:
                    self.seen["late ones in a loop"] += 1
            self.enable(node, at, [s for s in itertools.combinations(taken, node.need)
                                   if self.possible(node, s, taken)])

    def possible(self, node, chosen, taken):
        """Nobody is left out who was certainly there before one of them."""
        if self.piecemeal:
            return True
        names = {p for p, _ in chosen}
        return not any(p not in names and any(p in self.d.nodes[c].settled for c in names) for p, _ in taken)

    def skip(self, node, scope):
        self.keep(node, scope, Execution("skipped"))
        self.compare_skipped(node, scope)
        self.decide_edges(node, scope, [])

    def keep(self, node, scope, execution):
        if (node.id, scope) in self.done:
            self.wrong(node, scope, "is decided twice")
        self.done[node.id, scope] = execution

    def decide_edges(self, node, scope, taken):
        for target in node.out:
            self.todo.append(lambda t=target: self.arrive(node, scope, t, t in taken))

    # --- executions ---

    def enable(self, node, at, candidates):
        """candidates: sets of predecessors whose outputs may be the input, each ((id, scope), …); () for an
        entry, None: too few came."""
        scope = at
        if node.head_of:
            scope = at + (("L", node.head_of, 1),)
            self.last[node.head_of, at] = 1
        self.execute(node, scope, candidates)

    def execute(self, node, scope, candidates):
        rows = self.observed.get((node.id, text_of(scope)), [])
        if not rows and self.piecemeal and not self.complete:
            self.seen["cut off between two calls"] += 1
            return
        if not rows:
            self.wrong(node, scope, "should have run, and has no row")
        if rows[-1]["status"] == "cancelled":
            if self.complete:
                self.wrong(node, scope, "is cancelled in a completed run")
            self.check_attempts_so_far(node, scope, rows)
            self.live.add((node.id, scope))
            return
        tried = []
        for candidate in candidates:
            for absent in self.absences(node, scope):
                execution = self.predict(node, scope, candidate, absent, rows)
                why = self.differs(execution, rows)
                if why is None:
                    self.go_on(node, scope, execution)
                    return
                tried.append(why)
        try:
            self.wrong(node, scope, "%s", " | or ".join(dict.fromkeys(tried)) or "could not have run yet")
        except Mismatch as wrong:
            if not self.may_see_more(node, scope):
                raise
            self.later.append((node, scope, candidates, wrong))

    def may_see_more(self, node, scope):
        """Whether timing may have shown it what is not there yet: here one thing is done after the other."""
        return any(not self.certain(node, name) and not self.visible(node, scope, name)
                   for name in self.names_of(node))

    def absences(self, node, scope):
        """Sets of names that timing may have made absent."""
        free = []
        for name in sorted(self.names_of(node)):
            if self.visible(node, scope, name) and not self.certain(node, name):
                free.append(name)
                self.seen["presence by timing"] += 1
        for n in range(len(free) + 1):
            yield from itertools.combinations(free, n)

    def names_of(self, node):
        names = set()
        for text in re.findall(r'"((?:[^"\\]|\\.)*)"', json.dumps(node.spec)):
            plain = json.loads('"%s"' % text)
            for candidate in (plain, plain[2:-1]):
                if candidate in self.terms:
                    names |= self.terms[candidate].names
            reference = re.match(r"\$([A-Za-z_][A-Za-z0-9_-]*)", plain)
            if reference and reference.group(1) in self.d.nodes:
                names.add(reference.group(1))
        return names

    def certain(self, node, name):
        """Whether timing has no say in what `name` is."""
        other = self.d.nodes[name]
        if name in self.d.ancestors[node.id]:
            return name in node.settled
        loop = self.common_loop(node, other)
        return name == loop or name in self.d.nodes[loop].settled

    def common_loop(self, node, other):
        common = [a for a, b in zip(node.loops, other.loops) if a == b]
        return common[-1] if common else None

    def visible(self, node, scope, name):
        """ctx.NAME as `node` sees it in `scope`: an Execution or None."""
        other = self.d.nodes[name]
        common = self.common_loop(node, other)
        kept = 0
        for i, component in enumerate(scope):
            if component[0] == "E" and any(c == component for c in self.regions(name)):
                kept = i + 1
            elif component[0] == "L" and component[1] in other.loops and component[1] in node.loops:
                kept = i + 1
        base = scope[:kept]
        if common and name not in self.d.ancestors[node.id]:
            assert base[-1][1] == common
            if base[-1][2] == 1:
                return None
            base = base[:-1] + (("L", common, base[-1][2] - 1),)
        inner = [l for l in other.loops if l not in [c[1] for c in base if c[0] == "L"]]
        for loop in inner:
            if (loop, base) not in self.last:
                return None
            base += (("L", loop, self.last[loop, base]),)
        found = self.done.get((name, base))
        if not found or found.status == "skipped" or (found.status == "failed" and found.output is None):
            return None  # what failed without anybody to go on ended the run: nobody has read of it
        return found

    def regions(self, name):
        """("E", join, pred) of every each join behind which a node stands, with any of its edges."""
        joins = [n for n in self.d.nodes.values() if n.join == "each" and
                 (n.id == name or n.id in self.d.ancestors[name])]
        return {("E", j.id, p) for j in joins for p in j.preds}

    def natural_input(self, node, scope, candidate):
        loops = [c for c in scope if c[0] == "L"]
        if node.head_of and loops[-1][2] > 1:
            before = scope[:-1] + (("L", node.head_of, loops[-1][2] - 1),)
            return self.done[node.head_of, before].output
        if not node.preds:
            return self.input
        outputs = [(p, self.done[p, s].output) for p, s in candidate]
        if len(node.preds) == 1 or node.join in ("any", "each"):
            return outputs[0][1]
        return dict(outputs)

    def predict(self, node, scope, candidate, absent, rows):
        last = rows[-1]["error"] or {}
        self.observed_error = last
        if self.losses and last.get("code") == "worker_lost":
            attempt = rows[-1]["attempt"]
            error = self.error(node, "worker_lost", attempt)
            return self.after_failure(node, scope, error, attempt, absent, None)
        if candidate is None:
            return self.after_failure(node, scope, self.error(node, "join_unsatisfied", 1), 1, absent, None)
        env = Environment(self, node, scope, self.natural_input(node, scope, candidate), absent)
        env.error = self.caught(node, candidate)
        attempt = 1
        try:
            if "input" in node.config:
                env.input = self.resolve(node.config["input"], env)
            if "when" in node.spec and not self.terms[node.spec["when"]].value(env):
                return Execution("skipped")
        except Failure as failure:
            return self.after_failure(node, scope, self.error(node, failure.code, 1), 1, absent, env)
        most = node.spec.get("retry", {}).get("max_attempts", 1)
        while True:
            try:
                output = self.work(node, env, attempt)
                break
            except Failure as failure:
                if failure.code in NEVER_RETRIED or attempt >= most:
                    return self.after_failure(node, scope, self.error(node, failure.code, attempt), attempt,
                                              absent, env)
                attempt += 1
        return self.route(node, scope, Execution("completed", output, attempt), env)

    def error(self, node, code, attempt):
        """The message is the program's own: it is taken from the record."""
        return {"code": code, "message": self.observed_error.get("message"), "node": node.id,
                "attempt": attempt}

    def caught(self, node, candidate):
        for pred, scope in candidate or ():
            execution = self.done[pred, scope]
            if execution.by_goto and ("goto", None, node.id) in self.d.nodes[pred].routes:
                return execution.error
        return None

    def work(self, node, env, attempt):
        config, kind = node.config, node.type
        if kind == "transform" or (kind == "loop" and "expression" in config):
            if "expression" in config:
                return self.terms[config["expression"]].value(env)
            return self.resolve(config["template"], env)
        if config.get("function_name") == "fail":
            if attempt < env.input.get("until_attempt", attempt + 1):
                raise Failure(env.input["code"])
        return env.input

    def resolve(self, template, env):
        if isinstance(template, dict):
            return {k: self.resolve(v, env) for k, v in template.items()}
        if not isinstance(template, str) or not template.startswith("$"):
            return template
        if template.startswith("${"):
            try:
                return self.terms[template[2:-1]].value(env)
            except Failure:
                raise Failure("binding") from None
        name, *path = template[1:].split(".")
        if name in ("input", "context"):
            value = getattr(env, name)
        else:
            found = env.ctx(name)
            if not found:
                raise Failure("binding")
            value = found.output
        for member in path:
            if member not in value:
                raise Failure("binding")
            value = value[member]
        return value

    def after_failure(self, node, scope, error, attempt, absent, env):
        how = node.spec.get("on_error")
        execution = Execution("failed", {"error": error}, attempt, error)
        if how == "continue":
            env = env or Environment(self, node, scope, None, absent)
            return self.route(node, scope, execution, env)
        if how:
            execution.taken, execution.by_goto = as_list(how["goto"]), True
        else:
            execution.output = None
        return execution

    def route(self, node, scope, execution, env):
        env.output = execution.output
        try:
            execution.taken = self.choose(node, scope, env, execution)
        except Failure as failure:
            # While routing: only goto catches it.
            error = self.error(node, failure.code, execution.attempts)
            how = node.spec.get("on_error")
            execution = Execution("failed", None, execution.attempts, error)
            if isinstance(how, dict):
                execution.output = {"error": error}
                execution.taken, execution.by_goto = as_list(how["goto"]), True
        return execution

    def holds(self, text, env):
        return self.terms[text].value(env)

    def choose(self, node, scope, env, execution):
        execution.ends = self.d.terminal(node)
        if node.loop:
            return self.choose_loop(node, scope, env, execution)
        routes = [r for r in node.routes if r[0] != "goto"]
        branch = node.spec.get("branch")
        if branch and branch.get("type") == "agent_driven":
            chosen = env.output.get("next_nodes") if isinstance(env.output, dict) else None
            if not isinstance(chosen, list) or any(n not in as_list(branch["available_next_nodes"])
                                                   for n in chosen):
                raise Failure("routing")
            return chosen
        if branch:
            for rule in branch.get("rules", []):
                if self.holds(rule["condition"], env):
                    return as_list(rule["next_nodes"])
            return as_list(branch.get("default"))
        if node.type in ("conditional", "condition"):
            for _, condition, target in routes:
                if condition is not None and self.holds(condition, env):
                    return [target]
            return [target for _, condition, target in routes if condition is None]
        # Every condition is looked at: one that fails fails the node.
        held = [condition is None or self.holds(condition, env) for _, condition, _ in routes]
        return [target for hold, (_, _, target) in zip(held, routes) if hold]

    def choose_loop(self, node, scope, env, execution):
        again = self.holds(node.loop["condition"], env)
        if again and scope[-1][2] < node.loop["max_iterations"]:
            execution.ends = False
            return "back"
        if not again:
            execution.ends = not as_list(node.loop.get("break_path"))
            return as_list(node.loop.get("break_path"))
        if not as_list(node.loop.get("timeout_path")):
            raise Failure("loop_limit")
        execution.ends = False
        return as_list(node.loop["timeout_path"])

    def go_on(self, node, scope, execution):
        self.keep(node, scope, execution)
        self.count(node, scope, execution)
        if execution.status == "skipped":
            self.decide_edges(node, scope, [])
        elif execution.taken is None:
            self.unhandled.append((node, scope, execution))
        elif execution.taken == "back":
            following = scope[:-1] + (("L", node.id, scope[-1][2] + 1),)
            self.last[node.id, scope[:-1]] = scope[-1][2] + 1
            head = self.d.nodes[node.loop.get("loop_back_to", node.id)]
            self.todo.append(lambda: self.execute(head, following, [()]))
        else:
            self.compare_decision(node, scope, execution)
            self.decide_edges(node, scope, execution.taken)

    def count(self, node, scope, execution):
        seen, spec = self.seen, node.spec
        seen[execution.status] += 1
        seen["when is false"] += execution.status == "skipped"
        seen["goto"] += execution.by_goto
        seen["continue"] += execution.status == "failed" and spec.get("on_error") == "continue"
        seen["retry"] += execution.attempts > 1
        seen["iteration"] += execution.taken == "back"
        loops = sum(c[0] == "L" for c in scope)
        seen["nested iteration"] += execution.taken == "back" and loops > 1
        seen["loop in an each region"] += execution.taken == "back" and scope[0][0] == "E"
        seen["conditional with several predecessors"] += node.type == "conditional" and len(node.preds) > 1
        seen["agent"] += spec.get("branch", {}).get("type") == "agent_driven"
        seen["rules"] += "rules" in spec.get("branch", {})
        if execution.error:
            seen["code " + re.sub(r"_of_.*", "", execution.error["code"])] += 1
        if len(node.routes) > len(node.out):
            seen["parallel edges"] += 1
        if node.head_of and execution.status == "skipped":
            seen["skipped head"] += 1
        if node.loop and execution.status == "completed" and execution.taken != "back":
            seen["timeout path"] += self.holds_still(node, execution)

    def holds_still(self, node, execution):
        timeout = as_list(node.loop.get("timeout_path"))
        return bool(timeout) and execution.taken == timeout and timeout != as_list(node.loop.get("break_path"))

    # --- comparison with the record ---

    def check_attempts_so_far(self, node, scope, rows):
        if any(r["status"] != "failed" for r in rows[:-1]) or \
                [r["attempt"] for r in rows] != list(range(1, len(rows) + 1)):
            self.wrong(node, scope, "rows %s", rows)
        if len(rows) > node.spec.get("retry", {}).get("max_attempts", 1):
            self.wrong(node, scope, "%d attempts", len(rows))

    def compare_skipped(self, node, scope):
        rows = self.observed.get((node.id, text_of(scope)), [])
        if self.piecemeal and not self.complete and not rows:
            self.seen["cut off between two calls"] += 1
            return
        if [(r["status"], r["attempt"]) for r in rows] != [("skipped", 0)]:
            self.wrong(node, scope, "should be skipped, and is %s", rows)

    def differs(self, execution, rows):
        last = rows[-1]
        statuses = [(r["status"], r["attempt"]) for r in rows]
        if execution.status == "skipped":
            return None if statuses == [("skipped", 0)] else "should be skipped, and is %s" % statuses
        expected = [("failed", i) for i in range(1, execution.attempts)]
        expected.append((execution.status, execution.attempts))
        if statuses != expected:
            return "should be %s, and is %s %s" % (expected, statuses, last["error"] or "")
        if json.dumps(execution.output) != json.dumps(last["output"]):
            return "should give %s, and gave %s" % (json.dumps(execution.output), json.dumps(last["output"]))
        if (execution.error or None) != (last["error"] or None):
            return "should have the error %s, and has %s" % (execution.error, last["error"])
        return None

    def compare_decision(self, node, scope, execution):
        found = self.decisions.get((node.id, text_of(scope)))
        taken = [t for t in node.out if t in execution.taken]
        dead = [t for t in node.out if t not in execution.taken]
        if found is not None and found != (taken, dead):
            self.wrong(node, scope, "should take %s and not %s, and the decision is %s", taken, dead, found)

    def check_end(self):
        expected = {(n, text_of(s)) for n, s in [*self.done, *self.live]}
        for key in self.observed:
            if key not in expected:
                raise Mismatch("node '%s' in scope '%s' has a row, and was not reached: %s" %
                               (*key, self.observed[key]))
        status = self.run["status"]
        self.seen["run " + status] += 1
        if status == "failed":
            self.check_failed()
        elif self.unhandled:
            self.wrong(*self.unhandled[0][:2], "its failure was not handled, and the run is %s", status)
        elif status == "completed":
            self.check_output()
        elif (self.run["error"] or {}).get("code") != "cancelled":
            raise Mismatch("the run is %s with the error %s" % (status, self.run["error"]))

    def check_failed(self):
        if "output" in self.d.source and not self.live and not self.unhandled:
            raise Mismatch("the run failed, and no node did: %s" % self.run["error"])
        if len(self.unhandled) != 1:
            raise Mismatch("%d failures ended the run: %s" % (len(self.unhandled), self.run["error"]))
        node, scope, execution = self.unhandled[0]
        if execution.error != self.run["error"]:
            self.wrong(node, scope, "failed with %s, and the run with %s", execution.error, self.run["error"])
        self.seen["cut off by a failure"] += len(self.live)

    def check_output(self):
        if "output" in self.d.source:
            sink = Node(len(self.d.nodes), {"id": "output", "type": "noop"})
            self.d.ancestors["output"] = set(self.d.nodes)
            expected = self.resolve(self.d.source["output"], Environment(self, sink, (), self.input, ()))
            self.seen["output mapping"] += 1
        else:
            expected = self.natural_output()
        if json.dumps(expected) != json.dumps(self.run["output"]):
            raise Mismatch("the run's output should be %s, and is %s" %
                           (json.dumps(expected), json.dumps(self.run["output"])))

    def natural_output(self):
        output = {}
        for node in self.d.nodes.values():
            found = []
            for (name, scope), execution in self.done.items():
                if name == node.id and execution.ends and not execution.by_goto and self.is_last(scope):
                    found.append((self.place(scope), execution.output))
                    self.seen["loop's end in the output"] += any(c[0] == "L" for c in scope)
            if not found:
                continue
            if self.regions(node.id):
                output[node.id] = [value for _, value in sorted(found, key=lambda f: f[0])]
                self.seen["list in the output"] += len(found) > 1
            elif len(found) > 1:
                self.wrong(node, (), "ended %d times", len(found))
            else:
                output[node.id] = found[0][1]
        return output

    def is_last(self, scope):
        return all(c[0] != "L" or self.last[c[1], scope[:i]] == c[2] for i, c in enumerate(scope))

    def place(self, scope):
        return [self.d.nodes[c[1]].preds.index(c[2]) for c in scope if c[0] == "E"]
