"""JSON as the door takes it: stricter than the standard library, because what gets in is stored for ever.

Refused: not UTF-8, UTF-16 or a byte-order mark, a name twice in one object, NUL or a lone surrogate in text, nesting
deeper than 50, ``NaN``, ``Infinity``, numbers beyond what a double holds, integers of more than a hundred digits. Text
comes out in NFC.
"""

import json
import math
import re
import unicodedata
from typing import Any, NoReturn

DEEPEST = 50
LARGEST_EXACT = 2**53 - 1
LONGEST_INTEGER = 100  # digits; smaller ones out of range are a matter of the field, not of the notation
_STRING_OR_BRACKET = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)
_NEVER_IN_TEXT = re.compile("[\x00\ud800-\udfff]")


class Malformed(ValueError):
    """The bytes are not JSON that we take. Says why, and never holds a piece of the input."""


def parse(raw: bytes) -> Any:
    """Return the value, all text in it (names too) in NFC.

    :raises Malformed: it is not JSON, or one of the refused forms.
    """
    if raw.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        raise Malformed("byte-order mark")
    if b"\x00" in raw:
        raise Malformed("NUL or UTF-16")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise Malformed("not UTF-8") from None
    if raw.count(b"[") + raw.count(b"{") > DEEPEST:
        _refuse_depth(raw)
    try:
        value = _decoder.decode(text)
    except Malformed:
        raise
    except (ValueError, RecursionError):
        raise Malformed("not JSON") from None
    return _in_nfc(value)


def text_in_nfc(text: str) -> str:
    """Return one text in NFC. :raises Malformed: it holds NUL or half a surrogate pair."""
    if text.isascii():
        if "\x00" in text:
            raise Malformed("NUL in text")
        return text
    if _NEVER_IN_TEXT.search(text):
        raise Malformed("NUL or lone surrogate in text")
    return unicodedata.normalize("NFC", text)


def _refuse_depth(raw: bytes) -> None:
    depth = 0
    for found in _STRING_OR_BRACKET.finditer(raw):
        match found.group()[:1]:
            case b"[" | b"{":
                depth += 1
                if depth > DEEPEST:
                    raise Malformed("nested too deep")
            case b"]" | b"}":
                depth -= 1


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = {text_in_nfc(name): value for name, value in pairs}
    if len(made) != len(pairs):
        raise Malformed("a name twice")
    return made


def _in_nfc(value: Any) -> Any:
    match value:
        case str():
            return text_in_nfc(value)
        case dict():
            return {name: _in_nfc(held) for name, held in value.items()}
        case list():
            return [_in_nfc(held) for held in value]
        case _:
            return value


def _no_constant(_name: str) -> NoReturn:
    raise Malformed("not a number")


def _float(digits: str) -> float | int:
    number = float(digits)
    if not math.isfinite(number):
        raise Malformed("number too large")
    # JSON has one kind of number: 3.0 is the integer 3, as JSON Schema says.
    return int(number) if number.is_integer() and abs(number) <= LARGEST_EXACT else number


def _integer(digits: str) -> int:
    if len(digits) > LONGEST_INTEGER:
        raise Malformed("integer too long")
    return int(digits)


_decoder = json.JSONDecoder(
    object_pairs_hook=_object, parse_constant=_no_constant, parse_float=_float, parse_int=_integer
)
