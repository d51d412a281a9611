"""Where packs are: files, the library of this machine's imports, registries; and what this machine trusts."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from seglam.cli.exits import CliError, Exit
from seglam.cli.opening import settings_of
from seglam.cli.packs.faults import told

if TYPE_CHECKING:
    from seglam.gateway.packs.library import Library
    from seglam.packs.client import OciClient
    from seglam.packs.layout import Packed
    from seglam.packs.names import PackName, Reference
    from seglam.packs.trust.decision import Asked
    from seglam.packs.trust.files import Trust

LOCAL_ORIGIN = "localhost"
TENANT = "default"


@dataclass(frozen=True, slots=True)
class Found:
    """A pack, where it was found, and what was asked for."""

    packed: Packed
    where: str
    asked: Asked


@dataclass(frozen=True)
class Places:
    """Where one command looks.

    Attributes:
        registry: address that was stated; None for that of the origin.
        data_dir: of the embedded service.
        config_dir: where trust/ is.
    """

    registry: str | None
    data_dir: Path
    config_dir: Path

    @classmethod
    def of(cls, registry: str | None, data_dir: Path | None, config_dir: Path | None) -> Places:
        """The places of a command's options and the environment."""
        from seglam.packs.trust.files import config_dir as users

        stated = registry or os.environ.get("SEGLAM_REGISTRY") or None
        if stated is not None and not stated.startswith(("http://", "https://")):
            raise CliError("this is no address of a registry", "write https://HOST[:PORT]", Exit.USAGE, where=stated)
        found = settings_of(data_dir=data_dir)
        return cls(stated, found.data_dir, config_dir or users(os.environ))

    @property
    def library(self) -> Library:
        """The packs that were imported here."""
        from seglam.gateway.packs.library import Library

        return Library(self.data_dir)

    def trust(self, policies: Sequence[Path] | None = None, roots: Sequence[Path] | None = None) -> Trust:
        """What is trusted here; files that are named take the place of all configured ones of their kind."""
        from seglam.packs.trust.files import Trust, TrustFileInvalid, load, read

        try:
            configured = load(self.config_dir)
            named = read([*(policies or ()), *(roots or ())])
        except TrustFileInvalid as error:
            raise CliError(error.words, "correct the file; see docs/packs.md", where=error.where) from error
        return Trust(
            named.policies if policies else configured.policies,
            named.roots if roots else configured.roots,
            {**configured.files, **named.files},
        )

    def url(self, origin: str, trust: Trust | None = None) -> str:
        """The address of the registry that serves packs of an origin."""
        if self.registry is not None:
            return self.registry.rstrip("/")
        for root in (trust or self.trust()).roots.values():
            if source := root.source(origin):
                return source.rstrip("/")
        if origin == LOCAL_ORIGIN:
            served = settings_of()
            return f"http://{served.host}:{served.port}"
        return f"https://{origin}"

    def client(self, reference: Reference, token: str | None = None, trust: Trust | None = None) -> OciClient:
        """A client of the registry that a reference names."""
        from seglam.packs.blobs import BlobCache
        from seglam.packs.client import OciClient

        assert reference.name is not None
        url = self.url(reference.name.origin, trust) if reference.host is None else _address(reference.host)
        cache = BlobCache(self.data_dir / "cache" / "blobs")
        return OciClient(url, token=token, cache=cache)

    def packed(self, text: str) -> Packed:
        """The pack that a command line names."""
        return self.find(text).packed

    def find(self, text: str, trust: Trust | None = None, *, offline: bool = False, kept_first: bool = False) -> Found:
        """The pack that a command line names, with its bundles: from its file, this machine's imports, or a registry.

        Args:
            offline: never ask a registry.
            kept_first: ask a registry only for what was not imported here.
        """
        from seglam.packs.names import Reference

        with told(text):
            reference = Reference.parse(_path(text))
            if reference.path is not None:
                return self._file(Path(reference.path))
            local = (offline or kept_first) and reference.host is None
            if local and (kept := self._kept(reference)) is not None:
                return kept
            if offline:
                raise CliError("it was not imported here", "name its file, or leave --offline out", where=text)
            return self._pulled(reference, trust)

    def find_all(
        self, text: str, trust: Trust | None = None, *, offline: bool = False, kept_first: bool = False
    ) -> list[Found]:
        """As `find`, but a file may hold several packs; in the order in which they are listed."""
        if (path := self.file(text)) is not None:
            with told(text):
                return self._files(path)
        return [self.find(text, trust, offline=offline, kept_first=kept_first)]

    def file(self, text: str) -> Path | None:
        """The path that a command line names, if it names one."""
        from seglam.packs.names import Reference

        with told(text):
            reference = Reference.parse(_path(text))
        return None if reference.path is None else Path(reference.path)

    def _file(self, path: Path) -> Found:
        found = self._files(path)
        if len(found) != 1:
            what = f"it holds {len(found)} packs"
            raise CliError(what, "import it with `seglam pack import`, or name the file of one", where=str(path))
        return found[0]

    def _files(self, path: Path) -> list[Found]:
        from seglam.packs.layout import ImageLayout
        from seglam.packs.trust.decision import Asked

        if not path.exists():
            raise CliError("there is no such file", "correct the path", where=str(path))
        try:
            with ImageLayout.open(path) as layout:
                packed = list(layout.packed())
        except OSError as error:
            raise CliError(f"cannot be read ({error.strerror})", "correct the path", where=str(path)) from error
        if not packed:
            raise CliError("it holds no pack", "name another file", where=str(path))
        return [Found(each, str(path), Asked(digest=each.pack.digest)) for each in packed]

    def _kept(self, reference: Reference) -> Found | None:
        from seglam.packs.trust.decision import Asked

        library, best = self.library, None
        for digest in library.digests():
            if reference.digest not in (None, digest):
                continue
            packed = library.packed(digest)
            if packed is None or packed.pack.release.name != reference.name:
                continue
            version = packed.pack.release.version
            if reference.version in (None, version) and (best is None or version > best.pack.release.version):
                best = packed
        if best is None:
            return None
        wanted = None if reference.version is None else str(reference.version)
        asked = Asked(str(reference.name), wanted, reference.digest)
        return Found(best, "imported here", asked)

    def _pulled(self, reference: Reference, trust: Trust | None) -> Found:
        from seglam.packs.layout import Packed
        from seglam.packs.trust.decision import Asked

        assert reference.name is not None
        with self.client(reference, trust=trust) as client:
            version = None if reference.version is None else str(reference.version)
            wanted = reference.digest or version or _newest(client, reference.name)
            pack = client.pull(reference.name, wanted)
            bundles = client.referrers(reference.name, pack.digest)
        url = self.url(reference.name.origin, trust) if reference.host is None else _address(reference.host)
        asked = Asked(str(reference.name), None if reference.digest else wanted, reference.digest)
        return Found(Packed(pack, bundles), url, asked)


def _newest(client: OciClient, name: PackName) -> str:
    """The highest version that is no prerelease; of prereleases only, the highest of them."""
    from seglam.packs.versions import Version, VersionInvalid

    versions = []
    for tag in client.tags(name):
        try:
            versions.append(Version.parse(tag))
        except VersionInvalid:  # the referrers tags of registries without the referrers API
            continue
    if not versions:
        raise CliError("the registry has no version of it", "correct the name", where=str(name))
    return str(max([version for version in versions if not version.prerelease] or versions))


def _address(host: str) -> str:
    """A registry's address; plain HTTP on this machine only."""
    name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
    return f"{'http' if name in ('localhost', '127.0.0.1', '[::1]') else 'https'}://{host}"


def _path(text: str) -> str:
    """What is written like a file name and lies here is one: `dist` as well as `./dist`."""
    return f"./{text}" if "/" not in text and not text.startswith(".") and Path(text).exists() else text
