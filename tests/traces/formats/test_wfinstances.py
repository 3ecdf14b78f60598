"""Workflows: what becomes of their tasks, in which order they come, and what is wrong with a file."""

import json

import pytest

from policies.errors import UserError
from policies.requests import Demand, Resources
from traces.formats import open_trace
from traces.formats.wfinstances import WfInstances
from traces.reading.rejects import OnBadRow, Rejects
from traces.trace import steady

FULL = {
    "runtimeInSeconds": 4.0,
    "coreCount": 2,
    "avgCPU": 150.0,
    "memoryInBytes": 99,
    "readBytes": 8,
    "writtenBytes": 2,
}


def document(tasks, name="flow", executed=None):
    """Make a workflow of tasks: name to (parents, what was measured)."""
    specified = [{"id": task, "name": task, "parents": list(parents)} for task, (parents, _) in tasks.items()]
    measured = [{"id": task, **entry} for task, (_, entry) in tasks.items()] if executed is None else executed
    return {
        "name": name,
        "schemaVersion": "1.5",
        "workflow": {"specification": {"tasks": specified, "files": []}, "execution": {"tasks": measured}},
    }


@pytest.fixture
def flow(tmp_path):
    def write(*documents, rejects=None):
        for number, content in enumerate(documents):
            (tmp_path / f"{number}.json").write_text(content if isinstance(content, str) else json.dumps(content))
        return WfInstances(tmp_path / "0.json" if len(documents) == 1 else tmp_path, rejects or Rejects())

    return write


def only(trace):
    [arrival] = trace.arrivals()
    return arrival


def noted(trace, words):
    return sum(int(note.rpartition(": ")[2]) for note in trace.assumptions() if words in note)


def test_a_task_is_a_job_of_one_container_that_uses_what_was_measured(flow):
    arrival = only(flow(document({"a": ([], FULL)})))

    assert (arrival.job.id, arrival.job.submit_s, arrival.job.workload, arrival.job.tasks) == ("a", 0.0, "batch", 1)
    assert arrival.job.groups[0].task.need == Resources(2000, 99)
    assert arrival.run_s == (4.0,)
    assert arrival.behaviours == (steady(Demand(1.5, 99.0, 2.0, 0.5)),)


@pytest.mark.parametrize(("percent", "cores"), [(0.0, 1), (30.0, 1), (100.0, 1), (101.0, 2), (None, 1)])
def test_who_did_not_say_for_how_many_cores_asks_for_as_many_as_it_used_rounded_up(flow, percent, cores):
    trace = flow(document({"a": ([], FULL | {"coreCount": None, "avgCPU": percent})}))
    arrival = only(trace)

    assert arrival.job.groups[0].task.need.cpu_milli == 1000 * cores
    assert arrival.behaviours[0][0].demand.cpu_cores == (cores if percent is None else percent / 100)
    assert noted(trace, "for how many cores") == 1
    assert noted(trace, "nobody measured the CPU") == (percent is None)


def test_what_nobody_measured_is_said(flow):
    trace = flow(document({"a": ([], {"runtimeInSeconds": 1.0}), "b": ([], FULL)}))
    [arrival, _] = trace.arrivals()

    assert arrival.job.groups[0].task.need == Resources(1000, 2**30)
    assert arrival.behaviours == (steady(Demand(1.0, 2.0**30)),)
    assert (noted(trace, "the memory"), noted(trace, "read or wrote, taken as nothing")) == (1, 1)


def test_memory_is_asked_for_in_whole_bytes_that_suffice(flow):
    arrival = only(flow(document({"a": ([], FULL | {"memoryInBytes": 98.2})})))

    assert arrival.job.groups[0].task.need.memory_bytes == 99
    assert arrival.behaviours[0][0].demand.memory_bytes == 98.2


def test_what_took_no_time_has_no_rate(flow):
    trace = flow(document({"a": ([], FULL | {"runtimeInSeconds": 0})}))

    assert only(trace).behaviours[0][0].demand[2:4] == (0, 0)
    assert noted(trace, "took no time") == 1


def test_parents_come_first_wherever_they_stand(flow):
    trace = flow(document({"d": (["b", "c", "b"], FULL), "c": (["a"], FULL), "b": (["a"], FULL), "a": ([], FULL)}))

    assert [(job.id, after) for job, _, _, after, _ in trace.arrivals()] == [
        ("a", ()),
        ("c", ("a",)),
        ("b", ("a",)),
        ("d", ("b", "c")),
    ]


def test_tasks_of_several_workflows_have_names_of_their_own(flow):
    one = document({"a": ([], FULL), "b": (["a"], FULL)})

    trace = flow(one, one, document({"a": ([], FULL)}, name=""))

    assert [(job.id, after) for job, _, _, after, _ in trace.arrivals()] == [
        ("flow/a", ()),
        ("flow/b", ("flow/a",)),
        ("flow#2/a", ()),
        ("flow#2/b", ("flow#2/a",)),
        ("2/a", ()),
    ]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ('{"name": "x",\n "workflow": }', "2: not JSON: "),
        ("[" * 100_000, "not JSON"),
        ("7", r"no list workflow\.execution\.tasks"),
        ('{"workflow": {"tasks": []}}', r"no list workflow\.execution\.tasks"),
        (document({"a": (["z"], FULL)}), "task 'a' has a parent that is no task: 'z'"),
        (document({"r": ([], FULL), "a": (["b", "r"], FULL), "b": (["a"], FULL)}), "2 tasks wait for one another"),
        (document({"a": (["a"], FULL)}), "1 tasks wait for one another .* 'a'"),
        (document({"a": ([], FULL)}, executed=[]), "task 'a' was not executed"),
        (document({}, executed=[{"id": "a"}]), "task 'a' was executed and is in no specification"),
        (document({"a": ([], FULL)}, executed=[{"id": "a", **FULL}] * 2), "task 'a' was executed twice"),
        (document({"a": ([], {})}), "task 'a' has no runtimeInSeconds"),
        (document({"a": ([], FULL | {"avgCPU": -1})}), "avgCPU of task 'a' must be a number from 0: '-1'"),
        (document({"a": ([], FULL | {"readBytes": "8"})}), "readBytes of task 'a' must be a number"),
        (document({"a": ([], FULL | {"coreCount": True})}), "coreCount of task 'a' must be a number"),
        (document({"a": ([], FULL | {"runtimeInSeconds": float("inf")})}), "runtimeInSeconds of task 'a'"),
        (document({"": ([], FULL)}), r"workflow\.execution\.tasks\[0\] has no id"),
        (document({"a": ("xy", FULL)}) | {"workflow": 7}, "no list"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_in_one_line(flow, content, reason):
    with pytest.raises(UserError, match=rf"0\.json:.*{reason}") as caught:
        list(flow(content, rejects=Rejects(OnBadRow.SKIP)).arrivals())

    assert "\n" not in str(caught.value)


def test_a_folder_without_workflows_is_an_error(tmp_path):
    with pytest.raises(UserError, match=r"has no \.json"):
        list(WfInstances(tmp_path, Rejects()).arrivals())


# --- the real pieces


@pytest.fixture(scope="module")
def folder(traces_dir):
    return traces_dir / "wfinstances"


def test_the_real_workflows_are_all_there_and_parents_come_first(folder):
    trace = open_trace(str(folder), Rejects())
    seen = set()
    parents = 0
    for job, _, _, after, _ in trace.arrivals():
        assert seen.issuperset(after)
        assert job.id not in seen
        parents += len(after)
        seen.add(job.id)

    entries = [json.loads(path.read_text())["workflow"]["specification"]["tasks"] for path in trace.files()]
    assert isinstance(trace, WfInstances)
    assert len(trace.files()) == 9
    assert len(seen) == trace.rejects.read == sum(map(len, entries))
    assert parents == sum(len(set(task["parents"])) for tasks in entries for task in tasks)


def test_makeflow_and_nextflow_say_what_was_read_and_pegasus_does_not(folder):
    for part, unknown in (("makeflow", 1), ("nextflow", 0), ("pegasus", 318)):
        trace = open_trace(f"wfinstances:{folder / part}", Rejects())
        arrivals = list(trace.arrivals())

        assert noted(trace, "read or wrote, taken as nothing") == unknown
        assert any(a.behaviours[0][0].demand.disk_read_bps > 0 for a in arrivals) == (part != "pegasus")


def test_what_a_real_task_read_in_all_is_what_the_file_says(folder):
    path = folder / "makeflow" / "blast" / "blast-chameleon-large-001.json"
    entries = json.loads(path.read_text())["workflow"]["execution"]["tasks"]

    read = sum(
        a.behaviours[0][0].demand.disk_read_bps * a.run_s[0] for a in open_trace(str(path), Rejects()).arrivals()
    )

    assert read == pytest.approx(sum(entry["readBytes"] for entry in entries))
