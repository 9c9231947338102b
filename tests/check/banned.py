#!/usr/bin/python3
"""Functions that are not to be called, and what to do instead."""
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import source  # noqa: E402

BANNED = {
    "strcpy": "no bound: memcpy with a known length, or struct buf",
    "strcat": "no bound: struct buf",
    "sprintf": "no bound: snprintf, or buf_printf",
    "vsprintf": "no bound: vsnprintf",
    "gets": "no bound",
    "strtok": "hidden state: slices",
    "atoi": "no errors: strtol with its checks, or the helpers of lib/base",
    "atol": "no errors: strtol with its checks, or the helpers of lib/base",
    "alloca": "no bound: an arena",
    "system": "a shell: posix_spawn or fork and exec with an argv",
    "popen": "a shell: posix_spawn or fork and exec with an argv",
}
# Not a member, not a part of a longer name. A declaration would be caught too: rightly so.
CALL = re.compile(r"(?<![\w.])(?<!->)(%s)\s*\(" % "|".join(BANNED))


def check_text(text):
    """Yields (line, function)."""
    bare = source.bare(text)
    for match in CALL.finditer(bare):
        yield bare.count("\n", 0, match.start()) + 1, match.group(1)


def main():
    findings = 0
    for path in source.files("lib", "cmd", "tests/unit"):
        for line, function in check_text(source.read(path)):
            print("%s:%d: %s is banned (%s)" % (path, line, function, BANNED[function]))
            findings += 1
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
