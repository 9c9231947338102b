"""What a token costs has not grown: commands and bytes of every shape, and instructions of one where callgrind is
and nothing but we has changed. All of it: make counts."""
import os
import sys

import pytest

from stack import ROOT

sys.path.insert(0, os.path.join(ROOT, "tests", "bench", "counts"))

import compare  # noqa: E402
import measure  # noqa: E402


def release_programs():
    """The programs users run: those of the other modes cost something else."""
    given = os.path.join(ROOT, os.environ.get("TROUPE_BIN_DIR", "bin"))
    path = os.path.join(os.path.dirname(given), "bin")
    if not os.path.exists(os.path.join(path, "troupe-worker")):
        pytest.skip("left out: there is no build of MODE=release beside " + given)
    return path


@pytest.mark.timeout_s(300)
def test_a_token_costs_no_more_than_recorded(monkeypatch):
    monkeypatch.setenv("TROUPE_BIN_DIR", release_programs())
    result = compare.compare(list(compare.SHAPES), profiled=["chain"], redis=False)
    print(result.text)
    assert not result.grown, "\n" + result.text


def test_growth_is_noticed():
    def grown(before, now):
        return [name for _, name in compare.grown({"chain": before}, {"chain": now})]

    before = {"worker instructions": 20000, "worker commands": 8, "postgres wal bytes": 600}
    assert grown(before, before) == []
    assert grown(before, {**before, "worker instructions": 20900}) == []
    assert grown(before, {**before, "worker instructions": 21100}) == ["worker instructions"]
    assert grown(before, {**before, "worker commands": 8.5}) == ["worker commands"]
    assert grown(before, {**before, "postgres wal bytes": 640}) == ["postgres wal bytes"]
    # A hundredth of a command is an answer that came a little later.
    assert grown({"supervisor commands": 0.03}, {"supervisor commands": 0.04}) == []
    # What was never recorded cannot have grown.
    assert grown({}, before) == []


def test_a_profile_is_summed(tmp_path):
    path = tmp_path / "profile"
    path.write_text("events: Ir\nob=(1) troupe\nfn=(1) main\n1 10\ncfn=(2) f\ncalls=1 2\n1 5\n"
                    "cob=(2) libcrypto.so\ncfn=(3) SHA256\ncalls=1 0\n+2 100\n\n"
                    "fn=(2)\n+1 5\n\nob=(2)\nfn=(3)\n0 100\ntotals: 115\n")
    assert measure.instructions(str(path)) == 15
    path.write_text("events: Ir\nfn=(1) main\n1 10\n")
    assert measure.instructions(str(path)) is None
