"""What a body asks: a request that a procedure may answer, or why it passes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seglam.gateway.openai import chat, responses
from seglam.gateway.openai.harmless import CHAT, RESPONSES
from seglam.gateway.openai.reading import members
from seglam.gateway.openai.wanted import Passing, Unfit, Wanted, Why

ASKED = "What is 12 times 7?"
USER = {"role": "user", "content": ASKED}
SYSTEM = {"role": "system", "content": "Be terse."}
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer", "maximum": 1.50}}}


def chatting(**members: Any) -> Wanted | Passing:
    return chat.read(json.dumps({"model": "gpt-5", "messages": [USER], **members}).encode())


def responding(**members: Any) -> Wanted | Passing:
    return responses.read(json.dumps({"model": "gpt-5", "input": ASKED, "store": False, **members}).encode())


def wanted(read: Wanted | Passing) -> Wanted:
    assert isinstance(read, Wanted), read
    return read


def why(read: Wanted | Passing) -> tuple[str, str]:
    assert isinstance(read, Passing), read
    return read.why, read.member


def test_a_question_is_a_request() -> None:
    for read in (chatting(), responding()):
        asked = wanted(read)
        assert asked.request.text == ASKED
        assert asked.request.context == {}
        assert (asked.model, asked.stream, asked.most, asked.compilable) == ("gpt-5", False, None, True)


HARMLESS: list[dict[str, Any]] = [
    {"temperature": 0},
    {"temperature": 1.3, "top_p": 0.25},
    {"metadata": {"run": "1"}, "user": "u", "safety_identifier": "s", "prompt_cache_key": "k"},
    {"service_tier": "flex", "prompt_cache_retention": "24h"},
    {"tools": []},
    {"tools": None, "temperature": None, "stream": None},
    {"stream": False},
]


@pytest.mark.parametrize("given_members", HARMLESS)
def test_harmless_in_both(given_members: dict[str, Any]) -> None:
    wanted(chatting(**given_members))
    wanted(responding(**given_members))


@pytest.mark.parametrize(
    "given_members",
    [
        {"n": 1, "seed": 7, "frequency_penalty": -2, "presence_penalty": 2.0, "logit_bias": {}},
        {"logprobs": False, "top_logprobs": None, "modalities": ["text"], "store": False, "functions": []},
        {"reasoning_effort": "high", "verbosity": "low", "response_format": {"type": "text"}},
        {"stream": True, "stream_options": {"include_usage": True, "include_obfuscation": False}},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": ASKED}]}]},
        {"messages": [{"role": "developer", "content": ""}, USER]},
    ],
)
def test_harmless_in_chat(given_members: dict[str, Any]) -> None:
    assert wanted(chatting(**given_members)).request.context == {}


@pytest.mark.parametrize(
    "given_members",
    [
        {"parallel_tool_calls": True, "tool_choice": "auto", "truncation": "auto", "include": []},
        {"background": False, "previous_response_id": None, "conversation": None, "top_logprobs": 0},
        {"reasoning": {"effort": "low", "summary": None}, "text": {"verbosity": "medium", "format": {"type": "text"}}},
        {"input": [USER], "stream": True, "stream_options": {"include_obfuscation": True}},
        {"input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": ASKED}]}]},
    ],
)
def test_harmless_in_responses(given_members: dict[str, Any]) -> None:
    assert wanted(responding(**given_members)).request.context == {}


IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,"}}


@pytest.mark.parametrize(
    ("given_members", "reason"),
    [
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, (Why.TOOLS, "tools")),
        ({"tool_choice": "none"}, (Why.TOOLS, "tool_choice")),
        ({"functions": [{"name": "f"}]}, (Why.TOOLS, "functions")),
        ({"web_search_options": {}}, (Why.TOOLS, "web_search_options")),
        ({"n": 2}, (Why.CHOICES, "n")),
        ({"n": True}, (Why.CHOICES, "n")),
        ({"logprobs": True}, (Why.LOGPROBS, "logprobs")),
        ({"top_logprobs": 3}, (Why.LOGPROBS, "top_logprobs")),
        ({"modalities": ["text", "audio"]}, (Why.MEDIA, "modalities")),
        ({"audio": {"voice": "a"}}, (Why.MEDIA, "audio")),
        ({"store": True}, (Why.STORED, "store")),
        ({"temperature": 2.1}, (Why.PARAMETER, "temperature")),
        ({"temperature": "0"}, (Why.PARAMETER, "temperature")),
        ({"seed": 1.5}, (Why.PARAMETER, "seed")),
        ({"verbosity": "high"}, (Why.PARAMETER, "verbosity")),
        ({"logit_bias": {"50256": -100}}, (Why.PARAMETER, "logit_bias")),
        ({"metadata": {"a": 1}}, (Why.PARAMETER, "metadata")),
        ({"top_k": 1}, (Why.PARAMETER, "top_k")),
        ({"max_tokens": 0}, (Why.PARAMETER, "max_tokens")),
        ({"max_completion_tokens": True}, (Why.PARAMETER, "max_completion_tokens")),
        ({"stop": [""]}, (Why.PARAMETER, "stop")),
        ({"stop": ["a", "b", "c", "d", "e"]}, (Why.PARAMETER, "stop")),
        ({"stream_options": {"include_usage": True}}, (Why.PARAMETER, "stream_options")),
        ({"stream": True, "stream_options": {"include_usage": 1}}, (Why.PARAMETER, "stream_options")),
        ({"stream": 1}, (Why.PARAMETER, "stream")),
        ({"response_format": {"type": "grammar"}}, (Why.FORMAT, "response_format")),
        ({"response_format": {"type": "json_schema"}}, (Why.FORMAT, "response_format")),
        ({"messages": []}, (Why.UNREADABLE, "messages")),
        ({"messages": [SYSTEM]}, (Why.CONVERSATION, "messages")),
        ({"messages": [USER, USER]}, (Why.CONVERSATION, "messages")),
        ({"messages": [USER, {"role": "assistant", "content": "84"}, USER]}, (Why.CONVERSATION, "messages")),
        ({"messages": [USER, {"role": "assistant", "content": "8"}]}, (Why.CONVERSATION, "messages")),
        ({"messages": [SYSTEM, SYSTEM, USER]}, (Why.SYSTEM, "messages")),
        ({"messages": [{**USER, "name": "ana"}]}, (Why.PARAMETER, "messages")),
        ({"messages": [{"role": "user", "content": [IMAGE]}]}, (Why.MEDIA, "messages")),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}] * 2}]}, (Why.MEDIA, "messages")),
        ({"messages": [{"role": "user", "content": None}]}, (Why.MEDIA, "messages")),
        ({"messages": [{"role": "user", "content": "a\u0007b"}]}, (Why.TEXT, "messages")),
        ({"model": "ft:gpt-5:org::id"}, (Why.MODEL, "model")),
        ({"model": "gpt-4o-search-preview"}, (Why.MODEL, "model")),
        ({"model": ""}, (Why.UNREADABLE, "model")),
    ],
)
def test_what_passes_chat(given_members: dict[str, Any], reason: tuple[str, str]) -> None:
    assert why(chatting(**given_members)) == reason


@pytest.mark.parametrize(
    ("given_members", "reason"),
    [
        ({"store": True}, (Why.STORED, "store")),
        ({"store": None}, (Why.STORED, "store")),
        ({"background": True}, (Why.STORED, "background")),
        ({"previous_response_id": "resp_1"}, (Why.CONVERSATION, "previous_response_id")),
        ({"conversation": "conv_1"}, (Why.CONVERSATION, "conversation")),
        ({"include": ["reasoning.encrypted_content"]}, (Why.PARAMETER, "include")),
        ({"reasoning": {"summary": "auto"}}, (Why.PARAMETER, "reasoning")),
        ({"prompt": {"id": "p"}}, (Why.PARAMETER, "prompt")),
        ({"tools": [{"type": "web_search"}]}, (Why.TOOLS, "tools")),
        ({"tool_choice": "required"}, (Why.TOOLS, "tool_choice")),
        ({"top_logprobs": 1}, (Why.LOGPROBS, "top_logprobs")),
        ({"text": {"verbosity": "high"}}, (Why.PARAMETER, "text")),
        ({"text": {"format": {"type": "json_schema", "name": "x"}}}, (Why.FORMAT, "text")),
        ({"stream": True, "stream_options": {"include_usage": True}}, (Why.PARAMETER, "stream_options")),
        ({"instructions": "a", "input": [SYSTEM, USER]}, (Why.SYSTEM, "instructions")),
        ({"instructions": []}, (Why.SYSTEM, "instructions")),
        ({"input": [{**USER, "id": "msg_1"}]}, (Why.PARAMETER, "input")),
        ({"input": [{"type": "item_reference", "id": "x"}]}, (Why.CONVERSATION, "input")),
        ({"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "f"}]}]}, (Why.MEDIA, "input")),
        ({"input": None}, (Why.UNREADABLE, "input")),
        ({"n": 1}, (Why.PARAMETER, "n")),
    ],
)
def test_what_passes_responses(given_members: dict[str, Any], reason: tuple[str, str]) -> None:
    assert why(responding(**given_members)) == reason


def test_a_response_that_does_not_say_store_is_kept_by_default() -> None:
    body = json.dumps({"model": "gpt-5", "input": ASKED}).encode()
    assert why(responses.read(body)) == (Why.STORED, "store")
    assert wanted(responses.read(body, unstored=True)).request.text == ASKED


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b"\xff",
        b'{"model": "m", "messages": [{"role": "user", "content": "a"}], "messages": []}',
        b'{"model": "m", "messages": [{"role": "user", "content": "a", "content": "b"}]}',
        b'{"model": "m", "messages": [{"role": "user", "content": "\\ud800"}]}',
        b'{"model": "m", "temperature": NaN}',
        b"[" * 5000,
    ],
)
def test_bodies_without_one_reading(body: bytes) -> None:
    assert why(chat.read(body)) == (Why.UNREADABLE, "")
    assert why(responses.read(body)) == (Why.UNREADABLE, "")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=6), JSON, max_size=4), st.booleans())
def test_members_are_read_and_a_repeated_one_is_found(content: dict[str, Any], pretty: bool) -> None:
    body = json.dumps(content, indent=2 if pretty else None, ensure_ascii=pretty).encode("utf-8", "surrogatepass")
    assert members(body) == content
    if content:
        name = json.dumps(next(iter(content)))
        assert members(body[: body.rindex(b"}")] + f", {name}: 0}}".encode()) is None
        assert members(b'{"a": [' + body[: body.rindex(b"}")] + f", {name}: 0}}]}}".encode()) is None


NAMES = st.text(min_size=1, max_size=24)


@given(NAMES.filter(lambda name: name not in CHAT.keys() | chat.READ), JSON)
def test_any_unknown_member_passes_chat(name: str, value: Any) -> None:
    assert why(chatting(**{name: value})) == (Why.PARAMETER, name)


@given(NAMES.filter(lambda name: name not in RESPONSES.keys() | responses.READ), JSON)
def test_any_unknown_member_passes_responses(name: str, value: Any) -> None:
    assert why(responding(**{name: value})) == (Why.PARAMETER, name)


@given(NAMES.filter(lambda name: name not in {"role", "content"}), JSON)
def test_any_further_member_of_a_message_passes(name: str, value: Any) -> None:
    assert isinstance(chatting(messages=[{**USER, name: value}]), Passing)
    assert isinstance(responding(input=[{**USER, name: value}]), Passing) or (name, value) == ("type", "message")


@given(st.sampled_from(sorted(CHAT)), JSON)
def test_no_value_of_a_known_member_changes_what_is_asked(name: str, value: Any) -> None:
    read = chatting(**{name: value})
    assert isinstance(read, Passing) or read.request == wanted(chatting()).request


@pytest.mark.parametrize("role", ["system", "developer"])
def test_instructions_belong_to_the_type(role: str) -> None:
    instructed = [{"role": role, "content": "Be terse."}, USER]
    reads = [
        chatting(messages=instructed),
        responding(input=instructed),
        responding(instructions="Be terse."),
    ]
    assert {str(wanted(read).request.context) for read in reads} == {"{'system': 'Be terse.'}"}
    spaced = chatting(messages=[{"role": role, "content": "Be terse. "}, USER])
    assert wanted(spaced).request.context == {"system": "Be terse. "}


def test_long_instructions_are_named_by_their_digest_and_not_compiled() -> None:
    longest, longer = "a" * 512, "a" * 513
    assert wanted(responding(instructions=longest)).compilable
    asked = wanted(responding(instructions=longer))
    assert not asked.compilable
    assert asked.request.context["system"].startswith("sha256:")
    assert len(asked.request.context["system"]) == 71


def test_one_form_has_one_value_in_both_apis() -> None:
    stated = {"name": "n", "schema": SCHEMA, "strict": True}
    turned = {"strict": True, "schema": dict(reversed(SCHEMA.items())), "name": "n", "description": None}
    forms = [
        chatting(response_format={"type": "json_schema", "json_schema": stated}),
        chatting(response_format={"type": "json_schema", "json_schema": turned}),
        responding(text={"format": {"type": "json_schema", **stated}}),
    ]
    contexts = {wanted(form).request.context["response_format"] for form in forms}
    assert len(contexts) == 1
    assert json.loads(contexts.pop()) == {"type": "json_schema", **stated}
    other = chatting(response_format={"type": "json_schema", "json_schema": {**stated, "strict": False}})
    assert wanted(other).request.context != wanted(forms[0]).request.context
    plain = chatting(response_format={"type": "json_object"})
    assert wanted(plain).request.context == {"response_format": '{"type":"json_object"}'}


@pytest.mark.parametrize(
    ("given_members", "answer", "unfit"),
    [
        ({"max_tokens": 2}, "84", None),
        ({"max_tokens": 1}, "84", Unfit.LIMIT),
        ({"max_tokens": 9, "max_completion_tokens": 1}, "84", Unfit.LIMIT),
        ({"max_tokens": 2}, "\u00e9\u00e9", Unfit.LIMIT),
        ({"stop": "8"}, "84", Unfit.STOP),
        ({"stop": ["x", "4"]}, "84", Unfit.STOP),
        ({"stop": ["x", "\n"]}, "84", None),
        ({"response_format": {"type": "json_object"}}, "84", Unfit.FORM),
        ({"response_format": {"type": "json_object"}}, '{"n": 84}', None),
    ],
)
def test_what_a_client_cannot_take(given_members: dict[str, Any], answer: str, unfit: str | None) -> None:
    assert wanted(chatting(**given_members)).unfit(answer) == unfit


def test_models_that_procedures_stand_in_for() -> None:
    body = json.dumps({"model": "ft:mine", "messages": [USER]}).encode()
    assert isinstance(chat.read(body, ["ft:*"]), Wanted)
    assert why(chat.read(body, ["gpt-*"])) == (Why.MODEL, "model")
    assert isinstance(chat.read(body.replace(b"ft:mine", b"seglam"), ["gpt-*"]), Wanted)
