"""Documents: canonical form and digest, loading with places, validation with remedies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from seglam.procedures import Loaded, ReasoningProcedure, Revision, canonical, digest, dump, load_bytes, validate
from seglam.procedures.document import DEPLOYMENT_FIELDS, MAX_DOCUMENT_BYTES, Spec
from seglam.procedures.load import load_documents, load_file
from tests.documents import capital, document

GOOD = """\
apiVersion: seglam.dev/v1alpha1
kind: ReasoningProcedure
metadata: {name: double}
spec:
  summary: Twice a number.
  parameters:
    - {name: n, type: integer}
  returns: {type: integer}
  match:
    patterns:
      - {text: "double {n}"}
      - text: twice {n}
  code: |
    def solve(n):
        return 2 * n
  examples:
    - request: double 4
      arguments: [{name: n, value: "4"}]
      answer: "8"
  limits: {fuel: 2000000000, memoryMiB: 32}
"""


def one(text: str) -> Loaded:
    loaded, problems = load_bytes(text.encode(), "x.yaml")
    assert not problems, [str(problem) for problem in problems]
    assert len(loaded) == 1
    return loaded[0]


def faults(text: str) -> list[str]:
    loaded, problems = load_bytes(text.encode(), "x.yaml")
    return [str(problem) for problem in [*problems, *(p for each in loaded for p in validate(each))]]


# Canonical form


def test_the_digest_is_that_of_the_canonical_json_without_deployment_fields() -> None:
    spec = one(GOOD).document.spec
    content = json.loads(canonical(spec))
    assert list(content) == sorted(content)
    assert content["limits"] == {"fuel": 2000000000, "memoryMiB": 32}
    deployed = spec.model_copy(update={"review_policy": "Manual"})
    assert digest(deployed) == digest(spec)
    assert digest(spec.model_copy(update={"summary": "Other."})) != digest(spec)
    assert set(Spec.model_fields) >= DEPLOYMENT_FIELDS


def test_absent_null_and_empty_are_one_form() -> None:
    whole = one(GOOD).document
    written = GOOD.replace("  returns:", "  vocabularies: []\n  rules: null\n  returns:")
    assert digest(one(written).document.spec) == digest(whole.spec)


def test_the_order_and_style_of_fields_do_not_matter_but_the_order_of_lists_does() -> None:
    data = yaml.safe_load(GOOD)
    turned = {key: data[key] for key in reversed(data)}
    turned["spec"] = {key: data["spec"][key] for key in reversed(data["spec"])}
    assert digest(one(yaml.safe_dump(turned, sort_keys=False)).document.spec) == digest(one(GOOD).document.spec)
    turned["spec"]["match"]["patterns"].reverse()
    assert digest(one(yaml.safe_dump(turned, sort_keys=False)).document.spec) != digest(one(GOOD).document.spec)


TEXTS = st.text(
    st.characters(codec="utf-8", exclude_characters="\x00\ufeff", exclude_categories=("Cc", "Cs")),
    min_size=1,
    max_size=40,
)


@given(summary=TEXTS, value=TEXTS, code=TEXTS)
def test_a_document_survives_yaml_with_its_digest(summary: str, value: str, code: str) -> None:
    made = document(
        patterns=["double {v}"],
        parameters=[{"name": "v", "type": "vocabulary", "vocabulary": "v"}],
        vocabularies=[
            {"name": "v", "values": [{"value": value, "names": ["NO", "on", "0o17", "1.0", "null", "~", "1e3"]}]}
        ],
        code=code + "\n  x: y # \n",
    ).model_copy(update={})
    made = made.model_copy(update={"spec": made.spec.model_copy(update={"summary": summary})})
    again = one(dump(made)).document
    assert again == made
    assert digest(again.spec) == digest(made.spec)


def test_every_field_has_a_description() -> None:
    schema = ReasoningProcedure.model_json_schema()
    missing = [
        f"{name}.{field}"
        for name, model in {**schema["$defs"], "ReasoningProcedure": schema}.items()
        for field, member in model.get("properties", {}).items()
        if not member.get("description")
    ]
    assert not missing


def test_numbers_in_documents_are_texts_that_keep_every_digit() -> None:
    long = GOOD.replace('"8"', "123456789012345678901234567890").replace('"4"', "1.0")
    example = (one(long).document.spec.examples or [])[0]
    assert example.answer == "123456789012345678901234567890"
    assert example.arguments[0].value == "1.0"


# Loading


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("a: [", "x.yaml:1:5", "this is no YAML"),
        ("a: b\n c: d", "x.yaml:2:3", "this is no YAML"),
        (GOOD.replace("kind: ReasoningProcedure", "kind: Pod"), "x.yaml:2:7: kind:", "ReasoningProcedure"),
        (
            GOOD.replace("{type: integer}\n  match", "{type: Integer}\n  match"),
            "x.yaml:8:19: spec.returns.type:",
            "match pattern",
        ),
        (GOOD.replace("summary: Twice a number.", "sumary: x"), "x.yaml:5:11: spec.sumary:", "correct its name"),
        (GOOD.replace("fuel: 2000000000", "fuel: lots"), "x.yaml:20:18: spec.limits.fuel:", "valid integer"),
        (GOOD.replace("fuel: 2000000000", "fuel: 5"), "x.yaml:20:18: spec.limits.fuel:", "greater than"),
        (GOOD.replace("  returns:", "  summary: Again.\n  returns:"), "x.yaml:8:3: spec.summary:", "given twice"),
        (GOOD.replace("{name: double}", "{name: Double Trouble}"), "x.yaml:3:18: metadata.name:", "match pattern"),
        (GOOD + "---\n- a\n", "x.yaml:22:1", "valid dictionary"),
    ],
)
def test_faults_of_form_name_file_field_place_and_remedy(text: str, place: str, words: str) -> None:
    found = faults(text)
    assert any(fault.startswith(place) and words in fault for fault in found), found


def test_aliases_are_refused_before_they_grow() -> None:
    bomb = "a: &a [x, x]\n" + "".join(
        f"{chr(98 + n)}: &{chr(98 + n)} [*{chr(97 + n)}, *{chr(97 + n)}]\n" for n in range(20)
    )
    assert any("alias" in fault for fault in faults(bomb))
    assert any("alias" in fault or "YAML" in fault for fault in faults("a: &a [*a]"))


def test_deep_and_large_documents_are_refused() -> None:
    assert any("no YAML" in fault or "dictionary" in fault for fault in faults("[" * 5_000))
    assert any(
        str(MAX_DOCUMENT_BYTES) in fault
        for fault in faults(GOOD + "  # " + "x" * MAX_DOCUMENT_BYTES + "\n  sandbox: {}\n")
    )


def test_bytes_that_are_no_text_and_files_that_are_not_there(tmp_path: Path) -> None:
    assert "byte 1 is not UTF-8" in str(load_bytes(b"a\xff", "x.yaml")[1][0])
    assert "cannot be read" in str(load_file(tmp_path / "none.yaml")[1][0])


def test_a_directory_is_read_in_order_and_one_bad_file_spoils_no_other(tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_text(GOOD)
    (tmp_path / "a.yml").write_text(GOOD.replace("double}", "first}") + "---\n" + GOOD.replace("double}", "second}"))
    (tmp_path / "c.yaml").write_text("kind: Pod\n")
    (tmp_path / "d.txt").write_text("no document")
    loaded, problems = load_documents(tmp_path)
    assert [each.document.metadata.name for each in loaded] == ["first", "second", "double"]
    assert {Path(problem.file).name for problem in problems} == {"c.yaml"}


# Validation


def test_a_good_document_has_no_fault() -> None:
    assert faults(GOOD) == []
    assert (
        faults(
            dump(
                ReasoningProcedure(
                    api_version="seglam.dev/v1alpha1",
                    kind="ReasoningProcedure",
                    metadata={"name": "capital"},
                    spec=capital().spec,
                )
            )
        )
        == []
    )


@pytest.mark.parametrize(
    ("old", "new", "place", "words"),
    [
        (
            "{name: n, type: integer}",
            "{name: n, type: number}",
            "x.yaml:7:23: spec.parameters[0].type:",
            "unknown value type",
        ),
        (
            "{name: n, type: integer}",
            "{name: n, type: vocabulary}",
            "x.yaml:7:23: spec.parameters[0].type:",
            "vocabulary",
        ),
        (
            "{name: n, type: integer}",
            '{name: n, type: integer, minimum: "1.5"}',
            "x.yaml:7:",
            "spec.parameters[0].minimum",
        ),
        (
            "{name: n, type: integer}",
            '{name: n, type: integer, oneOf: ["x"]}',
            "x.yaml:7:",
            "spec.parameters[0].oneOf[0]",
        ),
        ("{name: n, type: integer}", '{name: n, type: variable, maximum: "z"}', "x.yaml:7:", "no order"),
        ("{name: n, type: integer}", "{name: n, type: integer, sourceAs: n}", "x.yaml", "used twice"),
        ('"double {n}"', '"double {m}"', "x.yaml:11:24: spec.match.patterns[0].text:", "no parameter {m}"),
        ('"double {n}"', '"double {n"', "x.yaml:11:24: spec.match.patterns[0].text:", "is not closed"),
        ('"double {n}"', '"double (it"', "x.yaml:11:24:", "is not closed"),
        ('"double {n}"', '"double"', "x.yaml:11:17:", "gives no value for {n}"),
        ('"double {n}"', '"<please> double {n}"', "x.yaml:11:17:", "no rule <please>"),
        ("returns: {type: integer}", "returns: {type: colour}", "x.yaml:8:", "unknown value type"),
        ("returns: {type: integer}", "{type: integer}", "x.yaml", ""),
        ('value: "4"', 'value: "04"', "x.yaml:18:37: spec.examples[0].arguments[0].value:", "canonical"),
        ("{name: n, value", "{name: m, value", "x.yaml:18:26:", "no parameter 'm'"),
        ('[{name: n, value: "4"}]', "[]", "x.yaml:18:18: spec.examples[0].arguments:", "no value for 'n'"),
        ('answer: "8"', 'answer: "eight"', "x.yaml:19:16:", "spec.examples[0].answer"),
        ("request: double 4", "value: '{}'\n      request: double 4", "x.yaml:17:", "a request or a value"),
    ],
)
def test_faults_of_meaning_name_file_field_place_and_remedy(old: str, new: str, place: str, words: str) -> None:
    found = faults(GOOD.replace(old, new))
    assert any(fault.startswith(place) and words in fault for fault in found), found


def swallow(pattern: str, kind: str, **more: Any) -> list[str]:
    return faults(dump(document(patterns=[pattern], parameters=[{"name": "n", "type": kind, **more}])))


@pytest.mark.parametrize("pattern", ["translate {n}", "{n} in French", "say {n} [now]", "say [to] {n} (now|)"])
def test_opaque_text_that_nothing_ends_is_refused(pattern: str) -> None:
    assert any("nothing ends" in fault for fault in swallow(pattern, "text"))


def test_opaque_text_between_words_is_accepted() -> None:
    assert swallow("say {n} in French", "text") == []


@pytest.mark.parametrize("kind", ["word", "token", "list[word]"])
def test_a_free_word_is_quoted_or_introduced(kind: str) -> None:
    assert any("any word" in fault for fault in swallow("colour of {n}", kind))
    assert swallow("sort these words: {n}", kind) == []
    assert swallow('colour of "{n}"', kind) == []


def test_structured_forms_are_checked() -> None:
    def of(*fields: dict[str, str]) -> str:
        return "\n".join(
            faults(dump(document(patterns=["double {n}"], match={"structured": {"fields": list(fields)}})))
        )

    n = {"pointer": "/n", "parameter": "n"}
    assert of({"pointer": "/op", "equals": '"double"'}, n) == ""
    assert "no member tells this type" in of(n)
    assert "gives a value for 'n'" in of({"pointer": "/op", "equals": '"double"'})
    assert "no JSON pointer" in of({"pointer": "op", "equals": '"double"'}, n)
    assert "no parameter 'm'" in of({"pointer": "/op", "equals": "1"}, n, {"pointer": "/m", "parameter": "m"})
    assert "one of equals and parameter" in of({"pointer": "/op", "equals": "1"}, n, {"pointer": "/x"})


def test_a_copy_of_a_shared_rule_that_differs_is_a_warning() -> None:
    spoiled = document(patterns=["<please> double {n}"], rules=[{"name": "please", "text": "never"}])
    problems = validate(one(dump(spoiled)))
    assert [problem.severity for problem in problems] == ["warning"]


def test_revisions_name_limits_and_types() -> None:
    made = Revision.of(one(GOOD).document)
    assert made.name == "double" and made.digest == digest(made.spec)
    assert made.fuel == 2_000_000_000 and made.memory_mib == 32
    assert made.returns.name == "integer" and made.types["n"].name == "integer"
    assert capital().fuel == 10_000_000_000


@pytest.mark.parametrize(
    "text", ["n", "Y", "yes", "off", "True", "null", "~", "=", "<<", "0o17", "1_000", "1:30", ".5", "-a"]
)
def test_texts_that_other_yaml_readers_take_for_something_else_are_quoted(text: str) -> None:
    values = [{"value": "other", "names": [text]}]
    written = dump(document(vocabularies=[{"name": "word", "values": values}]))
    assert f"- '{text}'\n" in written
    assert yaml.safe_load(written)["spec"]["vocabularies"][0]["values"] == values
