"""Options that several commands have, in groups."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from experiments.cli import named
from experiments.cli.kinds import Cores, PerClass, Seeds, Share, Size, Time
from experiments.measures.stopping import FIRST
from experiments.results.study import Detail, Study

if TYPE_CHECKING:
    from experiments.running.executors import Executors

Group = tuple[Callable[[Any], Any], ...]

DEFAULT = Study()

#: Of readers of traces whose amounts are shares.
REFERENCE = click.option(
    "--reference-machine",
    metavar="CORES:MEMORY",
    help="The machine that amounts of a trace are shares of, where they are normalised, for instance 64:256GiB "
    "[default: as `towtank trace info` says].",
)

#: What is run.
WORKLOAD: Group = (
    click.option(
        "--trace",
        type=named.TRACE,
        default=DEFAULT.trace,
        show_default=True,
        metavar="[FORMAT:]PATH",
        help="The workload; generated:default is the embedded one, generated:omega-a to -d are like Omega's clusters, "
        "generated:FILE is one described in TOML.",
    ),
    click.option(
        "--speed",
        type=float,
        default=DEFAULT.speed,
        show_default=True,
        metavar="X",
        help="Divide the times of the trace (submissions, run times) by X; rates and decision times stay.",
    ),
    REFERENCE,
    click.option(
        "--prefill", type=named.FILE, metavar="FILE", help="Native jobs that run from the beginning, placed at random."
    ),
    click.option(
        "--until",
        "until_s",
        type=Time(),
        metavar="TIME",
        help="Stop then [default: at the end of the recording, or when the last container ended].",
    ),
    click.option(
        "--on-bad-row",
        type=click.Choice(["stop", "skip"]),
        default=DEFAULT.on_bad_row,
        show_default=True,
        help="Stop at a row of the trace that cannot be used, or put it aside and count it.",
    ),
)

#: Of commands that tell metrics of a whole run.
WARM_UP = click.option(
    "--warm-up",
    "warm_up_s",
    type=Time(),
    default="0",
    show_default=True,
    metavar="TIME",
    help="Leave the beginning out of the metrics: jobs submitted before then, and time before.",
)

#: The machines of the tank.
HOSTS: Group = (
    click.option(
        "--hosts",
        type=named.HOSTS,
        metavar="N|FILE|trace",
        help="Machines: how many, a file of them (CSV, Parquet, or an inventory FILE.toml), or the trace's own "
        "[default: the trace's own].",
    ),
    click.option(
        "--host-cpus", type=float, default=DEFAULT.host_cpus, show_default=True, help="Cores of each, with --hosts N."
    ),
    click.option(
        "--host-memory",
        "host_memory_bytes",
        type=Size(),
        default="64GiB",
        show_default=True,
        help="Memory of each, with --hosts N.",
    ),
    click.option(
        "--start-time",
        "start_s",
        type=Time(),
        default="0",
        show_default=True,
        metavar="TIME",
        help="How long a container takes to start, on hosts that an inventory tells nothing of; plus --start-work.",
    ),
    click.option(
        "--start-work",
        "start_cpu_s",
        type=Time(),
        default="0",
        show_default=True,
        metavar="TIME",
        help="How long a core of such a host works for a start; with --contention on it competes with what runs there.",
    ),
)

#: Who decides, where to, and how.
SCHEDULERS: Group = (
    click.option(
        "--architecture",
        "architectures",
        type=named.ARCHITECTURE,
        multiple=True,
        default=DEFAULT.architectures,
        show_default=True,
        metavar="NAME",
        help="Who schedules; repeatable. See `towtank policies`.",
    ),
    click.option(
        "--policy",
        "policies",
        type=named.POLICY,
        multiple=True,
        default=DEFAULT.policies,
        show_default=True,
        metavar="NAME",
        help="Where containers go: a name or path/to/mine.py:my_score; repeatable. See `towtank policies`.",
    ),
    click.option(
        "--schedulers",
        type=PerClass("class=N", whole=True, only_per_class=True),
        metavar="CLASS=N,…",
        help="Schedulers for each workload class [default: 1 each; monolithic has one for all].",
    ),
    click.option(
        "--t-job",
        "t_job_s",
        type=PerClass("seconds"),
        default="0.1",
        show_default=True,
        metavar="TIME|CLASS=TIME,…",
        help="Decision time for a job.",
    ),
    click.option(
        "--t-task",
        "t_task_s",
        type=PerClass("seconds"),
        default="0.005",
        show_default=True,
        metavar="TIME|CLASS=TIME,…",
        help="Decision time for each of its containers.",
    ),
    click.option(
        "--conflict",
        type=click.Choice(["fine", "coarse"]),
        default=DEFAULT.conflict,
        show_default=True,
        help="A claim conflicts if it no longer fits (fine), or if the host was claimed on since (coarse).",
    ),
    click.option(
        "--commit",
        type=click.Choice(["incremental", "gang"]),
        default=DEFAULT.commit,
        show_default=True,
        help="Keep the claims that hold, or all or nothing.",
    ),
    click.option(
        "--queue",
        type=named.QUEUE,
        default=DEFAULT.queue,
        show_default=True,
        metavar="NAME",
        help="In which order a scheduler takes jobs: fifo, priority, fair-share or backfill. See `towtank policies`.",
    ),
    click.option(
        "--quota",
        "quotas",
        type=Cores(),
        metavar="USER=CORES,…",
        help="Cores that a user may have at a time, * for everybody not named; jobs beyond wait [default: no quotas].",
    ),
    click.option(
        "--mapreduce",
        type=named.SIZING,
        default=DEFAULT.mapreduce,
        show_default=True,
        metavar="NAME",
        help="How many workers a MapReduce job gets; extra ones take idle room alone. See `towtank policies`.",
    ),
)

#: How containers share their host.
SHARING: Group = (
    click.option(
        "--host-disk",
        type=named.DISK,
        default=DEFAULT.host_disk,
        show_default=True,
        metavar="CLASS",
        help="Disk of hosts that say nothing of theirs: HDD, SSD_QD1, SSD_DFL, SSD_FAST, or BYTES/S:IOPS as in "
        "10M:415.",
    ),
    click.option(
        "--host-net",
        "host_net_bps",
        type=Size(),
        metavar="SIZE",
        help="Network of such hosts, bytes a second [no limit].",
    ),
    click.option(
        "--isolation",
        type=named.ISOLATION,
        default=DEFAULT.isolation,
        show_default=True,
        metavar="NAME",
        help="How hosts keep containers from each other: none, shares, caps or bands. See `towtank policies`.",
    ),
    click.option(
        "--interference",
        type=click.FloatRange(min=0),
        default=DEFAULT.interference,
        show_default=True,
        help="How much containers mind each neighbour beyond what it takes: 1 as Google's average, 0.3 % each.",
    ),
    click.option(
        "--wake-up",
        "wake_up_s",
        type=Time(),
        metavar="TIME",
        help="How long each disk request waits for the CPU, for each thread of others on each core; 2 ms was measured "
        "[default: as an inventory's profiles say, else 0].",
    ),
    click.option(
        "--measure-every",
        "measure_s",
        type=Time(),
        default="60s",
        show_default=True,
        metavar="TIME",
        help="How often the use of hosts is measured for policies that go by it.",
    ),
    click.option(
        "--estimate-error",
        type=click.FloatRange(min=0),
        default=DEFAULT.estimate_error,
        show_default=True,
        help="Error of what policies are told that containers will use: standard deviation of the logarithm.",
    ),
)

#: Which runs are made, and how many at once.
SEEDS: Group = (
    click.option("--seeds", type=Seeds(), default="1", show_default=True, metavar="N,N,…", help="One run for each."),
    click.option(
        "--processes", type=click.IntRange(min=1), metavar="N", help="Runs that go on at once [default: one a core]."
    ),
)

#: How many runs are made, where that is not said.
STOPPING: Group = (
    click.option(
        "--precision",
        type=Share(),
        metavar="SHARE",
        help="Add seeds until the 95 % interval of each --of is no wider than plus or minus this share of its mean, "
        f"as in 2%, under every architecture and policy; there are {FIRST} at least [default: only --seeds].",
    ),
    click.option(
        "--of",
        type=named.METRIC,
        multiple=True,
        default=DEFAULT.of,
        show_default=True,
        metavar="METRIC",
        help="The metric that --precision is about; repeatable.",
    ),
    click.option(
        "--max-seeds",
        type=click.IntRange(min=FIRST),
        default=DEFAULT.max_seeds,
        show_default=True,
        metavar="N",
        help="The most seeds that --precision goes up to.",
    ),
)

#: The scheduler of a Dask cluster, whose workers make the runs.
DASK = click.option(
    "--dask",
    metavar="tcp://HOST:PORT",
    help="Make the runs on the workers of this Dask scheduler, which see the same files, instead of here.",
)


def executors_of(processes: int | None, dask: str | None) -> Executors:
    """Give where runs are made, as the options say."""
    from experiments.running.executors import Dask, Local
    from experiments.running.runner import cores

    if dask is None:
        return Local(processes or cores())
    if processes is not None:
        raise click.UsageError("--processes is for this machine, --dask for others: give one of them")
    return Dask(dask)


#: How containers are run on Docker hosts.
SEA: Group = (
    click.option(
        "--network", default=DEFAULT.network, show_default=True, help="Network of containers on Docker hosts."
    ),
    click.option(
        "--restarts",
        type=click.IntRange(min=0),
        default=DEFAULT.restarts,
        show_default=True,
        help="How often containers of a job that failed on a Docker host are submitted again.",
    ),
    click.option(
        "--lost-after",
        "lost_after_s",
        type=Time(),
        default="120s",
        show_default=True,
        metavar="TIME",
        help="When the run goes on without a container of which its Docker host says nothing any more.",
    ),
    click.option("--yes", is_flag=True, help="Start containers on hosts that are not this machine without asking."),
    click.option(
        "--dry-run", is_flag=True, help="Say what would be done with the Docker hosts as they are; do nothing."
    ),
)


#: Whether any of SHARING matters.
CONTENTION = click.option(
    "--contention",
    type=click.Choice(["on", "off"]),
    default="off",
    show_default=True,
    help="Whether containers of one host share it, and slow each other down; the options below say how.",
)

#: In which water.
ON = click.option(
    "--on",
    type=named.WORLD,
    default=DEFAULT.on,
    show_default=True,
    metavar="tank|docker:INVENTORY",
    help="Where to run: in the tank, or on the Docker hosts of an inventory FILE.toml, of addresses "
    "(unix://, tcp://, ssh://) or of contexts (context:NAME), separated by commas. The options below are for these.",
)

#: What is written of a run.
DETAIL = click.option(
    "--detail",
    type=click.Choice([d.value for d in Detail]),
    default=DEFAULT.detail.value,
    show_default=True,
    help="How much of the log is written.",
)

EXPLAIN = click.option(
    "--explain",
    multiple=True,
    metavar="JOB",
    help="Tell host by host why the containers of this job went where they went; repeatable.",
)

#: Everything that says what a study is and where its runs are made.
STUDY: Group = (
    *WORKLOAD, WARM_UP, *HOSTS, *SCHEDULERS, CONTENTION, *SHARING, *SEEDS, DASK, *STOPPING, ON, *SEA, DETAIL, EXPLAIN,
)  # fmt: skip


def grouped(*groups: Group) -> Callable[[Any], Any]:
    """Give a command the options of these groups, in their order."""

    def give(command: Any) -> Any:
        for option in reversed([option for group in groups for option in group]):
            command = option(command)
        return command

    return give
