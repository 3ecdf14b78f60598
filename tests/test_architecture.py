"""The map of the house (DESIGN: experiments -> {sim, real} -> traces -> policies) is what the imports say it is."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

#: What each storey may import of ours.
MAY_IMPORT = {
    "policies": {"policies"},
    "traces": {"policies", "traces"},
    "sim": {"policies", "traces", "sim"},
    "real": {"policies", "traces", "real"},
    "experiments": {"policies", "traces", "sim", "real", "experiments"},
}
#: What the storey that decides must not know.
WORLDLY = {
    "simpy",
    "docker",
    "time",
    "datetime",
    "threading",
    "socket",
    "asyncio",
    "subprocess",
    "os",
    "pathlib",
    "random",
}

SOURCES = [path for room in MAY_IMPORT for path in sorted((ROOT / room).rglob("*.py"))]


def imports_of(path: Path) -> set[str]:
    """Top-level names of everything a file imports, also inside functions."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            names.add((node.module or "").partition(".")[0])
    return names


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_arrows_point_one_way(path):
    room = path.relative_to(ROOT).parts[0]

    ours = imports_of(path) & set(MAY_IMPORT)

    assert ours <= MAY_IMPORT[room]


@pytest.mark.parametrize(
    "path", [p for p in SOURCES if p.relative_to(ROOT).parts[0] == "policies"], ids=lambda p: p.name
)
def test_policies_know_no_world(path):
    assert not imports_of(path) & WORLDLY


def test_every_package_is_installed():
    import tomllib

    listed = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"])
    there = {".".join(path.parent.relative_to(ROOT).parts) for path in SOURCES if path.name == "__init__.py"}

    assert listed == there


def test_nobody_asks_which_world_it_is_in():
    for path in SOURCES:
        if path.relative_to(ROOT).parts[0] == "policies":
            text = path.read_text(encoding="utf-8")
            assert "simulated" not in text, path
            assert "isinstance(self._cell" not in text, path
            assert "isinstance(self._clock" not in text, path
