"""Letters, and what became of them at each addressee."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from services.notifications.events import CommunicationApprovalTakenBack, CommunicationApproved
from services.notifications.rules.communication import COMMUNICATION, Addressed, Communication
from shared.decisions import Recorded
from shared.sealed import Sealed
from shared.views import Asked, Resource, Row, Table, View

BAD_NEWS_OF_K_15 = ("L-05", "L-09")


def show_communication(id: str, letter: Communication) -> Mapping[str, Any] | None:
    """A letter with its addressees, and what became of it at each."""
    if letter.lease is None:
        return None
    approved, reached = letter.approved, letter.reached
    return {
        "state": letter.state,
        "lease": letter.lease,
        "kind": letter.kind,
        "about": {"kind": letter.about_kind, "id": letter.about_id},
        "bad_news": letter.bad_news,
        "addressees": [_addressee(one, letter) for one in letter.addressed],
        "text_nl": letter.text_nl,
        "annexes": [
            {
                "language": annex.language,
                "text": annex.text,
                "translator": annex.translator,
                "translation_of": annex.translation_of,
                "untranslated": list(annex.untranslated),
            }
            for annex in letter.annexes
        ],
        "translation_waived_by_renter": list(letter.translation_waived_by),
        "missing": list(letter.missing),
        "warnings": _warnings(letter),
        "template": letter.template,
        "drafted_by": letter.drafter,
        "drafted_on": letter.drafted_on,
        "approved_by": letter.approver,
        "approved_on": approved.approved_on if approved else None,
        "document": letter.document,
        "notice": {"start": approved.notice_start, "end": approved.notice_end, "post_until": approved.post_until}
        if approved is not None and approved.notice_start is not None
        else None,
        "method": letter.method,
        "sent_on": letter.sent_on,
        "tracking": letter.tracking,
        "communicated_on": reached.communicated_on if reached else None,
        "first": letter.first,
        "after": letter.after,
        "again": list(letter.again),
        "replaces": letter.replaces,
    }


def _addressee(one: Addressed, letter: Communication) -> Mapping[str, Any]:
    return {
        "id": one.to.addressee,
        "party": one.to.party,
        "role": one.to.role,
        "copy": one.to.copy,
        "required": one.to.addressee in letter.required,
        "language": one.to.language,
        "name": one.to.name,
        "address": one.to.address,
        "state": one.state,
        "on": one.on,
        "proof": {"kind": one.proof_kind, "reference": one.reference, "trust_level": one.trust_level}
        if one.proof_kind is not None
        else None,
        "document": letter.document_for(one.to.addressee),
    }


def _warnings(letter: Communication) -> list[Mapping[str, Any]]:
    return [{"code": "TRANSLATION_MISSING", "addressee": one.addressee} for one in letter.warns_of_translation()]


COMMUNICATIONS = Resource(
    "communications",
    COMMUNICATION,
    show_communication,
    filters={"lease": "text", "state": "text", "kind": "text", "about": "text", "sent_on": "date"},
    filter_values=lambda _id, letter: {
        "lease": letter.lease,
        "state": letter.state,
        "kind": letter.kind,
        "about": letter.about_id,
        "sent_on": letter.sent_on,
    },
)

LETTER_BYTES = Table(
    name="letter_bytes",
    columns={
        "communication": "text not null",
        "addressee": "text not null",  # blank: the letter to all
        "sealed": "text not null",
        "key": "text not null",
        "digest": "text not null",
        "length": "int not null",
    },
    key=("communication", "addressee"),
)


def keep_bytes(letter: Communication, recorded: Recorded[Any]) -> Iterable[Row]:
    """The bytes of each approved letter, sealed; a state that carried them would only be heavy."""
    id = recorded.thing
    match recorded.event:
        case CommunicationApproved(pdf=pdf, copies=copies):
            for addressee, one in (("", pdf), *((copy.addressee, copy.pdf) for copy in copies)):
                sealed = {"sealed": one.sealed, "key": one.key, "digest": one.digest, "length": one.length}
                yield Row(LETTER_BYTES, {"communication": id, "addressee": addressee, **sealed})
        case CommunicationApprovalTakenBack():
            for addressee in ("", *(one.to.addressee for one in letter.addressed)):
                yield Row(LETTER_BYTES, {"communication": id, "addressee": addressee}, gone=True)


async def bytes_of(store: Asked, communication: str, *, addressee: str | None = None, by: Any) -> Sealed | None:
    """Return the sealed bytes of an approved letter; those for one addressee where theirs are apart, else for all."""
    found = await store.rows(
        "select sealed, key, digest, length from letter_bytes where office = $1 and communication = $2"
        " and addressee in ('', $3) order by addressee desc",
        communication,
        addressee or "",
        by=by,
    )
    return Sealed(**dict(found[0])) if found else None


ADDRESSED = Table(
    name="addressed",
    columns={
        "communication": "text not null",
        "addressee": "text not null",
        "lease": "text not null",
        "kind": "text not null",
        "state": "text not null",
        "sent_on": "date",
        "required": "boolean not null",
    },
    key=("communication", "addressee"),
    indexes=(("state", "sent_on"), ("kind", "sent_on")),
)


def keep_addressed(letter: Communication, recorded: Recorded[Any]) -> Iterable[Row]:
    """One row for each addressee of a letter."""
    for one in letter.addressed:
        yield Row(
            ADDRESSED,
            {
                "communication": recorded.thing,
                "addressee": one.to.addressee,
                "lease": letter.lease,
                "kind": letter.kind,
                "state": one.state,
                "sent_on": letter.sent_on,
                "required": one.to.addressee in letter.required,
            },
        )


async def undelivered_bad_news(store: Asked, *, since: date, until: date, by: Any) -> tuple[int, int]:
    """K-15: of the L-05 and L-09 sent in the period to who must be reached, how many did not arrive; and all."""
    found = await store.rows(
        "select count(*) filter (where state in ('not_collected', 'returned')) as missed, count(*) as sent"
        " from addressed where office = $1 and kind = any($2) and sent_on between $3 and $4 and required",
        list(BAD_NEWS_OF_K_15),
        since,
        until,
        by=by,
    )
    return found[0]["missed"], found[0]["sent"]


VIEWS = (
    View(COMMUNICATION, keep_bytes, (LETTER_BYTES,), stays=True),
    View(COMMUNICATION, keep_addressed, (ADDRESSED,)),
)
