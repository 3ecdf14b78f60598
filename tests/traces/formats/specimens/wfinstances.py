"""Two small workflows, one as they are today and one as they were, in a folder."""

import json
from pathlib import Path

MEASURED = {"coreCount": 1, "avgCPU": 93.75, "readBytes": 1024, "writtenBytes": 512, "memoryInBytes": 4194304}
TODAY = {
    "name": "today",
    "schemaVersion": "1.5",
    "runtimeSystem": {"name": "nextflow", "version": "1"},
    "workflow": {
        "specification": {
            "tasks": [
                {"id": "split", "name": "split", "parents": [], "children": ["left", "right"]},
                {"id": "left", "name": "work", "parents": ["split"], "children": ["join"]},
                {"id": "right", "name": "work", "parents": ["split"], "children": ["join"]},
                {"id": "join", "name": "join", "parents": ["left", "right"], "children": []},
            ],
            "files": [{"id": "input.txt", "sizeInBytes": 1024}],
        },
        "execution": {
            "makespanInSeconds": 20,
            "tasks": [
                {"id": "split", "runtimeInSeconds": 4.5, "machines": ["node"], **MEASURED},
                {"id": "left", "runtimeInSeconds": 10, **MEASURED},
                {"id": "right", "runtimeInSeconds": 0, "avgCPU": 250.5},
                {"id": "join", "runtimeInSeconds": 2, "priority": 3},
            ],
            "machines": [{"nodeName": "node", "cpu": {"coreCount": 8}, "memoryInBytes": 34359738368}],
        },
    },
}
BEFORE = {
    "name": "before",
    "schemaVersion": "1.3",
    "wms": {"name": "Makeflow", "version": "1"},
    "workflow": {
        "makespan": 30,
        "machines": [{"nodeName": "node", "cpu": {"count": 8}, "memory": 33554432}],
        "tasks": [
            {"name": "first", "id": "1", "runtime": 10, "cores": 2, "memory": 2048, "children": ["second"]},
            {"name": "second", "id": "2", "runtime": 20.5, "bytesRead": 10, "bytesWritten": 20, "parents": ["first"]},
        ],
    },
}


def write(folder: Path) -> Path:
    """Write the workflows and say where they are."""
    for document in (TODAY, BEFORE):
        (folder / f"{document['name']}.json").write_text(json.dumps(document, indent=1))
    return folder
