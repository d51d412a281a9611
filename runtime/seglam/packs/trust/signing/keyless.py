"""Keyless signing by sigstore with any trust configuration."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from sigstore.models import ClientTrustConfig

TokenSource = Callable[[], str]
"""Gives a fresh identity token (a JWT) each time it is called."""


class KeylessSigner:
    """Signs with a short-lived certificate for an identity token."""

    def __init__(
        self,
        config: ClientTrustConfig,
        token: TokenSource,
        *,
        audience: str = "sigstore",
        deadline: float = 60.0,
    ) -> None:
        self._config = config
        self._token = token
        self._audience = audience
        self._deadline = deadline

    @property
    def mode(self) -> Literal["Keyless"]:
        """Always Keyless."""
        return "Keyless"

    @property
    def identity(self) -> str:
        """Subject and issuer of the current token, as the token says them."""
        raise NotImplementedError

    def sign(self, statement: bytes) -> bytes:
        """See `Signer.sign`."""
        raise NotImplementedError
