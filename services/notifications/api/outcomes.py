"""What became of a letter at each addressee: proofs, and their corrections."""

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

from services.notifications.api.door import POSTERS, Name, act_on, api, plain
from services.notifications.rules.communication import (
    COMMUNICATION,
    Communication,
    Proof,
    correct_proof,
    record_delivered,
    record_not_collected,
    record_refused,
    record_returned,
)
from services.notifications.rules.following import tasks_of_reach
from services.notifications.rules.kinds import category_of
from services.notifications.rules.lease_file import LEASE_FILE, LeaseFile
from shared.contracts.notifications import Outcome, ProofKind, TrustLevel
from shared.web import Acted, Body, Caller, Day, Line, Store, Words, every, may


class ProofBody(Body):
    """What shows that a letter arrived. Signed by another than the addressee it needs that person's written proxy."""

    kind: ProofKind
    reference: Line | None = None
    signed_by: Line | None = None
    written_proxy: Line | None = None
    signed_by_minor: bool = False
    trust_level: TrustLevel = "none"


class Delivered(Body):
    """One addressee has it."""

    addressee: Name
    on: Day
    proof: ProofBody | None = None


class NotDelivered(Body):
    """What became of it at one addressee."""

    addressee: Name
    on: Day


class CorrectProof(Body):
    """Another outcome in the place of what was recorded."""

    addressee: Name
    outcome: Outcome
    on: Day
    why: Words | None = None
    proof: ProofBody | None = None


@api.post("/communications/{communication}/delivered")
async def record_delivery(
    communication: str,
    body: Delivered,
    by: Annotated[Caller, may("record_delivered", *POSTERS, of=COMMUNICATION)],
    store: Store,
) -> Acted:
    """Note the proof that one addressee has it."""
    letter: Communication = await store.state(COMMUNICATION, communication, by=by)
    proof = await _proof(body.proof, letter, by)
    decision = partial(
        record_delivered,
        id=communication,
        addressee=body.addressee,
        on=body.on,
        proof=proof,
        **await _signed(body.proof, body.addressee, letter, store, by),
    )
    return await _outcome(store, communication, letter, decision, by=by.on(body.on))


@api.post("/communications/{communication}/not-collected")
async def record_not_collected_letter(
    communication: str,
    body: NotDelivered,
    by: Annotated[Caller, may("record_not_collected", *POSTERS, of=COMMUNICATION)],
    store: Store,
) -> Acted:
    """Note that one addressee did not fetch it."""
    return await _not_delivered(store, communication, record_not_collected, body, by)


@api.post("/communications/{communication}/refused")
async def record_refused_letter(
    communication: str,
    body: NotDelivered,
    by: Annotated[Caller, may("record_refused", *POSTERS, of=COMMUNICATION)],
    store: Store,
) -> Acted:
    """Note that one addressee refused to take it."""
    return await _not_delivered(store, communication, record_refused, body, by)


@api.post("/communications/{communication}/returned")
async def record_returned_letter(
    communication: str,
    body: NotDelivered,
    by: Annotated[Caller, may("record_returned", *POSTERS, of=COMMUNICATION)],
    store: Store,
) -> Acted:
    """Note that it came back from one addressee."""
    return await _not_delivered(store, communication, record_returned, body, by)


@api.post("/communications/{communication}/correct-proof")
async def correct_recorded_proof(
    communication: str,
    body: CorrectProof,
    by: Annotated[Caller, may("correct_proof", "administration", "coordinator", of=COMMUNICATION)],
    store: Store,
) -> Acted:
    """Put another outcome in the place of what was recorded about one addressee."""
    letter: Communication = await store.state(COMMUNICATION, communication, by=by)
    said = await by.seal(category_of(letter.kind), letter.lease or "", why=body.why)
    decision = partial(
        correct_proof,
        id=communication,
        addressee=body.addressee,
        outcome=body.outcome,
        on=body.on,
        why=said.why,
        proof=await _proof(body.proof, letter, by),
        **await _signed(body.proof, body.addressee, letter, store, by),
    )
    return await _outcome(store, communication, letter, decision, by=by.on(body.on))


async def _not_delivered(
    store: Store, communication: str, record: Callable[..., list[Any]], body: NotDelivered, by: Caller
) -> Acted:
    letter: Communication = await store.state(COMMUNICATION, communication, by=by)
    decision = partial(record, id=communication, addressee=body.addressee, on=body.on)
    return await _outcome(store, communication, letter, decision, by=by.on(body.on))


async def _outcome(
    store: Store, id: str, letter: Communication, decision: Callable[..., list[Any]], *, by: Caller
) -> Acted:
    """Record what became of a letter: a task opens where it did not arrive, and closes once nobody is left to reach."""
    return await act_on(
        store,
        id,
        letter,
        decision,
        by=by,
        follows=partial(tasks_of_reach, id=id, today=by.today),
        reads={"letters": every(COMMUNICATION, letter.lease or "")},
    )


async def _proof(given: ProofBody | None, letter: Communication, by: Caller) -> Proof | None:
    if given is None:
        return None
    said = await by.seal(
        category_of(letter.kind), letter.lease or "", reference=given.reference, signed_by=given.signed_by
    )
    if said.reference is None:
        return None
    return Proof(kind=given.kind, reference=said.reference, signed_by=said.signed_by, trust_level=given.trust_level)


async def _signed(
    given: ProofBody | None, addressee: str, letter: Communication, store: Store, by: Caller
) -> dict[str, Any]:
    """Return who signed, as far as it decides whether a proof proves anything."""
    return {
        "signed_by_other": await _signed_by_other(given, addressee, letter, store, by),
        "written_proxy": bool(given and (given.written_proxy or "").strip()),
        "signed_by_minor": given is not None and given.signed_by_minor,
    }


async def _signed_by_other(
    given: ProofBody | None, addressee: str, letter: Communication, store: Store, by: Caller
) -> bool:
    """Whether somebody else than the addressee signed: who signed is told by id, as the addressee, or by name."""
    signed = plain(given.signed_by) if given and given.signed_by else ""
    one = letter.of(addressee)
    if not signed or one is None or signed in (plain(addressee), "addressee", "renter", "huurder"):
        return False
    file: LeaseFile = await store.state(LEASE_FILE, letter.lease or "", by=by)
    party = file.parties.get(one.to.party or "")
    name = party.party.name if party else one.to.name
    known = await store.seals.open(by.office, None, name) if name else None
    return known is None or plain(known) != signed
