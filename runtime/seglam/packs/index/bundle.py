"""The air-gap file: packs, what they require, their bundles, the index that lists them, and trust roots, in one tar.

It is an OCI image layout (so other tools copy it too) with files beside it:

    export.json                      what was exported and when, with digests against damage
    tuf/ORIGIN/VERSION.ROLE.json     the metadata of each origin's index, timestamp.json, targets/
    trust/NAME                       trust roots and policies as their owner had them

Nothing in it is believed because it is in it: packs and bundles pass the importer's gate, the metadata is checked from
the importer's own root, and `trust/` is for people to compare with what they got by another way.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from seglam.packs import archive, strictjson
from seglam.packs.files import write_whole
from seglam.packs.index.client import Index, Waiver
from seglam.packs.index.requirements import highest, in_order
from seglam.packs.layout import DEFAULT_LIMITS, ImageLayout, Packed, write_tar
from seglam.packs.names import NameInvalid, PackName, Release
from seglam.packs.oci import digest_of
from seglam.packs.problems import PackError, PackInvalid
from seglam.packs.trust.decision import IndexFacts
from seglam.packs.versions import VersionInvalid, VersionRange

_log = logging.getLogger(__name__)

SCHEMA = "seglam.dev/airgap/v1"
_SUMMARY = "export.json"
_CHUNK = 1024 * 1024


class AirGapInvalid(PackError):
    """A file that cannot be taken in. Codes: `truncated`, `damaged`, `malformed`, `requirement`.

    good: bytes from the start that are whole; a copy can be continued from there.
    """

    def __init__(self, code: str, words: str, *, good: int = 0) -> None:
        super().__init__(code, words)
        self.good = good


# Writing


def collect(
    wanted: Iterable[Release],
    *,
    index: Callable[[str], Index],
    pull: Callable[[PackName, str], Packed],
) -> list[Packed]:
    """The wanted releases and all that they require, each after what it requires.

    Args:
        index: the refreshed index of an origin; which version a range means is what it lists as highest.
        pull: a pack with its bundles, by its digest.

    Raises:
        AirGapInvalid: `requirement`: a wanted release is not listed; `damaged`: another came for it.
        RequirementRefused: what is required cannot be had, or requires itself.
    """

    def listed(release: Release) -> Packed:
        facts = index(release.name.origin).facts(release)
        if facts.listed_digest is None or facts.status != "listed":
            state = "not listed" if facts.status is None else facts.status
            raise AirGapInvalid("requirement", f"{release} is {state}: choose another version")
        return fetched(release, facts.listed_digest)

    def fetched(release: Release, digest: str) -> Packed:
        packed = pull(release.name, digest)
        if packed.pack.digest != digest or packed.pack.release != release:
            raise AirGapInvalid("damaged", f"what came for {release} is {packed.pack.release} {packed.pack.digest}")
        return packed

    def find(name: PackName, versions: VersionRange) -> Packed | None:
        chosen = highest(index(name.origin), name, versions)
        return fetched(*chosen) if chosen else None

    return in_order([listed(release) for release in wanted], find)


@dataclass(frozen=True)
class Exported:
    """What was written."""

    path: Path
    releases: tuple[Release, ...]
    digest: str  # of the file


def export(
    path: Path,
    packs: Iterable[Packed],
    *,
    indexes: Mapping[str, Index],
    trust: Mapping[str, bytes] | None = None,
    now: datetime | None = None,
) -> Exported:
    """Write an air-gap file; it is there whole or not at all.

    Args:
        indexes: by origin, refreshed shortly before; an origin without one travels without metadata, and is refused by
            policies that require the index.
        trust: files below `trust/`, by name.

    Raises:
        IndexRefused, PackInvalid, OSError: what cannot be read or written.
    """
    packs = list(packs)
    releases = tuple(packed.pack.release for packed in packs)
    extras = {f"trust/{name}": body for name, body in (trust or {}).items()}
    for origin in sorted({release.name.origin for release in releases} & indexes.keys()):
        names = [release.name for release in releases if release.name.origin == origin]
        extras |= {f"tuf/{origin}/{name}": body for name, body in indexes[origin].files(names).items()}
    extras[_SUMMARY] = strictjson.write(
        {
            "schema": SCHEMA,
            "created": (now or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "releases": [{"release": str(each.pack.release), "digest": each.pack.digest} for each in packs],
            "files": {name: digest_of(body) for name, body in extras.items()},
        }
    )
    write_tar(path, packs, extras)
    with path.open("rb") as file:
        return Exported(path, releases, "sha256:" + hashlib.file_digest(file, "sha256").hexdigest())


# Reading


@dataclass(frozen=True)
class Imported:
    """What an import did: `taken` now, `before` by an earlier one that was cut."""

    taken: tuple[Release, ...]
    before: tuple[Release, ...]


class AirGapFile:
    """An air-gap file that was read whole once: every blob has the digest that its name says."""

    def __init__(self, path: Path) -> None:
        """Open and check a file.

        Raises:
            AirGapInvalid: `truncated`, with how far it is good; `damaged`; `malformed`.
            OSError: it cannot be read.
        """
        self.path = path
        with path.open("rb") as file:
            _check(file)
        try:
            with ImageLayout.open(path) as layout:
                self._extras = {name: layout.extra(name) for name in layout.extras()}
                packs = set(layout.digests())
            document = strictjson.read(self._extras[_SUMMARY], _SUMMARY)
            if document["schema"] != SCHEMA:
                raise AirGapInvalid("malformed", f"{path} is of the form {document['schema']}; this reads {SCHEMA}")
            self.created = datetime.fromisoformat(document["created"])
            files = dict(document["files"])
            self.releases = {Release.parse(each["release"]): str(each["digest"]) for each in document["releases"]}
        except (PackInvalid, KeyError, TypeError, ValueError, NameInvalid, VersionInvalid) as error:
            raise AirGapInvalid("malformed", f"{path} is no air-gap file: {error}") from error
        for name in files.keys() | self._extras.keys() - {_SUMMARY}:
            if name not in self._extras or digest_of(self._extras[name]) != files.get(name):
                raise AirGapInvalid("damaged", f"{name} in {path} is not what {_SUMMARY} says: copy the file again")
        if packs != set(self.releases.values()):
            raise AirGapInvalid("malformed", f"{path} holds other packs than its {_SUMMARY} says")

    @property
    def trust(self) -> Mapping[str, bytes]:
        """Files below `trust/`, by name; to be compared, never believed."""
        return self._below("trust/")

    @property
    def origins(self) -> tuple[str, ...]:
        """Origins whose index is in the file."""
        return tuple(sorted({name.split("/")[1] for name in self._extras if name.startswith("tuf/")}))

    def refresh(self, index: Index, *, waiver: Waiver | None = None) -> bool:
        """Bring an origin's index to the state of the file. Versions never go back.

        Args:
            waiver: used if the metadata has expired, and only then; it is kept and logged.

        Returns:
            whether the waiver was needed.

        Raises:
            IndexRefused: the metadata is not believed; what was known before stays.
        """
        names = sorted({release.name for release in self.releases if release.name.origin == index.origin})
        return index.take(self._below(f"tuf/{index.origin}/"), names, waiver=waiver)

    def packed(self) -> Iterator[Packed]:
        """Packs with their bundles, each after what it requires."""
        with ImageLayout.open(self.path) as layout:
            for release, digest in self.releases.items():
                pack = layout.pack(digest)
                if pack.release != release:
                    raise AirGapInvalid("malformed", f"{digest} is {pack.release}, not {release} as {_SUMMARY} says")
                yield Packed(pack, layout.bundles(digest))

    def take_in(
        self,
        accept: Callable[[Packed, IndexFacts | None], None],
        *,
        index: Callable[[str], Index | None],
        journal: Path,
    ) -> Imported:
        """Give every pack to `accept`, in order; what an earlier call finished is not given again.

        Args:
            accept: checks by the gate and keeps the pack; it raises to refuse, which ends the import there. It may be
                called again with a pack that it has already, if it was killed.
            index: of an origin, refreshed from the file.
            journal: directory of what is done, by file.
        """
        done = _Journal(journal / hashlib.sha256(self._extras[_SUMMARY]).hexdigest())
        taken, before = [], []
        for packed in self.packed():
            release = packed.pack.release
            if packed.pack.digest in done:
                before.append(release)
                continue
            known = index(release.name.origin)
            accept(packed, known.facts(release) if known is not None else None)
            done.add(packed.pack.digest)
            taken.append(release)
        _log.info("imported %d packs of %s, %d before", len(taken), self.path, len(before))
        return Imported(tuple(taken), tuple(before))

    def _below(self, folder: str) -> dict[str, bytes]:
        return {name.removeprefix(folder): body for name, body in self._extras.items() if name.startswith(folder)}


class _Journal:
    """Digests that are done; written whole after each."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._done: list[str] = json.loads(path.read_bytes())
        except FileNotFoundError:
            self._done = []

    def __contains__(self, digest: str) -> bool:
        return digest in self._done

    def add(self, digest: str) -> None:
        self._done.append(digest)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(self._path, json.dumps(self._done).encode())


def _check(file: BinaryIO) -> None:
    """Read every member and compare blobs with their names."""
    size = file.seek(0, io.SEEK_END)
    good = count = 0
    try:
        for member in archive.members(file, DEFAULT_LIMITS, tolerant=True):
            file.seek(member.offset)
            if member.path.startswith("blobs/"):
                expected = member.path.removeprefix("blobs/").replace("/", ":", 1)
                if _digest(file, member.size) != expected:
                    raise AirGapInvalid(
                        "damaged",
                        f"{member.path} has other bytes than its name says; the file is good up to byte {good} of "
                        f"{size} ({count} members): copy it again from there",
                        good=good,
                    )
            good, count = member.offset + member.size, count + 1
    except PackInvalid as error:
        cut = error.code in {"archive-end", "member-size"}
        raise AirGapInvalid(
            "truncated" if cut else "damaged",
            f"the file {'ends early' if cut else 'is no archive of ours'} ({error}); it is good up to byte {good} "
            f"({count} members), {size} are here: {'continue the copy' if cut else 'copy it again'} from there",
            good=good,
        ) from error


def _digest(file: BinaryIO, size: int) -> str:
    hashed = hashlib.sha256()
    while size:
        chunk = file.read(min(size, _CHUNK))
        if not chunk:
            break
        hashed.update(chunk)
        size -= len(chunk)
    return "sha256:" + hashed.hexdigest()
