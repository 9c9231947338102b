#!/usr/bin/python3
"""A folder of lib/ is a layer; includes point downward only.

    base < {cel, schema} < graph < protocol < {exec, store} < {worker, supervisor} < api < cmd
    base < {jq, http, process, libtroupe} < exec

libtroupe's worker, which is no part of the fleet's programs, includes protocol too.

cel and schema do not know each other, nor do exec and store, nor do worker and supervisor; exec
does not know protocol, so that an executor can run where there is no Redis. Includes are written
"layer/name.h", so that each names its layer.
"""
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import source  # noqa: E402

BELOW = {
    "base": [],
    "cel": ["base"],
    "schema": ["base"],
    "graph": ["base", "cel", "schema"],
    "protocol": ["base", "cel", "schema", "graph"],
    "jq": ["base"],
    "http": ["base"],
    "process": ["base"],
    "libtroupe": ["base", "protocol"],
    "exec": ["base", "libtroupe", "cel", "schema", "graph", "jq", "http", "process"],
    "store": ["base", "cel", "schema", "graph", "protocol"],
    "worker": ["base", "cel", "schema", "graph", "protocol", "jq", "http", "process", "libtroupe", "exec", "store"],
    "supervisor": ["base", "cel", "schema", "graph", "protocol", "jq", "http", "process", "libtroupe", "exec", "store"],
    "api": ["base", "cel", "schema", "graph", "protocol", "jq", "http", "process", "libtroupe", "exec", "store", "worker", "supervisor"],
}
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*"([^"]+)"', re.MULTILINE)


def check_file(path, text):
    """Yields (line, message)."""
    parts = path.split(os.sep)
    layer = parts[1] if parts[0] == "lib" else None
    if layer is not None and layer not in BELOW:
        yield 1, "lib/%s is no layer that tests/check/layers.py knows" % layer
        return
    text = source.without_comments(text)
    for match in INCLUDE.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        target = match.group(1)
        above = target.split("/")[0]
        if layer is None:
            # A program may include its own headers, by their plain names.
            own = "/" not in target and os.path.isfile(os.path.join(os.path.dirname(path), target))
            if not own and above not in BELOW:
                yield line, '"%s": write "layer/name.h"' % target
        elif "/" not in target or above not in BELOW:
            yield line, '"%s": write "layer/name.h"' % target
        elif above != layer and above not in BELOW[layer]:
            yield line, "lib/%s must not include %s" % (layer, target)


def main():
    findings = 0
    for path in source.files("lib", "cmd"):
        for line, message in check_file(path, source.read(path)):
            print("%s:%d: %s" % (path, line, message))
            findings += 1
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
