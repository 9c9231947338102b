"""Random schedules of the scripts (schedule.py), and mistakes seeded into them that must be found.

    TROUPE_SCHEDULES=3000 TROUPE_SCHEDULE_SEED=70000 python3 -m pytest -s test_schedules.py

plays others than the usual ones. A seed that fails is printed; replay it with TROUPE_SCHEDULES=1, and
add it to REGRESSIONS with what was wrong.
"""
import collections
import os

import pytest

from lua_calls import TEXTS
from schedule import Schedule, Violation

COUNT = int(os.environ.get("TROUPE_SCHEDULES", "300"))
FIRST = int(os.environ.get("TROUPE_SCHEDULE_SEED", "1"))
PARTITION = 900

# Seeds that failed once.
REGRESSIONS = [3, 8, 21]

# A run of schedules that reached none of one of these says nothing.
RARE = ["ok", "stale", "gone", "held", "load", "refused", "late", "doubled", "stale submissions", "reclaimed",
        "adopted", "hellos", "cancels", "ready", "unsatisfied", "skipped"]


def play(server, seed, texts=TEXTS):
    return Schedule(server.client(), seed, PARTITION, texts).play()


@pytest.mark.timeout_s(600)
def test_schedules(redis_server):
    reached = collections.Counter()
    for seed in range(FIRST, FIRST + COUNT):
        try:
            reached.update(play(redis_server, seed))
        except Exception as e:
            raise AssertionError("schedule %d: %s: %s" % (seed, type(e).__name__, e)) from e
    print("\n%d schedules from seed %d: %s" % (COUNT, FIRST, dict(reached)))
    missing = [what for what in RARE if not reached[what]]
    assert not missing or COUNT < 200, "never reached: %s" % missing


@pytest.mark.parametrize("seed", REGRESSIONS)
def test_seeds_that_failed_once(redis_server, seed):
    play(redis_server, seed)


MUTANTS = {
    "every entry of a batch is acknowledged": [
        ("settle", "return result, result == 'ok'", "return result, true"),
        ("settle", "return whole and 'stale' or 'held', false",
         "return whole and 'stale' or 'held', true")],
    "a wrong token is not rolled back": [
        ("settle", "draft_drop(records_before)\nbudget = budget_before\nreturn refusal", "draft_keep()\nreturn refusal")],
    "any and count fire again at later arrivals": [
        ("settle", "taken == row.need", "taken >= row.need")],
    "older sessions may settle": [
        ("settle", "if not registered or match(registered, '^%d+') ~= session then", "if not registered then")],
    "hello keeps the old session": [
        ("hello", "if from == '' then\nsession =", "if not session then\nsession =")],
    "a failure of a lapsed holder counts": [
        ("settle", "if sub(live, 1, #identity) ~= identity then",
         "if sub(live, 1, #match(identity, '^[^|]*|[^|]*|%d+|')) ~= match(identity, '^[^|]*|[^|]*|%d+|') then")],
    "taking over raises no generation": [
        ("reclaim", "(generation + 1)", "generation")],
    "inputs of all predecessors": [
        ("settle", "if byte(marks, i) == 116 then", "if true then")],
    "what the budget leaves over is dropped": [
        ("settle", "if at <= work_count then", "if false then")],
    "tokens that are gone are claimed": [
        ("settle", "if status == 'r' and current == incarnation and live and", "if status and live and")],
    "open joins end a run as completed": [
        ("settle", "if draft.open > 0 then", "if false then"),
        ("settle", "draft.open = draft.open - 1", "draft.open = draft.open + 0")],
    "the hidden token is emitted again": [
        ("settle", "draft.changes.fin = ''", "draft.changes.fin = wanted")],
    "a token that was settled counts again": [
        ("settle", "{[live_name] = false,", "{['T' .. number] = false,")],
    "dead arrivals end at the first skipped join": [
        ("settle", "for i = 1, #row.dead, 2 do", "for i = 1, 0, 2 do")],
    "the ledger skips a number": [
        ("settle", "format('%.0f', seq + 1)", "format('%.0f', seq + 2)")],
}


@pytest.mark.timeout_s(180)
@pytest.mark.parametrize("name", sorted(MUTANTS))
def test_a_seeded_mistake_is_found(redis_server, name):
    texts = dict(TEXTS)
    for script, right, wrong in MUTANTS[name]:
        assert texts[script].count(right) == 1, "%s is %d times in %s" % (right, texts[script].count(right), script)
        texts[script] = texts[script].replace(right, wrong)
    for seed in range(1, 301):
        try:
            play(redis_server, seed, texts)
        except Violation as e:
            print("\nseed %d: %s" % (seed, e))
            return
    pytest.fail("300 schedules did not notice")
