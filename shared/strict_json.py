"""JSON as the door takes it: stricter than the standard library, because what gets in is stored for ever.

Refused: not UTF-8, UTF-16 or a byte-order mark, a name twice in one object, NUL or a lone surrogate in text, nesting
deeper than 50, ``NaN``, ``Infinity``, numbers beyond what a double holds, integers of more than a hundred digits, more
than thirty combining marks in a row. Text comes out in NFC. Whatever is sent, looking at it takes time in proportion to
its length: who else asks waits meanwhile.
"""

import json
import math
import re
from typing import Any, NoReturn
from unicodedata import combining, normalize

DEEPEST = 50
LARGEST_EXACT = 2**53 - 1
LONGEST_INTEGER = 100  # digits; smaller ones out of range are a matter of the field, not of the notation
# A string that does not end goes to the end: looked for anew at each quote in it, it would be read over and over.
_STRING_OR_BRACKET = re.compile(rb'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', re.DOTALL)
_NEVER_IN_TEXT = re.compile("[\x00\ud800-\udfff]")
# No writing has more (Unicode Annex 15, 13), and putting n of them in the order of NFC takes n times n steps.
MOST_MARKS = 30
_UP_TO_IDEOGRAPHS = map(chr, range(0x300, 0x20000))  # beyond there are no marks
# A few characters are none by themselves, and come apart into marks.
_MARKS = re.compile(f"[{''.join(char for char in _UP_TO_IDEOGRAPHS if combining(normalize('NFD', char)[0]))}]+")


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
    """Return one text in NFC. :raises Malformed: it holds NUL, half a surrogate pair or marks without number."""
    if text.isascii():
        if "\x00" in text:
            raise Malformed("NUL in text")
        return text
    if _NEVER_IN_TEXT.search(text):
        raise Malformed("NUL or lone surrogate in text")
    if len(text) > MOST_MARKS and any(len(run[0]) > MOST_MARKS for run in _MARKS.finditer(text)):
        raise Malformed("combining marks without number")
    return normalize("NFC", text)


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
    if len(digits.lstrip("-")) > LONGEST_INTEGER:
        raise Malformed("integer too long")
    return int(digits)


_decoder = json.JSONDecoder(
    object_pairs_hook=_object, parse_constant=_no_constant, parse_float=_float, parse_int=_integer
)
