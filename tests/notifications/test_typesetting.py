"""The bytes of a letter: the same for ever, and showing words as words."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pikepdf

from services.notifications.freezing import from_letters, in_letters
from services.notifications.typesetting import Block, Recipient, Sheet, Translation, parts_of, set_in_type

SHEET = Sheet(
    text="# Brief\n> Kort.\n\n## Kop\n- punt\n\nGewone *tekst* met #let x = 1 en @verwijzing en $formule$.",
    on=date(2026, 3, 2),
    date_in_words="2 maart 2026",
    file_number="KN-0012",
    office="Kantoor Noord",
    office_lines=("Kaai 1",),
    landlord="Woonmaatschappij Noord",
    dwelling="Vaartstraat 12",
    contact="Fatma",
    contact_phone="+32 3 555 01 00",
    signed_by="Karel Maes",
    signed_as="coördinator",
    recipients=(Recipient(name="An Peeters", lines=("Vaartstraat 12",), copy=False),),
)


def test_the_same_letter_gives_the_same_bytes() -> None:
    first = set_in_type(SHEET)
    assert first == set_in_type(replace(SHEET))
    assert first.startswith(b"%PDF-1.7")
    assert b"pdfaid" in first
    assert b"pdfuaid" in first
    assert first != set_in_type(replace(SHEET, simulated=True))


def test_an_annex_in_any_script_does_not_stop_a_letter() -> None:
    annexes = tuple(
        Translation(language=language, text=text, translator=None, notice="Bu bir çeviridir.")
        for language, text in (
            ("tr", "Olumsuz değerlendirme"),
            ("ar", "تقييم سلبي"),
            ("zh", "负面评估"),
            ("uk", "Лист"),
        )
    )
    assert set_in_type(replace(SHEET, annexes=annexes)).startswith(b"%PDF-1.7")


def test_a_character_that_means_something_in_one_font_only_does_not_stop_a_letter() -> None:
    assert set_in_type(replace(SHEET, text="# Brief\n> Kort.\n\nEerst \uf400, dan \uf0b7.")).startswith(b"%PDF-1.7")


def test_a_word_that_is_wider_than_the_paper_goes_on_on_the_next_line(tmp_path: Path) -> None:
    def lines(word: str) -> int:
        made = tmp_path / "letter.pdf"
        made.write_bytes(set_in_type(replace(SHEET, office_lines=(word,), text=f"# Brief\n> Kort.\n\n{word}")))
        with pikepdf.open(made) as letter:
            return sum(str(one.operator) == "Tm" for one in pikepdf.parse_content_stream(letter.pages[0]))

    assert lines("x" * 300) >= lines("x" * 20) + 12  # in the letter four lines, in half its width nine


def test_a_letter_has_a_subject_a_summary_and_blocks() -> None:
    subject, summary, blocks = parts_of("# Brief\n> Kort.\n> Klaar.\n\n## Kop\n- punt\nTekst")
    assert (subject, summary) == ("Brief", ("Kort.", "Klaar."))
    assert blocks == (
        Block(kind="heading", text="Kop"),
        Block(kind="item", text="punt"),
        Block(kind="text", text="Tekst"),
    )


def test_bytes_come_back_from_their_sealed_form_which_holds_no_digit() -> None:
    made = bytes(range(256))
    assert from_letters(in_letters(made)) == made
    assert not any(char.isdigit() for char in in_letters(made))
