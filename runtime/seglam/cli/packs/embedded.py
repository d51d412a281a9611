"""The registry of one machine, which `seglam serve` serves beside the gateway: its settings, its place, its trust."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seglam.cli.exits import CliError, Exit
from seglam.packs.trust.files import API_VERSION

if TYPE_CHECKING:
    from fastapi import FastAPI

    from seglam.gateway.packs.door import Door
    from seglam.gateway.service import Service
    from seglam.gateway.settings import Settings as GatewaySettings
    from seglam.packs.trust.roots import PublicKey
    from seglam.registry.settings import Settings

DIRECTORY = "registry"
ORIGIN = "localhost"
PATHS = ("/api/v1", "/v2", "/tuf", "/marketplace", "/assets")
"""What the registry answers; everything else is the gateway's."""

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class Beside:
    """Two applications on one port, told apart by path. The registry's lifespan is the whole's: the gateway has none.

    Args:
        gateway: answers what the registry does not.
        registry: answers below `PATHS`.
    """

    def __init__(self, gateway: App, registry: App) -> None:
        self._gateway = gateway
        self._registry = registry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass an event on to the application that it concerns."""
        path = scope.get("path", "")
        ours = any(path == prefix or path.startswith(prefix + "/") for prefix in PATHS)
        chosen = self._registry if scope["type"] == "lifespan" or ours else self._gateway
        await chosen(scope, receive, send)


def settings_of(gateway: GatewaySettings, url: str) -> Settings:
    """The registry's settings: SQLite, a key of its own and the local issuer's token, all in the data directory."""
    from seglam.registry.settings import Settings

    return Settings.embedded(
        gateway.data_dir / DIRECTORY, origin=ORIGIN, public_url=url, engine_dir=gateway.engine_dir,
        environ=gateway.environ,
    )  # fmt: skip


def open_registry(gateway: GatewaySettings, url: str) -> FastAPI:
    """The registry as an application that its server starts and closes. `CliError` if it cannot be opened."""
    from seglam.registry.app import create_app
    from seglam.registry.faults import DatabaseError
    from seglam.registry.settings import SettingsInvalid

    try:
        return create_app(settings_of(gateway, url))
    except (DatabaseError, SettingsInvalid) as error:
        remedy = "correct it, or serve without it: --no-registry"
        raise CliError(str(error), remedy, Exit.DATA, where=str(gateway.data_dir / DIRECTORY)) from error


@contextmanager
def door(service: Service, gateway: GatewaySettings, url: str) -> Iterator[Door]:
    """What takes imports while the service runs, and says where that is until the block ends."""
    from seglam.cli.opening import bench
    from seglam.cli.packs.importing import own_signer
    from seglam.gateway.packs.address import Address
    from seglam.gateway.packs.door import Door

    data_dir = gateway.data_dir
    try:
        address = Address.publish(data_dir, url)
    except OSError as error:
        raise CliError(f"cannot be written ({error.strerror})", "correct its mode", where=str(data_dir)) from error
    try:
        yield Door(service, address, data_dir, gateway.environ, bench, lambda: own_signer(data_dir))
    finally:
        address.withdraw(data_dir)


def trust_documents(data_dir: Path, url: str, publishers: Sequence[PublicKey] = ()) -> Mapping[str, dict[str, Any]]:
    """A trust policy and a trust root for this machine's own registry, from its files and not from its answers."""
    from seglam.packs.trust.signing.key import KeySigner
    from seglam.packs.trust.signing.protocol import SigningFailed
    from seglam.registry.database import Database
    from seglam.registry.faults import DatabaseError
    from seglam.registry.indexing.routes import DatabaseFiles
    from seglam.registry.settings import Settings

    data = data_dir / DIRECTORY
    missing = CliError(
        "this machine has no registry yet", "start one with `seglam serve`", Exit.MISSING, where=str(data)
    )
    settings = Settings.embedded(data, origin=ORIGIN)
    if not (data / "registry.sqlite3").is_file():
        raise missing
    try:
        key = KeySigner((data / "keys" / "registry.pem").read_bytes()).public
        database = Database(settings.database_url)
        try:
            root = DatabaseFiles(database, ORIGIN).metadata("1.root.json")
        finally:
            database.close()
    except (OSError, SigningFailed, DatabaseError) as error:
        raise CliError(
            f"it cannot be read ({error})", "start `seglam serve` once", Exit.DATA, where=str(data)
        ) from error
    if root is None:
        raise missing
    name = {"metadata": {"name": "local"}}
    spec_root = {
        "keys": [{"id": each.id, "pem": each.pem} for each in {each.id: each for each in (key, *publishers)}.values()],
        "sources": [{"origin": ORIGIN, "url": url}],
        "tuf": {"url": f"{url}/tuf/{ORIGIN}/", "root": root.decode()},
    }
    spec_policy = {
        "namespaces": ["*"],
        "packs": [f"{ORIGIN}/*"],
        "trustRoot": "local",
        "mode": "Key",
        "require": [{"predicate": kind, "keys": [key.id]} for kind in ("release", "test-result")],
    }
    return {
        "roots": {"apiVersion": API_VERSION, "kind": "TrustRoot", **name, "spec": spec_root},
        "policies": {"apiVersion": API_VERSION, "kind": "TrustPolicy", **name, "spec": spec_policy},
    }
