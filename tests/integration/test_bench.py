"""troupe bench with tiny loads: what it prints and how it ends. Figures are not looked at."""
import json
import os
import subprocess
import sys

import pytest

from stack import ROOT

BIN = os.path.join(ROOT, os.environ.get("TROUPE_BIN_DIR", "bin"), "troupe")
WARM = os.path.join(ROOT, "tests", "bench", "warm", "run")
PEERS = os.path.join(ROOT, "tests", "bench", "peers", "run")


def bench(*words):
    return subprocess.run([BIN, "bench", *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, check=False)


def answer(done):
    assert done.returncode in (0, 1), done.stderr.decode()
    return json.loads(done.stdout)


def test_figures_of_both_ways_to_keep_the_append_only_file():
    done = bench("--percent", "1", "--rounds", "1", "-o", "json")
    assert done.returncode == 0, done.stderr.decode()
    found = json.loads(done.stdout)
    assert list(found) == ["everysec", "off"]
    for figures in found.values():
        assert figures["limit"]["tokens_per_s"] > 0
        for shape in ("chain", "fan", "single", "mixed"):
            assert {"tokens_per_s", "runs_per_s", "ratio"} <= figures[shape].keys()
            assert figures[shape]["tokens_per_s"] >= figures[shape]["runs_per_s"] > 0
        latency, memory = figures["latency"], figures["memory"]
        assert 0 < latency["zero_p50_ms"] <= latency["zero_p99_ms"]
        assert latency["committed_p50_ms"] > 0
        assert memory["worker_mb"] > 0 and memory["supervisor_mb"] > 0 and memory["redis_bytes_per_run"] > 0
        pinned = latency["pinned"]
        if len(os.sched_getaffinity(0)) < 2:
            assert pinned is False
        else:
            assert pinned["redis"] == pinned["workers"] != pinned["postgres"] == pinned["supervisor"]
            assert set(pinned.values()) <= os.sched_getaffinity(0)


@pytest.mark.timeout_s(240)
def test_flat_says_which_question_is_and_ends_accordingly():
    done = bench("--flat", "all", "--percent", "1", "--rounds", "1", "--waiting", "50", "-o", "json")
    found = answer(done)
    assert list(found) == ["waiting", "definitions", "partitions", "workers"]
    for each in found.values():
        assert each["flat"] == (each["ratio"] >= each["least"])
        assert list(each["cpu_us_per_token"]) == ["redis", "workers", "supervisor", "postgres"]
    assert found["waiting"]["runs"] == 50
    assert done.returncode == (0 if all(each["flat"] for each in found.values()) else 1)


def test_fair_says_how_long_the_longest_waited():
    done = bench("--fair", "--percent", "1", "-o", "json")
    found = answer(done)
    assert list(found) == ["chains", "singles", "loops", "short"]
    for each in found.values():
        assert each["p50_ms"] <= each["p99_ms"] <= each["max_ms"]
        assert each["fair"] == (each["max_of_share"] <= each["most"])
    assert found["loops"]["runs"] == 64 and found["short"]["runs"] > 0
    assert [name for name in found if "mean_of_work" in found[name]] == ["short"]
    assert done.returncode == (0 if all(each["fair"] for each in found.values()) else 1)


@pytest.mark.parametrize("words", [("--flat", "round"), ("--rounds", "0"), ("--rounds", "10"), ("--percent", "x"),
                                   ("--waiting", "0"), ("--workers", "65"), ("more",)])
def test_bad_words_start_nothing(words):
    done = bench(*words)
    assert done.returncode == 2 and done.stdout == b"" and done.stderr


def warm(*words):
    return subprocess.run([sys.executable, "-B", WARM, *words], env={**os.environ, "TROUPE_BIN_DIR": os.path.dirname(BIN)},
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)


def test_warm_says_how_much_is_done_for_others():
    done = warm("--percent", "5", "--rounds", "1", "-o", "json", "python", "plugin", "http")
    assert done.returncode == 0, done.stderr.decode()
    found = json.loads(done.stdout)
    assert list(found) == ["tasks", "http"] and list(found["tasks"]) == ["python", "plugin"]
    for each, wanted in zip(found["tasks"].values(), (3000, 20000)):
        assert each["tasks_per_s"] > 0 and each["wanted"] == wanted
        assert abs(each["ratio"] - each["tasks_per_s"] / wanted) < .001
    calls = found["http"]
    assert (calls["workers"], calls["at_once"], calls["limit_calls_per_s"]) == (4, 50, 5000)
    assert 0 < calls["direct"]["calls_per_s"] <= 5000  # or the server answers too early
    for shape in ("fan", "single"):
        assert 0 < calls[shape]["calls_per_s"] and 0 < calls[shape]["under_way"] <= 50
        assert abs(calls[shape]["of_direct"] - calls[shape]["calls_per_s"] / calls["direct"]["calls_per_s"]) < .002


@pytest.mark.parametrize("words", [("--percent", "0"), ("--workers", "51"), ("rust",), ("-o", "xml")])
def test_bad_words_of_warm_start_nothing(words):
    done = warm(*words)
    assert done.returncode == 2 and done.stdout == b"" and done.stderr


def test_the_lockfile_of_the_peers_names_no_host():
    with open(os.path.join(os.path.dirname(PEERS), "package-lock.json"), encoding="utf-8") as f:
        packages = json.load(f)["packages"]
    assert len(packages) > 3
    assert [name for name, each in packages.items() if "resolved" in each] == []
    assert [name for name, each in packages.items() if name and "integrity" not in each] == []


def test_peers_are_left_out_without_npm(tmp_path):
    done = subprocess.run([sys.executable, PEERS], env={**os.environ, "PATH": str(tmp_path)},
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 0 and done.stdout == b""
    assert b"left out" in done.stderr and b"node" in done.stderr
