from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, ValidationError

from shared.bodies import Body, Channel, DatedBody, Day, Id, Instant, Line, Time, Words


class Part(Body):
    count: int


class Everything(DatedBody):
    id: Id | None = None
    day: Day | None = None
    at: Instant | None = None
    slot: Time | None = None
    name: Line | None = None
    words: Words | None = None
    channel: Channel | None = None
    count: int | None = None
    share: float | None = None
    told: bool | None = None
    listed: list[Part] = Field(default_factory=list)
    fixed: tuple[Part, ...] = ()


FINE: list[dict[str, Any]] = [
    {"id": "0d9c0b52-43c5-4f64-9b59-4a5b8d2f0001"},
    {"day": "1900-01-01"},
    {"day": "2100-12-31"},
    {"day": "2028-02-29"},
    {"at": "2026-03-29T01:30:00Z"},
    {"at": "2026-03-29T01:30:00.123456-05:30"},
    {"slot": "23:59"},
    {"name": ""},
    {"name": "Zoë O'Brien-Çelik 李"},
    {"words": "a\nb\tc"},
    {"words": "x" * 20_000},
    {"words": "0488 12 34 56, BE68 5390 0754 7034"},
    {"channel": "sms"},
    {"count": 2**53 - 1},
    {"share": 3},
    {"told": False},
    {"listed": [{"count": 1}], "fixed": [{"count": 2}]},
    {"occurred_on": "2026-03-02"},
]
REFUSED: list[dict[str, Any]] = [
    *({"id": id} for id in ("", "1", "0D9C0B52-43C5-4F64-9B59-4A5B8D2F0001", "0d9c0b5243c54f649b594a5b8d2f0001", 1)),
    *(
        {"day": day}
        for day in ("1899-12-31", "2101-01-01", "2026-02-29", "2026-2-3", "20260203", "2026-W10-1", "morgen")
    ),
    *(
        {"day": day}
        for day in ("2026-03-02T00:00:00", "2026-03-02 ", "٢٠٢٦-03-02", 1_772_409_600, True, ["2026-03-02"])
    ),
    *({"at": at} for at in ("2026-03-02T10:00:00", "2026-03-02", "2026-03-02T24:00:00Z", "2026-02-30T10:00:00Z", 1.5)),
    *({"at": at} for at in ("1899-12-31T10:00:00Z", "2026-03-02T10:00:00+24:00", "2026-03-02T10:00:00.1234567Z")),
    *({"slot": slot} for slot in ("24:00", "9:30", "09:60", "09:30:00", "noen", 930, "09:30\n")),
    *({"name": f"An{odd}Claes"} for odd in "\n\r\x00\x07\x1b\x7f\x85\u200b\u200e\u2028\u202e\u2066\ufeff\U000e0041"),
    *({"name": name} for name in ("n" * 201, 5, True, ["An"])),
    *({"words": words} for words in ("x" * 20_001, "RR 85.07.30-033 28", "85073003328", 5, {"a": "b"})),
    *({"channel": channel} for channel in ("fax", "SMS", "", 1)),
    *({"count": count} for count in ("5", True, 1.5, 2**53, -(2**53), [1])),
    *({"share": share} for share in ("5", True, float("nan"), float("inf"))),
    *({"told": told} for told in (0, 1, "true", "yes")),
    *({"listed": odd} for odd in ("abc", {"0": {"count": 1}}, [{"count": "1"}], [None])),
    {"listed": [{}]},
    {"listed": [[]]},
    *({"fixed": fixed} for fixed in ("abc", {"0": {"count": 1}}, [{"count": "1"}], [{"count": 1, "more": 2}])),
    {"unheard_of": 1},
]


@pytest.mark.parametrize("fields", FINE, ids=repr)
def test_what_fits_is_taken(fields: dict[str, Any]) -> None:
    Everything.model_validate(fields)


@pytest.mark.parametrize("fields", REFUSED, ids=lambda fields: repr(fields)[:60].encode("unicode_escape").decode())
def test_what_does_not_fit_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Everything.model_validate(fields)


def test_an_instant_comes_out_in_utc() -> None:
    at = Everything.model_validate({"at": "2026-03-02T10:00:00+01:00"}).at
    assert at is not None
    assert at.isoformat() == "2026-03-02T09:00:00+00:00"


@given(
    st.dictionaries(
        st.sampled_from(list(Everything.model_fields)),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        ),
    )
)
def test_whatever_is_sent_is_taken_or_refused(fields: dict[str, Any]) -> None:
    try:
        Everything.model_validate(fields)
    except ValidationError as refused:
        assert refused.error_count() > 0


HOLDS_A_NUMBER = "1a2ae2e9-6ac8-4a21-8c5e-f38526735855"  # drawn at random; its last digits are a valid number


def test_an_id_that_a_body_names_may_hold_a_national_number_by_chance() -> None:
    assert Everything.model_validate({"name": HOLDS_A_NUMBER}).name == HOLDS_A_NUMBER


@pytest.mark.parametrize("typed", [f"{HOLDS_A_NUMBER} ", f"zie {HOLDS_A_NUMBER}", HOLDS_A_NUMBER.upper()])
def test_what_is_no_id_alone_may_not(typed: str) -> None:
    with pytest.raises(ValidationError, match="national"):
        Everything.model_validate({"name": typed})
