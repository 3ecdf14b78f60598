"""What the tests of sweeps share: an experiment of one's own, and a command that is watched."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

#: An experiment in a file: one fold and one work, both of which other processes must find.
MINE = '''"""Does it wait?"""

import os
from functools import partial
from pathlib import Path

from experiments.measures.checks import within
from experiments.results.study import Detail, RunKey, Study
from experiments.running.experiment import Point
from experiments.running.simulate import simulate

MEASURES = ("jobs_submitted", "wait_mean_s")


class Counted:
    def __init__(self, levels, least):
        self._rows, self._least = 0, least

    def __call__(self, rows):
        self._rows += len(rows)

    @property
    def rows(self):
        return [{"rows": self._rows, "least": self._least}]


def noted(study, key, progress):
    """Leave a line for each time, and fail as somebody wants it."""
    with Path("made.txt").open("a") as file:
        file.write(f"{key.seed}\\n")
    if Path(f"fail-{key.seed}").exists():
        raise ValueError("a seed that I do not like")
    if Path(f"kill-{key.seed}").exists():
        os.kill(os.getpid(), 9)
    return simulate(study, key, progress=progress)


def points(plan):
    for seed in plan.seeds_or(4, 4):
        study, key = Study(until_s=300.0, detail=Detail.SUMMARY), RunKey("monolithic", "spread", seed)
        yield Point({"part": "fold", "seed": seed}, study, key, fold=partial(Counted, least=3))
        yield Point({"part": "work", "seed": seed}, study, key, work=noted)
'''
CHECK = """

def check(table):
    yield within("us", "jobs come", table.jobs_submitted, 1)
"""


def command(*arguments):
    return [sys.executable, "-m", "experiments", *map(str, arguments)]


def environment():
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def towtank(*arguments, cwd):
    return subprocess.run(command(*arguments), cwd=cwd, capture_output=True, text=True, env=environment())


def killed_after(lines, *arguments, cwd):
    """Start a command and kill it as soon as it has told of so many runs."""
    with subprocess.Popen(command(*arguments), cwd=cwd, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
                          env=environment()) as begun:  # fmt: skip
        for _ in range(lines):
            assert begun.stderr.readline().startswith("[")
        begun.kill()
    assert begun.returncode == -9
