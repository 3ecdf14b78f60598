"""Fits give back what the data were made of; what is measured of a testbed is what it was made with."""

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from policies.sharing import DISKS, disk_named
from real.calibration.calibrate import (
    LARGE_BYTES,
    QUICK,
    SMALL_BYTES,
    StartCost,
    StartTime,
    calibrate,
    disk_text,
    fitted_start,
    request_s,
)
from real.engine import WORK_S, connect
from real.labels import Ours, this_owner
from traces.inventory import as_toml, read_inventory

#: How many start at once beside how many: as `calibrate` measures it.
PLAN = [(1, 0), (4, 0), (1, 1), (1, 2), (1, 3)]

#: What a request takes at most on its way to a testbed's disk, beside the time of the disk: loop device and FUSE.
PATH_S = 0.0003


def made(cost, cores):
    return [StartTime(*among, cost.of(StartTime(*among, 0.0), cores)) for among in PLAN]


@settings(deadline=None)
@given(st.floats(0.0, 2.0), st.floats(0.05, 2.0), st.floats(0.2, 1.0))
def test_starts_that_compete_are_fitted_by_what_they_cost(start_s, start_cpu_s, cores):
    fitted = fitted_start(made(StartCost(start_s, start_cpu_s), cores), cores)

    assert fitted == pytest.approx((start_s, start_cpu_s, 0.0), abs=1e-6)


@settings(deadline=None)
@given(st.floats(0.0, 2.0), st.floats(0.1, 2.0), st.floats(0.1, 0.5), st.floats(0.5, 1.0))
def test_starts_beside_containers_are_fitted_by_what_they_cost(start_s, start_cpu_s, left, cores):
    times = made(StartCost(start_s, start_cpu_s, left), cores)
    fitted = fitted_start(times, cores)

    assert fitted.start_cores == pytest.approx(left, rel=0.05)
    assert [fitted.of(time, cores) for time in times] == pytest.approx([time.began_s for time in times], rel=0.05)


@settings(deadline=None)
@given(st.lists(st.floats(0.1, 5.0), min_size=len(PLAN), max_size=len(PLAN)))
def test_whatever_was_measured_no_cost_is_negative(seconds):
    assert min(fitted_start([StartTime(*among, s) for among, s in zip(PLAN, seconds, strict=True)], 0.8)) >= 0.0


@settings(deadline=None)
@given(st.floats(1e-5, 0.05), st.floats(1.0, 16.0), st.floats(1.2, 20.0))
def test_a_disk_is_described_so_that_its_requests_take_what_they_took(small_s, times, random_times):
    # Of what is rounded to whole requests a second, and at most as slow as its pages one by one.
    assume(small_s * random_times < 0.02)
    disk = disk_named(disk_text(small_s, small_s * times, small_s * random_times))

    assert request_s(disk, LARGE_BYTES, reads=True) == pytest.approx(small_s * times, rel=0.03)
    assert request_s(disk, SMALL_BYTES, reads=False, random=1.0) == pytest.approx(small_s * random_times, rel=0.03)
    if times > 1.1:
        assert request_s(disk, SMALL_BYTES, reads=False) == pytest.approx(small_s, rel=0.03)


@pytest.mark.docker
@pytest.mark.slow
def test_what_is_measured_of_a_testbed_is_what_it_was_made_with_and_nothing_is_left(testbed, tmp_path):
    path = tmp_path / "hosts.toml"
    path.write_text(testbed.inventory_text())
    entries = read_inventory(path)[:2]

    measured = [one.entry for one in calibrate(entries, QUICK)]

    for found, entry in zip(measured, entries, strict=True):
        for size in (SMALL_BYTES, LARGE_BYTES):
            took, true = (request_s(disk_named(each.disk), size, reads=False) for each in (found, entry))
            assert 0.85 * true < took < 1.15 * true + PATH_S
        assert found.profile.start_s + found.profile.start_cpu_s > 0 < found.profile.end_s
        client = connect(entry, WORK_S)
        mine = Ours(this_owner()).filters()
        assert not client.containers(all=True, filters=mine)
        assert not client.volumes(filters=mine)["Volumes"]
        client.close()
    speeds = [found.profile.units_per_s for found in measured]
    # They have the same processor, which others on the machine may take a part of, now from one and now from the other.
    assert max(speeds) < 1.5 * min(speeds)
    path.write_text(as_toml(measured))
    assert read_inventory(path) == measured


def test_classes_differ_by_more_than_what_is_taken_for_one():
    takes = {
        name: [request_s(disk, size, reads=reads) for size in (SMALL_BYTES, LARGE_BYTES) for reads in (False, True)]
        for name, disk in DISKS.items()
    }
    for name, seconds in takes.items():
        for other, others in takes.items():
            alike = all(abs(a - b) <= 0.2 * b for a, b in zip(seconds, others, strict=True))
            assert alike is (name == other)
