"""What is known of procedures, revisions, reviews and counterexamples: kept fresh by watches, read by reconciles."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence

from seglam.cluster import Change, Client, Selection, Watch
from seglam.cluster.changes import Key as ObjectKey
from seglam.operator.gather.wire import counterexample_of, review_of, revision_of
from seglam.operator.keys import Key
from seglam.operator.metrics import Metrics
from seglam.operator.policies.activation import Origin
from seglam.operator.queue import Mark
from seglam.operator.seen import Counterexample, Name, PackImport, Procedure, Review, Revision
from seglam.resources.names import (
    PROCEDURE_COMPILATION,
    PROCEDURE_COUNTEREXAMPLE,
    PROCEDURE_REVIEW,
    PROCEDURE_REVISION,
    REASONING_PROCEDURE,
    Kind,
    revision_name,
)

PAGE = 100
"""Revisions of a page: with evidence one may have 100 KiB and more."""

Deactivated = Callable[[str], None]
"""Told the namespace in which a revision ceased to be active."""


class Known:
    """Procedures, which their watch puts here, and revisions, reviews and counterexamples, which are followed here.

    These are followed by the cluster client's own watches rather than by kopf's: there are as many of
    them as of procedures and more, nearly all made by the operator itself, and each costs kopf some milliseconds.
    """

    def __init__(self, client: Client, namespaces: Sequence[str], mark: Mark, look_at: Mark, metrics: Metrics) -> None:
        self._mark = mark
        self._look_at = look_at
        self._procedures: dict[Name, Procedure] = {}
        self._revisions: defaultdict[Name, dict[str, Revision]] = defaultdict(dict)
        self._named: dict[Name, Revision] = {}
        self._active: defaultdict[str, dict[str, Revision]] = defaultdict(dict)
        self._reviews: dict[Name, Review] = {}
        self._counterexamples: defaultdict[Name, dict[str, Counterexample]] = defaultdict(dict)
        self._stated: dict[Name, Counterexample] = {}
        self._imports: dict[Name, PackImport] = {}
        self._deactivated: list[Deactivated] = []
        self._watches: list[Watch[Revision] | Watch[Review] | Watch[Counterexample]] = []
        for namespace in namespaces or (None,):
            selection = Selection(namespace)
            self._watches += [
                Watch(
                    client,
                    PROCEDURE_REVISION,
                    revision_of,
                    selection=selection,
                    handler=self._revisions_changed,
                    limit=PAGE,
                ),
                Watch(client, PROCEDURE_REVIEW, review_of, selection=selection, handler=self._reviews_changed),
                Watch(
                    client,
                    PROCEDURE_COUNTEREXAMPLE,
                    counterexample_of,
                    selection=selection,
                    handler=self._counterexamples_changed,
                    limit=PAGE,
                ),
            ]
        for kind in (PROCEDURE_REVISION, PROCEDURE_REVIEW, PROCEDURE_COUNTEREXAMPLE):
            metrics.watch_age.labels(kind.plural).set_function(self._age_of(kind))

    def _age_of(self, kind: Kind) -> Callable[[], float]:
        return lambda: max(watch.age for watch in self._watches if watch.kind == kind)

    @property
    def age(self) -> float:
        """Seconds since the API server was last heard by the watch that has waited longest."""
        return max(watch.age for watch in self._watches)

    async def run(self) -> None:
        """Follow the API server until cancelled."""
        async with asyncio.TaskGroup() as group:
            for watch in self._watches:
                group.create_task(watch.run())

    async def synced(self) -> None:
        """Wait until all revisions, reviews and counterexamples are known."""
        for watch in self._watches:
            await watch.synced.wait()

    def on_deactivated(self, told: Deactivated) -> None:
        """Tell somebody whenever a revision ceases to be active."""
        self._deactivated.append(told)

    # Procedures

    def put(self, procedure: Procedure) -> None:
        """Remember a procedure, unless a newer version of it is known."""
        known = self._procedures.get(procedure.meta.key)
        same = known is not None and known.meta.uid == procedure.meta.uid
        if known is None or not same or int(known.meta.version) <= int(procedure.meta.version):
            self._procedures[procedure.meta.key] = procedure

    def drop(self, namespace: str, name: str) -> None:
        """Forget a procedure, which is gone."""
        self._procedures.pop((namespace, name), None)

    def procedure(self, namespace: str, name: str) -> Procedure | None:
        """The procedure of a name, if there is one."""
        return self._procedures.get((namespace, name))

    def procedures(self, namespace: str | None = None) -> Iterator[Procedure]:
        """All procedures, or those of a namespace."""
        return (each for each in list(self._procedures.values()) if namespace in (None, each.meta.namespace))

    # Imports

    def put_import(self, found: PackImport) -> None:
        """Remember an import, and mark the procedures that may be served otherwise now."""
        before = self._imports.get(found.meta.key)
        same = before is not None and before.meta.uid == found.meta.uid
        if before is not None and same and int(before.meta.version) > int(found.meta.version):
            return
        self._imports[found.meta.key] = found
        if before is None or (before.accepted, before.said) != (found.accepted, found.said):
            self._of_import(found.meta.namespace, found.meta.name)

    def drop_import(self, namespace: str, name: str) -> None:
        """Forget an import, which is gone."""
        if self._imports.pop((namespace, name), None) is not None:
            self._of_import(namespace, name)

    def pack_import(self, namespace: str, name: str) -> PackImport | None:
        """The import of a name, if there is one."""
        return self._imports.get((namespace, name))

    def pack_imports(self) -> Iterator[PackImport]:
        """All imports."""
        return iter(list(self._imports.values()))

    def _of_import(self, namespace: str, name: str) -> None:
        for each in self.procedures(namespace):
            if each.pack_import == name:
                self._mark(Key(REASONING_PROCEDURE.kind, namespace, each.meta.name))

    # Revisions and reviews

    def revisions(self, namespace: str, procedure: str) -> Sequence[Revision]:
        """The revisions of a procedure, by name."""
        found = self._revisions.get((namespace, procedure), {})
        return [found[name] for name in sorted(found)]

    def revision(self, namespace: str, name: str) -> Revision | None:
        """The revision of a name, if there is one."""
        return self._named.get((namespace, name))

    def active(self, namespace: str) -> Iterable[Revision]:
        """The active revisions of a namespace."""
        return list(self._active.get(namespace, {}).values())

    def all_revisions(self) -> Iterable[Revision]:
        """All revisions."""
        return list(self._named.values())

    def review(self, namespace: str, name: str) -> Review | None:
        """The review of a name, if there is one."""
        return self._reviews.get((namespace, name))

    def all_reviews(self) -> Iterable[Review]:
        """All reviews."""
        return list(self._reviews.values())

    def _revisions_changed(self, changes: Sequence[Change[Revision]]) -> None:
        for change in changes:
            old, new = change.old, change.new
            if old is not None:
                self._unfile(old)
            if new is not None:
                self._named[change.key] = new
                self._revisions[new.meta.namespace, new.procedure][new.meta.name] = new
                if new.active:
                    self._active[new.meta.namespace][new.meta.name] = new
            if old is not None and old.active and not (new is not None and new.active):
                for told in self._deactivated:
                    told(old.meta.namespace)
            if (of := new or old) is not None:
                self._dirty(change.key, of)

    def _unfile(self, old: Revision) -> None:
        self._named.pop(old.meta.key, None)
        self._active[old.meta.namespace].pop(old.meta.name, None)
        of = (old.meta.namespace, old.procedure)
        self._revisions[of].pop(old.meta.name, None)
        if not self._revisions[of]:
            del self._revisions[of]

    def _reviews_changed(self, changes: Sequence[Change[Review]]) -> None:
        for change in changes:
            if change.new is None:
                self._reviews.pop(change.key, None)
            else:
                self._reviews[change.key] = change.new
            if (of := change.new or change.old) is not None:
                self._dirty(change.key, of)

    # Counterexamples

    def counterexamples(self, namespace: str, procedure: str, digest: str | None = None) -> Sequence[Counterexample]:
        """What is stated against a procedure, or against one revision of it, by name."""
        found = self._counterexamples.get((namespace, procedure), {})
        return [found[name] for name in sorted(found) if digest in (None, found[name].digest)]

    def counterexample(self, namespace: str, name: str) -> Counterexample | None:
        """The counterexample of a name, if there is one."""
        return self._stated.get((namespace, name))

    def all_counterexamples(self, namespace: str | None = None) -> Iterable[Counterexample]:
        """All counterexamples, or those of a namespace."""
        return [each for each in self._stated.values() if namespace in (None, each.meta.namespace)]

    def _counterexamples_changed(self, changes: Sequence[Change[Counterexample]]) -> None:
        for change in changes:
            old, new = change.old, change.new
            if old is not None:
                self._stated.pop(old.meta.key, None)
                of = (old.meta.namespace, old.procedure)
                self._counterexamples[of].pop(old.meta.name, None)
                if not self._counterexamples[of]:
                    del self._counterexamples[of]
            if new is not None:
                self._stated[new.meta.key] = new
                self._counterexamples[new.meta.namespace, new.procedure][new.meta.name] = new
            if (about := new or old) is not None:
                self._marker(Key(PROCEDURE_COUNTEREXAMPLE.kind, change.key.namespace, change.key.name))
                revision = ObjectKey(change.key.namespace, revision_name(about.procedure, about.digest))
                self._dirty(revision, about)

    @property
    def _marker(self) -> Mark:
        return self._mark if all(watch.synced.is_set() for watch in self._watches) else self._look_at

    def _dirty(self, key: ObjectKey, of: Revision | Review | Counterexample) -> None:
        """Mark all that depends on a revision or on what is said of it."""
        mark = self._marker
        mark(Key(REASONING_PROCEDURE.kind, key.namespace, of.procedure))
        mark(Key(PROCEDURE_REVISION.kind, key.namespace, key.name))
        mark(Key(PROCEDURE_REVIEW.kind, key.namespace, key.name))
        if isinstance(of, Revision):  # those that wait for it
            for each in self.counterexamples(key.namespace, of.procedure, of.digest):
                if each.status.field("examined") is None:
                    mark(Key(PROCEDURE_COUNTEREXAMPLE.kind, key.namespace, each.meta.name))
        revision = of if isinstance(of, Revision) else self._named.get(key)
        if revision is not None and revision.compilation is not None:
            mark(Key(PROCEDURE_COMPILATION.kind, key.namespace, revision.compilation))


def review_for(known: Known, namespace: str, procedure: str, digest: str) -> Review | None:
    """The review that decides about a digest; None where there is none, or where what has its name is about another."""
    review = known.review(namespace, revision_name(procedure, digest))
    if review is None or (review.procedure, review.digest) != (procedure, digest):
        return None
    return review


def origin_of(known: Known, procedure: Procedure, digest: str) -> Origin:
    """Where a text of a procedure is from, and what the gate of packs says of it."""
    if procedure.pack_import is None:
        return Origin.HERE
    found = known.pack_import(procedure.meta.namespace, procedure.pack_import)
    if found is None or found.accepted is None:
        return Origin.UNDECIDED
    approval = found.accepted.get((procedure.meta.name, digest))
    return Origin(approval) if approval is not None else Origin.REFUSED
