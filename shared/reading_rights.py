"""Who may read which category of text (domain 11), in one table, and the opening of sealed text for a reader.

A body holds sealed texts where ``show`` left them. For a caller each is opened, or left out and named in ``withheld``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from shared.keys import CATEGORIES, Category, Seals, category_of
from shared.sealed import Sealed


def _these(letters: str) -> frozenset[Category]:
    return frozenset(category for category in CATEGORIES if category in letters)


READS: Final[Mapping[str, frozenset[Category]]] = {
    "counsellor": _these("ABCE"),  # and F on a lease of their own: see below
    "coordinator": _these("ABCDEG"),
    "director": _these("ABCD"),
    "administration": _these("A"),
    "technical": _these("AE"),
    "bridge-figure": frozenset(),
    "auditor": _these("ABCDEG"),
    "dpo": _these("A"),
    "operator": frozenset(),
}
"""What each role reads everywhere it may read at all."""

READS_IN: Final[Mapping[tuple[str, str], frozenset[Category]]] = {
    ("administration", "communications"): _these("C"),
    ("administration", "templates"): _these("C"),
    ("administration", "leases"): _these("D"),  # the acts it records
    ("administration", "terminations"): _these("D"),  # likewise
    ("technical", "findings"): _these("B"),
}
"""What a role reads besides, in one collection."""

SEVERAL: Final = (list, tuple)  # what was stored holds lists, what was just decided holds tuples


@dataclass(frozen=True)
class OfSome:
    """The category of a field in some of the parts that hold it: ``parts`` says of one whether it is such a part.

    Of such a part it is left out also where it holds nothing: of several, which one lacks it says something too.
    """

    category: Category
    parts: Callable[[Mapping[str, Any]], bool]


Clear = Mapping[str, Category | OfSome]
NOTHING: Final[Clear] = MappingProxyType({})
OF_OWN_LEASE: Final[Category] = "F"  # what a referral is about: the counsellor of the lease and nobody else


def readable(roles: frozenset[str], collection: str | None) -> frozenset[Category]:
    """Return the categories that somebody with these roles reads in a collection."""
    categories: frozenset[Category] = frozenset()
    for role in roles:
        categories |= READS.get(role, frozenset()) | READS_IN.get((role, collection or ""), frozenset())
    return categories


def is_sealed(value: Any) -> bool:
    """Whether a JSON value is a sealed text."""
    return isinstance(value, dict) and {"sealed", "key", "digest"} <= value.keys() <= {
        "sealed",
        "key",
        "digest",
        "length",
    }


async def opened(
    body: Any,
    *,
    seals: Seals,
    office: str,
    categories: frozenset[Category],
    own_lease: bool = False,
    clear: Clear = NOTHING,
) -> tuple[Any, list[str]]:
    """Return the body with every text that may be read, and the names of the fields that were left out.

    :param clear: the category of fields that hold no text, and yet are not for everybody who reads the body.
    :param own_lease: whether the reader is the counsellor of the lease that the body is about.
    """
    if own_lease:
        categories |= {OF_OWN_LEASE}
    found: list[Sealed] = []
    _collect(body, found)
    may = [one for one in found if category_of(one.key) in categories]
    texts = {one: text.text for one, text in (await seals.open_all(office, may)).items()} if may else {}
    withheld: dict[str, None] = {}
    told = {place: one if isinstance(one, OfSome) else OfSome(one, _holding(place)) for place, one in clear.items()}
    closed = {place: one.parts for place, one in told.items() if one.category not in categories}
    return _shown(body, texts, "", withheld, closed), list(withheld)


def _holding(place: str) -> Callable[[Mapping[str, Any]], bool]:
    name = place.rpartition(".")[2]
    return lambda part: part[name] is not None


def _collect(value: Any, found: list[Sealed]) -> None:
    if isinstance(value, dict):
        if is_sealed(value):
            found.append(_as_sealed(value))
        else:
            for held in value.values():
                _collect(held, found)
    elif isinstance(value, SEVERAL):
        for held in value:
            _collect(held, found)


Closed = Mapping[str, Callable[[Mapping[str, Any]], bool]]


def _shown(value: Any, texts: Mapping[Sealed, str], name: str, withheld: dict[str, None], closed: Closed) -> Any:
    if isinstance(value, dict):
        shown: dict[str, Any] = {}
        for key, held in value.items():
            place = f"{name}.{key}" if name else key
            if is_sealed(held):
                text = texts.get(_as_sealed(held))
                if text is None:
                    withheld[place] = None
                else:
                    shown[key] = text
            elif place in closed and closed[place](value):
                withheld[place] = None
            else:
                shown[key] = _shown(held, texts, place, withheld, closed)
        return shown
    if isinstance(value, SEVERAL):
        several = []
        for held in value:
            if is_sealed(held):
                text = texts.get(_as_sealed(held))
                if text is None:
                    withheld[name] = None
                else:
                    several.append(text)
            else:
                several.append(_shown(held, texts, name, withheld, closed))
        return several
    return value


def _as_sealed(value: Mapping[str, Any]) -> Sealed:
    return Sealed(
        sealed=str(value["sealed"]), key=str(value["key"]), digest=str(value["digest"]), length=value.get("length", 0)
    )
