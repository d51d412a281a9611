"""Logs that are not honest: a fork, a gap, a log that shrinks; found by the checkpoints in bundles and by the tiles."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sigstore.models import ClientTrustConfig

from seglam.packs.trust.bundles import bundle_digest
from seglam.packs.trust.logs import audit, compare, directory
from seglam.packs.trust.signing.keyless import KeylessSigner
from tests.sigstore import Sigstore
from tests.trust import PACK, release, statement


@pytest.fixture(scope="module")
def bundles(sigstore: Sigstore) -> list[bytes]:
    """Three bundles, at three sizes of the tree."""
    config = ClientTrustConfig.from_json(sigstore.trust_config)
    signer = KeylessSigner(config, lambda: sigstore.issuer.token("shop", "compiler"))
    packs = [replace(PACK, version=f"3.0.{patch}") for patch in range(3)]
    return [signer.sign(statement(release(each), each)) for each in packs]


def test_an_honest_log_is_found_honest(sigstore: Sigstore, bundles: list[bytes]) -> None:
    assert compare(bundles, sigstore.trusted_root) == []
    assert audit(bundles, sigstore.trusted_root, directory(sigstore.tiles)) == []


def test_a_log_of_which_tiles_are_missing_has_a_gap(sigstore: Sigstore, bundles: list[bytes]) -> None:
    def without(path: str) -> bytes:
        if path.startswith("tile/0/"):
            raise FileNotFoundError(path)
        return (sigstore.tiles / path).read_bytes()

    findings = audit(bundles, sigstore.trusted_root, without)
    assert [each.code for each in findings] == ["gap"]
    assert "lacks tile/0/000" in findings[0].words


def test_a_log_whose_tiles_were_changed_is_not_the_one_it_signed(sigstore: Sigstore, bundles: list[bytes]) -> None:
    def altered(path: str) -> bytes:
        data = (sigstore.tiles / path).read_bytes()
        return data if path == "checkpoint" else bytes([data[0] ^ 1]) + data[1:]

    assert [each.code for each in audit(bundles, sigstore.trusted_root, altered)] == ["gap"]


def test_a_log_without_a_checkpoint_has_a_gap(sigstore: Sigstore, bundles: list[bytes], tmp_path: Any) -> None:
    assert [each.code for each in audit(bundles, sigstore.trusted_root, directory(tmp_path))] == ["gap"]


def test_a_checkpoint_that_nobody_signed_is_none(sigstore: Sigstore, bundles: list[bytes]) -> None:
    document = json.loads(bundles[0])
    proof = document["verificationMaterial"]["tlogEntries"][0]["inclusionProof"]
    origin, size, *rest = proof["checkpoint"]["envelope"].split("\n")
    proof["checkpoint"]["envelope"] = "\n".join([origin, str(int(size) + 1), *rest])
    changed = json.dumps(document).encode()
    assert [each.code for each in compare([changed], sigstore.trusted_root)] == ["unsigned"]


# --- a log that holds its key and lies -----------------------------------------------------------------------------


class Log:
    """A transparency log as its operator could run it: any history, signed with the trusted key."""

    def __init__(self, leaves: list[bytes]) -> None:
        self.leaves = leaves

    def tree(self, leaves: list[bytes]) -> bytes:
        """RFC 6962, section 2.1, word for word."""
        if len(leaves) <= 1:
            return leaves[0] if leaves else hashlib.sha256(b"").digest()
        split = 1 << (len(leaves) - 1).bit_length() - 1
        return hashlib.sha256(b"\x01" + self.tree(leaves[:split]) + self.tree(leaves[split:])).digest()

    def checkpoint(self, size: int) -> str:
        """The signed note over the first `size` entries."""
        body = f"log.example\n{size}\n{base64.b64encode(self.tree(self.leaves[:size])).decode()}\n"
        return f"{body}\n\u2014 log.example {base64.b64encode(b'hint' + KEY.sign(body.encode())).decode()}\n"

    def tiles(self) -> Callable[[str], bytes]:
        """Its files, all rows of them."""
        files: dict[str, bytes] = {"checkpoint": self.checkpoint(len(self.leaves)).encode()}
        row, number = self.leaves, 0
        while row:
            for start in range(0, len(row), 256):
                part = row[start : start + 256]
                name = f"tile/{number}/{start // 256:03d}" + ("" if len(part) == 256 else f".p/{len(part)}")
                files[name] = b"".join(part)
            row = [self.tree(row[start : start + 256]) for start in range(0, len(row) - 255, 256)]
            number += 1
        return _reader(files)

    def bundle(self, index: int, size: int) -> bytes:
        """What a bundle keeps of the log; the rest of it plays no part here."""
        entry = {
            "canonicalizedBody": base64.b64encode(BODIES[index]).decode(),
            "inclusionProof": {"logIndex": str(index), "checkpoint": {"envelope": self.checkpoint(size)}},
        }
        payload = {"payload": "e30=", "payloadType": "application/vnd.in-toto+json", "signatures": [{"sig": "AA=="}]}
        return json.dumps(
            {
                "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
                "verificationMaterial": {"certificate": {"rawBytes": "AA=="}, "tlogEntries": [entry]},
                "dsseEnvelope": payload,
            }
        ).encode()


def _reader(files: Mapping[str, bytes]) -> Callable[[str], bytes]:
    def read(path: str) -> bytes:
        if path not in files:
            raise FileNotFoundError(path)
        return files[path]

    return read


KEY = Ed25519PrivateKey.generate()
_DER = KEY.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
ROOT = json.dumps({"tlogs": [{"publicKey": {"rawBytes": base64.b64encode(_DER).decode()}}]})
BODIES = [b"entry %d" % number for number in range(70_000)]
LEAVES = [hashlib.sha256(b"\x00" + body).digest() for body in BODIES]
OTHER = [*LEAVES[:2], hashlib.sha256(b"\x00another").digest(), *LEAVES[3:]]
HONEST, FORKED = Log(LEAVES[:600]), Log(OTHER[:600])


@pytest.mark.parametrize("size", [1, 2, 3, 255, 256, 257, 511, 512, 513, 600])
def test_every_tree_of_an_honest_log_is_the_beginning_of_the_next(size: int) -> None:
    assert audit([HONEST.bundle(size - 1, size)], ROOT, HONEST.tiles()) == []


def test_a_log_of_three_rows_of_tiles() -> None:
    large = Log(LEAVES)
    assert audit([large.bundle(index, index + 1) for index in (0, 65_535, 65_536, 69_999)], ROOT, large.tiles()) == []


def test_two_histories_of_one_size_are_a_fork() -> None:
    """Found without the log: the two bundles alone prove it."""
    shown = [HONEST.bundle(1, 300), FORKED.bundle(1, 300)]
    assert [(each.code, each.bundle) for each in compare(shown, ROOT)] == [("fork", bundle_digest(shown[1]))]
    assert compare([HONEST.bundle(1, 300), FORKED.bundle(1, 301)], ROOT) == [], "other sizes need the tiles"


def test_a_history_that_the_log_no_longer_has_is_a_fork() -> None:
    shown = [HONEST.bundle(1, 300), HONEST.bundle(5, 400)]
    assert {each.code for each in audit(shown, ROOT, FORKED.tiles())} == {"fork"}
    assert audit([HONEST.bundle(1, 2)], ROOT, FORKED.tiles()) == [], "the part before the fork is the same"


def test_a_log_that_shrank_lost_entries() -> None:
    findings = audit([HONEST.bundle(1, 600)], ROOT, Log(LEAVES[:500]).tiles())
    assert [each.code for each in findings] == ["gap"]
    assert "has 500 entries and had 600" in findings[0].words


def test_an_entry_that_is_not_where_its_bundle_says_is_a_fork() -> None:
    moved = json.loads(HONEST.bundle(3, 300))
    moved["verificationMaterial"]["tlogEntries"][0]["inclusionProof"]["logIndex"] = "4"
    assert [each.code for each in audit([json.dumps(moved).encode()], ROOT, HONEST.tiles())] == ["fork"]


@pytest.mark.parametrize("envelope", ["", "log.example\n", "log.example\nmany\nAA==\n\n", "log.example\n1\nAA==\n"])
def test_a_checkpoint_that_cannot_be_read_is_reported(envelope: str) -> None:
    document = json.loads(HONEST.bundle(3, 300))
    document["verificationMaterial"]["tlogEntries"][0]["inclusionProof"]["checkpoint"]["envelope"] = envelope
    assert [each.code for each in compare([json.dumps(document).encode(), b"{}"], ROOT)] == ["malformed", "malformed"]
