"""Supervisors share the partitions evenly, while runs go on (docs/design/013)."""
import collections
import re
import urllib.request

import pytest

from load import PARTITIONS, Load, check_record
from processes import free_port

LEASE = "2s"  # whoever stands still for longer loses what it has, which would be no mistake
DELAYED = {"metadata": {"name": "delayed"},
           "nodes": [{"id": "wait", "type": "delay", "config": {"ms": 700}}, {"id": "n", "type": "noop"}],
           "edges": [{"from": "wait", "to": "n"}]}


class Owners:
    def __init__(self, stack):
        self.stack = stack
        self.names = {}  # process -> owner

    def held(self):
        """Owner -> how many partitions, of those whose leases hold."""
        return collections.Counter(owner for owner, in self.stack.sql(
            "select owner from partition_state where owner is not null and lease_until > clock_timestamp()"))

    def start(self, **env):
        process = self.stack.start_supervisor(TROUPE_OWNERSHIP_LEASE=LEASE, **env)
        known = set(self.names.values())

        def joined():
            return [name for name, in self.stack.sql("select name from supervisor where lease_until > "
                                                     "clock_timestamp()") if name not in known]
        self.names[process], = self.stack.wait_until(joined, what="a supervisor that is ready")
        return process

    def are(self, *counts):
        return sorted(self.held().values()) == sorted(counts)

    def wait_for(self, *counts):
        self.stack.wait_until(lambda: self.are(*counts), what="partitions shared as %s" % (counts,))

    def fences(self):
        return self.stack.sql("select partition, owner, fence from partition_state order by 1")

    def rounds(self):
        """When each says that it is there: changes with every round."""
        return dict(self.stack.sql("select name, lease_until from supervisor"))

    def wait_for_rounds(self, count):
        """All have looked so often."""
        for _ in range(count):
            before = self.rounds()
            self.stack.wait_until(lambda: all(now != before.get(name) for name, now in self.rounds().items()),
                                  what="a round of each")


def submit(stack, load, count):
    load.submit_by_stream(count)
    client = stack.redis_client()
    for _ in range(count // 4):
        client.xadd("troupe:runs", {"workflow": "delayed", "input": "{}"})


@pytest.fixture
def owners(stack):
    stack.migrate()
    return Owners(stack)


@pytest.mark.timeout_s(120)
def test_they_share_while_runs_go_on(stack, owners):
    first = owners.start()
    owners.wait_for(PARTITIONS)
    load = Load(stack)
    load.deploy()
    stack.deploy(DELAYED)
    stack.start_workers(2, TROUPE_LEASE=LEASE)
    submitted = 0

    def more(count=80):
        nonlocal submitted
        submit(stack, load, count)
        submitted += count // 4

    more()
    owners.start()
    more()
    owners.wait_for(8, 8)
    more()
    third = owners.start()
    more()
    owners.wait_for(6, 5, 5)
    assert owners.held()[owners.names[first]] == 6

    # Nobody moves anything, however long they work.
    stable = owners.fences()
    more()
    owners.wait_for_rounds(6)
    assert owners.fences() == stable

    # One dies: the others have all of it, then evenly; one that dies unseen by it is missed by nobody.
    more()
    third.kill()
    more()
    stack.wait_until(lambda: owners.held()[owners.names[third]] == 0 and sum(owners.held().values()) == PARTITIONS,
                     what="a takeover of all")
    owners.wait_for(8, 8)
    # The oldest ends in order, and says so.
    more()
    assert first.terminate() == 0
    assert (owners.names[first],) not in stack.sql("select name from supervisor")
    owners.wait_for(PARTITIONS)
    more()

    load.wait_for_end()
    stack.wait_until(lambda: stack.sql("select count(*) from v_runs where workflow = 'delayed' and "
                                       "status = 'completed'") == [(submitted,)], what="the end of those delayed")
    check_record(stack)
    delayed = stack.sql("delete from run_row where workflow = 'delayed' returning run_id")
    for table in "event_log", "execution_row", "run_decision":
        stack.sql("delete from %s where run_id = any(%%s::uuid[])" % table, [run for run, in delayed])
    load.check()


def test_no_more_moves_than_somebody_needs(stack, owners):
    """A fence counts the owners. Those of the two that end are taken, and where one took too many, given back once."""
    for _ in range(4):
        owners.start()
    owners.wait_for(4, 4, 4, 4)
    began = {partition: fence for partition, _, fence in owners.fences()}
    for process in list(owners.names)[:2]:
        assert process.terminate() == 0
    owners.wait_for(8, 8)
    owners.start()
    owners.wait_for(6, 5, 5)
    owners.wait_for_rounds(4)
    assert owners.are(6, 5, 5)
    moves = sum(fence - began[partition] for partition, _, fence in owners.fences())
    assert 8 + 5 <= moves <= 2 * (4 + 8) + 5


def stays_as_it_is(owners):
    stable = owners.fences()
    owners.wait_for_rounds(4)
    assert owners.fences() == stable
    assert len(owners.rounds()) == 1
    # One that is as it should be has its half.
    owners.start()
    owners.wait_for(8, 8)


def test_one_without_redis_gets_nothing(stack, owners):
    owners.start()
    owners.wait_for(PARTITIONS)
    lost = stack.start_supervisor(TROUPE_OWNERSHIP_LEASE=LEASE,
                                  TROUPE_REDIS_URL="redis://127.0.0.1:%d" % free_port())
    lost.wait_for_log("something is in the way")
    stays_as_it_is(owners)


def test_one_with_an_empty_redis_gets_nothing(stack, owners):
    owners.start()
    owners.wait_for(PARTITIONS)
    stack.start_supervisor(TROUPE_OWNERSHIP_LEASE=LEASE, TROUPE_REDIS_URL=stack.redis.url + "/1")
    stays_as_it_is(owners)
    assert stack.redis_client(db=1).keys("*") == []


def test_one_with_the_redis_of_another_record_ends(stack, owners):
    owners.start()
    owners.wait_for(PARTITIONS)
    stack.redis_client(db=1).set("troupe:record", "00000000-0000-0000-0000-000000000001")
    lost = stack.start_supervisor(TROUPE_OWNERSHIP_LEASE=LEASE, TROUPE_REDIS_URL=stack.redis.url + "/1")
    lost.wait_for_log("Redis holds the state of another database")
    assert lost.popen.wait(10) != 0
    lost.fate = "killed"  # as it should be
    stays_as_it_is(owners)


def test_an_owner_whose_redis_goes_keeps_what_it_has(stack, owners):
    owners.start()
    owners.start()
    owners.wait_for(8, 8)
    stable = owners.fences()
    stack.redis.stop()
    stack.wait_until(lambda: not stack.sql("select 1 from supervisor where lease_until > clock_timestamp()"),
                     what="nobody that is ready")
    assert sorted(owners.held().values()) == [8, 8]
    stack.redis.start()
    owners.wait_for_rounds(4)
    owners.wait_for(8, 8)
    assert [row[:2] for row in owners.fences()] == [row[:2] for row in stable]


def metric(port, name):
    with urllib.request.urlopen("http://127.0.0.1:%d/metrics" % port, timeout=10) as answer:
        return int(re.search(r"^troupe_supervisor_%s (\d+)$" % name, answer.read().decode(), re.M).group(1))


def test_it_is_told(stack, owners):
    port = free_port()
    first = owners.start(TROUPE_HTTP_PORT=str(port))
    owners.wait_for(PARTITIONS)
    assert metric(port, "partitions_given_back_total") == 0
    owners.start()
    owners.wait_for(8, 8)
    stack.wait_until(lambda: metric(port, "partitions_owned") == 8)
    assert metric(port, "partitions_share") == 8
    assert metric(port, "partitions_given_back_total") == 8
    first.wait_for_log("partitions given back to be shared")
    assert "2 alive, 16 of 16 partitions owned" in stack.troupe("doctor").stdout


@pytest.mark.parametrize("partitions", [1, 64, 300])
def test_with_nothing_to_read_it_waits(stack, owners, partitions):
    owners.start(TROUPE_PARTITIONS=str(partitions))
    owners.wait_for(partitions)
    stack.deploy(DELAYED)
    stack.start_workers(1)
    submitted = 70
    for _ in range(submitted):
        stack.redis_client().xadd("troupe:runs", {"workflow": "delayed", "input": '"%s"' % ("x" * 3000)})
    stack.wait_until(lambda: stack.sql("select count(*) from v_runs where status = 'completed'") == [(submitted,)],
                     what="the end of all")
    stack.wait_until(lambda: [c for c in stack.redis_client().client_list() if c["cmd"] == "xread" and "b" in c["flags"]],
                     what="a blocking read of the ledgers")


def test_one_stands_by_when_there_are_more_than_partitions(stack, owners):
    owners.start(TROUPE_PARTITIONS="2")
    owners.start()
    owners.wait_for(1, 1)
    owners.start()
    stable = owners.fences()
    owners.wait_for_rounds(4)
    assert owners.fences() == stable
    assert "3 alive, 2 of 2 partitions owned" in stack.troupe("doctor").stdout
    list(owners.names)[0].kill()
    stack.wait_until(lambda: owners.are(1, 1) and len(owners.held()) == 2
                     and owners.names[list(owners.names)[0]] not in owners.held(), what="who stood by in its place")
