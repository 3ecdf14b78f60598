"""Machines: made, and read from a file."""

import gzip

import numpy as np
import pandas as pd
import pytest

from policies.errors import UserError
from policies.requests import RESOURCES, Resources, Task
from policies.sharing import DISKS, disk_named
from traces.hostfile import read_hosts
from traces.hosts import HostEvent, Hosts, uniform
from traces.labels import read_constraints

GIB = 2**30


@pytest.fixture
def host_file(tmp_path):
    def write(text, name="hosts.csv"):
        path = tmp_path / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return write


def test_uniform_hosts_are_equal_and_up():
    hosts = uniform(3, 1.5, 4 * GIB)

    assert hosts.capacity[:3].tolist() == [[1500] * 3, [4 * GIB] * 3, [0] * 3]
    assert hosts.alive.all()
    assert len(set(hosts.names)) == len(hosts) == 3


def test_hosts_are_read_in_the_order_of_the_file(host_file):
    hosts, notes = read_hosts(host_file("host,cpus,memory_bytes,gpus\nb,4,1024,0.5\na,0.25,2048,\n"))

    assert hosts.names == ["b", "a"]
    assert hosts.capacity[:3].tolist() == [[4000, 250], [1024, 2048], [500, 0]]
    assert (hosts.alive.tolist(), list(hosts.events), notes) == ([True, True], [], [])


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".parquet"])
def test_every_kind_of_file_gives_the_same_hosts(tmp_path, suffix):
    table = pd.DataFrame({"host": ["x", "y"], "cpus": [1.0, 2.5], "memory_bytes": [10, 20], "joins_s": [0.0, 7.0]})
    path = tmp_path / f"hosts{suffix}"
    table.to_parquet(path) if suffix == ".parquet" else table.to_csv(path, index=False)

    hosts, _ = read_hosts(path)

    assert hosts.names == ["x", "y"]
    assert hosts.capacity[:2].tolist() == [[1000, 2500], [10, 20]]
    assert hosts.alive.tolist() == [True, False]


def test_hosts_that_come_and_go_are_events_in_order_of_time(host_file):
    rows = "late,1,1,50,\nshort,1,1,,20\nboth,1,1,10,30\n"

    hosts, _ = read_hosts(host_file("host,cpus,memory_bytes,joins_s,leaves_s\n" + rows))

    assert hosts.alive.tolist() == [False, True, False]
    assert [event[:3] for event in hosts.events] == [(10, 2, True), (20, 1, False), (30, 2, False), (50, 0, True)]


def test_the_largest_sizes_count_those_of_later_joins():
    before = np.array([[1000], [5], [0], [0], [0]])
    events = [HostEvent(5.0, 0, True, Resources(3000, 2)), HostEvent(9.0, 0, False)]
    hosts = Hosts(["a"], before, np.array([True]), events)

    assert hosts.largest()[:3].T.tolist() == [[1000, 5, 0], [3000, 2, 0]]


def test_labels_of_hosts_are_their_attributes(host_file):
    hosts, notes = read_hosts(
        host_file("host,cpus,memory_bytes,labels\na,1,1,disk=ssd owner=Jo%20Doe=x rack=\nb,1,1,\n")
    )

    assert hosts.attributes == [{"disk": "ssd", "owner": "Jo Doe=x", "rack": ""}, {}]
    assert notes == []


@pytest.mark.parametrize(
    ("labels", "reason"),
    [("ssd", "labels are key=value"), ("=ssd", "labels are key=value"), ("a=1 a=2", "a label is there twice")],
)
def test_a_bad_label_is_an_error_with_its_line(host_file, labels, reason):
    with pytest.raises(UserError, match=rf"hosts\.csv:2: {reason}"):
        read_hosts(host_file(f"host,cpus,memory_bytes,labels\na,1,1,{labels}\n"))


def test_whether_a_host_could_ever_hold_a_container_counts_what_it_becomes():
    hosts = Hosts(
        ["a", "b", "c"],
        np.array([[4, 4, 9], [1] * 3, *[[0] * 3] * 3]),
        np.ones(3, dtype=bool),
        [HostEvent(5.0, 0, True, None, {"kernel": "4", "disk": None}), HostEvent(6.0, 1, True, None, {"zone": "x"})],
        [{"disk": "ssd", "kernel": "3"}, {"disk": "hdd"}, {"kernel": "3"}],
    )

    def could(constraints, cores=1):
        return hosts.could_hold(Task(Resources(cores), 0, read_constraints(constraints)))

    assert could("disk=ssd")
    assert could("disk=hdd zone=x")  # together from 6 on
    assert not could("disk=ssd zone=x")  # on two hosts, never on one
    assert not could("disk=ssd disk=hdd")  # no host has both at once
    assert not could("disk=ssd", cores=9)  # the big one has none
    assert could("kernel=4 !disk")  # the first from 5 on
    assert could("!disk", cores=9)
    assert not could("kernel>4")
    assert not could("colour")
    assert could("colour!=red")


HDD, SSD = DISKS["HDD"], DISKS["SSD_DFL"]
NO_RATES = {"disk": 0, "net": 0}


def rates(hosts):
    return {name: hosts.capacity[RESOURCES.index(name)].tolist() for name in NO_RATES}


def test_hosts_have_the_disks_and_networks_that_the_file_says(host_file):
    hosts, notes = read_hosts(
        host_file("host,cpus,memory_bytes,disk_class,net_bps\na,1,1,HDD,125e6\nb,1,1,,\nc,1,1,10MB:415,1\n")
    )

    assert hosts.disks == [HDD, None, disk_named("10MB:415")]
    assert rates(hosts) == {"disk": [10**6, 0, 10**6], "net": [125_000_000, 0, 1]}
    assert (hosts.resources(), notes) == (("cpu", "memory", "disk", "net"), [])


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("FLOPPY,1", "disk 'FLOPPY': must be one of HDD"),
        ("HDD,-1", "net_bps must be 0 or more"),
        ("HDD,1e30", "net_bps is more than any machine has"),
        ("HDD,fast", "net_bps is not a number"),
    ],
)
def test_a_disk_or_network_that_cannot_be_is_an_error_with_its_line(host_file, row, reason):
    with pytest.raises(UserError, match=rf"hosts\.csv:3: {reason}"):
        read_hosts(host_file(f"host,cpus,memory_bytes,disk_class,net_bps\na,1,1,HDD,1\nb,1,1,{row}\n"))


def test_only_hosts_without_a_disk_or_a_network_are_given_one(host_file):
    some, _ = read_hosts(host_file("host,cpus,memory_bytes,disk_class,net_bps\na,1,1,HDD,\nb,1,1,,7\n"))

    hosts = some.with_rates(SSD, 100)

    assert hosts.disks == [HDD, SSD]
    assert rates(hosts) == {"disk": [10**6] * 2, "net": [100, 7]}
    assert rates(some) == {"disk": [10**6, 0], "net": [0, 7]}


def test_without_rates_the_books_have_no_columns_for_them(host_file):
    some, _ = read_hosts(host_file("host,cpus,memory_bytes,disk_class,net_bps\na,1,1,HDD,5\n"))
    plain = uniform(2, 1.0, 1)

    assert some.without_rates().resources() == ("cpu", "memory")
    assert some.without_rates().disks == ()
    assert plain.without_rates() is plain
    assert plain.with_rates(None, None).resources() == ("cpu", "memory")


def test_a_host_keeps_its_disk_and_network_when_its_size_changes():
    events = [HostEvent(5.0, 1, True, Resources(2000, 2)), HostEvent(6.0, 0, False)]
    plain = Hosts(["a", "b"], uniform(2, 1.0, 1).capacity, np.ones(2, dtype=bool), events)

    rated = plain.with_rates(HDD, 9)

    assert [event.capacity for event in rated.events] == [Resources(2000, 2, 0, 10**6, 9), None]
    assert rated.without_rates().events == events
    assert rated.could_hold(Task(Resources(2000, 2)))
    assert not rated.could_hold(Task(Resources(2000, 3)))


def test_a_column_that_is_not_modelled_yet_is_named_in_a_note(host_file):
    _, notes = read_hosts(host_file("host,cpus,memory_bytes,images\na,1,1,web\n"))

    assert len(notes) == 1
    assert "images" in notes[0]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("a,-1,1,0,,", "cpus must be 0 or more"),
        ("a,x,1,0,,", "cpus is not a number: 'x'"),
        ("a,,1,0,,", "cpus must be 0 or more"),
        ("a,1,inf,0,,", "memory_bytes must be 0 or more"),
        ("a,1,1e300,0,,", "memory_bytes is more than any machine has"),
        ("a,1e15,1,0,,", "cpus is more than any machine has"),
        ("a,1,1,-0.5,,", "gpus must be 0 or more"),
        ("a,1,1,0,-3,", "joins_s must be 0 or more"),
        ("a,1,1,0,5,5", "leaves_s must be later than joins_s"),
        ("first,1,1,0,,", "the host is there twice: 'first'"),
        (",1,1,0,,", "host is empty"),
        ("a,1", "2 fields instead of 6"),
        ("a\0,1,1,0,,", "host has a NUL"),
    ],
)
def test_a_bad_host_is_an_error_with_its_line(host_file, row, reason):
    path = host_file(f"host,cpus,memory_bytes,gpus,joins_s,leaves_s\nfirst,1,1,0,,\n\n{row}\nlast,1,1,0,,\n")

    with pytest.raises(UserError) as error:
        read_hosts(path)

    assert str(error.value).startswith(f"{path}:4: {reason}")
    assert "skip" not in str(error.value)  # hosts cannot be skipped


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("host,cpu,memory_bytes\na,1,1\n", "unknown column 'cpu'; did you mean 'cpus'?"),
        ("host,cpus\na,1\n", "column 'memory_bytes' is missing"),
        ("host,cpus,memory_bytes\n", "no rows"),
        ("", "no header line"),
    ],
)
def test_a_file_that_is_no_table_of_hosts_is_an_error(host_file, text, reason):
    path = host_file(text)

    with pytest.raises(UserError, match=r"hosts\.csv") as error:
        read_hosts(path)

    assert reason in str(error.value)


def test_a_host_file_that_is_cut_off_is_an_error(host_file):
    whole = gzip.compress(b"host,cpus,memory_bytes\n" + b"".join(b"h%d,1,1\n" % n for n in range(1000)))

    with pytest.raises(UserError, match="damaged or cut off"):
        read_hosts(host_file(whole[:-20], "hosts.csv.gz"))


def test_a_host_file_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(UserError, match="no such file"):
        read_hosts(tmp_path / "none.csv")
