"""What calls of a model cost: prices that hold from a day on, a tenant's own before everybody's, and daily budgets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel

CHARACTERS_PER_TOKEN = 4
"""The usual rule of thumb for English text; stated wherever a figure depends on it."""


class PricesInvalid(ValueError):
    """A file of prices that cannot be used; the message says where and what to give."""


@dataclass(frozen=True, slots=True)
class Prices:
    """What one call of a model is taken to cost. `assumed` says that nobody has stated the prices of tokens.

    Attributes:
        input_million, output_million: price of a million tokens.
        seconds_per_call: how long a model takes for one answer.
        overhead_tokens: tokens of instructions that come with each request.
    """

    input_million: Decimal = Decimal("2.50")
    output_million: Decimal = Decimal("10.00")
    currency: str = "USD"
    seconds_per_call: Decimal = Decimal("1.5")
    overhead_tokens: int = 100
    assumed: bool = True

    def cost(self, input_tokens: int, output_tokens: int) -> Decimal:
        """Price of some tokens."""
        return (input_tokens * self.input_million + output_tokens * self.output_million) / 1_000_000

    def as_json(self) -> dict[str, Any]:
        """The prices as they are sent."""
        return {
            "inputPerMillionTokens": str(self.input_million),
            "outputPerMillionTokens": str(self.output_million),
            "currency": self.currency,
            "secondsPerCall": str(self.seconds_per_call),
            "overheadTokensPerCall": self.overhead_tokens,
            "charactersPerToken": CHARACTERS_PER_TOKEN,
            "assumed": self.assumed,
        }


@dataclass(frozen=True, slots=True)
class PriceList:
    """Prices by the day from which they hold, in one currency.

    Attributes:
        entries: first day (UTC; empty: since ever) and prices, earliest first; the first holds since ever.
    """

    entries: tuple[tuple[str, Prices], ...] = (("", Prices()),)

    @classmethod
    def of(cls, prices: Prices) -> Self:
        """Prices that hold since ever."""
        return cls((("", prices),))

    def on(self, day: str) -> Prices:
        """The prices of a day."""
        return next(prices for begin, prices in reversed(self.entries) if begin <= day)

    @property
    def currency(self) -> str:
        """The currency of all of them."""
        return self.entries[0][1].currency


@dataclass(frozen=True, slots=True)
class PriceBook:
    """Everybody's prices, and those of tenants that have their own."""

    general: PriceList = field(default_factory=PriceList)
    tenants: Mapping[str, PriceList] = field(default_factory=dict)

    def of(self, tenant: str) -> PriceList:
        """The prices that hold for a tenant."""
        return self.tenants.get(tenant, self.general)

    @classmethod
    def read(cls, file: Path) -> Self:
        """The prices of a file. `PricesInvalid` says what is wrong with it."""
        try:
            content = yaml.safe_load(file.read_text(encoding="utf-8"))
            stated = _File.model_validate(content)
        except (OSError, UnicodeDecodeError) as error:
            raise PricesInvalid(f"{file} cannot be read: {error}") from error
        except yaml.YAMLError as error:
            raise PricesInvalid(f"{file} is no YAML: {error}") from error
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"])
            raise PricesInvalid(f"{file}: {place}: {first['msg']}") from error
        return cls(_listed(stated.prices), {name: _listed(each) for name, each in stated.tenants.items()})


@dataclass(frozen=True, slots=True)
class Budget:
    """What a tenant's compilations may use in a day (UTC); None for no limit. Money is in the currency of its
    prices."""

    tokens: int | None = None
    money: Decimal | None = None

    @property
    def unlimited(self) -> bool:
        """Whether nothing is limited."""
        return self.tokens is None and self.money is None

    def exceeded(self, totals: Mapping[tuple[str, str, str], int], prices: PriceList) -> str | None:
        """Why no model may be asked, if so.

        Args:
            totals: the tenant's counts of today by day, procedure and name.
        """
        tokens, money = 0, Decimal(0)
        for (day, _, name), count in totals.items():
            if name == "input_tokens":
                tokens, money = tokens + count, money + prices.on(day).cost(count, 0)
            elif name == "output_tokens":
                tokens, money = tokens + count, money + prices.on(day).cost(0, count)
        if self.tokens is not None and tokens >= self.tokens:
            return f"{tokens} of today's {self.tokens} tokens are used; models are asked again tomorrow (UTC)"
        if self.money is not None and money >= self.money:
            spent = f"{money.quantize(Decimal('0.0001'))} of today's {self.money} {prices.currency}"
            return f"{spent} are spent; models are asked again tomorrow (UTC)"
        return None


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel, populate_by_name=True)


_Amount = Annotated[Decimal, Field(ge=0, allow_inf_nan=False)]


class _Entry(_Part):
    begin: Annotated[date | None, Field(alias="from")] = None
    input_per_million_tokens: _Amount
    output_per_million_tokens: _Amount
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "USD"
    seconds_per_call: _Amount = Decimal("1.5")
    overhead_tokens_per_call: Annotated[int, Field(ge=0)] = 100


_Entries = Annotated[list[_Entry], Field(min_length=1)]


class _File(_Part):
    prices: _Entries
    tenants: dict[str, _Entries] = {}

    @model_validator(mode="after")
    def in_order(self) -> Self:
        """Each list says of every day what holds on it, in one currency."""
        for name, entries in {"prices": self.prices, **self.tenants}.items():
            if entries[0].begin is not None:
                raise ValueError(f"{name}: the first entry holds since ever; leave its from out")
            days = [each.begin for each in entries[1:]]
            if None in days or sorted(set(days), key=str) != days:
                raise ValueError(f"{name}: entries after the first need from, each a later day than the one before")
            if len({each.currency for each in entries}) > 1:
                raise ValueError(f"{name}: a list has one currency, since sums of two are none")
        return self


def _listed(entries: Sequence[_Entry]) -> PriceList:
    return PriceList(
        tuple(
            (
                each.begin.isoformat() if each.begin else "",
                Prices(
                    each.input_per_million_tokens,
                    each.output_per_million_tokens,
                    each.currency,
                    each.seconds_per_call,
                    each.overhead_tokens_per_call,
                    assumed=False,
                ),
            )
            for each in entries
        )
    )
