"""A small data set as the Google cluster traces of 2019 are: one file of JSON lines for each table."""

import json
from pathlib import Path

MACHINE = {"switch_id": "s=", "platform_id": "p="}
BIG, SMALL = {"cpus": 1, "memory": 0.5}, {"cpus": 0.591796875, "memory": 0.33349609375}
ZONE = [{"name": "zone=", "value": "a", "relation": "0"}]


def machine(time, name, type_, capacity=None):
    return (
        {"time": str(time), "machine_id": str(name), "type": str(type_)}
        | MACHINE
        | ({} if capacity is None else {"capacity": capacity})
    )


def event(time, type_, job, index=0, *, machine_id=None, cpus=0.25, memory=0.125, **others):
    return {
        "time": str(time),
        "type": str(type_),
        "collection_id": str(job),
        "scheduling_class": "2",
        "collection_type": "0",
        "priority": "200",
        "alloc_collection_id": "0",
        "instance_index": str(index),
        **({} if machine_id is None else {"machine_id": str(machine_id)}),
        "resource_request": {"cpus": cpus, "memory": memory},
        **others,
    }


def collection(time, type_, job, user="user=", **others):
    return {"time": str(time), "type": str(type_), "collection_id": str(job), "user": user, "scheduler": "0"} | others


def usage(start, end, job, index, cpus, memory):
    return {
        "start_time": str(start),
        "end_time": str(end),
        "collection_id": str(job),
        "instance_index": str(index),
        "machine_id": "1",
        "average_usage": {"cpus": cpus, "memory": memory},
        "maximum_usage": {"cpus": cpus},
        "sample_rate": 1.0,
        "cpu_usage_distribution": [cpus] * 11,
    }


S = 1_000_000

TABLES = {
    "machine_events": [
        machine(0, 1, 1, BIG),
        machine(0, 2, 1, SMALL),
        machine(700 * S, 3, 1),
        machine(800 * S, 3, 3, BIG),
        machine(900 * S, 2, 2, SMALL),
    ],
    "machine_attributes": [
        {"time": "0", "machine_id": "1", "name": "zone=", "value": "a", "deleted": False},
        {"time": "0", "machine_id": "1", "name": "rack=", "value": "7", "deleted": False},
        {"time": str(950 * S), "machine_id": "1", "name": "zone=", "deleted": True},
    ],
    "collection_events": [
        collection(0, 0, 10),
        collection(601 * S, 0, 20, "other=", max_per_machine="1"),
        collection(700 * S, 0, 30, start_after_collection_ids=["20"]),
    ],
    "instance_events": [
        event(0, 3, 10, machine_id=1),
        event(601 * S, 0, 20, priority="103"),
        event(601 * S, 0, 20, 1, priority="103"),
        event(602 * S, 1, 20, priority="103"),
        event(603 * S, 2, 20, priority="103"),
        event(604 * S, 3, 20, machine_id=2, priority="103"),
        event(604 * S, 3, 20, 1, machine_id=1, priority="103"),
        event(650 * S, 4, 20, machine_id=2, priority="103"),
        event(650 * S, 0, 20, priority="103"),
        event(660 * S, 3, 20, machine_id=1, priority="103"),
        event(690 * S, 6, 20, machine_id=1, priority="103"),
        event(690 * S, 6, 20, 1, machine_id=1, priority="103"),
        event(700 * S, 0, 30, constraint=ZONE),
        event(701 * S, 9, 30, cpus=0.5, constraint=ZONE),
        event(702 * S, 3, 30, machine_id=1, cpus=0.5, constraint=ZONE),
        event(703 * S, 0, 40, alloc_collection_id="30"),
        event(760 * S, 7, 30, machine_id=1, cpus=0.5),
        event(770 * S, 7, 10, machine_id=1),
    ],
    "instance_usage": [
        usage(600 * S, 900 * S, 20, 0, 0.125, 0.0625),
        usage(600 * S, 700 * S, 30, 0, 0.1, 0.1),
        usage(700 * S, 760 * S, 30, 0, 0.2, 0.1),
    ],
}


def lines(rows):
    return "".join(json.dumps(row, separators=(",", ":")) + "\n" for row in rows)


def write(folder: Path) -> Path:
    """Write the data set, and give the path to open."""
    for table, rows in TABLES.items():
        (folder / f"{table}-000000000000.json").write_text(lines(rows))
    return folder
