"""All counts of some shapes: three series, since what runs under callgrind must not slow the others."""
import tempfile

from measure import Bench

# How many of a shape's runs (shapes.py) the larger load has: of what runs as it is, of our programs and of
# Redis under callgrind.
PLAIN, PROFILED, REDIS = 1, 0.5, 0.2
# Runs that reach every partition several times: each has seen all that a shape needs before it is measured.
WARM = 64


def _one(shapes, part, profiled, keep):
    """shape -> the counts whose names `keep` accepts, of so large a part of the runs."""
    found = {}
    with tempfile.TemporaryDirectory(prefix="troupe-counts-") as directory:
        bench = Bench(shapes, profiled, directory)
        try:
            for shape in shapes:
                many = int(shape.runs * part)
                # What happens once happens here: to the servers, and to the partitions of a shape.
                bench.load(shape, WARM)
                counts = bench.per_token(shape, many // 4, many)
                found[shape.name] = {name: n for name, n in counts.items() if keep(name)}
        finally:
            bench.close()
    return found


def measure(shapes, instructions, redis=True, plain=True):
    """shape -> count -> per token. shapes: names and what they are; instructions: those of our
    programs, and with `redis` Redis' own; plain: all other counts."""
    every = list(shapes.values())
    series = []
    if plain:
        series.append((PLAIN, (), lambda name: True))
    if instructions:
        series.append((PROFILED, ("worker", "supervisor"), lambda name: "instructions" in name))
    if instructions and redis:
        series.append((REDIS, ("redis",), lambda name: "instructions" in name))
    counts = {name: {} for name in shapes}
    for part, profiled, keep in series:
        for name, found in _one(every, part, profiled, keep).items():
            counts[name].update(found)
    return {shape: {name: round(n, 3 if n < 10 else 1) for name, n in found.items()}
            for shape, found in counts.items()}
