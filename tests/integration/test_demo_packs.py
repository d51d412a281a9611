"""`make demo-packs` as its users run it, with the private sigstore where it can be had."""

from __future__ import annotations

import re
import subprocess
import sys

from tests.commands import ROOT, environment
from tests.sigstore.build import missing


def demonstrated(*options: str) -> str:
    """What the demonstration prints; it must end well."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / "packs" / "demo.py"), *options],
        capture_output=True, text=True, cwd=ROOT, env=environment(), timeout=280, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_pack_reaches_an_organisation_that_is_cut_off() -> None:
    said = demonstrated()
    mode = "Key - keys, since there is no private sigstore here" if missing() else "Keyless - keyless: Fulcio"
    assert mode in said
    assert re.search(
        r"its pages, while the registry runs: http://127\.0\.0\.1:\d+/marketplace/packs/essay/first-steps", said
    )
    assert "refused: no-policy" in said, "without trust nothing is taken"
    assert re.search(r"none of \d+ addresses of A answers", said)
    places = re.search(r"the same bytes in 8 places: (.*)", said)
    assert places is not None and {"built", "published", "audited", "bytes at B"} <= set(places[1].split(", "))
    for link in ("release -> name", "provenance -> exemplars", "importer -> result"):
        assert f"holds  {link}" in said
