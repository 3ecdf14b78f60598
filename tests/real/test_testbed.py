"""Hosts of a testbed are hosts of their own, fail as they are told, and leave nothing behind."""

import hashlib
import io
import json
import mmap
import os
import re
import signal
import subprocess
import sys
import tarfile
import threading
import time
import tomllib
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import docker
import pytest
from requests.exceptions import ConnectionError as NoConnection
from requests.exceptions import ReadTimeout

from policies.errors import UserError
from policies.sharing import device_time, disk_named
from real.testbed import FAULTS, SlowDisk, Testbed, TestbedOptions
from real.testbed.cgroups import Cgroups, Hierarchy

NAME, SUBNET = "towtank-tb", 78
MIB = 1 << 20
CPUS, SLOW = 0.4, SlowDisk(10e6, 500)
KIB_64 = 65536

#: What our containers run: it waits until it is asked to end, burns, or eats memory.
PROGRAM = r"""
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
static void end(int signal) { (void)signal; _exit(0); }
int main(int count, char **words)
{
    signal(SIGTERM, end);
    if (count > 2 && !strcmp(words[1], "eat"))
        for (long mib = 0; mib < atol(words[2]); mib++)
            memset(malloc(1 << 20), 1, 1 << 20);
    else if (count > 1)
        for (;;) {}
    else
        for (;;) pause();
}
"""


@pytest.fixture(scope="module")
def bed(alone):
    options = TestbedOptions(NAME, SUBNET, cpus=CPUS, memory_bytes=128 * MIB, disk_bytes=256 * MIB, slow_disk=SLOW)
    with alone(options, 2) as up:
        yield up


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    """A docker-archive with one static program."""
    folder = tmp_path_factory.mktemp("image")
    (folder / "wait.c").write_text(PROGRAM)
    subprocess.run(["gcc", "-O1", "-static", "-s", "-o", folder / "wait", folder / "wait.c"], check=True)
    layer = tar({"wait": (folder / "wait").read_bytes()})
    digest = hashlib.sha256(layer).hexdigest()
    config = {
        "architecture": os.uname().machine.replace("x86_64", "amd64").replace("aarch64", "arm64"), "os": "linux",
        "config": {"Entrypoint": ["/wait"]}, "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
    }  # fmt: skip
    manifest = [{"Config": "config.json", "RepoTags": ["wait:1"], "Layers": ["layer.tar"]}]
    return tar(
        {
            "config.json": json.dumps(config).encode(),
            "layer.tar": layer,
            "manifest.json": json.dumps(manifest).encode(),
        }
    )


def tar(files):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), 0o755
            archive.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


@contextmanager
def talking(host, timeout=5):
    address = f"tcp://10.77.{SUBNET}.1{host[1:]}:2375"
    with closing(docker.DockerClient(base_url=address, timeout=timeout, version="1.40")) as client:
        yield client


class Running:
    """A container that waits on a host, and its process as this machine knows it."""

    def __init__(self, host, image, *command):
        self._host = host
        with talking(host, 30) as client:
            if not client.images.list("wait:1"):
                client.images.load(image)
            self.id = client.containers.run("wait:1", command, detach=True, network_mode="host").id
            self.pid = self.state()["Pid"]

    def state(self):
        with talking(self._host) as client:
            return client.api.inspect_container(self.id)["State"]

    def lives(self):
        with suppress(OSError):
            return "wait" in Path(f"/proc/{self.pid}/cmdline").read_text()
        return False


@pytest.fixture
def run(bed, image):
    """How to run a container on a host; hosts are whole and empty again afterwards."""
    hosts = set()

    def start(host, *command):
        hosts.add(host)
        return Running(host, image, *command)

    yield start
    for status in bed.status():
        for broken, cure in (("cut", "heal"), ("frozen", "thaw"), ("hung", "unhang"), ("down", "start")):
            if broken in (status.network, status.engine, status.disk):
                bed.fault(status.name, cure)
    for host in hosts:
        with talking(host, 30) as client:
            for container in client.containers.list(all=True):
                container.remove(force=True)


def status_of(bed, host):
    return next(status for status in bed.status() if status.name == host)


def eventually(what, within_s=5.0):
    until = time.monotonic() + within_s
    while not (found := what()) and time.monotonic() < until:
        time.sleep(0.02)
    return found


def left_of(name):
    """All that this machine has of a testbed, asked of its own commands."""

    def said(*words):
        return subprocess.run(words, capture_output=True, text=True, check=True).stdout

    def readable(path):
        with suppress(OSError):
            return path.read_bytes().decode(errors="replace")
        return ""

    # The first process of a container may be slow to reap orphans.
    alive = [path.parent for path in Path("/proc").glob("[0-9]*/stat") if ") Z " not in readable(path)]
    files = [path / what for path in alive for what in ("cgroup", "cmdline", "mountinfo")]
    listed = {
        "processes": [str(path) for path in files if path.name == "cgroup" and f"/{name}/" in readable(path)],
        "commands": [str(path) for path in files if path.name == "cmdline" and f"/{name}-testbed" in readable(path)],
        "mounts": [str(path) for path in files if path.name == "mountinfo" and f"/{name}-testbed" in readable(path)],
        "loops": [line for line in said("losetup", "-a").splitlines() if f"/{name}-h" in line],
        "networks": [line for line in said("ip", "netns").splitlines() if line.startswith(f"{name}-")],
        "links": [line for line in said("ip", "-o", "link").splitlines() if f" {name}-" in line],
        "cgroups": said("find", "/sys/fs/cgroup", "-maxdepth", "2", "-name", name).split(),
        "files": [str(path) for top in ("/run", "/var/tmp") for path in Path(top).glob(f"{name}*")],
    }
    return {what: found for what, found in listed.items() if found}


@pytest.mark.docker
def test_each_engine_is_a_host_of_its_own(bed):
    told = []
    for host in ("h1", "h2"):
        with talking(host) as client:
            told.append(client.info())

    assert [info["Name"] for info in told] == ["h1", "h2"]
    assert told[0]["ID"] != told[1]["ID"]
    assert [info["Labels"] for info in told] == [["rack=r1"], ["rack=r1"]]


@pytest.mark.docker
def test_a_container_of_one_host_is_not_seen_on_the_other(bed, run):
    container = run("h1")

    with talking("h1") as here, talking("h2") as there:
        assert [seen.id for seen in here.containers.list()] == [container.id]
        assert there.containers.list(all=True) == []
        assert there.images.list() == []
    assert [status.containers for status in bed.status()] == [1, 0]


@pytest.mark.docker
@pytest.mark.slow
def test_containers_of_a_host_share_its_cores_and_its_core(bed, run):
    pids = [run("h2", "burn").pid for _ in range(2)]
    core = status_of(bed, "h2").core

    def burnt_s():
        ticks = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11] for pid in pids]
        return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")

    began, before_s = time.monotonic(), burnt_s()
    eventually(lambda: burnt_s() - before_s > 0.5)
    cores = (burnt_s() - before_s) / (time.monotonic() - began)

    # Two periods' worth of quota may come on top of what the time allows.
    assert 0.1 < cores < CPUS * 1.2
    assert [os.sched_getaffinity(pid) for pid in pids] == [{core}] * 2


@pytest.mark.docker
@pytest.mark.slow
def test_containers_of_a_host_share_its_memory(run):
    eater = run("h1", "eat", "200")

    assert eventually(lambda: eater.state()["ExitCode"] == 137)


@pytest.mark.docker
@pytest.mark.slow
def test_containers_outlive_an_engine_that_is_killed_and_end_when_it_is_back(bed, run):
    container = run("h1")

    bed.fault("h1", "kill")

    with pytest.raises(NoConnection), talking("h1") as client:
        client.ping()
    assert container.lives()
    assert (status_of(bed, "h1").engine, status_of(bed, "h1").containers) == ("down", 1)
    bed.fault("h1", "start")
    assert not eventually(container.lives, 0)
    assert container.state()["Status"] == "exited"


@pytest.mark.docker
@pytest.mark.slow
def test_nothing_outlives_a_power_loss(bed, run):
    container = run("h1")

    bed.fault("h1", "crash")

    assert not container.lives()
    with pytest.raises(NoConnection), talking("h1") as client:
        client.ping()
    bed.fault("h1", "start")
    assert container.state()["ExitCode"] == 255


@pytest.mark.docker
@pytest.mark.slow
def test_a_frozen_engine_takes_connections_and_answers_nothing(bed, run):
    container = run("h1")

    bed.fault("h1", "freeze")

    with pytest.raises(ReadTimeout), talking("h1", timeout=0.5) as client:
        client.ping()
    assert container.lives()
    assert status_of(bed, "h1").engine == "frozen"
    bed.fault("h1", "thaw")
    with talking("h1") as client:
        assert client.ping()


@pytest.mark.docker
@pytest.mark.slow
def test_a_host_that_is_cut_off_runs_on_out_of_reach(bed, run):
    container = run("h1")

    bed.fault("h1", "cut")

    with pytest.raises(NoConnection), talking("h1", timeout=0.5) as client:
        client.ping()
    assert container.lives()
    assert status_of(bed, "h1").network == "cut"
    with talking("h2") as client:
        assert client.ping()
    bed.fault("h1", "heal")
    with talking("h1") as client:
        assert client.ping()


@pytest.mark.docker
@pytest.mark.slow
def test_an_engine_on_a_hung_disk_says_it_is_well_and_creates_nothing(bed, run):
    run("h1")

    bed.fault("h1", "hang")

    with talking("h1", timeout=1) as client:
        assert client.ping()
        with pytest.raises(ReadTimeout):
            client.containers.create("wait:1", name="late")
    assert status_of(bed, "h1").disk == "hung"
    bed.fault("h1", "unhang")

    def created():
        with suppress(docker.errors.NotFound), talking("h1") as client:
            return client.containers.get("late")

    # What timed out was done all the same.
    assert eventually(created)


@pytest.mark.docker
@pytest.mark.slow
def test_a_host_that_is_stopped_asks_its_containers_to_end(bed, run):
    container = run("h1")

    bed.fault("h1", "stop")

    assert not container.lives()
    assert status_of(bed, "h1").engine == "down"
    bed.fault("h1", "start")
    assert container.state()["ExitCode"] == 0


@pytest.mark.docker
@pytest.mark.slow
def test_the_fence_holds_whatever_else_is_wrong(bed, run):
    container = run("h1")
    for fault in ("cut", "freeze", "hang"):
        bed.fault("h1", fault)

    fence = tomllib.loads(bed.inventory_text(f"{sys.executable} -m experiments"))["host"][0]["fence"]
    subprocess.run(fence, shell=True, check=True)
    subprocess.run(fence, shell=True, check=True)

    assert not container.lives()
    assert status_of(bed, "h1").engine == "down"


@pytest.mark.docker
@pytest.mark.slow
def test_a_reader_and_two_writers_share_a_slow_disk_by_arrival(bed):
    """Each has one request at a time, of the same size: each gets a third of the device's time."""
    with talking("h2") as client:
        root = client.info()["DockerRootDir"]
    (daemon,) = [
        path.parent for path in Path("/proc").glob("[0-9]*/cmdline")
        if path.read_bytes().startswith(b"dockerd\0") and f"{root}\0".encode() in path.read_bytes()
    ]  # fmt: skip
    # The way to what only the host's processes see.
    folder = daemon / "root" / root.lstrip("/")
    began = threading.Barrier(3)
    done, until = {}, []

    def use(name, call):
        page_aligned = mmap.mmap(-1, KIB_64)
        file = os.open(folder / name, os.O_RDWR | os.O_CREAT | os.O_DIRECT)
        with closing(page_aligned):
            for at in range(8):
                os.pwritev(file, [page_aligned], at * KIB_64)
            os.fsync(file)
            if began.wait() == 0:
                until.append(time.monotonic() + 1.5)
            began.wait()
            done[name] = 0
            while time.monotonic() < until[0]:
                call(file, [page_aligned], done[name] % 8 * KIB_64)
                done[name] += 1
        os.close(file)
        (folder / name).unlink()

    calls = {"reader": os.preadv, "writer": os.pwritev, "another": os.pwritev}
    threads = [threading.Thread(target=use, args=item) for item in calls.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    of_each = 1.5 / (1 / SLOW.iops + KIB_64 / SLOW.bytes_per_s) / 3
    # Metadata of the file system takes a little; a request is under way when the time is over.
    assert all(0.75 * of_each < count < 1.1 * of_each for count in done.values()), (of_each, done)
    assert max(done.values()) <= 1.1 * min(done.values()) + 1, done


@pytest.mark.docker
@pytest.mark.slow
def test_what_is_up_is_not_made_again(bed):
    with pytest.raises(UserError, match="is up"):
        Testbed(TestbedOptions(NAME, SUBNET)).up(1)
    with pytest.raises(UserError, match=f"--subnet {SUBNET}: {NAME}-br has the address"):
        Testbed(TestbedOptions("towtank-tc", SUBNET)).up(1)

    assert left_of("towtank-tc") == {}
    assert [status.engine for status in bed.status()] == ["up", "up"]


@pytest.mark.docker
@pytest.mark.slow
def test_what_somebody_else_made_stays(bed):
    theirs = Path("/var/tmp/towtank-tc-testbed")
    theirs.mkdir()
    try:
        with pytest.raises(UserError, match=f"{theirs} is there and not ours"):
            Testbed(TestbedOptions("towtank-tc")).up(1)
        Testbed(TestbedOptions("towtank-tc")).down()

        assert theirs.exists()
    finally:
        theirs.rmdir()


@pytest.mark.docker
@pytest.mark.slow
def test_disks_that_a_restart_has_left_go_with_down(alone):
    """A restart empties /run, and takes all but files away."""
    folder = Path("/var/tmp/towtank-tk-testbed")
    with alone(TestbedOptions("towtank-tk", SUBNET - 2, disk_bytes=64 * MIB), 1) as bed:
        kept = [path for path in folder.iterdir() if path.is_file()]
    folder.mkdir()
    for path in kept:
        path.touch()

    with pytest.raises(UserError, match="before this machine restarted"):
        bed.up(1)
    bed.down()

    assert left_of("towtank-tk") == {}


@pytest.mark.docker
@pytest.mark.slow
@pytest.mark.parametrize("made", ["ns", "ns/h1", "h1/engine.log", "h2"])
def test_nothing_is_left_of_an_up_that_was_killed(bed, made):
    """Beside another testbed, which keeps what it has."""
    name = "towtank-tk"
    words = ["testbed", "up", "2", "--name", name, "--subnet", "76", "--disk", "64MiB", "--slow-disk", "20:1000"]
    up = subprocess.Popen(
        [sys.executable, "-m", "experiments", *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    assert eventually(Path(f"/run/{name}-testbed", made).exists)
    up.send_signal(signal.SIGKILL)
    up.wait()
    assert left_of(name)

    Testbed(TestbedOptions(name)).down()

    assert left_of(name) == {}
    assert [status.engine for status in bed.status()] == ["up", "up"]


@pytest.mark.docker
@pytest.mark.slow
def test_nothing_is_left_after_down_whatever_state_hosts_were_in(alone, image):
    with alone(TestbedOptions("towtank-tk", SUBNET - 2, disk_bytes=256 * MIB, slow_disk=SLOW), 3) as bed:
        assert set(left_of("towtank-tk")) == {
            "processes", "commands", "mounts", "loops", "networks", "links", "cgroups", "files",
        }  # fmt: skip
        for host, fault in (("h1", "kill"), ("h2", "freeze"), ("h2", "hang"), ("h3", "crash"), ("h3", "cut")):
            bed.fault(host, fault)
        bed.down()

        assert left_of("towtank-tk") == {}
        bed.down()
        with pytest.raises(UserError, match="is not up"):
            bed.status()


@pytest.mark.docker
@pytest.mark.slow
def test_the_command_line_makes_shows_breaks_and_takes_away(alone, tmp_path):
    """Its name is locked against other sessions by a testbed that is down already."""

    def towtank(*words):
        words = [sys.executable, "-m", "experiments", "testbed", *words, "--name", "towtank-tk"]
        return subprocess.run(words, capture_output=True, text=True, check=False)

    with alone(TestbedOptions("towtank-tk", SUBNET - 2, disk_bytes=64 * MIB), 1) as bed:
        bed.down()
        inventory = tmp_path / "hosts.toml"
        up = towtank("up", "1", "--subnet", f"{SUBNET - 2}", "--disk", "64MiB", "--inventory", str(inventory))
        assert up.stdout == inventory.read_text(), up.stderr
        (host,) = tomllib.loads(up.stdout)["host"]
        with closing(docker.DockerClient(base_url=host["address"])) as client:
            assert client.info()["Name"] == host["name"] == "h1"
        assert "h1" in towtank("status").stdout
        told = towtank("fault", "--help").stdout
        assert all(re.search(rf"\b{what}\b", told) for what in FAULTS)
        assert towtank("fault", "h1", "hang").stderr == "towtank: host h1: only a slow disk can hang, see --slow-disk\n"
        assert towtank("fault", "h2", "crash").returncode == 2
        assert towtank("down").returncode == 0
        assert towtank("status").stderr == "towtank: testbed towtank-tk is not up\n"


def test_who_is_not_root_is_told(monkeypatch):
    monkeypatch.setattr("os.geteuid", lambda: 1000)

    with pytest.raises(UserError, match="needs root"):
        Testbed(TestbedOptions("towtank-tx")).up(1)


def test_what_is_missing_is_named_with_its_package(monkeypatch):
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setenv("PATH", "")

    with pytest.raises(UserError, match=r"needs dockerd, .*apt-get install .*docker\.io"):
        Testbed(TestbedOptions("towtank-tx")).up(1)


def test_budgets_are_written_in_the_words_of_version_2(monkeypatch, tmp_path):
    controllers = frozenset({"cpu", "memory", "cpuset", "pids", "io"})
    monkeypatch.setattr("real.testbed.cgroups.hierarchies", lambda: [Hierarchy(tmp_path, controllers, unified=True)])

    Cgroups("bed").make("h1", 0.5, 64 * MIB, core=1)

    said = {path.name: path.read_text().strip() for path in (tmp_path / "bed" / "h1").iterdir()}
    assert (said["cpu.max"], said["memory.max"], said["cpuset.cpus"]) == ("50000 100000", f"{64 * MIB}", "1")
    assert (tmp_path / "bed" / "cpu.weight").read_text() == "800\n"
    assert Cgroups("bed").door("h1", "engine").parent.is_dir()


@pytest.mark.parametrize("size", [4096, KIB_64, MIB])
@pytest.mark.parametrize("slow", [SlowDisk(10e6, 500), SlowDisk(20e6, 1000), SlowDisk(0.5e6, 120)])
def test_the_inventory_describes_the_disk_that_the_server_is(slow, size):
    a_request_a_second = float(device_time(size, 0.0, size, 1.0, disk_named(slow.described())))

    assert a_request_a_second == pytest.approx(1 / slow.iops + size / slow.bytes_per_s, rel=0.01)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"name": "Towtank"}, "--name 'Towtank'"),
        ({"name": "towtank-tests"}, "--name"),
        ({"name": "../etc"}, "--name"),
        ({"subnet": 256}, "--subnet 256"),
        ({"cpus": 0.0}, "--cpus 0"),
        ({"cpus": float("nan")}, "--cpus nan"),
        ({"memory_bytes": MIB}, "--memory"),
        ({"disk_bytes": MIB}, "--disk"),
        ({"rack_size": 0}, "--rack-size 0"),
    ],
)
def test_options_that_cannot_be_are_named(wrong, named):
    with pytest.raises(UserError, match=named):
        TestbedOptions(**wrong)


@pytest.mark.parametrize("text", ["10", "10:", "0:500", "10:500:3", "fast:1", "nan:5"])
def test_a_slow_disk_that_cannot_be_is_named(text):
    with pytest.raises(UserError, match="--slow-disk"):
        SlowDisk.read(text)


def test_hosts_are_pinned_while_their_budgets_fit_on_the_cores():
    for cpus, hosts, there in [(0.6, 3, 2), (0.5, 5, 2), (0.8, 2, 4), (1.0, 4, 4), (1.5, 2, 4)]:
        cores = TestbedOptions(cpus=cpus).cores(hosts, list(range(there)))

        pinned = [core for core in cores if core is not None]
        assert all(pinned.count(core) * cpus <= 1 + 1e-9 for core in pinned)
        assert len(pinned) == min(hosts, int(1 / cpus) * there)
