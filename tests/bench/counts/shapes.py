"""What is run: the shapes of `troupe bench` (cmd/troupe/bench_shapes.c), and how many tokens a run of each has."""
import json


def _edge(source, target, **more):
    return {"from": source, "to": target, **more}


def _transform(node, expression, **more):
    return {"id": node, "type": "transform", "config": {"expression": expression}, **more}


def _chain(length):
    names = ["n%d" % i for i in range(length)]
    return {"nodes": [{"id": n, "type": "noop"} for n in names],
            "edges": [_edge(a, b) for a, b in zip(names, names[1:])]}


def _fan(width):
    names = ["n%d" % i for i in range(width)]
    return {"nodes": [{"id": "s", "type": "parallel"}, _transform("j", "size(input)"),
                      {"id": "e", "type": "noop"}] + [{"id": n, "type": "noop"} for n in names],
            "edges": [_edge("j", "e")] + [_edge("s", n) for n in names] +
                     [_edge(n, "j") for n in names]}


# A document of 1 KB through conditions, a branch that is joined again, and a loop of three.
_MIXED = {
    "nodes": [
        {"id": "in", "type": "noop"}, {"id": "grade", "type": "conditional"},
        _transform("gold", "{'tier': 'gold', 'names': input.items.filter(i, i.price < 50)"
                           ".map(i, i.name)}"),
        {"id": "basic", "type": "transform", "config": {"template": {"tier": "basic"}}},
        _transform("side", "size(input.items)"),
        _transform("meet", "{'n': 0, 'tier': has(input.gold) ? input.gold.tier : "
                           "input.basic.tier, 'count': input.side}"),
        _transform("again", "{'n': input.n + 1, 'tier': input.tier}",
                   loop={"condition": "output.n < 3", "max_iterations": 5, "break_path": ["end"]}),
        {"id": "end", "type": "noop"}],
    "edges": [_edge("in", "grade"), _edge("in", "side"),
              _edge("grade", "gold", condition="output.score >= 80"), _edge("grade", "basic"),
              _edge("gold", "meet"), _edge("basic", "meet"), _edge("side", "meet"),
              _edge("meet", "again")],
    "output": {"n": "$end.n", "tier": "$end.tier"}}
_DOCUMENT = {"score": 87,
             "customer": {"name": "Ada Example", "city": "Somewhere", "since": 2019},
             "items": [{"name": "article number %d" % n, "price": n * 10 + 9.5, "in_stock": True}
                       for n in range(1, 15)],
             "note": "what the customer said when he was asked why he wanted all of this at once"}


class Shape:
    """tokens: of one run, the hidden last one included; runs: how many make a load."""

    def __init__(self, name, runs, tokens, definition, given):
        self.name = name
        self.runs = runs
        self.tokens = tokens
        self.workflow = "counts-" + name
        self.definition = {"metadata": {"name": self.workflow}, **definition}
        self.input = json.dumps(given, separators=(",", ":"))


SHAPES = {s.name: s for s in (
    Shape("chain", 2400, 10, _chain(10), {"n": 1}),
    Shape("fan", 280, 103, _fan(100), {"n": 1}),
    Shape("single", 6000, 1, {"nodes": [{"id": "n", "type": "noop"}]}, {"n": 1}),
    # in, grade, gold, side, meet, three times again, end; basic is skipped; the mapping's token
    Shape("mixed", 1600, 10, _MIXED, _DOCUMENT))}
