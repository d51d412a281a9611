"""docs/trust.md keeps its word: the tests that its table names exist, and so do the codes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from seglam.packs.trust.decision import Code
from seglam.packs.trust.predicates import PREDICATES

ROOT = Path(__file__).resolve().parents[4]
PAGE = (ROOT / "docs" / "trust.md").read_text(encoding="utf-8")
NODES = sorted(set(re.findall(r"`(tests/[\w/]+\.py(?:::\w+)*)`", PAGE)))


@pytest.mark.parametrize("node", NODES)
def test_a_named_test_exists(node: str) -> None:
    path, *names = node.split("::")
    text = (ROOT / path).read_text(encoding="utf-8")
    for name in names:
        assert re.search(rf"^ *(?:async )?(?:def|class) {name}\b", text, re.MULTILINE), f"{name} is not in {path}"


def test_every_row_of_the_threats_names_a_test() -> None:
    rows = [line for line in PAGE.split("## Threats")[1].splitlines() if line.startswith("| ")][1:]
    assert len(rows) >= 20
    assert [row for row in rows if "`tests/" not in row] == []


def test_every_code_is_explained() -> None:
    written = set(re.findall(r"`([a-z][a-z-]+)`", PAGE))
    assert set(get_args(Code)) - {"allowed"} <= written


def test_every_predicate_type_is_named() -> None:
    assert [uri for uri in PREDICATES if f"`{uri}`" not in PAGE] == []
