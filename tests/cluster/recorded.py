"""The recorded completions of `examples/recordings` as ConfigMaps, which hold less than 1 MiB each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

RECORDINGS = Path(__file__).resolve().parents[2] / "examples" / "recordings"
CHOICES = RECORDINGS.parent / "choices.txt"
_LIMIT = 900 * 1024


def recordings_configs() -> list[dict[str, Any]]:
    """All recordings, in as few ConfigMaps as hold them."""
    packed: list[dict[str, str]] = []
    size = _LIMIT
    for role in ("author", "verifier"):
        for path in sorted((RECORDINGS / role).glob("*.json")):
            text = path.read_text()
            if size + len(text.encode()) > _LIMIT:
                packed.append({})
                size = 0
            packed[-1][f"{role}-{path.name}"] = text
            size += len(text.encode())
    return [_config(f"seglam-test-recordings-{number}", data) for number, data in enumerate(packed)]


def choices_config() -> dict[str, Any]:
    """What the demonstration's tenant means by contested names."""
    return _config("seglam-test-choices", {"choices.txt": CHOICES.read_text()})


def _config(name: str, data: dict[str, str]) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}
