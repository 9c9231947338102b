"""Random definitions: everything that may be written, in any combination, always valid.

A region is a row of items; edges lead from earlier ones to later ones. An item is a node, a loop (a region
with one way in, its head, and one way out, its loop node) or an each join with the region behind it. The
same seed gives the same definition.
"""
import random

import flow_terms as t
from flow_definition import Definition

HOUR_MS = 3600000


class Item:
    """One or more nodes with a way in and a way out (None: none)."""

    def __init__(self, enter, leave):
        self.enter, self.leave = enter, leave


class RandomFlow:
    def __init__(self, seed):
        self.seed = seed
        self.rnd = random.Random(seed)
        self.terms = {}  # CEL text -> Term
        self.nodes, self.edges, self.later = [], [], []
        self.budget = self.rnd.choice([4, 7, 10, 14, 20])
        # Graphs that nothing can end early are compared to the last value.
        self.fails = self.rnd.random() < .3
        self.anchored = self.rnd.random() < .08
        self.region(None, depth=0)
        self.route_all()
        self.definition = {"metadata": {"name": "random-%d" % seed}, "nodes": self.nodes, "edges": self.edges}
        self.fill()
        self.d = Definition(self.definition)

    def chance(self, p):
        return self.rnd.random() < p

    def use(self, term):
        self.terms[term.cel] = term
        return term.cel

    # --- shape ---

    def node(self):
        self.budget -= 1
        n = len(self.nodes)
        node = {"id": ("n-%d" if self.chance(.1) else "n%d") % n, "type": "noop"}
        self.nodes.append(node)
        return node

    def region(self, body, depth, single_entry=False):
        """Makes the items of a region and the pairs between them. body: None, or the loop node's."""
        items, pairs = [], []
        count = self.rnd.randint(1, 4) if depth else self.rnd.randint(2, 9)
        for i in range(count):
            if i and self.budget <= 0:
                break
            preds = self.predecessors(items, needs=single_entry)
            items.append(self.item(depth, first=not i and single_entry, preds=preds, body=body))
            pairs += [(p, items[-1]) for p in preds]
        if body:
            sources = {id(a) for a, _ in pairs}
            for item in items:
                if item.leave and (id(item) not in sources or self.chance(.15)):
                    pairs.append((item, body))
            self.rnd.shuffle(pairs) if self.chance(.3) else None
        self.later.append((pairs, [i for i in items if i.leave] + ([body] if body else [])))
        return items

    def predecessors(self, items, needs):
        open_ones = [i for i in items if i.leave]
        if not open_ones or (not needs and self.chance(.08)):
            return []
        count = min(len(open_ones), self.rnd.choice([1, 1, 1, 2, 2, 3]))
        recent = open_ones[-4:]
        chosen = self.rnd.sample(recent, min(count, len(recent)))
        return [i for i in open_ones if i in chosen]

    def item(self, depth, first, preds, body):
        kind = self.rnd.random()
        if not first and depth < 3 and self.budget > 2 and kind < .25:
            return self.loop(depth)
        if not first and not body and len(preds) > 0 and self.budget > 2 and kind > .93:
            return self.each(depth)
        node = self.node()
        return Item(node, node)

    def loop(self, depth):
        if self.chance(.2):
            node = self.node()
            self.make_loop(node, node)
            return Item(node, node)
        before = len(self.nodes)
        end = {"id": "l%d" % before, "type": "noop"}
        self.budget -= 1
        exit_item = Item(end, end)
        items = self.region(exit_item, depth + 1, single_entry=True)
        self.nodes.append(end)
        self.make_loop(end, items[0].enter)
        return Item(items[0].enter, end)

    def make_loop(self, node, head):
        node["loop"] = {"condition": None, "max_iterations": self.rnd.choice([1, 2, 3, 3, 5])}
        if head is not node:
            node["loop"]["loop_back_to"] = head["id"]

    def each(self, depth):
        join = self.node()
        join["join"] = "each"
        pairs = []
        # Behind it another region: its items without predecessors hang on the join.
        before = len(self.later)
        items = self.region(None, depth + 1, single_entry=True)
        pairs.append((Item(join, join), items[0]))
        self.later.insert(before, (pairs, []))
        return Item(join, None)

    # --- edges ---

    def route_all(self):
        """How each node leads on: by edges, by a branch, by its loop, by goto."""
        outs, places = {}, {}
        for pairs, items in self.later:
            for a, b in pairs:
                targets = outs.setdefault(a.leave["id"], [])
                if b.enter["id"] not in targets:
                    targets.append(b.enter["id"])
            for i, item in enumerate(items):
                places.setdefault(item.leave["id"], [j.enter["id"] for j in items[i + 1:]])
        for node in list(self.nodes):
            self.route(node, outs.get(node["id"], []), places.get(node["id"], []))

    def route(self, node, targets, beyond):
        gotos = []
        if targets and "loop" not in node and self.chance(.06):
            gotos = [targets.pop(self.rnd.randrange(len(targets)))]
        if beyond and self.chance(.12):
            gotos += self.rnd.sample(beyond, min(len(beyond), self.rnd.choice([1, 1, 2])))
        if gotos:
            node["on_error"] = {"goto": list(dict.fromkeys(gotos))}
        elif self.chance(.15):
            node["on_error"] = "continue"
        if "loop" in node:
            self.route_loop(node, targets)
        elif targets:
            self.route_edges(node, targets)

    def route_loop(self, node, targets):
        paths = {"break_path": [], "timeout_path": []}
        for target in targets:
            for path in self.rnd.choice([["break_path"], ["break_path"], ["timeout_path"],
                                         ["break_path", "timeout_path"]]):
                paths[path].append(target)
        node["loop"].update({k: v for k, v in paths.items() if v})

    def route_edges(self, node, targets):
        how = self.rnd.choice(["plain"] * 4 + ["each"] * 3 + ["conditional"] * 2 + ["rules"] * 2 + ["agent"])
        if how == "rules":
            rules, rest = [], list(targets)
            for _ in range(self.rnd.randint(1, 3)):
                rules.append({"condition": None, "next_nodes": self.some(targets)})
            for rule in rules:
                rest = [r for r in rest if r not in rule["next_nodes"]]
            node["branch"] = {"rules": rules}
            if rest or self.chance(.6):
                node["branch"]["default"] = (rest + self.some(targets))[:len(targets)]
                node["branch"]["default"] = list(dict.fromkeys(node["branch"]["default"]))
        elif how == "agent":
            node["branch"] = {"type": "agent_driven", "available_next_nodes": targets}
        else:
            if how == "conditional":
                node["type"] = "conditional"
            for target in targets:
                self.edge(node, target, how)
                if self.chance(.1):
                    self.edge(node, target, how)

    def some(self, targets):
        return self.rnd.sample(targets, self.rnd.randint(1, len(targets)))

    def edge(self, node, target, how):
        made = {"from": node["id"], "to": target}
        if how != "plain" and self.chance(.75):
            made["condition"] = None
        self.edges.insert(self.rnd.randint(0, len(self.edges)) if self.chance(.2) else len(self.edges), made)

    # --- what nodes do ---

    def fill(self):
        """Everything that needs to know the whole: joins, names, expressions."""
        for node in self.nodes:
            node.setdefault("join", None)
        d = Definition({"nodes": [{**n, "join": n["join"] or "all"} for n in self.nodes], "edges": self.edges})
        for node in self.nodes:
            arity = len(d.nodes[node["id"]].preds)
            if node["join"] is None:
                del node["join"]
                if arity > 1 and self.chance(.4):
                    node["join"] = self.rnd.choice(["all", "any", "any", {"count": self.rnd.randint(1, arity)}])
        self.d = Definition(self.definition)
        for node in self.nodes:
            self.fill_node(node, self.d.nodes[node["id"]])
        for edge in self.edges:
            if "condition" in edge:
                edge["condition"] = self.condition(self.d.nodes[edge["from"]], "output")
        if self.anchored:
            candidates = [n for n in self.nodes if "loop" not in n and n["type"] == "noop"
                          and "branch" not in n]
            if candidates:
                anchor = self.rnd.choice(candidates)
                anchor.update(type="delay", config={"ms": HOUR_MS})
                anchor.pop("when", None)
        if self.chance(.3):
            self.definition["output"] = self.mapping()
        elif self.chance(.3) and not any(self.is_unclear_end(n) for n in self.nodes):
            self.definition["output_schema"] = {"type": "object"}

    def is_unclear_end(self, node):
        """Whether it ends the run is known only when it runs: then the output cannot have a schema without a
        mapping."""
        loop = node.get("loop") or (node["config"] if node["type"] == "loop" else {})
        return node.get("join") == "each" or ("timeout_path" in loop and "break_path" not in loop)

    def nameable(self, reader):
        """(certain names, names whose presence timing decides)."""
        certain, free = [], []
        for other in self.d.nodes.values():
            if other.id in self.d.ancestors[reader.id]:
                (certain if other.id in reader.settled else free).append(other.id)
                continue
            common = [a for a, b in zip(reader.loops, other.loops) if a == b]
            if common:
                end = self.d.nodes[common[-1]]
                sure = other.id == end.id or other.id in end.settled
                (certain if sure else free).append(other.id)
        return certain, free

    def name(self, reader, also_free=False):
        certain, free = self.nameable(reader)
        names = certain + (free if also_free and self.chance(.5) else [])
        if not names:
            return None
        name = self.rnd.choice(names)
        return t.named(name, self.rnd.randint(0, 9)) if self.chance(.8) else t.standing(name)

    def value(self, reader, of, also_free=False):
        terms = [t.of(of)]
        if self.chance(.35):
            terms.append(self.name(reader, also_free))
        if self.chance(.1):
            terms.append(t.of("context"))
        if reader.loops and self.chance(.3):
            terms.append(t.iteration())
        terms = [x for x in terms if x]
        return t.total(terms, self.rnd.choice([1, 1, 3, 7]), self.rnd.randint(0, 50))

    def condition(self, reader, of):
        value = self.value(reader, of)
        if self.fails and self.chance(.07):
            return self.use(t.fragile(value, self.rnd.randint(2, 6)))
        modulus = self.rnd.randint(2, 5)
        return self.use(t.below(value, modulus, self.rnd.randint(0, modulus)))

    def fill_node(self, node, reader):
        self.fill_work(node, reader)
        if self.chance(.1):
            node["when"] = self.use(t.below(self.value(reader, "input"), 5, self.rnd.randint(1, 5)))
        if self.chance(.2) and node["type"] in ("noop", "parallel", "join"):
            node.setdefault("config", {})["input"] = self.template(reader)
        if "loop" in node:
            limit = node["loop"]["max_iterations"] + self.rnd.choice([-1, -1, -1, 0, 0, 1])
            turns = t.less(t.iteration(), limit)
            if self.chance(.4):
                turns = t.both(turns, t.below(self.value(reader, "output"), 5, self.rnd.randint(2, 5)))
            if "timeout_path" not in node["loop"] and not self.fails:
                turns = t.both(t.less(t.iteration(), node["loop"]["max_iterations"]), turns)
            node["loop"]["condition"] = self.use(turns)
            if self.chance(.2) and node["type"] == "noop":
                config = node.setdefault("config", {})
                config.update(node.pop("loop"))
                node["type"] = "loop"
        for rule in node.get("branch", {}).get("rules", []):
            rule["condition"] = self.condition(reader, "output")

    def fill_work(self, node, reader):
        targets = node.get("branch", {}).get("available_next_nodes")
        if targets:
            lists = [self.some(targets) for _ in range(3)] + [[]]
            if self.fails and self.chance(.2):
                lists[2] = ["nobody"]
            value = self.value(reader, "input")
            made = t.record(v=value, by=node["id"], next_nodes=t.choice(value, 5, lists))
            node.update(type="transform", config={"expression": self.use(made)})
            return
        kind = self.rnd.random()
        if node["type"] != "conditional":
            if kind < .45:
                self.transform(node, reader)
            elif kind < .57:
                self.function(node, reader)
            elif kind < .62:
                node.update(type="delay", config={"ms": self.rnd.randint(0, 5)})
            elif kind < .7:
                node["type"] = self.rnd.choice(["parallel", "join"])

    def transform(self, node, reader):
        value = self.value(reader, "input", also_free=True)
        if (self.fails or "on_error" in node) and self.chance(.3):
            if self.chance(.3):
                node["retry"] = {"max_attempts": 3, "backoff_ms": 1}
            made = t.fragile_record(value, self.rnd.randint(2, 5), node["id"])
        else:
            members = {"v": value, "by": node["id"]}
            handler = any(("goto", None, node["id"]) in self.d.nodes[p].routes for p in reader.preds)
            if handler and not reader.head_of and (len(reader.preds) == 1 or reader.join == "all"):
                members["error"] = t.error_size()
            made = t.record(**members)
        node.update(type="transform", config={"expression": self.use(made)})

    def function(self, node, reader):
        what = self.rnd.choice(["echo", "sleep", "fail", "fail", "fail"])
        node["type"] = self.rnd.choice(["function", "task"])
        node["config"] = {"function_name": what}
        if what == "sleep":
            node["config"]["input"] = {"ms": self.rnd.randint(0, 4), "v": "${%s}" % self.use(
                self.value(reader, "input"))}
        elif what == "fail":
            most = self.rnd.randint(1, 4)
            node["config"]["input"] = {"code": "code_of_" + node["id"], "message": "as told"}
            if self.chance(.8):
                node["retry"] = {"max_attempts": most, "backoff_ms": self.rnd.randint(0, 4),
                                 "jitter": self.rnd.choice([0, .5])}
            if not (self.fails or "on_error" in node) or self.chance(.6):
                works = self.rnd.randint(1, most) if "retry" in node else 1
                node["config"]["input"]["until_attempt"] = works

    def template(self, reader):
        certain, _ = self.nameable(reader)
        made = {"v": "${%s}" % self.use(self.value(reader, "input"))}
        if self.chance(.3):
            made["was"] = "$input"
        if certain and self.chance(.5) and (self.fails or "on_error" in reader.spec):
            made["is"] = "$" + self.rnd.choice(certain)
        return made

    def mapping(self):
        sink = [n for n in self.d.nodes.values() if not self.behind_each(n)]
        chosen = self.rnd.sample(sink, min(len(sink), self.rnd.randint(1, 3)))
        return {n.id: "${%s}" % self.use(t.named(n.id, 7)) for n in chosen}

    def behind_each(self, node):
        return node.join == "each" or any(self.d.nodes[a].join == "each" for a in self.d.ancestors[node.id])
