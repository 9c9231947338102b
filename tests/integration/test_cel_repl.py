"""troupe cel --repl: from a pipe, and on a terminal with history and completion."""
import os
import pty
import select
import termios
import time

from stack import ROOT

BIN = os.path.join(ROOT, os.environ.get("TROUPE_BIN_DIR", "bin"), "troupe")


def test_lines_from_a_pipe(stack):
    result = stack.troupe("cel", "--repl", stdin="\n".join([
        "x = [1, 2, 3]", "x.map(i, i * 2)", ":type x.size() + 1", "x.filter(i, \\", "i > 2)", "y = x[0] == 1", ":vars",
        ":drop x", ":vars", ":quit", "1"]), status=0)
    assert result.stdout.splitlines() == ["[1,2,3]", "[2,4,6]", "int", "[3]", "true", "x = [1,2,3]", "y = true",
                                          "y = true"]


def test_mistakes_are_told_and_the_next_line_is_read(stack):
    result = stack.troupe("cel", "--repl", stdin="1 +\nnope\n:nope\n:drop z\n1 / 0\n2\n", status=1)
    assert result.stdout == "2\n"
    errors = result.stderr.splitlines()
    assert "1:4: " in errors[0] and "unknown name 'nope'" in errors[1] and "no such command" in errors[2]
    assert "no such variable" in errors[3] and "division by zero" in errors[4]


def test_variables_are_given(stack):
    assert stack.troupe("cel", "--repl", "--with", '{"a": {"b": 1}}', stdin="a.b + 1", status=0).stdout == "2\n"
    assert stack.troupe("cel", "--repl", "--with", "[1]", stdin="1").status == 2
    assert stack.troupe("cel", "--repl", "1 + 1").status == 2


class Terminal:
    def __init__(self, home):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execve(BIN, [BIN, "cel", "--repl", "--with", '{"items": [1, 2, 3]}'],
                      {"HOME": home, "TERM": "dumb", "PATH": "/usr/bin:/bin", "ASAN_OPTIONS": "detect_leaks=0"})
        self.text = ""

    def wait_for(self, wanted):
        """Until it is there, and the next line is asked for: a Ctrl-D from before the line editor has the
        terminal would be the driver's."""
        until = time.monotonic() + 20
        while wanted not in self.text or not self.text.endswith("cel> ") or self.is_cooked():
            assert time.monotonic() < until, "%r is not in %r" % (wanted, self.text)
            if select.select([self.fd], [], [], .01)[0]:
                self.text += os.read(self.fd, 4096).decode(errors="replace")

    def is_cooked(self):
        return termios.tcgetattr(self.fd)[3] & termios.ICANON

    def send(self, text):
        self.text = ""
        os.write(self.fd, text.encode())

    def end(self):
        self.send("\x04")
        try:
            while os.read(self.fd, 4096):
                pass
        except OSError:  # the other side is closed
            pass
        assert os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1]) == 0
        os.close(self.fd)


def test_a_terminal_has_completion_and_history(tmp_path):
    terminal = Terminal(str(tmp_path))
    terminal.wait_for("cel> ")
    terminal.send("ite\t.map(i, i + 10)\n")
    terminal.wait_for("[11,12,13]")
    terminal.send("startsW\t\n")
    terminal.wait_for("unknown name 'startsWith'")
    terminal.end()
    path = tmp_path / ".local" / "state" / "troupe" / "cel_history"
    assert "items.map(i, i + 10)" in path.read_text().replace("\\040", " ")
    assert path.stat().st_mode & 0o777 == 0o600
    terminal = Terminal(str(tmp_path))
    terminal.wait_for("cel> ")
    terminal.send("\x10\x10\n")  # two lines up
    terminal.wait_for("[11,12,13]")
    terminal.end()
