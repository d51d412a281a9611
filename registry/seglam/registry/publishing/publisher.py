"""What the API calls, and the threads that do the work, so that no event loop waits for a sandbox or a signature."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Protocol

from seglam.registry.faults import DatabaseError
from seglam.registry.publishing.publication import Publication, PublishProblem
from seglam.registry.publishing.queue import LeaseLost, Queue, Work
from seglam.registry.publishing.reading import MAX_ARCHIVE, MIB
from seglam.registry.publishing.steps import Steps, Tools
from seglam.registry.tables import PublicationRow

LOOK_S = 1.0
"""How often a worker looks for what other replicas took in or left, and a waiting publisher for what they did."""
_log = logging.getLogger("seglam.registry.publishing")


class Publisher(Protocol):
    """Who publishes: as authenticated, never as a bundle says. `access.identities.Principal` is one.

    Attributes:
        namespace: the namespace that their token is for, without its origin.
    """

    @property
    def issuer(self) -> str: ...
    @property
    def subject(self) -> str: ...
    @property
    def namespace(self) -> str: ...


class Publishing:
    """Takes publications in, works on them in threads, and says how far they are.

    Args:
        workers: publications that this process works on at one time.
        lease_s: seconds of a lease.
        steps: makes what does the steps of one publication.
    """

    def __init__(
        self,
        tools: Tools,
        queue: Queue,
        *,
        workers: int,
        lease_s: float,
        steps: Callable[[Tools, Queue], Steps] = Steps,
    ) -> None:
        self._tools = tools
        self._queue = queue
        self._steps = steps
        self._lease_s = lease_s
        self._stopping = threading.Event()
        self._news = threading.Condition()
        self._taken_in = 0  # for workers that wait
        self._waiting: dict[str, set[Callable[[], object]]] = {}  # who is to hear of a publication's changes
        self._taking = threading.Lock()
        self._held: dict[str, int] = {}  # fences by publication
        self._threads = [
            threading.Thread(target=self._work, name=f"publishing-{number}", daemon=True) for number in range(workers)
        ]
        self._threads.append(threading.Thread(target=self._renew, name="publishing-leases", daemon=True))

    def submit(
        self, archive: bytes, publisher: Publisher, *, key: str | None = None, trace: str | None = None
    ) -> Publication:
        """Take a publication in; what it needs is committed when this returns.

        Args:
            archive: the image layout as a tar file, with the publisher's bundles.
            publisher: who was authenticated.
            key: Idempotency-Key: the same key and archive of the same publisher is the same publication, tried again
                at once where it waits, and from the start where it failed.
            trace: traceparent of the request.

        Raises:
            PublishProblem: `idempotency-key-reused`, `too-large`, `too-many-publications`.
            DatabaseError: it was not taken.
        """
        if len(archive) > MAX_ARCHIVE:
            raise PublishProblem("too-large", f"the archive has more than {MAX_ARCHIVE // MIB} MiB", status=413)
        row = PublicationRow(
            id="",
            origin=self._tools.origin,
            namespace=publisher.namespace,
            issuer=publisher.issuer,
            subject=publisher.subject,
            key=key,
            request_hash=hashlib.sha256(archive).hexdigest(),
            due="",
            trace=trace,
            created="",
            changed="",
        )
        publication = self._queue.submit(row, archive)
        with self._news:
            self._taken_in += 1
            self._news.notify()
        return publication

    def state(self, number: str) -> Publication | None:
        """How far a publication is; None if there is none."""
        return self._queue.find(number)

    def wait(self, number: str, seconds: float) -> Publication | None:
        """As `state`, once nothing more is to do or the seconds are over; blocks."""
        end = time.monotonic() + seconds
        changed = threading.Event()
        with self._hearing(number, changed.set):
            while True:
                changed.clear()
                found = self._queue.find(number)
                left = end - time.monotonic()
                if found is None or found.settled or left <= 0:
                    return found
                changed.wait(min(left, LOOK_S))

    async def finished(self, number: str, seconds: float) -> Publication | None:
        """As `wait`, without holding a thread meanwhile."""
        end = time.monotonic() + seconds
        loop, changed = asyncio.get_running_loop(), asyncio.Event()

        def heard() -> None:
            with suppress(RuntimeError):  # the loop was closed a moment ago, and nobody waits any more
                loop.call_soon_threadsafe(changed.set)

        with self._hearing(number, heard):
            while True:
                changed.clear()
                found = await asyncio.to_thread(self._queue.find, number)
                left = end - time.monotonic()
                if found is None or found.settled or left <= 0:
                    return found
                with suppress(TimeoutError):
                    await asyncio.wait_for(changed.wait(), min(left, LOOK_S))

    def start(self) -> None:
        """Begin to work, first on what was left."""
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """End after the steps that are under way; what is not finished waits for the next start, or another replica."""
        self._stopping.set()
        with self._news:
            self._taken_in += 1
            self._news.notify_all()
        for thread in self._threads:
            if thread.is_alive():
                thread.join()

    def _work(self) -> None:
        while not self._stopping.is_set():
            seen = self._taken_in
            try:
                work = self._took()
                if work is not None:
                    self._advance(work)
                    continue
            except DatabaseError as error:
                _log.warning("publications wait: %s", error)
            except Exception:  # noqa: BLE001  # the thread goes on with the next one
                _log.exception("a publication was left where it stood")
            with self._news:
                self._news.wait_for(lambda seen=seen: self._taken_in != seen, LOOK_S)  # type: ignore[misc]

    def _took(self) -> Work | None:
        """The next publication, noted as held before another worker of this process can look for one."""
        with self._taking:
            work = self._queue.take(tuple(self._held))
            if work is not None:
                self._held[work.publication.id] = work.fence
        return work

    def _advance(self, work: Work) -> None:
        """Do the steps of a publication until it is final, waits or is lost."""
        number = work.publication.id
        try:
            steps = self._steps(self._tools, self._queue)
            while not work.publication.settled:
                if self._stopping.is_set():
                    self._queue.let_go(work)
                    return
                work = self._done(steps, work)
                self._tell(number)
        except _Stopped:
            self._tell(number)
        except LeaseLost:
            _log.warning("publication %s was taken over by another worker", number)
        finally:
            self._held.pop(number, None)

    def _done(self, steps: Steps, work: Work) -> Work:
        try:
            return steps.step(work)
        except PublishProblem as problem:
            found = problem
        except LeaseLost:
            raise
        except DatabaseError as error:
            # If the database takes this, it is seen why; if not, the lease runs out and a worker takes it up again.
            words = f"nothing of the last step was kept, and the registry tries again: {error}"
            found = PublishProblem(error.code, words, status=503, retriable=True)
        except Exception as error:  # noqa: BLE001
            # A fault of ours is no verdict on the pack; it is tried again until it is given up.
            _log.exception("publication %s: step after %s", work.publication.id, work.publication.state)
            words = f"the registry failed ({type(error).__name__}); its log says why, and it tries again"
            found = PublishProblem("internal", words, status=500, retriable=True)
        stopped = self._queue.stop(work, found)
        level = logging.INFO if not found.retriable else logging.WARNING
        _log.log(level, "publication %s (%s): %s: %s", stopped.id, stopped.state, found.code, found.words)
        raise _Stopped

    def _renew(self) -> None:
        while not self._stopping.wait(self._lease_s / 3):
            try:
                self._queue.renew(dict(self._held))
            except DatabaseError as error:
                _log.warning("leases are not renewed: %s", error)
            except Exception:  # noqa: BLE001  # the thread goes on with the next one
                _log.exception("leases are not renewed")

    @contextmanager
    def _hearing(self, number: str, heard: Callable[[], object]) -> Iterator[None]:
        with self._news:
            self._waiting.setdefault(number, set()).add(heard)
        try:
            yield
        finally:
            with self._news:
                self._waiting[number].discard(heard)
                if not self._waiting[number]:
                    del self._waiting[number]

    def _tell(self, number: str) -> None:
        """A publication has changed. What other replicas do is found by looking, once in `LOOK_S`."""
        with self._news:
            for heard in self._waiting.get(number, ()):
                heard()


class _Stopped(Exception):
    """A publication does not go on for now; why is kept."""
