"""Docker hosts for whoever tests at sea: three of them, made for the session and taken down with it."""

import socket
import time
from contextlib import contextmanager

import pytest

from policies.errors import UserError
from real.testbed import SlowDisk, Testbed, TestbedOptions
from real.testbed.commands import require


@contextmanager
def made_alone(options, hosts):
    """A testbed that is up, or skip where there can be none; another session with the same one is waited for."""
    try:
        require(slow_disk=options.slow_disk is not None)
    except UserError as error:
        pytest.skip(str(error))
    bed = Testbed(options)
    # A name in the abstract name space goes with whoever has it.
    with socket.socket(socket.AF_UNIX) as ours:
        until = time.monotonic() + 300
        while True:
            try:
                ours.bind(f"\0{options.name}-tests")
                break
            except OSError:
                assert time.monotonic() < until, f"another session does not let go of testbed {options.name}"
                time.sleep(0.2)
        # What a session that was killed has left.
        bed.down()
        try:
            bed.up(hosts)
            yield bed
        finally:
            bed.down()


@pytest.fixture(scope="session")
def testbed():
    """Hosts h1 to h3 of 0.6 cores and 512 MiB, each with a disk of 20 MB/s and 1000 IOPS; heal what you break."""
    options = TestbedOptions(name="towtank-test", subnet=79, cpus=0.6, slow_disk=SlowDisk(20e6, 1000))
    with made_alone(options, 3) as bed:
        yield bed


@pytest.fixture(scope="session")
def inventory(testbed, tmp_path_factory):
    """The file that says where the hosts of the testbed are."""
    path = tmp_path_factory.mktemp("testbed") / "hosts.toml"
    path.write_text(testbed.inventory_text(), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def alone():
    """How to have a testbed of one's own."""
    return made_alone
