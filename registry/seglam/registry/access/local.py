"""The issuer of one machine: who can read a file that only its user may read is that user."""

from __future__ import annotations

import getpass
import os
import secrets
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jwt

from seglam.web.keyring import TokenRefused

ISSUER = "seglam:local"
FILE = "local.token"
LIFETIME_S = 60
LEEWAY_S = 5


class LocalIssuer:
    """Makes and checks tokens by a secret in a file of mode 0600.

    The secret is never sent: `mint` makes a token of a minute from it, which can be exchanged once.

    Args:
        file: made by `create`.
    """

    def __init__(self, file: Path) -> None:
        self.file = file

    def create(self) -> None:
        """Make the file if there is none. `OSError` if it cannot be made."""
        self.file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        # Complete before it has its name, so that nobody reads a half of it.
        fresh = self.file.with_name(f".{self.file.name}.{secrets.token_hex(8)}")
        with os.fdopen(os.open(fresh, flags, 0o600), "w", encoding="ascii") as out:
            out.write(secrets.token_urlsafe(32) + "\n")
        try:
            os.link(fresh, self.file)
        except FileExistsError:
            pass  # another process made it first, and its secret stands
        finally:
            fresh.unlink()

    def mint(self, audience: str, subject: str | None = None) -> str:
        """A token for this user. `OSError` without the file, `PermissionError` if others may read it."""
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "sub": subject or getpass.getuser(),
            "aud": audience,
            "iat": now,
            "exp": now + LIFETIME_S,
            "jti": secrets.token_urlsafe(16),
        }
        return jwt.encode(claims, self._secret(), algorithm="HS256")

    def claims(self, token: str, audience: str) -> Mapping[str, Any]:
        """What a token says; `TokenRefused` if this issuer did not make it."""
        try:
            claims: Mapping[str, Any] = jwt.decode(
                token,
                self._secret(),
                algorithms=["HS256"],
                audience=audience,
                issuer=ISSUER,
                leeway=LEEWAY_S,
                options={"require": ["exp", "iss", "sub", "aud", "jti"]},
            )
        except jwt.ExpiredSignatureError:
            raise TokenRefused("token-expired", "the token has expired; make a new one") from None
        except jwt.InvalidAudienceError:
            raise TokenRefused("token-audience", f"the token is not meant for the audience {audience!r}") from None
        except jwt.PyJWTError as error:
            raise TokenRefused("token-invalid", f"the token is not accepted: {error}") from None
        except OSError as error:
            raise TokenRefused("token-invalid", f"the issuer of this machine cannot be used: {error}") from error
        return claims

    def _secret(self) -> str:
        with self.file.open(encoding="ascii") as source:
            mode = os.fstat(source.fileno()).st_mode
            if mode & 0o077:
                raise PermissionError(f"{self.file} may be read by others (mode {mode & 0o777:04o}); chmod 600 it")
            return source.read().strip()


def main(arguments: Sequence[str]) -> int:
    """`python -m seglam.registry.access.local FILE AUDIENCE`: print a token of this machine's issuer."""
    if len(arguments) != 2:
        print("usage: python -m seglam.registry.access.local FILE AUDIENCE", file=sys.stderr)
        return 2
    try:
        print(LocalIssuer(Path(arguments[0])).mint(arguments[1]))
    except OSError as error:
        print(f"no token: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
