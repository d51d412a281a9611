"""Which model the environment names, and where it is; nothing here calls it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

DEFAULT_TIMEOUT = 300.0


class SettingsError(ValueError):
    """The environment does not say which model to ask; the message says what to set."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a model is and how long one call may take, in seconds. The key is never shown."""

    model: str
    base_url: str | None = None
    api_key: str = field(default="unused", repr=False)
    timeout: float = DEFAULT_TIMEOUT


def endpoint_of(role: str, environ: Mapping[str, str] | None = None) -> Endpoint | None:
    """The endpoint that the environment names for `author` or `verifier`; None if no model is set.

    `SEGLAM_MODEL` switches models on. The author is at `OPENAI_BASE_URL` with `OPENAI_API_KEY`; the verifier is
    `SEGLAM_VERIFIER_MODEL` at `SEGLAM_VERIFIER_BASE_URL` with `SEGLAM_VERIFIER_API_KEY`, each by default the author's,
    except that the author's key is never sent to another address. `SEGLAM_MODEL_TIMEOUT` is in seconds.
    """
    given = os.environ if environ is None else environ
    model = given.get("SEGLAM_MODEL", "").strip()
    if not model:
        return None
    base_url, key = given.get("OPENAI_BASE_URL") or None, given.get("OPENAI_API_KEY", "")
    if role == "verifier":
        model = given.get("SEGLAM_VERIFIER_MODEL", "").strip() or model
        other = given.get("SEGLAM_VERIFIER_BASE_URL") or base_url
        key = given.get("SEGLAM_VERIFIER_API_KEY") or (key if other == base_url else "")
        base_url = other
    if not key and base_url is None:
        name = "SEGLAM_VERIFIER_API_KEY" if role == "verifier" else "OPENAI_API_KEY"
        raise SettingsError(
            f"SEGLAM_MODEL is {model!r} but there is no key: set {name}, or the base URL of a local model"
        )
    return Endpoint(model, base_url, key or "unused", _seconds(given))


def _seconds(given: Mapping[str, str]) -> float:
    text = given.get("SEGLAM_MODEL_TIMEOUT", "").strip()
    try:
        seconds = float(text) if text else DEFAULT_TIMEOUT
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise SettingsError(f"SEGLAM_MODEL_TIMEOUT is {text!r}; give seconds, such as 300")
    return seconds
