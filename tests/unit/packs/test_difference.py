from __future__ import annotations

from seglam.packs.difference import FileChange, ListChange, difference
from tests.documents import document
from tests.packs import basic, pack


def example(n: str, answer: str) -> dict[str, object]:
    return {"request": f"double {n}", "arguments": [{"name": "n", "value": n}], "answer": answer}


def test_the_same_pack_has_no_difference() -> None:
    found = difference(basic(), pack())
    assert not found
    assert (found.description, found.procedures, found.files) == ((), (), ())


def test_what_changed_is_named() -> None:
    before = pack(
        documents=[
            document("double", patterns=("double {n}", "{n} twice"), examples=[example("2", "4"), example("3", "5")]),
            document("gone", patterns=("gone {n}",)),
            document("same", patterns=("same {n}",)),
        ],
        files={"README.md": b"a", "docs/old.md": b"o"},
        requires={"a.example/ab/cd": "^1"},
    )
    after = pack(
        version="1.1.0",
        documents=[
            document(
                "double",
                patterns=("double {n}", "two times {n}"),
                examples=[example("2", "4"), example("3", "6")],
                code="def solve(n):\n    return str(n + n)\n",
            ),
            document("new", patterns=("new {n}",)),
            document("same", patterns=("same {n}",)),
        ],
        files={"README.md": b"b", "docs/new.md": b"n"},
        requires={"a.example/ab/cd": "^2", "b.example/ab/cd": "1.0.0"},
    )
    found = difference(before, after)
    assert found
    assert (found.before_digest, found.after_digest) == (before.digest, after.digest)
    assert found.description == (
        ("version", "1.0.0", "1.1.0"),
        ("requires a.example/ab/cd", "^1", "^2"),
        ("requires b.example/ab/cd", "", "1.0.0"),
    )
    double, gone, new = found.procedures
    assert (double.name, double.change, double.fields) == ("double", "changed", ("code", "examples", "match"))
    assert double.before != double.after
    assert double.patterns == ListChange(added=("two times {n}",), removed=("{n} twice",))
    assert double.examples == ListChange(added=("double 3 -> 6",), removed=("double 3 -> 5",))
    assert "-    return str(2 * n)" in double.code
    assert "+    return str(n + n)" in double.code
    assert (gone.name, gone.change, gone.after, gone.patterns.removed) == ("gone", "removed", None, ("gone {n}",))
    assert (new.name, new.change, new.before, new.patterns.added) == ("new", "added", None, ("new {n}",))
    assert not new.patterns.removed
    assert [(each.path, each.change) for each in found.files] == [
        ("README.md", "changed"),
        ("docs/new.md", "added"),
        ("docs/old.md", "removed"),
    ]
    assert isinstance(found.files[0], FileChange)


def test_long_code_is_shown_whole() -> None:
    def code(word: str) -> str:
        return "def solve(n):\n" + f"    {word} = 1\n" * 4001 + "    return str(n)\n"

    before, after = (pack(documents=[document(code=code(word))]) for word in ("a", "b"))
    (change,) = difference(before, after).procedures
    assert len(change.code) == 2 * 4003
    assert change.code[0] == change.code[4003].replace("+", "-") == "-def solve(n):"
