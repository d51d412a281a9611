"""The runner's settings, all from the environment."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from seglam.sandbox.connections import Address
from seglam.sandbox.recipe import recipe

PREFIX = "SEGLAM_RUNNER_"
UNCHECKED = "unchecked"


class SettingsError(ValueError):
    """A setting cannot be used. The message names it and says what it may be."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How a runner runs. Each is the variable SEGLAM_RUNNER_ and its name in capitals, but for `egress`.

    Attributes:
        builds: of the engine. With more than one the runner verifies: it keeps no instance and takes no warm calls.
        tls_dir: where ca.crt, tls.crt and tls.key lie.
        host: to listen on; empty for all addresses.
        port: for calls, by mutual TLS.
        probe_port: for /healthz, /readyz and /metrics, in the clear.
        concurrency: calls that run at once, each on a thread.
        queue: calls that may wait for a thread; the next is refused.
        warm_mib: memory of idle instances.
        calls_mib: memory of calls at work, by their limits; 0 for what the container's own limit leaves.
        revisions_mib: size of the admitted revisions' documents together.
        body_mib: size of one request.
        drain_s: seconds between SIGTERM and the end of listening, for those who send calls to notice.
        grace_s: seconds that calls at work have after that.
        egress: what must not be reachable from here; None if that is not checked. Variable SEGLAM_RUNNER_EGRESS, an
            address and port or `unchecked`; KUBERNETES_SERVICE_HOST and _PORT without it.
    """

    egress: Address | None
    builds: tuple[str, ...] = ("a",)
    tls_dir: Path = field(default=Path("/etc/seglam/tls"))
    host: str = ""
    port: int = 8443
    probe_port: int = 8080
    concurrency: int = 4
    queue: int = 64
    warm_mib: int = 256
    calls_mib: int = 0
    revisions_mib: int = 32
    body_mib: int = 8
    drain_s: int = 2
    grace_s: int = 20

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Settings:
        """The settings that an environment states; `SettingsError` for one that cannot be used or has no meaning."""
        stated = {name.removeprefix(PREFIX): text for name, text in environ.items() if name.startswith(PREFIX)}
        known = {name.upper() for name in cls.__slots__}
        if unknown := sorted(stated.keys() - known):
            raise SettingsError(f"{PREFIX}{unknown[0]} is no setting; there are {', '.join(sorted(known))}")

        def number(name: str, least: int, most: int, default: int) -> int:
            text = stated.get(name)
            if text is None:
                return default
            if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
                raise SettingsError(f"{PREFIX}{name} is {text!r}, but must be a whole number from {least} to {most}")
            return int(text)

        return cls(
            egress=_egress(stated.get("EGRESS"), environ),
            builds=_builds(stated.get("BUILDS", "a")),
            tls_dir=Path(stated.get("TLS_DIR", "/etc/seglam/tls")),
            host=stated.get("HOST", ""),
            port=number("PORT", 0, 65_535, 8443),
            probe_port=number("PROBE_PORT", 0, 65_535, 8080),
            concurrency=number("CONCURRENCY", 1, 256, 4),
            queue=number("QUEUE", 0, 10_000, 64),
            warm_mib=number("WARM_MIB", 0, 1 << 20, 256),
            calls_mib=number("CALLS_MIB", 0, 1 << 20, 0),
            revisions_mib=number("REVISIONS_MIB", 1, 1 << 20, 32),
            body_mib=number("BODY_MIB", 1, 1024, 8),
            drain_s=number("DRAIN_S", 0, 3600, 2),
            grace_s=number("GRACE_S", 1, 3600, 20),
        )

    @property
    def verifies(self) -> bool:
        """Whether nothing is kept between calls."""
        return len(self.builds) > 1


def _builds(text: str) -> tuple[str, ...]:
    builds = tuple(part.strip() for part in text.split(","))
    known = recipe().builds
    if not set(builds) <= set(known) or len(set(builds)) < len(builds):
        raise SettingsError(f"{PREFIX}BUILDS is {text!r}, but must name builds of {', '.join(known)}, each once")
    return builds


def _egress(stated: str | None, environ: Mapping[str, str]) -> Address | None:
    if stated == UNCHECKED:
        return None
    if stated is None:
        host, port = environ.get("KUBERNETES_SERVICE_HOST", ""), environ.get("KUBERNETES_SERVICE_PORT", "")
        if not host or not port:
            raise SettingsError(
                "nothing is there to prove that this runner has no egress: KUBERNETES_SERVICE_HOST and _PORT are not "
                f"set; state an address and port as {PREFIX}EGRESS, or {UNCHECKED!r} outside a cluster"
            )
    else:
        host, _, port = stated.rpartition(":")
        host = host.removeprefix("[").removesuffix("]")
    try:
        ipaddress.ip_address(host)  # a name that does not resolve would prove nothing
        return Address(host, _port(port))
    except ValueError:
        found = stated if stated is not None else f"{host}:{port}"
        raise SettingsError(f"{found!r} is no IP address and port; set {PREFIX}EGRESS to one") from None


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 65_535):
        raise ValueError(text)
    return int(text)
