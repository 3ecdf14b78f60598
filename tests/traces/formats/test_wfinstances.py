"""Workflows: what becomes of their tasks, in which order they come, and what is wrong with a file."""

import gzip
import json
from functools import cache

import pytest
from click.testing import CliRunner

from experiments.cli import towtank
from policies.errors import UserError
from policies.requests import Demand, Resources
from traces.formats import open_trace
from traces.formats.wfinstances import WfInstances, looks_like
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


def older(tasks, version="1.3", key="tasks", system="Makeflow", **more):
    """Make a workflow as it was before 1.5: each task with its parents and what was measured in one place."""
    listed = [{"name": task, "parents": list(parents), **entry} for task, (parents, entry) in tasks.items()]
    return {"name": "flow", "schemaVersion": version, "wms": {"name": system}, "workflow": {key: listed} | more}


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
        ('{"workflow": {"tasks": []}}', "has no tasks"),
        ('{"workflow": {"tasks": 7}}', r"no list workflow\.tasks"),
        ('{"workflow": {"specification": {"tasks": []}}}', r"no list workflow\.execution\.tasks"),
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
        (older({"a": ([], FULL | {"children": [7]})}), "children of task 'a' are no list of names"),
        (document({"a\0": ([], FULL)}), "has no id"),
        (document({"a\ud800": ([], FULL)}), "has no id"),
        (document({"a": ([], FULL | {"runtimeInSeconds": float("nan")})}), "runtimeInSeconds of task 'a'"),
        (document({"a": ([], FULL | {"readBytes": 10**400})}), "readBytes of task 'a' must be a number"),
        (older({"a": ([], {"runtime": 1}), "b": (["c"], {"runtime": 1})}), "has a parent that is no task: 'c'"),
        (older({"a": ([], {"runtime": 1, "children": ["c"]})}), "has a child that is no task: 'c'"),
        (older({"a": ([], {"runtime": 1, "memory": 2**50})}), "memory of task 'a' must be a number"),
        (older({"a": ([], {"memory": 1})}), "task 'a' has no runtimeInSeconds"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_in_one_line(flow, content, reason):
    with pytest.raises(UserError, match=rf"0\.json:.*{reason}") as caught:
        list(flow(content, rejects=Rejects(OnBadRow.SKIP)).arrivals())

    assert "\n" not in str(caught.value)


def test_all_tasks_of_a_run_are_one_workflow(flow):
    one = document({"a": ([], FULL), "b": (["a"], FULL)})

    assert [arrival.workflow for arrival in flow(one).arrivals()] == ["flow", "flow"]
    assert [arrival.workflow for arrival in flow(one, document({"c": ([], FULL)}, "flow#2"), one).arrivals()] == [
        "flow", "flow", "flow#2", "flow#3", "flow#3",
    ]  # fmt: skip


@pytest.mark.parametrize(("version", "key"), [("1.0", "jobs"), ("1.2", "jobs"), ("1.3", "tasks")])
def test_up_to_1_3_amounts_are_in_kilobytes_and_tasks_name_one_another(flow, version, key):
    measured = {"runtime": 4, "cores": 2, "avgCPU": 150, "memory": 5, "bytesRead": 8, "bytesWritten": 2}
    trace = flow(older({"b": (["a"], measured), "a": ([], measured)}, version, key))
    first, second = trace.arrivals()

    assert (first.job.id, second.job.id, second.after) == ("a", "b", ("a",))
    assert first.job.groups[0].task.need == Resources(2000, 5000)
    assert first.behaviours == (steady(Demand(1.5, 5000.0, 2000.0, 500.0)),)


def test_pegasus_read_and_wrote_bytes_in_older_versions_too(flow):
    arrival = only(flow(older({"a": ([], {"runtime": 4, "bytesRead": 8, "bytesWritten": 2})}, system="Pegasus")))

    assert arrival.behaviours[0][0].demand[2:4] == (2.0, 0.5)


def test_1_4_has_todays_units_in_one_list(flow):
    trace = flow(older({"a": ([], FULL | {"coreCount": None, "cores": 2})}, "1.4"))

    assert only(trace).job.groups[0].task.need == Resources(2000, 99)
    assert only(trace).behaviours == (steady(Demand(1.5, 99.0, 2.0, 0.5)),)


def test_tasks_of_one_name_are_told_apart_by_their_ids(flow):
    content = older({"a": ([], {"id": "1", **FULL}), "z": ([], {"id": "2", **FULL}), "c": (["1", "2"], FULL)}, "1.4")
    content["workflow"]["tasks"][1]["name"] = "a"

    assert [(job.id, after) for job, _, _, after, _ in flow(content).arrivals()] == [
        ("1", ()), ("2", ()), ("c", ("1", "2")),
    ]  # fmt: skip


def test_tasks_that_nothing_tells_apart_are_an_error(flow):
    content = older({"a": ([], FULL), "b": ([], FULL)}, "1.4")
    content["workflow"]["tasks"][1]["name"] = "a"

    with pytest.raises(UserError, match="task 'a' is there twice"):
        list(flow(content).arrivals())


def test_a_child_that_only_its_parent_names_comes_after_it(flow):
    trace = flow(older({"b": ([], FULL), "a": ([], FULL | {"children": ["b"]})}, "1.4"))

    assert [(job.id, after) for job, _, _, after, _ in trace.arrivals()] == [("a", ()), ("b", ("a",))]
    assert noted(trace, "do not name their parent") == 1


def test_a_workflow_may_be_gzipped_and_is_recognised_by_what_is_in_it(tmp_path):
    path = tmp_path / "anything"
    path.write_bytes(gzip.compress(json.dumps(document({"a": ([], FULL)})).encode()))

    assert isinstance(open_trace(str(path), Rejects()), WfInstances)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(UserError, match="damaged or cut off"):
        list(WfInstances(path, Rejects()).arrivals())


@pytest.mark.parametrize("content", ['{"time": "0", "machine_id": "5"}', '["workflow"]', "", "a,b\n1,2\n"])
def test_other_files_are_not_taken_for_workflows(tmp_path, content):
    (tmp_path / "other.json").write_text(content)

    assert not looks_like(tmp_path)
    assert not looks_like(tmp_path / "other.json")


def machine(name, cores=None, memory=None):
    return {"nodeName": name, "cpu": {"coreCount": cores}, "memoryInBytes": memory}


@pytest.mark.parametrize(
    ("machines", "capacity"),
    [
        ([[machine("a", 2, 100), machine("b", 4, 50)], [machine("a", 3, 80)]], {"a": (3000, 100), "b": (4000, 50)}),
        ([[machine("a", 2, 100)], [machine("b", 4)]], None),
        ([[machine("a", 2, 100)], []], None),
        ([[{"nodeName": "a", "cpu": 7, "memoryInBytes": 5}]], None),
    ],
)
def test_machines_are_hosts_where_all_say_how_large_they_are(flow, machines, capacity):
    contents = [document({"a": ([], FULL)}) for _ in machines]
    for content, those in zip(contents, machines, strict=True):
        content["workflow"]["execution"]["machines"] = those
    hosts = flow(*contents).hosts()

    found = hosts and {name: tuple(size) for name, size in zip(hosts.names, hosts.capacity[:2].T.tolist(), strict=True)}
    assert found == capacity


def test_machines_of_older_versions_have_their_memory_in_kilobytes(flow):
    machines = [{"nodeName": "a", "cpu": {"count": 2}, "memory": 5}]
    hosts = flow(older({"a": ([], FULL)}, machines=machines)).hosts()

    assert hosts.capacity[:2, 0].tolist() == [2000, 5000]


@pytest.mark.parametrize(
    ("wrong", "reason"), [(machine("a", 2**44, 1), "larger than any"), ({"cpu": {}}, "no nodeName")]
)
def test_a_machine_that_cannot_be_is_an_error(flow, wrong, reason):
    content = document({"a": ([], FULL)})
    content["workflow"]["execution"]["machines"] = [wrong]

    with pytest.raises(UserError, match=rf"0\.json: machine .*{reason}"):
        flow(content).hosts()


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


def longest_path(runs, parents):
    """Follow every task back to a beginning."""

    @cache
    def ends(task):
        return runs[task] + max(map(ends, parents[task]), default=0)

    return max(map(ends, parents))


def test_the_real_workflows_replay_with_the_counts_and_the_critical_paths_of_their_files(folder):
    critical_s = []
    tasks = 0
    for path in folder.rglob("*.json"):
        workflow = json.loads(path.read_text())["workflow"]
        parents = {task["id"]: task["parents"] for task in workflow["specification"]["tasks"]}
        runs = {task["id"]: task["runtimeInSeconds"] for task in workflow["execution"]["tasks"]}
        critical_s.append(longest_path(runs, parents))
        tasks += len(parents)
    arguments = ["--hosts", "400", "--host-cpus", "48", "--host-memory", "256GiB", "--policy", "first-fit"]
    ended = CliRunner().invoke(
        towtank, ["run", "--json", "--trace", str(folder), *arguments, "--t-job", "0.001", "--t-task", "0"]
    )
    assert ended.exit_code == 0, ended.output
    metrics = json.loads(ended.stdout)["runs"][0]["metrics"]

    assert metrics["jobs_submitted"] == metrics["tasks_submitted"] == metrics["tasks_finished"] == tasks
    assert metrics["workflows"] == len(critical_s)
    assert metrics["workflow_critical_path_mean_s"] == pytest.approx(sum(critical_s) / len(critical_s))
    assert 1 < metrics["workflow_stretch_mean"] < 1.1
