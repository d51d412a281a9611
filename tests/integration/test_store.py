"""The store on real files: what it keeps, and what it says when a file cannot be used."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from seglam.compiler import Compilation, Evidence, Gate, Missed, ModelCall, Negative, Outcome
from seglam.gateway.store import (
    Change,
    Decision,
    Progress,
    ReviewRefused,
    State,
    Store,
    StoreError,
    StoreFault,
    authors_of,
    document_of,
)
from seglam.lookup import Miss, MissReason
from seglam.procedures import Attachment, ReasoningProcedure, Request, Revision
from tests.documents import document

PRINT = "f" * 32


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "seglam.sqlite3"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    opened = Store(path)
    yield opened
    opened.close()


def missed(text: str = "double 4") -> Missed:
    request = Request(text=text, inputs={"a.csv": Attachment("text/csv", "a,b\r\n1,2\n")}, context={"locale": "es-MX"})
    return Missed(request, Miss(MissReason.UNKNOWN, "no pattern shares a word with the text"))


def compiled(identity: str, made: ReasoningProcedure, *, replaces: str | None = None) -> Compilation:
    return Compilation(
        identity,
        Outcome.EXTENDED if replaces else Outcome.PROPOSED,
        "passed",
        PRINT,
        evidence=(Evidence(Gate.STATIC, True, "parses", {"imports": ["math"]}), Evidence(Gate.MATCH, True, "binds")),
        calls=(ModelCall("author", "author", "m1", "sha256:0", 100, 20, 1500.0),),
        document=made,
        digest=Revision.of(made).digest,
        replaces=replaces,
        answer="8",
        arguments={"n": "4"},
        engines=("sha256:a", "sha256:b"),
        trace_id="1" * 32,
        span_id="2" * 16,
    )


def propose(store: Store, identity: str, made: ReasoningProcedure, *, replaces: str | None = None) -> str:
    store.open_compilation(identity, PRINT, missed(), "ana")
    row = store.close_compilation(compiled(identity, made, replaces=replaces), ["ana", "model:m1"])
    assert row is not None
    return row.digest


def test_a_compilation_is_kept_whole(store: Store, path: Path) -> None:
    store.open_compilation("c1", PRINT, missed(), "ana")
    store.wait("r2", "c1", missed("double 5"), "ben")
    store.step("c1", "gate static")
    row = store.compilation("c1")
    assert row is not None and (row.progress, row.message) == (Progress.RUNNING, "gate static")
    assert [each.id for each in store.waiting("c1")] == ["r2"]
    store.close_compilation(compiled("c1", document()), ["ana", "model:m1"])
    store.close()

    store = Store(path)
    row = store.compilation("c1")
    assert row is not None
    assert (row.progress, row.outcome, row.answer) == (Progress.FINISHED, "proposed", "8")
    assert [(each.gate, each.passed) for each in store.evidence("c1")] == [("static", True), ("match", True)]
    assert [(each.model, each.input_tokens) for each in store.calls("c1")] == [("m1", 100)]
    assert store.waiting("c1") == []
    (kept,) = store.revisions(State.PROPOSED)
    assert Revision.of(document_of(kept)).digest == kept.digest == Revision.of(document()).digest
    assert authors_of(kept) == ["ana", "model:m1"]
    assert (kept.trace_id, kept.span_id) == ("1" * 32, "2" * 16)
    store.close()


def test_requests_come_back_exactly(store: Store) -> None:
    from seglam.gateway.store import compilations

    value = {"big": 123456789012345678901234567890, "exact": Decimal("1.10"), "none": None, "list": [True, "é"]}
    request = Request(value=value, inputs={"x": Attachment("text/plain", "line\n")}, context={"now": "2024-02-29"})
    row = store.open_compilation("c1", PRINT, Missed(request, Miss(MissReason.AMBIGUOUS, "two readings")), "ana")
    again = compilations.missed_of(row)
    assert again.request == request
    assert str(again.request.value["exact"]) == "1.10"  # type: ignore[index]
    assert again.miss.reason is MissReason.AMBIGUOUS


def test_approving_activates_and_an_approved_extension_retires_the_old_one(store: Store) -> None:
    first = propose(store, "c1", document())
    change = store.decide(first, "eve", Decision.APPROVE, "checked by hand", ("3" * 32, "4" * 16))
    assert change.added is not None and change.added.digest == first and change.removed == ()
    second = propose(store, "c2", document(patterns=("double {n}", "twice {n}")), replaces=first)
    change = store.decide(second, "eve", Decision.APPROVE, "more wordings")
    assert change.added is not None and (change.added.digest, change.removed) == (second, (first,))
    assert [row.digest for row in store.active()] == [second]
    (review,) = store.reviews(first)
    assert (review.reviewer, review.decision, review.reason, review.trace_id) == (
        "eve",
        "approve",
        "checked by hand",
        "3" * 32,
    )
    back = store.decide(first, "eve", Decision.APPROVE, "the extension was wrong")
    assert back.added is not None and (back.added.digest, back.removed) == (first, (second,))
    store.decide(first, "eve", Decision.RETIRE, "enough")
    last = store.approval(first)
    assert last is not None and (last.reason, len(store.reviews(first))) == ("the extension was wrong", 3)
    assert store.approval("sha256:of-nothing") is None


def test_what_waits_comes_in_parts(store: Store) -> None:
    """Each once, oldest first, also if what was shown last was decided meanwhile."""
    for number in range(7):
        propose(store, f"c{number}", document(f"double-{number}"))
    whole = [row.digest for row in store.revisions(State.PROPOSED)]
    found: list[str] = []
    while part := [row.digest for row in store.proposed(3, found[-1] if found else None)]:
        found += part
        if len(found) == 3:
            store.decide(found[-1], "eve", Decision.REJECT, "read")
    assert found == whole and len(set(found)) == 7
    assert store.count_proposed() == 6
    with pytest.raises(LookupError):
        store.proposed(3, "sha256:of-nothing")
    plan = "EXPLAIN QUERY PLAN SELECT digest FROM revisions WHERE tenant = 'default' AND state = 'Proposed' AND "
    with sqlite3.connect(store.path) as file:
        told = str(file.execute(plan + "(created, digest) > ('', '') ORDER BY created, digest LIMIT 3").fetchall())
    assert "revisions_in_turn" in told and "TEMP B-TREE" not in told


@pytest.mark.parametrize("author", ["ana", " Ana ", "model:m1", "MODEL:M1"])
def test_an_author_may_not_approve(store: Store, author: str) -> None:
    digest = propose(store, "c1", document())
    with pytest.raises(ReviewRefused, match="is an author") as refused:
        store.decide(digest, author, Decision.APPROVE, "looks fine")
    assert refused.value.code == "four-eyes"
    assert store.reviews(digest) == [] and store.active() == []
    store.decide(digest, author, Decision.REJECT, "an author may withdraw it")
    assert [row.digest for row in store.revisions(State.REJECTED)] == [digest]


def test_authors_grow_when_a_revision_is_proposed_again(store: Store) -> None:
    digest = propose(store, "c1", document())
    store.open_compilation("c2", PRINT, missed(), "ben")
    store.close_compilation(compiled("c2", document()), ["ben", "model:m2"])
    row = store.revision(digest)
    assert row is not None and authors_of(row) == ["ana", "ben", "model:m1", "model:m2"]


@pytest.mark.parametrize(
    ("reviewer", "reason", "digest", "code"),
    [
        ("", "why", None, "reviewer-missing"),
        ("eve", " ", None, "reviewer-missing"),
        ("eve", "why", "sha256:" + "0" * 64, "unknown-revision"),
    ],
)
def test_decisions_that_may_not_be_taken(
    store: Store, reviewer: str, reason: str, digest: str | None, code: str
) -> None:
    known = propose(store, "c1", document())
    with pytest.raises(ReviewRefused) as refused:
        store.decide(digest or known, reviewer, Decision.APPROVE, reason)
    assert refused.value.code == code


def test_a_quarantined_revision_does_not_come_back(store: Store) -> None:
    digest = propose(store, "c1", document())
    store.decide(digest, "eve", Decision.APPROVE, "fine")
    assert store.decide(digest, "eve", Decision.QUARANTINE, "wrong for 0").removed == (digest,)
    with pytest.raises(ReviewRefused, match="Quarantined; possible is restore"):
        store.decide(digest, "eve", Decision.APPROVE, "fine again")


def test_a_file_is_active_as_it_is_until_something_else_is_decided(store: Store) -> None:
    old, new = document(), document(patterns=("double {n}", "twice {n}"))
    change = store.place("gcd.yaml", old)
    assert change.added is not None
    assert store.place("gcd.yaml", old) == Change(), "read again, unchanged"
    digest = propose(store, "c1", new, replaces=change.added.digest)
    store.decide(digest, "eve", Decision.APPROVE, "more wordings")
    assert store.place("gcd.yaml", old) == Change(), "a restart does not undo a decision"
    assert [row.digest for row in store.active()] == [digest]
    edited = store.place("gcd.yaml", document(patterns=("double {n} now",)))
    assert edited.removed == (digest,), "an edit is a decision of the file's owner"
    reverted = store.place("gcd.yaml", old)
    assert reverted.added is not None and reverted.added.digest == change.added.digest
    assert store.withdraw("gcd.yaml").removed == (change.added.digest,)
    assert store.active() == []


def test_a_document_that_moves_to_another_file_stays(store: Store) -> None:
    store.place("a.yaml", document())
    store.place("b.yaml", document())
    assert store.withdraw("a.yaml").removed == ()
    assert len(store.active()) == 1


def test_negative_entries_expire(store: Store) -> None:
    def close(identity: str, expires: datetime) -> None:
        entry = Negative(PRINT, "no code can know", "m1", expires, ("who is {n}",), ({"name": "n", "type": "quoted"},))
        store.open_compilation(identity, PRINT, missed(), "ana")
        store.close_compilation(Compilation(identity, Outcome.NOT_COMPILABLE, "", PRINT, negative=entry), ["ana"])

    now = datetime.now(UTC)
    close("c1", now + timedelta(days=1))
    close("c2", now - timedelta(seconds=1))
    (entry,) = store.negatives()
    assert entry.expires == now + timedelta(days=1)
    assert (entry.patterns, dict(entry.parameters[0])) == (("who is {n}",), {"name": "n", "type": "quoted"})


def test_counters_add_up_across_processes(store: Store, path: Path) -> None:
    store.counters.add({"hits": 2}, "gcd")
    store.counters.flush()
    store.counters.add({"hits": 3}, "gcd")
    assert sum(store.counters.totals().values()) == 5
    store.close()
    again = Store(path)
    today = datetime.now(UTC).date().isoformat()
    assert again.counters.totals() == {(today, "gcd", "hits"): 5}
    assert again.counters.totals(since="9999-01-01") == {}
    again.close()


# Files that cannot be used


def test_a_second_process_is_refused_and_changes_nothing(store: Store, path: Path) -> None:
    code = f"from pathlib import Path; from seglam.gateway.store import Store; Store(Path({str(path)!r}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "store-locked" not in done.stderr and "another program holds" in done.stderr and "stop it" in done.stderr
    propose(store, "c1", document())


def test_a_lock_of_another_program(path: Path) -> None:
    store = Store(path, busy_ms=50)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError) as failed:
        store.open_compilation("c1", PRINT, missed(), "ana")
    assert failed.value.fault is StoreFault.LOCKED
    other.execute("ROLLBACK")
    store.open_compilation("c1", PRINT, missed(), "ana")
    other.close()
    store.close()


@pytest.mark.parametrize("content", [b"not a database, but long enough to be read as a page " * 200, b"\x00" * 8192])
def test_a_file_that_is_no_store_is_left_as_it_is(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(StoreError, match="move it away") as failed:
        Store(path)
    assert failed.value.fault is StoreFault.CORRUPT
    assert path.read_bytes() == content


def test_a_database_of_another_program_is_left_as_it_is(path: Path) -> None:
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE theirs (x)")
    other.commit()
    other.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match="not ours") as failed:
        Store(path)
    assert failed.value.fault is StoreFault.CORRUPT
    assert path.read_bytes() == before


def test_a_damaged_page_is_found_when_the_store_is_opened(store: Store, path: Path) -> None:
    for number in range(60):
        propose(store, f"c{number}", document(summary=f"Number {number}. " + "x" * 400))
    store.close()
    content = bytearray(path.read_bytes())
    assert len(content) > 16 * 4096
    for page in range(2, len(content) // 4096):
        content[page * 4096 : page * 4096 + 64] = b"\xff" * 64
    path.write_bytes(content)
    with pytest.raises(StoreError) as failed:
        Store(path)
    assert failed.value.fault is StoreFault.CORRUPT


def test_a_newer_schema_is_refused_and_left_as_it_is(store: Store, path: Path) -> None:
    store.close()
    with sqlite3.connect(path) as other:
        other.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreError, match="schema version 99") as failed:
        Store(path)
    assert failed.value.fault is StoreFault.NEWER
    with sqlite3.connect(path) as other:
        assert other.execute("PRAGMA user_version").fetchone() == (99,)


def test_a_directory_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError) as failed:
        Store(tmp_path / "file" / "seglam.sqlite3")
    assert failed.value.fault is StoreFault.DENIED


FILL = """
    import json, resource, signal, sys
    from pathlib import Path
    from seglam.gateway.store import Store, StoreError, State
    from tests.integration.test_store import compiled, document, missed, PRINT

    store = Store(Path(sys.argv[1]))
    if sys.argv[2] == "limit":
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (700_000, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
    kept, fault = [], None
    try:
        for number in range(2000):
            identity = f"c{number}"
            store.open_compilation(identity, PRINT, missed("x" * 20000), "ana")
            store.close_compilation(compiled(identity, document(summary=f"Number {number}.")), ["ana"])
            kept.append(identity)
    except StoreError as error:
        fault = error.fault
    whole = len(store.revisions(State.PROPOSED))
    print(json.dumps({"kept": len(kept), "fault": fault, "readable": whole}), flush=True)
"""


def fill(path: Path, how: str) -> dict[str, object]:
    import json

    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", textwrap.dedent(FILL), str(path), how]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=root)
    assert done.returncode == 0, done.stderr
    result: dict[str, object] = json.loads(done.stdout)
    return result


def test_no_room_keeps_what_was_kept(path: Path) -> None:
    result = fill(path, "limit")
    assert result["fault"] == "store-full"
    store = Store(path)
    try:
        assert len(store.revisions(State.PROPOSED)) == result["kept"] == result["readable"]
        propose(store, "later", document(summary="There is room again."))
    finally:
        store.close()


@pytest.mark.skipif(shutil.which("mount") is None, reason="needs mount")
def test_a_full_disk(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("may not mount a file system")
    try:
        result = fill(disk / "seglam.sqlite3", "disk")
        assert result["fault"] == "store-full"
        assert result["kept"] == result["readable"] != 0
    finally:
        subprocess.run(["umount", str(disk)], check=True)


KILLED = """
    import sys, time
    from pathlib import Path
    from seglam.gateway.store import Store
    from tests.integration.test_store import missed, PRINT

    store = Store(Path(sys.argv[1]))
    store.open_compilation("c1", PRINT, missed(), "ana")
    store.step("c1", "gate differential")
    print("ready", flush=True)
    time.sleep(600)
"""


def test_a_killed_process_leaves_a_whole_store_and_its_compilation_is_reported(path: Path) -> None:
    root = Path(__file__).parents[2]
    child = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(KILLED), str(path)], stdout=subprocess.PIPE, text=True, cwd=root
    )
    assert child.stdout is not None and child.stdout.readline() == "ready\n"
    child.kill()
    child.communicate()
    store = Store(path)
    (row,) = store.interrupted
    assert (row.id, row.progress) == ("c1", Progress.INTERRUPTED)
    assert "gate differential" in row.message
    assert store.interrupted_of(PRINT) is not None
    store.close()
    again = Store(path)
    assert again.interrupted == [], "it is reported once"
    again.close()


def test_counts_on_their_way_to_the_file_are_in_the_totals(tmp_path: Path) -> None:
    with contextlib.closing(Store(tmp_path / "seglam.sqlite3")) as store:
        stop, short = threading.Event(), []

        def flush() -> None:
            while not stop.is_set():
                store.counters.flush()

        flusher = threading.Thread(target=flush)
        flusher.start()
        for count in range(1, 200):
            store.counters.add({"hits": 1}, "double")
            if sum(store.counters.totals().values()) != count:
                short.append(count)
        stop.set()
        flusher.join()
        assert not short
