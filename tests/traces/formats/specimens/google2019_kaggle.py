"""A small file as the sample of the Google traces of 2019 on Kaggle is, with machines beside it."""

import csv
import json
from pathlib import Path

S = 1_000_000

NAMES = (
    "", "time", "instance_events_type", "collection_id", "scheduling_class", "collection_type", "priority",
    "alloc_collection_id", "instance_index", "machine_id", "resource_request", "constraint", "collections_events_type",
    "user", "collection_name", "collection_logical_name", "start_after_collection_ids", "vertical_scaling", "scheduler",
    "start_time", "end_time", "average_usage", "maximum_usage", "random_sample_usage", "assigned_memory",
    "page_cache_memory", "cycles_per_instruction", "memory_accesses_per_instruction", "sample_rate",
    "cpu_usage_distribution", "tail_cpu_usage_distribution", "cluster", "event", "failed",
)  # fmt: skip


def window(start, end, collection, index=0, *, cpus=0.25, memory=0.125, used=(0.125, 0.0625), **others):
    """Make a record; arrays go over several lines, as NumPy prints them."""
    return {
        "time": str(start + 7), "instance_events_type": "2", "collection_id": str(collection), "scheduling_class": "3",
        "collection_type": "0", "priority": "200", "alloc_collection_id": "0", "instance_index": str(index),
        "machine_id": "1", "resource_request": f"{{'cpus': {cpus}, 'memory': {memory}}}", "constraint": "[]",
        "collections_events_type": "2", "user": "user=", "collection_name": "name=", "start_after_collection_ids": "[]",
        "vertical_scaling": "1.0", "scheduler": "0.0", "start_time": str(start), "end_time": str(end),
        "average_usage": f"{{'cpus': {used[0]}, 'memory': {used[1]}}}",
        "random_sample_usage": "{'cpus': 0.1, 'memory': None}", "sample_rate": "1.0",
        "cpu_usage_distribution": "[0.00314331 0.00381088\n 0.00463104 0.01194763]",
        "tail_cpu_usage_distribution": "[0.00535583\n 0.0113678 ]", "cluster": "7", "event": "FAIL", "failed": "1",
    } | others  # fmt: skip


WINDOWS = [
    window(900 * S, 1200 * S, 5),
    window(600 * S, 900 * S, 5, used=(0.5, 0.0625)),
    window(600 * S, 900 * S, 5, 1, priority="103", user=""),
    window(700 * S, 701 * S, 6, cpus="None", used=(0.1, "None")),
    window(800 * S, 900 * S, 5, cluster="3", constraint="[{'name': 'x', 'value': '0', 'relation': 1}\n {'name': 'y'}]"),
    window(850 * S, 900 * S, 8, collection_type="1"),
    window(860 * S, 900 * S, 9, alloc_collection_id="8"),
]
MACHINES = [
    {"time": "0", "machine_id": str(name), "type": "1", "capacity": {"cpus": 1, "memory": 0.5}} for name in range(3)
]


def text(windows):
    """Give the file of some windows."""
    from io import StringIO

    out = StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(NAMES)
    writer.writerows([number, *(row.get(name, "") for name in NAMES[1:])] for number, row in enumerate(windows))
    return out.getvalue()


def write(folder: Path) -> Path:
    """Write the data set, and give the path to open."""
    (folder / "borg_traces_data.csv").write_text(text(WINDOWS))
    lines = "".join(json.dumps(machine) + "\n" for machine in MACHINES)
    (folder / "machine_events-000000000000.json").write_text(lines)
    return folder
