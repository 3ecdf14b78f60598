"""Every block of commands, and of Python, in the README and docs runs as it stands there."""

import os
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from experiments.measures.metrics import Metrics
from policies.errors import UserError
from policies.log import Event, Levels, Log
from real.testbed import Testbed, TestbedOptions
from real.testbed.commands import require

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
#: What blocks that are not for every test run say of themselves, and its marks: those that need Docker are slow, too.
MARKS = {"": (), " slow": [pytest.mark.slow], " docker": [pytest.mark.docker, pytest.mark.slow]}
BLOCKS = [
    pytest.param(block, marks=MARKS[says], id=block.partition("\n")[0][:40])
    for page in PAGES
    for says, block in re.findall(
        r"^```sh( docker| slow|)\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
]


#: A fenced block of Python; what the first line says, and what stands in it.
CELL = re.compile(r"^```python\n(%%writefile (\S+)\n)?(.*?)^```", re.MULTILINE | re.DOTALL)
NOTEBOOKS = [page for page in PAGES if CELL.search(page.read_text(encoding="utf-8"))]


def test_no_block_is_left_out_for_what_it_says_of_itself():
    fences = re.findall(r"^```sh(.*)$", "\n".join(page.read_text(encoding="utf-8") for page in PAGES), re.MULTILINE)

    assert len(fences) == len(BLOCKS)
    assert set(fences) <= set(MARKS)


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    """A folder in which blocks find what the blocks above them made, and the commands that make installs."""
    folder = tmp_path_factory.mktemp("reader")
    (folder / ".venv").symlink_to(Path(sys.prefix))
    yield folder
    with suppress(UserError):
        require(slow_disk=True)
        Testbed(TestbedOptions(name="sea")).down()  # that of the README, if a block did not come to its end


@pytest.mark.parametrize("block", BLOCKS)
def test_a_command_block_runs(block, workplace, request):
    if request.node.get_closest_marker("docker") is not None:
        try:
            require(slow_disk=True)
        except UserError as error:
            pytest.skip(str(error))
    if block.startswith("make"):
        # What make does takes minutes, and CI does it; here it must know what to do.
        targets = re.findall(r"^make (\w+)", block, re.MULTILINE)
        subprocess.run(["make", "-C", ROOT, "--dry-run", *targets], check=True, capture_output=True)
        return
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block], cwd=workplace, capture_output=True, text=True, env=environment
    )
    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize("page", NOTEBOOKS, ids=lambda page: page.name)
def test_the_python_of_a_page_runs_from_top_to_bottom(page, workplace):
    text = page.read_text(encoding="utf-8")
    script = [""] * text.count("\n")
    for cell in CELL.finditer(text):
        if cell[1]:  # as a notebook does
            (workplace / cell[2]).write_text(cell[3], encoding="utf-8")
            continue
        # On the lines that it has in the page, so that a traceback says where.
        first = text.count("\n", 0, cell.start(3))
        script[first : first + cell[3].count("\n")] = cell[3].splitlines()
    file = workplace / f"{page.name}.py"
    file.write_text("\n".join(script), encoding="utf-8")

    environment = {**os.environ, "PYTHONPATH": str(ROOT), "MPLBACKEND": "agg"}
    command = [sys.executable, "-W", "error", file.name]
    ended = subprocess.run(command, cwd=workplace, capture_output=True, text=True, env=environment)

    assert ended.returncode == 0, ended.stderr


def test_the_readme_explains_every_metric():
    told = set(re.findall(r"`([a-z_0-9.…]+)`", README))
    stems = {name.partition(".")[0] for name in told} | {"memory_allocated_mean", "gpu_allocated_mean"}
    metrics = Metrics(Levels(("cpu_allocated",)))
    # Some metrics are there only where there is a MapReduce job.
    log = Log([metrics])
    log.say(0.0, Event.SUBMITTED, job="a", tasks=1, seconds=1.0, levels=(0.0, 0.0, 0.0))
    log.flush()
    for name in metrics.result(1.0):
        stem = name.partition(".")[0]
        known = stem in stems or stem.replace("cpu", "disk") in stems
        assert known, f"{name} is not in the README's table"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_path_that_a_page_names_is_there(page):
    for link in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
        if not link.startswith("http"):
            assert (page.parent / link).exists(), link
