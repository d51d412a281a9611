"""Search: packs by words and facets, with the same answer on every database.

A pack has words with weights (`terms`) and values by which it can be narrowed (`facets`). A word of a query finds the
words that begin with it; all words of a query must be found. What weighs more comes first, then the name decides. Both
are a pack's own, so a cursor stays where it is whatever else is published meanwhile.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Integer, and_, exists, func, literal_column, or_, select
from sqlmodel import Session, col, delete

from seglam.packs.pack import Pack
from seglam.procedures import ReasoningProcedure
from seglam.registry.tables import FacetRow, PackRow, TermRow, VersionRow, VersionState

MAX_QUERY = 200
MAX_WORDS = 8
MAX_TERMS = 2_000
"""Words that are kept of one pack."""
MAX_VALUES = 20
"""Values of a facet that are counted, most frequent first."""

FACETS = ("origin", "namespace", "licence", "language", "valueType", "engine")
_OWN = {"origin": col(PackRow.origin), "namespace": col(PackRow.namespace)}
_WORD = re.compile(r"[^\W_]{2,40}")
_LAST = "\U0010ffff"


def words(text: str) -> list[str]:
    """The words of a text: letters and digits, 2 to 40 of them, in compatibility form and lower case."""
    return _WORD.findall(unicodedata.normalize("NFKC", text).lower())


def index(session: Session, pack: Pack, engines: Iterable[str]) -> None:
    """Let a pack be found by what this version of it says; replaces what an earlier version said."""
    name = str(pack.release.name)
    session.exec(delete(TermRow).where(col(TermRow.name) == name))
    session.exec(delete(FacetRow).where(col(FacetRow.name) == name))
    found = sorted(terms_of(pack).items(), key=lambda item: (-item[1], item[0]))[:MAX_TERMS]
    session.add_all(TermRow(term=term, name=name, weight=weight) for term, weight in found)
    values = sorted({*facets_of(pack), *(("engine", engine) for engine in engines)})
    session.add_all(FacetRow(facet=facet, value=value, name=name) for facet, value in values)
    session.flush()


def terms_of(pack: Pack) -> dict[str, int]:
    """The words of a pack, each with its greatest weight: 8 in its name, 4 in a procedure's, 2 in descriptions."""
    name = pack.release.name
    weighed: dict[str, int] = {}

    def add(text: str, weight: int) -> None:
        for word in words(text):
            weighed[word] = max(weighed.get(word, 0), weight)

    add(name.pack.replace("-", " "), 8)
    add(name.pack.replace("-", ""), 8)
    add(name.namespace.replace("-", " "), 4)
    add(pack.manifest_model.description, 2)
    for document in pack.procedures():
        add(document.metadata.name.replace("-", " "), 4)
        add(document.spec.summary, 2)
    return weighed


def facets_of(pack: Pack) -> set[tuple[str, str]]:
    """By what a pack can be narrowed, but for its name's parts and engines."""
    found = {("licence", pack.manifest_model.licence)}
    for document in pack.procedures():
        found |= {("valueType", each) for each in _types(document)}
        found |= {("language", each) for each in _languages(document)}
    return found


def _types(document: ReasoningProcedure) -> set[str]:
    return {document.spec.returns.type, *(each.type for each in document.spec.parameters or ())}


def _languages(document: ReasoningProcedure) -> set[str]:
    return {each.language for each in document.spec.match.patterns or () if each.language}


@dataclass(frozen=True, slots=True)
class Query:
    """What is searched for.

    Attributes:
        text: words, of which the first `MAX_WORDS` count.
        facets: values by facet; a pack must have one of the values of each.
    """

    text: str = ""
    facets: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def words(self) -> list[str]:
        """The words that count, each once."""
        return list(dict.fromkeys(words(self.text)))[:MAX_WORDS]

    @property
    def hopeless(self) -> bool:
        """Whether there is a text without any word in it, which nothing matches."""
        return bool(self.text.strip()) and not self.words


@dataclass(frozen=True, slots=True)
class Hit:
    """A pack that was found, and how much its words weigh."""

    score: int
    row: PackRow


Position = tuple[int, str]
"""Score and name of the last hit that was seen."""


def find(session: Session, query: Query, after: Position | None, limit: int) -> list[Hit]:
    """The next hits after a position, at most so many."""
    if query.hopeless:
        return []
    packs, score, matching = _matching(query)
    asked = select(PackRow, score.label("score")).select_from(packs).where(*matching)
    if after is not None:
        seen, name = after
        asked = asked.where(or_(score < seen, and_(score == seen, col(PackRow.name) > name)))
    # Without words all scores are the same; a database takes a bare number there for the number of a column.
    order = [score.desc()] if query.words else []
    asked = asked.order_by(*order, col(PackRow.name)).limit(limit)
    return [Hit(int(found), row) for row, found in session.execute(asked)]


def count(session: Session, query: Query) -> dict[str, dict[str, int]]:
    """How many of all hits have which value of each facet, most frequent first."""
    if query.hopeless:
        return {facet: {} for facet in FACETS}
    packs, _, matching = _matching(query)
    counted = {}
    for facet in FACETS:
        number = func.count()
        value: Any = _OWN.get(facet, col(FacetRow.value))
        asked = select(value, number).select_from(packs).where(*matching).group_by(value)
        if facet not in _OWN:
            asked = asked.where(col(FacetRow.name) == col(PackRow.name), col(FacetRow.facet) == facet)
        rows = session.execute(asked.order_by(number.desc(), value).limit(MAX_VALUES))
        counted[facet] = {str(found): int(times) for found, times in rows}
    return counted


def _matching(query: Query) -> tuple[FromClause, ColumnElement[int], list[ColumnElement[bool]]]:
    """Packs with their words, the score of each, and what must hold of it."""
    served = (VersionState.AVAILABLE.value, VersionState.YANKED.value)
    conditions: list[ColumnElement[bool]] = [
        exists().where(col(VersionRow.name) == col(PackRow.name), col(VersionRow.state).in_(served))
    ]
    packs: FromClause = PackRow.__table__  # type: ignore[attr-defined]
    score: ColumnElement[int] = literal_column("0", Integer)
    for number, word in enumerate(query.words):
        found = (
            select(col(TermRow.name).label("name"), func.max(TermRow.weight).label("weight"))
            .where(col(TermRow.term) >= word, col(TermRow.term) < word + _LAST)
            .group_by(col(TermRow.name))
            .subquery(f"word{number}")
        )
        packs = packs.join(found, found.c.name == col(PackRow.name))
        score = score + found.c.weight
    for facet, values in query.facets.items():
        if facet in _OWN:
            conditions.append(_OWN[facet].in_(list(values)))
        else:
            chosen = select(col(FacetRow.name)).where(
                col(FacetRow.facet) == facet, col(FacetRow.value).in_(list(values))
            )
            conditions.append(col(PackRow.name).in_(chosen))
    return packs, score, conditions
