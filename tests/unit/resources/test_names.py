"""Names of objects that are made: bounded, distinct, the same every time."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seglam.resources import names

DIGEST = "sha256:" + "0123456789abcdef" * 4
LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
resource_names = st.from_regex(LABEL, fullmatch=True)


@given(resource_names)
def test_every_made_name_is_a_dns_label(name: str) -> None:
    made = (
        names.revision_name(name, DIGEST),
        names.compilation_name(name, "f" * 32),
        names.runner_namespace(name),
        names.dedicated_pool(name),
    )
    assert all(LABEL.fullmatch(each) for each in made)


def test_names_say_what_they_stand_for() -> None:
    assert names.revision_name("capital-of-country", DIGEST) == "capital-of-country-0123456789ab"
    assert names.runner_namespace("team-a") == "seglam-run-team-a"
    assert names.dedicated_pool("capital-of-country") == "rp-capital-of-country"
    assert names.hexadecimal(DIGEST) == "0123456789ab"


def test_long_names_with_the_same_beginning_stay_apart() -> None:
    one, other = "a" * 50 + "-one", "a" * 50 + "-two"
    assert names.revision_name(one, DIGEST) != names.revision_name(other, DIGEST)
    assert names.runner_namespace(one + "b" * 9) != names.runner_namespace(other + "b" * 9)


def test_a_compilation_is_named_by_tenant_and_type() -> None:
    name = names.compilation_name("team-a", "f" * 32)
    assert re.fullmatch(r"rpc-[0-9a-f]{20}", name)
    assert name == names.compilation_name("team-a", "f" * 32)
    assert name != names.compilation_name("team-b", "f" * 32)
    assert name != names.compilation_name("team-a", "e" * 32)


def test_a_cut_does_not_end_in_a_hyphen_twice() -> None:
    assert names.shortened("abc-" + "d" * 10, 13) == "abc-" + names.shortened("abc-" + "d" * 10, 13)[-8:]


@pytest.mark.parametrize(
    ("annotations", "authors"),
    [
        (None, ()),
        ({}, ()),
        ({names.ANNOTATION_AUTHORS: ""}, ()),
        ({names.ANNOTATION_AUTHORS: "alice\nmodel:m-1\nalice\n"}, ("alice", "model:m-1")),
    ],
)
def test_authors_are_lines(annotations: dict[str, str] | None, authors: tuple[str, ...]) -> None:
    assert names.authors_of(annotations) == authors


def test_kinds_are_addressed_as_kubectl_does() -> None:
    kind = names.REASONING_PROCEDURE
    assert (kind.crd, kind.singular, kind.api_version) == (
        "reasoningprocedures.seglam.dev",
        "reasoningprocedure",
        "seglam.dev/v1alpha1",
    )
    short = [name for each in names.KINDS for name in each.short_names]
    assert len(set(short)) == len(short)
