import contextlib
import json
import unicodedata
from time import process_time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.strict_json import DEEPEST, Malformed, parse

REFUSED = {
    "nothing": b"",
    "not JSON": b"{'a': 1}",
    "half": b'{"a": ',
    "two values": b"{} {}",
    "trailing comma": b"[1,]",
    "not UTF-8": b'"\xff"',
    "half a character": b'"\xc3"',
    "surrogate encoded as UTF-8": b'"\xed\xa0\x80"',
    "byte-order mark": b"\xef\xbb\xbf{}",
    "UTF-16, little end first": '{"a": 1}'.encode("utf-16-le"),
    "UTF-16, big end first": '{"a": 1}'.encode("utf-16-be"),
    "UTF-16 with its mark": '{"a": 1}'.encode("utf-16"),
    "UTF-32": '{"a": 1}'.encode("utf-32"),
    "a name twice": b'{"a": 1, "a": 1}',
    "a name twice, deep down": b'[{"b": {"a": 1, "a": 2}}]',
    "a name twice once in NFC": '{"\u00e9": 1, "e\u0301": 2}'.encode(),
    "NUL": b'"\x00"',
    "NUL, escaped": rb'"\u0000"',
    "NUL in a name": rb'{"\u0000": 1}',
    "lone high surrogate": rb'"\ud800"',
    "lone low surrogate": rb'"\udc00"',
    "surrogates the wrong way round": rb'"\udc00\ud800"',
    "lone surrogate in a name": rb'{"\ud800": 1}',
    "control character in text": b'"\x01"',
    "NaN": b"NaN",
    "Infinity": b"[Infinity]",
    "minus Infinity": b'{"a": -Infinity}',
    "1e999": b"1e999",
    "minus 1e999": b"[-1e999]",
    "an integer of 5,000 digits": b"1" * 5000,
    "an integer of 101 digits": b"1" * 101,
    "nested 51 deep": b"[" * 51 + b"]" * 51,
    "nested objects": b'{"a":' * 51 + b"1" + b"}" * 51,
    "nested for ever": b"[" * 200_000,
    "more marks than any writing has": ('"a' + "\u0301" * 31 + '"').encode(),
    "more marks than any writing has, in a name": ('{"a' + "\u0301" * 31 + '": 1}').encode(),
    "more marks than any writing has, in characters that come apart": ('"' + "\u0f73" * 31 + '"').encode(),
}


@pytest.mark.parametrize("raw", REFUSED.values(), ids=REFUSED.keys())
def test_what_is_not_strict_json_is_refused(raw: bytes) -> None:
    with pytest.raises(Malformed):
        parse(raw)


def test_why_says_nothing_of_what_was_sent() -> None:
    with pytest.raises(Malformed) as refused:
        parse(b'{"Jan Peeters": 1, "Jan Peeters": 2}')
    assert "Jan" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_a_sign_is_no_digit() -> None:
    assert parse(b"-" + b"1" * 100) == -int("1" * 100)
    with pytest.raises(Malformed):
        parse(b"-" + b"1" * 101)


def test_nesting_as_deep_as_allowed_is_read() -> None:
    assert parse(b"[" * DEEPEST + b"]" * DEEPEST) != []


@pytest.mark.parametrize(
    "raw",
    [
        b"[]" * 60 + b'"' + rb"\"" * 30_000,
        b'"a' + "\u0301".encode() * 30_000 + "\u0316".encode() * 30_000 + b'"',
        b'"' + "\u0f73".encode() * 40_000 + b'"',
    ],
    ids=["a string that does not end", "marks out of order", "characters that come apart into marks"],
)
def test_nothing_takes_longer_than_reading_it(raw: bytes) -> None:
    begun = process_time()
    with pytest.raises(Malformed):
        parse(raw)
    assert process_time() - begun < 1.0  # a hundred times what it takes


def test_thirty_marks_in_a_row_are_text() -> None:
    accented = "a" + "\u0316" * 15 + "\u0323" * 15
    assert parse(f'"{accented * 2}"'.encode()) == unicodedata.normalize("NFC", accented * 2)


def test_brackets_in_text_are_no_nesting() -> None:
    assert parse(json.dumps(['"[{\\"' * 100]).encode()) == ['"[{\\"' * 100]


def test_text_and_names_come_out_in_nfc() -> None:
    assert parse('{"cafe\u0301": "Ze\u0301"}'.encode()) == {"caf\u00e9": "Z\u00e9"}


def test_a_pair_of_surrogates_is_one_character() -> None:
    assert parse(rb'"\ud83c\udfe0"') == "\U0001f3e0"


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**90), 10**90)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(JSON)
def test_all_other_json_is_read_as_it_is(value: Any) -> None:
    raw = json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")
    try:
        read = parse(raw)
    except Malformed:
        assert "\\u0000" in raw.decode("utf-8", "surrogatepass") or _names_meet_in_nfc(value)
    else:
        assert read == json.loads(unicodedata.normalize("NFC", raw.decode()))


def _names_meet_in_nfc(value: Any) -> bool:
    match value:
        case dict():
            names = {unicodedata.normalize("NFC", name) for name in value}
            return len(names) < len(value) or any(_names_meet_in_nfc(held) for held in value.values())
        case list():
            return any(_names_meet_in_nfc(held) for held in value)
        case _:
            return False


@given(st.binary(max_size=200))
def test_nothing_but_malformed_is_ever_raised(raw: bytes) -> None:
    with contextlib.suppress(Malformed):
        parse(raw)
