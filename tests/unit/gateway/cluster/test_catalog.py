"""The catalog: which revision answers a procedure, whatever the order in which objects come and go."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from seglam.cluster import Change, Key
from seglam.cluster.changes import Type
from seglam.gateway.cluster.catalog import REBUILD, RETIRED, Catalog
from seglam.gateway.cluster.decoding import Announced, announced
from seglam.lookup import Hit, Miss
from seglam.procedures import Request, Revision, digest
from seglam.procedures.document import Spec
from tests.documents import revision
from tests.gateways import revision_object

TENANT = "team"
DOUBLE = revision()
WIDER = revision(patterns=["double {n}", "two times {n}"])
TRIPLE = revision("triple", patterns=["triple {n}"])


def heard(made: Revision, tenant: str = TENANT, version: int = 1, **more: Any) -> Announced:
    """A revision as a watch decodes it."""
    found = revision_object(tenant, made, **more)
    found["metadata"]["resourceVersion"] = str(version)
    return announced(json.dumps(found).encode())


def added(made: Revision, name: str = "", tenant: str = TENANT, **more: Any) -> Change[Announced]:
    return Change(Type.ADDED, Key(tenant, name or made.digest[7:19]), None, heard(made, tenant, **more))


def deleted(made: Revision, name: str = "", tenant: str = TENANT) -> Change[Announced]:
    return Change(Type.DELETED, Key(tenant, name or made.digest[7:19]), heard(made, tenant), None)


def find(catalog: Catalog, text: str, tenant: str = TENANT) -> Hit | Miss:
    return catalog.index(tenant).find(Request(text=text))


def test_a_document_is_the_one_that_its_digest_names() -> None:
    catalog = Catalog()
    catalog.apply([added(DOUBLE)])
    document = catalog.document(TENANT, DOUBLE.digest)
    assert document is not None
    assert digest(Spec.model_validate_json(document)) == DOUBLE.digest
    assert catalog.document("another", DOUBLE.digest) is None


def test_tenants_see_their_own_procedures_only() -> None:
    catalog = Catalog()
    catalog.apply([added(DOUBLE), added(TRIPLE, tenant="another")])
    assert isinstance(find(catalog, "double 4"), Hit)
    assert isinstance(find(catalog, "triple 4"), Miss)
    assert isinstance(find(catalog, "triple 4", "another"), Hit)
    assert catalog.size() == (2, 2)
    catalog.apply([deleted(TRIPLE, tenant="another")])
    assert catalog.size() == (1, 1)


def test_the_last_announced_serves_and_the_one_before_again_when_it_goes() -> None:
    catalog = Catalog()
    catalog.apply([added(DOUBLE)])
    catalog.apply([added(WIDER)])
    assert [each.digest for each in catalog.index(TENANT)] == [WIDER.digest]
    catalog.apply([deleted(WIDER)])
    assert [each.digest for each in catalog.index(TENANT)] == [DOUBLE.digest]
    catalog.apply([deleted(DOUBLE)])
    assert list(catalog.index(TENANT)) == []


def test_in_a_list_the_version_says_which_was_labelled_last() -> None:
    for first, last in ((DOUBLE, WIDER), (WIDER, DOUBLE)):
        catalog = Catalog()
        catalog.apply([added(last, version=9), added(first, version=8)])
        assert [each.digest for each in catalog.index(TENANT)] == [last.digest]


def test_a_change_of_the_older_one_does_not_bring_it_back() -> None:
    catalog = Catalog()
    catalog.apply([added(DOUBLE), added(WIDER, version=2)])
    key = Key(TENANT, DOUBLE.digest[7:19])
    catalog.apply([Change(Type.CHANGED, key, heard(DOUBLE), heard(DOUBLE, version=3, pool="rp-double"))])
    assert [each.digest for each in catalog.index(TENANT)] == [WIDER.digest]


def test_another_pool_is_taken_over_without_another_index() -> None:
    catalog = Catalog()
    catalog.apply([added(DOUBLE)])
    key = Key(TENANT, DOUBLE.digest[7:19])
    catalog.apply([Change(Type.CHANGED, key, heard(DOUBLE), heard(DOUBLE, pool="rp-double"))])
    active = catalog.active(TENANT, DOUBLE.digest)
    assert active is not None and active.pool == "rp-double"
    assert isinstance(find(catalog, "double 4"), Hit)


def test_a_revision_that_was_just_taken_out_can_still_be_run_by_who_found_it() -> None:
    catalog = Catalog()
    catalog.apply([added(DOUBLE, pool="rp-double")])
    catalog.apply([added(WIDER)])
    catalog.apply([deleted(DOUBLE)])
    active = catalog.active(TENANT, DOUBLE.digest)
    assert active is not None and active.pool == "rp-double"
    assert isinstance(find(catalog, "double 4"), Hit)
    for number in range(RETIRED + 1):
        other = revision(patterns=[f"double {{n}} {number}"])
        catalog.apply([added(other)])
        catalog.apply([deleted(other)])
    assert catalog.active(TENANT, DOUBLE.digest) is None


def test_two_procedures_with_one_document_are_one_answer_until_both_are_gone() -> None:
    catalog = Catalog()
    twin = Revision("twin", DOUBLE.spec, DOUBLE.digest)
    catalog.apply([added(DOUBLE, "a"), added(twin, "b")])
    assert isinstance(find(catalog, "double 4"), Hit)
    catalog.apply([deleted(DOUBLE, "a")])
    assert isinstance(find(catalog, "double 4"), Hit)
    catalog.apply([deleted(twin, "b")])
    assert isinstance(find(catalog, "double 4"), Miss)


def unreadable(made: Revision, name: str, *, patterns: object) -> Change[Announced]:
    found = revision_object(TENANT, made)
    found["metadata"]["resourceVersion"] = "9"
    found["spec"]["document"]["match"]["patterns"] = patterns
    return Change(Type.ADDED, Key(TENANT, name), None, announced(json.dumps(found).encode()))


def test_what_cannot_be_read_takes_nobodys_place_and_is_named() -> None:
    for patterns in ([{"text": "(open {n}"}], "no list", [{"text": "a {n}", "new": "field"}]):
        catalog = Catalog()
        catalog.apply([added(DOUBLE)])
        odd = unreadable(WIDER, "odd", patterns=patterns)
        catalog.apply([odd])
        assert list(catalog.unreadable) == [Key(TENANT, "odd")]
        assert [each.digest for each in catalog.index(TENANT)] == [DOUBLE.digest]
        active = catalog.active(TENANT, DOUBLE.digest)
        assert active is not None and active.pool == "default"
        assert odd.new is not None
        catalog.apply([Change(Type.DELETED, odd.key, odd.new, None)])
        assert catalog.unreadable == {}
        assert isinstance(find(catalog, "double 4"), Hit)


def test_many_changes_make_a_new_index_and_leave_the_old_one_to_its_readers() -> None:
    catalog = Catalog()
    catalog.apply([added(DOUBLE)])
    before = catalog.index(TENANT)
    many = [revision(f"p{number}", patterns=[f"question {number} of {{n}}"]) for number in range(REBUILD)]
    catalog.apply([deleted(DOUBLE), *[added(each) for each in many], unreadable(WIDER, "odd", patterns="none")])
    assert isinstance(before.find(Request(text="double 4")), Hit)
    assert isinstance(find(catalog, "double 4"), Miss)
    assert isinstance(find(catalog, "question 7 of 5"), Hit)
    assert catalog.size() == (1, REBUILD)
    assert catalog.active(TENANT, DOUBLE.digest) is not None, "a reader of the old index may still run it"


def test_a_known_document_is_not_read_again() -> None:
    catalog = Catalog()
    catalog.apply([added(DOUBLE)])
    raw = json.dumps(revision_object(TENANT, DOUBLE)).encode()
    assert announced(raw, catalog.revision).content is catalog.revision(TENANT, DOUBLE.digest)
    assert isinstance(announced(raw, Catalog().revision).content, bytes)


VERSIONS = [
    revision(name, patterns=[f"{name} {{n}}", f"{name} {{n}} v{number}"]) for name in "abc" for number in (1, 2)
]


@given(st.lists(st.tuples(st.sampled_from(VERSIONS), st.booleans()), max_size=30), st.integers(1, 7))
def test_any_history_ends_as_the_last_announced_of_each_procedure(
    steps: list[tuple[Revision, bool]], batch: int
) -> None:
    catalog = Catalog()
    labelled: dict[str, Revision] = {}
    changes: list[Change[Announced]] = []
    for made, on in steps:
        if on and made.digest not in labelled:
            labelled[made.digest] = made
            changes.append(added(made, version=len(changes)))
        elif not on and labelled.pop(made.digest, None) is not None:
            changes.append(deleted(made))
    for start in range(0, len(changes), batch):
        catalog.apply(changes[start : start + batch])
    expected = {made.name: made.digest for made in labelled.values()}
    assert {each.name: each.digest for each in catalog.index(TENANT)} == expected
    for name in "abc":
        assert isinstance(find(catalog, f"{name} 7"), Hit) == (name in expected)
