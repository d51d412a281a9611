"""Builds the project's two images from the tree and hands them to the cluster under test.

`python -m tests.cluster.images` prints the two names. On the real node buildah builds (no daemon, no registry) and
containerd takes the archive; with kind it is Docker. An image's tag is the digest of everything that goes into it, so
an unchanged tree costs a look-up.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from configparser import ConfigParser
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from tests.cluster.locks import locked
from tests.cluster.node.layout import Layout
from tests.cluster.node.shell import NodeError, run, succeeds

ROOT = Path(__file__).resolve().parents[2]
BASE = "docker.io/library/python:3.11-slim"
INPUTS = {
    "platform": (
        *("requirements/build.lock.txt", "requirements/platform.lock.txt", "pyproject.toml", "README.md", "LICENSE"),
        *("runtime/seglam", "operator/seglam", "registry/seglam"),
    ),
    "runner": ("requirements/engine.lock.txt", "requirements/runner.lock.txt", "runtime/seglam/sandbox"),
}
_ENVIRONMENT = {**os.environ, "STORAGE_DRIVER": "overlay"}


@dataclass(frozen=True, slots=True)
class Images:
    """Names with tags under which the cluster has the images."""

    platform: str
    runner: str


def tag_of(image: str) -> str:
    """12 hexadecimal digits of the digest of the Dockerfile and of all that it copies."""
    digest = hashlib.sha256()
    for path in _files(ROOT / "images" / f"{image}.Dockerfile", *(ROOT / name for name in INPUTS[image])):
        digest.update(f"{path.relative_to(ROOT)}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()[:12]


def name_of(image: str) -> str:
    return f"localhost/seglam-{image}:{tag_of(image)}"


def images_for_node(layout: Layout) -> Images:
    """Both images, built with buildah where the tree changed, in the node's containerd."""
    names = {image: name_of(image) for image in INPUTS}
    with locked("images"):
        _bring(layout, names)
    return Images(**names)


def _bring(layout: Layout, names: Mapping[str, str]) -> None:
    for image, name in names.items():
        if _in_node(layout, name):
            continue
        if not succeeds("buildah", "inspect", "--type", "image", name, env=_ENVIRONMENT):
            _bring_base()
            _build(image, name)
        with tempfile.TemporaryDirectory(prefix="seglam-image-") as scratch:
            archive = Path(scratch) / f"{image}.tar"
            run("buildah", "push", "--quiet", name, f"docker-archive:{archive}:{name}", env=_ENVIRONMENT)
            load(layout, archive)


def images_for_kind(cluster: str) -> Images:
    """Both images, built with Docker, in the nodes of a kind cluster."""
    names = {image: name_of(image) for image in INPUTS}
    for image, name in names.items():
        if not succeeds("docker", "image", "inspect", name):
            with _pip_secrets() as secrets:
                flags = [flag for key, path in secrets.items() for flag in ("--secret", f"id={key},src={path}")]
                run("docker", "build", *flags, "-t", name, "-f", f"images/{image}.Dockerfile", ".", cwd=ROOT)
        run("kind", "load", "docker-image", "--name", cluster, name)
    return Images(**names)


def load(layout: Layout, *archives: Path) -> None:
    """Import OCI or docker image archives into the node."""
    for archive in archives:
        run("ctr", "--address", layout.containerd, "--namespace", "k8s.io", "images", "import", archive)


def _in_node(layout: Layout, name: str) -> bool:
    listed = run("ctr", "--address", layout.containerd, "--namespace", "k8s.io", "images", "ls", "-q", f"name=={name}")
    return name in listed.split()


def _build(image: str, name: str) -> None:
    started = time.monotonic()
    with _pip_secrets() as secrets:
        flags = [flag for key, path in secrets.items() for flag in ("--secret", f"id={key},src={path}")]
        flags += [flag for path in _local_wheels() for flag in ("--volume", f"{path}:{path}:ro")]
        common = ("--isolation", "chroot", "--layers", "--pull-never", "--quiet")
        run(
            *("nice", "buildah", "bud", *common, *flags, "-t", name, "-f", f"images/{image}.Dockerfile", "."),
            cwd=ROOT,
            env=_ENVIRONMENT,
        )
    print(f"{name}: built in {time.monotonic() - started:.0f} s", file=sys.stderr)
    _forget_others(name)


def _forget_others(name: str) -> None:
    """Remove images of other trees; their layers stay as long as this one uses them."""
    repository = name.rpartition(":")[0]
    listed = run("buildah", "images", "--format", "{{.Name}}:{{.Tag}}", env=_ENVIRONMENT)
    for other in listed.split():
        if other.startswith(f"{repository}:") and other != name:
            succeeds("buildah", "rmi", other, env=_ENVIRONMENT)


def _bring_base() -> None:
    """The image that the Dockerfiles start from: pulled where a registry answers, else made from Debian's packages."""
    if succeeds("buildah", "inspect", "--type", "image", BASE, env=_ENVIRONMENT):
        return
    if succeeds("timeout", "60", "buildah", "pull", "--quiet", BASE, env=_ENVIRONMENT):
        return
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="seglam-base-") as scratch:
        tree = Path(scratch) / "root"
        run("debootstrap", "--variant=minbase", "--include=python3,python3-venv", "bookworm", tree)
        container = run("buildah", "from", "scratch", env=_ENVIRONMENT).strip()
        run("buildah", "add", "--quiet", container, tree, "/", env=_ENVIRONMENT)
        run(
            "buildah",
            "config",
            "--env",
            "PATH=/usr/local/bin:/usr/bin:/bin",
            "--cmd",
            "python3",
            container,
            env=_ENVIRONMENT,
        )
        run("buildah", "commit", "--quiet", "--rm", container, BASE, env=_ENVIRONMENT)
    print(f"{BASE}: made from Debian's packages in {time.monotonic() - started:.0f} s", file=sys.stderr)


@contextmanager
def _pip_secrets() -> Iterator[Mapping[str, Path]]:
    """How this machine's pip reaches its index, as the build's secrets: its configuration and its certificates."""
    settings = _pip_settings()
    with tempfile.TemporaryDirectory(prefix="seglam-pip-") as scratch:
        secrets = {"pip.conf": Path(scratch) / "pip.conf"}
        certificates = settings.pop("cert", os.environ.get("SSL_CERT_FILE"))
        if certificates:
            secrets["ca.crt"] = Path(certificates)
            settings["cert"] = "/run/secrets/ca.crt"
        if "find-links" in settings and not settings["find-links"].strip():
            del settings["find-links"]
        written = ConfigParser(interpolation=None)
        written["global"] = settings
        with secrets["pip.conf"].open("w") as file:
            written.write(file)
        secrets["pip.conf"].chmod(0o600)
        yield secrets


def _pip_settings() -> dict[str, str]:
    """How pip is told here, by files and environment, to reach its index; the environment comes first, as in pip."""
    wanted = (
        "index-url",
        "extra-index-url",
        "trusted-host",
        "find-links",
        "cert",
        "proxy",
        "timeout",
        "default-timeout",
    )
    settings: dict[str, str] = {}
    pip = (sys.executable, "-m", "pip") if find_spec("pip") else ("pip3",)
    for line in run(*pip, "config", "list").splitlines():
        key, _, value = line.partition("=")
        name = key.rpartition(".")[2]
        if name in wanted and not (name in settings and not key.startswith(":env:")):
            settings[name] = value.strip().strip("'\"")
    return settings


def _local_wheels() -> list[str]:
    links = _pip_settings().get("find-links", "").split()
    return [link for link in links if link.startswith("/") and Path(link).is_dir()]


def _files(*paths: Path) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted(p for p in path.rglob("*") if p.is_file() and "__pycache__" not in p.parts)
        else:
            yield path


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.cluster.images", description=__doc__)
    parser.add_argument("--tag", help="a further tag in the node, for manifests that are written by hand")
    chosen = parser.parse_args()
    try:
        layout = Layout.of_environment()
        made = images_for_node(layout)
        for name in (made.platform, made.runner):
            if chosen.tag:
                other = f"{name.rpartition(':')[0]}:{chosen.tag}"
                run(
                    "ctr",
                    "--address",
                    layout.containerd,
                    "--namespace",
                    "k8s.io",
                    "images",
                    "tag",
                    "--force",
                    name,
                    other,
                )
            print(name)
    except (NodeError, subprocess.SubprocessError) as problem:
        sys.exit(f"images: {problem}")


if __name__ == "__main__":
    main()
