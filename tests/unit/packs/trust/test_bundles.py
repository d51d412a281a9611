"""Bundles and statements against whatever bytes there are: nothing raises, and nothing passes that was not signed."""

from __future__ import annotations

import base64
import json

from hypothesis import given
from hypothesis import strategies as st

from seglam.packs.trust import StatementInvalid
from seglam.packs.trust.examination import examine
from seglam.packs.trust.signing.key import KeySigner
from seglam.packs.trust.statements import Statement
from tests.trust import PACK, key_root, provenance, release, review, statement

SIGNER = KeySigner.generate()
ROOT = key_root(SIGNER)
RELEASE = Statement.read(statement(release()))
BUNDLE = SIGNER.sign(statement(release()))
PAYLOADS = [statement(each) for each in (release(), provenance(), review())]

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def members(document: object, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Paths of all members of a document."""
    entries: list[tuple[str | int, object]] = []
    if isinstance(document, dict):
        entries = list(document.items())
    elif isinstance(document, list):
        entries = list(enumerate(document))
    below = [found for name, inner in entries for found in members(inner, (*path, name))]
    return [path, *below] if path else below


def replaced(document: object, path: tuple[str | int, ...], value: object) -> object:
    if not path:
        return value
    if isinstance(document, dict):
        return {name: replaced(each, path[1:], value) if name == path[0] else each for name, each in document.items()}
    assert isinstance(document, list)
    return [replaced(each, path[1:], value) if place == path[0] else each for place, each in enumerate(document)]


@given(st.binary(max_size=400) | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_examined_and_none_pass(data: bytes) -> None:
    assert not examine(data, [ROOT], PACK).passed


@given(st.data())
def test_a_bundle_with_any_member_replaced_says_the_same_or_nothing(data: st.DataObject) -> None:
    document = json.loads(BUNDLE)
    path = data.draw(st.sampled_from(members(document)))
    found = examine(json.dumps(replaced(document, path, data.draw(JSON))).encode(), [ROOT], PACK)
    assert found.verified is None or found.verified.statement == RELEASE


@given(st.integers(0, len(BUNDLE) - 1), st.integers(1, 255))
def test_a_bundle_with_any_byte_changed_says_the_same_or_nothing(place: int, change: int) -> None:
    """The same: base64 leaves some bits of its last character unused."""
    changed = BUNDLE[:place] + bytes([BUNDLE[place] ^ change]) + BUNDLE[place + 1 :]
    found = examine(changed, [ROOT], PACK)
    assert found.verified is None or found.verified.statement == RELEASE


@given(st.sampled_from(PAYLOADS), st.data())
def test_a_statement_that_is_read_is_the_one_that_was_written(payload: bytes, data: st.DataObject) -> None:
    """Whatever member is replaced, a statement that is still taken keeps every word of it."""
    document = json.loads(payload)
    changed = replaced(document, data.draw(st.sampled_from(members(document))), data.draw(JSON))
    try:
        found = Statement.read(json.dumps(changed).encode())
    except StatementInvalid:
        return
    kept = json.loads(found.to_bytes())
    assert _without_defaults(kept) == _without_defaults(changed)


def _without_defaults(document: object) -> object:
    """A document without null and empty lists, which a model fills in or leaves out."""
    if isinstance(document, dict):
        return {name: _without_defaults(each) for name, each in document.items() if each not in (None, [])}
    if isinstance(document, list):
        return [_without_defaults(each) for each in document]
    return document


def test_a_payload_is_what_was_signed_to_the_byte() -> None:
    envelope = json.loads(BUNDLE)["dsseEnvelope"]
    assert base64.b64decode(envelope["payload"]) == statement(release())
