"""Packs: signed, versioned sets of procedures that travel between organisations.

What is here is light; archives, clients, signatures and the index are imported by their full names.
"""

from seglam.packs.names import NameInvalid, PackName, Reference, ReferenceInvalid, Release
from seglam.packs.problems import BlobDamaged, PackError, PackInvalid, TransportError
from seglam.packs.versions import Version, VersionInvalid, VersionRange

__all__ = [
    "BlobDamaged",
    "NameInvalid",
    "PackError",
    "PackInvalid",
    "PackName",
    "Reference",
    "ReferenceInvalid",
    "Release",
    "TransportError",
    "Version",
    "VersionInvalid",
    "VersionRange",
]
