"""What does not need a cluster: choosing one, the words of refusals, differences, tokens."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from seglam.cli.client import token_of
from seglam.cli.cluster import Place, refused
from seglam.cli.desk import desk
from seglam.cli.exits import CliError, Exit
from seglam.cluster import ClusterError, Conflict, Forbidden, Invalid, NotFound, Unauthorized, Unavailable
from seglam.procedures.difference import difference
from tests.documents import COUNTRIES, document

POLICY = "procedurereviews.seglam.dev \"x\" is forbidden: ValidatingAdmissionPolicy 'seglam-reviews' with binding "
EXAMPLE = {"request": "double 4", "arguments": [{"name": "n", "value": "4"}], "answer": "8"}


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (
            Forbidden(403, "Forbidden", f"{POLICY}'b' denied request: an author cannot approve; authors are a"),
            Exit.NEGATIVE,
            "an author cannot approve; authors are a; ask somebody who is no author",
        ),
        (
            Forbidden(403, "Forbidden", f"{POLICY}'b' denied request: bob needs the verb approve on x"),
            Exit.NEGATIVE,
            "bob needs the verb approve on x; ask for a binding of it in this namespace",
        ),
        (
            Forbidden(403, "Forbidden", f"{POLICY}'b' denied request: something else"),
            Exit.NEGATIVE,
            "something else; see the ValidatingAdmissionPolicies of SEGLAM",
        ),
        (Forbidden(403, "Forbidden", 'User "x" cannot patch'), Exit.NEGATIVE, "ClusterRole seglam-approver"),
        (NotFound(404, "NotFound", 'rpr "x" not found'), Exit.DATA, 'rpr "x" not found; see `kubectl get rpr`'),
        (
            NotFound(404, "NotFound", "the server could not find the requested resource"),
            Exit.MISSING,
            "does not know SEGLAM's kinds",
        ),
        (NotFound(404, "", "404 page not found"), Exit.MISSING, "does not know SEGLAM's kinds"),
        (Conflict(409, "Conflict", "the object has been modified"), Exit.NEGATIVE, "try again"),
        (Invalid(422, "Invalid", "spec.code: too long"), Exit.NEGATIVE, "spec.code: too long; correct it"),
        (Unauthorized(401, "Unauthorized", "Unauthorized"), Exit.MISSING, "log in again"),
        (Unavailable(0, "Unreachable", "no route"), Exit.MISSING, "cannot be asked: no route"),
    ],
)
def test_a_refusal_is_one_line_that_says_what_to_do(error: ClusterError, code: Exit, said: str) -> None:
    told = refused(error)
    assert told.code == code and said in told.line and "\n" not in told.line


def test_which_cluster_is_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not Place().meant and Place(namespace="team-a").meant
    monkeypatch.setattr(sys, "argv", ["/usr/local/bin/kubectl-seglam", "review"])
    assert Place().meant


def test_a_store_and_a_cluster_are_not_both_meant(tmp_path: Path) -> None:
    with pytest.raises(CliError, match="a cluster and a store"), desk(None, tmp_path, Place(namespace="team-a")):
        pass


def test_no_kubeconfig_is_said(tmp_path: Path) -> None:
    with pytest.raises(CliError, match="cannot be read") as caught:
        Place(kubeconfig=tmp_path / "none").connection()
    assert caught.value.code == Exit.MISSING


def test_a_difference_is_told_part_by_part() -> None:
    old = document(vocabularies=[{"name": "country", "values": COUNTRIES}], examples=[EXAMPLE])
    more = [*COUNTRIES[:2], {"value": "France", "names": ["Gaul"]}, {"value": "Peru"}]
    new = document(
        patterns=["double {n}", "twice {n}"],
        code="def solve(n):\n    return str(n + n)\n",
        vocabularies=[{"name": "country", "values": more}],
        examples=[EXAMPLE, {**EXAMPLE, "request": "twice 4"}],
    )
    assert difference(old.spec, old.spec) == {}
    found = difference(old.spec, new.spec)
    assert list(found) == ["patterns", "vocabularies", "code", "examples"]
    assert "+twice {n}" in found["patterns"].splitlines()
    assert "-country: France" in found["vocabularies"].splitlines()
    assert "+country: France = Gaul" in found["vocabularies"].splitlines()
    assert "+    return str(n + n)" in found["code"].splitlines()
    assert "+  (n=4) -> 8" in found["examples"].splitlines()


def test_a_token_is_read_from_its_file(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("abc.def\n")
    assert token_of(file) == "abc.def"


@pytest.mark.parametrize("content", ["", "two words", "line\nline", "schlüssel"])
def test_what_is_no_token_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "token"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(CliError, match="no token"):
        token_of(file)
    with pytest.raises(CliError, match="cannot be read"):
        token_of(tmp_path / "none")
