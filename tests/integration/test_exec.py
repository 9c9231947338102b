"""exec nodes: programs that workers run, and what is left of them (nothing)."""
import json
import os
import re
import time

import pytest

from processes import wait_until
from worker_fleet import chain


def flow(name, config, **node):
    return {"metadata": {"name": name}, "edges": [],
            "nodes": [{"id": "tool", "type": "exec", "config": config, **node}]}


def worker(fleet, *args, allow="sh,cat,python3", **options):
    scratch = fleet.dir / "exec"
    scratch.mkdir(exist_ok=True)
    allowed = ["--allow-exec", allow] if allow else []
    return fleet.worker(*allowed, "--exec-dir", str(scratch), *args, **options)


def sh(script):
    return ["sh", "-c", script.replace("$", "$$")]  # bindings stand in argv


def one(fleet, config, input=None, status="c", timeout_s=30, **node):
    """Runs one program; its execution."""
    if not fleet.workers:
        worker(fleet.open())
    fleet.publish(flow("one", config, **node))
    (execution,) = fleet.wait_for(fleet.request("one", input), status, timeout_s)
    return execution


def of_run(run):
    """Processes, zombies apart, that were started for the run, by whomever."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/environ" % pid, "rb") as file:
                if ("TROUPE_RUN_ID=" + run).encode() in file.read().split(b"\0"):
                    found.append(int(pid))
        except OSError:  # it ended, or is a zombie
            continue
    return found


def scratch_left(fleet):
    """What stands in the directories of the workers."""
    root = fleet.dir / "exec"
    return [str(d) for w in root.iterdir() for d in w.iterdir()]


# --- what goes in and comes out ---


def test_json_in_json_out(fleet):
    script = "import json, sys; v = json.load(sys.stdin); print(json.dumps({'sum': v['a'] + v['b']}))"
    execution = one(fleet, {"argv": ["python3", "-c", script]}, {"a": 2, "b": 40})
    assert execution.output == {"sum": 42}
    execution = one(fleet, {"argv": ["cat"], "input": {"x": "$input.a"}}, {"a": [1, None]})
    assert execution.output == {"x": [1, None]}


def test_text_and_nothing(fleet):
    execution = one(fleet, {"argv": sh("cat; echo"), "stdin": "text", "output": "text"}, "a\n\"b")
    assert execution.output == "a\n\"b\n"
    execution = one(fleet, {"argv": sh("cat"), "stdin": "none"}, {"a": 1})
    assert execution.output is None, "no output is null"
    execution = one(fleet, {"argv": sh("cat"), "stdin": "none", "output": "text"}, {"a": 1})
    assert execution.output == ""


def test_arguments_are_bindings_and_no_shell_sees_them(fleet):
    config = {"argv": ["python3", "-c", "import json, sys; print(json.dumps(sys.argv[1:]))",
                       "$input.name", "n=${input.n + 1}", "$(id)", "a; b", True, ""]}
    execution = one(fleet, config, {"name": "it's", "n": 1})
    assert execution.output == ["it's", "n=2", "$(id)", "a; b", "true", ""]
    execution = one(fleet, {"argv": "$input"}, ["sh", "-c", "echo 7"])
    assert execution.output == 7


def test_a_large_value_goes_through(fleet):
    value = ["x" * 1000] * 3000
    execution = one(fleet, {"argv": ["cat"]}, value)
    assert execution.output == value


def test_the_environment_is_clean(fleet):
    worker(fleet.open(), TROUPE_TEST_SECRET="of the worker")
    config = {"argv": ["python3", "-c", "import json, os; print(json.dumps([dict(os.environ), os.getcwd(),"
                       " sorted(os.listdir('/proc/self/fd'))]))"],
              "env": {"A": "${input.a}", "N": 1, "GONE": None, "LANG": "de_DE.UTF-8"}}
    execution = one(fleet, config, {"a": "b=c"})
    environment, cwd, files = execution.output
    own = {k: v for k, v in environment.items() if k.startswith("T") and k != "TMPDIR"}
    assert own.pop("TROUPE_RUN_ID") == execution.run and own.pop("TROUPE_NODE_ID") == "tool"
    assert own.pop("TROUPE_ATTEMPT") == "1"
    assert re.fullmatch("[0-9a-f]{32}", own.pop("TROUPE_IDEMPOTENCY_KEY"))
    assert own.pop("TRACEPARENT").split("-")[1] == execution.run.replace("-", "")
    assert not own
    rest = {k: v for k, v in environment.items() if not k.startswith("T") and k != "LC_CTYPE"}
    assert rest == {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": cwd, "LANG": "de_DE.UTF-8",
                    "A": "b=c", "N": "1"}
    assert cwd.startswith(str(fleet.dir / "exec"))
    assert files == ["0", "1", "2", "3"], "3 is the listing's own"


def test_its_directory_is_its_own_and_goes_with_it(fleet):
    execution = one(fleet, {"argv": sh("echo x > f; mkdir -p d/e; chmod 0 d; pwd"), "output": "text"})
    assert not os.path.exists(execution.output.strip())
    wait_until(lambda: not scratch_left(fleet), 5, "an empty directory")


def test_cwd_must_be_allowed(fleet, tmp_path):
    inside, beside = tmp_path / "in", tmp_path / "in-beside"
    (inside / "deep").mkdir(parents=True)
    beside.mkdir()
    (inside / "link").symlink_to(beside)
    worker(fleet.open(), "--exec-cwd", str(inside))
    execution = one(fleet, {"argv": sh("pwd; echo x > left"), "cwd": str(inside / "deep"), "output": "text"})
    assert execution.output.strip() == str(inside / "deep") and (inside / "deep" / "left").exists()
    for refused in (beside, inside / "link", inside / ".."):
        execution = one(fleet, {"argv": sh("pwd"), "cwd": str(refused)}, status="f")
        assert execution.error["code"] == "rejected" and "exec-cwd" in execution.error["message"]
    execution = one(fleet, {"argv": sh("pwd"), "cwd": str(inside / "nowhere")}, status="f")
    assert execution.error["code"] == "exec" and "No such file" in execution.error["message"]


# --- how it fails ---


ERRORS = [
    ({"argv": sh("echo because >&2; exit 3")}, "exec", "sh: exit code 3: because"),
    ({"argv": sh("echo because >&2; exit 4"), "exit_codes": {"4": "not_found"}}, "not_found", "exit code 4: because"),
    ({"argv": sh("exit 5"), "exit_codes": {"4": "not_found"}}, "exec", "exit code 5"),
    ({"argv": sh("kill -9 $$")}, "exec", "ended by signal 9 (SIGKILL)"),
    ({"argv": sh("echo nope")}, "exec", "stdout is no JSON: line 1, column 1"),
    ({"argv": sh("echo 1 2")}, "exec", "stdout is no JSON"),
    ({"argv": sh("printf '\\377'"), "output": "text"}, "exec", "no text in UTF-8"),
    ({"argv": sh("printf 'a\\0b'"), "output": "text"}, "exec", "no text in UTF-8"),
    ({"argv": sh("head -c 200000 /dev/zero | tr '\\0' 1")}, "too_large", "stdout is larger than 102400 bytes"),
    ({"argv": sh("head -c 100000 /dev/zero | tr '\\0' '\"'"), "output": "text"}, "too_large", "larger than"),
    ({"argv": ["ls"]}, "rejected", "'ls' is not among the programs of this worker's setting allow-exec"),
    ({"argv": ["/bin/../bin/sh"]}, "rejected", "allow-exec"),
    ({"argv": ["./sh"]}, "rejected", "allow-exec"),
    ({"argv": []}, "type", "argv must be a list"),
    ({"argv": "$input.nope"}, "binding", "nope"),
    ({"argv": ["sh", {"a": 1}]}, "type", "argv must hold texts"),
    ({"argv": ["sh", "a\0b"]}, "type", "NUL"),
    ({"argv": ["sh"], "env": {"A=B": "x"}}, "type", "env has a name"),
    ({"argv": ["sh"], "env": {"LD_PRELOAD": "/x"}}, "rejected", "LD_PRELOAD must not be set"),
    ({"argv": ["sh"], "env": {"TROUPE_RUN_ID": "x"}}, "rejected", "TROUPE_RUN_ID must not be set"),
    ({"argv": ["sh"], "cwd": "here"}, "type", "cwd must be an absolute path"),
    ({"argv": ["sh"], "cwd": "/"}, "rejected", "exec-cwd"),
    ({"argv": ["sh"], "exit_codes": {"256": "x"}}, "type", "1 to 255"),
    ({"argv": ["sh"], "exit_codes": {"1": 2}}, "type", "error codes"),
    ({"argv": ["cat"], "stdin": "text"}, "type", "the input must be one"),
]


@pytest.mark.parametrize("config,code,message", ERRORS)
def test_errors_have_their_codes(fleet, config, code, message):
    worker(fleet.open(), "--max-value", "100KiB")
    execution = one(fleet, config, {}, status="f")
    assert execution.error["code"] == code, execution.error
    assert message in execution.error["message"], execution.error


def test_it_is_off_unless_a_worker_allows_it(fleet):
    worker(fleet.open(), allow=None)
    execution = one(fleet, {"argv": ["sh"]}, status="f", retry={"max_attempts": 3})
    assert execution.error["code"] == "rejected" and "allow-exec is empty" in execution.error["message"]


def test_links_and_path_lead_nowhere_else(fleet, tmp_path):
    """What a listed name leads to is found at the start; later links and PATHs make no difference."""
    link, other = tmp_path / "tool", tmp_path / "sneaky"
    link.symlink_to("/bin/cat")
    other.symlink_to("/bin/sh")
    worker(fleet.open(), allow=str(link)).wait_for_log("connected to Redis", 10)
    link.unlink()
    link.symlink_to("/bin/sh")
    execution = one(fleet, {"argv": [str(link)], "env": {"PATH": str(tmp_path)}}, {"a": 1})
    assert execution.output == {"a": 1}, "it is cat still"
    for name in (str(other), "sneaky", "sh", "cat", "tool"):
        execution = one(fleet, {"argv": [name], "env": {"PATH": str(tmp_path)}}, status="f")
        assert execution.error["code"] == "rejected"


def test_a_program_that_is_not_there_stops_the_worker(fleet):
    process = fleet.open().worker("--allow-exec", "no-such-program-at-all")
    assert process.wait(10) == 2
    assert "allow-exec: no program 'no-such-program-at-all'" in process.output()
    process.fate = "killed"


def test_failures_are_tried_again_by_retry_only(fleet):
    worker(fleet.open())
    script = 'echo "$TROUPE_ATTEMPT $TROUPE_IDEMPOTENCY_KEY" >&2; test "$TROUPE_ATTEMPT" = 3 && echo 1'
    fleet.publish(flow("again", {"argv": sh(script)}, retry={"max_attempts": 3, "backoff_ms": 1}))
    run = fleet.request("again")

    def over():
        fleet.part_of(run).fire()
        return fleet.status(run) in ("c", "f")
    wait_until(over, 20, "the end")
    attempts = fleet.executions(run)
    assert [(a.status, a.attempt) for a in attempts] == [("f", "1"), ("f", "2"), ("c", "3")]
    said = [a.error["message"].split(": ")[-1].split() for a in attempts[:2]]
    assert [s[0] for s in said] == ["1", "2"] and said[0][1] == said[1][1]


def test_stderr_goes_into_the_log_line_by_line(fleet):
    process = worker(fleet.open())
    script = "echo first >&2; i=0; while [ $i -lt 1000 ]; do echo line $i >&2; i=$((i+1)); done; echo 1"
    execution = one(fleet, {"argv": sh(script)})
    lines = [json.loads(line) for line in process.output().splitlines() if '"msg":"stderr"' in line]
    assert lines[0]["line"] == "first" and lines[0]["run_id"] == execution.run
    assert lines[0]["node_id"] == "tool" and lines[0]["attempt"] == 1
    assert 100 <= len(lines) <= 500, "100 a second"
    left_out = re.search(r'lines of stderr were left out.*"lines":(\d+)', process.output())
    assert int(left_out.group(1)) + len(lines) == 1001


def test_lines_come_as_they_are_said(fleet):
    process = worker(fleet.open())
    fleet.publish(flow("slow", {"argv": sh("echo now >&2; sleep 100")}))
    run = fleet.request("slow")
    process.wait_for_log('"line":"now"', 10)
    assert fleet.status(run) == "r"
    fleet.part_of(run).cancel(run)
    wait_until(lambda: not of_run(run), 5, "its end")


# --- its end ---


def test_a_timeout_ends_grandchildren_too(fleet):
    script = "trap '' TERM; (trap '' TERM; sleep 1000; :) & (sleep 1000; :) & echo waiting >&2; wait"
    began = time.monotonic()
    execution = one(fleet, {"argv": sh(script)}, status="f", timeout_ms=500)
    assert execution.error["code"] == "timeout" and "500 ms" in execution.error["message"]
    assert "waiting" in execution.error["message"]
    assert execution.error["outcome"] == "unknown"
    assert time.monotonic() - began < 5
    wait_until(lambda: not of_run(execution.run), 5, "no process of the run")
    wait_until(lambda: not scratch_left(fleet), 5, "an empty directory")


def test_what_a_program_leaves_running_ends_with_it(fleet):
    execution = one(fleet, {"argv": sh("sleep 1000 & echo 1")})
    assert execution.output == 1
    wait_until(lambda: not of_run(execution.run), 5, "no process of the run")


def start_slow(fleet, script, runs=1):
    fleet.publish(flow("slow", {"argv": sh(script)}))
    runs = [fleet.request("slow", i) for i in range(runs)]
    wait_until(lambda: all(len(of_run(r)) >= 2 for r in runs), 20, "programs with children")
    return runs


DEAF = "trap '' TERM; (trap '' TERM; sleep 1000; :) & while :; do sleep 1; done"


def test_a_cancelled_run_ends_its_group_within_two_seconds(fleet):
    worker(fleet.open())
    (run,) = start_slow(fleet, DEAF)
    fleet.part_of(run).cancel(run)
    cancelled = time.monotonic()
    wait_until(lambda: not of_run(run), 10, "no process of the run")
    assert time.monotonic() - cancelled < 2.5  # two, and what a busy machine takes
    wait_until(lambda: not fleet.client.xrange(fleet.part_of(run).key("q:default")), 10, "no entry")


def test_kill_9_of_a_worker_leaves_nothing_and_another_begins_again(fleet):
    first = worker(fleet.open())
    runs = start_slow(fleet, DEAF, 3)
    first.kill()
    wait_until(lambda: not any(of_run(r) for r in runs), 3, "no process of the runs")
    wait_until(lambda: not list((fleet.dir / "exec").iterdir()), 5, "no directory")
    worker(fleet)
    wait_until(lambda: all(of_run(r) for r in runs), 20, "the programs again")
    for run in runs:
        fleet.part_of(run).cancel(run)
    wait_until(lambda: not any(of_run(r) for r in runs), 5, "their end")


def test_what_fails_after_its_worker_was_lost_is_of_unknown_outcome(fleet, tmp_path):
    mark = tmp_path / "mark"
    first = worker(fleet.open())
    fleet.publish(flow("slow", {"argv": sh("test -e %s && exit 3; : > %s; sleep 1000" % (mark, mark))}))
    run = fleet.request("slow")
    wait_until(mark.exists, 10, "the program")
    first.kill()
    worker(fleet)
    (execution,) = fleet.wait_for(run, "f")
    assert execution.error["code"] == "exec" and execution.error["outcome"] == "unknown"
    assert "outcome unknown" in execution.error["message"]


def test_draining_lets_programs_finish(fleet):
    process = worker(fleet.open())
    fleet.publish(flow("slow", {"argv": sh("sleep 1 & wait; echo 7")}))
    run = fleet.request("slow")
    wait_until(lambda: of_run(run), 10, "the program")
    process.terminate()
    assert fleet.status(run) == "c" and fleet.executions(run)[0].output == 7
    fleet.check([run])


def test_a_drain_whose_time_is_over_ends_programs_before_others_begin_them(fleet, tmp_path):
    pids = tmp_path / "pids"
    pids.mkdir()
    script = ("trap '' TERM; for f in %s/*; do test -e $f && kill -0 $(basename $f) 2>/dev/null && exit 9; done;"
              " : > %s/$$; (sleep 1000; :) & while :; do sleep 1; done" % (pids, pids))
    first = worker(fleet.open(), "--drain-timeout", "300ms", lease_ms=30000)
    (run,) = start_slow(fleet, script)
    worker(fleet, lease_ms=30000)
    first.terminate()
    wait_until(lambda: len(list(pids.iterdir())) == 2, 10, "it again, before the lease would have lapsed")
    assert fleet.status(run) == "r", "no two of them were there at a time"
    fleet.part_of(run).cancel(run)
    wait_until(lambda: not of_run(run), 5, "its end")


def test_a_second_signal_leaves_nothing_either(fleet):
    process = worker(fleet.open())
    (run,) = start_slow(fleet, DEAF)
    process.send(15)
    process.wait_for_log("draining", 10)
    process.send(15)
    assert process.wait(10) == 1
    process.fate = "killed"
    wait_until(lambda: not of_run(run), 5, "no process of the run")


# --- many ---


def test_two_hundred_at_once_and_the_worker_goes_on(fleet):
    worker(fleet.open(), "--exec-concurrency", "200", "--concurrency", "32")
    gate = fleet.dir / "gate"
    fleet.publish(flow("held", {"argv": sh("while ! test -e %s; do sleep 0.5; done; cat" % gate)}))
    fleet.publish(chain("chain", 5))
    runs = [fleet.request("held", i) for i in range(200)]

    def under_way():
        return len(scratch_left(fleet)) == 200
    wait_until(under_way, 60, "200 programs")
    quick = fleet.request("chain", {"v": 0})
    fleet.wait_for(quick)
    gate.touch()
    for i, run in enumerate(runs):
        (execution,) = fleet.wait_for(run, timeout_s=60)
        assert execution.output == i
    fleet.check([*runs, quick])
    wait_until(lambda: not scratch_left(fleet), 5, "an empty directory")


def test_no_more_run_than_may_and_the_others_wait(fleet):
    worker(fleet.open(), "--exec-concurrency", "3")
    script = "ls %s/*/ | wc -l; sleep 0.05" % (fleet.dir / "exec")
    fleet.publish(flow("count", {"argv": sh(script)}))
    runs = [fleet.request("count") for _ in range(30)]
    seen = [fleet.wait_for(run)[0].output for run in runs]
    assert max(seen) <= 3
    fleet.check(runs)


def test_the_time_of_those_that_wait_counts(fleet):
    worker(fleet.open(), "--exec-concurrency", "1")
    (holder,) = start_slow(fleet, "sleep 1000 & wait")
    execution = one(fleet, {"argv": ["sh"]}, status="f", timeout_ms=300)
    assert execution.error["code"] == "timeout" and "waited for its turn" in execution.error["message"]
    assert "outcome" not in execution.error
    fleet.part_of(holder).cancel(holder)
    wait_until(lambda: not of_run(holder), 5, "its end")


def test_limits_hold(fleet):
    worker(fleet.open(), "--exec-limit-cpu", "1s", "--exec-limit-memory", "300MiB", "--exec-limit-file", "10KiB")
    execution = one(fleet, {"argv": sh("while :; do :; done")}, status="f")
    assert execution.error["code"] == "exec" and "exec-limit-cpu" in execution.error["message"]
    execution = one(fleet, {"argv": ["python3", "-c", "print(len(b'x' * 400000000))"]}, status="f")
    assert "MemoryError" in execution.error["message"]
    execution = one(fleet, {"argv": ["python3", "-c", "open('f', 'wb').write(b'x' * 20000)"]}, status="f")
    assert "File too large" in execution.error["message"]


# Who cannot fork ends; the sleeps stay, and so does the program itself.
BOMB = "f() { while :; do sleep 1000 & f & done; }; (f) & while :; do :; done"


def test_a_fork_bomb_is_held_and_ended(fleet):
    """root is held to no number of processes, so there the program begins by not being root."""
    user = 60000 + os.getpid() % 5000  # nobody else's
    plain = ["setpriv", "--reuid=%d" % user, "--regid=%d" % user, "--clear-groups"] if os.geteuid() == 0 else []
    worker(fleet.open(), "--exec-limit-processes", "60", allow="sh,setpriv")
    fleet.publish(flow("bomb", {"argv": plain + sh(BOMB)}, timeout_ms=1500))
    run = fleet.request("bomb")
    most = 0
    while fleet.status(run) not in ("c", "f"):
        most = max(most, len(of_run(run)))
    (execution,) = fleet.wait_for(run, "f")
    assert 2 < most <= 61, most
    assert execution.error["code"] == "timeout" and "Cannot fork" in execution.error["message"]
    wait_until(lambda: not of_run(run), 5, "no process of the run")
