"""cosign agrees: it verifies our release and review bundles, keyless and by key, and refuses altered ones."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sigstore.models import ClientTrustConfig

from seglam.packs.client import OciClient
from seglam.packs.pack import Pack
from seglam.packs.trust import PackFacts
from seglam.packs.trust.identities import service_account
from seglam.packs.trust.predicates import URIS
from seglam.packs.trust.signing.key import KeySigner
from seglam.packs.trust.signing.keyless import KeylessSigner
from tests.distribution import tool
from tests.integration.test_packs_oci import registry
from tests.packs import pack as small_pack
from tests.sigstore import Sigstore
from tests.trust import release, review, statement

__all__ = ["registry"]

KINDS = ("release", "review")


def said(*command: object) -> tuple[bool, str]:
    """Whether cosign ended well, and what it said."""
    words = [str(word) for word in command]
    done = subprocess.run([tool("cosign"), *words], capture_output=True, text=True, check=False)
    return done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def pack() -> Pack:
    return small_pack()


@pytest.fixture(scope="module")
def bundles(sigstore: Sigstore, pack: Pack) -> dict[str, bytes]:
    """A release by the registry and a review by alice, keyless."""
    config = ClientTrustConfig.from_json(sigstore.trust_config)
    facts = PackFacts.of(pack)
    signed = {}
    for kind, predicate in {"release": release(facts), "review": review("alice", facts)}.items():
        signer = KeylessSigner(config, lambda kind=kind: sigstore.issuer.token("shop", kind))  # type: ignore[misc]
        signed[kind] = signer.sign(statement(predicate, facts))
    return signed


@pytest.fixture
def folder(tmp_path: Path, sigstore: Sigstore, pack: Pack) -> Path:
    """A directory with the trusted root and the pack's manifest as files."""
    (tmp_path / "root.json").write_text(sigstore.trusted_root)
    (tmp_path / "manifest").write_bytes(pack.manifest)
    return tmp_path


def blob(folder: Path, sigstore: Sigstore, bundle: bytes, kind: str, **changes: str) -> tuple[bool, str]:
    """`cosign verify-blob-attestation` of a bundle over the manifest."""
    (folder / "bundle.json").write_bytes(bundle)
    return said(
        "verify-blob-attestation", "--bundle", folder / "bundle.json", "--trusted-root", folder / "root.json",
        "--use-signed-timestamps",
        "--certificate-identity", changes.get("subject", service_account("shop", kind)),
        "--certificate-oidc-issuer", changes.get("issuer", sigstore.issuer.url),
        "--type", changes.get("type", URIS[kind]), folder / changes.get("file", "manifest"),  # type: ignore[index]
    )  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_verify_blob_attestation(folder: Path, sigstore: Sigstore, bundles: dict[str, bytes], kind: str) -> None:
    passed, words = blob(folder, sigstore, bundles[kind], kind)
    assert passed, words
    assert not blob(folder, sigstore, bundles[kind], kind, subject=service_account("shop", "mallory"))[0]
    assert not blob(folder, sigstore, bundles[kind], kind, issuer=sigstore.second.url)[0]
    assert not blob(folder, sigstore, bundles[kind], kind, type=URIS["provenance"])[0]
    assert not blob(folder, sigstore, bundles[kind], kind, file="root.json")[0]
    document = json.loads(bundles[kind])
    payload = document["dsseEnvelope"]["payload"]
    document["dsseEnvelope"]["payload"] = payload[:200] + ("A" if payload[200] != "A" else "B") + payload[201:]
    assert not blob(folder, sigstore, json.dumps(document).encode(), kind)[0]


@pytest.mark.parametrize("signer", [KeySigner.generate(), KeySigner(Ed25519PrivateKey.generate())], ids=["p256", "ed"])
def test_bundles_of_key_mode(tmp_path: Path, pack: Pack, signer: KeySigner) -> None:
    facts = PackFacts.of(pack)
    (tmp_path / "manifest").write_bytes(pack.manifest)
    (tmp_path / "bundle.json").write_bytes(signer.sign(statement(release(facts), facts)))
    (tmp_path / "own.pem").write_text(signer.public.pem)
    (tmp_path / "other.pem").write_text(KeySigner.generate().public.pem)

    def verifies(key: str, file: str = "manifest") -> tuple[bool, str]:
        return said(
            "verify-blob-attestation", "--bundle", tmp_path / "bundle.json", "--key", tmp_path / key,
            "--insecure-ignore-tlog", "--type", URIS["release"], tmp_path / file,
        )  # fmt: skip

    passed, words = verifies("own.pem")
    assert passed, words
    assert not verifies("other.pem")[0]
    assert not verifies("own.pem", "own.pem")[0]


def test_verify_attestation_of_a_pack_in_a_registry(
    folder: Path, sigstore: Sigstore, pack: Pack, bundles: dict[str, bytes], registry: str
) -> None:
    """The pack and its bundles as referrers in a CNCF distribution registry, as a platform team has them."""
    with OciClient(f"http://{registry}") as client:
        client.push(pack, list(bundles.values()))
    image = f"{registry}/{pack.release.name}@{pack.digest}"

    def verifies(kind: str, subject: str) -> tuple[bool, str]:
        return said(
            "verify-attestation", "--trusted-root", folder / "root.json", "--use-signed-timestamps",
            "--certificate-identity", subject, "--certificate-oidc-issuer", sigstore.issuer.url,
            "--type", URIS[kind], "--allow-http-registry", image,  # type: ignore[index]
        )  # fmt: skip

    for kind in KINDS:
        passed, words = verifies(kind, service_account("shop", kind))
        assert passed, words
        assert not verifies(kind, service_account("shop", "mallory"))[0]
    assert not verifies("provenance", service_account("shop", "release"))[0]
