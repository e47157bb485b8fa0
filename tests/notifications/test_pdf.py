"""A letter is PDF/A-3a and PDF/UA-1: looked at from the outside, with a reader that did not make it.

No checker of these standards can be had from the package index, so what they ask is looked for in the file itself:
ISO 19005-3 level A and ISO 14289-1, clause by clause, as far as letters of this kind can break it.
"""

import hashlib
import itertools
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pikepdf
import pytest

from services.notifications.letters import HERE
from services.notifications.typesetting import Recipient, Translation, set_in_type
from tests.notifications.test_typesetting import SHEET

FULL = replace(
    SHEET,
    text="# Brief\n> Kort.\n\n## Kop\nTekst.\n- punt\n- punt\n\n## Nog een kop\n" + "Veel tekst. " * 900,
    recipients=(*SHEET.recipients, Recipient(name="Bert Wouters", lines=("Kade 3",), copy=True)),
    annexes=(Translation(language="fr", text="# Lettre\n## Titre\n- point", translator="Elif", notice="Traduction."),),
    simulated=True,
)
GOLDEN = "921febde6a8030d57ffd6664095c4f1b599accb188858a93c5d9362041f99bb6"


@pytest.fixture(scope="module")
def letter(tmp_path_factory: pytest.TempPathFactory) -> Any:
    path: Path = tmp_path_factory.mktemp("pdf") / "letter.pdf"
    path.write_bytes(set_in_type(FULL))
    with pikepdf.open(path) as opened:
        yield opened


def every_dictionary(letter: Any) -> list[Any]:
    return [one for one in letter.objects if isinstance(one, pikepdf.Dictionary | pikepdf.Stream)]


def elements(letter: Any) -> list[Any]:
    """Return the structure elements, in the order in which they are read."""
    found: list[Any] = []

    def read(kids: Any) -> None:
        for kid in kids if isinstance(kids, pikepdf.Array) else [kids]:
            if isinstance(kid, pikepdf.Dictionary) and "/S" in kid:
                found.append(kid)
                read(kid.get("/K", pikepdf.Array()))

    read(letter.Root.StructTreeRoot.K)
    return found


def test_it_says_which_standards_it_keeps(letter: Any) -> None:
    told = letter.Root.Metadata.read_bytes().decode()
    for name, value in (("pdfaid:part", "3"), ("pdfaid:conformance", "A"), ("pdfuaid:part", "1")):
        assert re.search(rf"<{name}>{value}</{name}>", told), name
    assert "<dc:title>" in told and "Brief" in told
    assert letter.Root.ViewerPreferences.DisplayDocTitle


def test_it_is_tagged_and_tells_its_language(letter: Any) -> None:
    assert letter.Root.MarkInfo.Marked and not letter.Root.MarkInfo.get("/Suspects", False)
    assert str(letter.Root.Lang) == "nl"
    tags = [str(one.S) for one in elements(letter)]
    assert {"/Document", "/H1", "/H2", "/P", "/L", "/LI"} <= set(tags)
    assert any(str(one.get("/Lang", "")) == "fr" for one in elements(letter)), "the annex is read in its own language"


def test_its_headings_begin_at_one_and_skip_no_level(letter: Any) -> None:
    levels = [int(str(one.S)[2:]) for one in elements(letter) if re.fullmatch(r"/H\d", str(one.S))]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))


def test_each_page_is_read_in_the_order_of_its_structure(letter: Any) -> None:
    assert len(letter.pages) > 3
    for page in letter.pages:
        assert str(page.Tabs) == "/S"
        assert "/StructParents" in page
        assert_all_content_is_tagged(page)


def assert_all_content_is_tagged(page: Any) -> None:
    """Every mark on the page lies in tagged content or is an artifact."""
    depth = 0
    for one in pikepdf.parse_content_stream(page):
        name = str(one.operator)
        if name in ("BDC", "BMC"):
            depth += 1
        elif name == "EMC":
            depth -= 1
        elif name in ("Tj", "TJ", "'", '"', "f", "f*", "S", "s", "B", "b", "Do", "sh"):
            assert depth > 0, name


def test_every_font_is_in_it_with_its_characters(letter: Any) -> None:
    fonts = [one for one in every_dictionary(letter) if one.get("/Type") == "/Font" and "/Encoding" in one]
    assert fonts
    for font in fonts:
        (descendant,) = font.DescendantFonts
        descriptor = descendant.FontDescriptor
        assert any(file in descriptor for file in ("/FontFile2", "/FontFile3"))
        assert re.match(r"/[A-Z]{6}\+DejaVu", str(descriptor.FontName)), "a part of the font that lies beside the frame"
        assert "/ToUnicode" in font, "what is shown can be read aloud and searched"


def test_its_colours_mean_the_same_everywhere(letter: Any) -> None:
    (intent,) = letter.Root.OutputIntents
    assert str(intent.S) == "/GTS_PDFA1"
    assert intent.DestOutputProfile.read_bytes()[36:40] == b"acsp", "an ICC profile"


def test_nothing_in_it_runs_or_reaches_out(letter: Any) -> None:
    assert not letter.is_encrypted
    root = letter.Root
    assert not {"/OpenAction", "/AA", "/AcroForm", "/Names", "/AF"} & set(root.keys())
    forbidden = {
        "/JavaScript",
        "/Launch",
        "/URI",
        "/SubmitForm",
        "/Movie",
        "/Sound",
        "/GoToR",
        "/RichMedia",
        "/EmbeddedFile",
    }
    for one in every_dictionary(letter):
        assert str(one.get("/S", "")) not in forbidden
        assert str(one.get("/Type", "")) not in forbidden
        assert "/JS" not in one
        assert one.get("/Filter") != "/LZWDecode"


def test_the_bytes_are_the_same_on_every_machine() -> None:
    """No clock, no font, no setting of the machine is in them. A new typst or another frame changes this hash."""
    assert hashlib.sha256(set_in_type(FULL)).hexdigest() == GOLDEN


def test_what_the_bytes_are_made_of_lies_beside_the_code() -> None:
    fonts = sorted(path.name for path in (HERE / "letterhead" / "fonts").glob("*.ttf"))
    assert fonts == ["DejaVuSans-Bold.ttf", "DejaVuSans.ttf"]


def test_the_day_of_the_letter_is_the_only_time_in_it(letter: Any) -> None:
    days = set(re.findall(r"\d{4}-\d{2}-\d{2}T[\d:]+Z", letter.Root.Metadata.read_bytes().decode()))
    assert days == {"2026-03-02T00:00:00Z"}
    assert str(letter.docinfo.CreationDate) == "D:20260302000000Z"
