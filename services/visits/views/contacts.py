"""Contacts outside home visits, and whether what was asked was answered; for those who guide and decide."""

from collections.abc import Mapping
from typing import Any

from services.visits.rules.contact import CONTACT, Contact
from shared.views import Resource


def show_contact(_id: str, contact: Contact) -> Mapping[str, Any] | None:
    """A contact, and whether what was asked was answered."""
    told = contact.logged
    if told is None:
        return None
    return {
        "state": _contact_state(contact),
        "lease": told.lease,
        "kind": told.kind,
        "channel": told.channel,
        "direction": told.direction,
        "on": told.contact_on,
        "gist": told.gist,
        "purpose": told.purpose,
        "group": told.group,
        "owner": told.owner,
        "due": told.answer_due_on,
        "repair_by": told.repair_by,
        "answered": _answered(contact),
    }


def _contact_state(contact: Contact) -> str:
    if contact.answered:
        return "answered"
    return "open" if contact.open else "logged"


def _answered(contact: Contact) -> Mapping[str, Any] | None:
    told = contact.answered
    return {"on": told.answered_on, "by": told.answered_by, "answer": told.answer} if told else None


CONTACTS = Resource(
    collection="contacts",
    stream=CONTACT,
    show=show_contact,
    filters={"lease": "text not null", "state": "text not null", "kind": "text not null", "owner": "text"},
    filter_values=lambda _id, contact: {
        "lease": contact.logged.lease,
        "state": _contact_state(contact),
        "kind": contact.logged.kind,
        "owner": contact.logged.owner,
    },
)
