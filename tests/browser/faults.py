"""What axe-core finds on a page."""

from __future__ import annotations

import json
from pathlib import Path

from playwright.sync_api import Page


def faults(page: Page, script: Path) -> list[str]:
    """What is serious or critical. The debugger puts the script in, whom no policy of a page binds."""
    page.evaluate(script.read_text())
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{each['id']}: {json.dumps(each['nodes'][0]['html'])[:200]}"
        for each in found["violations"]
        if each["impact"] in ("serious", "critical")
    ]
