"""Random expressions with the extension functions of strings: the ones that npm's @bufbuild/cel has."""
from cel_random import WORDS, RandomExpression, quote

# JavaScript counts other positions in what has characters beyond 16 bits; literals may have them,
# where the expression shows it.
NARROW = [word for word in WORDS if word.isascii() or max(word) < "\U00010000"] + ["banana", " a\t", "a,b,,c", "%s"]
WIDE = ["😀", "a😀b"]
SUBJECTS = ["banana", "a,b,,c", "abcab", " a b ", "éaé", "中文中", "HELLO world", ""] + WIDE
POSITIONS = ["0", "1", "2", "3", "m", "-1", "size(s)", "size(s) - 1", "size(t) + 1", "40"]
LIMITS = ["0", "1", "2", "3", "-1", "m"]
FORMATS = ["%s", "%s", "%d", "%f", "%.2f", "%.0f", "%e", "%.3e", "%b", "%o", "%x", "%X", "%%", "%", "%q", "%.1s"]


class RandomStrings(RandomExpression):
    words = NARROW

    def literal(self, type):
        if type == "string" and self.rnd.random() < .03:
            return quote(self.rnd.choice(WIDE))
        return super().literal(type)

    def part(self, depth):
        """A string to look for: short, so that it is found now and then."""
        return self.expression("string", 0) if self.rnd.random() < .3 else quote(
            self.rnd.choice(["", "a", "b", "ab", "an", "é", " ", ",", "中", "x"]))

    def position(self, depth):
        return self.expression("int", depth) if self.rnd.random() < .1 else self.rnd.choice(POSITIONS)

    def subject(self, depth):
        if self.rnd.random() < .4:
            return quote(self.rnd.choice(SUBJECTS))
        return self.expression("string", depth)

    def string(self, depth):
        rnd = self.rnd
        if rnd.random() < .35:
            return super().string(depth)
        return self.pick(
            lambda: "%s.charAt(%s)" % (self.subject(depth), self.position(depth)),
            lambda: "%s.substring(%s)" % (self.subject(depth), self.position(depth)),
            lambda: "%s.substring(%s, %s)" % (self.subject(depth), self.position(depth), self.position(depth)),
            lambda: "%s.%s()" % (self.subject(depth), rnd.choice(["lowerAscii", "upperAscii", "trim"])),
            lambda: "%s.replace(%s, %s)" % (self.subject(depth), self.part(depth), self.expression("string", 0)),
            lambda: "%s.replace(%s, %s, %s)" % (self.subject(depth), self.part(depth), self.expression("string", 0),
                                                rnd.choice(LIMITS)),
            lambda: "%s.join()" % self.expression("list string", depth),
            lambda: "%s.join(%s)" % (self.expression("list string", depth), self.part(depth)),
            lambda: "strings.quote(%s)" % self.subject(depth),
            lambda: '"%s".format([%s])' % (rnd.choice(["%.1f", "%s"]), self.literal(rnd.choice(["double", "bytes"]))),
            lambda: self.format(depth), lambda: self.format(depth))

    def format(self, depth):
        """Mostly one value for each clause."""
        rnd = self.rnd
        clauses = [rnd.choice(FORMATS) for _ in range(rnd.randint(0, 3))]
        count = sum(clause not in ("%%", "%") for clause in clauses) + rnd.choice([0] * 12 + [-1, 1])
        values = [self.expression(rnd.choice(["int", "uint", "double", "string", "bool", "bytes", "list int", "null",
                                              "map int", "timestamp", "duration", "type"]), depth)
                  for _ in range(count)]
        return "%s.format([%s])" % (quote("-".join(clauses)), ", ".join(values))

    def int(self, depth):
        rnd = self.rnd
        if rnd.random() < .6:
            return super().int(depth)
        name = rnd.choice(["indexOf", "lastIndexOf"])
        if rnd.random() < .5:
            return "%s.%s(%s)" % (self.subject(depth), name, self.part(depth))
        return "%s.%s(%s, %s)" % (self.subject(depth), name, self.part(depth), self.position(depth))

    def list(self, type, depth):
        if type != "string" or self.rnd.random() < .5:
            return super().list(type, depth)
        if self.rnd.random() < .5:
            return "%s.split(%s)" % (self.subject(depth), self.part(depth))
        return "%s.split(%s, %s)" % (self.subject(depth), self.part(depth), self.rnd.choice(LIMITS))

    def any_type(self):
        return self.rnd.choice(["string", "string", "int", "list string", super().any_type()])
