"""What a body may hold: strict models and the kinds of field they are made of.

Nothing is coerced: ``"5"`` and ``true`` are no numbers, a date is ``YYYY-MM-DD``, an instant has its offset, a name has
no control or bidirectional characters, and what is not asked is refused.
"""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from typing import Annotated, Any, ClassVar, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, GetCoreSchemaHandler, WithJsonSchema
from pydantic_core import CoreSchema, PydanticCustomError

from shared.clock import is_shown
from shared.keys import NationalNumberTyped, refuse_national_number

LARGEST = 2**53 - 1  # what every JSON reader holds exactly
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_DAY = re.compile(r"(19[0-9]{2}|20[0-9]{2}|2100)-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])")
_INSTANT = re.compile(
    r"(19[0-9]{2}|20[0-9]{2}|2100)-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?"
    r"(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"
)
# Controls, bidirectional marks and overrides, line and paragraph separators, tags and other invisible formatting.
NOT_IN_A_LINE = (
    "\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u061c\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u206f\\ufeff\\ufff9-\\ufffb"
)
_NOT_IN_A_LINE = re.compile(f"[{NOT_IN_A_LINE}\U000e0000-\U000e007f]")


def is_uuid(text: str) -> bool:
    """Whether ``text`` is a UUID in its one spelling: lower case, with hyphens."""
    return _UUID.fullmatch(text) is not None


def _strict_day(given: Any) -> date:
    if isinstance(given, str) and _DAY.fullmatch(given):
        try:
            return date.fromisoformat(given)
        except ValueError:
            pass
    raise PydanticCustomError("day", "not a day")


def _strict_instant(given: Any) -> datetime:
    if isinstance(given, str) and _INSTANT.fullmatch(given):
        try:
            return datetime.fromisoformat(given).astimezone(UTC)
        except (ValueError, OverflowError):
            pass
    raise PydanticCustomError("instant", "not an instant with its offset")


def _strict_id(given: str) -> str:
    if not is_uuid(given):
        raise PydanticCustomError("uuid", "not a UUID")
    return given


def _one_line(given: str) -> str:
    if _NOT_IN_A_LINE.search(given):
        raise PydanticCustomError("not_a_line", "control characters")
    # The id of a thing that a body names was drawn, not typed: one in some 20,000 holds such a number by chance.
    return given if is_uuid(given) else _no_national_number(given)


def _no_national_number(given: str) -> str:
    try:
        refuse_national_number("text", given)
    except NationalNumberTyped:
        raise PydanticCustomError("national_number", "a national register number") from None
    return given


Day = Annotated[
    date,
    BeforeValidator(_strict_day),
    WithJsonSchema({"type": "string", "format": "date", "pattern": f"^({_DAY.pattern})$", "examples": ["2026-03-02"]}),
]
"""A calendar day of 1900 to 2100, written ``YYYY-MM-DD``."""

Instant = Annotated[
    datetime,
    BeforeValidator(_strict_instant),
    WithJsonSchema({"type": "string", "format": "date-time", "pattern": f"^({_INSTANT.pattern})$"}),
]
"""A moment with its offset, of 1900 to 2100; comes out in UTC."""

Id = Annotated[
    str,
    AfterValidator(_strict_id),
    WithJsonSchema({"type": "string", "format": "uuid", "pattern": f"^{_UUID.pattern}$"}),
]
"""The id of a thing: a UUID in lower case."""

Line = Annotated[
    str,
    Field(max_length=200, json_schema_extra={"pattern": f"^[^{NOT_IN_A_LINE}]*$"}),
    AfterValidator(_one_line),
]
"""A name or other short text: one line of at most 200 characters, none of control or direction. May be blank."""

Words = Annotated[str, Field(max_length=20_000), AfterValidator(_no_national_number)]
"""Free text of at most 20,000 characters. May be blank: whether that is enough is a matter of the rules."""

Time = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
"""A local time of day, ``HH:MM``."""


def shown_on(day: date | None, slot: str | None) -> str | None:
    """Return a time of day that clocks show on a day. :raises PydanticCustomError: they skip it on that day."""
    if day is not None and slot is not None and not is_shown(day, time.fromisoformat(slot)):
        raise PydanticCustomError("local_time", "that local time does not exist")
    return slot


Channel = Literal[
    "letter",
    "registered_paper",
    "registered_electronic",
    "handover",
    "bailiff",
    "email",
    "sms",
    "whatsapp",
    "facebook",
    "phone",
    "counter",
]
"""How something was told or sent."""


def _ease(schema: Any) -> None:
    """Let JSON lists fill tuples and sets, which strict mode would refuse, and keep integers exact for every reader."""
    if isinstance(schema, Mapping):
        kind = schema.get("type")
        if isinstance(schema, dict):
            if kind in ("tuple", "set", "frozenset"):
                schema["strict"] = False
            elif kind == "int":
                if "ge" not in schema and "gt" not in schema:
                    schema["ge"] = -LARGEST
                if "le" not in schema and "lt" not in schema:
                    schema["le"] = LARGEST
            elif kind == "str":
                schema.setdefault("max_length", 20_000)
        for key, held in schema.items():
            if key not in ("metadata", "serialization", "ref", "cls", "type"):
                _ease(held)
    elif isinstance(schema, list | tuple):
        for held in schema:
            _ease(held)


class Body(BaseModel):
    """What a request asks, exactly: unknown fields are refused, nothing is coerced, text is at most 20,000 characters.

    Lists may be declared as ``list[...]`` or ``tuple[..., ...]``.
    """

    model_config: ClassVar[ConfigDict] = ConfigDict(
        extra="forbid", strict=True, frozen=True, hide_input_in_errors=True, allow_inf_nan=False
    )

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        schema = handler(source)
        _ease(schema)
        return schema


class DatedBody(Body):
    """A body of an act for which the domain names no day of its own: ``occurred_on`` is optional, by default today."""

    occurred_on: Day | None = None


def new_id(given: str | None, made: UUID) -> str:
    """Return the id that the client chose, or the one made for it."""
    return given if given is not None else str(made)
