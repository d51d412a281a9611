"""Instances that wait for work: warm ones by tenant and program, each tenant's under a budget, and spare ones never
used."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Callable

from seglam.sandbox.native import Instance
from seglam.sandbox.results import Program

MIB = 1 << 20
# Of an instance that has answered small calls. Measured: 2.6 MiB of its own; 6 more are resident but shared by all
# instances, pages of the component that nobody has written to.
BASE_BYTES = 4 * MIB

SWIFT_CALLS = 3
SWIFT_MARGIN = 4

Key = tuple[str, str]  # tenant and digest; the whole program is compared before an instance is handed out


class Prepared:
    """An instance with a compiled program, and what it counts against the budget."""

    __slots__ = ("calls", "charge", "instance", "key", "most", "program")

    def __init__(self, tenant: str, program: Program, instance: Instance) -> None:
        self.key = (tenant, program.digest)
        self.program = program
        self.instance = instance
        self.charge = BASE_BYTES
        self.calls = self.most = 0

    def used(self, fuel: int) -> None:
        """Charge for a call. wasmtime does not tell how large a memory is, but filling a byte costs at least one unit
        of fuel, so fuel bounds what a call can have touched; memory is never given back while an instance lives."""
        self.calls += 1
        if fuel > self.most:
            self.most = fuel
            self.charge = max(self.charge, min(BASE_BYTES + fuel, self.program.memory_mib * MIB))

    def swift(self, steps: int) -> bool:
        """Whether its calls so far took a small part of so many steps."""
        return self.calls >= SWIFT_CALLS and self.most * SWIFT_MARGIN <= steps


class _Share:
    """One tenant's idle instances by digest, least recently used first, and what they are charged."""

    __slots__ = ("charged", "idle")

    def __init__(self) -> None:
        self.idle: OrderedDict[str, list[Prepared]] = OrderedDict()
        self.charged = 0


class WarmPool:
    """Idle warm instances, least recently used evicted first. Instances at work count too but cannot be evicted.

    The budget is each tenant's own: what one tenant runs never evicts what another would find warm, which would tell it
    what others do. The memory of all is thus bounded by the number of tenants.
    """

    def __init__(self, budget_bytes: int) -> None:
        self._budget = budget_bytes
        self._shares: dict[str, _Share] = {}
        self._lock = threading.Lock()
        self.evicted = 0
        self.idle = 0
        self.calls = 0
        self.hits = 0

    @property
    def charged(self) -> int:
        """Bytes that idle instances of all tenants are charged."""
        return sum(share.charged for share in list(self._shares.values()))

    def take(self, tenant: str, program: Program, steps: int | None = None) -> Prepared | None:
        """An idle instance of this program, now the caller's, or None. With `steps` only a swift one, and one that is
        not taken then is no call."""
        with self._lock:
            if steps is None:
                self.calls += 1
            share = self._shares.get(tenant)
            found = None if share is None else share.idle.get(program.digest)
            if share is None or not found:
                return None
            for warm in reversed(found):
                if (warm.program is program or warm.program == program) and (steps is None or warm.swift(steps)):
                    found.remove(warm)
                    break
            else:
                return None
            if steps is not None:
                self.calls += 1
            self.hits += 1
            self.idle -= 1
            share.charged -= warm.charge
            return warm

    def give(self, warm: Prepared) -> None:
        """Put an instance back; others of its tenant are closed if the budget does not hold them all."""
        tenant, digest = warm.key
        with self._lock:
            share = self._shares.get(tenant)
            if share is None:
                share = self._shares[tenant] = _Share()
            idle = share.idle.get(digest)
            if idle is None:
                share.idle[digest] = [warm]
            else:
                idle.append(warm)
                share.idle.move_to_end(digest)
            self.idle += 1
            share.charged += warm.charge
            if share.charged <= self._budget:
                return
            evicted = self._over_budget(share)
        for each in evicted:
            each.instance.close()

    def _over_budget(self, share: _Share) -> list[Prepared]:
        evicted = []
        while share.charged > self._budget and share.idle:
            digest, instances = next(iter(share.idle.items()))
            if not instances:  # all of this program are at work, or were evicted
                del share.idle[digest]
                continue
            warm = instances.pop(0)
            self.idle -= 1
            share.charged -= warm.charge
            self.evicted += 1
            evicted.append(warm)
        return evicted

    def close(self) -> None:
        """Close every idle instance, and from now on each that comes back."""
        with self._lock:
            self._budget = 0
            shares = list(self._shares.values())
            closing = [warm for share in shares for instances in share.idle.values() for warm in instances]
            self._shares.clear()
            self.idle = 0
        for warm in closing:
            warm.instance.close()


class SparePool:
    """Instances never used, made ahead by a thread that starts with the first one taken. The same thread closes used
    ones, which takes longer than a call."""

    def __init__(self, make: Callable[[], Instance], size: int) -> None:
        self._make = make
        self._size = size
        self._spares: deque[Instance] = deque()
        self._retired: deque[Instance] = deque()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False

    def take(self) -> Instance:
        """A spare, or an instance made now if none is ready."""
        with self._changed:
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._work, name="seglam-sandbox-spares", daemon=True)
                self._thread.start()
            spare = self._spares.popleft() if self._spares else None
        return spare or self._make()

    def retire(self, instance: Instance) -> None:
        """Close a used instance, soon, and make another spare."""
        with self._changed:
            if self._thread is not None and not self._closed:
                self._retired.append(instance)
                self._changed.notify()
                return
        instance.close()

    def _work(self) -> None:
        try:
            self._refill()
        finally:  # after an error the next take starts another thread
            with self._changed:
                self._thread = None

    def _refill(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._retired or len(self._spares) < self._size)
                retired = list(self._retired)
                self._retired.clear()
                wanted = not self._closed and len(self._spares) < self._size
                if self._closed and not retired:
                    return
            for each in retired:
                each.close()
            if wanted:
                spare = self._make()
                with self._changed:
                    self._spares.append(spare)

    @property
    def ready(self) -> int:
        """How many spares wait."""
        return len(self._spares)

    def close(self) -> None:
        """End the thread and close the spares."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            thread = self._thread
        if thread is not None:
            thread.join()
        for instances in (self._spares, self._retired):
            while instances:
                instances.popleft().close()
