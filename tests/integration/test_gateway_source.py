"""A watched directory of YAML files."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from seglam.gateway import Outcome, Service, State
from seglam.procedures import dump
from tests.documents import document
from tests.services import running, text


def until(condition: Callable[[], object]) -> None:
    """Wait for something that another thread does; the test's own time limit ends a wait in vain."""
    while not condition():
        time.sleep(0.02)


def answered(service: Service, content: str) -> str | None:
    return service.handle(text(content)).answer


def test_files_are_active_as_they_are_and_followed(tmp_path: Path) -> None:
    file = tmp_path / "procedures" / "double.yaml"
    with running(tmp_path, documents=[document()]) as service:
        assert answered(service, "double 4") == "8"
        (row,) = service.store.active()
        assert row.origin == "file" and row.authors == f'["file:{file}"]'
        file.write_text(dump(document(patterns=("double {n}", "twice {n}"))))
        until(lambda: answered(service, "twice 4") == "8")
        assert answered(service, "double 4") == "8"
        (file.parent / "triple.yml").write_text(
            dump(document("triple", patterns=("triple {n}",), code="def solve(n):\n    return str(3 * n)\n"))
        )
        until(lambda: answered(service, "triple 4") == "12")
        file.unlink()
        until(lambda: service.handle(text("double 4")).outcome is Outcome.MISS)
        assert [row.name for row in service.store.active()] == ["triple"]
        assert len(service.store.revisions(State.RETIRED)) == 2, "nothing is forgotten"


BAD = {
    "no YAML": "a: [",
    "no document": "kind: Something\n",
    "a bad pattern": None,
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_file_is_reported_and_what_it_held_stays(tmp_path: Path, kind: str) -> None:
    reports: list[str] = []
    file = tmp_path / "procedures" / "double.yaml"
    with running(tmp_path, documents=[document()], reports=reports) as service:
        file.write_text(BAD[kind] or dump(document(patterns=("double {m}",))))
        until(lambda: reports)
        assert str(file) in reports[0]
        assert service.source is not None and list(service.source.problems) == [str(file)]
        assert answered(service, "double 4") == "8"
        file.write_text(dump(document(patterns=("double {n}", "twice {n}"))))
        until(lambda: answered(service, "twice 4") == "8")
        until(lambda: not service.source.problems if service.source else True)


def test_a_bad_file_at_the_start_leaves_what_it_held_before(tmp_path: Path) -> None:
    with running(tmp_path, documents=[document()]) as service:
        assert answered(service, "double 4") == "8"
    (tmp_path / "procedures" / "double.yaml").write_text("a: [")
    reports: list[str] = []
    with running(tmp_path, reports=reports) as service:
        assert answered(service, "double 4") == "8"
    assert reports


def test_a_file_that_went_while_nothing_ran_is_withdrawn(tmp_path: Path) -> None:
    with running(tmp_path, documents=[document()]):
        pass
    (tmp_path / "procedures" / "double.yaml").unlink()
    with running(tmp_path) as service:
        assert service.handle(text("double 4")).outcome is Outcome.MISS


def test_a_document_that_moves_between_files_is_never_gone(tmp_path: Path) -> None:
    folder = tmp_path / "procedures"
    with running(tmp_path, documents=[document()]) as service:
        (folder / "double.yaml").rename(folder / "other.yaml")
        until(lambda: service.store.files() == {str(folder / "other.yaml")})
        until(lambda: answered(service, "double 4") == "8")
        assert [row.name for row in service.store.active()] == ["double"]


def test_a_directory_that_is_not_there_is_said(tmp_path: Path) -> None:
    from seglam.gateway import Settings, build_service

    with pytest.raises(FileNotFoundError, match="make it"):
        build_service(Settings(tmp_path / "data", procedures=(tmp_path / "missing",)))
    with running(tmp_path):
        pass  # the failed start left no lock behind
