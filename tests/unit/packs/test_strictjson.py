from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seglam.packs import PackInvalid, strictjson

plain = st.recursive(
    st.booleans() | st.text(max_size=8) | st.integers(-(2**53) + 1, 2**53 - 1),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


def code(data: bytes, *, canonical: bool = False) -> str:
    with pytest.raises(PackInvalid) as caught:
        strictjson.read(data, "it", canonical=canonical)
    return caught.value.code


def test_two_members_of_one_name_are_refused() -> None:
    assert code(b'{"a":1,"a":1}') == "json-duplicate-key"
    assert code(b'{"a":1,"\\u0061":2}') == "json-duplicate-key"
    assert code(b'{"x":[{"a":1,"b":2,"a":3}]}') == "json-duplicate-key"


@pytest.mark.parametrize("data", [b"1.0", b"1e3", b"NaN", b"-Infinity", b"9007199254740992", b"1" * 5000])
def test_numbers_that_readers_round_are_refused(data: bytes) -> None:
    assert code(b'{"a":' + data + b"}") == "json-number"


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_deep_nesting_is_refused_before_it_is_read(opening: bytes) -> None:
    assert code(opening * 100_000) == "json-depth"
    assert strictjson.read(b"[" * 32 + b"]" * 32, "it") is not None
    assert strictjson.read(json.dumps(["[" * 100, '\\"' + "{" * 100]).encode(), "it") is not None


@pytest.mark.parametrize(
    "data", [b"", b"{", b"{} {}", b"{}x", b"\xef\xbb\xbf{}", b'"\xff"', b"{'a':1}", b'"\x01"', b"\0{}"]
)
def test_what_is_no_json_is_refused(data: bytes) -> None:
    assert code(data) == "json-syntax"


@pytest.mark.parametrize(
    "data", [b'{"b":1,"a":2}', b'{"a": 1}', b'{"a":1}\n', b'{"a":"\\u0041"}', b'["\\/"]', b'"\\ud800"', b"-0"]
)
def test_another_spelling_is_not_canonical(data: bytes) -> None:
    assert code(data, canonical=True) == "json-canonical"


def test_null_is_no_canonical_value() -> None:
    assert code(b'{"a":[null]}', canonical=True) == "json-null"


def test_size_is_limited() -> None:
    with pytest.raises(PackInvalid, match="at most 3"):
        strictjson.read(b'"abc"', "it", limit=3)


@given(plain)
def test_what_is_written_reads_back(value: object) -> None:
    data = strictjson.write(value)
    assert strictjson.read(data, "it", canonical=True) == value
    assert json.loads(data) == value


@given(st.binary(max_size=60) | plain.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_read_like_everybody_reads_them_or_refused(data: bytes) -> None:
    try:
        value = strictjson.read(data, "it")
    except PackInvalid:
        return
    assert json.loads(data) == value


@pytest.mark.parametrize("data", [b'"' + b'\\"' * 200_000, b'"' + b'\\"' * 200_000 + b"\\", b'["' * 200_000])
def test_strings_that_do_not_end_are_read_in_one_pass(data: bytes) -> None:
    assert code(data) in ("json-syntax", "json-depth")  # quadratic time would be minutes
