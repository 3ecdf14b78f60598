"""What the tests of several rooms share."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

# How long an example takes says as much of who else is on the machine as of us.
settings.register_profile("towtank", deadline=None)
settings.load_profile("towtank")


@pytest.fixture(scope="session")
def traces_dir() -> Path:
    """The folder of real trace pieces; they are data, not code, so they are not in the repository."""
    folder = os.environ.get("TOWTANK_TRACES")
    if not folder:
        pytest.skip("TOWTANK_TRACES is not set: real trace pieces are not here")
    return Path(folder)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Where nothing may skip, a skipped test is a failed run."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped", []) if reporter is not None else []
    if skipped and os.environ.get("TOWTANK_NOTHING_SKIPS"):
        reporter.write_line(f"{len(skipped)} tests were skipped, and here nothing may skip", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
