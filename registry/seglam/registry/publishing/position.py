"""A text for each version that sorts by its bytes as SemVer 2.0.0 (section 11) orders versions."""

from __future__ import annotations

from seglam.packs.versions import Version


def position(version: Version) -> str:
    """The text.

    A number is written after the count of its digits, so that longer ones come later. `~` follows every prerelease; `,`
    comes before every character of an identifier, so that fewer identifiers come first.
    """
    core = ".".join(map(_number, version.core))
    if not version.prerelease:
        return f"{core}~"
    parts = ("0" + _number(int(part)) if part.isdigit() else "1" + part for part in version.prerelease)
    return f"{core}-{','.join(parts)}"


def _number(number: int) -> str:
    digits = str(number)
    return f"{len(digits):02d}{digits}"
