"""Random expressions over random JSON values: the same for the same seed.

RandomExpression(seed) has `text`, `variables` (name: value as Python's json module has it; a float is
a double, an int an int) and `checked` (False: not well-typed on purpose, to be run without a checker).
Only the standard language is used; cel_random_strings.py adds functions of strings. An int and a
double meet in arithmetic only where the expression is not well-typed: that has no overload in CEL, and
a meaning here (cel.h).
"""
import json
import random

WORDS = ["", "a", "b", "ab", "abc", "Hello", "é", "中文", "😀", "a b", 'q"q', "back\\slash", "new\nline", "\t",
         "1", "-7", "1.5", "true", "x" * 40]
INTS = [0, 1, 2, 3, 7, -1, -2, 10, 100, 255, 2**31, -2**31, 2**53, 2**53 + 1, 2**62, 2**63 - 1, -2**63]
DOUBLES = [0.0, -0.0, 1.0, 0.5, 1.5, -2.25, 0.1, 100.0, 1e10, 1e21, 1e-7, 123456789.125, 2.0**53, 2.0**63,
           1e300, 5e-324, -1e308]
UINTS = [0, 1, 2, 3, 10, 2**32, 2**63, 2**64 - 1]
TIMES = ["1970-01-01T00:00:00Z", "2024-02-29T12:30:45Z", "2024-12-31T23:59:59.999999999Z",
         "2000-01-01T00:00:00+05:30", "1969-07-20T20:17:40.5Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"]
DURATIONS = ["0s", "1s", "-1.5s", "90s", "1h30m", "1ms", "-1ns", "86400s", "100000h"]
BAD_TIMES = ["2024-02-30T00:00:00Z", "2024-02-29 12:00:00Z", "2024-02-29T24:00:00Z", "2024-02-29T23:59:60Z",
             "2024-02-29T12:00:00", "2024-02-29", "2023-06-31T00:00:00Z", "10000-01-01T00:00:00Z",
             "0000-12-31T23:59:59Z", "2024-02-29T12:00:00+24:00", "2024-02-29T12:00:00.Z", ""]
MORE_DURATIONS = ["1d", ".5s", "1.s", "-.5s", "+5s", "5", "", "1 s", "1m1h", "1us", "1µs", "0", "0.000000001s",
                  "s", "-", "1h-1m", "3000000h"]
ZONES = ["UTC", "+05:30", "-02:00", "05:30", "America/New_York", "Europe/Berlin", "Asia/Kolkata", "Nowhere/At_All"]
PATTERNS = ["a", "^a", "b$", "a+b?", "[a-c]+", "(ab|cd)*", ".", "^$", "\\\\d+", "[^a]"]
BAD_NUMBERS = ["", "x", "1x", " 1", "9223372036854775808", "1e3", "0x10", "--1", "+1"]
SCALARS = ["int", "double", "uint", "string", "bool"]


def quote(text):
    """A string literal in one of the ways to write it."""
    return json.dumps(text, ensure_ascii=False)


class RandomExpression:
    words = WORDS

    def __init__(self, seed):
        self.id = "%s-%d" % (type(self).__name__, seed)
        self.rnd = random.Random("cel %d" % seed)
        self.checked = self.rnd.random() < 0.85
        self.variables = self.random_variables()
        self.locals = []
        depth = self.rnd.choice([1, 2, 2, 3, 3, 4])
        self.text = self.expression(self.any_type(), depth)

    # --- values ---

    def random_variables(self):
        rnd = self.rnd
        words = [rnd.choice(self.words) for _ in range(rnd.randint(0, 4))]
        return {
            "n": rnd.choice(INTS), "m": rnd.randint(-9, 9), "x": rnd.choice(DOUBLES), "s": rnd.choice(self.words),
            "t": rnd.choice(self.words), "flag": rnd.random() < .5, "nothing": None,
            "ints": [rnd.randint(-3, 9) for _ in range(rnd.randint(0, 5))],
            "words": words,
            "map": {word: rnd.randint(0, 5) for word in words},
            "items": [{"name": rnd.choice(self.words), "price": rnd.choice(DOUBLES), "count": rnd.randint(0, 9)}
                      for _ in range(rnd.randint(0, 4))],
            "mixed": self.document(3),
        }

    def document(self, depth):
        rnd = self.rnd
        kind = rnd.randrange(8 if depth else 5)
        if kind < 5:
            return [None, rnd.random() < .5, rnd.choice(INTS), rnd.choice(DOUBLES), rnd.choice(self.words)][kind]
        if kind == 5:
            return [self.document(depth - 1) for _ in range(rnd.randint(0, 3))]
        return {rnd.choice(self.words): self.document(depth - 1) for _ in range(rnd.randint(0, 3))}

    # --- types ---

    def any_type(self):
        return self.rnd.choice(["bool", "bool", "int", "int", "double", "uint", "string", "string", "bytes",
                                "list int", "list string", "list double", "map int", "map string", "null",
                                "timestamp", "duration", "type", "dyn"])

    def names(self, type):
        """Expressions without operators that are of the type."""
        fixed = {"int": ["n", "m"], "double": ["x"], "string": ["s", "t"], "bool": ["flag"], "null": ["nothing"],
                 "list int": ["ints"], "list string": ["words"], "map int": ["map"],
                 "dyn": ["mixed", "items", "n", "x", "s", "nothing"]}
        return fixed.get(type, []) + [name for name, of in self.locals if of == type]

    # --- expressions ---

    def expression(self, type, depth):
        rnd = self.rnd
        if not self.checked and rnd.random() < .08:
            type = self.any_type()
        names = self.names(type)
        if names and rnd.random() < (.6 if depth <= 0 else .2):
            return rnd.choice(names)
        if depth <= 0:
            return self.literal(type)
        if rnd.random() < .1 and type != "dyn":
            return "(%s ? %s : %s)" % (self.expression("bool", depth - 1), self.expression(type, depth - 1),
                                       self.expression(type, depth - 1))
        if rnd.random() < .04:
            return "dyn(%s)" % self.expression(type, depth - 1)
        if type.startswith("list "):
            return self.list(type[5:], depth - 1)
        if type.startswith("map "):
            return self.map(type[4:], depth - 1)
        return getattr(self, type)(depth - 1)

    def literal(self, type):
        rnd = self.rnd
        if type == "int":
            number = rnd.choice(INTS)
            return hex(number) if number > 9 and rnd.random() < .1 else str(number)
        if type == "uint":
            return "%du" % rnd.choice(UINTS)
        if type == "double":
            return repr(rnd.choice(DOUBLES))
        if type == "string":
            return quote(rnd.choice(self.words))
        if type == "bool":
            return rnd.choice(["true", "false"])
        if type == "bytes":
            return rnd.choice(['b""', 'b"abc"', 'b"\\xff\\x00"', 'b"é"', "b'\\101'"])
        if type == "null":
            return "null"
        if type == "timestamp":
            return "timestamp(%s)" % quote(rnd.choice(TIMES))
        if type == "duration":
            return "duration(%s)" % quote(rnd.choice(DURATIONS))
        if type == "type":
            return rnd.choice(["int", "string", "bool", "double", "uint", "bytes", "list", "map", "type", "null_type"])
        if type == "dyn":
            return self.literal(rnd.choice(SCALARS))
        if type.startswith("list "):
            return "[%s]" % ", ".join(self.literal(type[5:]) for _ in range(rnd.randint(0, 3)))
        return "{%s}" % ", ".join("%s: %s" % (quote(word), self.literal(type[4:]))
                                  for word in rnd.sample(self.words, rnd.randint(0, 3)))

    def pick(self, *ways):
        return self.rnd.choice(ways)()

    def binary(self, operators, type, depth):
        left, right = self.expression(type, depth), self.expression(type, depth)
        return "(%s %s %s)" % (left, self.rnd.choice(operators), right)

    def element(self, type, depth):
        """Something taken out of a list or a map."""
        if type not in ("int", "double", "string"):
            return self.literal(type)
        rnd = self.rnd
        if rnd.random() < .5:
            return "%s[%s]" % (self.expression("list " + type, depth), rnd.choice(
                ["0", "1", "2", "m", "-1", "dyn(0u)", "dyn(1.0)", "dyn(0.5)"]))
        if type != "double":
            return "%s[%s]" % (self.expression("map " + type, depth), self.expression("string", 0))
        return "items[0].price"

    def int(self, depth):
        return self.pick(
            lambda: self.binary(["+", "-", "*", "/", "%"], "int", depth),
            lambda: self.binary(["+", "-", "*"], "int", depth),
            lambda: "-(%s)" % self.expression("int", depth),
            lambda: "-(-(%d))" % -2**63 if self.rnd.random() < .1 else self.element("int", depth),
            lambda: "size(%s)" % self.expression(self.rnd.choice(["string", "bytes", "list int", "map int"]), depth),
            lambda: "%s.size()" % self.expression(self.rnd.choice(["string", "list string", "map int"]), depth),
            lambda: "int(%s)" % self.expression(self.rnd.choice(["double", "uint", "int", "timestamp"]), depth),
            lambda: "int(%s)" % quote(str(self.rnd.choice(INTS + BAD_NUMBERS))),
            lambda: "%s.%s()" % (self.expression("timestamp", depth), self.rnd.choice(
                ["getFullYear", "getMonth", "getDate", "getDayOfMonth", "getDayOfWeek", "getDayOfYear", "getHours",
                 "getMinutes", "getSeconds", "getMilliseconds"])),
            lambda: "%s.%s(%s)" % (self.expression("timestamp", depth), self.rnd.choice(
                ["getFullYear", "getMonth", "getDate", "getDayOfWeek", "getDayOfYear", "getHours", "getMinutes"]),
                quote(self.rnd.choice(ZONES))),
            lambda: "%s.%s()" % (self.expression("duration", depth), self.rnd.choice(
                ["getHours", "getMinutes", "getSeconds", "getMilliseconds"])),
            lambda: self.element("int", depth))

    def uint(self, depth):
        return self.pick(
            lambda: self.binary(["+", "-", "*", "/", "%"], "uint", depth),
            lambda: "(%s / %s)" % (self.literal("uint"), self.literal("uint")),
            lambda: "uint(%s)" % self.expression(self.rnd.choice(["int", "double"]), depth),
            lambda: "uint(%s)" % quote(str(self.rnd.choice(UINTS + BAD_NUMBERS))),
            lambda: self.literal("uint"))

    def double(self, depth):
        return self.pick(
            lambda: self.binary(["+", "-", "*", "/"], "double", depth),
            lambda: self.binary(["+", "-", "*", "/"], "double", depth),
            lambda: "(%s %s %s)" % (self.rnd.choice(["n", "m", "dyn(2)", "x"]), self.rnd.choice("+-*/"),
                                    self.rnd.choice(["n", "dyn(0.5)", "x"])),
            lambda: "-(%s)" % self.expression("double", depth),
            lambda: "double(%s)" % self.expression(self.rnd.choice(["int", "uint", "double"]), depth),
            lambda: "double(%s)" % quote(str(self.rnd.choice(DOUBLES + ["1e3", "NaN", "x", "", "1e400", "-0"]))),
            lambda: self.element("double", depth))

    def string(self, depth):
        return self.pick(
            lambda: self.binary(["+"], "string", depth),
            lambda: "string(%s)" % self.expression(self.rnd.choice(
                ["int", "uint", "double", "bool", "string", "timestamp", "duration"]), depth),
            lambda: "string(%s)" % self.expression("bytes", depth),
            lambda: self.element("string", depth),
            lambda: self.literal("string"))

    def bytes(self, depth):
        return self.pick(lambda: self.binary(["+"], "bytes", depth),
                         lambda: "bytes(%s)" % self.expression("string", depth), lambda: self.literal("bytes"))

    def bool(self, depth):
        numbers = ["int", "uint", "double"]
        rnd = self.rnd
        return self.pick(
            lambda: self.binary(["&&", "||"], "bool", depth),
            lambda: self.binary(["&&", "||"], "bool", depth),
            lambda: "!(%s)" % self.expression("bool", depth),
            lambda: "(%s %s %s)" % (self.expression(rnd.choice(numbers), depth),
                                    rnd.choice(["<", "<=", ">", ">=", "==", "!="]),
                                    self.expression("dyn" if rnd.random() < .1 else rnd.choice(numbers), depth))
            if not self.checked else self.binary(["<", "<=", ">", ">=", "==", "!="], rnd.choice(numbers), depth),
            lambda: self.binary(["<", "<=", ">", ">=", "==", "!="],
                                rnd.choice(["string", "bytes", "bool", "timestamp", "duration"]), depth),
            lambda: self.binary(["==", "!="], rnd.choice(["list int", "map int", "list string", "null", "type"]), depth),
            lambda: "(dyn(%s) %s dyn(%s))" % (self.expression(self.any_type(), depth), rnd.choice(["==", "!="]),
                                              self.expression(self.any_type(), depth)),
            lambda: "(dyn(%s) %s dyn(%s))" % (self.expression(rnd.choice(numbers), depth),
                                              rnd.choice(["<", "<=", ">", ">=", "==", "!="]),
                                              self.expression(rnd.choice(numbers), depth)),
            lambda: "(%s in %s)" % (self.expression("int", depth), self.expression("list int", depth)),
            lambda: "(%s in %s)" % (self.expression("string", depth),
                                    self.expression(rnd.choice(["list string", "map int"]), depth)),
            lambda: "%s.%s(%s)" % (self.expression("string", depth),
                                   rnd.choice(["contains", "startsWith", "endsWith"]), self.expression("string", 0)),
            lambda: "%s.matches(%s)" % (self.expression("string", depth), '"%s"' % rnd.choice(PATTERNS)),
            lambda: "bool(%s)" % quote(rnd.choice(["true", "false", "TRUE", "True", "t", "1", "0", "f", "yes", "tRue"])),
            lambda: "has(%s)" % rnd.choice(["map.a", "map.ab", "mixed.a", "items[0].name", "items[0].nope", "n.a"]),
            lambda: self.quantifier(depth))

    def quantifier(self, depth):
        type = self.rnd.choice(["int", "string"])
        range_ = self.expression("list " + type, depth)
        if type == "string" and self.rnd.random() < .3:
            range_ = self.expression("map int", depth)
        name, body = self.with_local(type, lambda: self.expression("bool", depth))
        return "%s.%s(%s, %s)" % (range_, self.rnd.choice(["all", "exists", "exists_one"]), name, body)

    def with_local(self, type, make):
        name = "v%d" % len(self.locals)
        self.locals.append((name, type))
        made = make()
        self.locals.pop()
        return name, made

    def null(self, _depth):
        return "nothing"

    def timestamp(self, depth):
        return self.pick(lambda: "(%s %s %s)" % (self.expression("timestamp", depth), self.rnd.choice("+-"),
                                                 self.expression("duration", depth)),
                         lambda: "timestamp(string(%s))" % self.expression("timestamp", depth),
                         lambda: "timestamp(%s)" % self.rnd.choice(["0", "1700000000", "-1", "m"]),
                         lambda: "timestamp(%s)" % quote(self.rnd.choice(BAD_TIMES + TIMES)),
                         lambda: self.literal("timestamp"), lambda: self.literal("timestamp"),
                         lambda: self.literal("timestamp"))

    def duration(self, depth):
        return self.pick(lambda: self.binary(["+", "-"], "duration", depth),
                         lambda: self.binary(["-"], "timestamp", depth),
                         lambda: "duration(string(%s))" % self.expression("duration", depth),
                         lambda: "duration(%s)" % quote(self.rnd.choice(MORE_DURATIONS)),
                         lambda: self.literal("duration"), lambda: self.literal("duration"))

    def type(self, depth):
        return "type(%s)" % self.expression(self.any_type(), depth)

    def dyn(self, depth):
        return self.pick(
            lambda: "dyn(%s)" % self.expression(self.any_type(), depth),
            lambda: "{1: 1, 2u: 2, true: 3, \"1\": 4, -1: 5}[%s]" % self.expression(
                self.rnd.choice(["int", "uint", "double", "bool", "string", "dyn"]), depth),
            lambda: "(%s in {1: 1, 2u: 2, true: 3, \"\": 4})" % self.expression(self.any_type(), depth),
            lambda: "{%s: 1, %s: 2}" % (self.expression(self.rnd.choice(["int", "uint", "string"]), depth),
                                        self.expression(self.rnd.choice(["int", "bool", "string"]), depth)),
            lambda: "mixed.%s" % self.rnd.choice(["a", "b", "ab", "abc"]),
            lambda: "mixed[%s]" % self.rnd.choice(["0", "1", '"a"', '"é"', '""', "1.0"]),
            lambda: "items.map(i, i.%s)" % self.rnd.choice(["name", "price", "count", "nope"]),
            lambda: "items.filter(i, i.%s).map(i, i.name)" % self.rnd.choice(
                ["price < 100.0", "count > 3", 'name.startsWith("a")', 'name != s']),
            lambda: "[%s, %s]" % (self.expression(self.any_type(), depth), self.expression(self.any_type(), depth)))

    def list(self, type, depth):
        return self.pick(
            lambda: self.binary(["+"], "list " + type, depth),
            lambda: "[%s]" % ", ".join(self.expression(type, depth) for _ in range(self.rnd.randint(0, 3))),
            lambda: self.filter(type, depth),
            lambda: self.mapped(type, depth))

    def filter(self, type, depth):
        range_ = self.expression("list " + type, depth)
        name, body = self.with_local(type, lambda: self.expression("bool", depth))
        return "%s.filter(%s, %s)" % (range_, name, body)

    def mapped(self, type, depth):
        of = self.rnd.choice(["int", "string"])
        range_ = self.expression("list " + of, depth)
        if self.rnd.random() < .3:
            name, body = self.with_local(of, lambda: "%s, %s" % (self.expression("bool", depth),
                                                                 self.expression(type, depth)))
        else:
            name, body = self.with_local(of, lambda: self.expression(type, depth))
        return "%s.map(%s, %s)" % (range_, name, body)

    def map(self, type, depth):
        entries = ["%s: %s" % (self.expression("string", 0) if self.rnd.random() < .2 else quote(word),
                               self.expression(type, depth))
                   for word in self.rnd.sample(self.words, self.rnd.randint(0, 3))]
        return "{%s}" % ", ".join(entries)
