"""The image of the load container, made without a registry and without a build: an archive for ``docker load``.

Digests depend on nothing but the program, so that every Engine that loads it from one machine has the same image.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import platform
import shlex
import subprocess
import tarfile
import tempfile
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from docker.errors import ImageNotFound

from policies.errors import UserError
from real.labels import IMAGE
from real.load.command import SCRATCH

#: How the program is made, but for the compiler, which ``CC`` names, and the files.
FLAGS = ("-std=gnu11", "-O2", "-static", "-pthread", "-s")
LIBRARIES = ("-lm",)

#: On the image, so that it is found to be ours.
LABELS = {IMAGE: "load"}

#: What Docker calls the machines that Python knows by these names.
ARCHITECTURES = {"x86_64": "amd64", "AMD64": "amd64", "aarch64": "arm64", "arm64": "arm64"}

#: When everything in the image was made.
EPOCH = "1970-01-01T00:00:00Z"


def source() -> bytes:
    """Give the program's source."""
    return files("real.load").joinpath("burn.c").read_bytes()


@cache
def fingerprint() -> str:
    """Give twelve digits that change with the program and the way it is made."""
    return hashlib.sha256(" ".join([*FLAGS, *LIBRARIES, ""]).encode() + source()).hexdigest()[:12]


def tag() -> str:
    """Name the image, by the program in it."""
    return f"towtank/load:{fingerprint()}"


def program(cache_dir: Path | None = None) -> Path:
    """Compile the program, once.

    Parameters
    ----------
    cache_dir : Path, optional
        Where it is kept; by default the user's cache.

    Returns
    -------
    Path
        A program that needs no library.

    Raises
    ------
    UserError
        If there is no compiler, it cannot link statically, or the cache cannot be written.
    """
    if cache_dir is None:
        cache_dir = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "towtank"
    made = cache_dir / f"burn-{platform.machine()}-{fingerprint()}"
    if made.exists():
        return made
    try:
        cache_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache_dir) as folder:
            new = Path(folder) / "burn"
            _compile(new)
            # Whoever finds it finds all of it, also if two make it at once.
            os.replace(new, made)
    except OSError as error:
        raise UserError(f"{cache_dir}: cannot keep the load container's program there: {error.strerror}") from None
    return made


def _compile(to: Path) -> None:
    compiler = os.environ.get("CC") or "gcc"
    command = [*shlex.split(compiler), *FLAGS, "-x", "c", "-", "-o", str(to), *LIBRARIES]
    try:
        done = subprocess.run(command, input=source(), capture_output=True, check=False)
    except OSError as error:
        why = error.strerror
    else:
        if not done.returncode:
            return
        said = done.stderr.decode(errors="replace").splitlines()
        # The first line names what is missing, the last only that something is.
        why = next((line.strip() for line in said if "error" in line or "cannot find" in line), "it does not say why")
    raise UserError(
        f"{compiler}: cannot make the load container's program: {why} (it needs gcc, or what CC names, and a static C "
        "library; Debian: gcc libc6-dev)"
    )


def archive(binary: bytes, architecture: str) -> bytes:
    """Pack the image as ``docker save`` would.

    Parameters
    ----------
    binary : bytes
        The program.
    architecture : str
        Which machines run it, in Docker's words.

    Returns
    -------
    bytes
        An archive of one layer, the same for the same arguments.
    """
    # A container whose root may not be written needs the folder to be there.
    layer = _tar({"burn": binary, SCRATCH.strip("/"): None})
    config = {
        "architecture": architecture,
        "os": "linux",
        "created": EPOCH,
        "config": {"Entrypoint": ["/burn"], "Labels": LABELS, "WorkingDir": "/"},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
        "history": [{"created": EPOCH, "created_by": "towtank"}],
    }
    text = json.dumps(config, sort_keys=True).encode()
    name = f"{hashlib.sha256(text).hexdigest()}.json"
    manifest = [{"Config": name, "RepoTags": [tag()], "Layers": ["layer.tar"]}]
    return _tar({name: text, "layer.tar": layer, "manifest.json": json.dumps(manifest).encode()})


def _tar(members: dict[str, bytes | None]) -> bytes:
    """Pack files that all may read and run, and folders (None); owned by root, of no date."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.mode = 0o755
            if content is None:
                member.type = tarfile.DIRTYPE
            else:
                member.size = len(content)
            tar.addfile(member, io.BytesIO(content or b""))
    return packed.getvalue()


def ensure(api: Any, cache_dir: Path | None = None) -> str:
    """Let an Engine have the image.

    Parameters
    ----------
    api : docker.APIClient
        The Engine.
    cache_dir : Path, optional
        Where `program` keeps what it makes.

    Returns
    -------
    str
        The image's tag.

    Raises
    ------
    UserError
        If the image is not there and cannot be made here for that Engine.
    docker.errors.DockerException, requests.RequestException
        If the Engine does not answer, or not as it should.
    """
    try:
        api.inspect_image(tag())
    except ImageNotFound:
        pass
    else:
        return tag()
    machine, theirs = platform.machine(), api.info()["Architecture"]
    architecture = ARCHITECTURES.get(machine, machine)
    if architecture != ARCHITECTURES.get(theirs, theirs):
        raise UserError(
            f"{api.base_url}: a {theirs} machine, for which no {machine} machine makes the load container: build "
            f"real/load/Dockerfile there as {tag()}"
        )
    for line in api.load_image(archive(program(cache_dir).read_bytes(), architecture)):
        if "error" in line:
            raise UserError(f"{api.base_url}: cannot load {tag()}: {line['error']}")
    return tag()
