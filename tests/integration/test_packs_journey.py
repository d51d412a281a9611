"""A pack leaves our registry by the tools of the field, and `seglam pack verify` still knows it elsewhere."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from seglam.cli.app import app
from seglam.packs import oci
from seglam.packs.client import OciClient
from seglam.packs.layout import Packed
from seglam.packs.trust.signing.key import KeySigner
from tests import distribution, packs
from tests.distribution import run, tool
from tests.registries import ORIGIN, doubling
from tests.registry_http import Site, serving, signed

SIGNER = KeySigner.generate()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    directory = tmp_path_factory.mktemp("site")
    with serving(f"sqlite:///{directory / 'registry.sqlite3'}", directory) as made:
        assert made.claim("alice", "acme", keys=[SIGNER.public.pem]).status_code == 201
        yield made


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """HOST:PORT of the registry to which the pack goes."""
    with distribution.serving(tmp_path_factory.mktemp("other")) as address:
        yield address


@pytest.fixture
def trust(tmp_path: Path) -> list[str]:
    """Options of a command that trusts the publisher's key."""
    metadata = {"apiVersion": "seglam.dev/v1alpha1", "metadata": {"name": "acme"}}
    root = {"keys": [{"id": SIGNER.identity, "pem": SIGNER.public.pem}], "sources": []}
    policy = {
        "namespaces": ["*"],
        "packs": [f"{ORIGIN}/acme/*"],
        "trustRoot": "acme",
        "mode": "Key",
        "index": "Ignored",
        "require": [{"predicate": "provenance", "keys": [SIGNER.identity]}],
    }
    for kind, spec in (("TrustRoot", root), ("TrustPolicy", policy)):
        (tmp_path / f"{kind}.yaml").write_text(json.dumps({**metadata, "kind": kind, "spec": spec}))
    return ["--root", str(tmp_path / "TrustRoot.yaml"), "--policy", str(tmp_path / "TrustPolicy.yaml")]


@pytest.mark.parametrize("by", ["crane", "skopeo"])
def test_a_copy_elsewhere_is_the_same_pack_and_passes_the_gate(
    site: Site, other: str, trust: list[str], tmp_path: Path, by: str
) -> None:
    pack = packs.pack(f"{ORIGIN}/acme/by-{by}", documents=[doubling("copied")])
    made = Packed(pack, (signed(pack, SIGNER),))
    site.put(pack, "alice", *made.bundles)
    ours, name = f"127.0.0.1:{site.client.base_url.port}/{pack.release.name}", pack.release.name

    def copy(tag: str) -> None:
        if by == "crane":
            run(tool("crane"), "copy", "--insecure", f"{ours}:{tag}", f"{other}/{name}:{tag}")
            return
        plain = ["--insecure-policy", "--all", "--src-tls-verify=false", "--dest-tls-verify=false"]
        run(tool("skopeo"), "copy", *plain, f"docker://{ours}:{tag}", f"docker://{other}/{name}:{tag}")

    def verify() -> int:
        given = {"SEGLAM_DATA_DIR": str(tmp_path / "data"), "SEGLAM_CONFIG_DIR": str(tmp_path / "config")}
        words = ["pack", "verify", f"oci://{other}/{name}:{pack.release.tag}", *trust]
        done = CliRunner().invoke(app, words, env=given)
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done.exit_code

    copy(pack.release.tag)
    assert verify() == 1  # without its bundles nobody vouches for it
    copy(oci.referrers_tag(pack.digest))
    assert verify() == 0
    with OciClient(f"http://{other}") as client:
        found = client.pull(name, pack.release.tag)
        assert Packed(found, client.referrers(name, found.digest)) == made
    assert found.digest == pack.digest
