"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make all tables."""
    op.create_table(
        "audit",
        sa.Column("seq", WHOLE, autoincrement=False, nullable=False),
        sa.Column("time", WORDS, nullable=False),
        sa.Column("actor_issuer", WORDS, nullable=False),
        sa.Column("actor_subject", WORDS, nullable=False),
        sa.Column("action", WORDS, nullable=False),
        sa.Column("subject", WORDS, nullable=False),
        sa.Column("detail", WORDS, nullable=False),
        sa.Column("previous", WORDS, nullable=False),
        sa.Column("hash", WORDS, nullable=False),
        sa.PrimaryKeyConstraint("seq"),
    )
    op.create_index("audit_of_a_subject", "audit", ["subject", "seq"], unique=False)
    op.create_table(
        "audit_signatures",
        sa.Column("seq", WHOLE, autoincrement=False, nullable=False),
        sa.Column("hash", WORDS, nullable=False),
        sa.Column("time", WORDS, nullable=False),
        sa.Column("bundle", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
    )
    op.create_table(
        "blobs",
        sa.Column("digest", WORDS, nullable=False),
        sa.Column("size", WHOLE, nullable=False),
        sa.Column("media_type", WORDS, nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_table(
        "bundles",
        sa.Column("digest", WORDS, nullable=False),
        sa.Column("referrer", WORDS, nullable=False),
        sa.Column("name", WORDS, nullable=False),
        sa.Column("version", WORDS, nullable=False),
        sa.Column("subject", WORDS, nullable=False),
        sa.Column("predicate_type", WORDS, nullable=False),
        sa.Column("mode", WORDS, nullable=False),
        sa.Column("issuer", WORDS, nullable=True),
        sa.Column("identity", WORDS, nullable=True),
        sa.Column("key_id", WORDS, nullable=True),
        sa.Column("log_index", WHOLE, nullable=True),
        sa.Column("size", WHOLE, nullable=False),
        sa.Column("publication", WORDS, nullable=True),
        sa.Column("at", WORDS, nullable=False),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_index("bundles_of_a_subject", "bundles", ["subject"], unique=False)
    op.create_index("bundles_of_a_version", "bundles", ["name", "version"], unique=False)
    op.create_table(
        "changes",
        sa.Column("serial", WHOLE, autoincrement=False, nullable=False),
        sa.Column("time", WORDS, nullable=False),
        sa.Column("kind", WORDS, nullable=False),
        sa.Column("name", WORDS, nullable=False),
        sa.Column("version", WORDS, nullable=True),
        sa.Column("digest", WORDS, nullable=True),
        sa.Column("detail", WORDS, nullable=False),
        sa.PrimaryKeyConstraint("serial"),
    )
    op.create_table(
        "facets",
        sa.Column("facet", WORDS, nullable=False),
        sa.Column("value", WORDS, nullable=False),
        sa.Column("name", WORDS, nullable=False),
        sa.PrimaryKeyConstraint("facet", "value", "name"),
    )
    op.create_index("facets_of_a_pack", "facets", ["name"], unique=False)
    op.create_table(
        "heads",
        sa.Column("sequence", WORDS, nullable=False),
        sa.Column("seq", WHOLE, nullable=False),
        sa.Column("hash", WORDS, nullable=False),
        sa.PrimaryKeyConstraint("sequence"),
    )
    op.create_table(
        "idempotency",
        sa.Column("caller", WORDS, nullable=False),
        sa.Column("key", WORDS, nullable=False),
        sa.Column("request_hash", WORDS, nullable=False),
        sa.Column("status", WHOLE, nullable=False),
        sa.Column("headers", WORDS, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("expires", WORDS, nullable=False),
        sa.PrimaryKeyConstraint("caller", "key"),
    )
    op.create_index(op.f("ix_idempotency_expires"), "idempotency", ["expires"], unique=False)
    op.create_table(
        "index_files",
        sa.Column("path", WORDS, nullable=False),
        sa.Column("sha256", WORDS, nullable=False),
        sa.Column("length", WHOLE, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("path", "sha256"),
    )
    op.create_table(
        "index_metadata",
        sa.Column("role", WORDS, nullable=False),
        sa.Column("version", WHOLE, autoincrement=False, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("written", WORDS, nullable=False),
        sa.PrimaryKeyConstraint("role", "version"),
    )
    op.create_table(
        "leases",
        sa.Column("work", WORDS, nullable=False),
        sa.Column("owner", WORDS, nullable=False),
        sa.Column("fence", WHOLE, nullable=False),
        sa.Column("until", WORDS, nullable=False),
        sa.Column("done", WORDS, nullable=True),
        sa.PrimaryKeyConstraint("work"),
    )
    op.create_table(
        "members",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("origin", WORDS, nullable=False),
        sa.Column("namespace", WORDS, nullable=False),
        sa.Column("issuer", WORDS, nullable=False),
        sa.Column("subject", WORDS, nullable=False),
        sa.Column("role", WORDS, nullable=False),
        sa.Column("since", WORDS, nullable=False),
        sa.Column("active_from", WORDS, nullable=False),
        sa.Column("removed", WORDS, nullable=True),
        sa.Column("account", WORDS, nullable=True),
        sa.Column("added_by", WORDS, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("members_of", "members", ["origin", "namespace"], unique=False)
    op.create_index("memberships_of", "members", ["issuer", "subject"], unique=False)
    op.create_table(
        "mirror_states",
        sa.Column("origin", WORDS, nullable=False),
        sa.Column("since", WHOLE, nullable=False),
        sa.Column("detail", WORDS, nullable=False),
        sa.Column("time", WORDS, nullable=False),
        sa.PrimaryKeyConstraint("origin"),
    )
    op.create_table(
        "namespace_events",
        sa.Column("serial", WHOLE, nullable=False),
        sa.Column("origin", WORDS, nullable=False),
        sa.Column("namespace", WORDS, nullable=False),
        sa.Column("kind", WORDS, nullable=False),
        sa.Column("actor_issuer", WORDS, nullable=False),
        sa.Column("actor_subject", WORDS, nullable=False),
        sa.Column("detail", WORDS, nullable=False),
        sa.Column("time", WORDS, nullable=False),
        sa.Column("effective_from", WORDS, nullable=False),
        sa.Column("bundle", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("serial"),
    )
    op.create_index("events_of_namespaces", "namespace_events", ["origin", "namespace", "serial"], unique=False)
    op.create_table(
        "namespace_keys",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("origin", WORDS, nullable=False),
        sa.Column("namespace", WORDS, nullable=False),
        sa.Column("key_id", WORDS, nullable=False),
        sa.Column("pem", WORDS, nullable=False),
        sa.Column("issuer", WORDS, nullable=False),
        sa.Column("subject", WORDS, nullable=False),
        sa.Column("role", WORDS, nullable=False),
        sa.Column("since", WORDS, nullable=False),
        sa.Column("active_from", WORDS, nullable=False),
        sa.Column("removed", WORDS, nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("keys_of", "namespace_keys", ["origin", "namespace"], unique=False)
    op.create_table(
        "namespaces",
        sa.Column("origin", WORDS, nullable=False),
        sa.Column("name", WORDS, nullable=False),
        sa.Column("skeleton", WORDS, nullable=False),
        sa.Column("state", WORDS, nullable=False),
        sa.Column("mode", WORDS, nullable=False),
        sa.Column("reviews", WHOLE, nullable=False),
        sa.Column("revision", WHOLE, nullable=False),
        sa.Column("frozen_until", WORDS, nullable=True),
        sa.Column("created", WORDS, nullable=False),
        sa.Column("changed", WORDS, nullable=False),
        sa.PrimaryKeyConstraint("origin", "name"),
        sa.UniqueConstraint("origin", "skeleton", name="one_namespace_of_a_look"),
    )
    op.create_table(
        "packs",
        sa.Column("name", WORDS, nullable=False),
        sa.Column("origin", WORDS, nullable=False),
        sa.Column("namespace", WORDS, nullable=False),
        sa.Column("pack", WORDS, nullable=False),
        sa.Column("skeleton", WORDS, nullable=False),
        sa.Column("description", WORDS, nullable=False),
        sa.Column("licence", WORDS, nullable=False),
        sa.Column("newest", WORDS, nullable=False),
        sa.Column("versions", WHOLE, nullable=False),
        sa.Column("revision", WHOLE, nullable=False),
        sa.Column("created", WORDS, nullable=False),
        sa.Column("changed", WORDS, nullable=False),
        sa.PrimaryKeyConstraint("name"),
        sa.UniqueConstraint("origin", "namespace", "pack", name="one_pack_of_a_name"),
        sa.UniqueConstraint("origin", "namespace", "skeleton", name="one_pack_of_a_look"),
    )
    op.create_index("packs_by_change", "packs", ["changed", "name"], unique=False)
    op.create_table(
        "publications",
        sa.Column("id", WORDS, nullable=False),
        sa.Column("origin", WORDS, nullable=False),
        sa.Column("namespace", WORDS, nullable=False),
        sa.Column("name", WORDS, nullable=True),
        sa.Column("version", WORDS, nullable=True),
        sa.Column("digest", WORDS, nullable=True),
        sa.Column("issuer", WORDS, nullable=False),
        sa.Column("subject", WORDS, nullable=False),
        sa.Column("key", WORDS, nullable=True),
        sa.Column("request_hash", WORDS, nullable=False),
        sa.Column("state", WORDS, nullable=False),
        sa.Column("open", sa.Boolean(), nullable=False),
        sa.Column("steps", WORDS, nullable=False),
        sa.Column("problem", WORDS, nullable=True),
        sa.Column("attempts", WHOLE, nullable=False),
        sa.Column("owner", WORDS, nullable=True),
        sa.Column("fence", WHOLE, nullable=False),
        sa.Column("until", WORDS, nullable=True),
        sa.Column("due", WORDS, nullable=False),
        sa.Column("trace", WORDS, nullable=True),
        sa.Column("created", WORDS, nullable=False),
        sa.Column("changed", WORDS, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("issuer", "subject", "key", name="one_publication_of_a_key"),
    )
    op.create_index("publications_due", "publications", ["open", "due"], unique=False)
    op.create_index("publications_of_a_namespace", "publications", ["origin", "namespace", "created"], unique=False)
    op.create_table(
        "reservations",
        sa.Column("name", WORDS, nullable=False),
        sa.Column("version", WORDS, nullable=False),
        sa.Column("publication", WORDS, nullable=False),
        sa.Column("at", WORDS, nullable=False),
        sa.PrimaryKeyConstraint("name", "version"),
    )
    op.create_index(op.f("ix_reservations_publication"), "reservations", ["publication"], unique=False)
    op.create_table(
        "reviews",
        sa.Column("serial", WHOLE, nullable=False),
        sa.Column("name", WORDS, nullable=False),
        sa.Column("version", WORDS, nullable=False),
        sa.Column("decision", WORDS, nullable=False),
        sa.Column("reviewer_issuer", WORDS, nullable=False),
        sa.Column("reviewer_subject", WORDS, nullable=False),
        sa.Column("reason", WORDS, nullable=False),
        sa.Column("expires", WORDS, nullable=True),
        sa.Column("bundle", WORDS, nullable=False),
        sa.Column("at", WORDS, nullable=False),
        sa.PrimaryKeyConstraint("serial"),
    )
    op.create_index("reviews_of_a_version", "reviews", ["name", "version", "serial"], unique=False)
    op.create_table(
        "statuses",
        sa.Column("serial", WHOLE, nullable=False),
        sa.Column("name", WORDS, nullable=False),
        sa.Column("version", WORDS, nullable=False),
        sa.Column("status", WORDS, nullable=False),
        sa.Column("reason", WORDS, nullable=False),
        sa.Column("actor_issuer", WORDS, nullable=False),
        sa.Column("actor_subject", WORDS, nullable=False),
        sa.Column("bundle", WORDS, nullable=False),
        sa.Column("at", WORDS, nullable=False),
        sa.PrimaryKeyConstraint("serial"),
    )
    op.create_index("statuses_of_a_version", "statuses", ["name", "version", "serial"], unique=False)
    op.create_table(
        "terms",
        sa.Column("term", WORDS, nullable=False),
        sa.Column("name", WORDS, nullable=False),
        sa.Column("weight", WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("term", "name"),
    )
    op.create_index("terms_of_a_pack", "terms", ["name"], unique=False)
    op.create_table(
        "tokens",
        sa.Column("hash", WORDS, nullable=False),
        sa.Column("issuer", WORDS, nullable=False),
        sa.Column("subject", WORDS, nullable=False),
        sa.Column("origin", WORDS, nullable=False),
        sa.Column("namespace", WORDS, nullable=False),
        sa.Column("scopes", WORDS, nullable=False),
        sa.Column("account", WORDS, nullable=True),
        sa.Column("issued", WORDS, nullable=False),
        sa.Column("expires", WORDS, nullable=False),
        sa.Column("revoked", WORDS, nullable=True),
        sa.PrimaryKeyConstraint("hash"),
    )
    op.create_index(op.f("ix_tokens_expires"), "tokens", ["expires"], unique=False)
    op.create_table(
        "tombstones",
        sa.Column("name", WORDS, nullable=False),
        sa.Column("version", WORDS, nullable=False),
        sa.Column("digest", WORDS, nullable=False),
        sa.Column("reason", WORDS, nullable=False),
        sa.Column("actor_issuer", WORDS, nullable=False),
        sa.Column("actor_subject", WORDS, nullable=False),
        sa.Column("at", WORDS, nullable=False),
        sa.PrimaryKeyConstraint("name", "version"),
    )
    op.create_table(
        "used_tokens",
        sa.Column("issuer", WORDS, nullable=False),
        sa.Column("jti", WORDS, nullable=False),
        sa.Column("expires", WORDS, nullable=False),
        sa.PrimaryKeyConstraint("issuer", "jti"),
    )
    op.create_index(op.f("ix_used_tokens_expires"), "used_tokens", ["expires"], unique=False)
    op.create_table(
        "pack_blobs",
        sa.Column("name", WORDS, nullable=False),
        sa.Column("digest", WORDS, nullable=False),
        sa.ForeignKeyConstraint(
            ["digest"],
            ["blobs.digest"],
        ),
        sa.PrimaryKeyConstraint("name", "digest"),
    )
    op.create_index("packs_of_a_blob", "pack_blobs", ["digest"], unique=False)
    op.create_table(
        "products",
        sa.Column("publication", WORDS, nullable=False),
        sa.Column("kind", WORDS, nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["publication"],
            ["publications.id"],
        ),
        sa.PrimaryKeyConstraint("publication", "kind"),
    )
    op.create_table(
        "versions",
        sa.Column("name", WORDS, nullable=False),
        sa.Column("version", WORDS, nullable=False),
        sa.Column("position", WORDS, nullable=False),
        sa.Column("digest", WORDS, nullable=False),
        sa.Column("length", WHOLE, nullable=False),
        sa.Column("config", WORDS, nullable=False),
        sa.Column("content", WORDS, nullable=False),
        sa.Column("size", WHOLE, nullable=False),
        sa.Column("description", WORDS, nullable=False),
        sa.Column("licence", WORDS, nullable=False),
        sa.Column("procedures", WORDS, nullable=False),
        sa.Column("requires", WORDS, nullable=False),
        sa.Column("engines", WORDS, nullable=False),
        sa.Column("publisher_issuer", WORDS, nullable=False),
        sa.Column("publisher_subject", WORDS, nullable=False),
        sa.Column("publication", WORDS, nullable=False),
        sa.Column("state", WORDS, nullable=False),
        sa.Column("indexed", WORDS, nullable=True),
        sa.Column("revision", WHOLE, nullable=False),
        sa.Column("published", WORDS, nullable=False),
        sa.Column("changed", WORDS, nullable=False),
        sa.ForeignKeyConstraint(
            ["name"],
            ["packs.name"],
        ),
        sa.PrimaryKeyConstraint("name", "version"),
    )
    op.create_index(op.f("ix_versions_publication"), "versions", ["publication"], unique=False)
    op.create_index("versions_by_digest", "versions", ["digest"], unique=True)
    op.create_index("versions_in_order", "versions", ["name", "position"], unique=False)
    op.create_index(
        "versions_to_index",
        "versions",
        ["name"],
        unique=False,
        sqlite_where=sa.text("indexed IS NULL OR indexed <> state"),
        postgresql_where=sa.text("indexed IS NULL OR indexed <> state"),
    )
