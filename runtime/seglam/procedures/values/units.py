"""Units of measurement: symbols as the SI brochure and ISO 80000 write them, and other ways to write each.

Symbols differ by case (mW, MW); names of more than three letters do not. A name is here only if it means one unit: no
gallon, pint or ton, which differ by country, no calorie, which may be a thousand of them, and no C or F, which are also
coulomb and farad.
"""

from __future__ import annotations

_PREFIXES = {
    "n": "nano",
    "\u00b5": "micro",
    "m": "milli",
    "c": "centi",
    "d": "deci",
    "k": "kilo",
    "M": "mega",
    "G": "giga",
    "T": "tera",
}
_PREFIXED = {
    "m": ("n \u00b5 m c d k", ("meter", "metre")),
    "g": ("\u00b5 m k", ("gram", "gramme")),
    "s": ("n \u00b5 m", ("second",)),
    "L": ("\u00b5 m c d", ("liter", "litre")),
    "Hz": ("k M G T", ("hertz",)),
    "W": ("m k M G T", ("watt",)),
    "J": ("m k M G", ("joule",)),
    "V": ("m k", ("volt",)),
    "A": ("m k", ("ampere", "amp")),
    "Pa": ("k M", ("pascal",)),
    "N": ("k M", ("newton",)),
    "Wh": ("k M G", ("watt-hour", "watt hour")),
    "bit": ("k M G", ()),
    "B": ("k M G T", ("byte",)),
}
_OTHERS = {
    "mi": ("mile",),
    "yd": ("yard",),
    "ft": ("foot", "feet"),
    "in": ("inch", "inches"),
    "NM": ("nautical mile", "nmi"),
    "lb": ("pound", "lbs"),
    "oz": ("ounce",),
    "t": ("tonne", "metric ton"),
    "min": ("minute", "mins"),
    "h": ("hour", "hr", "hrs"),
    "d": ("day",),
    "wk": ("week",),
    "ha": ("hectare",),
    "acre": (),
    "K": ("kelvin",),
    "\u00b0C": ("degree celsius", "degrees celsius", "celsius"),
    "\u00b0F": ("degree fahrenheit", "degrees fahrenheit", "fahrenheit"),
    "\u00b0": ("degree",),
    "rad": ("radian",),
    "mol": ("mole",),
    "\u03a9": ("ohm", "\u2126"),
    "bar": (),
    "kcal": ("kilocalorie",),
    "KiB": ("kibibyte",),
    "MiB": ("mebibyte",),
    "GiB": ("gibibyte",),
    "TiB": ("tebibyte",),
    "m\u00b2": ("m^2", "m2", "sq m", "square meter", "square metre"),
    "cm\u00b2": ("cm^2", "cm2", "sq cm", "square centimeter", "square centimetre"),
    "km\u00b2": ("km^2", "km2", "sq km", "square kilometer", "square kilometre"),
    "ft\u00b2": ("ft^2", "ft2", "sq ft", "square foot", "square feet"),
    "mi\u00b2": ("mi^2", "mi2", "sq mi", "square mile"),
    "m\u00b3": ("m^3", "m3", "cubic meter", "cubic metre"),
    "cm\u00b3": ("cm^3", "cm3", "cc", "cubic centimeter", "cubic centimetre"),
    "m/s": ("meter per second", "metre per second", "meters per second", "metres per second"),
    "m/s\u00b2": ("m/s^2", "meters per second squared", "metres per second squared"),
    "km/h": ("kph", "kmh", "km per hour", "kilometers per hour", "kilometres per hour"),
    "mi/h": ("mph", "miles per hour"),
    "kn": ("knot",),
    "kg/m\u00b3": ("kg/m^3",),
    "g/cm\u00b3": ("g/cm^3",),
}


def _plurals(name: str) -> tuple[str, ...]:
    """A name and its plural; names that end in s, z or a sign have none of their own."""
    plain = name.isascii() and name[-1].isalpha() and name[-1] not in "sz" and len(name) > 3
    return (name, name + "s") if plain and name not in ("feet", "celsius", "fahrenheit") else (name,)


def _names() -> dict[str, frozenset[str]]:
    table: dict[str, frozenset[str]] = {}
    for symbol, (prefixes, names) in _PREFIXED.items():
        table[symbol] = frozenset(plural for name in names for plural in _plurals(name))
        for prefix in prefixes.split():
            long = (plural for name in names for plural in _plurals(_PREFIXES[prefix] + name))
            greek = (f"\u03bc{symbol}",) if prefix == "\u00b5" else ()
            small = (prefix + "l",) if symbol == "L" else ()
            table[prefix + symbol] = frozenset((*long, *greek, *small))
    for symbol, names in _OTHERS.items():
        table[symbol] = frozenset(plural for name in names for plural in _plurals(name))
    table["acre"] |= {"acres"}
    table["bit"] |= {"bits"}
    table["L"] |= {"l"}
    return table


NAMES = _names()
"""Other names of each unit, by its symbol. Those of letters alone are compared without case."""


CURRENCIES = frozenset(
    "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF "
    "CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD "
    "HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL "
    "LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP "
    "PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT "
    "TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VES VND VUV WST XAF XCD XOF XPF YER ZAR ZMW ZWG".split()
)
"""Codes of ISO 4217 for money in use."""

_DOLLARS = {
    "US": "USD", "CA": "CAD", "AU": "AUD", "NZ": "NZD", "SG": "SGD", "HK": "HKD", "MX": "MXN", "AR": "ARS", "CL": "CLP",
    "CO": "COP", "JM": "JMD", "TW": "TWD", "PR": "USD", "EC": "USD", "SV": "USD",
}  # fmt: skip
_YEN = {"JP": "JPY", "CN": "CNY"}
SHARED: dict[str, dict[str, str]] = {
    "$": _DOLLARS, "dollar": _DOLLARS, "dollars": _DOLLARS, "\u00a5": _YEN, "\uffe5": _YEN,
}  # fmt: skip
"""Signs and names that several currencies share: the currency by region."""

OWN: dict[str, str] = {
    "US$": "USD", "C$": "CAD", "CA$": "CAD", "A$": "AUD", "AU$": "AUD", "NZ$": "NZD", "HK$": "HKD", "S$": "SGD",
    "R$": "BRL", "NT$": "TWD", "MX$": "MXN", "\u20ac": "EUR", "\u00a3": "GBP", "\u20b9": "INR", "\u20a9": "KRW",
    "\u20bd": "RUB", "\u20ba": "TRY", "\u20b4": "UAH", "\u20aa": "ILS", "\u20ab": "VND", "\u20b1": "PHP",
    "\u20a6": "NGN", "\u0e3f": "THB", "z\u0142": "PLN", "euro": "EUR", "euros": "EUR",
    "us dollar": "USD", "us dollars": "USD", "pounds sterling": "GBP", "yen": "JPY",
}  # fmt: skip
"""Signs and names of one currency."""


def currencies(sign: str, region: str | None) -> tuple[str, ...]:
    """The currencies that a sign, a code or a name in lower case may mean; none if it is unknown."""
    if sign in CURRENCIES:
        return (sign,)
    if sign in OWN:
        return (OWN[sign],)
    shared = SHARED.get(sign, {})
    return (shared[region],) if region in shared else tuple(dict.fromkeys(shared.values()))
