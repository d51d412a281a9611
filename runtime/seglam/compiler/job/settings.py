"""What a compile Job is told by its pod."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from seglam.sandbox import Address
from seglam.web.environment import Environment, SettingsInvalid

__all__ = ["ACCOUNT", "SECONDS", "JobSettings", "SettingsInvalid"]

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where Kubernetes mounts a pod's own token, authority and namespace."""

SECONDS = 780.0
"""Of a compilation, unless stated: less than a Job's deadline, so that a result is written before that."""


@dataclass(frozen=True, slots=True)
class JobSettings:
    """Settings of one compile Job.

    Attributes:
        compilation: name of the ProcedureCompilation, of the Job and of the result's ConfigMap. `SEGLAM_COMPILATION`.
        attempt: which attempt this is, from 1. `SEGLAM_ATTEMPT`.
        job_uid: UID of the Job, which owns the result; None outside of one. `SEGLAM_JOB_UID`.
        gateway: where the gateway's internal API is. `SEGLAM_GATEWAY`, an https URL without a path.
        authority: file of the authority that signed the gateway's certificate. `SEGLAM_CA_FILE`.
        token: file of the token for the gateway. `SEGLAM_TOKEN_FILE`.
        models: names of the models, for `models_of`. `SEGLAM_MODEL`, `SEGLAM_VERIFIER_MODEL`, `SEGLAM_MODEL_TIMEOUT`.
        recordings: directory of recorded completions, used where no model is set. `SEGLAM_RECORDINGS`.
        choices: how contested names are read, a sentence a line in the file `SEGLAM_CHOICES`.
        seconds: time budget of the compilation. `SEGLAM_COMPILE_SECONDS`.
        api_server: where the API server is. `KUBERNETES_SERVICE_HOST`, `KUBERNETES_SERVICE_PORT`.
        account: directory of the pod's own token, authority and namespace. `SEGLAM_SERVICE_ACCOUNT_DIR`.
    """

    compilation: str
    attempt: int
    job_uid: str | None
    gateway: Address
    authority: Path
    token: Path
    models: Mapping[str, str]
    recordings: Path | None
    choices: Path | None
    seconds: float
    api_server: Address
    account: Path

    @classmethod
    def from_environ(cls, given: Mapping[str, str]) -> Self:
        """The settings that the environment gives; `SettingsInvalid` if one is missing or cannot be used."""
        stated, plain = Environment(given, "SEGLAM_"), Environment(given)
        names = ("SEGLAM_MODEL", "SEGLAM_VERIFIER_MODEL", "SEGLAM_MODEL_TIMEOUT")
        return cls(
            compilation=stated.needed("COMPILATION"),
            attempt=stated.whole("ATTEMPT", 1, least=1),
            job_uid=stated.text("JOB_UID") or None,
            gateway=_address(stated.needed("GATEWAY")),
            authority=Path(stated.needed("CA_FILE")),
            token=Path(stated.needed("TOKEN_FILE")),
            models={name: given[name] for name in names if given.get(name)},
            recordings=stated.path("RECORDINGS"),
            choices=stated.path("CHOICES"),
            seconds=stated.seconds("COMPILE_SECONDS", SECONDS, least=0.001, most=86_400),
            api_server=Address(
                plain.needed("KUBERNETES_SERVICE_HOST"),
                plain.whole("KUBERNETES_SERVICE_PORT", 443, least=1, most=65_535),
            ),
            account=stated.path("SERVICE_ACCOUNT_DIR") or ACCOUNT,
        )

    @property
    def prefix(self) -> str:
        """Path of everything that the gateway has for this compilation."""
        return f"/internal/v1/compilations/{self.compilation}"

    def model_environ(self) -> dict[str, str]:
        """What `models_of` reads: the models that are set, at the gateway, with the Job's token for a key."""
        key = self.token.read_text(encoding="ascii").strip()
        return {**self.models, "OPENAI_BASE_URL": f"https://{self.gateway}{self.prefix}/model", "OPENAI_API_KEY": key}


def _address(url: str) -> Address:
    parts = urlsplit(url)
    try:
        port = parts.port or 443
    except ValueError:
        port = 0
    if parts.scheme != "https" or not parts.hostname or not port or parts.path not in ("", "/") or parts.query:
        raise SettingsInvalid(f"SEGLAM_GATEWAY is {url!r}; give https://host:port without a path")
    return Address(parts.hostname, port)
