"""The load container does a fixed work, no faster than it is told; neighbours make it longer, not less."""

import contextlib
import io
import json
import os
import re
import shutil
import signal
import subprocess
import tarfile
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import docker
import pytest

from policies.errors import UserError
from policies.requests import Demand, Resources
from real.load import command, image, report
from traces.trace import Phase, steady

MIB = 2**20
#: Far more than fits between two looks at a clock.
HARDLY_S = 1e-3


class Ended(NamedTuple):
    code: int
    said: report.Report
    moved_bytes: tuple[int, int]  # read and written, as the kernel counted


@pytest.fixture(scope="session")
def program(tmp_path_factory) -> Path:
    if not os.environ.get("CC") and shutil.which("gcc") is None:
        pytest.skip("no C compiler: the load container's program cannot be made")
    return image.program(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def units_per_s(program) -> float:
    speed = report.calibrated(subprocess.run([program, *command.calibrate(0.1)], capture_output=True).stdout)
    assert speed is not None
    return speed


@pytest.fixture
def scratch(program, tmp_path) -> Path:
    """A folder on a disk that can be written past the page cache, with a file to read."""
    made = run(program, ["prepare", str(4 * MIB), str(tmp_path / "data")])
    if made.code or not made.moved_bytes[1]:
        pytest.skip(f"{tmp_path} is not on a disk that takes direct writes")
    return tmp_path


@contextlib.contextmanager
def started(program: Path, words: list[str], scratch: Path | None = None) -> Iterator[subprocess.Popen]:
    if scratch is not None:
        words = [words[0], "--data", str(scratch / "data"), "--scratch", str(scratch), *words[1:]]
    with subprocess.Popen([program, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()


def wait_for(process: subprocess.Popen, event: str) -> None:
    for line in process.stdout:
        if json.loads(line)["event"] == event:
            return
    raise AssertionError(f"no {event}: {process.stderr.read()}")


def ended(process: subprocess.Popen, before: bytes = b"") -> Ended:
    said = before + process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    # The kernel counts what went past the page cache in blocks of 512 bytes, of which a page has 8.
    return Ended(process.returncode, report.parse(said), (usage.ru_inblock * 512, usage.ru_oublock * 512))


def run(program: Path, words: list[str], scratch: Path | None = None) -> Ended:
    with started(program, words, scratch) as process:
        return ended(process)


def told(work_s: float, *demands: Demand, units_per_s: float = 1e5, fault: command.Fault = command.NO_FAULT) -> list:
    phases = tuple(Phase(1 / len(demands), demand) for demand in demands)
    return command.run(phases, Resources(), work_s, units_per_s, fault)


# -- the work ------------------------------------------------------------------------------------------------------


def test_work_is_as_many_units_as_were_asked_for_of_any_number_of_threads(program):
    said = run(program, told(0.3, Demand(0.31, 0), Demand(2.5, 0), Demand(0, 0), units_per_s=12345.0)).said

    assert said.done
    assert said.units == round(0.1 * 0.31 * 12345) + round(0.1 * 2.5 * 12345)


def test_two_on_one_core_do_all_their_work_in_turns(program, units_per_s):
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        words = told(0.4, Demand(1, 0), units_per_s=units_per_s)
        with started(program, words) as one, started(program, words) as other:
            both = [ended(one), ended(other)]
    finally:
        os.sched_setaffinity(0, cores)

    said = [each.said for each in both]
    assert [each.units for each in said] == [round(0.4 * units_per_s)] * 2
    together_s = max(each.began_s + each.wall_s for each in said) - min(each.began_s for each in said)
    # A clock that counts CPU time differently from the wall by an interrupt or two.
    assert together_s >= 0.98 * sum(each.cpu_s for each in said)
    for each in said:
        # Hyperthreads and clocks that change make a core-second of now a little different from that of the calibration.
        assert each.cpu_s == pytest.approx(0.4, rel=0.4)


def test_a_thread_that_computes_uses_the_cpu_for_that_part_of_the_time_that_it_is_told(program, units_per_s):
    said = run(program, told(0.5, Demand(0.2, 0), units_per_s=units_per_s)).said

    assert said.cpu_s == pytest.approx(0.1, rel=0.4)
    assert said.wall_s >= 0.5


def test_bytes_are_those_that_were_asked_for_in_whole_pages(program, scratch):
    demand = Demand(0, 0, disk_read_bps=3_000_000, disk_write_bps=5_000_000, io_size_bytes=24 * 1024, random_io=0.3)

    end = run(program, told(0.2, demand, demand._replace(disk_write_bps=0)), scratch)

    read, written = 2 * round(3_000_000 * 0.1 / 4096) * 4096, round(5_000_000 * 0.1 / 4096) * 4096
    assert (end.said.read_bytes, end.said.written_bytes) == (read, written)
    # What a file system reads and writes for itself is little, or charged to somebody else.
    assert read <= end.moved_bytes[0] <= read + MIB
    assert written <= end.moved_bytes[1] <= written + MIB


@pytest.mark.parametrize(
    "demand",
    [Demand(0.1, 0), Demand(0, 0), Demand(0.1, 0, 1e6, 1e6, 4096, 0.5), Demand(0.2, 0, 2e6, 0, MIB)],
    ids=["computes", "sleeps", "reads and writes", "reads rarely"],
)
def test_alone_it_takes_its_time_and_never_less(program, scratch, units_per_s, demand):
    words = told(0.6, demand, units_per_s=units_per_s)

    # Others use this machine too: one undisturbed run of several is enough, but none may be too short.
    for _ in range(5):
        wall_s = run(program, words, scratch).said.wall_s
        assert wall_s >= 0.6
        if wall_s < 0.6 * 1.15:
            break
    else:
        pytest.fail(f"it took {wall_s} s for 0.6 s of work, and no less")


def test_who_was_stopped_does_not_catch_up(program):
    with started(program, told(0.5, Demand(0, 0))) as process:
        wait_for(process, "began")
        run(program, told(0.1, Demand(0, 0)))  # until it is in the middle of its work
        process.send_signal(signal.SIGSTOP)
        other = run(program, told(0.5, Demand(0, 0))).said
        process.send_signal(signal.SIGCONT)
        said = ended(process).said

    # What was left of the slice in which it was stopped may pass meanwhile.
    assert said.wall_s >= 0.5 + other.wall_s - 0.5 / 10 - HARDLY_S


def test_memory_is_had_and_given_back_and_leaks_where_it_should(program):
    phases = (Phase(0.0, Demand(0, 0)), Phase(0.1, Demand(0, 96 * MIB)), Phase(0.9, Demand(0, 24 * MIB)))
    words = command.run(phases, Resources(), 1.5, 1e5, command.Fault(leak_bps=16 * MIB))

    with started(program, words) as process:
        wait_for(process, "began")
        at_first = memory_bytes(process.pid)["VmRSS"]
        wait_for(process, "progress")
        later = memory_bytes(process.pid)

    # The kernel's own part of it is not resident memory of the process.
    assert 92 * MIB < at_first < 96 * MIB
    assert 92 * MIB < later["VmHWM"] < 104 * MIB
    assert (24 + 12) * MIB < later["VmRSS"] < (24 + 32) * MIB


def memory_bytes(pid: int) -> dict[str, int]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {line.split(":")[0]: int(line.split()[1]) * 1024 for line in lines if line.startswith("Vm")}


# -- how it ends ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_whatever_ends_it_leaves_nothing_on_the_disk(program, scratch, number, code):
    before = sorted(scratch.iterdir())
    with started(program, told(10.0, Demand(0, 0, disk_write_bps=1e6)), scratch) as process:
        wait_for(process, "began")
        process.send_signal(number)
        end = ended(process)

    assert end.code == code
    assert not end.said.done
    assert sorted(scratch.iterdir()) == before


def test_it_goes_wrong_as_it_is_told(program):
    work = Demand(0, 0)

    assert run(program, told(0.01, work, fault=command.Fault(exit_code=7))).code == 7
    assert run(program, told(float("inf"), work, fault=command.Fault(die_after_s=0.05))).code == 1
    late = run(program, told(float("inf"), work, fault=command.Fault(exit_code=9, die_after_s=0.05)))
    assert (late.code, late.said.done) == (9, False)


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["run", "w=1,cpu=1"], "--units-per-s"),
        (["run", "w=1,disk=1"], "disk"),
        (["run", "cpu=1"], "w"),
        (["run", "w=1x"], "1x"),
        (["run", "w=1,request=1000"], "4096"),
        (["run", "w=1,cpu=1e9"], "cpu"),
        (["run", "--slice", "0", "w=1"], "--slice"),
        (["prepare", "12"], "prepare"),
    ],
)
def test_wrong_arguments_are_one_line_that_names_them(program, words, what):
    done = subprocess.run([program, *words], capture_output=True, text=True)

    assert done.returncode == 2
    assert what in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_file_to_read_is_made_once(program, scratch):
    before = (scratch / "data").stat()

    subprocess.run([program, "prepare", str(2 * MIB), scratch / "data"], check=True)

    assert (scratch / "data").stat().st_mtime_ns == before.st_mtime_ns
    assert before.st_size == 4 * MIB
    assert before.st_blocks * 512 >= 4 * MIB


def test_who_has_nothing_to_read_says_so(program, tmp_path):
    with started(program, told(1.0, Demand(0, 0, disk_read_bps=1e6)), tmp_path) as process:
        _, errors = process.communicate()

    assert process.returncode == 1
    assert b"burn prepare" in errors


# -- what it is told -----------------------------------------------------------------------------------------------


def test_without_a_behaviour_a_container_uses_what_it_asks_for():
    need = Resources(cpu_milli=250, memory_bytes=3 * MIB)

    assert command.run(None, need, 2.0, 1e5) == command.run(steady(Demand(0.25, 3 * MIB)), need, 2.0, 1e5)


def test_phases_share_the_time_and_those_without_time_are_none():
    phases = (Phase(0.25, Demand(1, 0)), Phase(0.0, Demand(9, 0)), Phase(0.75, Demand(2, 0)))

    said = command.run(phases, Resources(), 8.0, 1e5)[3:]

    assert [word.partition(",")[0] for word in said] == ["w=2", "w=6"]
    assert command.threads(phases, Resources()) == 2 + 2
    assert command.run(phases, Resources(), float("inf"), 1e5)[3].startswith("w=inf,")


@pytest.mark.parametrize(("run_s", "units_per_s"), [(-1.0, 1.0), (float("nan"), 1.0), (1.0, 0.0), (1.0, float("inf"))])
def test_no_container_is_told_nonsense(run_s, units_per_s):
    with pytest.raises(ValueError, match="cannot"):
        command.run(None, Resources(), run_s, units_per_s)


def test_what_is_not_done_as_the_trace_says_is_told():
    reads = Demand(0, 0, disk_read_bps=1e6, io_size_bytes=512, net_bps=1e6)

    notes = command.assumptions([None, steady(reads), steady(reads._replace(io_size_bytes=64 * MIB, net_bps=0))])

    assert [note.split()[0] for note in notes] == ["1", "1", "1", "1"]
    assert any("network" in note for note in notes)
    assert command.assumptions([steady(Demand(1, 0))]) == []


# -- the image -----------------------------------------------------------------------------------------------------


def test_the_image_depends_on_nothing_but_the_program():
    packed = image.archive(b"program", "amd64")

    assert packed == image.archive(b"program", "amd64")
    assert packed != image.archive(b"another", "amd64")
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        (manifest,) = json.load(tar.extractfile("manifest.json"))
        config = json.load(tar.extractfile(manifest["Config"]))
        with tarfile.open(fileobj=tar.extractfile(manifest["Layers"][0])) as layer:
            members = {member.name: member for member in layer}
            held = layer.extractfile("burn").read()
    assert manifest["RepoTags"] == [image.tag()]
    assert len(manifest["Layers"]) == len(config["rootfs"]["diff_ids"]) == 1
    assert config["config"]["Labels"] == {"towtank.image": "load"}
    assert set(members) == {"burn", "scratch"}
    assert held == b"program"
    assert members["burn"].mode & 0o111


def test_the_program_is_made_once(program):
    before = program.stat().st_mtime_ns

    assert image.program(program.parent) == program
    assert program.stat().st_mtime_ns == before
    assert [path.name for path in program.parent.iterdir()] == [program.name]


def test_without_a_compiler_one_line_says_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.setenv("CC", "no-such-compiler")

    with pytest.raises(UserError, match=r"\Ano-such-compiler: [^\n]*gcc[^\n]*\Z"):
        image.program(tmp_path)


def test_people_with_a_registry_get_the_same_program():
    recipe = (Path(image.__file__).parent / "Dockerfile").read_text()

    assert re.search(r"gcc (.*) -o /burn burn.c (\S+)", recipe).groups() == (
        " ".join(image.FLAGS),
        " ".join(image.LIBRARIES),
    )
    assert all(f"LABEL {key}={value}" in recipe for key, value in image.LABELS.items())


# -- what it said --------------------------------------------------------------------------------------------------


def test_a_log_that_is_cut_off_anywhere_is_read_as_far_as_it_goes(program, units_per_s):
    log = subprocess.run([program, *told(0.01, Demand(1, 0), units_per_s=units_per_s)], capture_output=True).stdout

    reports = [report.parse(b"burn: what somebody else said\n" + log[:end]) for end in range(len(log))]

    assert reports[0] == report.Report()
    assert [each.done for each in reports] == sorted(each.done for each in reports)
    assert report.parse(log).done
    assert report.parse(log).cgroup.cores == len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("files", "wanted"),
    [
        (
            {
                "cpu.shares": "512",
                "cpu.cfs_quota_us": "25000",
                "cpu.cfs_period_us": "100000",
                "memory.limit_in_bytes": "67108864",
                "blkio.bfq.weight": "300",
            },
            (512, None, 0.25, 64 * MIB, 300),
        ),
        (
            {
                "cpu.shares": "1024",
                "cpu.cfs_quota_us": "-1",
                "cpu.cfs_period_us": "100000",
                "memory.limit_in_bytes": "9223372036854771712",
            },
            (1024, None, None, None, None),
        ),
        (
            {"cpu.weight": "39", "cpu.max": "50000 100000", "memory.max": "67108864", "io.weight": "default 50"},
            (None, 39, 0.5, 64 * MIB, 50),
        ),
        ({"cpu.weight": "100", "cpu.max": "max 100000", "memory.max": "max"}, (None, 100, None, None, None)),
        ({}, (None, None, None, None, None)),
    ],
    ids=["version 1", "version 1 unlimited", "version 2", "version 2 unlimited", "nothing there"],
)
def test_either_version_of_control_groups_is_read(files, wanted):
    log = json.dumps({"event": "cgroup", "cores": 2, "files": files}).encode()

    cgroup = report.parse(log).cgroup

    assert cgroup[1:6] == wanted
    assert cgroup.files == files


# -- in a container ------------------------------------------------------------------------------------------------


class Sea(NamedTuple):
    """A host, and the volume of its disk that containers share."""

    api: docker.APIClient
    volume: str

    def run(self, words: list[str], memory_bytes: int = 64 * MIB, **limits) -> tuple[dict, bytes]:
        """Run a container that may do nothing but its work, and give what the Engine and itself say of its end."""
        api = self.api
        config = api.create_host_config(
            network_mode="none",
            read_only=True,
            cap_drop=["ALL"],
            security_opt=["no-new-privileges"],
            mem_limit=memory_bytes,
            memswap_limit=memory_bytes,
            binds=[f"{self.volume}:{command.SCRATCH}"],
            **limits,
        )
        container = api.create_container(image.tag(), words, host_config=config, labels={"towtank.owner": "test"})["Id"]
        try:
            api.start(container)
            api.wait(container)
            return api.inspect_container(container)["State"], api.logs(container)
        finally:
            api.remove_container(container, force=True)


@pytest.fixture(scope="module")
def sea(testbed, program):
    address = tomllib.loads(testbed.inventory_text())["host"][0]["address"]
    api = docker.APIClient(address, version="auto", timeout=30)
    image.ensure(api, program.parent)
    volume = api.create_volume("towtank-test-load", labels={"towtank.owner": "test"})["Name"]
    try:
        yield Sea(api, volume)
    finally:
        api.remove_volume(volume)
        api.close()


@pytest.mark.docker
def test_an_engine_has_the_image_and_is_not_given_it_twice(sea, program, monkeypatch):
    labels = sea.api.inspect_image(image.tag())["Config"]["Labels"]
    monkeypatch.setattr(image, "program", lambda _: pytest.fail("it was made again"))

    assert image.ensure(sea.api, program.parent) == image.tag()
    assert labels == image.LABELS


@pytest.mark.docker
def test_a_container_that_may_do_nothing_else_does_its_work_within_what_was_asked_for(sea):
    units_per_s = report.calibrated(sea.run(command.calibrate(0.1))[1])
    sea.run(command.prepare(4 * MIB))
    behaviour = steady(Demand(0.2, 64 * MIB, 1e6, 2e6, 64 * 1024, 0.5))
    need = Resources(cpu_milli=500, memory_bytes=64 * MIB)

    state, log = sea.run(
        command.run(behaviour, need, 1.0, units_per_s),
        cpu_shares=512,
        cpu_quota=50_000,
        cpu_period=100_000,
        pids_limit=command.threads(behaviour, need),
    )

    said = report.parse(log)
    assert (state["ExitCode"], state["OOMKilled"], said.done) == (0, False, True)
    assert said.units == round(0.2 * units_per_s)
    assert (said.read_bytes, said.written_bytes) == (round(1e6 / 4096) * 4096, round(2e6 / 4096) * 4096)
    assert said.wall_s >= 1.0
    assert (said.cgroup.memory_bytes, said.cgroup.cpu_quota_cores) == (64 * MIB, 0.5)
    # Of version 2 an Engine makes a weight of the shares, whose formula has changed.
    assert said.cgroup.cpu_shares == 512 or said.cgroup.cpu_weight < 100


@pytest.mark.docker
def test_a_container_that_leaks_is_killed_by_its_limit(sea):
    fault = command.Fault(leak_bps=256 * MIB)

    state, log = sea.run(command.run(None, Resources(memory_bytes=16 * MIB), 60.0, 1e5, fault), 32 * MIB)

    assert (state["ExitCode"], report.parse(log).done) == (137, False)
