"""Settings from the environment: switches, numbers, amounts, with words for what cannot be used."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from math import isfinite
from pathlib import Path
from typing import Self


class SettingsInvalid(ValueError):
    """A setting that cannot be used; the message names it and says what to give."""


@dataclass(frozen=True, slots=True)
class Environment:
    """Reads settings. What is empty or white space only counts as not given.

    Args:
        given: the environment.
        prefix: before every name that is asked for, also in messages.

    Raises:
        SettingsInvalid: by every method, for what it cannot use.
    """

    given: Mapping[str, str]
    prefix: str = ""

    @classmethod
    def of(cls, environ: Mapping[str, str] | None, prefix: str = "") -> Self:
        """A copy of the environment that is given, else of the process's own."""
        return cls(dict(os.environ if environ is None else environ), prefix)

    def needed(self, name: str) -> str:
        """A text that must be given."""
        text = self.text(name)
        if not text:
            raise SettingsInvalid(f"{self.prefix}{name} is not set")
        return text

    def text(self, name: str, default: str = "") -> str:
        """A text without white space around it."""
        return self.given.get(self.prefix + name, "").strip() or default

    def path(self, name: str) -> Path | None:
        """A path; `~` is the user's home."""
        text = self.text(name)
        return Path(text).expanduser() if text else None

    def listed(self, name: str) -> tuple[str, ...]:
        """The parts of a comma-separated setting."""
        return tuple(part.strip() for part in self.text(name).split(",") if part.strip())

    def switch(self, name: str, default: bool = False) -> bool:
        """1 or 0."""
        text = self.text(name, "1" if default else "0")
        if text not in ("0", "1"):
            raise self.unusable(name, "give 1 or 0")
        return text == "1"

    def one_of(self, name: str, known: tuple[str, ...]) -> str:
        """One of several words, without case; the first of them is the default."""
        text = self.text(name, known[0])
        for word in known:
            if word.lower() == text.lower():
                return word
        raise self.unusable(name, f"give {' or '.join(known)}")

    def whole(self, name: str, default: int, *, least: int = 0, most: int | None = None) -> int:
        """A whole number in decimal digits."""
        text = self.text(name)
        if not text:
            return default
        digits = text.isascii() and text.isdigit() and len(text) <= 20
        if not digits or int(text) < least or (most is not None and int(text) > most):
            words = f"of at least {least}" if most is None else f"from {least} to {most}"
            raise self.unusable(name, f"give a whole number {words}")
        return int(text)

    def maybe_whole(self, name: str, *, least: int = 0, most: int | None = None) -> int | None:
        """A whole number; None where nothing is given."""
        return self.whole(name, 0, least=least, most=most) if self.text(name) else None

    def number(self, name: str, default: float, *, least: float = 0.0, most: float, unit: str = "a number") -> float:
        """A number, both bounds included."""
        text = self.text(name)
        if not text:
            return default
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not isfinite(value) or not least <= value <= most:
            raise self.unusable(name, f"give {unit} from {least:g} to {most:g}")
        return value

    def seconds(self, name: str, default: float, *, least: float = 0.0, most: float = 3600.0) -> float:
        """Seconds, both bounds included."""
        return self.number(name, default, least=least, most=most, unit="seconds")

    def amount(self, name: str, default: Decimal) -> Decimal:
        """An amount of at least 0, exact."""
        text = self.text(name)
        if not text:
            return default
        try:
            amount = Decimal(text)
        except InvalidOperation:
            amount = Decimal("NaN")
        if not amount.is_finite() or amount < 0:
            raise self.unusable(name, "give an amount such as 2.50")
        return amount

    def unusable(self, name: str, advice: str) -> SettingsInvalid:
        """The error for a setting whose value cannot be used."""
        value = self.given.get(self.prefix + name, "")
        return SettingsInvalid(f"{self.prefix}{name} is {value!r}; {advice}")
