"""Iterations at the level of scripts: what the next one sees, what is seen outside, what is left behind.

Loop 7 overlaps (`7~i`): its iterations have frames of their own. Node 1 and 2 stand in it, and run in
parallel.
"""
from lua_calls import Settle, begin, part, worker  # noqa: F401

TABLE = {"l7": "1,2;1.7;", "l8": "1;;"}


def value(iteration, text):
    return "c#%d|1|0|0|%s" % (iteration, text)


def field_of(partition, run, name):
    return partition.client.hget(partition.key("run:" + run), name)


def into_the_loop(partition, run, w, s, scope="7~1", others=()):
    """The first token goes to nodes 1 and 2 in the first iteration; their claims, by node."""
    partition.load("d1", TABLE)
    (claim,) = partition.claim(w, s)
    ops = [("s", scope, ""), ("e", 1, "0,in;"), ("e", 2, "0,in;"), ("s", "", ""), *others]
    assert partition.settle(w, s, [Settle(claim, ops)])[0] == ["ok"]
    partition.check([run])
    return {c.node: c for c in partition.claim(w, s)}


def go_back(scope, lists, wanted="in;"):
    return [("b", 7, lists), ("s", scope, ""), ("e", 1, "0," + wanted)]


def settle(partition, w, s, claim, ops=(), **more):
    assert partition.settle(w, s, [Settle(claim, ops, **more)])[0] == ["ok"]


def test_an_iteration_keeps_its_outputs_while_a_token_of_it_lives(part):
    run = begin(part)
    w, s = worker(part)
    claims = into_the_loop(part, run, w, s)
    settle(part, w, s, claims["1"], go_back("7~2", ";;"), output=value(1, '"one"'))
    assert field_of(part, run, "i7~1") == "1" and field_of(part, run, "o1|7~1") == value(1, '"one"')
    settle(part, w, s, claims["2"], [("e", 2, "0,1;")], output=value(1, '"two"'))
    # Behind it in the same iteration, node 2's successor sees what node 1 made there.
    (second, last) = part.claim(w, s)
    assert (second.scope, last.scope, last.values) == ("7~2", "7~1", [value(1, '"one"')])
    settle(part, w, s, last)
    assert [field_of(part, run, f) for f in ("i7~1", "o1|7~1", "o2|7~1")] == [None] * 3
    assert field_of(part, run, "i7~2") == "1"
    part.check([run])


def test_the_next_iteration_sees_what_is_kept(part):
    run = begin(part)
    w, s = worker(part)
    claims = into_the_loop(part, run, w, s)
    settle(part, w, s, claims["2"])
    settle(part, w, s, claims["1"], go_back("7~2", "1;;", "q1.7;"), output=value(1, '"one"'))
    assert field_of(part, run, "o1|7~1") is None
    (second,) = part.claim(w, s)
    assert (second.scope, second.values) == ("7~2", [value(1, '"one"')])
    settle(part, w, s, second)
    assert field_of(part, run, "q1.7|7~2") is None
    part.check([run])


def test_outside_only_the_last_iteration_is_seen(part):
    run = begin(part)
    w, s = worker(part)
    claims = into_the_loop(part, run, w, s)
    settle(part, w, s, claims["1"], go_back("7~2", ";1^0,2^0;"), output=value(1, '"one"'), field="o1|7~1|0")
    assert field_of(part, run, "o1|") is None  # as if it had never been there
    # Late, of the iteration before: in its own frame only.
    settle(part, w, s, claims["2"], [("e", 1, "0,2;")], output=value(1, '"old"'), field="o2|7~1|0")
    assert field_of(part, run, "o2|7~1") == value(1, '"old"') and field_of(part, run, "o2|") is None
    (second, _) = part.claim(w, s)
    settle(part, w, s, second, output=value(2, '"new"'), field="o1|7~2|0")
    assert field_of(part, run, "o1|") == value(2, '"new"')


def test_an_older_iteration_replaces_no_younger_output(part):
    """In one frame: a loop that does not overlap."""
    run = begin(part)
    w, s = worker(part)
    claims = into_the_loop(part, run, w, s, scope="7#1")
    ops = [("s", "7#2", ""), ("e", 2, "0,in;")]
    settle(part, w, s, claims["1"], ops)
    (younger,) = part.claim(w, s)
    settle(part, w, s, younger, [("e", 3, "0,2;")], output=value(2, '"new"'), field="o2|")
    settle(part, w, s, claims["2"], output=value(1, '"old"'), field="o2|")
    assert field_of(part, run, "o2|") == value(2, '"new"')
    (behind,) = part.claim(w, s)
    assert behind.values == [value(2, '"new"')]


def test_going_back_clears_the_iteration(part):
    run = begin(part)
    w, s = worker(part)
    claims = into_the_loop(part, run, w, s, scope="7#1")
    settle(part, w, s, claims["2"], output=value(1, '"two"'), field="o2|")
    settle(part, w, s, claims["1"], go_back("7#2", "1;1,2;", "q1.7,1,2;"), output=value(1, '"one"'), field="o1|")
    (second,) = part.claim(w, s)
    assert (second.scope, second.values) == ("7#2", [value(1, '"one"'), None, None])


def test_a_loop_that_still_runs_is_not_looked_into(part):
    run = begin(part)
    w, s = worker(part)
    reader = [("e", 5, "0,in;1?7.0")]
    claims = into_the_loop(part, run, w, s, others=[*reader, ("e", 4, "0,in;")])
    settle(part, w, s, claims["1"], output=value(1, '"one"'), field="o1|7~1|0")
    # Node 2 still lives there. Hello reads anew what is pending.
    assert field_of(part, run, "o1|") == value(1, '"one"')
    s, _, again = part.hello(w)
    assert {c.node: c.values for c in again}["5"] == ['{"x":1}', None]
    settle(part, w, s, claims["2"])
    s, _, again = part.hello(w)
    assert {c.node: c.values for c in again}["5"] == ['{"x":1}', value(1, '"one"')]


def test_what_is_kept_has_nothing_of_a_loop_that_still_runs(part):
    """Loop 8 overlaps and stands in loop 7, which goes back before 8 has ended."""
    run = begin(part)
    w, s = worker(part)
    part.load("d1", TABLE)
    claims = into_the_loop(part, run, w, s, scope="7#1/8~1", others=[("s", "7#1", ""), ("e", 3, "0,in;")])
    settle(part, w, s, claims["1"], output="c#1#1|1|0|0|1", field="o1|8~1|0")
    assert field_of(part, run, "o1|") == "c#1#1|1|0|0|1"
    before = part.dump()[part.key("run:" + run)]
    assert "i7#1/8~1" in before
    settle(part, w, s, claims["3"], go_back("7#2", "1?8;;", "q1.7;"))
    assert field_of(part, run, "q1.7|") is None


def test_what_is_kept_has_what_a_loop_that_is_over_made(part):
    run = begin(part)
    w, s = worker(part)
    part.load("d1", TABLE)
    claims = into_the_loop(part, run, w, s, scope="7#1/8~1", others=[("s", "7#1", ""), ("e", 3, "0,in;")])
    settle(part, w, s, claims["1"], output="c#1#1|1|0|0|1", field="o1|8~1|0")
    settle(part, w, s, claims["2"])
    settle(part, w, s, claims["3"], go_back("7#2", "1?8;;", "q1.7;"))
    assert field_of(part, run, "q1.7|") == "c#1#1|1|0|0|1"
