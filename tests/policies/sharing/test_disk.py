"""Disks in device time: the published classes, and what follows from them for streams that share a disk."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.errors import UserError
from policies.sharing import DISKS, device_time, disk_named, interleaved

KIB = 1024
HDD = DISKS["HDD"]
every_disk = pytest.mark.parametrize("disk", DISKS.values(), ids=DISKS)
rates = st.floats(0, 1e9)
sizes = st.floats(512, 1e8)
shares = st.floats(0, 1)


def reads_s(size, random_share, disk):
    """Device time of a byte that is read."""
    return float(device_time(1.0, 0.0, size, random_share, disk))


@pytest.mark.parametrize(
    ("name", "size", "times"),
    [("HDD", 4 * KIB, 113), ("HDD", 128 * KIB, 4.6), ("SSD_QD1", 4 * KIB, 8.6), ("SSD_QD1", 128 * KIB, 1.24)],
)
def test_random_reads_cost_so_many_times_the_sequential_ones(name, size, times):
    disk = DISKS[name]

    assert reads_s(size, 1.0, disk) / reads_s(size, 0.0, disk) == pytest.approx(times, rel=0.01)


@pytest.mark.parametrize(("kib", "mb_per_s"), [(64, 21), (128, 38), (1024, 120)])
def test_a_hard_disk_reads_so_much_at_random_in_requests_of_a_size(kib, mb_per_s):
    assert 1e-6 / reads_s(kib * KIB, 1.0, HDD) == pytest.approx(mb_per_s, rel=0.025)


@every_disk
def test_what_a_class_can_do_takes_all_its_time(disk):
    for read, write, iops, random in (
        (1.0, 0.0, disk.read_rand_iops, 1.0),
        (0.0, 1.0, disk.write_rand_iops, 1.0),
        (1.0, 0.0, disk.read_seq_iops, 0.0),
        (0.0, 1.0, disk.write_seq_iops, 0.0),
    ):
        bps = 4.0 * KIB * iops
        most_bps = disk.read_bps if read else disk.write_bps
        # Bytes can be what limits small requests, never less.
        assert float(device_time(read * bps, write * bps, 4 * KIB, random, disk)) == pytest.approx(
            max(1.0, bps / most_bps)
        )
    assert float(device_time(disk.read_bps, 0.0, 1e9, 0.0, disk)) == pytest.approx(1.0, rel=1e-3)
    assert float(device_time(0.0, disk.write_bps, 1e9, 0.0, disk)) == pytest.approx(1.0, rel=1e-3)


@every_disk
@given(read=rates, write=rates, size=sizes, share=shares, times=st.floats(0, 10))
def test_device_time_grows_with_the_rates_and_adds_up(disk, read, write, size, share, times):
    both = float(device_time(read, write, size, share, disk))

    apart = device_time(np.array([read, 0.0]), np.array([0.0, write]), size, share, disk)
    assert both == pytest.approx(float(apart.sum()), rel=1e-9)
    assert float(device_time(times * read, times * write, size, share, disk)) == pytest.approx(times * both, rel=1e-9)


@every_disk
@given(size=sizes, larger=st.floats(1, 100), share=shares)
def test_larger_requests_never_cost_more_by_the_byte(disk, size, larger, share):
    assert reads_s(size * larger, share, disk) <= reads_s(size, share, disk) * (1 + 1e-9)


@every_disk
@given(size=sizes, share=shares)
def test_the_cost_of_a_mixture_is_the_mixture_of_the_costs(disk, size, share):
    mixed = share * reads_s(size, 1.0, disk) + (1 - share) * reads_s(size, 0.0, disk)

    assert reads_s(size, share, disk) == pytest.approx(mixed, rel=1e-9)


@given(st.integers(2, 50), sizes)
def test_streams_that_interleave_on_a_hard_disk_read_as_if_at_random_however_many_they_are(streams, size):
    share = float(interleaved(0.0, streams, HDD))

    base_s = 1 / HDD.read_rand_iops - 4096 / HDD.read_bps
    request_s = base_s + max(size, 4096) / HDD.read_bps
    assert 1 / reads_s(size, share, HDD) == pytest.approx(size / request_s, rel=1e-9)


def test_128_kib_streams_lose_4_6_times_on_a_hard_disk_as_soon_as_there_are_two():
    alone, two, many = (reads_s(128 * KIB, float(interleaved(0.0, k, HDD)), HDD) for k in (1, 2, 10))

    assert two / alone == pytest.approx(4.6, rel=0.01)
    assert many == two


@pytest.mark.parametrize("name", ["SSD_QD1", "SSD_DFL", "SSD_FAST"])
def test_streams_that_interleave_lose_nothing_on_an_ssd(name):
    np.testing.assert_array_equal(interleaved(np.array([0.0, 0.3, 1.0]), 10, DISKS[name]), [0.0, 0.3, 1.0])


@pytest.mark.parametrize(("size", "per_s"), [(4 * KIB, 415), (64 * KIB, 1 / (1 / 500 + 64 * KIB / 10e6))])
def test_a_device_that_takes_2_ms_and_the_bytes_for_each_request_is_described_by_its_requests_of_4_kib(size, per_s):
    disk = disk_named("10MB:415")

    for random in (0.0, 1.0):
        assert 1 / (size * reads_s(size, random, disk)) == pytest.approx(per_s, rel=1e-3)
        assert 1 / float(device_time(0.0, size, size, random, disk)) == pytest.approx(per_s, rel=1e-3)


def test_a_device_has_the_name_of_a_class_or_says_what_it_can_do():
    for name, disk in DISKS.items():
        assert disk_named(name) is disk
    assert (
        disk_named("10M:415") == disk_named("10000k:415:415") == disk_named("0.01GB:415") == disk_named("10000000:415")
    )
    described = disk_named("178MB:40000:370")
    assert (described.read_seq_iops, described.read_rand_iops, described.write_rand_iops) == (40_000, 370, 370)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("FLOPPY", "must be one of HDD, SSD_QD1, SSD_DFL, SSD_FAST, or BYTES"),
        ("10MB:1:1:1", "must be one of"),
        ("10MiB:415", "'10MiB' is no number of bytes"),
        ("-1:415", "'-1' is no number of bytes"),
        ("0:415", "'0' is no number of bytes"),
        ("10MB:fast", "'fast' is no number of requests"),
        ("10MB:0", "'0' is no number of requests"),
        ("10MB:415:", "'' is no number of requests"),
        ("10MB:415:500", "500 random requests per second are more than 415"),
    ],
)
def test_a_device_that_there_cannot_be_is_the_users_error(text, named):
    with pytest.raises(UserError, match=named) as error:
        disk_named(text)

    assert f"disk {text!r}" in str(error.value)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [((-1.0, 0, 4096, 0), "bps"), ((0, np.nan, 4096, 0), "bps"), ((0, 0, 0, 0), "size"), ((0, 0, 4096, 1.1), "share")],
)
def test_what_no_disk_can_be_asked_for_is_refused(wrong, named):
    with pytest.raises(ValueError, match=named):
        device_time(*wrong, HDD)
