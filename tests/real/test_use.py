"""What an Engine's statistics say: real frames of cgroup v1, and the shapes of v2."""

import threading
import time

import pytest
from requests.exceptions import ReadTimeout

from policies.requests import Resources
from real.watching.use import UseStreams, cores_now, counters_of, limits_of

#: Docker 20.10 on cgroup v1: a container limited to 0.3 cores that writes 64 KiB at a time, cut to what is read of it.
V1 = {
    "read": "2026-11-24T20:12:11.973451627Z",
    "preread": "2026-11-24T20:12:10.97082684Z",
    "blkio_stats": {
        "io_service_bytes_recursive": [
            {"major": 7, "minor": 0, "op": "Read", "value": 4096},
            {"major": 7, "minor": 0, "op": "Write", "value": 15335424},
            {"major": 7, "minor": 0, "op": "Sync", "value": 15335424},
            {"major": 7, "minor": 0, "op": "Async", "value": 4096},
            {"major": 7, "minor": 0, "op": "Total", "value": 15339520},
        ],
        "io_serviced_recursive": [
            {"major": 7, "minor": 0, "op": "Read", "value": 1},
            {"major": 7, "minor": 0, "op": "Write", "value": 234},
            {"major": 7, "minor": 0, "op": "Total", "value": 235},
        ],
        "io_time_recursive": [],
    },
    "cpu_stats": {
        "cpu_usage": {"total_usage": 941266670, "percpu_usage": [941266670, 0]},
        "system_cpu_usage": 49885390000000,
        "online_cpus": 1,
        "throttling_data": {"periods": 31, "throttled_periods": 30, "throttled_time": 2081885649},
    },
    "precpu_stats": {"cpu_usage": {"total_usage": 641573643, "percpu_usage": [641573643, 0]}},
    "memory_stats": {
        "usage": 8413184,
        "max_usage": 8679424,
        "stats": {"inactive_file": 1, "total_inactive_file": 13184, "rss": 8044544},
        "limit": 67108864,
    },
    "networks": {"eth0": {"rx_bytes": 736, "tx_bytes": 264}, "eth1": {"rx_bytes": 1000, "tx_bytes": 0}},
}
#: What Docker 20.10 goes on sending of a container that has ended.
ENDED = {
    "read": "0001-01-01T00:00:00Z",
    "preread": "2026-11-24T20:12:11.973451627Z",
    "blkio_stats": {"io_service_bytes_recursive": None, "io_serviced_recursive": None},
    "cpu_stats": {"cpu_usage": {"total_usage": 0}, "throttling_data": {"throttled_time": 0}},
    "precpu_stats": {"cpu_usage": {"total_usage": 941266670}},
    "memory_stats": {},
}


#: What cgroup v2 says otherwise; put together from what was seen of it.
V2 = V1 | {
    "blkio_stats": {
        "io_service_bytes_recursive": [
            {"major": 8, "minor": 0, "op": "read", "value": 10},
            {"major": 8, "minor": 0, "op": "write", "value": 20},
            {"major": 9, "minor": 0, "op": "write", "value": 5},
        ],
        "io_serviced_recursive": None,
    },
    "memory_stats": {"usage": 5000, "stats": {"anon": 3000, "file": 1500, "inactive_file": 1200}, "limit": 10000},
}


def test_counters_of_cgroup_v1_are_what_the_container_did():
    used = counters_of(V1, at_s=7.0)

    assert used.cpu_s == pytest.approx(0.941266670)
    assert used[1:5] == (4096, 15335424, 1, 234)
    assert used.memory_bytes == 8413184 - 13184
    assert used.net_bytes == 2000
    assert used.throttled_s == pytest.approx(2.081885649)
    assert used.at_s == 7.0


def test_counters_of_cgroup_v2_sum_over_devices_and_take_nulls_for_nothing():
    used = counters_of(V2)

    assert used[1:5] == (10, 25, 0, 0)
    assert used.memory_bytes == 3800


def test_a_container_on_the_hosts_network_has_no_traffic_of_its_own():
    assert counters_of({key: value for key, value in V1.items() if key != "networks"}).net_bytes == 0


def test_what_is_sent_of_a_container_that_ended_is_no_measurement():
    assert counters_of(ENDED) is None
    assert cores_now(ENDED) == 0.0


def test_cores_of_one_frame_are_the_limit_that_throttled_it():
    assert cores_now(V1) == pytest.approx(0.3, rel=0.01)


def test_the_first_frame_of_a_stream_says_nothing_of_cores():
    first = V1 | {"preread": "0001-01-01T00:00:00Z", "precpu_stats": {"cpu_usage": {"total_usage": 0}}}

    assert cores_now(first) == 0.0


@pytest.mark.parametrize(
    ("config", "limits"),
    [
        ({"NanoCpus": 300_000_000, "Memory": 2**26}, Resources(300, 2**26)),
        ({"CpuQuota": 50_000}, Resources(500, 0)),
        ({"CpuQuota": 50_000, "CpuPeriod": 200_000}, Resources(250, 0)),
        ({"CpuQuota": -1, "CpuShares": 512, "Memory": -1}, Resources()),
        ({"NanoCpus": None, "CpuQuota": None, "Memory": None}, Resources()),
    ],
)
def test_limits_are_cpus_or_quota_and_memory(config, limits):
    assert limits_of({"HostConfig": config}) == limits


class Engine:
    """Streams of which each frame is let through by the test."""

    def __init__(self):
        self.frames = threading.Semaphore(0)
        self.streams = 0
        self.fails = None

    def stats(self, container_id, stream, decode):
        self.streams += 1
        while self.frames.acquire():
            if self.fails:
                raise self.fails
            yield V1


def until(true):
    ends_s = time.monotonic() + 5.0
    while not true():
        assert time.monotonic() < ends_s
        time.sleep(0.001)


def listeners():
    return sum(thread.name == "use" for thread in threading.enumerate())


def test_the_latest_is_known_of_what_is_followed_and_nothing_of_what_is_forgotten():
    engine = Engine()
    streams = UseStreams(engine)
    streams.follow("a")
    streams.follow("a")
    engine.frames.release()
    until(streams.counters)

    assert streams.counters()["a"].cpu_s == pytest.approx(0.94126667)
    assert engine.streams == 1
    streams.forget("a")
    assert streams.counters() == {}
    engine.frames.release()
    until(lambda: listeners() == 0)
    assert streams.counters() == {}


def test_a_silent_engine_ends_the_listening_and_the_container_can_be_followed_again():
    engine = Engine()
    streams = UseStreams(engine)
    streams.follow("a")
    engine.frames.release()
    until(streams.counters)
    engine.fails = ReadTimeout("Read timed out.")
    engine.frames.release()
    until(lambda: listeners() == 0)

    assert "a" in streams.counters()
    streams.follow("a")
    until(lambda: engine.streams == 2)
    engine.frames.release()
    until(lambda: listeners() == 0)


def test_a_container_that_is_followed_anew_is_not_spoken_for_by_the_listener_of_before():
    engine = Engine()
    streams = UseStreams(engine)
    streams.follow("a")
    until(lambda: engine.streams == 1)
    streams.forget("a")
    streams.follow("a")
    until(lambda: engine.streams == 2)
    engine.frames.release(2)
    until(streams.counters)

    def only_one_is_left():
        engine.frames.release()  # the one that stays may have taken both, and the other hears by a frame that it may go
        return listeners() == 1

    until(only_one_is_left)

    streams.close()
    engine.frames.release()
    until(lambda: listeners() == 0)
