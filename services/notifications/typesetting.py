"""A letter set in type: the exact bytes of its PDF, the same on every machine (domain 9, architecture 8).

PDF/A-3a and PDF/UA-1 by the pinned typst, with the fonts that lie beside the frame and no others.
"""

import json
import re
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from struct import unpack_from
from typing import Any, Final, Literal
from unicodedata import category

import typst

LETTERHEAD: Final = Path(__file__).parent / "letterhead"
_FRAME: Final = (LETTERHEAD / "letter.typ").read_bytes()
_AS_WORDS: Final = re.compile(r"^\\(?=(#|>|##) )")
_NO_GLYPH: Final = "\u25a1"
_FONTS: Final = typst.Fonts(include_system_fonts=False, font_paths=[LETTERHEAD / "fonts"])

_WORDS: Final = {
    "simulated": "PROEFKLOK: DIT IS GEEN ECHTE BRIEF",
    "landlord": "Verhuurder",
    "date": "Datum",
    "file": "Dossier",
    "dwelling": "Woning",
    "contact": "Uw contact",
    "summary": "Kort gezegd",
    "dear": "Beste",
    "greetings": "Met vriendelijke groeten,",
    "copy": "KOPIE voor",
}


@dataclass(frozen=True, kw_only=True)
class Block:
    """A heading, a list item or a paragraph."""

    kind: Literal["heading", "item", "text"]
    text: str


@dataclass(frozen=True, kw_only=True)
class Recipient:
    """One who gets a letter of their own, beginning on a page of its own."""

    name: str
    lines: tuple[str, ...]
    copy: bool


@dataclass(frozen=True, kw_only=True)
class Translation:
    """An annex.

    :ivar notice: says that the Dutch text is the official one.
    """

    language: str
    text: str
    translator: str | None
    notice: str


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """Everything that stands in the frame of a letter."""

    text: str  # a filled template: subject, summary, headings, items, paragraphs
    on: date
    date_in_words: str
    file_number: str
    office: str
    office_lines: tuple[str, ...]
    landlord: str
    dwelling: str
    contact: str
    contact_phone: str
    signed_by: str
    signed_as: str
    recipients: tuple[Recipient, ...]
    annexes: tuple[Translation, ...] = ()
    simulated: bool = False


def set_in_type(sheet: Sheet) -> bytes:
    """Return the bytes of the letter; the same sheet gives the same bytes, always.

    A character for which the letterhead has no glyph, or that means something in one font only, is shown as a box:
    PDF/A allows neither a gap in its place nor what no reader can name.
    """
    subject, summary, blocks = parts_of(sheet.text)
    letter: dict[str, Any] = {
        "title": subject,
        "language": "nl",
        "day": [sheet.on.year, sheet.on.month, sheet.on.day],
        "date": sheet.date_in_words,
        "file": sheet.file_number,
        "office": {"name": sheet.office, "lines": list(sheet.office_lines)},
        "landlord": sheet.landlord,
        "dwelling": sheet.dwelling,
        "contact": {"name": sheet.contact, "phone": sheet.contact_phone},
        "signature": {"name": sheet.signed_by, "role": sheet.signed_as},
        "subject": subject,
        "summary": list(summary),
        "blocks": [asdict(block) for block in blocks],
        "addressees": [asdict(one) for one in sheet.recipients],
        "annexes": [_annex(one, subject) for one in sheet.annexes],
        "simulated": sheet.simulated,
        "words": _WORDS,
    }
    told = json.dumps(letter, ensure_ascii=False, sort_keys=True)
    made = typst.compile(
        _FRAME,
        format="pdf",
        font_paths=_FONTS,
        ignore_system_fonts=True,
        sys_inputs={"letter": "".join(char if ord(char) in _glyphs() else _NO_GLYPH for char in told)},
        pdf_standards=["a-3a", "ua-1"],
        timestamp=int(datetime(sheet.on.year, sheet.on.month, sheet.on.day, tzinfo=UTC).timestamp()),
    )
    assert isinstance(made, bytes)
    return made


@cache
def _glyphs() -> frozenset[int]:
    """Return the characters that every font of the letterhead can show, those for private use left aside."""
    fonts = sorted((LETTERHEAD / "fonts").glob("*.ttf"))
    shown = frozenset.intersection(*(_characters_of(font.read_bytes()) for font in fonts))
    return frozenset(char for char in shown if category(chr(char)) != "Co")


def _characters_of(font: bytes) -> frozenset[int]:
    """Read which characters a TrueType font maps to a glyph (its ``cmap`` in format 12)."""
    tables = {
        font[12 + 16 * number : 16 + 16 * number]: unpack_from(">II", font, 20 + 16 * number)
        for number in range(unpack_from(">H", font, 4)[0])
    }
    cmap = tables[b"cmap"][0]
    places = [
        cmap + unpack_from(">I", font, cmap + 8 + 8 * number)[0]
        for number in range(unpack_from(">H", font, cmap + 2)[0])
    ]
    table = next(place for place in places if unpack_from(">H", font, place)[0] == 12)
    groups = [
        unpack_from(">II", font, table + 16 + 12 * number) for number in range(unpack_from(">I", font, table + 12)[0])
    ]
    return frozenset(char for first, last in groups for char in range(first, last + 1))


def parts_of(text: str) -> tuple[str, tuple[str, ...], tuple[Block, ...]]:
    """Return subject, summary and the rest of a filled template, or of words without any marks."""
    subject = ""
    summary: list[str] = []
    blocks: list[Block] = []
    for line in text.splitlines():
        words = line.strip()
        if words.startswith("# ") and not subject:
            subject = words[2:]
        elif words.startswith("> "):
            summary.append(words[2:])
        elif words.startswith("## "):
            blocks.append(Block(kind="heading", text=words[3:]))
        elif words.startswith("- "):
            blocks.append(Block(kind="item", text=words[2:]))
        elif words:
            blocks.append(Block(kind="text", text=_AS_WORDS.sub("", words)))
    return subject or "Brief", tuple(summary), tuple(blocks)


def _annex(annex: Translation, subject: str) -> dict[str, Any]:
    own, summary, blocks = parts_of(annex.text)
    translator = f" ({annex.translator})" if annex.translator else ""
    return {
        "language": annex.language[:2],
        "title": own if own != "Brief" else f"{subject} [{annex.language}]",
        "notice": f"{annex.notice}{translator}",
        "blocks": [asdict(Block(kind="text", text=line)) for line in summary] + [asdict(block) for block in blocks],
    }
