import json
from typing import Any

import pytest

from shared.decisions import Named
from shared.keys import CATEGORIES, Category
from shared.problems import refused
from shared.reading_rights import OfSome, opened, readable
from shared.refusals import WrongState
from shared.tokens import ROLES
from shared.wording import LANGUAGES, SHARED, Wording, language_of
from tests.shared.shop import GlassSeals

GLASS: Any = GlassSeals()
ONLY_A: frozenset[Category] = frozenset(("A",))


async def sealed(category: str, text: str, field: str = "text") -> dict[str, Any]:
    found = (await GlassSeals().seal_all("kantoor-noord", "l-1", category, {field: text}))[field]
    return {"sealed": found.sealed, "key": found.key, "digest": found.digest, "length": found.length}


def test_nobody_but_the_leases_counsellor_reads_what_a_referral_is_about() -> None:
    for role in ROLES:
        for collection in (None, "referrals", "communications", "findings"):
            assert "F" not in readable(frozenset({role}), collection)


@pytest.mark.parametrize(
    ("role", "collection", "categories"),
    [
        ("counsellor", None, "ABCE"),
        ("coordinator", None, "ABCDEG"),
        ("director", None, "ABCD"),
        ("administration", None, "A"),
        ("administration", "communications", "AC"),
        ("administration", "evaluations", "A"),
        ("administration", "terminations", "AD"),
        ("technical", "findings", "ABE"),
        ("technical", "visits", "AE"),
        ("auditor", None, "ABCDEG"),
        ("bridge-figure", None, ""),
        ("operator", None, ""),
        ("dpo", None, "A"),
    ],
)
def test_who_reads_what(role: str, collection: str | None, categories: str) -> None:
    """Domain 11, the column "who may see"."""
    assert readable(frozenset({role}), collection) == set(categories)


def test_two_roles_read_what_either_reads() -> None:
    assert readable(frozenset({"technical", "administration"}), "findings") == set("ABE")


async def test_texts_are_opened_deep_down_or_left_out_and_named() -> None:
    body = {
        "name": await sealed("A", "An"),
        "parties": [{"name": await sealed("A", "Bo"), "note": await sealed("B", "stil")}],
        "evidence": [await sealed("B", "foto"), await sealed("A", "brief")],
        "count": 3,
        "nothing": None,
    }
    shown, withheld = await opened(
        body,
        seals=GLASS,
        office="kantoor-noord",
        categories=ONLY_A,
    )
    assert shown == {
        "name": "An",
        "parties": [{"name": "Bo"}],
        "evidence": ["brief"],
        "count": 3,
        "nothing": None,
    }
    assert withheld == ["parties.note", "evidence"]
    assert "sealed" not in json.dumps(shown)


async def test_several_texts_are_opened_or_left_out_whatever_holds_them() -> None:
    """What was just decided holds them in tuples, what was stored in lists; both are answered alike."""
    texts = [await sealed("A", "brief"), await sealed("B", "foto")]
    held = {"evidence": tuple(texts), "parts": ({"evidence": texts},)}
    shown = await opened(held, seals=GLASS, office="kantoor-noord", categories=ONLY_A)
    assert shown == await opened(json.loads(json.dumps(held)), seals=GLASS, office="kantoor-noord", categories=ONLY_A)
    assert shown == ({"evidence": ["brief"], "parts": [{"evidence": ["brief"]}]}, ["evidence", "parts.evidence"])


async def test_a_field_without_a_text_can_be_of_a_category_too() -> None:
    body = {"claim": {"filed_on": "2026-06-01"}, "served_on": None, "ended": {"mode": "notice", "bar": "2029-01-01"}}
    clear: dict[str, Category] = {"claim": "D", "served_on": "D", "ended.bar": "D"}
    shown, withheld = await opened(body, seals=GLASS, office="kantoor-noord", categories=ONLY_A, clear=clear)
    assert (shown, withheld) == ({"served_on": None, "ended": {"mode": "notice"}}, ["claim", "ended.bar"])
    judges: frozenset[Category] = frozenset(("A", "D"))
    shown, withheld = await opened(body, seals=GLASS, office="kantoor-noord", categories=judges, clear=clear)
    assert (shown, withheld) == (body, [])


async def test_a_field_can_be_of_a_category_in_some_of_the_parts_that_hold_it() -> None:
    body = {
        "parts": [{"by": "office", "state": "kept"}, {"by": "renter", "state": "open"}, {"by": "renter", "state": None}]
    }
    clear = {"parts.state": OfSome("B", lambda part: bool(part["by"] == "renter"))}
    shown, withheld = await opened(body, seals=GLASS, office="kantoor-noord", categories=ONLY_A, clear=clear)
    assert shown == {"parts": [body["parts"][0], {"by": "renter"}, {"by": "renter"}]}
    assert withheld == ["parts.state"]
    both: frozenset[Category] = frozenset(("A", "B"))
    assert await opened(body, seals=GLASS, office="kantoor-noord", categories=both, clear=clear) == (body, [])


async def test_texts_of_another_office_stay_shut() -> None:
    shown, withheld = await opened(
        {"name": await sealed("A", "An")},
        seals=GLASS,
        office="kantoor-midden",
        categories=frozenset(CATEGORIES),
    )
    assert (shown, withheld) == ({}, ["name"])


async def test_the_leases_counsellor_reads_category_f() -> None:
    shown, _ = await opened(
        {"need": await sealed("F", "geld")},
        seals=GLASS,
        office="kantoor-noord",
        categories=ONLY_A,
        own_lease=True,
    )
    assert shown == {"need": "geld"}


def test_both_languages_say_the_same_things() -> None:
    wording = Wording()
    for section in ("titles", "refusals", "invalid"):
        assert wording.names(section, "nl") == wording.names(section, "en") != frozenset()


def test_values_fill_a_sentence_and_missing_ones_leave_a_gap(tmp_path: Any) -> None:
    (tmp_path / "nl.toml").write_text('[named]\nTOO_MANY = "Er zijn er {open} van {most}."\n', encoding="utf-8")
    wording = Wording(tmp_path)
    assert wording.say("named", "TOO_MANY", "en", {"open": 4}) == "Er zijn er 4 van …."
    assert wording.say("named", "UNHEARD_OF", "nl") is None


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        (None, "nl"),
        ("", "nl"),
        ("en", "en"),
        ("fr,de", "nl"),
        ("fr;q=1,en;q=0.1", "en"),
        ("en;q=0", "nl"),
        ("EN-us", "en"),
        ("x" * 9999, "nl"),
    ],
)
def test_the_language_is_one_that_we_speak(accepted: str | None, language: str) -> None:
    assert language_of(accepted) == language


def test_a_refusal_names_what_it_is_about() -> None:
    problem = refused(
        WrongState(Named("GATE_OPEN", values={"gate": "G3"}), Named("NOT_SMART", pointer="/commitments/0"))
    )
    assert (problem.status, problem.reason) == (409, "wrong-state")
    assert [(fault.code, fault.pointer) for fault in problem.faults] == [
        ("GATE_OPEN", None),
        ("NOT_SMART", "/commitments/0"),
    ]


def test_the_wording_lies_beside_the_code() -> None:
    assert {file.stem for file in SHARED.glob("*.toml")} == set(LANGUAGES)
