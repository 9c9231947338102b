"""lib/python against the real fleet."""
import pytest

import remote_cases as cases
from remote_worker import Remote, python_command


@pytest.fixture
def remote(running_stack):
    return Remote(running_stack, python_command)


def test_executes_functions_agents_and_tools(remote):
    cases.executes_functions_agents_and_tools(remote)


def test_serves_queues_of_nodes(remote):
    cases.serves_queues_of_nodes(remote)


def test_waits_for_work(remote):
    cases.waits_for_redis_and_work(remote)


def test_failures_and_retries(remote):
    cases.failures_and_retries(remote)


def test_exceptions_say_where(remote):
    cases.exceptions_say_where(remote, r"KeyError: 'no such field' \(worker\.py:\d+\)")


def test_large_outputs(remote):
    cases.large_outputs(remote)


@pytest.mark.parametrize("function", ["long", "long_plain"])
def test_cancellation_reaches(remote, function):
    cases.cancellation_reaches(remote, function)


@pytest.mark.parametrize("function", ["long", "long_plain"])
def test_timeouts_reach(remote, function):
    cases.timeouts_reach(remote, function)


@pytest.mark.parametrize("function", ["long", "deaf"])
def test_beats_keep_long_tasks(remote, function):
    cases.beats_keep_long_tasks(remote, function)


def test_killed_workers_are_replaced(remote):
    cases.killed_workers_are_replaced(remote)


def test_paused_workers_are_told(remote):
    cases.paused_workers_are_told(remote)


def test_lost_connections_repeat_nothing(remote):
    cases.lost_connections_repeat_nothing(remote)


def test_redis_may_be_away(remote):
    cases.redis_may_be_away(remote)


def test_a_user_of_its_own(remote):
    cases.a_user_of_its_own(remote)


def test_drains(remote):
    cases.drains(remote)


def test_progress_and_logs_arrive(remote):
    cases.progress_and_logs_arrive(remote)


def test_counts_once_each(remote):
    cases.counts_once_each(remote)
