"""Taking a pack into the store: here, or by the service that holds the store."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from seglam.cli.exits import CliError, Exit
from seglam.cli.opening import bench, store
from seglam.cli.packs.faults import told
from seglam.cli.packs.options import DEFAULT_TENANT
from seglam.cli.packs.registry import refusal as refused_by

if TYPE_CHECKING:
    from seglam.cli.output import Output
    from seglam.cli.packs.places import Found, Places
    from seglam.gateway.packs.address import Address
    from seglam.packs.names import PackName
    from seglam.packs.trust.decision import Decision
    from seglam.packs.trust.files import Trust
    from seglam.packs.trust.signing.protocol import Signer
    from seglam.packs.versions import Version

WAIT_S = 900.0
"""Seconds that a service may take for the tests of a pack."""


@dataclass(frozen=True, slots=True)
class Way:
    """What an import does besides the pack itself."""

    importer: str
    waiver: str | None
    offline: bool


class Taker(Protocol):
    """Takes packs that the gate allowed."""

    def take(self, found: Found, decision: Decision, out: Output) -> dict[str, Any]:
        """Import a pack; its document, in which `imported` says whether it was taken."""

    def version(self, name: PackName) -> Version | None:
        """The highest version of a pack that was imported."""


class Here:
    """Takes them into the store of a data directory, which nobody else holds."""

    def __init__(self, places: Places, trust: Trust, signer: Signer, way: Way) -> None:
        self._places = places
        self._trust = trust
        self._signer = signer
        self._way = way

    def take(self, found: Found, decision: Decision, out: Output) -> dict[str, Any]:
        """Tests, summary, procedures."""
        from seglam.gateway.packs.importing import ImportRefused, refusal, take
        from seglam.gateway.store import ReviewRefused
        from seglam.packs.trust.policy import matching
        from seglam.packs.trust.signing.protocol import SigningFailed

        pack = found.packed.pack
        policies = matching(self._trust.policies, DEFAULT_TENANT, str(pack.release.name))
        try:
            progress = out.progress("importing", 3)
            with store(self._places.data_dir) as opened, bench() as running, told(str(pack.release)), progress as step:
                done = take(
                    found.packed, decision, opened, self._places.library, running, self._signer,
                    importer=self._way.importer, policies=policies, waiver=self._way.waiver, told=step.advance,
                )  # fmt: skip
        except (ImportRefused, ReviewRefused) as refused:
            return refusal(pack, decision, refused.code, str(refused))
        except SigningFailed as error:
            remedy = "run it again: what is done already is kept" if error.retriable else "correct it and import again"
            what = f"{error.words.rstrip('.')} ({error.code})"
            code = Exit.MISSING if error.retriable else Exit.DATA
            raise CliError(what, remedy, code, where=str(pack.release)) from error
        return done.document(pack, self._signer)

    def version(self, name: PackName) -> Version | None:
        """As the store has it."""
        if not (self._places.data_dir / "seglam.sqlite3").is_file():
            return None
        with store(self._places.data_dir) as opened:
            return _highest(row.version for row in opened.imported(str(name)))


class There:
    """Has them taken by the service that runs on the data directory."""

    def __init__(self, address: Address, way: Way) -> None:
        self._address = address
        self._way = way

    def take(self, found: Found, decision: Decision, out: Output) -> dict[str, Any]:
        """The service asks its gate itself, runs the tests and signs."""
        from seglam.packs.layout import tar_bytes

        given = {"importer": self._way.importer, "offline": "1" if self._way.offline else "0"}
        if self._way.waiver:
            given["waiver"] = self._way.waiver
        with out.progress(f"importing through {self._address.url}"):
            answer: dict[str, Any] = self._asked("POST", tar_bytes([found.packed]), given)
        return answer

    def version(self, name: PackName) -> Version | None:
        """As the service says."""
        items = self._asked("GET")["items"]
        return _highest(each["version"] for each in items if each["name"] == str(name))

    def answers(self) -> bool:
        """Whether the service still runs: one that was killed leaves its address."""
        import httpx2

        try:
            self._asked("GET")
        except CliError as error:
            if isinstance(error.__cause__, httpx2.ConnectError):
                return False
            raise
        return True

    def _asked(self, method: str, body: bytes | None = None, given: Mapping[str, str] | None = None) -> Any:
        import httpx2

        from seglam.gateway.packs.address import PATH

        headers = {"Authorization": f"Bearer {self._address.secret}"}
        try:
            reply = httpx2.request(
                method, self._address.url + PATH, content=body, params=given, headers=headers, timeout=WAIT_S
            )
        except httpx2.HTTPError as error:
            what = f"the service does not answer ({type(error).__name__})"
            remedy = "run it again: what is done already is kept"
            raise CliError(what, remedy, Exit.MISSING, where=self._address.url) from error
        if reply.status_code != 200:
            raise refused_by(reply, self._address.url)
        return reply.json()


def service_of(places: Places, way: Way) -> There | None:
    """The service of the data directory, if one runs."""
    from seglam.gateway.packs.address import Address

    address = Address.find(places.data_dir)
    there = There(address, way) if address is not None else None
    return there if there is not None and there.answers() else None


def _highest(versions: Iterable[str]) -> Version | None:
    from seglam.packs.versions import Version

    return max(map(Version.parse, versions), default=None)
