"""The runbook of docs/keys.md, command by command, with a client that follows through every rotation."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest

from seglam.packs.index.client import Index
from seglam.packs.index.errors import IndexRefused
from seglam.packs.names import PackName, Release
from seglam.packs.versions import Version
from seglam.registry.__main__ import main
from seglam.registry.database import Database
from seglam.registry.indexing.routes import DatabaseFiles
from seglam.registry.indexing.storage import SessionStorage
from seglam.registry.migrations import upgrade
from tests.index_keys import FilesFetcher
from tests.index_rows import publish

ORIGIN = "registry.acme.example"
DATES = PackName(ORIGIN, "acme", "dates")
TRUST = {"trustedRoot": {"mediaType": "trusted"}, "signingConfig": {"mediaType": "signing"}}


@dataclass
class Ceremony:
    """A directory with offline keys, one with online keys, and the registry's database."""

    directory: Path
    database: Database

    def keys(self, *arguments: str | Path, code: int = 0) -> str:
        said = io.StringIO()
        with redirect_stdout(said), redirect_stderr(said):
            found = main(["keys", *map(str, arguments)])
        assert found == code, said.getvalue()
        return said.getvalue()

    def path(self, name: str) -> Path:
        return self.directory / name

    def sign(self, file: str, *keys: str, root: str | None = "root.json") -> str:
        given: list[str | Path] = ["--root", self.path(root)] if root else []
        for key in keys:
            said = self.keys("sign", self.path(file), "--key", self.path(f"{key}.pem"), *given)
        return said

    def begin(self) -> None:
        """`create`: two of three root keys, one targets key offline; three online."""
        for name in ("root-1", "root-2", "root-3", "targets-1"):
            self.keys("new", self.path(name))
        for name in ("snapshot", "timestamp", "packs"):
            self.keys("new", self.path(f"online/{name}"), "--unencrypted")
        roots: list[str | Path] = []
        for number in (1, 2, 3):
            roots += ["--add", f"root={self.path(f'root-{number}.pub')}"]
        self.keys(
            "draft-root",
            *roots,
            "--threshold", "root=2",
            "--add", f"targets={self.path('targets-1.pub')}",
            "--add", f"snapshot={self.path('online/snapshot.pub')}",
            "--add", f"timestamp={self.path('online/timestamp.pub')}",
            "--out", self.path("root.json"),
        )  # fmt: skip
        assert "1 missing" in self.sign("root.json", "root-1", root=None)
        assert "enough" in self.sign("root.json", "root-3", root=None)
        self.keys(
            "draft-targets", "--origin", ORIGIN, "--packs-key", self.path("online/packs.pub"),
            "--trust", self.path("trust.json"), "--out", self.path("targets.json"),
        )  # fmt: skip
        self.sign("targets.json", "targets-1")
        self.keys(
            "install", "--root", self.path("root.json"), "--targets", self.path("targets.json"),
            "--trust", self.path("trust.json"),
        )  # fmt: skip

    def root(self, version: int) -> bytes:
        with self.database.read() as session:
            body = SessionStorage(session, ORIGIN).read("root", version)
        assert body is not None
        return body

    def client(self) -> Index:
        fetcher = FilesFetcher(DatabaseFiles(self.database, ORIGIN))
        return Index(self.directory / "client", "http://registry/", self.root(1), origin=ORIGIN, fetcher=fetcher)

    def facts(self, version: str) -> str | None:
        index = self.client()
        index.refresh()
        return index.facts(Release(DATES, Version.parse(version))).status

    def status(self) -> dict[str, dict[str, object]]:
        document = json.loads(self.keys("status", "--json"))
        assert document["problem"] is None
        return {role["role"]: role for role in document["roles"]}


def environment(monkeypatch: pytest.MonkeyPatch, directory: Path) -> None:
    monkeypatch.setenv("SEGLAM_REGISTRY_DATA", str(directory / "data"))
    monkeypatch.setenv("SEGLAM_REGISTRY_ORIGIN", ORIGIN)
    monkeypatch.setenv("SEGLAM_REGISTRY_INDEX_KEYS", str(directory / "online"))
    monkeypatch.setenv("SEGLAM_KEY_PASSPHRASE", "correct horse")


@pytest.fixture(scope="module")
def created(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory after the first ceremony, to be copied: passphrases take their time on purpose."""
    directory = tmp_path_factory.mktemp("created")
    database = Database(f"sqlite:///{directory / 'data' / 'registry.sqlite3'}")
    upgrade(database)
    (directory / "trust.json").write_text(json.dumps(TRUST))
    publish(database, DATES, "1.0.0")
    with pytest.MonkeyPatch.context() as monkeypatch:
        environment(monkeypatch, directory)
        Ceremony(directory, database).begin()
    database.close()
    return directory


@pytest.fixture
def ceremony(created: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ceremony]:
    directory = shutil.copytree(created, tmp_path / "acme")
    environment(monkeypatch, directory)
    database = Database(f"sqlite:///{directory / 'data' / 'registry.sqlite3'}")
    yield Ceremony(directory, database)
    database.close()


def test_the_index_is_created_by_offline_keys(ceremony: Ceremony) -> None:
    assert ceremony.facts("1.0.0") == "listed"
    assert ceremony.status()["root"]["threshold"] == 2
    assert "days left" in ceremony.keys("status")
    index = ceremony.client()
    index.refresh()
    assert json.loads(index.file("trusted_root.json")) == TRUST["trustedRoot"]
    assert b"ENCRYPTED" in ceremony.path("root-1.pem").read_bytes()


def test_root_and_targets_are_renewed(ceremony: Ceremony) -> None:
    ceremony.keys("export", ceremony.directory)
    ceremony.keys(
        "draft-root", "--from", ceremony.path("root.json"), "--days", "700", "--out", ceremony.path("2.root.json")
    )
    ceremony.sign("2.root.json", "root-1", "root-2")
    ceremony.keys(
        "draft-targets", "--from", ceremony.path("targets.json"), "--origin", ORIGIN, "--days", "700",
        "--out", ceremony.path("2.targets.json"),
    )  # fmt: skip
    ceremony.sign("2.targets.json", "targets-1")
    ceremony.keys("install", "--root", ceremony.path("2.root.json"), "--targets", ceremony.path("2.targets.json"))
    assert {role: ceremony.status()[role]["version"] for role in ("root", "targets")} == {"root": 2, "targets": 2}
    assert ceremony.facts("1.0.0") == "listed"
    assert "nothing was due" in ceremony.keys("renew")


@pytest.mark.parametrize("role", ["snapshot", "timestamp"])
def test_an_online_key_of_root_is_rotated(ceremony: Ceremony, role: str) -> None:
    assert ceremony.facts("1.0.0") == "listed"
    old = str(ceremony.status()[role]["keys"][0])  # type: ignore[index]
    ceremony.keys("new", ceremony.path(f"online/{role}-2"), "--unencrypted")
    ceremony.keys(
        "draft-root", "--from", ceremony.path("root.json"), "--remove", f"{role}={old[:16]}",
        "--add", f"{role}={ceremony.path(f'online/{role}-2.pub')}", "--out", ceremony.path("2.root.json"),
    )  # fmt: skip
    ceremony.sign("2.root.json", "root-1", "root-2")
    ceremony.keys("install", "--root", ceremony.path("2.root.json"))
    assert old not in ceremony.status()[role]["keys"]  # type: ignore[operator]
    ceremony.path(f"online/{role}.pem").unlink()
    publish(ceremony.database, DATES, "1.1.0")
    ceremony.keys("mend")
    assert ceremony.facts("1.1.0") == "listed"


def test_the_packs_key_is_rotated_by_targets(ceremony: Ceremony) -> None:
    assert ceremony.facts("1.0.0") == "listed"
    ceremony.keys("new", ceremony.path("online/packs-2"), "--unencrypted")
    ceremony.keys(
        "draft-targets", "--from", ceremony.path("targets.json"), "--origin", ORIGIN,
        "--packs-key", ceremony.path("online/packs-2.pub"), "--out", ceremony.path("2.targets.json"),
    )  # fmt: skip
    ceremony.sign("2.targets.json", "targets-1")
    ceremony.keys("install", "--targets", ceremony.path("2.targets.json"))
    ceremony.path("online/packs.pem").unlink()
    publish(ceremony.database, DATES, "1.1.0")
    ceremony.keys("mend")
    assert ceremony.facts("1.1.0") == "listed"


def test_root_and_targets_keys_are_rotated_and_a_lost_root_key_replaced(ceremony: Ceremony) -> None:
    """Root key 3 is lost: 1 and 2 are enough to put 4 into its place. The targets key goes with the same root."""
    assert ceremony.facts("1.0.0") == "listed"
    ceremony.keys("new", ceremony.path("root-4"))
    ceremony.keys("new", ceremony.path("targets-2"))
    status = ceremony.status()
    lost = ceremony.keys("check", ceremony.path("root.json"))
    third = json.loads(ceremony.path("root.json").read_text())["signatures"][1]["keyid"]
    assert third in lost
    ceremony.keys(
        "draft-root", "--from", ceremony.path("root.json"),
        "--remove", f"root={third}", "--add", f"root={ceremony.path('root-4.pub')}",
        "--remove", f"targets={status['targets']['keys'][0]}",  # type: ignore[index]
        "--add", f"targets={ceremony.path('targets-2.pub')}",
        "--out", ceremony.path("2.root.json"),
    )  # fmt: skip
    assert "1 missing" in ceremony.sign("2.root.json", "root-1", "root-4")
    refused = ceremony.keys("install", "--root", ceremony.path("2.root.json"), code=1)
    assert "signed by 1/2 keys" in refused
    assert "enough" in ceremony.sign("2.root.json", "root-2")
    refused = ceremony.keys("install", "--root", ceremony.path("2.root.json"), code=1)
    assert "targets was signed by 0/1 keys" in refused
    ceremony.keys(
        "draft-targets",
        "--from",
        ceremony.path("targets.json"),
        "--origin",
        ORIGIN,
        "--out",
        ceremony.path("2.targets.json"),
    )
    ceremony.sign("2.targets.json", "targets-2", root="2.root.json")
    ceremony.keys("install", "--root", ceremony.path("2.root.json"), "--targets", ceremony.path("2.targets.json"))
    assert ceremony.facts("1.0.0") == "listed"


def test_a_stolen_online_key_can_be_shut_out_and_what_it_signed_is_not_believed(ceremony: Ceremony) -> None:
    """Whoever has the old timestamp key goes on signing; clients that saw the new root refuse them."""
    with ceremony.database.read() as session:
        before = SessionStorage(session, ORIGIN).latest("timestamp")
    test_an_online_key_of_root_is_rotated(ceremony, "timestamp")
    index = ceremony.client()
    files = DatabaseFiles(ceremony.database, ORIGIN)
    index._fetcher = FilesFetcher(files, {"timestamp.json": before})
    with pytest.raises(IndexRefused) as refused:
        index.refresh()
    assert refused.value.code == "index-signature"


def test_another_trust_configuration_is_carried_after_an_incident(ceremony: Ceremony) -> None:
    """A certificate authority's window was closed: the new configuration reaches clients with the next targets."""
    changed = {**TRUST, "trustedRoot": {"mediaType": "trusted", "closed": True}}
    ceremony.path("trust-2.json").write_text(json.dumps(changed))
    ceremony.keys(
        "draft-targets", "--from", ceremony.path("targets.json"), "--origin", ORIGIN,
        "--trust", ceremony.path("trust-2.json"), "--out", ceremony.path("2.targets.json"),
    )  # fmt: skip
    ceremony.sign("2.targets.json", "targets-1")
    refused = ceremony.keys("install", "--targets", ceremony.path("2.targets.json"), code=1)
    assert "the file was not given" in refused
    ceremony.keys("install", "--targets", ceremony.path("2.targets.json"), "--trust", ceremony.path("trust-2.json"))
    index = ceremony.client()
    index.refresh()
    assert json.loads(index.file("trusted_root.json"))["closed"] is True


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["draft-root", "--add", "root", "--out", "x"], "is not ROLE=VALUE"),
        (["draft-root", "--add", "packs=PUB", "--out", "x"], "is no role of a root"),
        (["draft-root", "--threshold", "root=two", "--out", "x"], "is no number of keys"),
        (["draft-root", "--out", "x"], "would have 0 key"),
        (["draft-targets", "--origin", ORIGIN, "--out", "x"], "--packs-key"),
        (["draft-root", "--days", "0", "--out", "x"], "give 1 to 3650"),
        (["sign", "ROOT", "--key", "PEM"], "signs nothing here"),
        (["new", "root-1"], "root-1.pem"),
    ],
)
def test_mistakes_are_said(ceremony: Ceremony, arguments: list[str], words: str) -> None:
    places = {"x": "x", "ROOT": "root.json", "PEM": "targets-1.pem", "root-1": "root-1"}
    given = [
        str(ceremony.path(places[text])) if text in places else text.replace("PUB", str(ceremony.path("root-1.pub")))
        for text in arguments
    ]
    assert words in ceremony.keys(*given, code=1)
