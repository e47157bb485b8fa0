"""Registered letters for a carrier of paper: a batch to print, and the file in which the carrier tells what became.

Neither manifest nor file says what a letter is about: a reference, a name, an address, an outcome.
"""

import csv
import io
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from services.notifications.rules.post import OUTCOMES, RowOutcome
from services.notifications.rules.refusals import CarrierFileUnreadable

MANIFEST: Final = ("reference", "file", "name", "line_1", "line_2", "line_3", "line_4", "sha256")
NEEDED: Final = frozenset({"reference", "outcome", "on"})
_SAME_TIME: Final = (1980, 1, 1, 0, 0, 0)  # the same batch is the same bytes
_FORMULA: Final = ("=", "+", "-", "@", "\t")


@dataclass(frozen=True, kw_only=True)
class Printed:
    """One letter of a batch, as it goes into an envelope."""

    reference: str
    name: str
    lines: tuple[str, ...]
    sha256: str
    pdf: bytes


def as_zip(letters: Iterable[Printed]) -> bytes:
    """Return a batch to print: ``manifest.csv`` and one PDF for each envelope, in the order of the manifest."""
    made, table = io.BytesIO(), io.StringIO(newline="")
    rows = csv.writer(table)
    rows.writerow(MANIFEST)
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as packed:
        for one in letters:
            name = f"{one.reference}.pdf"
            lines = (*one.lines, "", "", "", "")[:4]
            rows.writerow([literal(cell) for cell in (one.reference, name, one.name, *lines, one.sha256)])
            packed.writestr(zipfile.ZipInfo(name, _SAME_TIME), one.pdf)
        packed.writestr(zipfile.ZipInfo("manifest.csv", _SAME_TIME), table.getvalue().encode("utf-8"))
    return made.getvalue()


def literal(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


@dataclass(frozen=True, kw_only=True)
class Row:
    """A row of the carrier's file."""

    reference: str
    outcome: RowOutcome | None
    on: date | None
    tracking: str
    signed_by: str


def rows_in(file: str) -> list[Row]:
    """Return the rows of a carrier's file: CSV with a header, with commas or semicolons.

    Columns: ``reference``, ``outcome`` (delivered, refused, not_collected, returned), ``on`` (YYYY-MM-DD) and, for a
    delivery, ``tracking`` and ``signed_by`` (``addressee``, or who signed in their place).

    :raises CarrierFileUnreadable: a column is missing.
    """
    text = file.removeprefix("﻿")
    header = text.partition("\n")[0]
    table = csv.DictReader(io.StringIO(text, newline=""), delimiter=";" if ";" in header else ",")
    if not {name.strip().lower() for name in table.fieldnames or ()} >= NEEDED:
        raise CarrierFileUnreadable
    return [_row({(name or "").strip().lower(): _text(cell) for name, cell in row.items()}) for row in table]


def _text(cell: object) -> str:
    return cell.strip() if isinstance(cell, str) else ""


def _row(cells: Mapping[str, str]) -> Row:
    outcome = cells.get("outcome", "")
    return Row(
        reference=cells.get("reference", ""),
        outcome=next((one for one in OUTCOMES if one == outcome), None),
        on=_day(cells.get("on", "")),
        tracking=cells.get("tracking", "")[:200],
        signed_by=cells.get("signed_by", "")[:200],
    )


def _day(text: str) -> date | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if len(text) == 10 and 1900 <= day.year <= 2100 else None
