"""The archive that a publisher sends: one pack with its bundles, and nothing else."""

from __future__ import annotations

import io
from dataclasses import dataclass

from seglam.packs.archive import Limits
from seglam.packs.layout import ImageLayout
from seglam.packs.manifest import MAX_CONTENT_BYTES
from seglam.packs.pack import Pack
from seglam.packs.problems import PackInvalid
from seglam.packs.trust.decision import PackFacts, ProcedureFacts
from seglam.registry.publishing.publication import PublishProblem

MIB = 1024 * 1024
MAX_ARCHIVE = MAX_CONTENT_BYTES + 32 * MIB
MAX_BUNDLES = 64
LIMITS = Limits(total=MAX_ARCHIVE, members=512, member=MAX_CONTENT_BYTES + 8 * MIB)


@dataclass(frozen=True, slots=True)
class Received:
    """What an archive holds, each part checked against the others; nothing in it is believed yet."""

    pack: Pack
    bundles: tuple[bytes, ...]

    @property
    def facts(self) -> PackFacts:
        """The pack as the gate sees it."""
        model = self.pack.manifest_model
        return PackFacts(
            name=model.name,
            version=model.version,
            digest=self.pack.digest,
            procedures=tuple(ProcedureFacts(each.name, each.digest) for each in model.procedures),
        )


def read(archive: bytes) -> Received:
    """Read an archive strictly.

    Raises:
        PublishProblem: the code of the part that is not what it must be, such as `archive-path`; `too-large`,
            `several-packs`, `unexpected-content`, `too-many-bundles`.
    """
    if len(archive) > MAX_ARCHIVE:
        raise PublishProblem("too-large", f"the archive has more than {MAX_ARCHIVE // MIB} MiB", status=413)
    try:
        with ImageLayout.read(io.BytesIO(archive), LIMITS) as layout:
            digests = layout.digests()
            if len(digests) != 1:
                words = f"the archive lists {len(digests)} packs; publish one at a time"
                raise PublishProblem("several-packs", words, status=400)
            if layout.foreign() or layout.extras():
                words = "the archive holds something other than one pack and its bundles; make it with `seglam pack`"
                raise PublishProblem("unexpected-content", words, status=400)
            received = Received(layout.pack(), layout.bundles(digests[0]))
    except PackInvalid as error:
        raise PublishProblem(error.code, str(error), status=400, detail={"where": error.where}) from error
    if len(received.bundles) > MAX_BUNDLES:
        words = f"the pack comes with {len(received.bundles)} bundles; at most {MAX_BUNDLES} are taken"
        raise PublishProblem("too-many-bundles", words)
    return received
