"""By whose signatures a machine goes: its user's roots, and the key with which it signs what it imports."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seglam.packs.trust.roots import PublicKey, TrustRoot

KEY = "keys/importer.pem"
"""In the data directory; made at the first import."""


class TrustUnusable(ValueError):
    """A file of this machine's trust cannot be used; the message says which and why."""


def roots_of(data_dir: Path, environ: Mapping[str, str]) -> list[TrustRoot]:
    """The roots of a machine; `TrustUnusable` if a file of them cannot be used.

    Args:
        environ: names the directory of trust.
    """
    # What verifies signatures takes long to import, and most services never do.
    from seglam.packs.trust.files import TrustFileInvalid, config_dir, load
    from seglam.packs.trust.signing.key import KeySigner
    from seglam.packs.trust.signing.protocol import SigningFailed

    file = data_dir / KEY
    try:
        own = [this_machine(KeySigner(file.read_bytes()).public)] if file.is_file() else []
        return [*load(config_dir(environ)).roots.values(), *own]
    except (TrustFileInvalid, SigningFailed, OSError) as error:
        raise TrustUnusable(str(error)) from error


def this_machine(key: PublicKey) -> TrustRoot:
    """The root of a machine's own key."""
    from seglam.packs.trust.roots import TrustRoot, TrustRootSpec

    return TrustRoot("this machine", TrustRootSpec(keys=[key]))
