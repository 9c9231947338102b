"""A definition as the interpreter sees it: edges, loops and regions worked out by the rules alone.

Scopes are tuples of ("L", loop node, iteration) and ("E", join, predecessor), outermost first.
"""


def as_list(names):
    return [names] if isinstance(names, str) else list(names or [])


def text_of(scope):
    return "/".join("%s#%d" % (c[1], c[2]) if c[0] == "L" else "%s@%s" % (c[1], c[2]) for c in scope)


class Node:
    def __init__(self, index, spec):
        self.index, self.id, self.spec = index, spec["id"], spec
        self.config = spec.get("config", {})
        self.type = spec["type"]
        self.loop = spec.get("loop") or (self.config if self.type == "loop" else None)
        self.routes = []  # (kind, rule or condition, target) in edge order
        self.out, self.preds = [], []  # node ids, each once, in edge order
        self.loops = []  # ids of the loop nodes around it, outermost first
        self.head_of = None
        self.join = spec.get("join", "all")
        self.settled = frozenset()  # nodes that are decided whenever this one runs

    @property
    def need(self):
        """How many taken edges let it run at once; None: it waits for all."""
        if len(self.preds) < 2:
            return None
        if self.join == "any":
            return 1
        return self.join["count"] if isinstance(self.join, dict) else None


class Definition:
    """A definition with its edges, loops and regions worked out."""

    def __init__(self, definition):
        self.source = definition
        self.nodes = {s["id"]: Node(i, s) for i, s in enumerate(definition["nodes"])}
        for e in definition.get("edges", []):
            self._route(e["from"], "edge", e.get("condition"), e["to"])
        for node in self.nodes.values():
            self._implied(node)
        self.order = self._topological()
        self.bodies = {}
        for node in self.order:
            if node.loop:
                self._find_body(node)
        for node in self.nodes.values():
            node.loops = sorted((l for l, body in self.bodies.items() if node.id in body),
                                key=lambda l: -len(self.bodies[l]))
        for node in self.order:
            before = [self.nodes[p].settled | {p} for p in node.preds]
            if before:
                meet = node.join == "each" or (node.need is not None and node.need < len(before))
                node.settled = frozenset.intersection(*before) if meet else frozenset.union(*before)
        self.ancestors = {}
        for node in self.order:
            self.ancestors[node.id] = set(node.preds).union(*(self.ancestors[p] for p in node.preds))

    def _route(self, source, kind, argument, target):
        a, b = self.nodes[source], self.nodes[target]
        a.routes.append((kind, argument, target))
        if target not in a.out:
            a.out.append(target)
            b.preds.append(source)

    def _implied(self, node):
        branch = node.spec.get("branch", {})
        for i, rule in enumerate(branch.get("rules", [])):
            for target in as_list(rule["next_nodes"]):
                self._route(node.id, "rule", i, target)
        for target in as_list(branch.get("default")):
            self._route(node.id, "default", None, target)
        for target in as_list(branch.get("available_next_nodes")):
            self._route(node.id, "available", None, target)
        for kind in ("break", "timeout") if node.loop else ():
            for target in as_list(node.loop.get(kind + "_path")):
                self._route(node.id, kind, None, target)
        if isinstance(node.spec.get("on_error"), dict):
            for target in as_list(node.spec["on_error"]["goto"]):
                self._route(node.id, "goto", None, target)

    def _topological(self):
        order, missing = [], {n.id: len(n.preds) for n in self.nodes.values()}
        ready = [n for n in self.nodes.values() if not n.preds]
        while ready:
            node = ready.pop(0)
            order.append(node)
            for target in node.out:
                missing[target] -= 1
                if missing[target] == 0:
                    ready.append(self.nodes[target])
        assert len(order) == len(self.nodes), "a cycle"
        return order

    def _reach(self, start, links):
        seen, todo = {start}, [start]
        while todo:
            for other in links(self.nodes[todo.pop()]):
                if other not in seen:
                    seen.add(other)
                    todo.append(other)
        return seen

    def _find_body(self, node):
        head = node.loop.get("loop_back_to", node.id)
        self.nodes[head].head_of = node.id
        self.bodies[node.id] = (self._reach(head, lambda n: n.out) & self._reach(node.id, lambda n: n.preds))

    def loops_outside(self, node):
        """The loops around a node before it is entered: of a head without its own."""
        return [l for l in node.loops if l != node.head_of]

    def fit(self, scope, node):
        around, kept = self.loops_outside(node), 0
        for component in scope:
            if component[0] == "L" and component[1] not in around:
                break
            kept += 1
        return scope[:kept]

    def terminal(self, node):
        return all(kind == "goto" for kind, _, _ in node.routes)
