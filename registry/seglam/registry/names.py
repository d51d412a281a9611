"""Look-alikes: names that a reader may take for another.

Names are lower-case ASCII letters, digits and single hyphens (`seglam.packs.names`), so what is left to confuse are
separators (`a-b`, `ab`), characters that look alike in common fonts (`0` and `o`; `1`, `i` and `l`; `rn` and `m`; see
the confusables of Unicode TS 39, section 4), digits written for letters (`5` for `s`) and typing errors.
"""

from __future__ import annotations

from sqlmodel import Session, select

from seglam.packs.names import PackName
from seglam.registry.tables import NamespaceRow, PackRow

_ONE = str.maketrans("0123456789iq", "olzeasbtbglg")
# Pairs that look like one letter are folded by writing the letter as the pair: each character is replaced by itself, so
# unlike the other direction the result does not depend on where one begins ("vvv" is "vw" and "wv").
_PAIR = str.maketrans({"m": "rn", "w": "vv", "d": "cl"})

SHORTEST_TYPED = 5
"""Letters below which one typing error is no reason: among short names too many are one letter apart."""

RESERVED = frozenset(
    "admin administrator api health index library metrics mirror official registry root seglam security support system "
    "tuf verified".split()
)
"""Namespaces that only an administrator may claim, since they seem to speak for the registry."""


def folded(name: str) -> str:
    """The name without separators, each character by the one that stands for all that look like it."""
    return name.replace("-", "").translate(_ONE)


def skeleton(name: str) -> str:
    """The same text for all names that look alike. At most three times as long as the name."""
    return folded(name).translate(_PAIR)


def similar(one: str, other: str) -> bool:
    """Whether two names look alike or are one typing error apart: a character more, less, changed, or two swapped."""
    first, second = folded(one), folded(other)
    if skeleton(one) == skeleton(other):
        return True
    return min(len(first), len(second)) >= SHORTEST_TYPED and one_edit(first, second)


def one_edit(first: str, second: str) -> bool:
    """Whether the optimal string alignment distance of two texts is at most 1."""
    if first == second:
        return True
    if len(first) > len(second):
        first, second = second, first
    if len(second) - len(first) > 1:
        return False
    start = 0
    while start < len(first) and first[start] == second[start]:
        start += 1
    if len(first) < len(second):
        return first[start:] == second[start + 1 :]
    changed = first[start + 1 :] == second[start + 1 :]
    swapped = first[start : start + 2] == second[start : start + 2][::-1] and first[start + 2 :] == second[start + 2 :]
    return changed or swapped


class LookAlike(Exception):
    """A name that a reader may take for one that is taken.

    Attributes:
        code: `name-look-alike` or `name-similar`.
        words: which name it is like, and what to do.
        status: the HTTP status that says so.
    """

    status = 409

    def __init__(self, code: str, words: str) -> None:
        super().__init__(words)
        self.code = code
        self.words = words


def check(session: Session, name: PackName) -> None:
    """Refuse a pack that looks like another one of its namespace. `LookAlike` says which."""
    asked = select(PackRow.pack).where(
        PackRow.origin == name.origin,
        PackRow.namespace == name.namespace,
        PackRow.skeleton == skeleton(name.pack),
        PackRow.pack != name.pack,
    )
    found = session.exec(asked).first()
    if found is not None:
        raise LookAlike("name-look-alike", f"{name.pack!r} looks like the pack {found!r}; choose another name")


def check_namespace(session: Session, origin: str, name: str, *, typed: bool = True) -> None:
    """Refuse a new namespace that looks like another one of the origin. `LookAlike` says which.

    Args:
        typed: also refuse what is one typing error away from another one; an administrator may say that it is meant.
    """
    taken = session.exec(select(NamespaceRow.name).where(NamespaceRow.origin == origin)).all()
    wanted = skeleton(name)
    for other in taken:
        if other != name and skeleton(other) == wanted:
            raise LookAlike("name-look-alike", f"{name!r} looks like the namespace {other!r}; choose another name")
    for other in taken if typed else ():
        if other != name and similar(name, other):
            raise LookAlike(
                "name-similar",
                f"{name!r} is one typing error away from the namespace {other!r}; choose another name, or ask an "
                "administrator to claim it for you",
            )
