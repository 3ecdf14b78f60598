"""Machines that are written come back, and what a host file cannot say is counted."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.errors import UserError
from policies.requests import DEVICE_MICRO, Resources
from policies.sharing.disk import DISKS, disk_named
from traces.hostfile import read_hosts, write_hosts
from traces.hosts import HostEvent, Hosts, Profile, uniform

NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n\r\0"), min_size=1, max_size=6)
LABELS = st.dictionaries(NAMES, st.text(st.characters(exclude_categories=["Cs"]), max_size=4), max_size=2)
DISK = st.sampled_from([None, *DISKS.values(), disk_named("10MB:415"), disk_named("77:415:3")])
#: When a host joins, 0 for from the beginning, and how long it stays.
STAYS = st.tuples(st.just(0.0) | st.floats(0.1, 1e6), st.none() | st.floats(0.1, 1e6))


@st.composite
def machines(draw):
    names = draw(st.lists(NAMES, min_size=1, max_size=5, unique=True))
    n = len(names)
    capacity = np.zeros((len(Resources._fields), n), dtype=np.int64)
    for row, most in ((0, 10**6), (1, 2**46), (2, 10**4), (4, 2**40)):
        capacity[row] = draw(st.lists(st.integers(0, most), min_size=n, max_size=n))
    disks = draw(st.lists(DISK, min_size=n, max_size=n))
    capacity[3] = [DEVICE_MICRO if disk else 0 for disk in disks]
    stays = draw(st.lists(STAYS, min_size=n, max_size=n))
    events = [HostEvent(joins_s, host, True) for host, (joins_s, _) in enumerate(stays) if joins_s]
    events += [HostEvent(joins_s + stays_s, host, False) for host, (joins_s, stays_s) in enumerate(stays) if stays_s]
    alive = np.array([not joins_s for joins_s, _ in stays])
    attributes = draw(st.lists(LABELS, min_size=n, max_size=n))
    return Hosts(names, capacity, alive, sorted(events), attributes, disks if any(disks) else ())


@given(hosts=machines())
def test_hosts_are_read_back_equal(hosts, tmp_path_factory):
    path = tmp_path_factory.mktemp("hosts") / "hosts.csv"

    assert not write_hosts(hosts, path)

    (read, notes) = read_hosts(path)
    assert notes == []
    assert list(read.names) == list(hosts.names)
    assert read.capacity.tolist() == hosts.capacity.tolist()
    assert read.alive.tolist() == hosts.alive.tolist()
    assert [event[:3] for event in read.events] == [event[:3] for event in hosts.events]
    assert list(map(dict, read.attributes or [{}] * len(hosts))) == hosts.attributes
    assert list(read.disks) == list(hosts.disks)


def test_what_cannot_be_said_is_counted(tmp_path):
    hosts = replace(
        uniform(4, 4.0, 100),
        alive=np.array([True, False, False, True]),
        events=[
            HostEvent(1.0, 0, False),
            HostEvent(2.0, 0, True, Resources(8000, 100)),
            HostEvent(3.0, 1, True, None, {"a": "b"}),
            HostEvent(4.0, 0, False),
            HostEvent(5.0, 1, False),
            HostEvent(6.0, 1, True),
        ],
        profiles=[Profile(), Profile(), Profile(), Profile(1.0)],
    )
    path = tmp_path / "hosts.csv"

    odd = write_hosts(hosts, path)

    assert {text.split(":")[0]: count for text, count in odd.items()} == {
        "hosts are never there": 1,
        "times a host left and came back": 2,
        "changes of a host's size": 1,
        "changes of a host's attributes": 1,
        "hosts of which starts or rates were measured": 1,
    }
    read, _ = read_hosts(path)
    assert list(read.names) == ["host-0", "host-1", "host-3"]
    assert read.alive.tolist() == [True, False, True]
    assert [event[:3] for event in read.events] == [(3.0, 1, True), (4.0, 0, False)]


@pytest.mark.parametrize("name", ["", "a\nb", "a\0"])
def test_a_name_that_could_not_be_read_back_is_refused_and_leaves_nothing(tmp_path, name):
    with pytest.raises(UserError, match="no way to write the name"):
        write_hosts(replace(uniform(1, 4.0, 100), names=[name]), tmp_path / "hosts.csv")

    assert list(tmp_path.iterdir()) == []


def test_a_label_without_a_name_and_a_folder_that_is_not_there_are_errors(tmp_path):
    with pytest.raises(UserError, match="a label without a name"):
        write_hosts(replace(uniform(1, 4.0, 100), attributes=[{"": "x"}]), tmp_path / "hosts.csv")
    with pytest.raises(UserError, match="No such file"):
        write_hosts(uniform(1, 4.0, 100), tmp_path / "none" / "hosts.csv")
