"""What letters must say, their templates, and numbers and days in words (domain 9.2)."""

from datetime import date
from typing import get_args

import pytest

from services.notifications.letters import languages, standing_sentences, template_of_product
from services.notifications.rules.composing import exit_inspection_on
from services.notifications.rules.content import MANDATORY, PATTERNS, days_in, dressed, missing_in, says
from services.notifications.rules.in_words import day_in_words, listed, number_in_words, number_told, weekday_in_words
from services.notifications.rules.refusals import ContentMissing
from services.notifications.rules.template import TEMPLATES, adopt, fill, in_force, open_marks, with_marks
from shared.contracts.notifications import Kind
from shared.refusals import DateOrder
from tests.specification import given, state_of

KINDS: tuple[Kind, ...] = get_args(Kind)


@pytest.mark.parametrize("kind", ["L-05", "L-07", "L-09"])
def test_the_products_template_says_all_that_it_must(kind: Kind) -> None:
    assert missing_in(template_of_product(kind, "nl") or "", kind) == ()


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_dutch_template_with_a_short_summary(kind: Kind) -> None:
    lines = (template_of_product(kind, "nl") or "").splitlines()
    assert lines[0].startswith("# ")
    assert 1 <= sum(line.startswith("> ") for line in lines) <= 5


def test_there_are_templates_in_three_languages() -> None:
    assert languages() == ("en", "fr", "nl")


@pytest.mark.parametrize(
    ("kind", "part"), [(kind, part) for kind, said in standing_sentences().items() for part in said]
)
def test_a_standing_sentence_says_its_part(kind: Kind, part: str) -> None:
    assert part in MANDATORY[kind]
    assert says(standing_sentences()[kind][part], part)


@pytest.mark.parametrize("part", sorted(PATTERNS))
def test_an_empty_letter_says_nothing(part: str) -> None:
    assert not says(" \n ", part)


def test_each_part_that_a_letter_does_not_say_is_named() -> None:
    assert missing_in("Dag.", "L-12") == MANDATORY["L-12"]
    assert missing_in("Dag.", "L-15") == ()
    assert missing_in(" ", "L-15") == ("text",)


def test_a_persons_words_get_subject_summary_and_what_every_such_letter_says() -> None:
    frame = "# Onderwerp\n> Kort gezegd.\n\nRest"
    whole = dressed("Wij nodigen u uit.", "L-08", frame=frame, standing={"interpreter": "Een tolk kan."})
    assert whole == "# Onderwerp\n> Kort gezegd.\n\nWij nodigen u uit.\n\nEen tolk kan.\n"
    own = dressed("# Eigen\n> Zelf.\nMet tolk.", "L-08", frame=frame, standing={"interpreter": "Een tolk kan."})
    assert own == "# Eigen\n> Zelf.\n\nMet tolk.\n"


def test_the_days_that_a_text_names_are_found() -> None:
    assert days_in("Op 20 maart 2026, of 21/03/2026 of 2026-03-22; niet op 31 februari 2026.") == (
        date(2026, 3, 20),
        date(2026, 3, 21),
        date(2026, 3, 22),
    )


def test_a_template_is_filled_and_names_what_is_missing() -> None:
    filled = fill("# {a}\n- {b?}\n\n## Kop\n{c?}\n\n## Kop 2\n{d}", {"a": "Dag"})
    assert (filled.text, filled.missing) == ("# Dag\n\n## Kop 2\n…\n", ("d",))


def test_words_in_braces_of_a_renter_stay_as_they_are() -> None:
    assert fill("{said}", {"said": "ik zei {office}", "office": "Noord"}).text == "ik zei {office}\n"


def test_marks_are_filled_at_approval() -> None:
    text = "Van ⟦notice_start⟧ tot ⟦notice_end⟧."
    assert open_marks(text) == ("notice_start", "notice_end")
    assert with_marks(text, {"notice_start": "1 april 2026"}) == "Van 1 april 2026 tot ⟦notice_end⟧."


GOOD = "# Proficiat\n> Goed gedaan.\n\n{reasons}"
TODAY = date(2026, 3, 2)


def adopted(text: str = GOOD, *, kind: Kind = "L-06", on: date = TODAY) -> dict[str, object]:
    return {
        "id": "t-1",
        "kind": kind,
        "language": "nl",
        "text": text,
        "in_force_from": on,
        "today": TODAY,
        "known": ("reasons",),
    }


def test_a_template_is_adopted_by_version_and_holds_from_its_day() -> None:
    (first,) = given(TEMPLATES).when(adopt, **adopted()).events or [None]
    assert first is not None and first.version == 1
    given(TEMPLATES, first).when(adopt, **adopted()).then_nothing_happens()
    later = {**adopted(GOOD + "!", on=date(2026, 4, 1))}
    (second,) = given(TEMPLATES, first).when(adopt, **later).events or [None]
    assert second is not None and second.version == 2
    both = state_of(TEMPLATES, first, second)
    assert in_force(both, kind="L-06", language="nl", on=TODAY) == first
    assert in_force(both, kind="L-06", language="nl", on=date(2026, 4, 1)) == second
    assert in_force(both, kind="L-05", language="nl", on=TODAY) is None


def test_a_template_never_changes_what_was_sent() -> None:
    given(TEMPLATES).when(adopt, **adopted(on=date(2026, 3, 1))).then_refused(DateOrder)


def test_a_template_must_say_what_its_kind_must() -> None:
    given(TEMPLATES).when(adopt, **adopted("# Brief\n> Kort.\n\nDag", kind="L-10")).then_refused(
        ContentMissing, "decision"
    )
    given(TEMPLATES).when(adopt, **adopted("Dag {nobody}")).then_refused(
        ContentMissing, "summary", "subject", "unknown_field"
    )
    long = "# Brief\n" + "> regel\n" * 6 + "\nDag"
    given(TEMPLATES).when(adopt, **adopted(long)).then_refused(ContentMissing, "summary")


def test_days_and_numbers_are_said_in_words() -> None:
    assert day_in_words(date(2026, 3, 18)) == "18 maart 2026"
    assert weekday_in_words(date(2026, 3, 18)) == "woensdag 18 maart 2026"
    assert weekday_in_words(date(2026, 3, 18), "fr") == "mercredi 18 mars 2026"
    said = [number_in_words(number) for number in (0, 1, 13, 20, 21, 22, 23, 24, 30, 60, 99, 100)]
    assert said == [
        "nul", "één", "dertien", "twintig", "eenentwintig", "tweeëntwintig", "drieëntwintig", "vierentwintig", "dertig",
        "zestig", "negenennegentig", "100",
    ]  # fmt: skip
    assert number_told(3) == "drie (3)"
    assert number_told(365) == "365"
    assert listed(("An", "Bert", "Celia")) == "An, Bert en Celia"


def test_the_exit_inventory_is_made_on_the_last_working_day_of_the_notice() -> None:
    assert exit_inspection_on(date(2026, 6, 30)) == date(2026, 6, 30)
    assert exit_inspection_on(date(2026, 5, 31)) == date(2026, 5, 29)  # a Sunday
