"""Where the service of a data directory takes imports, in a file of mode 0600 with a secret that is new at each start.

Who can read it could open the store as well. A command that finds it knows whom to ask instead of opening the store,
which the service holds.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from hmac import compare_digest
from pathlib import Path

from seglam.packs.files import write_whole

PATH = "/v1/imports"
FILE = "service.json"


@dataclass(frozen=True, slots=True)
class Address:
    """Where a service takes imports, and the secret that it asks for."""

    url: str
    secret: str

    @classmethod
    def publish(cls, data_dir: Path, url: str) -> Address:
        """Say where a service of a data directory is. `OSError` if that cannot be written."""
        made = cls(url, secrets.token_urlsafe(32))
        write_whole(data_dir / FILE, json.dumps({"url": made.url, "secret": made.secret}).encode(), 0o600)
        return made

    @classmethod
    def find(cls, data_dir: Path) -> Address | None:
        """What the last service of a data directory said, which may have been killed since; None without one."""
        try:
            said = json.loads((data_dir / FILE).read_bytes())
            return cls(str(said["url"]), str(said["secret"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def withdraw(self, data_dir: Path) -> None:
        """Say it no longer, unless another service came since."""
        if Address.find(data_dir) == self:
            (data_dir / FILE).unlink(missing_ok=True)

    def admits(self, authorization: str) -> bool:
        """Whether a header holds the secret."""
        return compare_digest(authorization.encode(), f"Bearer {self.secret}".encode())
