"""A letter's way out of the house: approved, sent, sent again or dropped; and its bytes."""

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any
from uuid import uuid4

from fastapi import Query
from fastapi.responses import Response
from pydantic import Field

from services.notifications import views
from services.notifications.api.door import POSTERS, READERS, SENDERS, Name, act_on, api, policy_of, sender_of
from services.notifications.delivery import channels_here
from services.notifications.freezing import from_letters, frozen
from services.notifications.letters import wishes_of
from services.notifications.names import sending_named
from services.notifications.rules.communication import COMMUNICATION, Communication, approve, drop, send, send_again
from services.notifications.rules.following import Closing, tasks_of_reach
from services.notifications.rules.kinds import category_of
from services.notifications.rules.lease_file import LEASE_FILE
from services.notifications.rules.preferences import Wishes, preferred
from services.notifications.rules.sending import leaves, leaves_again
from shared.bodies import new_id
from shared.keys import category_of as category_of_key
from shared.problems import not_found, not_permitted
from shared.reading_rights import readable
from shared.web import Acted, Body, Caller, Channel, Day, Id, Line, Store, Words, may, one


class SendCommunication(Body):
    """Hand a letter to its carrier; by default the way in which its first addressee asked to be reached."""

    on: Day
    method: Channel | None = None
    tracking: Line | None = None


class NewAddress(Body):
    """Where an addressee lives now."""

    addressee: Name
    address: Words


class SendAgain(Body):
    """Send what did not arrive again, by another way or to another address."""

    id: Id | None = None
    method: Channel
    on: Day | None = None
    tracking: Line | None = None
    addressees: Annotated[tuple[Name, ...], Field(max_length=50)] | None = None
    addresses: Annotated[tuple[NewAddress, ...], Field(max_length=50)] | None = None


@api.post("/communications/{communication}/approve")
async def approve_communication(
    communication: str,
    by: Annotated[Caller, may("approve_communication", *SENDERS, of=COMMUNICATION)],
    store: Store,
) -> Acted:
    """Answer for a letter; from here on its bytes are what they are."""
    letter: Communication = await store.state(COMMUNICATION, communication, by=by)
    policy = await policy_of(store, by)
    missing, made = (
        await frozen(store, letter, by=by, today=by.today, signed_by=by.name, roles=by.roles)
        if letter.stage == "draft"
        else ((), None)
    )
    decision = partial(approve, by=by.person, today=by.today, policy=sender_of(policy), missing=missing, frozen=made)
    return await act_on(
        store,
        communication,
        letter,
        decision,
        by=by.under(policy=policy.version if policy else None),
        follows=lambda _letter, _events: ((), (Closing(kind="letter_to_approve", about_id=communication),)),
    )


@api.post("/communications/{communication}/send")
async def send_communication(
    communication: str,
    body: SendCommunication,
    by: Annotated[Caller, may("send_communication", *SENDERS, of=COMMUNICATION)],
    store: Store,
) -> Acted:
    """Note that a letter left the office, or let it leave where the platform carries its channel itself.

    A notice is posted with ``post-notice`` of evaluations.
    """
    letter: Communication = await store.state(COMMUNICATION, communication, by=by)
    said = await by.seal(category_of(letter.kind), letter.lease or "", tracking=body.tracking)
    policy = await policy_of(store, by)
    to = tuple(one.to for one in letter.addressed)
    wishes = await wishes_of(store, to, by=by)
    asked = next((preferred(letter.kind, one.party, wishes, on=body.on) for one in to if not one.copy), None)
    decision = partial(
        send,
        by=by.person,
        policy=sender_of(policy),
        method=body.method or asked or "letter",
        on=body.on,
        tracking=said.tracking,
    )
    return await act_on(
        store,
        communication,
        letter,
        partial(_and_leave, decision=decision, id=communication, wishes=wishes),
        by=by.on(body.on).under(policy=policy.version if policy else None),
        reads={"file": one(LEASE_FILE, letter.lease or "")},
    )


@api.post("/communications/{communication}/send-again")
async def send_letter_again(
    communication: str,
    body: SendAgain,
    by: Annotated[Caller, may("send_again", *POSTERS, of=COMMUNICATION)],
    store: Store,
) -> Acted:
    """Send the frozen letter again to those whom it did not reach, as a communication of its own (``again``)."""
    letter: Communication = await store.state(COMMUNICATION, communication, by=by)
    category, lease = category_of(letter.kind), letter.lease or ""
    said = await by.seal(category, lease, tracking=body.tracking)
    addresses = {
        given.addressee: sealed
        for given in body.addresses or ()
        if (sealed := await by.seal_one(category, lease, "address", given.address)) is not None
    }
    again = new_id(body.id, uuid4())
    first: Communication = letter if letter.first is None else await store.state(COMMUNICATION, letter.first, by=by)
    decision = partial(
        send_again,
        id=communication,
        again=again,
        method=body.method,
        on=body.on or by.today,
        addressees=body.addressees or (),
        addresses=addresses,
        tracking=said.tracking,
        post_until=first.approved.post_until if first.approved else None,
    )
    return await act_on(
        store,
        communication,
        letter,
        partial(_and_leave_again, decision=decision, again=again),
        by=by.on(body.on),
        follows=partial(tasks_of_reach, id=communication, today=by.today),
        reads={"already": one(COMMUNICATION, again), "file": one(LEASE_FILE, lease)},
    )


@api.post("/communications/{communication}/drop")
async def drop_letter(
    communication: str,
    by: Annotated[Caller, may("drop_communication", *SENDERS, of=COMMUNICATION)],
    store: Store,
) -> Acted:
    """Drop a letter that was not sent."""
    letter: Communication = await store.state(COMMUNICATION, communication, by=by)
    decision = partial(drop, by=by.person, policy=sender_of(await policy_of(store, by)))
    return await act_on(
        store,
        communication,
        letter,
        decision,
        by=by,
        follows=lambda _letter, _events: ((), (Closing(kind="letter_to_approve", about_id=communication),)),
    )


def _and_leave(
    letter: Communication, *, decision: Callable[..., list[Any]], id: str, wishes: Wishes, **reads: Any
) -> list[Any]:
    """Send a letter, and let it wait for the carrier of its channel where this platform has one."""
    events = list(decision(letter, **reads))
    return [*events, *leaves(letter, events, id=id, carried=channels_here(), wishes=wishes, named=sending_named)]


def _and_leave_again(
    letter: Communication, *, decision: Callable[..., list[Any]], again: str, **reads: Any
) -> list[Any]:
    """Send again what did not arrive, and let it wait for the carrier of its channel where this platform has one."""
    events = list(decision(letter, **reads))
    return [*events, *leaves_again(letter, events, id=again, carried=channels_here(), named=sending_named)]


@api.get("/communications/{communication}.pdf", response_class=Response)
async def letter_as_pdf(
    communication: str,
    by: Annotated[Caller, may("read_communications", *READERS, "auditor", of=COMMUNICATION)],
    store: Store,
    addressee: Annotated[Name | None, Query()] = None,
) -> Response:
    """The letter as approved, byte for byte: to all its addressees, or as one of them gets it."""
    letter: Communication = await store.state(COMMUNICATION, communication, by=by)
    if addressee is not None and letter.of(addressee) is None:
        raise not_found()
    sealed = await views.bytes_of(store, letter.first or communication, addressee=addressee, by=by)
    document = letter.document_for(addressee) if addressee else letter.document
    if sealed is None or document is None:
        raise not_found()
    if category_of_key(sealed.key) not in readable(by.roles, "communications"):
        raise not_permitted()
    text = await store.seals.open(by.office, "pdf", sealed)
    if text is None:
        raise not_found()
    await store.note_read(by, [letter.lease or ""], "communications")
    return Response(
        from_letters(text),
        media_type="application/pdf",
        headers={"ETag": f'"{document}"', "Content-Disposition": f'inline; filename="{letter.kind}.pdf"'},
    )


api.collection(views.COMMUNICATIONS, readers=READERS)
