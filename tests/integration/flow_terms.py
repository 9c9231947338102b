"""Expressions twice: as CEL text, and as a Python function that says what it must be worth.

A Term has the text and a function of an environment: `input`, `output`, `context`, `iteration`, `error`, and
`ctx(node)`, an object with `output`, `status`, `attempt`, or None when the node is absent. Every value that
flows in random graphs is an object, most with a number `v`: so terms fit whatever comes.
"""
MODULUS = 1000003


class Failure(Exception):
    """An execution fails; `code` as in errors."""

    def __init__(self, code):
        super().__init__(code)
        self.code = code


class Term:
    def __init__(self, cel, value, names=()):
        self.cel, self.value, self.names = cel, value, frozenset(names)

    def __repr__(self):
        return self.cel


def number(value):
    return value["v"] if "v" in value else len(value)


def const(n):
    return Term(str(n), lambda env: n)


def of(name):
    """The number in `input`, `output` or `context`."""
    return Term("(has(%s.v) ? %s.v : size(%s))" % (name, name, name),
                lambda env: number(getattr(env, name)))


def presence(node):
    return "'%s' in ctx" % node if "-" in node else "has(ctx.%s)" % node


def access(node):
    return 'ctx["%s"]' % node if "-" in node else "ctx." + node


def named(node, default):
    """The number in the output of another node, or what stands for it when that is absent."""
    def value(env):
        found = env.ctx(node)
        return number(found.output) if found else default

    path = access(node) + ".output"
    return Term("(%s ? (has(%s.v) ? %s.v : size(%s)) : %d)" % (presence(node), path, path, path, default),
                value, [node])


def standing(node):
    """1 when the other node failed, and its attempts in tens."""
    def value(env):
        found = env.ctx(node)
        return (found.attempts * 10 + (found.status == "failed")) if found else 0

    path = access(node)
    return Term("(%s ? %s.attempt * 10 + (%s.status == 'failed' ? 1 : 0) : 0)" % (presence(node), path, path),
                value, [node])


def iteration():
    return Term("iteration", lambda env: env.iteration)


def error_size():
    return Term("(error == null ? 0 : size(error.code) + error.attempt)",
                lambda env: len(env.error["code"]) + env.error["attempt"] if env.error else 0)


def total(terms, factor, plus):
    """(a + b + …) * factor + plus, kept small."""
    return Term("((%s) * %d + %d) %% %d" % (" + ".join(t.cel for t in terms), factor, plus, MODULUS),
                lambda env: (sum(t.value(env) for t in terms) * factor + plus) % MODULUS,
                set().union(*(t.names for t in terms)))


def record(**members):
    """An object of terms and texts."""
    def text(value):
        return value.cel if isinstance(value, Term) else "'%s'" % value

    def made(env):
        return {k: v.value(env) if isinstance(v, Term) else v for k, v in members.items()}

    terms = [m for m in members.values() if isinstance(m, Term)]
    return Term("{%s}" % ", ".join("'%s': %s" % (k, text(v)) for k, v in members.items()), made,
                set().union(*(t.names for t in terms)))


def choice(term, modulus, lists):
    """One of several lists of names, by a number."""
    cel, last = "", len(lists) - 1
    for i, names in enumerate(lists):
        text = "[%s]" % ", ".join("'%s'" % n for n in names)
        cel += text if i == last else "%s %% %d == %d ? %s : " % (term.cel, modulus, i, text)
    return Term("(%s)" % cel, lambda env: lists[min(term.value(env) % modulus, last)], term.names)


def below(term, modulus, limit):
    return Term("%s %% %d < %d" % (term.cel, modulus, limit), lambda env: term.value(env) % modulus < limit,
                term.names)


def less(term, limit):
    return Term("%s < %d" % (term.cel, limit), lambda env: term.value(env) < limit, term.names)


def both(one, other):
    return Term("%s && %s" % (one.cel, other.cel), lambda env: one.value(env) and other.value(env),
                one.names | other.names)


def fragile(term, modulus):
    """Fails with `expression` for some numbers: a division by zero."""
    def value(env):
        n = term.value(env) % modulus
        if n == 0:
            raise Failure("expression")
        return 6 // n >= 1

    return Term("6 / (%s %% %d) >= 1" % (term.cel, modulus), value, term.names)


def fragile_record(term, modulus, by):
    def value(env):
        n = term.value(env) % modulus
        if n == 0:
            raise Failure("expression")
        return {"v": 6 // n, "by": by}

    return Term("{'v': 6 / (%s %% %d), 'by': '%s'}" % (term.cel, modulus, by), value, term.names)
