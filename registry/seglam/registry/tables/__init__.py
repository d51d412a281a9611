"""The registry's tables. Times are RFC 3339 texts in UTC with six digits of a second, so that they sort; JSON is text.

Everything that is published is here, blobs included, so that one transaction publishes and replicas need nothing else.
Rows of `versions` are never removed, also not by a deletion, so that a version is never given twice.
Texts sort by their bytes on every database, and whole numbers have 64 bits.
"""

from __future__ import annotations

from seglam.registry.tables.base import (
    METADATA,
    Row,
    stamp,
    uniform,
)
from seglam.registry.tables.index import (
    IndexFileRow,
    IndexMetadataRow,
)
from seglam.registry.tables.namespaces import (
    IdempotencyRow,
    MemberRow,
    NamespaceEventRow,
    NamespaceKeyRow,
    NamespaceRow,
    NamespaceState,
    TokenRow,
    UsedTokenRow,
)
from seglam.registry.tables.packs import (
    BlobRow,
    BundleRow,
    FacetRow,
    PackBlobRow,
    PackRow,
    ReservationRow,
    ReviewRow,
    StatusRow,
    TermRow,
    TombstoneRow,
    VersionRow,
    VersionState,
)
from seglam.registry.tables.publications import (
    ProductRow,
    PublicationRow,
    PublicationState,
)
from seglam.registry.tables.records import (
    AuditRow,
    AuditSignatureRow,
    ChangeRow,
    HeadRow,
    LeaseRow,
    MirrorStateRow,
)

__all__ = [
    "METADATA",
    "AuditRow",
    "AuditSignatureRow",
    "BlobRow",
    "BundleRow",
    "ChangeRow",
    "FacetRow",
    "HeadRow",
    "IdempotencyRow",
    "IndexFileRow",
    "IndexMetadataRow",
    "LeaseRow",
    "MemberRow",
    "MirrorStateRow",
    "NamespaceEventRow",
    "NamespaceKeyRow",
    "NamespaceRow",
    "NamespaceState",
    "PackBlobRow",
    "PackRow",
    "ProductRow",
    "PublicationRow",
    "PublicationState",
    "ReservationRow",
    "ReviewRow",
    "Row",
    "StatusRow",
    "TermRow",
    "TokenRow",
    "TombstoneRow",
    "UsedTokenRow",
    "VersionRow",
    "VersionState",
    "stamp",
]

uniform()
