"""Two streams of shopping requests after GenCache (arXiv 2511.17565), rebuilt from WebShop's human goals.

GenCache's own prompts are not public. Its paper names two sets of 10,000 prompts without repeats: one wording with
other items and prices, and one where the wording varies by synonyms as well. Both ask for a structured reply. Here the
item is a goal without its opening words, and the reply is a search as JSON.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

from benchmarks.workloads.stream import DataProblem, Line, Source, Stream

GOALS = Source(
    repository="princeton-nlp/WebShop",
    commit="64fa2a5c15c7daa698b9ac93f5bb5437b634c9bd",
    path="baseline_models/data/human_goals.json",
    licence="MIT",
    sha256="b68746ed66cd31fdc5f70eb3f5831a46b38163563b57a66ddcab8fd60ee0cbdc",
)
FIRST_MEASURED_SEED = 1000
"""Requests that authors were shown come from seeds below."""

_OPENING = re.compile(
    r"^(?:i am|im|i'm)? ?(?:looking|searching|shopping) (?:for|to buy) "
    r"|^i (?:need|want|would like)(?: to (?:find|buy|get))? "
    r"|^(?:can you )?find me |^id like(?: to (?:find|buy))? |^(?:i am|im) interested in (?:buying |getting )?"
)
TASK = (
    "You are a shopping assistant. Turn the instruction into a search. Reply with JSON only, in the form "
    '{"action": "search", "item": "<what is to be bought, word for word>", "max_price": <number with two decimals>}.'
    "\nInstruction: "
)
SAME = ("i want to buy {item}, and price lower than {price} dollars",)
_OPENINGS = (
    "i want to buy {item}", "i need {item}", "i need to buy {item}", "i want to purchase {item}", "i want {item}",
    "i would like to buy {item}", "i am looking for {item}", "i am looking to buy {item}", "find me {item}",
    "please find me {item}", "i want to get {item}", "i would like to purchase {item}",
)  # fmt: skip
_PRICES = (
    ", and price lower than {price} dollars", ", with a price lower than ${price}", ", priced under ${price}",
    ", for less than {price} dollars", ", at a price below {price} dollars", ", costing less than ${price}",
    ", and it should cost less than {price} dollars", ", cheaper than {price} dollars",
)  # fmt: skip
VARIED = tuple(opening + price for opening in _OPENINGS for price in _PRICES)


def same_wording(data: Path | None, seed: int, count: int) -> Stream:
    """One wording, other items and prices."""
    return _stream(data, seed, count, SAME)


def varied_wording(data: Path | None, seed: int, count: int) -> Stream:
    """12 openings with 8 price clauses, drawn evenly."""
    return _stream(data, seed, count, VARIED)


def _stream(data: Path | None, seed: int, count: int, wordings: Sequence[str]) -> Stream:
    if seed < FIRST_MEASURED_SEED:
        raise ValueError(f"seeds below {FIRST_MEASURED_SEED} are for recording; take another --seed")
    found = items(data)
    if count > len(found):
        raise DataProblem(f"the data holds {len(found)} different items: take a --count of at most {len(found)}")
    return Stream(
        list(requests(found, seed, count, wordings)),
        metric="an answer is right if it is the JSON value with the item word for word and the price",
        sources=[GOALS.described],
        facts={"wordings": len(wordings), "different_items": len(found)},
    )


def items(data: Path | None) -> list[str]:
    """What people want, without their opening words; each once, in the data's order. Goals of other forms are left."""
    goals = json.loads(GOALS.find(data).read_text(encoding="utf-8"))
    named = (_OPENING.sub("", goal.strip(), count=1).strip(" .") for goal in goals if _OPENING.match(goal.strip()))
    return list(
        dict.fromkeys(name for name in named if name.isascii() and not re.match(r"$|(?:to|in|a looking) ", name))
    )


def requests(items: Sequence[str], seed: int, count: int, wordings: Sequence[str]) -> Iterator[Line]:
    """So many requests, none of which has another's item."""
    source = Random(seed)
    for number, item in enumerate(source.sample(items, count)):
        price = f"{source.randrange(10, 300)}.{source.choice(('00', '50', '99'))}"
        wording = source.choice(wordings)
        yield {
            "id": f"shop-{seed}-{number}",
            "family": "shopping",
            "text": TASK + wording.format(item=item, price=price),
            "expected": {"action": "search", "item": item, "max_price": float(price)},
            "compare": "json",
        }
