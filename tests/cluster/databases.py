"""A PostgreSQL on this machine that the release's pods reach, by the addresses in Secrets, as an organisation's own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from seglam.registry import migrations
from seglam.registry.database import Database
from seglam.registry.indexing.keeper import Keeper, trust_files
from seglam.registry.settings import Settings
from tests import postgres
from tests.cluster import release
from tests.cluster.kubectl import Kubectl
from tests.cluster.node.layout import ADDRESS, PODS
from tests.index_keys import Keys, first_root, first_targets

REGISTRY, LEDGER, INDEX_KEYS = "seglam-test-registry-database", "seglam-test-ledger", "seglam-test-index-keys"


@dataclass(frozen=True)
class Databases:
    """Where they are, and the chart's values that name them."""

    address: str
    port: int

    @property
    def ledger(self) -> dict[str, Any]:
        """`ledger`."""
        return {"secretName": LEDGER, "cidrs": [f"{self.address}/32"], "port": self.port}

    @property
    def registry(self) -> dict[str, Any]:
        """Of `registry`; whose network policy must also let the port through."""
        named = {"database": {"secretName": REGISTRY}, "index": {"keysSecretName": INDEX_KEYS}}
        return {"replicas": 2, "migrations": "Job", **named}


@contextmanager
def databases(kubectl: Kubectl, directory: Path, origin: str, trust: str) -> Iterator[Databases]:
    """Databases for a registry and a ledger on PostgreSQL; the index's keys were made by the ceremony of
    docs/keys.md, and those of root and targets stay here."""
    with postgres.running(address=ADDRESS, networks=(PODS, f"{ADDRESS}/32")) as found:
        if isinstance(found, str):
            pytest.skip(found)
        keys = Keys()
        online = {"snapshot": keys.snapshot, "timestamp": keys.timestamp, "packs": keys.packs}
        pems = {f"{role}.pem": key.private_bytes.decode() for role, key in online.items()}
        registry, ledger = found.create(), found.create()
        _install(registry, keys, pems, directory, origin, trust)
        secrets = {
            REGISTRY: {"url": found.seen_from(ADDRESS, registry)},
            LEDGER: {"url": found.seen_from(ADDRESS, ledger)},
            INDEX_KEYS: pems,
        }
        kubectl.apply(*(_secret(name, data) for name, data in secrets.items()), namespace=release.SYSTEM)
        yield Databases(ADDRESS, found.port)
        kubectl("delete", "secret", *secrets, "-n", release.SYSTEM)


def _install(url: str, keys: Keys, pems: Mapping[str, str], directory: Path, origin: str, trust: str) -> None:
    """Bring the schema up to date and let the index begin with a root that is signed elsewhere."""
    file = directory / "client_trust_config.json"
    file.write_text(trust)
    online = directory / "online"
    online.mkdir()
    for name, text in pems.items():
        (online / name).write_text(text)
    stated = {"ORIGIN": origin, "DATABASE": url, "DATA": str(directory), "INDEX_KEYS": str(online)}
    settings = Settings.from_environ({f"SEGLAM_REGISTRY_{name}": value for name, value in stated.items()})
    database = Database(settings.database_url)
    try:
        migrations.upgrade(database)
        root, files = first_root(keys), trust_files(file)
        targets = first_targets(keys, root, origin=origin, files=files)
        Keeper.of(settings, database).install(roots=[root], targets=targets, files=files)
    finally:
        database.close()


def _secret(name: str, data: dict[str, str]) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": data}
