"""note: what executions under way have to say (docs/protocol.md)."""
import redis
import pytest

from lua_calls import begin, one, part, worker  # noqa: F401

SAID = '{"progress":0.5,"log":["a\\nb"]}'


def note(partition, claim, live=None, said=SAID, number=None):
    words = partition.call("note", "w", 1, claim.run, claim.number if number is None else number,
                           claim.live if live is None else live, said)[0]
    partition.check([claim.run])
    return words[0]


def events(partition):
    return [callers for kind, callers, _ in partition.records() if kind == "g"]


@pytest.fixture
def claim(part):  # noqa: F811
    begin(part)
    return one(part, *worker(part))


def test_it_goes_to_the_runs_events(part, claim):  # noqa: F811
    assert note(part, claim) == "ok" and note(part, claim) == "ok"
    assert len(events(part)) == 2
    assert events(part)[0].endswith("8:progress1:w%d:%s" % (len(SAID), SAID))
    assert part.tokens(claim.run) == {int(claim.number): claim.live}


def test_who_has_the_token_no_more_says_nothing(part, claim):  # noqa: F811
    assert note(part, claim, live="0||1|1|0|q") == "stale"
    assert note(part, claim, number=99) == "stale"
    part.cancel(claim.run)
    assert note(part, claim) == "gone"
    assert events(part) == []


@pytest.mark.parametrize("wrong", [dict(said="[]"), dict(said=""), dict(said="{" + " " * 4096 + "}"),
                                   dict(number="x")])
def test_arguments_that_make_no_sense(part, claim, wrong):  # noqa: F811
    with pytest.raises(redis.ResponseError, match="ARGS note"):
        note(part, claim, **wrong)
    assert events(part) == []
