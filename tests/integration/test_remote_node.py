"""lib/node against the real fleet."""
import pytest

import remote_cases as cases
from remote_worker import Remote, node_command


@pytest.fixture
def remote(running_stack):
    return Remote(running_stack, node_command)


@pytest.fixture(params=["long"])
def patient(request):
    return request.param


class TestNode(cases.Cases):
    pass


def test_exceptions_say_where(remote):
    cases.exceptions_say_where(remote, r"TypeError: .* \(worker\.mjs:\d+\)")
