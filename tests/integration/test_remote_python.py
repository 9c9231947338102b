"""lib/python against the real fleet."""
import pytest

import remote_cases as cases
from remote_worker import Remote, python_command


@pytest.fixture
def remote(running_stack):
    return Remote(running_stack, python_command)


@pytest.fixture(params=["long", "long_plain"])
def patient(request):
    return request.param


class TestPython(cases.Cases):
    pass


def test_exceptions_say_where(remote):
    cases.exceptions_say_where(remote, r"KeyError: 'no such field' \(worker\.py:\d+\)")
