"""PackImport: from what a tenant wants to procedures that the gate passed, and what is said of it.

What may be served is written into the status first and made real afterwards: a procedure whose text is not of an
accepted release is not served, whatever else is true of it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from seglam.cluster import Listing, Object, Selection
from seglam.operator.context import Context
from seglam.operator.controllers import Controller, Watch
from seglam.operator.desired import imported as desired
from seglam.operator.gather.imports import ImportRead, Trust, TrustUnreadable, import_from, import_seen
from seglam.operator.gather.imports import trust as read_trust
from seglam.operator.gather.known import Known
from seglam.operator.gather.registries import Unreachable
from seglam.operator.keys import DONE, Key, Result
from seglam.operator.owned import NotOwned
from seglam.operator.policies.chain import decide
from seglam.operator.policies.imports import (
    READY,
    Asked,
    ImportedState,
    ImportSituation,
    Ruling,
    asked,
    author_unknown,
    lacking,
)
from seglam.operator.reconcile.deciding import Decided, Gatekeeper, Have
from seglam.operator.reconcile.made import Made
from seglam.operator.reconcile.releases import Taken, accepted_of, earlier, have_of, serves
from seglam.operator.reconcile.saying import plain, reachable, required, stalled, steps_of, verified
from seglam.operator.reconcile.summaries import Summaries, Unsigned
from seglam.operator.status import ready
from seglam.resources.conditions import ConditionType, Reason, timestamp
from seglam.resources.imports import (
    MAX_RELEASES,
    AcceptedRelease,
    ImportedProcedure,
    ImportSummary,
)
from seglam.resources.names import (
    LABEL_PACK_IMPORT,
    OPERATOR,
    PACK_IMPORT,
    REASONING_PROCEDURE,
    TRUST_POLICY,
    TRUST_ROOT,
)

log = logging.getLogger(__name__)

KIND = PACK_IMPORT.kind
DECISION = f"{OPERATOR}-decision"
"""Field manager of the lists and objects of the status, which are written before its scalars."""
WARNINGS = frozenset({Reason.INVALID, Reason.AUTHOR_UNKNOWN, Reason.NOT_OWNED, Reason.SIGNING_FAILED, Reason.DOWNGRADE})


class Imports:
    """Reconciles imports."""

    def __init__(self, context: Context, known: Known, gatekeeper: Gatekeeper, summaries: Summaries) -> None:
        self._context = context
        self._client = context.client
        self._known = known
        self._gatekeeper = gatekeeper
        self._summaries = summaries
        self._made = Made(context)

    async def reconcile(self, key: Key) -> Result:
        """Decide about what an import asks for and has, and make its procedures what follows from that."""
        found = await self._client.find(PACK_IMPORT, key.name, key.namespace)
        if found is None or found["metadata"].get("deletionTimestamp"):
            await self._abandon(key)
            return DONE
        read = import_from(found)
        latest = self._context.status.latest(PACK_IMPORT, read.meta, read.status)
        read = replace(read, status=latest)
        wanted = read.spec if isinstance(read.spec, str) else asked(read.spec)
        own = await self._made.of(key)
        have = have_of(read, own)
        problem = wanted if isinstance(wanted, str) else None
        authorless = author_unknown(ImportSituation(authors=read.authors)) is not None
        taken = await self._take(read, None if authorless or isinstance(wanted, str) else wanted, have)
        await self._say_parts(read, taken)
        foreign: tuple[str, ...] = ()
        if taken.decided is not None and taken.decided.ruling.allowed and taken.unsigned is None:
            foreign = await self._made.make(read, taken.decided, own)
        situation = self._situation(read, taken, foreign, problem)
        await self._say(read, taken, situation, have)
        if taken.unreachable or taken.unsigned:
            return Result(float(self._context.settings.imports.retry_s))
        return DONE

    # What is decided

    async def _take(self, read: ImportRead, wanted: Asked | None, have: Have) -> Taken:
        try:
            trust = await read_trust(self._client)
        except TrustUnreadable as problem:
            return self._as_before(read, str(problem))
        namespace = read.meta.namespace
        if wanted is None:
            return Taken(None, await self._still(read, trust, have, ""))
        try:
            decided = await self._gatekeeper.decide(trust, namespace, wanted, have)
        except Unreachable as problem:
            return self._as_before(read, str(problem))
        for root in {policy.spec.trust_root for policy in decided.policies}:
            if decided.snapshot > trust.seen.get(root, 0):
                self._context.mark(Key(TRUST_ROOT.kind, "", root))  # which remembers it
        older = await self._still(read, trust, have, decided.digest or "")
        if not decided.ruling.allowed:
            return Taken(decided, older, read.decided.summary, decided.stale)
        try:
            summary = await self._signed(read, decided)
        except (Unsigned, NotOwned) as problem:
            before = tuple(each for each in read.accepted or () if each.digest == decided.digest)
            return Taken(decided, (*before, *older), read.decided.summary, decided.stale, str(problem))
        accepted = (accepted_of(decided), *older)[:MAX_RELEASES]
        return Taken(decided, accepted, summary, decided.stale)

    async def _still(self, read: ImportRead, trust: Trust, have: Have, current: str) -> tuple[AcceptedRelease, ...]:
        """Earlier releases that are served until the current one is, decided anew: one that was yanked goes at once."""
        served = {(each.procedure, each.digest) for each in self._known.active(read.meta.namespace)}
        kept = []
        for before, wanted in earlier(read, have):
            if before is not None and (before.digest == current or not serves(before, served)):
                continue
            try:
                again = await self._gatekeeper.decide(
                    trust, read.meta.namespace, wanted, Have(None, None, have.digests)
                )
            except Unreachable:
                if before is not None and self._stands(read):
                    kept.append(before)
                continue
            if again.ruling.allowed and again.digest != current and serves(accepted_of(again), served):
                kept.append(accepted_of(again))
        return tuple(kept)

    def _as_before(self, read: ImportRead, trouble: str) -> Taken:
        """Nobody could be asked: the last decision stands until the index expires that it rests on."""
        before = read.accepted or ()
        if not before or self._stands(read):
            return Taken(None, before, read.decided.summary, trouble, standing=bool(before))
        words = f"the index expired at {read.decided.valid_until}, and {trouble}"
        return Taken(Decided(Ruling(False, "index-expired", words)), (), read.decided.summary, trouble)

    def _stands(self, read: ImportRead) -> bool:
        until = read.decided.valid_until
        return until is None or datetime.fromisoformat(until.replace("Z", "+00:00")) > self._context.clock()

    async def _signed(self, read: ImportRead, decided: Decided) -> ImportSummary:
        """The signed summary; the one that is there as long as it rests on the same."""
        assert decided.facts is not None and decided.decision is not None
        of = desired.decided(decided.facts, decided.decision, decided.policies, self._summaries.mode)
        before = read.decided.summary
        if before is not None and before.of == of:
            return before
        return await self._summaries.sign(decided.facts, decided.decision, decided.policies)

    async def _abandon(self, key: Key) -> None:
        """An import is gone, and nobody would notice a yank of what it brought: its procedures go too."""
        self._context.status.forget(PACK_IMPORT, key.namespace, key.name)
        self._known.drop_import(key.namespace, key.name)
        for procedure in (await self._made.of(key)).values():
            await self._made.delete(procedure)

    # What is said

    async def _say_parts(self, read: ImportRead, taken: Taken) -> None:
        """Write what may be served, where it changed."""
        parts: dict[str, Any] = {"accepted": [plain(each) for each in taken.accepted]}
        steps = steps_of(taken.decided) if taken.decided is not None else read.decided.steps
        parts["steps"] = [plain(each) for each in steps or ()]
        if taken.summary is not None:
            parts["summary"] = plain(taken.summary)
        before: dict[str, Any] = {
            "accepted": [plain(each) for each in read.accepted or ()],
            "steps": [plain(each) for each in read.decided.steps or ()],
        }
        if read.decided.summary is not None:
            before["summary"] = plain(read.decided.summary)
        undecided = taken.decided is None and read.accepted is None  # what is served without a decision stays
        if taken.standing or undecided or parts == before:
            return
        body = {
            "apiVersion": PACK_IMPORT.api_version,
            "kind": KIND,
            "metadata": {"name": read.meta.name, "namespace": read.meta.namespace, "uid": read.meta.uid},
            "status": parts,
        }
        written = await self._client.apply(PACK_IMPORT, body, manager=DECISION, subresource="status")
        self._context.metrics.writes.labels(KIND, "status").inc()
        self._known.put_import(import_seen(written))  # what is refused stops being served at once

    def _situation(
        self, read: ImportRead, taken: Taken, foreign: tuple[str, ...], problem: str | None
    ) -> ImportSituation:
        namespace, current = read.meta.namespace, taken.accepted[0] if taken.accepted else None
        ruling = taken.decided.ruling if taken.decided else None
        if taken.standing:
            ruling = Ruling(True, "accepted", "the last decision stands")
        refused = ruling is None or not ruling.allowed
        states = [] if refused or current is None else [self._state(namespace, each) for each in current.procedures]
        return ImportSituation(
            problem=problem,
            authors=read.authors,
            ruling=ruling,
            unreachable=taken.unreachable,
            foreign=foreign,
            unsigned=taken.unsigned,
            procedures=tuple(states),
            release=current.release if current else "",
        )

    def _state(self, namespace: str, procedure: ImportedProcedure) -> ImportedState:
        """Where a procedure stands, as its own status says."""
        known = self._known.procedure(namespace, procedure.name)
        if known is None:
            return ImportedState(procedure.name, procedure.digest)
        active = known.status.field("activeDigest")
        said = known.status.condition(ConditionType.READY)
        if said is None or said.observed_generation != known.meta.generation:
            return ImportedState(procedure.name, procedure.digest, str(active) if active else None)
        return ImportedState(
            procedure.name, procedure.digest, str(active) if active else None, said.reason, said.message
        )

    async def _say(self, read: ImportRead, taken: Taken, situation: ImportSituation, have: Have) -> None:
        verdict = decide(READY, situation)
        conditions = [ready(verdict), stalled(verdict), reachable(taken)]
        if (passed := verified(read, taken)) is not None:
            conditions.append(passed)
        if (met := self._requirements(read, taken)) is not None:
            conditions.append(met)
        fields: dict[str, str | int | None] = {
            name: value if isinstance(value := read.status.field(name), str) else None
            for name in ("release", "digest", "version", "policy", "validUntil")
        }
        least = have.least
        if (decided := taken.decided) is not None:
            policy = ",".join(each.name for each in decided.policies) or None
            fields = {
                "release": str(decided.release) if decided.release else None,
                "digest": decided.digest,
                "version": str(decided.release.version) if decided.release else None,
                "policy": policy,
                "validUntil": timestamp(decided.until) if decided.until else None,
            }
            if decided.ruling.allowed and taken.unsigned is None and decided.release is not None:
                least = max(each for each in (least, decided.release.version) if each is not None)
        fields["highestVersion"] = str(least) if least else None
        await self._context.status.write(PACK_IMPORT, read.meta, read.status, fields, conditions, warnings=WARNINGS)

    def _requirements(self, read: ImportRead, taken: Taken) -> Any:
        """Whether the namespace has what the pack requires: said, and nothing waits for it."""
        if taken.decided is None or not taken.decided.ruling.allowed:
            return read.status.condition(ConditionType.REQUIREMENTS_MET)
        if not taken.decided.requires:
            return None
        there = [
            release
            for each in self._known.pack_imports()
            if each.meta.namespace == read.meta.namespace
            for release in each.releases
        ]
        return required(lacking(taken.decided.requires, there))

    # How imports are found

    def remember(self, found: Mapping[str, Any], deleted: bool) -> None:
        """Take in what the watch brings."""
        meta = found["metadata"]
        before = self._known.pack_import(meta["namespace"], meta["name"])
        if deleted:
            self._known.drop_import(meta["namespace"], meta["name"])
        else:
            self._known.put_import(import_seen(found))
        now = self._known.pack_import(meta["namespace"], meta["name"])
        if (before.releases if before else ()) != (now.releases if now else ()):
            for each in self._known.pack_imports():
                if each.lacking and each.meta.namespace == meta["namespace"]:
                    self._context.mark(Key(KIND, *each.meta.key))

    async def everything(self) -> Iterable[Key]:
        """All imports, and those that are named by a procedure and may be gone."""
        keys = set()
        for namespace in self._context.settings.watch_namespaces or (None,):
            listing: Listing[Object] = await self._client.list(PACK_IMPORT, Selection(namespace))
            for found in listing.items:
                self._known.put_import(import_seen(found))
                keys.add(Key(KIND, found["metadata"]["namespace"], found["metadata"]["name"]))
        for procedure in self._known.procedures():
            if procedure.pack_import is not None:
                keys.add(Key(KIND, procedure.meta.namespace, procedure.pack_import))
        return sorted(keys)

    def watches(self) -> tuple[Watch, ...]:
        """Imports, their procedures, and everything that trust rests on."""
        return (
            Watch(PACK_IMPORT, self._of_import, remember=self.remember),
            Watch(REASONING_PROCEDURE, self._of_procedure),
            Watch(TRUST_POLICY, lambda _: (), remember=self._trust_changed),
            Watch(TRUST_ROOT, lambda _: (), remember=self._trust_changed),
        )

    def _of_import(self, found: Mapping[str, Any]) -> Iterable[Key]:
        return (Key(KIND, found["metadata"]["namespace"], found["metadata"]["name"]),)

    def _of_procedure(self, found: Mapping[str, Any]) -> Iterable[Key]:
        name = (found["metadata"].get("labels") or {}).get(LABEL_PACK_IMPORT)
        return (Key(KIND, found["metadata"]["namespace"], name),) if name else ()

    def _trust_changed(self, found: Mapping[str, Any], deleted: bool) -> None:
        """All imports are decided anew, unless only a status was written."""
        status = found.get("status") or {}
        if deleted or status.get("observedGeneration") != found["metadata"].get("generation"):
            for each in self._known.pack_imports():
                self._context.mark(Key(KIND, *each.meta.key))


def controller(imports: Imports) -> Controller:
    """The controller of imports."""
    return Controller(KIND, imports.reconcile, imports.watches(), imports.everything, workers=4)
