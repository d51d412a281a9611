"""Trying a revision: where nothing else runs that somebody has not approved, beside what is served."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from seglam import telemetry
from seglam.gateway.cluster.catalog import Catalog
from seglam.gateway.running import Runner, Running, Served, Unavailable, program_of
from seglam.gateway.trying import Trial, tried
from seglam.procedures import Request, Revision
from seglam.resources.names import runner_server_name
from seglam.sandbox import TLS, Address, Mode, Program, RemoteSandbox, Run, RunnersUnavailable
from seglam.web import Problem


class Verifiers:
    """The verification runners, for one call at a time, each in an instance of its own; a `Running`.

    Args:
        addresses: gives their current addresses.
        tls_dir: this gateway's certificate.
    """

    def __init__(self, addresses: Callable[[], Sequence[Address]], tls_dir: Path) -> None:
        tls = TLS.mutual(tls_dir, runner_server_name(None))
        self._sandbox = RemoteSandbox(addresses, tls, headers=telemetry.carrier)

    def run(
        self, program: Program, arguments: Mapping[str, object], *, mode: Mode = Mode.WARM, tenant: str = "default"
    ) -> Run:
        """See `Running`. Nothing of a run is left for the next, whatever `mode` says."""
        try:
            return self._sandbox.run(program, arguments, mode=Mode.SINGLE_USE, tenant=tenant)
        except RunnersUnavailable as error:
            raise Unavailable(f"no verification runner answered: {error}") from error

    def swiftly(self, program: Program, arguments: Mapping[str, object], *, tenant: str = "default") -> Run | None:
        """See `Running`."""
        return None

    def close(self) -> None:
        """Close kept connections."""
        self._sandbox.close()


def attempt(
    catalog: Catalog, verifiers: Running, runners: Running, tenant: str, revision: Revision, request: Request
) -> Trial:
    """Ask a revision alone, and what a tenant is served. Blocks as long as the limits allow. `Problem` 400 for a text
    that no lookup takes, 422 for a revision that none takes."""

    def served(each: Revision) -> Served:
        return Served(program_of(each))

    alone, active = (partial(Runner(each, served).run, tenant=tenant) for each in (verifiers, runners))
    try:
        return tried(request, revision, alone, catalog.index(tenant), active)
    except ValueError as error:
        raise Problem(422, "invalid", f"the revision cannot be asked: {error}") from error
