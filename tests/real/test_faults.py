"""Docker hosts and containers fail during a run: it ends, the books balance, and what is not ours is not touched."""

import signal
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import replace

import docker
import pytest

from policies.log import Event, Log
from policies.placement import Placer
from policies.placement.scores import spread
from policies.requests import Demand, Group, Job, Resources, Task
from policies.scheduling import ARCHITECTURES, Settings
from policies.scheduling.scheduler import DecisionTime
from real import Rules, Sea, SeaOptions
from real.engine import WORK_S, connect
from real.labels import OWNER, Ours, this_owner
from real.load import command, image
from real.running.host import Limits
from real.running.survey import clean_up, prepare, remove_all, survey
from real.testbed import TestbedOptions
from traces.inventory import read_inventory
from traces.replay import replay as replays
from traces.trace import Arrival, steady

pytestmark = [pytest.mark.docker, pytest.mark.slow]

MIB = 2**20
OURS = Ours("tests", "faults")
#: Hosts that fail are found out within two seconds.
IMPATIENT = Limits(answer_s=2.0, work_s=3.0, heartbeat_s=0.3, ping_s=0.5, missed_pings=3)
LIGHT = steady(Demand(0.02, 4.0 * MIB))
#: Of what fails by itself, so that its command can tell it from others.
FAILING_MILLI = 51


@pytest.fixture(autouse=True)
def soon_again(monkeypatch):
    """What failed is submitted again sooner than at work."""
    monkeypatch.setattr(replays, "BACK_OFF_S", 0.5)


@pytest.fixture(scope="module")
def entries(inventory):
    return [replace(entry, fence="") for entry in read_inventory(inventory)]


@pytest.fixture(scope="module")
def ready(entries):
    """Speed and image of the hosts, which a fault does not change."""
    surveyed = survey(entries, OURS)
    prepare(surveyed)
    yield [one.entry for one in surveyed]
    assert clean_up(surveyed, OURS) == []


@contextmanager
def stranger(entry, name="stranger", labels=None, **limits):
    """A container that is nobody's of ours though its image is; afterwards it must not have been touched."""
    with closing(connect(entry, WORK_S)) as client:
        image.ensure(client)
        with suppress(docker.errors.NotFound):
            client.remove_container(name, force=True)
        made = client.create_container(
            image.tag(), ["run", "--units-per-s", "1e7", "w=600,cpu=0.01,memory=1000000"], name=name, labels=labels,
            host_config=client.create_host_config(network_mode="none", **limits),
        )["Id"]  # fmt: skip
        try:
            client.start(made)
            before = client.inspect_container(made)["State"]
            yield made
            after = client.inspect_container(made)["State"]
            assert after["Running"]
            assert after["StartedAt"] == before["StartedAt"]
        finally:
            client.remove_container(made, force=True)


@pytest.fixture(autouse=True)
def bystander(request):
    """Beside every fault, on a host that has none."""
    if "ready" not in request.fixturenames:
        yield
        return
    entry = request.getfixturevalue("ready")[1]
    with stranger(entry, "bystander", nano_cpus=20_000_000, mem_limit=32 * MIB):
        yield


class Live(Log):
    """A log that is read while it is written."""

    def say(self, *args, **kwargs):
        super().say(*args, **kwargs)
        self.flush()


class Voyage:
    """A run in a thread of its own, with its books checked after every event."""

    def __init__(self, entries, arrivals, ours=OURS, **rules):
        self._ours, self._arrivals, self.rows, self._raised = ours, arrivals, [], None
        self.surveyed = survey(entries, ours)
        rules = Rules(**{"limits": IMPATIENT, "lost_after_s": 60.0} | rules)
        self._log = Live([self.rows.extend])
        self.sea = Sea(
            self.surveyed, ours, ARCHITECTURES["monolithic"](), Settings(decision_time=DecisionTime(0.02, 0.0)),
            lambda name: Placer(spread), self._log, SeaOptions(rules=rules, audit=True, sample_s=0.5),
        )  # fmt: skip
        self._thread = threading.Thread(target=self._sail, daemon=True)

    def _sail(self):
        try:
            self.sea.run(iter(self._arrivals))
        except BaseException as error:
            self._raised = error

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self._thread.join(60.0)
            assert not self._thread.is_alive(), "the run does not end"
        for one in self.surveyed:
            with closing(connect(one.entry, WORK_S)) as client:
                remove_all(client, self._ours)
        if kind is None:
            if self._raised is not None:
                raise self._raised
            self.sea.check()
            assert not self.sea.snapshot().allocated.any()

    def until(self, condition, what, limit_s=30.0):
        end_s = time.monotonic() + limit_s
        while not condition():
            assert self._raised is None, self._raised
            assert time.monotonic() < end_s, f"{what} did not come about: {self.sea.notes()}"
            time.sleep(0.02)

    def hosts(self, event):
        """Where something happened to containers, in order."""
        return [row.host for row in list(self.rows) if row.event is event]

    def wait_for(self, event, n, limit_s=30.0):
        self.until(lambda: len(self.hosts(event)) >= n, f"{n} times {event.name}", limit_s)


def job(name, run_s, tasks=1, milli=100, memory=16 * MIB, submit_s=0.0, behaviour=LIGHT):
    asked = Job(name, submit_s, "batch", (Group(Task(Resources(milli, memory)), tasks),))
    return Arrival(asked, (float(run_s),), (behaviour,))


@contextmanager
def healed(testbed, host, *how):
    """Undo what is done to a host, whatever becomes of the test."""
    try:
        yield
    finally:
        for fault in how:
            with suppress(Exception):
                testbed.fault(host, fault)


def starts_of(entries, since_s):
    """How often each job's containers were started, as the Engines remember it."""
    counts = {}
    for entry in entries:
        with closing(connect(entry)) as client:
            filters = {"type": "container", "event": "start", "label": [f"{OWNER}={OURS.owner}"]}
            for event in client.events(since=since_s, until=time.time(), filters=filters, decode=True):
                name = event["Actor"]["Attributes"]["towtank.job"]
                counts[name] = counts.get(name, 0) + 1
    return counts


@pytest.mark.parametrize("fault", ["kill", "crash"])
def test_containers_that_ended_with_their_engine_are_done_again(testbed, ready, fault):
    with healed(testbed, "h1", "start"), Voyage(ready, [job("j", 5.0, tasks=3)]) as voyage:
        voyage.wait_for(Event.STARTED, 3)
        testbed.fault("h1", fault)
        voyage.wait_for(Event.HOST_LOST, 1)
        assert voyage.hosts(Event.KILLED) == []  # nobody knows that yet
        testbed.fault("h1", "start")

    assert voyage.hosts(Event.KILLED) == [0]
    assert len(voyage.hosts(Event.FINISHED)) == 3
    assert len(voyage.hosts(Event.STARTED)) == 4


def test_containers_that_outlive_their_engine_go_on(alone, tmp_path):
    options = TestbedOptions(name="towtank-tl", subnet=81, cpus=0.6, live_restore=True)
    with alone(options, 1) as bed:
        path = tmp_path / "hosts.toml"
        path.write_text(bed.inventory_text())
        surveyed = survey([replace(entry, fence="") for entry in read_inventory(path)], OURS)
        prepare(surveyed)
        with Voyage([one.entry for one in surveyed], [job("j", 7.0)]) as voyage:
            voyage.wait_for(Event.STARTED, 1)
            bed.fault("h1", "kill")
            voyage.wait_for(Event.HOST_LOST, 1)
            bed.fault("h1", "start")

    assert [row.event for row in voyage.rows if row.event in (Event.STARTED, Event.KILLED, Event.FINISHED)] == [
        Event.STARTED,
        Event.FINISHED,
    ]


@pytest.mark.parametrize(("breaks", "heals"), [("freeze", "thaw"), ("cut", "heal")])
def test_what_runs_on_a_host_that_is_silent_for_a_while_is_not_lost(testbed, ready, breaks, heals):
    with (
        stranger(ready[0], nano_cpus=20_000_000, mem_limit=32 * MIB),
        healed(testbed, "h1", heals),
        Voyage(ready, [job("j", 3.0, tasks=3)]) as voyage,
    ):
        voyage.wait_for(Event.STARTED, 3)
        testbed.fault("h1", breaks)
        voyage.wait_for(Event.HOST_LOST, 1)
        voyage.wait_for(Event.FINISHED, 2)  # on the others: a host that hangs costs itself only
        time.sleep(0.5)
        assert 0 not in voyage.hosts(Event.FINISHED)
        testbed.fault("h1", heals)

    assert sorted(voyage.hosts(Event.FINISHED)) == [0, 1, 2]
    assert voyage.hosts(Event.KILLED) == []
    assert voyage.hosts(Event.HOST_JOINED) == [0]


def test_what_runs_behind_a_cut_for_too_long_is_given_up_and_started_nowhere_else(testbed, ready):
    since_s = time.time()
    with (
        healed(testbed, "h1", "heal"),
        stranger(ready[0]),
        healed(testbed, "h1", "heal"),
        Voyage(ready, [job("j", 6.0, tasks=3)], lost_after_s=2.0) as voyage,
    ):
        voyage.wait_for(Event.STARTED, 3)
        testbed.fault("h1", "cut")
        voyage.wait_for(Event.KILLED, 1)
        voyage.wait_for(Event.FINISHED, 2)
        voyage.until(lambda: not voyage._thread.is_alive(), "the end of the run")
        testbed.fault("h1", "heal")

    assert voyage.hosts(Event.KILLED) == [0]
    assert len(voyage.hosts(Event.STARTED)) == 3
    assert any("started nowhere else" in note for note in voyage.sea.notes())
    assert starts_of(ready, since_s) == {"j": 3}


def test_what_ran_behind_a_cut_is_done_elsewhere_once_its_host_was_fenced(testbed, ready):
    fence = f"{sys.executable} -m experiments testbed fault h1 crash --name towtank-test"
    fenced = [replace(ready[0], fence=fence), *ready[1:]]
    with healed(testbed, "h1", "heal", "start"), Voyage(fenced, [job("j", 8.0, tasks=3)]) as voyage:
        voyage.wait_for(Event.STARTED, 3)
        testbed.fault("h1", "cut")
        voyage.wait_for(Event.KILLED, 1)
        assert testbed.status()[0].containers == 0
        voyage.wait_for(Event.FINISHED, 3)
        testbed.fault("h1", "heal")
        testbed.fault("h1", "start")

    assert voyage.hosts(Event.KILLED) == [0]
    assert len(voyage.hosts(Event.FINISHED)) == 3
    assert 0 not in voyage.hosts(Event.FINISHED)
    assert any("was fenced" in note for note in voyage.sea.notes())


def test_what_a_hung_disk_does_not_make_runs_elsewhere_and_not_twice(testbed, ready):
    since_s = time.time()
    work = [job("first", 8.0, tasks=3), *(job(f"j{n}", 1.0, milli=150, submit_s=2.5) for n in range(3))]
    with (
        stranger(ready[0], nano_cpus=20_000_000, mem_limit=32 * MIB),
        healed(testbed, "h1", "unhang"),
        Voyage(ready, work) as voyage,
    ):
        voyage.wait_for(Event.STARTED, 3)
        testbed.fault("h1", "hang")
        voyage.wait_for(Event.KILLED, 1)
        voyage.until(lambda: sum(host > 0 for host in voyage.hosts(Event.FINISHED)) >= 3, "the work of the others")
        assert voyage.hosts(Event.HOST_JOINED) == []  # it answers every ping, and makes no container
        testbed.fault("h1", "unhang")
        voyage.wait_for(Event.HOST_JOINED, 1)

    assert set(voyage.hosts(Event.KILLED)) == {0}
    assert len(voyage.hosts(Event.FINISHED)) == 6
    assert starts_of(ready, since_s) == {"first": 3, "j0": 1, "j1": 1, "j2": 1}


def test_containers_that_fail_are_tried_again_as_often_as_the_rules_say(ready):
    def told(behaviour, need, run_s, units_per_s):
        fault = command.Fault(exit_code=1) if need.cpu_milli == FAILING_MILLI else command.NO_FAULT
        return command.run(behaviour, need, run_s, units_per_s, fault)

    greedy = steady(Demand(0.1, 64.0 * MIB))
    work = [job("fails", 0.2, milli=FAILING_MILLI), job("greedy", 5.0, behaviour=greedy), job("well", 3.0)]
    with Voyage(ready, work, command=told, restarts=1) as voyage:
        pass

    ends = [
        (row.job, row.event) for row in voyage.rows if row.event in (Event.FAILED, Event.OUT_OF_MEMORY, Event.FINISHED)
    ]
    assert sorted(ends) == [
        ("fails", Event.FAILED), ("fails", Event.FAILED),
        ("greedy", Event.OUT_OF_MEMORY), ("greedy", Event.OUT_OF_MEMORY),
        ("well", Event.FINISHED),
    ]  # fmt: skip
    assert any("'fails' ended with exit code 1" in note for note in voyage.sea.notes())


def test_what_cannot_start_failed_and_never_ran(ready):
    with Voyage(ready, [job("j", 1.0, tasks=2)], network="nowhere", restarts=1) as voyage:
        pass

    assert len(voyage.hosts(Event.FAILED)) == 4
    assert voyage.hosts(Event.STARTED) == []
    assert any("network nowhere not found" in note for note in voyage.sea.notes())


def test_a_container_that_somebody_kills_or_removes_is_an_event(ready):
    with Voyage(ready, [job("removed", 30.0), job("killed", 30.0)], restarts=0) as voyage:
        voyage.wait_for(Event.STARTED, 2)
        for entry in ready:
            with closing(connect(entry, WORK_S)) as client:
                for one in client.containers(filters=OURS.filters()):
                    if one["Labels"]["towtank.job"] == "removed":
                        client.remove_container(one["Id"], force=True)
                    else:
                        client.kill(one["Id"])

    assert len(voyage.hosts(Event.KILLED)) + len(voyage.hosts(Event.FAILED)) == 2
    assert voyage.hosts(Event.FAILED)
    assert voyage.hosts(Event.FINISHED) == []


def test_what_others_start_and_end_during_a_run_is_not_ours_to_give(ready):
    with Voyage(ready, [job("j", 6.0)]) as voyage:
        voyage.wait_for(Event.STARTED, 1)
        whole = int(voyage.sea.snapshot().capacity[0, 2])
        with stranger(ready[2], nano_cpus=300_000_000, mem_limit=64 * MIB):
            voyage.until(lambda: voyage.sea.snapshot().capacity[0, 2] == whole - 300, "less room")
        voyage.until(lambda: voyage.sea.snapshot().capacity[0, 2] == whole, "more room")

    assert voyage.hosts(Event.HOST_RESIZED) == [2, 2]


def test_a_stranger_that_has_a_name_of_ours_is_left_alone(ready):
    with ExitStack() as strangers:
        for entry in ready:  # wherever the first container goes, its name is taken
            strangers.enter_context(stranger(entry, f"towtank-{OURS.run}-1", nano_cpus=20_000_000, mem_limit=32 * MIB))
        with Voyage(ready, [job("j", 1.0)]) as voyage:
            pass

    assert len(voyage.hosts(Event.FAILED)) == len(voyage.hosts(Event.FINISHED)) == 1
    assert any("not of this run" in note for note in voyage.sea.notes())


# -- the process itself -----------------------------------------------------------------------------------------


@pytest.fixture
def run(inventory, tmp_path):
    """Start ``towtank run`` on the testbed with containers that run for so long, and give its process."""
    processes = []

    def start(run_s):
        trace = tmp_path / "jobs.csv"
        trace.write_text(
            f"job,submit_s,workload,tasks,duration_s,cpus,memory_bytes\nj,0,batch,3,{run_s},0.05,16777216\n"
        )
        words = [
            "run", "--on", f"docker:{inventory}", "--yes", "--trace", str(trace), "--architecture", "monolithic",
            "--policy", "spread", "--out", str(tmp_path / "out"), "--no-figures",
        ]  # fmt: skip
        process = subprocess.Popen(
            [sys.executable, "-m", "experiments", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        if process.poll() is None:
            process.kill()
        process.communicate()


def running(entries):
    filters = Ours(this_owner(), "").filters()
    filters["label"].append("towtank.job")
    count = 0
    for entry in entries:
        with closing(connect(entry)) as client:
            count += len(client.containers(filters=filters))
    return count


def left(entries):
    """Everything of ours on hosts, running or not."""
    filters = Ours(this_owner(), "").filters()
    things = []
    for entry in entries:
        with closing(connect(entry)) as client:
            things += client.containers(all=True, filters=filters)
            things += client.volumes(filters=filters)["Volumes"] or ()
    return things


def wait_until(condition, what, limit_s=40.0):
    end_s = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < end_s, f"{what} did not come about"
        time.sleep(0.05)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_run_that_is_ended_leaves_nothing(run, ready, number, code):
    process = run(600)
    wait_until(lambda: running(ready) == 3, "a run with three containers")

    process.send_signal(number)
    _, said = process.communicate(timeout=30)

    assert process.returncode == code, said
    assert said.strip() == "towtank: interrupted; the same command with the same --out goes on from here"
    assert left(ready) == []


def test_a_run_that_was_killed_is_cleaned_up_after_by_command_or_by_itself_the_next_time(run, ready, inventory):
    def kill():
        process = run(4)
        wait_until(lambda: running(ready) == 3, "a run with three containers")
        process.kill()
        process.wait()
        assert len(left(ready)) == 6  # and a volume on each host

    kill()
    clean = [sys.executable, "-m", "experiments", "hosts", "clean", str(inventory), "--yes"]
    done = subprocess.run(clean, capture_output=True, text=True, timeout=60, check=True)
    assert "removed 6 of 6" in done.stdout
    assert left(ready) == []

    kill()
    said, wrong = run(4).communicate(timeout=60)
    assert "containers of an earlier attempt at this run were removed" in said, wrong
    assert left(ready) == []


def test_a_second_interrupt_ends_a_clean_up_that_hangs_and_says_what_is_to_be_done(run, ready, testbed, inventory):
    process = run(600)
    wait_until(lambda: running(ready) == 3, "a run with three containers")
    with healed(testbed, "h1", "unhang"):
        testbed.fault("h1", "hang")
        process.send_signal(signal.SIGINT)
        wait_until(lambda: running(ready) == 1, "a clean host beside one that hangs")
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=20)

    assert process.returncode == 130
    assert f"what is left, towtank hosts clean {inventory} --run " in said
    assert "Traceback" not in said
    clean = [sys.executable, "-m", "experiments", "hosts", "clean", str(inventory), "--yes"]
    subprocess.run(clean, capture_output=True, timeout=60, check=True)
    assert left(ready) == []
