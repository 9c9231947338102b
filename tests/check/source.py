"""Reads C sources for the checks beside this file."""
import os
import re

# In this order: what begins first wins, so a quote inside a comment opens nothing.
TOKENS = re.compile(r"""/\*.*?\*/ | //[^\n]* | "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*'""",
                    re.DOTALL | re.VERBOSE)


def files(*roots):
    """Every C and C++ file below the roots, sorted."""
    found = []
    for root in roots:
        for directory, _, names in os.walk(root):
            found += [os.path.join(directory, n) for n in names if n.endswith((".c", ".h", ".cc"))]
    return sorted(found)


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def bare(text):
    """The text without comments and the content of literals; lines keep their numbers."""
    def blank(match):
        kept = "\n" * match.group().count("\n")
        return '""' + kept if match.group()[0] in "\"'" else " " + kept
    return TOKENS.sub(blank, text)


def without_comments(text):
    """As bare, but string literals stay (an #include is one)."""
    def blank(match):
        if match.group()[0] in "\"'":
            return match.group()
        return " " + "\n" * match.group().count("\n")
    return TOKENS.sub(blank, text)
