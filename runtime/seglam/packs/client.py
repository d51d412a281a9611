"""A client of OCI registries (distribution-spec 1.1): pull, push, referrers; all bytes are checked by their digests."""

from __future__ import annotations

from collections.abc import Iterable
from types import TracebackType

from seglam.packs.blobs import BlobCache
from seglam.packs.names import PackName
from seglam.packs.oci import BUNDLE, Descriptor
from seglam.packs.pack import Pack


class OciClient:
    """Talks to one registry. Synchronous and safe to share between threads; in an event loop, call it in a thread."""

    def __init__(
        self,
        base_url: str,
        *,
        token: str | None = None,
        credentials: tuple[str, str] | None = None,
        public_only: bool = False,
        cache: BlobCache | None = None,
        timeout: float = 30.0,
        attempts: int = 3,
        ca: str | None = None,
    ) -> None:
        """A client of the registry at `base_url`.

        Args:
            base_url: `https://HOST[:PORT]` or `http://HOST[:PORT]`, without path.
            token: sent as bearer token with each request to this registry.
            credentials: user and password for the token service that the registry names, or for itself.
            public_only: refuse every address that is not public, after the name was resolved.
            cache: where blobs are kept between calls.
            timeout: seconds for each step of one request.
            attempts: how often a call without effect is tried in all.
            ca: file of certificates to trust instead of the usual ones.

        Raises:
            ValueError: the address is none.
        """
        raise NotImplementedError

    def __enter__(self) -> OciClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        raise NotImplementedError

    def tags(self, name: PackName) -> tuple[str, ...]:
        """Tags of a pack, empty if the registry does not know it.

        Raises:
            TransportError: the registry did not answer, or not as it should.
        """
        raise NotImplementedError

    def resolve(self, name: PackName, reference: str) -> Descriptor:
        """What a tag or digest points at.

        Raises:
            TransportError: `not-found`, or the registry did not answer as it should.
            PackInvalid: the manifest has another digest than was asked for.
        """
        raise NotImplementedError

    def pull(self, name: PackName, reference: str) -> Pack:
        """The pack that a tag or digest points at.

        Raises:
            TransportError: `not-found`, or the registry did not answer as it should.
            PackInvalid: what came is no pack, or one of another name, digest or version (`name`, `digest`, `version`).
        """
        raise NotImplementedError

    def referrers(self, name: PackName, digest: str, artifact_type: str = BUNDLE) -> tuple[bytes, ...]:
        """The bundles that are attached to a manifest, by the referrers API or by the referrers tag.

        Raises:
            TransportError: the registry did not answer as it should.
            PackInvalid: a bundle is damaged or not allowed.
        """
        raise NotImplementedError

    def push(self, pack: Pack, bundles: Iterable[bytes] = ()) -> None:
        """Put a pack with its tag, and its bundles. What is there already is not sent again.

        Raises:
            TransportError: `denied`, `exists` (the tag points at another pack), or another answer.
        """
        raise NotImplementedError
