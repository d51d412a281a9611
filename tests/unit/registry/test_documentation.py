"""The page on the registry names every error that callers can get, and no other."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs" / "registry.md"
RAISED = re.compile(
    r"(?:Problem|unauthorized|TokenRefused|LookAlike|PublishProblem)\(\s*(?:[0-9]{3},\s*)?\"([a-z][a-z-]+)\""
)
BY_TABLE = {"http", "unknown-address", "unknown-method", "database-...", "signing-...", "bundle-", "token-replayed"}
"""What no call names whole."""


def raised() -> set[str]:
    web = ROOT / "runtime" / "seglam" / "web"
    files = [*(ROOT / "registry").rglob("*.py"), *(web / "login").glob("*.py"), web / "keyring.py"]
    found = {code for file in files for code in RAISED.findall(file.read_text(encoding="utf-8"))}
    return {code for code in found if not code.startswith(("bundle-predicate", "signing-"))}


def named() -> set[str]:
    table = PAGE.read_text(encoding="utf-8").partition("## Errors")[2].partition("\n## ")[0]
    rows = [line.split("|")[2] for line in table.splitlines() if line.startswith("|")][2:]
    return {code for row in rows for code in re.findall(r"`([a-z][a-z-]+(?:\.\.\.)?)`", row)}


def test_every_code_is_named() -> None:
    assert raised() - named() == set()


def test_every_name_is_a_code() -> None:
    assert named() - raised() - BY_TABLE == set()
