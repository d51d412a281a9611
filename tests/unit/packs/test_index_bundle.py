"""The air-gap file: written, cut, damaged, expired, taken in twice."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from seglam.packs import archive
from seglam.packs.index.bundle import AirGapFile, AirGapInvalid, collect, export
from seglam.packs.index.client import Index, Waiver
from seglam.packs.index.errors import IndexRefused
from seglam.packs.index.layout import Listing, Status
from seglam.packs.index.repository import Repository
from seglam.packs.index.requirements import RequirementRefused
from seglam.packs.index.storage import MemoryStorage
from seglam.packs.layout import DEFAULT_LIMITS, Packed, write_tar
from seglam.packs.names import PackName, Release
from seglam.packs.pack import Pack
from seglam.packs.trust.decision import IndexFacts
from seglam.packs.versions import Version
from tests.index_keys import ORIGIN, StorageFetcher, make
from tests.packs import RELEASE, REVIEW, pack, unsigned

TRUST = b'{"mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1"}'


class Acme:
    """An organisation with an index and packs: `dates` requires `numbers`, `numbers` requires `digits`."""

    def __init__(self, directory: Path, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.directory = directory
        self.storage = MemoryStorage()
        self.repository, self.keys, self.root = make(
            storage=self.storage, clock=clock, files={"trusted_root.json": TRUST}
        )
        self.packs: dict[str, Packed] = {}
        self.add("digits", "1.0.0")
        self.add("numbers", "1.2.0", requires={"digits": "^1.0"})
        self.add("numbers", "1.3.0", requires={"digits": "^1.0"})
        self.add("numbers", "2.0.0")
        self.dates = self.add("dates", "1.0.0", requires={"numbers": "^1.2"})
        self.index = Index(
            directory, "http://registry/", self.root, origin=ORIGIN, fetcher=StorageFetcher(self.storage)
        )

    def add(self, name: str, version: str, *, requires: dict[str, str] | None = None) -> Release:
        needed = {f"{ORIGIN}/acme/{other}": text for other, text in (requires or {}).items()}
        made = pack(f"{ORIGIN}/acme/{name}", version, requires=needed)
        self.packs[made.digest] = Packed(made, (unsigned(RELEASE, at=version), unsigned(REVIEW, at=version)))
        self.say()
        return made.release

    def say(self, **statuses: Status) -> None:
        listed: dict[PackName, list[Listing]] = {}
        for packed in self.packs.values():
            release = packed.pack.release
            status = statuses.get(f"{release.name.pack}_{release.version.major}_{release.version.minor}", Status.LISTED)
            listed.setdefault(release.name, []).append(
                Listing(release.version, packed.pack.digest, len(packed.pack.manifest), status, "2026-11-21T15:00:00Z")
            )
        self.repository.put(listed)

    def pull(self, name: PackName, digest: str) -> Packed:
        assert self.packs[digest].pack.release.name == name
        return self.packs[digest]

    def collect(self, *releases: Release) -> list[Packed]:
        self.index.refresh()
        return collect(releases or [self.dates], index=lambda _: self.index, pull=self.pull)

    def export(self, path: Path) -> Path:
        export(path, self.collect(), indexes={ORIGIN: self.index}, trust={"acme.yaml": b"kind: TrustRoot\n"})
        return path

    def importer(self, directory: Path) -> Index:
        """Another organisation's knowledge of this index, without a way to it."""
        return Index(directory, None, self.root, origin=ORIGIN)


@pytest.fixture
def acme(tmp_path: Path) -> Acme:
    return Acme(tmp_path / "acme")


def names(packs: list[Packed]) -> list[str]:
    return [f"{p.pack.release.name.pack}@{p.pack.release.version}" for p in packs]


def test_what_is_required_comes_along_and_before(acme: Acme) -> None:
    assert names(acme.collect()) == ["digits@1.0.0", "numbers@1.3.0", "dates@1.0.0"]


def test_a_yanked_version_is_not_chosen_and_not_exported(acme: Acme) -> None:
    acme.say(numbers_1_3=Status.YANKED)
    assert names(acme.collect()) == ["digits@1.0.0", "numbers@1.2.0", "dates@1.0.0"]
    acme.say(numbers_1_3=Status.YANKED, numbers_1_2=Status.QUARANTINED)
    with pytest.raises(RequirementRefused, match=r"requires .*numbers \^1\.2, and no such version is listed"):
        acme.collect()
    with pytest.raises(AirGapInvalid, match="is yanked"):
        acme.collect(Release(PackName(ORIGIN, "acme", "numbers"), Version.parse("1.3.0")))


def test_what_was_pulled_must_be_what_is_listed(acme: Acme) -> None:
    acme.index.refresh()
    other = next(packed for packed in acme.packs.values() if str(packed.pack.release.version) == "2.0.0")
    with pytest.raises(AirGapInvalid, match="what came for"):
        collect([acme.dates], index=lambda _: acme.index, pull=lambda *_: other)


def test_an_export_is_imported_without_a_network_and_byte_for_byte(acme: Acme, tmp_path: Path) -> None:
    file = AirGapFile(acme.export(tmp_path / "acme.tar"))
    index = acme.importer(tmp_path / "globex")
    assert file.refresh(index) is False
    assert index.file("trusted_root.json") == TRUST
    assert file.trust == {"acme.yaml": b"kind: TrustRoot\n"}
    assert file.origins == (ORIGIN,)
    got: list[tuple[Pack, tuple[bytes, ...], IndexFacts | None]] = []
    done = file.take_in(
        lambda p, facts: got.append((p.pack, p.bundles, facts)), index=lambda _: index, journal=tmp_path
    )
    assert [str(release) for release in done.taken] == [
        f"{ORIGIN}/acme/{name}" for name in ("digits@1.0.0", "numbers@1.3.0", "dates@1.0.0")
    ]
    for made, bundles, facts in got:
        assert acme.packs[made.digest] == Packed(made, bundles)
        assert facts is not None
        assert (facts.listed_digest, facts.status, facts.waiver) == (made.digest, "listed", None)


def test_an_import_that_was_cut_goes_on(acme: Acme, tmp_path: Path) -> None:
    file = AirGapFile(acme.export(tmp_path / "acme.tar"))
    index = acme.importer(tmp_path / "globex")
    file.refresh(index)
    accepted: list[str] = []

    def accept(packed: Packed, _: object) -> None:
        if len(accepted) == 1:
            raise KeyboardInterrupt
        accepted.append(packed.pack.digest)

    with pytest.raises(KeyboardInterrupt):
        file.take_in(accept, index=lambda _: index, journal=tmp_path / "journal")
    again: list[str] = []
    done = AirGapFile(file.path).take_in(
        lambda packed, _: again.append(packed.pack.digest), index=lambda _: index, journal=tmp_path / "journal"
    )
    assert (len(done.before), len(done.taken)) == (1, 2)
    assert len({*accepted, *again}) == 3


def test_a_cut_file_is_refused_with_how_far_it_is_good(acme: Acme, tmp_path: Path) -> None:
    whole = acme.export(tmp_path / "acme.tar").read_bytes()
    with (tmp_path / "acme.tar").open("rb") as stream:
        ends = [0, *(member.offset + member.size for member in archive.members(stream, DEFAULT_LIMITS))]
    for size in (0, 100, 700, len(whole) // 2, len(whole) - 1024, len(whole) - 1):
        (tmp_path / "cut.tar").write_bytes(whole[:size])
        with pytest.raises(AirGapInvalid, match="continue the copy") as refused:
            AirGapFile(tmp_path / "cut.tar")
        assert refused.value.code == "truncated"
        assert refused.value.good == max(end for end in ends if end <= size)
        assert f"good up to byte {refused.value.good}" in refused.value.words


def test_a_changed_byte_is_found_wherever_it_is(acme: Acme, tmp_path: Path) -> None:
    whole = acme.export(tmp_path / "acme.tar").read_bytes()
    with (tmp_path / "acme.tar").open("rb") as stream:
        members = list(archive.members(stream, DEFAULT_LIMITS))
    for member in members:
        if not member.size or member.path in {"export.json", "index.json"}:  # what they say is compared, not hashed
            continue
        at = member.offset + member.size // 2
        (tmp_path / "bad.tar").write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(AirGapInvalid) as refused:
            AirGapFile(tmp_path / "bad.tar")
            pytest.fail(member.path)
        assert refused.value.code in {"damaged", "malformed"}, member.path


def test_an_older_file_is_refused_after_a_newer_one(acme: Acme, tmp_path: Path) -> None:
    older = AirGapFile(acme.export(tmp_path / "older.tar"))
    acme.add("dates", "1.1.0")
    newer = AirGapFile(acme.export(tmp_path / "newer.tar"))
    index = acme.importer(tmp_path / "globex")
    newer.refresh(index)
    with pytest.raises(IndexRefused) as refused:
        older.refresh(index)
    assert refused.value.code == "index-rollback"


def test_expired_metadata_needs_a_waiver_which_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    then = datetime.now(UTC) - timedelta(days=20)
    acme = Acme(tmp_path / "acme", clock=lambda: then)
    names = [packed.pack.release.name for packed in acme.packs.values()]
    files: dict[str, bytes] = {"1.root.json": acme.root, "timestamp.json": acme.storage.latest("timestamp") or b""}
    for role, versions in acme.storage.metadata.items():
        files |= {f"{version}.{role}.json": body for version, body in versions.items()}
    files |= {f"targets/{sha256}.{name}": body for (name, sha256), body in acme.storage.files.items()}
    index = acme.importer(tmp_path / "globex")
    with pytest.raises(IndexRefused) as refused:
        index.take(files, names)
    assert refused.value.code == "index-expired"
    with caplog.at_level(logging.WARNING):
        used = index.take(
            files, names, waiver=Waiver("the ship has no link", "ann", then, datetime.now(UTC) + timedelta(days=30))
        )
    assert used is True
    assert "the ship has no link" in caplog.text
    facts = acme.importer(tmp_path / "globex").facts(acme.dates)
    assert facts.listed_digest is not None
    assert "the ship has no link" in str(facts.waiver)


def test_a_waiver_that_is_not_needed_is_not_used(acme: Acme, tmp_path: Path) -> None:
    file = AirGapFile(acme.export(tmp_path / "acme.tar"))
    index = acme.importer(tmp_path / "globex")
    waiver = Waiver("just in case", "ann", file.created, datetime.now(UTC) + timedelta(days=30))
    assert file.refresh(index, waiver=waiver) is False
    assert index.facts(acme.dates).waiver is None


def test_another_file_is_no_air_gap_file(acme: Acme, tmp_path: Path) -> None:
    write_tar(tmp_path / "plain.tar", list(acme.packs.values()))
    with pytest.raises(AirGapInvalid, match="no air-gap file"):
        AirGapFile(tmp_path / "plain.tar")
    (tmp_path / "text.tar").write_bytes(b"hello" * 1000)
    with pytest.raises(AirGapInvalid, match="no archive of ours"):
        AirGapFile(tmp_path / "text.tar")


def test_a_newer_repository_continues_where_the_file_ended(acme: Acme, tmp_path: Path) -> None:
    index = acme.importer(tmp_path / "globex")
    AirGapFile(acme.export(tmp_path / "acme.tar")).refresh(index)
    acme.add("dates", "1.1.0")
    Repository(acme.storage, acme.keys.online(), origin=ORIGIN).renew()
    online = Index(
        tmp_path / "globex", "http://registry/", acme.root, origin=ORIGIN, fetcher=StorageFetcher(acme.storage)
    )
    online.refresh()
    assert [str(one.version) for one in online.versions(acme.dates.name)] == ["1.1.0", "1.0.0"]
