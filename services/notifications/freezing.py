"""Letters at approval: set in type and frozen, the bytes that they will be for ever."""

import asyncio
import base64
import hashlib
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date
from functools import cache
from typing import Final

from services.notifications.events import Addressee, Annex, CommunicationApproved, LetterCopy, NoticeDates
from services.notifications.letters import HERE, OFFICE, Reads, dutch, facts_with, languages, tongue_of
from services.notifications.rules import composing
from services.notifications.rules.communication import Communication
from services.notifications.rules.composing import Facts, Values
from services.notifications.rules.in_words import Tongue
from services.notifications.rules.kinds import OFFICIAL, category_of
from services.notifications.rules.lease_file import LEASE_FILE, LeaseFile
from services.notifications.rules.office import OFFICE_CARD
from services.notifications.rules.template import open_marks, with_marks
from services.notifications.typesetting import Recipient, Sheet, Translation, set_in_type
from shared.event_sourcing import OfOffice
from shared.settings import Settings

_ROLES: Final = {
    "director": "directie",
    "coordinator": "coördinator",
    "counsellor": "huurbegeleider",
    "administration": "administratie",
}
# The bytes of a letter are sealed as text. Without digits, no run of them can be taken for a national register number.
_DIGITS: Final = "0123456789"
_SIGNS: Final = "!#$%&()*,;"


async def frozen(
    store: Reads, communication: Communication, *, by: OfOffice, today: date, signed_by: str, roles: Iterable[str]
) -> tuple[tuple[str, ...], CommunicationApproved | None]:
    """Return what the letter lacks, and its bytes with the text they show; no bytes while something is missing."""
    assert communication.lease is not None and communication.text_nl is not None
    file: LeaseFile = await store.state(LEASE_FILE, communication.lease, by=by)
    own = (communication.text_nl, communication.annexes, tuple(one.to for one in communication.addressed))
    facts = await facts_with(store, communication.lease, file, by=by, on=today, about=own)
    values = composing.common(facts)
    frame = ("office", "landlord", "dwelling") if communication.kind in OFFICIAL else ("office",)
    lacking = [*communication.missing, *(name for name in frame if not values.get(name))]
    text = facts.read(communication.text_nl)
    row = composing.notice_row_on(communication.notice_dates, today)
    if text is None:
        lacking.append("text")
    if communication.kind == "L-09" and row is None:
        lacking.append("notice_dates")
    missing = tuple(dict.fromkeys(lacking))
    if missing or text is None:
        return missing, None
    whole = with_marks(text, _marks(dutch(), row, today=today, signed_by=signed_by))
    if open_marks(whole):
        return open_marks(whole), None
    annexes = tuple(
        _translation(annex, facts, _marks(_tongue_or_dutch(annex.language), row, today=today, signed_by=signed_by))
        for annex in communication.annexes
    )
    sheet = _sheet(communication, facts, values, text=whole, annexes=annexes, signed_by=signed_by, roles=roles)
    made = await asyncio.to_thread(set_in_type, sheet)
    category = category_of(communication.kind)
    sealed = await store.seals.seal_all(
        by.office, communication.lease, category, {"text_nl": whole, "pdf": in_letters(made)}
    )
    assert sealed["text_nl"] is not None and sealed["pdf"] is not None
    copies = await asyncio.to_thread(_each_their_own, communication, sheet)
    apart = {
        id: await store.seals.seal(by.office, communication.lease, category, "pdf", in_letters(one))
        for id, one in copies.items()
    }
    approved = CommunicationApproved(
        approved_on=today,
        text_nl=sealed["text_nl"],
        document=hashlib.sha256(made).hexdigest(),
        pdf=sealed["pdf"],
        copies=tuple(
            LetterCopy(addressee=id, document=hashlib.sha256(one).hexdigest(), pdf=found)
            for id, one in copies.items()
            if (found := apart[id]) is not None
        ),
        notice_start=row.start if row else None,
        notice_end=row.end if row else None,
        post_until=row.posted_until if row else None,
    )
    return (), approved


def _marks(tongue: Tongue, row: NoticeDates | None, *, today: date, signed_by: str) -> Mapping[str, str]:
    """Return what is known at approval only, as a language says it."""
    marks = {"letter_date": tongue.day(today), "signed_by": signed_by}
    if row is not None:
        marks |= {
            "notice_start": tongue.day(row.start),
            "notice_end": tongue.day(row.end),
            "post_until": tongue.day(row.posted_until),
            "exit_inspection": tongue.day(composing.exit_inspection_on(row.end)),
        }
    return marks


def _tongue_or_dutch(language: str) -> Tongue:
    return tongue_of(language) if language in languages() else dutch()


@cache
def _notices() -> Mapping[str, str]:
    """Return how a translation says that the Dutch text is the official one, in languages without templates."""
    return tomllib.loads((HERE / "templates" / "annexes.toml").read_text(encoding="utf-8"))


def _translation(annex: Annex, facts: Facts, marks: Mapping[str, str]) -> Translation:
    language = annex.language
    own = tongue_of(language).annex if language in languages() else _notices().get(language[:2])
    return Translation(
        language=language,
        text=with_marks(facts.read(annex.text) or "", marks),
        translator=facts.read(annex.translator),
        notice=" ".join(dict.fromkeys((own or tongue_of("en").annex, dutch().annex))),
    )


def _each_their_own(communication: Communication, sheet: Sheet) -> Mapping[str, bytes]:
    """Return the letter to each addressee apart, where there are several: nobody gets what is addressed to another.

    A translation goes to who reads that language.
    """
    if len(communication.addressed) < 2:
        return {}
    return {
        one.to.addressee: set_in_type(
            replace(
                sheet,
                recipients=(recipient,),
                annexes=tuple(annex for annex in sheet.annexes if annex.language == one.to.language),
            )
        )
        for one, recipient in zip(communication.addressed, sheet.recipients, strict=True)
    }


async def frozen_reminder(
    store: Reads, communication: Communication, *, by: OfOffice, today: date
) -> CommunicationApproved | None:
    """Return the bytes of a reminder that the system signs with the office's name; None while something is missing."""
    card = await store.state(OFFICE_CARD, OFFICE, by=by)
    if communication.text_nl is None:
        return None
    _, made = await frozen(store, communication, by=by, today=today, signed_by=card.name or "", roles=())
    return made


def _sheet(
    communication: Communication,
    facts: Facts,
    values: Values,
    *,
    text: str,
    annexes: tuple[Translation, ...],
    signed_by: str,
    roles: Iterable[str],
) -> Sheet:
    details, file = facts.details, facts.file
    reference = facts.read(file.registered.dwelling_reference) if file.registered else None
    lines = (details.address, details.phone, details.email) if details else ()
    role = next((_ROLES[one] for one in _ROLES if one in set(roles)), "")
    return Sheet(
        text=text,
        on=facts.on,
        date_in_words=dutch().day(facts.on),
        file_number=f"{reference or facts.lease[:8]} / {facts.lease[:8]}",
        office=values.get("office") or "",
        office_lines=tuple(line for line in lines if line),
        landlord=values.get("landlord") or "",
        dwelling=values.get("dwelling") or "",
        contact=values.get("counsellor") or "",
        contact_phone=values.get("counsellor_phone") or "",
        signed_by=signed_by,
        signed_as=role,
        recipients=tuple(recipient_of(facts, one.to) for one in communication.addressed),
        annexes=annexes,
        simulated=clock_is_simulated(),
    )


def recipient_of(facts: Facts, to: Addressee) -> Recipient:
    """Return the name and the address lines of an addressee, as letter and envelope show them."""
    party = facts.file.parties.get(to.party or "")
    name = facts.read(party.party.name) if party else facts.read(to.name)
    return Recipient(name=name or "", lines=_address_lines(facts, to), copy=to.copy)


def _address_lines(facts: Facts, to: Addressee) -> tuple[str, ...]:
    given = facts.read(to.address)
    party = facts.file.parties.get(to.party or "")
    if given is None and party is not None:
        posted = next((one.value for one in party.party.contacts if one.kind == "letter"), None)
        given = facts.read(posted) or (
            facts.read(facts.file.registered.dwelling_address) if facts.file.registered else None
        )
    if given is None and to.role == "administrator" and to.addressee in facts.file.administrators:
        contacts = facts.file.administrators[to.addressee].appointed.contacts
        given = facts.read(next((one.value for one in contacts if one.kind == "letter"), None))
    if given is None and to.role == "debt_mediator" and to.addressee in facts.file.standstills:
        contacts = facts.file.standstills[to.addressee].started.mediator_contacts
        given = facts.read(next((one.value for one in contacts if one.kind == "letter"), None))
    return tuple(line.strip() for part in (given or "").splitlines() for line in part.split(",") if line.strip())


@cache
def clock_is_simulated() -> bool:
    """Whether this platform runs on a settable clock; letters then say so in large letters."""
    return Settings().clock_file is not None


def in_letters(made: bytes) -> str:
    """Return bytes as text without digits."""
    return base64.b64encode(made).decode().translate(str.maketrans(_DIGITS, _SIGNS))


def from_letters(text: str) -> bytes:
    """Return the bytes again."""
    return base64.b64decode(text.translate(str.maketrans(_SIGNS, _DIGITS)))
