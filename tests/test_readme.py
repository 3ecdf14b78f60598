"""Every command block of the README and of docs runs as it stands there."""

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
#: Blocks that need Docker say so.
BLOCKS = [
    pytest.param(block, marks=[pytest.mark.docker, pytest.mark.slow] if needs else (), id=block.partition("\n")[0][:40])
    for page in PAGES
    for needs, block in re.findall(
        r"^```sh( docker)?\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
]


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
