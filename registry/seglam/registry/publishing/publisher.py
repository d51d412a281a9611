"""What the API calls: taking publications in, and saying how far they are."""

from __future__ import annotations

from typing import Protocol

from seglam.registry.publishing.publication import Publication


class Publisher(Protocol):
    """Who publishes: as authenticated, never as a bundle says. `access.principals.Principal` is one.

    Attributes:
        namespace: `origin/namespace` or the namespace alone, as the token is for.
    """

    @property
    def issuer(self) -> str: ...
    @property
    def subject(self) -> str: ...
    @property
    def namespace(self) -> str: ...


class Publishing:
    """Takes publications in, works on them in threads, and says how far they are."""

    def submit(
        self, archive: bytes, publisher: Publisher, *, key: str | None = None, trace: str | None = None
    ) -> Publication:
        """Take a publication in; what it needs is committed when this returns.

        Args:
            archive: the image layout as a tar file, with the publisher's bundles.
            publisher: who was authenticated.
            key: Idempotency-Key: the same key and archive of the same publisher is the same publication.
            trace: traceparent of the request.

        Raises:
            PublishProblem: `idempotency-key-reused`, `too-large`, `too-many-publications`.
            DatabaseError: it was not taken.
        """
        raise NotImplementedError

    def state(self, number: str) -> Publication | None:
        """How far a publication is; None if there is none."""
        raise NotImplementedError

    def wait(self, number: str, seconds: float) -> Publication | None:
        """As `state`, once it is final or the seconds are over; blocks."""
        raise NotImplementedError

    def start(self) -> None:
        """Begin to work, first on what was left."""
        raise NotImplementedError

    def close(self) -> None:
        """End after the steps that are under way."""
        raise NotImplementedError
