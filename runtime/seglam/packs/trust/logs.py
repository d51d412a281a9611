"""Whether a transparency log is honest: one history for everybody, and nothing missing in it.

A bundle proves that its entry is in the tree of *its* checkpoint. A log that shows one tree to a publisher and another
one to everybody else is found out only by comparing checkpoints: with each other, and with the log's tiles
(c2sp.org/tlog-tiles, Merkle trees as in RFC 6962).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from seglam.packs.trust.bundles import bundle_digest, opened
from seglam.packs.trust.decision import Refused

TILE = 256
"""Hashes in a full tile."""

Tiles = Callable[[str], bytes]
"""Reads a file of the log, such as `checkpoint` or `tile/0/000`; raises OSError if it is not there."""


@dataclass(frozen=True)
class Checkpoint:
    """A log's signed word about its tree: so many entries, this root."""

    origin: str
    size: int
    root: bytes


@dataclass(frozen=True)
class Finding:
    """Something that an honest log does not do.

    Attributes:
        code: `fork`: two histories; `gap`: entries or tiles are missing; `unsigned`: a checkpoint that no trusted key
            signed; `malformed`: a bundle or checkpoint that cannot be read.
        words: what was found, for people.
        bundle: digest of the bundle in which it was found, if it was in one.
    """

    code: Literal["fork", "gap", "unsigned", "malformed"]
    words: str
    bundle: str | None = None


class _Dishonest(Exception):
    def __init__(self, code: Literal["fork", "gap", "unsigned", "malformed"], words: str) -> None:
        super().__init__(words)
        self.code: Literal["fork", "gap", "unsigned", "malformed"] = code


@dataclass(frozen=True)
class _Entry:
    """What a bundle says of the log."""

    bundle: str
    checkpoint: Checkpoint
    index: int
    leaf: bytes


def directory(path: Path) -> Tiles:
    """The files of a log that lie in a directory."""

    def read(name: str) -> bytes:
        return (path / name).read_bytes()

    return read


def compare(bundles: Iterable[bytes], root: str) -> list[Finding]:
    """Compare the checkpoints that bundles keep with each other; needs nothing but the bundles.

    Args:
        bundles: keyless bundles (JSON); others hold no checkpoint and are passed over.
        root: the sigstore trusted root whose logs signed them (JSON text).
    """
    entries, findings = _entries(bundles, root)
    seen: dict[tuple[str, int], _Entry] = {}
    for each in entries:
        point = each.checkpoint
        other = seen.setdefault((point.origin, point.size), each)
        if other.checkpoint.root != point.root:
            words = f"The log {point.origin} signed two different trees of {point.size} entries."
            findings.append(Finding("fork", words, each.bundle))
    return findings


def audit(bundles: Iterable[bytes], root: str, tiles: Tiles) -> list[Finding]:
    """Hold the checkpoints and entries that bundles keep against the log itself.

    Every tree that was ever shown must be the beginning of the one that the log shows now, every tile must be there,
    and every entry must be where its bundle says.
    """
    bundles = list(bundles)
    findings = compare(bundles, root)
    entries, _ = _entries(bundles, root)
    try:
        tree = _Tree(tiles, _signed(tiles("checkpoint").decode(), root))
        tree.check()
    except (OSError, UnicodeDecodeError) as error:
        return [*findings, Finding("gap", f"The log's checkpoint cannot be read: {error}.")]
    except _Dishonest as error:
        return [*findings, Finding(error.code, str(error))]
    for each in entries:
        if each.checkpoint.origin != tree.now.origin:
            continue
        try:
            tree.check_entry(each)
        except _Dishonest as error:
            findings.append(Finding(error.code, str(error), each.bundle))
    return findings


class _Tree:
    """The tree that the log shows now, read by tiles."""

    def __init__(self, tiles: Tiles, now: Checkpoint) -> None:
        self._tiles = tiles
        self._read: dict[str, bytes] = {}
        self.now = now

    def check(self) -> None:
        """The tiles must make the tree that the checkpoint promises."""
        if self.root(self.now.size) != self.now.root:
            raise _Dishonest("gap", f"The tiles of {self.now.origin} do not make the tree of its own checkpoint.")

    def check_entry(self, entry: _Entry) -> None:
        """The tree of the entry's checkpoint must be the beginning of this one, and hold the entry."""
        point = entry.checkpoint
        if point.size > self.now.size:
            words = f"The log {point.origin} has {self.now.size} entries and had {point.size} before: it lost some."
            raise _Dishonest("gap", words)
        if self.root(point.size) != point.root:
            raise _Dishonest("fork", f"The log {point.origin} showed another tree of {point.size} entries than it has.")
        if self._node(0, entry.index) != entry.leaf:
            raise _Dishonest("fork", f"The log {point.origin} holds another entry at {entry.index} than was signed.")

    def root(self, size: int) -> bytes:
        """Root of the first `size` entries (RFC 6962, section 2.1)."""
        peaks, start = [], 0
        for level in range(size.bit_length() - 1, -1, -1):
            if size >> level & 1:
                peaks.append(self._node(level, start >> level))
                start += 1 << level
        if not peaks:
            return hashlib.sha256(b"").digest()
        found = peaks.pop()
        while peaks:
            found = _parent(peaks.pop(), found)
        return found

    def _node(self, level: int, index: int) -> bytes:
        """Hash of the complete subtree of 2^level entries, the index-th of its size."""
        row, above = divmod(level, 8)
        first = index << above
        nodes = [self._hash(row, first + each) for each in range(1 << above)]
        while len(nodes) > 1:
            nodes = [_parent(nodes[each], nodes[each + 1]) for each in range(0, len(nodes), 2)]
        return nodes[0]

    def _hash(self, row: int, index: int) -> bytes:
        number, place = divmod(index, TILE)
        width = min(TILE, (self.now.size >> 8 * row) - number * TILE)
        path = _path(row, number, width)
        if path not in self._read:
            try:
                self._read[path] = self._tiles(path)
            except OSError as error:
                raise _Dishonest("gap", f"The log {self.now.origin} lacks {path}: {error}.") from None
        found = self._read[path][place * 32 : place * 32 + 32]
        if len(found) != 32:
            raise _Dishonest("gap", f"The log {self.now.origin} lacks hashes in {path}.")
        return found


def _path(row: int, number: int, width: int) -> str:
    """Path of a tile: groups of three digits, all but the last with an x; a partial tile says its width."""
    groups = [f"{number % 1000:03d}"]
    while number := number // 1000:
        groups.insert(0, f"x{number % 1000:03d}")
    partial_ = "" if width == TILE else f".p/{width}"
    return f"tile/{row}/{'/'.join(groups)}{partial_}"


def _parent(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


# --- what bundles and logs say -----------------------------------------------------------------------------------


def _entries(bundles: Iterable[bytes], root: str) -> tuple[list[_Entry], list[Finding]]:
    entries: list[_Entry] = []
    findings: list[Finding] = []
    for raw in bundles:
        try:
            if opened(raw).mode == "Key":
                continue
            entries.append(_entry(raw, root))
        except Refused as error:
            findings.append(Finding("malformed", error.words, bundle_digest(raw)))
        except _Dishonest as error:
            findings.append(Finding(error.code, str(error), bundle_digest(raw)))
    return entries, findings


def _entry(raw: bytes, root: str) -> _Entry:
    try:
        entry = json.loads(raw)["verificationMaterial"]["tlogEntries"][0]
        proof = entry["inclusionProof"]
        note, index = str(proof["checkpoint"]["envelope"]), int(proof["logIndex"])
        body = base64.b64decode(entry["canonicalizedBody"], validate=True)
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise _Dishonest("malformed", f"The bundle's log entry cannot be read: {error!r}.") from None
    leaf = hashlib.sha256(b"\x00" + body).digest()
    return _Entry(bundle_digest(raw), _signed(note, root), index, leaf)


def _signed(note: str, root: str) -> Checkpoint:
    """Read a checkpoint (a signed note, c2sp.org/tlog-checkpoint) that one of the root's log keys signed."""
    body, separator, signatures = note.partition("\n\n")
    try:
        origin, size, hash_, *_ = body.split("\n")
        found = Checkpoint(origin, int(size), base64.b64decode(hash_, validate=True))
    except (ValueError, binascii.Error):
        raise _Dishonest("malformed", "A checkpoint cannot be read.") from None
    if not separator:
        raise _Dishonest("malformed", "A checkpoint has no signatures.")
    checks = [_check_of(each) for each in json.loads(root).get("tlogs") or ()]
    for line in signatures.splitlines():
        encoded = line.rpartition(" ")[2]
        if any(_holds(check, encoded, f"{body}\n".encode()) for check in checks):
            return found
    raise _Dishonest(
        "unsigned", f"No key of the trust root signed the checkpoint of {origin} over {found.size} entries."
    )


def _check_of(log: dict[str, Any]) -> Callable[[bytes, bytes], None] | None:
    key = serialization.load_der_public_key(base64.b64decode(log["publicKey"]["rawBytes"]))
    if isinstance(key, Ed25519PublicKey):
        return key.verify
    if isinstance(key, EllipticCurvePublicKey):
        return partial(key.verify, signature_algorithm=ECDSA(hashes.SHA256()))
    return None


def _holds(check: Callable[[bytes, bytes], None] | None, encoded: str, body: bytes) -> bool:
    try:
        signature = base64.b64decode(encoded, validate=True)[4:]  # the first four bytes are a hint at the key
        if check is not None:
            check(signature, body)
            return True
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return False
