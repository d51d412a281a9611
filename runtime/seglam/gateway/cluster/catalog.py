"""What is served: one index for each tenant, fed by a watch of the active revisions.

A procedure is answered by the revision that was announced last; one that takes another's place does so in one step. A
tenant that changes a lot at once gets a new index, which is filled aside and put in the old one's place whole.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

from seglam.cluster import Change, Key
from seglam.gateway.cluster.decoding import Announced
from seglam.lookup import Index
from seglam.lookup.bulk import adding_many
from seglam.procedures import Revision
from seglam.procedures.canonical import canonical
from seglam.telemetry import SpanReference

REBUILD = 64
"""Changes of one tenant's procedures at one time from which a new index is made rather than the old one changed, if
they are also half of what is served: changing a few costs less than compiling all patterns again."""
SWITCH_S = 0.0005
"""Seconds after which a thread that indexes many revisions lets another one run that waits, such as a hit's."""
RETIRED = 1024
"""Revisions that are remembered after they were taken out, since requests that found them may still run them."""

_log = logging.getLogger("seglam.gateway.catalog")
_EMPTY = Index()


@dataclass(frozen=True, slots=True)
class Active:
    """A revision that may be served, the pool of runners that run it, and the spans in which it came to be served."""

    revision: Revision
    pool: str
    compiled: SpanReference | None = None
    activated: SpanReference | None = None


@dataclass(slots=True)
class _Tenant:
    """One tenant.

    Attributes:
        announced: the active objects of each procedure by their names, the last announced last.
        serving: what the index holds for each procedure.
        users: the procedures that a digest serves.
    """

    name: str
    index: Index = field(default_factory=Index)
    announced: dict[str, dict[str, Active]] = field(default_factory=dict)
    serving: dict[str, Active] = field(default_factory=dict)
    users: dict[str, dict[str, Active]] = field(default_factory=dict)


class Catalog:
    """The active revisions of all tenants. Readers need no lock; `apply` blocks, and its callers take turns.

    Attributes:
        unreadable: objects that this release cannot read, with the reason; what they would replace is served on.
    """

    def __init__(self) -> None:
        self.unreadable: dict[Key, str] = {}
        self._tenants: dict[str, _Tenant] = {}
        self._retired: dict[tuple[str, str], Active] = {}
        self._turn = threading.Lock()

    def index(self, tenant: str) -> Index:
        """What answers a tenant's requests; must not be changed."""
        found = self._tenants.get(tenant)
        return _EMPTY if found is None else found.index

    def active(self, tenant: str, digest: str) -> Active | None:
        """A revision that is served, or was until recently."""
        found = self._tenants.get(tenant)
        users = {} if found is None else found.users.get(digest, {})
        return next(iter(list(users.values())), None) or self._retired.get((tenant, digest))

    def revision(self, tenant: str, digest: str) -> Revision | None:
        """A revision whose document was read."""
        active = self.active(tenant, digest)
        return None if active is None else active.revision

    def document(self, tenant: str, digest: str) -> bytes | None:
        """The canonical document of a revision, as runners take it."""
        revision = self.revision(tenant, digest)
        return None if revision is None else canonical(revision.spec)

    def size(self) -> tuple[int, int]:
        """Number of tenants, and of the revisions that answer."""
        tenants = list(self._tenants.values())
        return len(tenants), sum(len(each.index) for each in tenants)

    def apply(self, changes: Sequence[Change[Announced]]) -> None:
        """Take in what a watch has learned, in its order."""
        with self._turn, _giving_way(len(changes) >= REBUILD):
            touched: dict[str, dict[str, None]] = defaultdict(dict)
            for change in _ordered(changes):
                for procedure in self._note(change):
                    touched[change.key.namespace][procedure] = None
            for name, procedures in touched.items():
                tenant = self._tenants[name]
                if len(procedures) >= max(REBUILD, len(tenant.serving) // 2):
                    self._rebuild(tenant)
                else:
                    self._change(tenant, list(procedures))
                if not tenant.announced:
                    del self._tenants[name]

    def _note(self, change: Change[Announced]) -> Iterable[str]:
        """Keep what was announced; returns the procedures that this concerns."""
        namespace, name = change.key
        self.unreadable.pop(change.key, None)
        tenant = self._tenants.setdefault(namespace, _Tenant(namespace))
        concerned: dict[str, None] = {}
        old, new = change.old, change.new
        if old is not None and (new is None or new.procedure != old.procedure):
            concerned[old.procedure] = None
            objects = tenant.announced.get(old.procedure, {})
            objects.pop(name, None)
            if not objects:
                tenant.announced.pop(old.procedure, None)
        if new is not None:
            concerned[new.procedure] = None
            try:
                tenant.announced.setdefault(new.procedure, {})[name] = Active(
                    new.revision(), new.pool, new.compiled, new.activated
                )
            except ValueError as error:
                self._reject(tenant, new.procedure, name, error)
        return concerned

    def _reject(self, tenant: _Tenant, procedure: str, name: str, error: ValueError) -> None:
        """What cannot be read answers nothing, and takes nothing's place."""
        self.unreadable[Key(tenant.name, name)] = str(error)
        _log.error("revision %s/%s cannot be read, so it answers nothing: %s", tenant.name, name, error)
        objects = tenant.announced.get(procedure, {})
        objects.pop(name, None)
        if not objects:
            tenant.announced.pop(procedure, None)

    def _adopt(self, tenant: _Tenant, procedure: str, put: Callable[[Active], None]) -> Active | None:
        """The revision announced last that an index takes, put there."""
        while objects := tenant.announced.get(procedure):
            name, active = next(reversed(objects.items()))
            try:
                put(active)
            except ValueError as error:
                self._reject(tenant, procedure, name, error)
            else:
                return active
        return None

    def _rebuild(self, tenant: _Tenant) -> None:
        """Fill a new index and put it in the old one's place."""
        index = Index()
        serving: dict[str, Active] = {}
        for procedure in list(tenant.announced):
            active = self._adopt(tenant, procedure, lambda each: index.add(each.revision))
            if active is not None:
                serving[procedure] = active
        users: dict[str, dict[str, Active]] = {}
        for procedure, active in serving.items():
            users.setdefault(active.revision.digest, {})[procedure] = active
        before = tenant.users
        tenant.users = {**before, **users}  # whoever finds a revision, in whichever index, also finds its pool
        tenant.index, tenant.serving = index, serving
        for digest in before.keys() - users.keys():
            self._retire(tenant, digest, next(iter(before[digest].values())))
        tenant.users = users

    def _change(self, tenant: _Tenant, procedures: Sequence[str]) -> None:
        """Change the index in place: what comes or takes a place first, what goes last."""
        for procedure in sorted(procedures, key=lambda each: each not in tenant.announced):
            before = tenant.serving.get(procedure)
            after = self._adopt(tenant, procedure, partial(self._put, tenant, procedure, before))
            if after is not None:
                tenant.serving[procedure] = after
            elif before is not None:
                del tenant.serving[procedure]
                if self._leave(tenant, procedure, before):
                    tenant.index.remove(before.revision.digest)

    def _put(self, tenant: _Tenant, procedure: str, before: Active | None, after: Active) -> None:
        """Let a procedure be answered by another revision. `ValueError` if that cannot be read: nothing changes."""
        index, new = tenant.index, after.revision
        if new.digest in index:
            tenant.users[new.digest][procedure] = after
            if before is not None and before.revision.digest != new.digest and self._leave(tenant, procedure, before):
                index.remove(before.revision.digest)
            return
        tenant.users[new.digest] = {procedure: after}  # whoever finds a revision also finds its pool
        try:
            if before is not None and self._leave(tenant, procedure, before):
                index.replace(before.revision.digest, new)
            else:
                index.add(new)
        except ValueError:
            del tenant.users[new.digest]
            if before is not None:
                tenant.users.setdefault(before.revision.digest, {})[procedure] = before
            raise

    def _leave(self, tenant: _Tenant, procedure: str, active: Active) -> bool:
        """A procedure is answered by this revision no more; returns whether no other is either."""
        digest = active.revision.digest
        users = {name: each for name, each in tenant.users[digest].items() if name != procedure}
        if users:
            tenant.users[digest] = users
            return False
        self._retire(tenant, digest, active)
        del tenant.users[digest]
        return True

    def _retire(self, tenant: _Tenant, digest: str, active: Active) -> None:
        self._retired.pop((tenant.name, digest), None)
        while len(self._retired) >= RETIRED:
            self._retired.pop(next(iter(self._retired)))
        self._retired[(tenant.name, digest)] = active


@contextmanager
def _giving_way(many: bool) -> Iterator[None]:
    """While many revisions are read, threads that answer requests wait as little as can be."""
    if not many:
        yield
        return
    interval = sys.getswitchinterval()
    sys.setswitchinterval(min(SWITCH_S, interval))
    try:
        with adding_many():
            yield
    finally:
        sys.setswitchinterval(interval)


def _ordered(changes: Sequence[Change[Announced]]) -> list[Change[Announced]]:
    """Changes in the order in which they happened. A list has none, but versions of one server grow."""
    if all(change.old is None and change.new is not None for change in changes):
        return sorted(changes, key=lambda change: change.new.version if change.new is not None else 0)
    return list(changes)
