"""Values over the limit: beside their run, with references in its hash that are counted, and gone with it."""
import pytest

from lua_calls import Settle, begin, one, part, worker  # noqa: F401

TABLE = {"l7": "1,2;1.7;", "l8": "1;;"}


@pytest.fixture(autouse=True)
def small_limit(part):
    part.limit = 64


def big(text, status="c"):
    return '%s|1|12|34|"%s"' % (status, text * (100 // len(text)))


def reference(value, number):
    return "%s|@%s,%d" % (value.rsplit("|", 1)[0], number, len(value))


def field(part, run, name):
    return part.client.hget(part.key("run:" + run), name)


def settle(part, w, s, claim, ops=(), **more):
    if "#" in claim.scope and "output" in more:
        more.setdefault("field", "o%s|" % claim.node)
    assert part.settle(w, s, [Settle(claim, ops, **more)])[0] == ["ok"]


def test_an_output_over_the_limit_stands_beside(part):
    run, value = begin(part), big("x")
    w, s = worker(part)
    settle(part, w, s, one(part, w, s), [("e", 1, "0,0;"), ("e", 2, "0,0;")], output=value)
    part.check([run])
    assert part.beside(run) == {"1": value}
    assert field(part, run, "o0|") == reference(value, 1)
    assert [c.values for c in part.claim(w, s)] == [[reference(value, 1)]] * 2
    assert [c.values for c in part.hello(w)[2]] == [[reference(value, 1)]] * 2


def test_the_limit_itself_stands_in_the_hash(part):
    run = begin(part)
    w, s = worker(part)
    value = 'c|1|0|0|"%s"' % ("x" * (64 - 10))
    assert len(value) == 64
    settle(part, w, s, one(part, w, s), [("e", 1, "0,0;")], output=value)
    assert (part.beside(run), field(part, run, "o0|"), field(part, run, "v")) == ({}, value, None)
    longer = value[:-1] + 'x"'
    settle(part, w, s, one(part, w, s), [("e", 2, "0,1;")], output=longer)
    assert part.beside(run) == {"2": longer}
    part.check([run])


def test_four_kibibytes_unless_told(part):
    part.limit = None
    run = begin(part)
    w, s = worker(part)
    value = 'c|1|0|0|"%s"' % ("x" * (4096 - 10))
    settle(part, w, s, one(part, w, s), [("e", 1, "0,0;")], output=value)
    assert part.beside(run) == {}
    settle(part, w, s, one(part, w, s), [("e", 2, "0,1;")], output=value[:-1] + 'x"')
    assert list(part.beside(run)) == ["2"]


@pytest.mark.parametrize("limit", ["", "x", "-1", "1" * 16, "1,2"])
def test_a_limit_that_is_none_is_refused(part, limit):
    w, s = worker(part)
    part.budget = lambda operations: "%d,%s" % (operations, limit)
    before = part.dump()
    with pytest.raises(Exception, match="ARGS budget"):
        part.settle(w, s)
    assert part.dump() == before


def test_the_input_stands_beside(part):
    data = '{"x":"%s"}' % ("y" * 100)
    run = begin(part, data=data)
    w, s = worker(part)
    part.check([run])
    assert (field(part, run, "in"), part.beside(run)) == ("@0,%d" % len(data), {"0": data})
    assert one(part, w, s).values == ["@0,%d" % len(data)]


@pytest.mark.parametrize("end", ["complete", "fail", "cancel"])
def test_forget_takes_what_is_beside(part, end):
    run, other = begin(part, data='"%s"' % ("y" * 100)), begin(part, 2)
    w, s = worker(part)
    first, of_other = part.claim(w, s)
    settle(part, w, s, first, [("e", 1, "0,0;")], output=big("x"))
    settle(part, w, s, of_other, [("e", 1, "0,0;")], output=big("z"))
    last, of_other = part.claim(w, s)
    if end == "cancel":
        assert part.cancel(run) == "cancelled"
    else:
        settle(part, w, s, last, failed=end == "fail", **({} if end == "fail" else {"output": big("y")}))
    part.check([run, other])
    assert set(part.beside(run)) == {"0", "1"}, "a run that is over gets no new ones"
    assert part.forget(run) == 1
    assert (part.beside(run), part.beside(other)) == ({}, {"1": big("z")})
    part.check([run, other])


def test_a_run_that_ends_in_the_call_that_makes_it_leaves_none(part):
    run = begin(part)
    w, s = worker(part)
    claim = one(part, w, s)
    steps = [("1", big("a"), run + "/1"), ("2", big("b"), run + "/2")]
    settle(part, w, s, claim, steps=steps, output=big("c"))
    assert part.head(run)["status"] == "c" and part.beside(run) == {}
    part.check([run])


def test_steps_have_numbers_of_their_own(part):
    run = begin(part)
    w, s = worker(part)
    settle(part, w, s, one(part, w, s), [("e", 3, "0,0,1,2;")], steps=[("1", big("a"), run + "/1"), ("2", big("b"), run + "/2")],
           output=big("c"))
    part.check([run])
    assert part.beside(run) == {"1": big("a"), "2": big("b"), "3": big("c")}


def test_what_is_rolled_back_leaves_none(part):
    run = begin(part)
    w, s = worker(part)
    claim = one(part, w, s)
    before = part.dump()
    assert part.settle(w, s, [Settle(claim, [("t", 5, 0)], output=big("x"))])[0] == ["load"]
    part.check([run])
    after = part.dump()
    assert {k: v for k, v in before.items() if "run:" in k} == {k: v for k, v in after.items() if "run:" in k}
    settle(part, w, s, claim, [("e", 1, "0,0;")], output=big("y"))
    assert part.beside(run) == {"1": big("y")}


def test_the_same_result_twice_counts_once(part):
    run = begin(part)
    w, s = worker(part)
    claim = one(part, w, s)
    result = Settle(claim, [("e", 1, "0,0;")], output=big("x"))
    assert part.settle(w, s, [result, result])[0] == ["ok", "stale"]
    assert field(part, run, "v1") == "1"
    part.check([run])


def test_a_kept_successor_gets_the_reference(part):
    run = begin(part)
    w, s = worker(part)
    _, (claim,) = part.settle(w, s, [Settle(one(part, w, s), [("e", 1, "0,0;in")], output=big("x"))], want=1, keep=1)
    assert claim.values == [reference(big("x"), 1), '{"x":1}']
    part.check([run])


def loop_value(iteration, text):
    return 'c#%d|1|0|0|"%s"' % (iteration, text * 100)


def test_the_next_iteration_replaces_the_value(part):
    run = begin(part)
    w, s = worker(part)
    settle(part, w, s, one(part, w, s), [("s", "7#1", ""), ("e", 1, "0,in;")])
    for iteration in range(1, 4):
        claim = one(part, w, s)
        settle(part, w, s, claim, [("s", "7#%d" % (iteration + 1), ""), ("e", 1, "0,in;")],
               output=loop_value(iteration, "x"))
        assert part.beside(run) == {claim.number: loop_value(iteration, "x")}
        part.check([run])
    settle(part, w, s, one(part, w, s), [("s", "7#5", ""), ("e", 1, "0,in;")], output='c#4|1|0|0|5')
    assert part.beside(run) == {} and field(part, run, "v3") is None
    part.check([run])


def test_an_older_iteration_replaces_none(part):
    run = begin(part)
    w, s = worker(part)
    settle(part, w, s, one(part, w, s), [("s", "7#1", ""), ("e", 1, "0,in;"), ("s", "7#2", ""), ("e", 1, "0,in;")])
    older, younger = part.claim(w, s)
    settle(part, w, s, younger, [("e", 2, "0,1;")], output=loop_value(2, "y"))
    settle(part, w, s, older, [("e", 2, "0,1;")], output=loop_value(1, "x"))
    assert part.beside(run) == {younger.number: loop_value(2, "y")}
    part.check([run])


def test_what_the_next_iteration_sees_takes_its_value_along(part):
    run = begin(part)
    w, s = worker(part)
    settle(part, w, s, one(part, w, s), [("s", "7#1", ""), ("e", 1, "0,in;")])
    before = None
    for iteration in range(1, 4):
        claim = one(part, w, s)
        if before:
            assert claim.values == [before]
        lists = "1;1;"
        settle(part, w, s, claim, [("b", 7, lists), ("s", "7#%d" % (iteration + 1), ""), ("e", 1, "0,q1.7;")],
               output=loop_value(iteration, "x"))
        before = reference(loop_value(iteration, "x"), claim.number)
        assert (field(part, run, "o1|"), field(part, run, "q1.7|")) == (None, before)
        assert list(part.beside(run)) == [claim.number]
        part.check([run])


def test_copies_in_the_frames_around_are_counted(part):
    run = begin(part)
    w, s = worker(part)
    part.load("d1", TABLE)
    settle(part, w, s, one(part, w, s), [("s", "7~1", ""), ("e", 1, "0,in;"), ("e", 2, "0,in;")])
    claims = {c.node: c for c in part.claim(w, s)}
    value = loop_value(1, "x")
    settle(part, w, s, claims["1"], [("e", 3, "0,1;")], output=value, field="o1|7~1|0")
    n = claims["1"].number
    assert field(part, run, "v" + n) == "2" and field(part, run, "o1|") == field(part, run, "o1|7~1")
    part.check([run])
    settle(part, w, s, claims["2"], [("b", 7, ";1^0;"), ("s", "7~2", ""), ("e", 1, "0,in;")])
    assert field(part, run, "v" + n) == "1" and field(part, run, "o1|") is None
    part.check([run])
    # With the iteration's last token its outputs go.
    three, second = sorted(part.claim(w, s), key=lambda c: -int(c.node))
    settle(part, w, s, three)
    assert part.beside(run) == {} and second.scope == "7~2"
    part.check([run])


def test_many_iterations_in_one_call_leave_the_last(part):
    run = begin(part)
    w, s = worker(part)
    settle(part, w, s, one(part, w, s), [("s", "7#1", ""), ("e", 1, "0,in;")])
    claim = one(part, w, s)
    steps = []
    for iteration in range(1, 4):
        steps += [("1,3", loop_value(iteration, "x"), run + "/"), ("b", "7", "1;1;"),
                  ("s", "7#%d" % (iteration + 1), ""), ("e", "1", "0,q1.7;")]
    settle(part, w, s, claim, [("s", "7#4", ""), ("e", 2, "0,1,q1.7;")], steps=steps, output=loop_value(4, "x"),
           field="o1|")
    values = part.beside(run)
    assert sorted(values.values()) == [loop_value(3, "x"), loop_value(4, "x")]
    part.check([run])
