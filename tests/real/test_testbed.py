import pytest

pytestmark = pytest.mark.docker


def test_hosts_answer(testbed):
    assert [h.engine for h in testbed.status()] == ["up"] * 3
