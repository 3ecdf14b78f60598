"""With real Engines: what is recorded is what ran, and nothing of a bystander is touched."""

import json
import threading
import time
from contextlib import contextmanager, suppress
from math import inf

import pytest
from click.testing import CliRunner
from docker.errors import NotFound

from experiments.cli import towtank
from real import labels as label
from real.engine import WORK_S, EngineError, connect
from real.load import image
from real.load.command import prepare
from real.load.report import device
from real.running.flags import MOST_BPS
from real.watching.hosts import on_each, survey, taken
from real.watching.record import Recorder
from real.watching.use import UseStreams
from traces.formats.native import write_native
from traces.inventory import read_inventory

pytestmark = [pytest.mark.docker, pytest.mark.slow]

#: A container that computes for as long as it is let.
BURN = ["run", "--units-per-s", "1e7", "w=600,cpu=1,memory=1000000"]
#: Computation of a hundredth of a second.
BRIEF = ["run", "--units-per-s", "1e6", "w=0.01,cpu=1,memory=1000000"]


@pytest.fixture
def inventory(testbed, tmp_path):
    path = tmp_path / "hosts.toml"
    path.write_text(testbed.inventory_text())
    return path


@pytest.fixture
def entries(inventory):
    return read_inventory(inventory)


@pytest.fixture
def client(entries):
    made = connect(entries[0], WORK_S)
    image.ensure(made)
    yield made
    made.close()


@contextmanager
def running(client, name, command, labels=None, **limits):
    made = client.create_container(
        image.tag(), command, name=name, labels=labels or {},
        host_config=client.create_host_config(network_mode="none", **limits),
    )["Id"]  # fmt: skip
    try:
        client.start(made)
        yield made
    finally:
        with suppress(NotFound):
            client.remove_container(made, v=True, force=True)


def test_what_burns_three_tenths_of_a_core_is_recorded_so_and_replayed(client, entries, inventory, tmp_path):
    recorder = Recorder(entries)
    with running(client, "before", BURN, nano_cpus=100_000_000):
        recorder.start()
        with running(client, "burner", BURN, nano_cpus=300_000_000, mem_limit=2**26):
            time.sleep(6.0)
        with running(client, "brief", BRIEF):
            time.sleep(1.0)
        found = recorder.finish()

    by_name = {each.job.id: each for each in found.arrivals}
    burner = by_name["burner"]
    assert found.containers == 3
    assert burner.behaviours[0][0].demand.cpu_cores == pytest.approx(0.3, abs=0.04)
    assert burner.job.groups[0].task.need[:2] == (300, 2**26)
    assert burner.run_s[0] == pytest.approx(6.0, abs=1.5)
    assert by_name["before"].run_s == (inf,)
    assert by_name["before"].behaviours[0][0].demand.cpu_cores == pytest.approx(0.1, abs=0.03)
    assert by_name["brief"].run_s[0] < 1.5

    trace = tmp_path / "t.csv"
    write_native(found.arrivals, trace)
    words = ["run", "--trace", trace, "--hosts", inventory, "--until", "30", "--architecture", "monolithic", "--json"]
    replayed = CliRunner().invoke(towtank, [*map(str, words), "--processes", "1"])
    assert replayed.exit_code == 0, replayed.output
    assert json.loads(replayed.stdout)["runs"][0]["metrics"]["tasks_scheduled"] == 3


def test_the_command_writes_a_trace_and_hosts_that_can_be_replayed(client, inventory, tmp_path):
    trace, hosts = tmp_path / "t.csv", tmp_path / "hosts.csv"
    with running(client, "alone", BURN, nano_cpus=100_000_000, mem_limit=2**26):
        words = ["record", inventory, "--out", trace, "--for", "3", "--hosts-out", hosts]
        recorded = CliRunner().invoke(towtank, [*map(str, words)])
    assert recorded.exit_code == 0, recorded.output
    assert "1 containers in 3 s" in recorded.stdout
    assert {path.name for path in tmp_path.iterdir()} == {"t.csv", "hosts.csv", "hosts.toml"}

    words = ["run", "--trace", trace, "--hosts", hosts, "--until", "3", "--architecture", "monolithic", "--json"]
    replayed = CliRunner().invoke(towtank, [*map(str, words), "--processes", "1"])

    assert replayed.exit_code == 0, replayed.output
    assert json.loads(replayed.stdout)["runs"][0]["metrics"]["tasks_running"] == 1


def test_what_somebody_writes_to_a_disk_is_recorded_in_bytes_and_requests(client, entries):
    writes = ["run", "--units-per-s", "1e6", "w=600,cpu=0.02,memory=1000000,write=1000000,request=65536"]
    scratch = ["scratch:/scratch"]
    client.create_volume("scratch")
    try:
        with running(client, "finder", prepare(2**20), binds=scratch) as finder:
            client.wait(finder)
            path = device(client.logs(finder))
        # A kernel with cgroup v1 counts only where there is a limit.
        limits = (
            {} if client.info()["CgroupVersion"] == "2" else {"device_write_bps": [{"Path": path, "Rate": MOST_BPS}]}
        )
        recorder = Recorder(entries[:1], ["team=a"])
        recorder.start()
        with (
            running(client, "others", BRIEF),
            running(client, "writer", writes, {"team": "a"}, binds=scratch, **limits),
        ):
            time.sleep(6.0)
        (arrival,) = recorder.finish().arrivals
    finally:
        client.remove_volume("scratch")

    demand = arrival.behaviours[0][0].demand
    assert demand.disk_write_bps == pytest.approx(1e6, rel=0.2)
    assert demand.disk_read_bps < 1e5
    assert demand.io_size_bytes == pytest.approx(65536, rel=0.1)


def test_an_engine_that_dies_and_comes_back_is_recorded_on(entries, testbed):
    there = connect(entries[2], WORK_S)
    image.ensure(there)
    said = []
    recorder = Recorder(entries[2:], say=said.append)
    recorder.start()
    with running(there, "killed", BURN, nano_cpus=100_000_000), running(there, "after", BRIEF):
        time.sleep(2.0)
        testbed.fault("h3", "kill")
        # An Engine that starts while the containerd of the last one still ends waits for it in vain.
        time.sleep(2.0)
        testbed.fault("h3", "start")
        ends_s = time.monotonic() + 20.0
        while len(said) < 2 and time.monotonic() < ends_s:
            time.sleep(0.1)
        there.start("after")
        time.sleep(1.0)
        found = recorder.finish()

    names = sorted(each.job.id for each in found.arrivals)
    assert names == ["after", "after", "killed"]
    # An Engine that starts ends what has outlived it.
    assert all(run_s < 30.0 for each in found.arrivals for run_s in each.run_s)
    assert ["h3" in line for line in said] == [True, True]


def test_clean_removes_what_a_run_left_and_touches_no_bystander(client, inventory):
    labels = label.Ours("somebody", "r1").labels()
    client.create_volume("left", labels=labels)
    client.create_volume("bystander")
    try:
        with running(client, "bystander", BURN), running(client, "left", BURN, labels):
            command = ["hosts", "clean", str(inventory), "--owner", "somebody", "--yes"]
            cleaned = CliRunner().invoke(towtank, command)
            containers = {name for each in client.containers(all=True) for name in each["Names"]}
            volumes = {each["Name"] for each in client.volumes()["Volumes"]}

            assert cleaned.exit_code == 0, cleaned.output
            assert "/bystander" in containers
            assert "/left" not in containers
            assert "bystander" in volumes
            assert "left" not in volumes
    finally:
        client.remove_volume("bystander")


def test_a_host_that_hangs_is_named_while_others_answer(client, entries, testbed):
    streams = UseStreams(connect(entries[1], 1.0))
    there = connect(entries[1], WORK_S)
    image.ensure(there)
    with (
        running(client, "limited", BURN, nano_cpus=300_000_000, mem_limit=2**26),
        running(client, "free", BURN),
        running(there, "followed", BURN) as followed,
    ):
        streams.follow(followed)
        while not streams.counters():
            time.sleep(0.1)
        testbed.fault("h2", "freeze")
        try:
            answers = on_each(entries, survey)
            held = taken(client, client.containers())
        finally:
            testbed.fault("h2", "thaw")

    assert [isinstance(answer, EngineError) for answer in answers] == [False, True, False]
    assert "h2" in str(answers[1])
    assert answers[0].others == 2
    # The rest of a budget of 0.6 cores is the other's.
    assert 300 < held.cpu_milli < 700
    assert held.memory_bytes > 2**26
    # Nobody listens to the silent Engine for longer than a second.
    assert not [thread for thread in threading.enumerate() if thread.name == "use"]


def test_a_container_of_our_image_that_no_run_made_is_a_bystander(client, entries):
    with running(client, "somebodys", BURN):
        answer = survey(entries[0])

    assert (answer.ours, answer.others) == (0, 1)
