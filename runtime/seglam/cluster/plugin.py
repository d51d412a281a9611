"""Credential plugins of a kubeconfig: a command that prints a token (`client.authentication.k8s.io`)."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from seglam.cluster.errors import ConfigurationError

TIMEOUT = 60.0
"""Seconds that a plugin may take."""
EARLY = timedelta(seconds=60)
"""How long before its end a token is renewed."""


@dataclass
class Plugin:
    """Runs the command when there is no token or it is about to end. It runs in place: commands use it at their
    start, and servers in a cluster have token files.
    """

    command: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)
    request: str
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    _token: str | None = field(default=None, repr=False)
    _until: datetime | None = None

    @classmethod
    def of(cls, entry: Mapping[str, Any], directory: Path, server: str) -> Plugin:
        """The plugin that the `exec` member of a kubeconfig in `directory` describes."""
        name = str(entry.get("command") or "")
        if not name:
            raise ConfigurationError("exec of the kubeconfig names no command")
        program = str(directory / name) if "/" in name else name
        version = str(entry.get("apiVersion") or "client.authentication.k8s.io/v1")
        spec: dict[str, Any] = {"interactive": False}
        if entry.get("provideClusterInfo"):
            spec["cluster"] = {"server": server}
        request = json.dumps({"apiVersion": version, "kind": "ExecCredential", "spec": spec})
        added = {str(item["name"]): str(item["value"]) for item in entry.get("env") or []}
        return cls((program, *(str(part) for part in entry.get("args") or [])), added, request)

    def __call__(self, fresh: bool) -> str | None:
        """The token. Raises `ConfigurationError` if the command fails or prints none."""
        ended = self._until is not None and self.clock() >= self._until - EARLY
        if self._token is None or fresh or ended:
            self._token, self._until = self._run()
        return self._token

    def _run(self) -> tuple[str, datetime | None]:
        name = self.command[0]
        environment = {**os.environ, **self.environment, "KUBERNETES_EXEC_INFO": self.request}
        try:
            done = subprocess.run(
                self.command,
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=TIMEOUT,
                check=True,
            )
            status = json.loads(done.stdout)["status"]
            token = status.get("token")
            end = status.get("expirationTimestamp")
            until = datetime.fromisoformat(end.replace("Z", "+00:00")) if end else None
        except FileNotFoundError as error:
            raise ConfigurationError(f"the kubeconfig's credential plugin {name} is not installed") from error
        except subprocess.CalledProcessError as error:
            said = error.stderr.decode("utf-8", "replace").strip()[-500:]
            raise ConfigurationError(f"the credential plugin {name} ended with {error.returncode}: {said}") from error
        except subprocess.TimeoutExpired as error:
            raise ConfigurationError(f"the credential plugin {name} did not end within {TIMEOUT:.0f} s") from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ConfigurationError(f"the credential plugin {name} printed no ExecCredential") from error
        if not token:
            raise ConfigurationError(
                f"the credential plugin {name} gave no token; client certificates are not supported"
            )
        return str(token), until
