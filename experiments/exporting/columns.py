"""What the columns of the log and of exported tables are: the one place that says so.

`docs/exports.md` has these tables, and a test holds that it says the same.
"""

from __future__ import annotations

from typing import NamedTuple

#: What is in a column.
TEXT, NUMBER, WHOLE, YES_NO = "text", "number", "whole number", "true or false"


class Column(NamedTuple):
    """One column.

    Attributes
    ----------
    name : str
        What it is called.
    kind : str
        What is in it: TEXT, NUMBER, WHOLE or YES_NO.
    unit : str
        Its unit; empty where it has none.
    meaning : str
        What it says.
    """

    name: str
    kind: str
    unit: str
    meaning: str


class Table(NamedTuple):
    """One table.

    Attributes
    ----------
    name : str
        What it and its file are called.
    row : str
        What a row is.
    columns : tuple of Column
        Those that every export has; some tables have others behind them.
    needs_hosts : bool
        Whether it needs a log that tells of every host (``--detail tasks``).
    """

    name: str
    row: str
    columns: tuple[Column, ...]
    needs_hosts: bool = False


KEY = (
    Column("architecture", TEXT, "", "which run: its architecture,"),
    Column("policy", TEXT, "", "its policy,"),
    Column("seed", WHOLE, "", "and its seed"),
)

#: The log of a run: the fields of `policies.log.Row`; behind them its levels.
LOG = Table(
    "log",
    "one row for each thing that happened; with `--detail tasks` one for each host where containers start or end",
    (
        Column("t_s", NUMBER, "s", "when, since the run began"),
        Column("event", TEXT, "", "what happened, see below"),
        Column("job", TEXT, "", "which job; of `workflow_came` and `workflow_ended`, which workflow"),
        Column("workload", TEXT, "", "the job's workload class"),
        Column("scheduler", TEXT, "", "which scheduler, as `batch/0`; empty for prefilled containers"),
        Column("again", YES_NO, "", "whether the job was submitted before"),
        Column("attempt", WHOLE, "", "how many times the job was attempted, this time included"),
        Column("tasks", WHOLE, "containers", "how many are concerned; of `workflow_ended`, how many jobs it had"),
        Column("conflicted", WHOLE, "containers", "whose claim failed its test"),
        Column("remaining", WHOLE, "containers", "of the job that have no host afterwards; -1 where that stays"),
        Column(
            "seconds", NUMBER, "s",
            "`attempted`: how long the scheduler will think; `started`, `launched`: how long they run alone, as the "
            "trace says, NaN where that differs among them; ends: how long they ran, or were on their way; "
            "`submitted`: how long a MapReduce job runs with the workers it asks for, else 0; `workflow_ended`: its "
            "critical path",
        ),
        Column("age_s", NUMBER, "s", "how long ago the job, or the first of the workflow, was submitted"),
        Column("host", WHOLE, "", "number of the host, from 0, where exactly one is concerned; else -1"),
        Column("alone_s", NUMBER, "s", "`finished`: how long they would have run with the host to themselves; else 0"),
    ),
)  # fmt: skip

JOBS = Table(
    "jobs",
    "one row for each submission of a job",
    (
        *KEY,
        Column("job", TEXT, "", "name of the job; prefilled containers have no row, as nobody submitted them"),
        Column("workload", TEXT, "", "its workload class"),
        Column("scheduler", TEXT, "", "whose it is; empty where no scheduler had it"),
        Column("again", YES_NO, "", "whether it had been submitted before (evicted, failed or lost): a row of its own"),
        Column(
            "outcome", TEXT, "",
            "`finished`; `ended`: all containers, some before their time; `running`: all are placed; `pending`: some "
            "are not; `unattempted`, `abandoned`, `infeasible`, `over_quota`, `held`",
        ),
        Column("submitted_s", NUMBER, "s", "when it came to its scheduler; of held and refused jobs, when it came"),
        Column("first_attempt_s", NUMBER, "s", "when a scheduler first began to think about it"),
        Column("scheduled_s", NUMBER, "s", "when the last of its containers got a host"),
        Column("first_start_s", NUMBER, "s", "when the first of them ran"),
        Column("ended_s", NUMBER, "s", "when the last of them ended, if all did"),
        Column("attempts", WHOLE, "", "how often a scheduler thought about it"),
        Column("conflicts", WHOLE, "", "how many of its transactions had a conflict"),
        Column("conflicted", WHOLE, "containers", "claims that failed, over all its transactions"),
        Column("thinking_s", NUMBER, "s", "how long schedulers thought about it in all, as planned"),
        Column("containers", WHOLE, "containers", "asked for"),
        Column("placed", WHOLE, "containers", "that got a host, extra MapReduce workers included"),
        Column("finished", WHOLE, "containers", "that came to their end"),
        Column("ended_early", WHOLE, "containers", "killed, pre-empted, out of memory or failed"),
        Column("wait_s", NUMBER, "s", "submission to first attempt; of an unattempted job, to the end of the run"),
        Column("turnaround_s", NUMBER, "s", "submission to the end of the last container"),
        Column("container_s", NUMBER, "s", "run times of those that ended, summed"),
        Column("slowdown_mean", NUMBER, "", "run time / run time alone, mean over its containers that finished"),
    ),
)  # fmt: skip

CONTAINERS = Table(
    "containers",
    "one row for each container on its host",
    (
        *KEY,
        Column("job", TEXT, "", "whose it is"),
        Column("workload", TEXT, "", "the job's workload class"),
        Column("scheduler", TEXT, "", "who placed it; empty: prefilled, there from the beginning"),
        Column("again", YES_NO, "", "whether the job had been submitted before"),
        Column("decision", WHOLE, "", "which row of `decisions` placed it; empty: prefilled"),
        Column("host", WHOLE, "", "number of its host, from 0"),
        Column("host_name", TEXT, "", "what that is called; empty where nothing tells any more"),
        Column("lane", WHOLE, "", "place among the containers of the host: the lowest that was free, from 0"),
        Column("placed_s", NUMBER, "s", "when it got its host"),
        Column("started_s", NUMBER, "s", "when it ran; empty: it did not"),
        Column("ended_s", NUMBER, "s", "when it left its host; empty: it is still there"),
        Column("outcome", TEXT, "", "`finished`, `killed`, `preempted`, `out_of_memory`, `failed`; or `running`"),
        Column("run_s", NUMBER, "s", "how long it ran, up to its end"),
        Column("alone_s", NUMBER, "s", "how long it would have run with the host to itself, if it finished"),
        Column("slowdown", NUMBER, "", "run_s / alone_s"),
    ),
    needs_hosts=True,
)

DECISIONS = Table(
    "decisions",
    "one row for each attempt of a scheduler at a job",
    (
        *KEY,
        Column("decision", WHOLE, "", "its number, from 0, in the order in which schedulers began to think"),
        Column("scheduler", TEXT, "", "who thought"),
        Column("job", TEXT, "", "about which job"),
        Column("workload", TEXT, "", "of which class"),
        Column("again", YES_NO, "", "whether the job had been submitted before"),
        Column("attempt", WHOLE, "", "which attempt at the job it was, from 1"),
        Column("began_s", NUMBER, "s", "when the scheduler began to think"),
        Column("ended_s", NUMBER, "s", "when it had thought, or the run ended"),
        Column("thinking_s", NUMBER, "s", "how long it was to think"),
        Column("wanted", WHOLE, "containers", "of the job without a host when it began"),
        Column(
            "outcome", TEXT, "",
            "`placed`: all of them; `part`; `conflict`: a claim failed; `nothing`: no room, so no transaction; "
            "`unfinished`: the run ended",
        ),
        Column("placed", WHOLE, "containers", "that got a host"),
        Column("conflicted", WHOLE, "containers", "whose claim failed"),
        Column("remaining", WHOLE, "containers", "of the job without a host afterwards"),
    ),
)  # fmt: skip

HOSTS = Table(
    "hosts",
    "one row for each look, host and load; there are 240 to 480 looks, evenly spaced",
    (
        *KEY,
        Column("t_s", NUMBER, "s", "when all hosts were looked at"),
        Column("host", WHOLE, "", "number of the host, from 0"),
        Column("host_name", TEXT, "", "what it is called; empty where nothing tells any more"),
        Column("load", TEXT, "", "what was looked at, as `cpu_allocated`, `disk_used`"),
        Column("share", NUMBER, "share of capacity", "how much; empty: the host is down, or has no such resource"),
    ),
)

LEVELS = Table(
    "levels",
    "one row for each change of the cell's state, which holds until the next; its levels are the other columns",
    (*KEY, Column("t_s", NUMBER, "s", "from when on")),
)

RUNS = Table(
    "runs",
    "one row for each run: `summary.csv`, its metrics (the README's table) and cost are the other columns",
    KEY,
)

TABLES = (RUNS, JOBS, CONTAINERS, DECISIONS, HOSTS, LEVELS)

#: Levels of a log, by how their names end, or are; a resource stands before: cpu, memory, gpu, disk, net.
LEVEL_PATTERNS = (
    Column("*_allocated", NUMBER, "share of capacity", "reserved of all that hosts have of a resource"),
    Column("*_used", NUMBER, "share of capacity", "used of it, where hosts are shared or at sea"),
    Column("*_mean", NUMBER, "share of capacity", "the same of one host, mean over hosts that are there"),
    Column("*_std", NUMBER, "share of capacity", "and its standard deviation over them"),
    Column("*_short", NUMBER, "share of hosts", "on which less is left of it than would be used"),
    Column("services", NUMBER, "containers", "that somebody waits for"),
    Column(
        "service_latency", NUMBER, "", "sum over them of how many times longer an answer takes than on an idle host"
    ),
)


def as_markdown(columns: tuple[Column, ...]) -> str:
    """Give columns as a table for `docs/exports.md`."""
    rows = [f"| `{c.name}` | {c.kind} | {c.unit} | {c.meaning} |" for c in columns]
    return "\n".join(["| column | | unit | |", "|---|---|---|---|", *rows])
