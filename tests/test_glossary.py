"""The glossary has every word that a user may have to choose."""

import re
from pathlib import Path

import pytest

from experiments.measures.shapes import Shape
from policies.cell import Commit, Conflict
from policies.placement import BUILT_IN
from policies.scheduling import ARCHITECTURES, DISCIPLINES, SIZINGS
from policies.sharing import ISOLATIONS
from policies.sharing.disk import DISKS

GLOSSARY = (Path(__file__).parents[1] / "docs" / "glossary.md").read_text(encoding="utf-8")
EXPLAINED = set(re.findall(r"`([^`]+)`", GLOSSARY))

WORDS = {
    "architecture": ARCHITECTURES,
    "queue discipline": DISCIPLINES,
    "sizing": SIZINGS,
    "policy": BUILT_IN,
    "isolation mode": ISOLATIONS,
    "disk class": DISKS,
    "demand shape": [shape.value for shape in Shape],
    "conflict": [Conflict.FINE.value, Conflict.COARSE.value],
    "commit": [commit.value for commit in Commit],
}


@pytest.mark.parametrize("kind", WORDS)
def test_every_name_that_can_be_chosen_is_in_the_glossary(kind):
    assert set(WORDS[kind]) <= EXPLAINED
