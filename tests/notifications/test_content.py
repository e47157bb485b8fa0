"""What letters must say, their templates, and numbers and days in words (domain 9.2)."""

import re
import shutil
from datetime import date
from pathlib import Path
from typing import get_args

import pytest

from services.notifications import letters
from services.notifications.letters import dutch, languages, standing_sentences, template_of_product, tongue_of
from services.notifications.rules.composing import exit_inspection_on
from services.notifications.rules.content import (
    MANDATORY,
    PATTERNS,
    WRITTEN_BY_PEOPLE,
    days_in,
    dressed,
    missing_in,
    missing_in_template,
    says,
    summary_fits,
)
from services.notifications.rules.in_words import keeps_dutch
from services.notifications.rules.refusals import ContentMissing
from services.notifications.rules.template import TEMPLATES, adopt, fields_of, fill, in_force, open_marks, with_marks
from services.notifications.typesetting import parts_of
from shared.contracts.notifications import Kind
from shared.refusals import DateOrder, WrongState
from tests.specification import given, state_of

KINDS: tuple[Kind, ...] = get_args(Kind)


@pytest.mark.parametrize("kind", KINDS)
def test_the_products_template_says_all_that_it_must(kind: Kind) -> None:
    assert missing_in_template(template_of_product(kind, "nl") or "", kind) == ()


@pytest.mark.parametrize("language", ["nl", "fr", "en"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_template_with_a_short_summary_in_each_language(kind: Kind, language: str) -> None:
    lines = (template_of_product(kind, language) or "").splitlines()
    assert lines[0].startswith("# ")
    summary = [line for line in lines if line.startswith("> ")]
    assert 1 <= len(summary) <= 5
    assert max(len(re.sub(r"\{.*?\}", "", line)) for line in summary) <= 75, "each is one line of the letter"


@pytest.mark.parametrize("language", ["fr", "en"])
def test_a_language_says_what_dutch_says(language: str) -> None:
    """A translation fills in the same facts, says the same sentences, and knows the whole checklist of the product."""
    for kind in KINDS:
        dutch_text, text = template_of_product(kind, "nl") or "", template_of_product(kind, language) or ""
        assert fields_of(text) == fields_of(dutch_text)
        assert set(open_marks(text)) == set(open_marks(dutch_text))
    assert {*tongue_of(language).phrases} - {"in_dutch"} == {*dutch().phrases}
    for phrase, sentence in dutch().phrases.items():
        assert set(re.findall(r"\{\w+\}", tongue_of(language).phrases[phrase])) == set(re.findall(r"\{\w+\}", sentence))
    assert {kind: [*said] for kind, said in standing_sentences(language).items()} == {
        kind: [*said] for kind, said in standing_sentences().items()
    }
    assert len(tongue_of(language).labels) == 24


def test_there_are_templates_in_three_languages() -> None:
    assert languages() == ("en", "fr", "nl")


def test_a_further_language_is_a_further_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = shutil.copytree(letters.HERE / "templates", tmp_path / "templates")
    shutil.copytree(folder / "fr", folder / "tr")
    monkeypatch.setattr(letters, "HERE", tmp_path)
    for kept in (letters.languages, letters.tongue_of, letters.template_of_product, letters.standing_sentences):
        kept.cache_clear()
    try:
        assert languages() == ("en", "fr", "nl", "tr")
        assert tongue_of("tr").day(date(2026, 3, 18)) == "18 mars 2026"
        assert template_of_product("L-05", "tr") == template_of_product("L-05", "fr")
    finally:
        monkeypatch.undo()
        for kept in (letters.languages, letters.tongue_of, letters.template_of_product, letters.standing_sentences):
            kept.cache_clear()


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
    whole = dressed("Wij nodigen u uit.", frame=frame, standing={"interpreter": "Een tolk kan."})
    assert whole == "# Onderwerp\n> Kort gezegd.\n\nWij nodigen u uit.\n\nEen tolk kan.\n"
    own = dressed("# Eigen\n> Zelf.\nMet tolk.", frame=frame, standing={"interpreter": "Een tolk kan."})
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


def test_somebodys_own_words_are_no_subject_no_summary_and_no_heading() -> None:
    words = "Omdat:\n> de keuken\n # vuil\n## bleef\n- en de gang"
    text = fill("# Brief\n> Kort.\n\n## Waarom\n{reasons}\n{last}", {"reasons": words, "last": "> Klaar."}).text
    subject, summary, blocks = parts_of(text)
    assert (subject, summary) == ("Brief", ("Kort.",))
    assert [(one.kind, one.text) for one in blocks] == [
        ("heading", "Waarom"),
        ("text", "Omdat:"),
        ("text", "> de keuken"),
        ("text", "# vuil"),
        ("text", "## bleef"),
        ("item", "en de gang"),
        ("text", "> Klaar."),
    ]


def test_of_a_persons_words_nothing_is_lost_that_is_marked_like_a_second_subject() -> None:
    whole = dressed("# Uitnodiging\n> Kort.\nDag.\n# Waar\nIn ons kantoor.", frame="", standing={})
    assert whole == "# Uitnodiging\n> Kort.\n\nDag.\n## Waar\nIn ons kantoor.\n"


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
    later = {**adopted(GOOD + "!", on=date(2026, 4, 1)), "id": "t-2"}
    (second,) = given(TEMPLATES, first).when(adopt, **later).events or [None]
    assert second is not None and second.version == 2
    both = state_of(TEMPLATES, first, second)
    assert in_force(both, kind="L-06", language="nl", on=TODAY) == first
    assert in_force(both, kind="L-06", language="nl", on=date(2026, 4, 1)) == second
    assert in_force(both, kind="L-05", language="nl", on=TODAY) is None


def test_an_id_stands_for_one_template() -> None:
    (first,) = given(TEMPLATES).when(adopt, **adopted()).events or [None]
    (second,) = given(TEMPLATES, first).when(adopt, **{**adopted(GOOD + "!"), "id": "t-2"}).events or [None]
    given(TEMPLATES, first).when(adopt, **adopted(GOOD + "!")).then_refused(WrongState)
    given(TEMPLATES, first).when(adopt, **adopted(kind="L-16")).then_refused(WrongState)
    given(TEMPLATES, first, second).when(adopt, **adopted()).then_nothing_happens()


def test_a_template_never_changes_what_was_sent() -> None:
    given(TEMPLATES).when(adopt, **adopted(on=date(2026, 3, 1))).then_refused(DateOrder)


def test_a_template_must_say_what_its_kind_must() -> None:
    given(TEMPLATES).when(adopt, **adopted("# Brief\n> Kort.\n\nDag", kind="L-10")).then_refused(
        ContentMissing, "decision"
    )
    given(TEMPLATES).when(adopt, **adopted("Dag {nobody}")).then_refused(
        ContentMissing, "summary", "subject", "unknown_field"
    )
    given(TEMPLATES).when(adopt, **adopted("# Brief\n> Kort.\n\n⟦nobody⟧")).then_refused(
        ContentMissing, "unknown_field"
    )
    long = "# Brief\n" + "> regel\n" * 6 + "\nDag"
    given(TEMPLATES).when(adopt, **adopted(long)).then_refused(ContentMissing, "summary")


@pytest.mark.parametrize("kind", KINDS)
def test_an_office_can_change_every_template(kind: Kind) -> None:
    text = (template_of_product(kind, "nl") or "") + "\n\nEen zin van het kantoor."
    known = fields_of(text)
    given(TEMPLATES).when(adopt, **{**adopted(text, kind=kind), "known": known}).then_it_holds(
        lambda events: events[0].text == text
    )


@pytest.mark.parametrize(
    ("kind", "name", "part"),
    [
        ("L-05", "{threshold}", "count"),
        ("L-05", "{cure_days}", "cure"),
        ("L-05", "{expected}", "expected"),
        ("L-07", "{heard}", "heard"),
        ("L-09", "{decided_by}", "decided"),
        ("L-09", "{names}", "names"),
        ("L-09", "⟦notice_end⟧", "notice_dates"),
        ("L-09", "⟦exit_inspection⟧", "exit_inventory"),
    ],
)
def test_a_template_that_leaves_out_what_only_the_case_can_tell_is_refused(kind: Kind, name: str, part: str) -> None:
    """The words around it do not help: "telling" is no count."""
    text = (template_of_product(kind, "nl") or "").replace(name, "…")
    assert part in missing_in_template(text, kind)


def test_what_people_write_is_asked_of_their_words_and_not_of_the_frame() -> None:
    assert {"L-08", "L-11", "L-12", "L-15"} == WRITTEN_BY_PEOPLE


def test_days_and_numbers_are_said_in_words() -> None:
    assert dutch().day(date(2026, 3, 18)) == "18 maart 2026"
    assert dutch().weekday(date(2026, 3, 18)) == "woensdag 18 maart 2026"
    assert tongue_of("fr").weekday(date(2026, 3, 18)) == "mercredi 18 mars 2026"
    assert [dutch().number(number) for number in (0, 1, 13, 20, 21, 22, 23, 24, 30, 60, 99, 100)] == [
        "nul", "één", "dertien", "twintig", "eenentwintig", "tweeëntwintig", "drieëntwintig", "vierentwintig", "dertig",
        "zestig", "negenennegentig", "100",
    ]  # fmt: skip
    assert [tongue_of("fr").number(number) for number in (21, 71, 80, 99)] == [
        "vingt et un", "septante et un", "quatre-vingts", "nonante-neuf",
    ]  # fmt: skip
    assert dutch().number_told(3) == "drie (3)"
    assert dutch().number_told(365) == "365"
    assert (dutch().months_told(1), dutch().months_told(3)) == ("één (1) maand", "drie (3) maanden")
    assert dutch().listed(("An", "Bert", "Celia")) == "An, Bert en Celia"


def test_somebodys_own_words_are_never_translated_by_a_machine() -> None:
    french = tongue_of("fr")
    kept = french.kept("De keuken is vuil.")
    assert keeps_dutch(kept)
    assert french.shown(f"Vous : {kept}") == "Vous : [en néerlandais] De keuken is vuil."
    assert french.label("De keuken en de toestellen zijn proper.") == "La cuisine et les appareils sont propres."
    assert keeps_dutch(french.label("Een punt van het kantoor zelf."))
    assert dutch().kept("De keuken is vuil.") == "De keuken is vuil."


def test_a_summary_of_six_lines_is_none() -> None:
    own = "# Brief\n" + "> regel\n" * 6 + "\nDag"
    assert not summary_fits(dressed(own, frame="", standing={}))


def test_the_exit_inventory_is_made_on_the_last_working_day_of_the_notice() -> None:
    assert exit_inspection_on(date(2026, 6, 30)) == date(2026, 6, 30)
    assert exit_inspection_on(date(2026, 5, 31)) == date(2026, 5, 29)  # a Sunday
