"""Random schedules of the real worker, supervisor and scripts (tests/schedules/sim.h).

    make schedules SCHEDULES=20000 SEED=1000

An episode is a schedule: one to four runs of random definitions on a fleet, up to ten faults between any two
commands, the invariants checked behind every call of a script. EPISODES of them follow one another in a world, which
its seed decides. A failure names seed and episode; `make schedules SEED=n SCHEDULES=50 TRACE=1` plays it again and
shows every command. The definitions are those of SEED's range: give the range's first seed as FLOWS.
"""
import collections
import json
import os

import pytest

from fleet_schedules import Play, flows_without_jq

EPISODES = 50  # of a world
SCHEDULES = int(os.environ.get("SCHEDULES", "1000"))
FIRST = int(os.environ.get("SCHEDULES_SEED", "1"))
FLOWS_FROM = int(os.environ.get("SCHEDULES_FLOWS", FIRST))
FLOWS = 32  # of each process
PLODS = bool(os.environ.get("SCHEDULES_PLODS"))  # every node through its queue: then much of MUST cannot occur
PROCESSES = 2
# Of as many schedules as CI plays, each of these occurs. One that did not is nothing shown.
MUST = """settled ok,settled stale,settled gone,settled load,
failures refused: held,failures refused: gone,pauses before a failure,
hello gave tokens back,reclaim took tokens over,start started,start executed,start exists,start ended,starts of several runs,joins fired,joins skipped,
continuations resumed,attempts that failed and were retried,records of delays,cancels that took effect,
stretch ok,stretch load,stretch to operation b,stretch to operation d,stretch to operation e,
stretch to operation p,stretch to operation s,stretch to operation t,operation b,operation d,operation e,operation f,operation p,operation s,operation t,
kills of a worker,pauses of a worker,workers ended in order,replies to a worker lost,replies lost,requests lost,
requests timed out,requests executed twice,late settle,late start,late hello,late beat,late fire,
kills of a supervisor,pauses of a supervisor,supervisors' requests lost,supervisors' replies lost,
values fetched,commits whose answer was lost,answers of Postgres lost,script flushes,scripts sent again,
all stood still past their leases,partitions given back,supervisors ended in order,
leave left,leave pending,requests sent twice by their producer"""
# Of so many schedules these too.
MANY = 10000
RARE = "failures refused: stale,settle session,stretch gone,stretch stale,stretch to operation f"
# And these, in the flows' own words, told by the interpreter: which of them the definitions have is a matter of seeds.
FEATURES = ["any with late ones", "count with late ones", "count unsatisfied", "each fired", "iteration", "goto",
            "retry", "run completed", "run failed", "run cancelled", "output mapping", "cut off by a failure"]


def play(plays):
    """What happened, summed up; fails with what was wrong."""
    happened, seen, wrong = collections.Counter(), collections.Counter(), []
    try:
        for one in plays:
            one.start()
        for one in plays:
            happened.update(one.finish())
            features, mistakes = one.compare()
            seen.update(features)
            wrong += mistakes
    finally:
        for one in plays:
            one.close()
    assert not wrong, "%d runs are not what they should be; the shortest:\n%s" % (len(wrong), min(wrong, key=len))
    return happened, seen


@pytest.mark.timeout_s(3600 * 24)
def test_schedules_of_the_fleet():
    worlds = max(1, SCHEDULES // EPISODES)
    share = -(-worlds // PROCESSES)
    plays = []
    for first in range(FIRST, FIRST + worlds, share):
        flows = flows_without_jq(FLOWS_FROM + 1000 * len(plays), FLOWS)
        plays.append(Play(first, min(share, FIRST + worlds - first), EPISODES, flows))
        if os.environ.get("TRACE"):
            plays[-1].command.append("--trace")
        if PLODS:
            plays[-1].command.append("--plods")
    happened, seen = play(plays)
    print("\n%d schedules from seed %d" % (happened["episodes"], FIRST))
    for what, times in sorted({**seen, **happened}.items()):
        print("%9d  %s" % (times, what))
    if worlds >= 40 and not PLODS:
        many = worlds * EPISODES >= MANY
        wanted = [what.strip() for what in (MUST + "," + RARE if many else MUST).replace("\n", " ").split(",")]
        missing = [what for what in wanted if not happened[what]]
        missing += [what for what in FEATURES if many and not seen[what]]
        assert not missing, "inconclusive: never happened: %s" % missing
