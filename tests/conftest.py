"""What the tests of several rooms share."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def traces_dir() -> Path:
    """The folder of real trace pieces; they are data, not code, so they are not in the repository."""
    folder = os.environ.get("TOWTANK_TRACES")
    if not folder:
        pytest.skip("TOWTANK_TRACES is not set: real trace pieces are not here")
    return Path(folder)
