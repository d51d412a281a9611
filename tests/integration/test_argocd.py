"""Argo CD's health script, run by a real Lua as Argo CD runs it: `obj` in, a table with status and message out."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from seglam.resources import Reason, names

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "docs" / "argocd" / "health.lua"
PATCH = ROOT / "docs" / "argocd" / "argocd-cm.yaml"
LUA = shutil.which("lua5.4") or shutil.which("lua5.1") or shutil.which("lua")
HARNESS = "obj = %s\nlocal health = (function()\n%s\nend)()\nio.write(health.status, '\\n', health.message)\n"


def lua(value: Any) -> str:
    """A value as Lua source."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"[{lua(key)}] = {lua(member)}" for key, member in value.items()) + "}"
    if isinstance(value, list):
        return "{" + ", ".join(lua(member) for member in value) + "}"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    return '"' + "".join(f"\\{ord(letter):03d}" for letter in str(value)) + '"'


def health(status: dict[str, Any] | None, generation: int = 3) -> tuple[str, str]:
    """Status and message that the script gives to an object."""
    if LUA is None:
        pytest.skip("there is no Lua: install lua5.4")
    obj: dict[str, Any] = {"kind": "ReasoningProcedure", "metadata": {"name": "x", "generation": generation}}
    if status is not None:
        obj["status"] = status
    script = HARNESS % (lua(obj), SCRIPT.read_text(encoding="utf-8"))
    done = subprocess.run([LUA, "-"], input=script, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 0, done.stderr
    said, _, message = done.stdout.partition("\n")
    return said, message


def status(*conditions: tuple[str, str, str], generation: int = 3) -> dict[str, Any]:
    made = [{"type": type_, "status": state, "reason": reason, "message": "why"} for type_, state, reason in conditions]
    return {"observedGeneration": generation, "conditions": made}


def test_every_kind_has_the_script() -> None:
    entries = yaml.safe_load(PATCH.read_text(encoding="utf-8"))["data"]
    script = SCRIPT.read_text(encoding="utf-8")
    prefix = "resource.customizations.health.seglam.dev_"
    assert entries == {prefix + kind.kind: script for kind in names.KINDS}


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (None, "Progressing"),
        ({}, "Progressing"),
        ({"observedGeneration": 3}, "Progressing"),
        (status(("Ready", "True", "Active"), generation=2), "Progressing"),
        (status(("Ready", "True", "Active"), ("Stalled", "False", "Progressing")), "Healthy"),
        (status(("Ready", "False", "Verifying")), "Progressing"),
        (status(("Ready", "False", "AwaitingReview"), ("Serving", "True", "Serving")), "Suspended"),
        (status(("Ready", "False", "Pending")), "Suspended"),
        (status(("Ready", "False", "Doubtful")), "Suspended"),
        (status(("Ready", "False", "RunnersNotReady")), "Progressing"),
        (status(("Ready", "False", "Overlaps")), "Degraded"),
        (status(("Stalled", "True", "Rejected"), ("Ready", "False", "Rejected")), "Degraded"),
        (status(("Ready", "Unknown", "Verifying")), "Progressing"),
        # An import: what the gate refused waits for nobody, and what it passed may wait for a review.
        (status(("Ready", "False", "Identity"), ("Verified", "False", "Identity")), "Degraded"),
        (status(("Ready", "False", "AwaitingReview"), ("Verified", "True", "Verified")), "Suspended"),
        # A revision: it has no condition Ready.
        (status(("Verified", "True", "Verified"), ("Active", "False", "Superseded")), "Healthy"),
        (status(("Verified", "False", "VerificationFailed"), ("Active", "False", "VerificationFailed")), "Degraded"),
        (status(("Verified", "Unknown", "RunnersNotReady"), ("Active", "False", "Verifying")), "Progressing"),
        # A compilation, and a pool.
        (status(("Ready", "False", "Compiling")), "Progressing"),
        (status(("Ready", "True", "Finished")), "Healthy"),
        (status(("Ready", "False", "Failed")), "Degraded"),
        (status(("Ready", "False", "EgressNotBlocked")), "Degraded"),
    ],
)
def test_health(given: dict[str, Any] | None, wanted: str) -> None:
    said, message = health(given)
    assert said == wanted
    assert message


def test_the_script_knows_the_reasons_that_exist() -> None:
    code = SCRIPT.read_text(encoding="utf-8")
    used = set(re.findall(r"(\w+) = true", code))
    assert used and used <= {reason.value for reason in Reason}
