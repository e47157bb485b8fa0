"""Letters, tasks and calendars over HTTP: translate, decide, answer."""

import asyncio
import hashlib
import secrets
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from types import SimpleNamespace
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlencode
from uuid import uuid4

from fastapi import Query
from fastapi.responses import Response
from pydantic import Field

from services.notifications import views
from services.notifications.delivery import channels_here, settled_or_asked
from services.notifications.events import (
    Addressee,
    Annex,
    CommunicationDrafted,
    Helpline,
    OfficeDetailsAdopted,
    PreferencesStated,
    SettledAs,
    TemplateAdopted,
)
from services.notifications.letters import (
    OFFICE,
    facts_of,
    from_letters,
    frozen,
    matter_of,
    recipient_of,
    template_of_product,
    wishes_of,
    words_of_person,
)
from services.notifications.names import sending_named, task_named
from services.notifications.post import Printed, Row, as_zip, rows_in
from services.notifications.rules import composing
from services.notifications.rules.attempts import ATTEMPTS, attempt_refused
from services.notifications.rules.calendar import CALENDAR, make, revoke
from services.notifications.rules.communication import (
    COMMUNICATION,
    Communication,
    Proof,
    approve,
    correct_proof,
    draft,
    drop,
    record_delivered,
    record_not_collected,
    record_refused,
    record_returned,
    send,
    send_again,
)
from services.notifications.rules.following import Closing, Opening, and_tasks, tasks_of_outcome, to_approve
from services.notifications.rules.kinds import (
    OFFICIAL,
    POLICIES,
    category_of,
    is_bad_news,
    policy_in_force,
)
from services.notifications.rules.lease_file import (
    LEASE_FILE,
    EvaluationTold,
    LeaseFile,
    TerminationTold,
    addressees_of,
    administrators_on,
    debt_mediators_on,
)
from services.notifications.rules.office import OFFICE_CARD, OFFICE_DETAILS, OfficeCard, adopt_details
from services.notifications.rules.post import POST_BATCH, PostBatch, Told, make_batch, take_file
from services.notifications.rules.preferences import (
    PREFERENCES,
    Wishes,
    in_their_language,
    preferred,
    state_preferences,
)
from services.notifications.rules.sending import SENDING, Sending, leaves, leaves_again, settle
from services.notifications.rules.task import TASK, do_task
from services.notifications.rules.template import TEMPLATES, adopt, fields_of
from shared.bodies import new_id
from shared.clock import BRUSSELS
from shared.contracts.evaluations import BadNewsSender, PolicyAdoptedV1
from shared.contracts.notifications import About, Kind, Outcome, ProofKind, TrustLevel
from shared.keys import category_of as category_of_key
from shared.outbox import OFFICE as OFFICE_CODE
from shared.problems import not_found, not_permitted
from shared.reading_rights import readable
from shared.refusals import Unknown
from shared.web import (
    Acted,
    Body,
    Caller,
    Channel,
    DatedBody,
    Day,
    Doors,
    Id,
    Line,
    NotYetKnown,
    OnRefusal,
    Store,
    Words,
    every,
    may,
    one,
)

api = Doors("notifications")

WRITERS: Final = ("counsellor", "coordinator", "administration")
SENDERS: Final = ("counsellor", "coordinator", "director", "administration")
READERS: Final = ("counsellor", "coordinator", "director", "administration", "dpo")
STAFF: Final = ("counsellor", "coordinator", "director", "administration", "technical")
POSTERS: Final = ("administration",)

BATCH_READERS: Final = ("administration", "coordinator")
MOST_IN_A_BATCH: Final = 200

Name = Annotated[Line, Field(min_length=1)]
Language = Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$", max_length=20)]
Languages = Literal["nl", "fr", "en"]
Secret = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{1,30}~[A-Za-z0-9_-]{43}$")]


@api.knows_counsellors_by
async def counsellor_of(store: Any, by: Caller, lease: str) -> str | None:
    """Return who guides a lease."""
    file: LeaseFile = await store.state(LEASE_FILE, lease, by=by)
    return file.counsellor


# -- drafting ---------------------------------------------------------------------------------------------------------


class AboutBody(Body):
    """What a letter is about."""

    kind: About
    id: Name


class AddresseeBody(Body):
    """A party of the lease, or somebody outside it by name and address."""

    party: Name | None = None
    name: Line | None = None
    address: Words | None = None


class AnnexBody(Body):
    """A translation; it stands beside the Dutch text."""

    language: Language
    text: Words | None = None
    translator: Line | None = None
    translation_of: Line | None = None


class DraftCommunication(DatedBody):
    """A letter in a person's words. Lines may begin with ``# `` (subject), ``> `` (summary), ``## `` and ``- ``."""

    id: Id | None = None
    kind: Kind
    lease: Name
    about: AboutBody | None = None
    addressees: Annotated[tuple[AddresseeBody, ...], Field(max_length=50)] | None = None
    text_nl: Words | None = None
    annexes: Annotated[tuple[AnnexBody, ...], Field(max_length=20)] | None = None
    translation_waived_by_renter: Annotated[tuple[Name, ...], Field(max_length=50)] | None = None


@api.post("/communications", status_code=201)
async def draft_communication(
    body: DraftCommunication, by: Annotated[Caller, may("draft_communication", *WRITERS)], store: Store
) -> Acted:
    """Draft a letter in a person's words."""
    file: LeaseFile = await store.known(LEASE_FILE, body.lease, by=by)
    if file.registered is None:
        raise NotYetKnown
    about = body.about or AboutBody(kind="lease", id=body.lease)
    if not file.knows(about.kind, about.id):
        raise NotYetKnown
    addressees, unknown = await _addressees(body, file, store, by)
    drafted, missing = await _drafted(body, about, addressees, file, store, by)
    id = new_id(body.id, uuid4())
    return await store.begin(
        COMMUNICATION,
        id,
        partial(
            and_tasks,
            decision=partial(draft, drafted=drafted, official=body.kind in OFFICIAL, missing=missing, unknown=unknown),
            opens=lambda events: to_approve(id, events[0], today=by.today),
            lease=body.lease,
            named=task_named,
        ),
        by=by,
        reads={"tasks": every(TASK, body.lease)},
        refused=_remembered(body.lease, "draft_communication", id),
    )


async def _drafted(
    body: DraftCommunication,
    about: AboutBody,
    addressees: tuple[Addressee, ...],
    file: LeaseFile,
    store: Store,
    by: Caller,
) -> tuple[CommunicationDrafted | None, tuple[str, ...]]:
    if not (body.text_nl or "").strip():
        return None, ()
    facts = await facts_of(store, body.lease, by=by, on=by.today, about=matter_of(file, about.kind, about.id))
    words, missing = await words_of_person(
        store, body.kind, body.text_nl or "", facts=facts, about_kind=about.kind, about_id=about.id, by=by
    )
    category = category_of(body.kind)
    said = await by.seal(category, body.lease, text_nl=words)
    evaluation = file.evaluations.get(about.id, EvaluationTold())
    termination = file.terminations.get(about.id, TerminationTold())
    outcome = evaluation.annulled or evaluation.upheld
    drafted = CommunicationDrafted(
        lease=body.lease,
        kind=body.kind,
        about_kind=about.kind,
        about_id=about.id,
        addressees=addressees,
        text_nl=said.text_nl,
        annexes=tuple([annex async for annex in _annexes(body, category, by)]),
        translation_waived_by=body.translation_waived_by_renter or (),
        bad_news=is_bad_news(
            body.kind,
            upheld=evaluation.upheld is not None and evaluation.annulled is None,
            of=_original_of(about.kind),
        ),
        senders=(outcome.decided_by,) if body.kind == "L-07" and outcome else (),
        notice_dates=composing.notice_rows(termination.decided) if body.kind == "L-09" and termination.decided else (),
    )
    return drafted, missing


def _original_of(about: About) -> Kind | None:
    """Return which kind of letter a correction of dates (L-11) about such a thing corrects."""
    match about:
        case "evaluation":
            return "L-05"
        case "termination":
            return "L-09"
        case _:
            return None


async def _annexes(body: DraftCommunication, category: Any, by: Caller) -> Any:
    for annex in body.annexes or ():
        said = await by.seal(category, body.lease, text=annex.text, translator=annex.translator)
        if said.text is not None:
            yield Annex(
                language=annex.language,
                text=said.text,
                translator=said.translator,
                translation_of=annex.translation_of,
            )


async def _addressees(
    body: DraftCommunication, file: LeaseFile, store: Store, by: Caller
) -> tuple[tuple[Addressee, ...], tuple[str, ...]]:
    """Return the addressees, by default the group of the kind, and those named by party who are none of the lease."""
    if not body.addressees:
        return await _reading(addressees_of(file, kind=body.kind, on=by.today), store, by), ()
    outside = {one.addressee: one for one in (*administrators_on(file, by.today), *debt_mediators_on(file, by.today))}
    addressed: dict[str, Addressee] = {}
    unknown: list[str] = []
    for given in body.addressees:
        said = await by.seal(category_of(body.kind), body.lease, name=given.name, address=given.address)
        if given.party is None:
            id = str(uuid4())
            addressed[id] = Addressee(addressee=id, role="other", name=said.name, address=said.address)
        elif given.party in outside:
            addressed[given.party] = outside[given.party]
        elif given.party in file.parties:
            language = file.parties[given.party].party.language
            addressed[given.party] = Addressee(
                addressee=given.party, role="party", party=given.party, language=language, address=said.address
            )
        else:
            unknown.append(given.party)
    return await _reading(addressed.values(), store, by), tuple(unknown)


async def _reading(addressees: Iterable[Addressee], store: Store, by: Caller) -> tuple[Addressee, ...]:
    """Return the addressees with the languages that they asked for."""
    to = tuple(addressees)
    return in_their_language(to, await wishes_of(store, to, by=by), on=by.today)


# -- from draft to proof ----------------------------------------------------------------------------------------------


class SendCommunication(Body):
    """Hand a letter to its carrier; by default the way in which its first addressee asked to be reached."""

    on: Day
    method: Channel | None = None
    tracking: Line | None = None


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
    policy = await _policy(store, by)
    missing, made = (
        await frozen(store, letter, by=by, today=by.today, signed_by=by.name, roles=by.roles)
        if letter.stage == "draft"
        else ((), None)
    )
    decision = partial(approve, by=by.person, today=by.today, policy=_sender_of(policy), missing=missing, frozen=made)
    return await _act(
        store,
        communication,
        letter,
        decision,
        by=by.under(policy=policy.version if policy else None),
        closes=lambda _: (Closing(kind="letter_to_approve", about_id=communication),),
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
    policy = await _policy(store, by)
    to = tuple(one.to for one in letter.addressed)
    wishes = await wishes_of(store, to, by=by)
    asked = next((preferred(letter.kind, one.party, wishes, on=body.on) for one in to if not one.copy), None)
    decision = partial(
        send,
        by=by.person,
        policy=_sender_of(policy),
        method=body.method or asked or "letter",
        on=body.on,
        tracking=said.tracking,
    )
    return await _act(
        store,
        communication,
        letter,
        partial(_and_leave, decision=decision, id=communication, wishes=wishes),
        by=by.on(body.on).under(policy=policy.version if policy else None),
        reads={"file": one(LEASE_FILE, letter.lease or "")},
    )


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
        signed_by_other=await _signed_by_other(body.proof, body.addressee, letter, store, by),
        written_proxy=bool(body.proof and (body.proof.written_proxy or "").strip()),
        signed_by_minor=body.proof is not None and body.proof.signed_by_minor,
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
    letter: Communication = await store.state(COMMUNICATION, communication, by=by)
    decision = partial(record_not_collected, id=communication, addressee=body.addressee, on=body.on)
    return await _outcome(store, communication, letter, decision, by=by.on(body.on))


@api.post("/communications/{communication}/refused")
async def record_refused_letter(
    communication: str,
    body: NotDelivered,
    by: Annotated[Caller, may("record_refused", *POSTERS, of=COMMUNICATION)],
    store: Store,
) -> Acted:
    """Note that one addressee refused to take it."""
    letter: Communication = await store.state(COMMUNICATION, communication, by=by)
    decision = partial(record_refused, id=communication, addressee=body.addressee, on=body.on)
    return await _outcome(store, communication, letter, decision, by=by.on(body.on))


@api.post("/communications/{communication}/returned")
async def record_returned_letter(
    communication: str,
    body: NotDelivered,
    by: Annotated[Caller, may("record_returned", *POSTERS, of=COMMUNICATION)],
    store: Store,
) -> Acted:
    """Note that it came back from one addressee."""
    letter: Communication = await store.state(COMMUNICATION, communication, by=by)
    decision = partial(record_returned, id=communication, addressee=body.addressee, on=body.on)
    return await _outcome(store, communication, letter, decision, by=by.on(body.on))


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
    )
    return await _outcome(store, communication, letter, decision, by=by.on(body.on))


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
    decision = partial(
        send_again,
        id=communication,
        again=again,
        method=body.method,
        on=body.on or by.today,
        addressees=body.addressees or (),
        addresses=addresses,
        tracking=said.tracking,
    )
    return await _act(
        store,
        communication,
        letter,
        partial(_and_leave_again, decision=decision, again=again),
        by=by.on(body.on),
        closes=lambda _: (
            Closing(kind="letter_not_delivered", about_id=communication),
            Closing(kind="notice_not_given", about_id=communication),
        ),
    )


@api.post("/communications/{communication}/drop")
async def drop_letter(
    communication: str,
    by: Annotated[Caller, may("drop_communication", *SENDERS, of=COMMUNICATION)],
    store: Store,
) -> Acted:
    """Drop a letter that was not sent."""
    letter: Communication = await store.state(COMMUNICATION, communication, by=by)
    decision = partial(drop, by=by.person, policy=_sender_of(await _policy(store, by)))
    return await _act(
        store,
        communication,
        letter,
        decision,
        by=by,
        closes=lambda _: (Closing(kind="letter_to_approve", about_id=communication),),
    )


async def _outcome(
    store: Store, id: str, letter: Communication, decision: Callable[..., list[Any]], *, by: Caller
) -> Acted:
    """Record what became of a letter: a task opens where it did not arrive, and closes where it did."""
    lease = letter.lease or ""

    def follows(events: list[Any]) -> tuple[list[Opening], list[Closing]]:
        state = COMMUNICATION_STATES.get(type(events[0]).__name__) or getattr(events[0], "outcome", None)
        return tasks_of_outcome(letter, id=id, addressee=events[0].addressee, state=state, today=by.today)

    return await _act(
        store,
        id,
        letter,
        decision,
        by=by,
        opens=lambda events: follows(events)[0],
        closes=lambda events: follows(events)[1],
        reads={"letters": every(COMMUNICATION, lease)},
    )


COMMUNICATION_STATES: Final[Mapping[str, str]] = {
    "CommunicationDelivered": "delivered",
    "CommunicationNotCollected": "not_collected",
    "CommunicationRefused": "refused",
    "CommunicationReturned": "returned",
}


async def _act(
    store: Store,
    id: str,
    letter: Communication,
    decision: Callable[..., list[Any]],
    *,
    by: Caller,
    reads: Mapping[str, Any] | None = None,
    opens: Callable[[list[Any]], Iterable[Opening]] = lambda _: (),
    closes: Callable[[list[Any]], Iterable[Closing]] = lambda _: (),
) -> Acted:
    lease = letter.lease or ""
    return await store.decide(
        COMMUNICATION,
        id,
        partial(and_tasks, decision=decision, opens=opens, closes=closes, lease=lease, named=task_named),
        by=by,
        reads={**(reads or {}), "tasks": every(TASK, lease)},
        refused=_remembered(lease, by.act or "", id),
    )


def _remembered(lease: str, act: str, communication: str) -> OnRefusal:
    return OnRefusal(ATTEMPTS, lease, partial(attempt_refused, lease=lease, act=act, communication=communication))


async def _policy(store: Store, by: Caller) -> PolicyAdoptedV1 | None:
    return policy_in_force(await store.state(POLICIES, OFFICE, by=by), on=by.today)


def _sender_of(policy: PolicyAdoptedV1 | None) -> BadNewsSender:
    return policy.bad_news_sender if policy else "coordinator"


async def _proof(given: ProofBody | None, letter: Communication, by: Caller) -> Proof | None:
    if given is None:
        return None
    said = await by.seal(
        category_of(letter.kind), letter.lease or "", reference=given.reference, signed_by=given.signed_by
    )
    if said.reference is None:
        return None
    return Proof(kind=given.kind, reference=said.reference, signed_by=said.signed_by, trust_level=given.trust_level)


async def _signed_by_other(
    given: ProofBody | None, addressee: str, letter: Communication, store: Store, by: Caller
) -> bool:
    """Whether somebody else than the addressee signed: who signed is told by id, as the addressee, or by name."""
    signed = _plain(given.signed_by) if given and given.signed_by else ""
    one = letter.of(addressee)
    if not signed or one is None or signed in (_plain(addressee), "addressee", "renter", "huurder"):
        return False
    file: LeaseFile = await store.state(LEASE_FILE, letter.lease or "", by=by)
    party = file.parties.get(one.to.party or "")
    name = party.party.name if party else one.to.name
    known = await store.seals.open(by.office, None, name) if name else None
    return known is None or _plain(known) != signed


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


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


# -- how a renter wants to be reached ---------------------------------------------------------------------------------


class StatePreferences(DatedBody):
    """How a renter wants to be reached from a day on: channels, the best first, and a language."""

    lease: Name
    party: Name
    channels: Annotated[tuple[Channel, ...], Field(min_length=1, max_length=11)]
    language: Language | None = None
    from_: Annotated[Day | None, Field(alias="from")] = None


@api.post("/contact-preferences", status_code=201)
async def state_contact_preferences(
    body: StatePreferences, by: Annotated[Caller, may("state_preferences", *WRITERS)], store: Store
) -> Acted:
    """Note how a renter wants to be reached; messages follow it from that day on. Its id is the party's."""
    file: LeaseFile = await store.known(LEASE_FILE, body.lease, by=by)
    stated = PreferencesStated(
        lease=body.lease,
        party=body.party,
        channels=tuple(dict.fromkeys(body.channels)),
        from_=body.from_ or by.today,
        language=body.language,
    )
    return await store.begin(
        PREFERENCES,
        body.party,
        partial(state_preferences, stated=stated, parties=tuple(file.parties)),
        by=by.on(body.occurred_on),
    )


api.collection(views.CONTACT_PREFERENCES, readers=READERS)


# -- on its way by a carrier ------------------------------------------------------------------------------------------


class SettleSending(Body):
    """What holds of a message of which nobody knew whether it left, or that did not leave."""

    outcome: SettledAs
    why: Words | None = None


@api.post("/sendings/{sending}/settle")
async def settle_sending(
    sending: str,
    body: SettleSending,
    by: Annotated[Caller, may("settle_sending", "administration", "coordinator", of=SENDING)],
    store: Store,
) -> Acted:
    """Say that it arrived, let it go again under the same key, or give it up."""
    state: Sending = await store.state(SENDING, sending, by=by)
    lease = state.queued.lease if state.queued else ""
    said = await by.seal("A", lease, why=body.why)
    task = task_named("message_to_settle", sending)
    return await store.decide(
        SENDING,
        sending,
        partial(
            settled_or_asked,
            decision=partial(settle, outcome=body.outcome, why=said.why),
            id=sending,
            lease=lease,
            task=task,
            today=by.today,
        ),
        by=by,
        reads={"held": one(TASK, task)},
    )


api.collection(views.SENDINGS, readers=READERS)


# -- registered letters in batches ------------------------------------------------------------------------------------


class MakePostBatch(DatedBody):
    """Put registered letters together; by default all that were noted as sent that way and are in no batch yet."""

    id: Id | None = None
    communications: Annotated[tuple[Name, ...], Field(max_length=MOST_IN_A_BATCH)] | None = None


class CarrierFile(Body):
    """The carrier's file: CSV with the columns ``reference``, ``outcome``, ``on``, ``tracking`` and ``signed_by``."""

    file: Annotated[str, Field(max_length=20_000)]


@api.post("/post-batches", status_code=201)
async def make_post_batch(
    body: MakePostBatch, by: Annotated[Caller, may("make_post_batch", *BATCH_READERS)], store: Store
) -> Acted:
    """Put registered letters together for the printer: one envelope for each addressee."""
    id = new_id(body.id, uuid4())
    chosen = body.communications
    if chosen is None:
        chosen = tuple(await views.letters_to_post(store, most=MOST_IN_A_BATCH, by=by))
    letters = tuple(dict.fromkeys(chosen))
    return await store.begin(
        POST_BATCH,
        id,
        partial(make_batch, id=id, communications=letters, on=by.today),
        by=by,
        reads={f"letter_{number}": one(COMMUNICATION, letter) for number, letter in enumerate(letters)},
    )


@api.post("/post-batches/{batch}/take-file")
async def take_carrier_file(
    batch: str,
    body: CarrierFile,
    by: Annotated[Caller, may("record_delivered", *POSTERS, of=POST_BATCH)],
    store: Store,
) -> Acted:
    """Take in what the carrier tells of each letter; rows that cannot be are named in ``files[].rejected``."""
    state: PostBatch = await store.state(POST_BATCH, batch, by=by)
    leases = tuple(dict.fromkeys(item.lease for item in state.items.values()))
    rows = [await _told(row, state, store, by) for row in rows_in(body.file)]
    letters = {f"letters_{number}": every(COMMUNICATION, lease) for number, lease in enumerate(leases)}
    tasks = {f"tasks_{number}": every(TASK, lease) for number, lease in enumerate(leases)}
    return await store.decide(
        POST_BATCH,
        batch,
        partial(take_file, file=_hash(body.file), rows=rows, leases=leases, named=task_named, today=by.today),
        by=by,
        reads={**letters, **tasks},
    )


async def _told(row: Row, batch: PostBatch, store: Store, by: Caller) -> Told:
    item = batch.items.get(row.reference)
    proof = None
    on = row.on if row.on is not None and row.on <= by.today else None
    if item is not None and row.outcome == "delivered" and row.tracking:
        letter: Communication = await store.state(COMMUNICATION, item.communication, by=by)
        said = await by.seal(
            category_of(letter.kind), item.lease, reference=row.tracking, signed_by=row.signed_by or None
        )
        proof = Proof(kind="carrier", reference=said.reference, signed_by=said.signed_by)
    other = _plain(row.signed_by) not in ("", "addressee")
    return Told(reference=row.reference, outcome=row.outcome, on=on, proof=proof, signed_by_other=other)


@api.get("/post-batches/{batch}.zip", response_class=Response)
async def batch_to_print(
    batch: str, by: Annotated[Caller, may("read_post_batches", *BATCH_READERS, of=POST_BATCH)], store: Store
) -> Response:
    """The batch to print: ``manifest.csv`` with one row for each envelope, and the PDF of each letter as frozen."""
    state: PostBatch = await store.state(POST_BATCH, batch, by=by)
    printed = []
    for item in state.items.values():
        letter: Communication = await store.state(COMMUNICATION, item.communication, by=by)
        addressed = letter.of(item.addressee)
        sealed = await views.bytes_of(store, letter.first or item.communication, by=by)
        text = await store.seals.open(by.office, "pdf", sealed) if sealed is not None else None
        if addressed is None or text is None:
            continue  # erased, or a draft again: nothing to print
        facts = await facts_of(store, item.lease, by=by, on=by.today, about=(addressed.to,))
        to = recipient_of(facts, addressed.to)
        printed.append(
            Printed(
                reference=item.reference,
                name=to.name,
                lines=to.lines,
                sha256=letter.document or "",
                pdf=from_letters(text),
            )
        )
    await store.note_read(by, sorted({item.lease for item in state.items.values()}), "communications")
    return Response(
        await asyncio.to_thread(as_zip, printed),
        media_type="application/zip",
        headers={"Content-Disposition": f'attachment; filename="{batch}.zip"'},
    )


api.collection(views.POST_BATCHES, readers=BATCH_READERS)


# -- the bytes --------------------------------------------------------------------------------------------------------


@api.get("/communications/{communication}.pdf", response_class=Response)
async def letter_as_pdf(
    communication: str,
    by: Annotated[Caller, may("read_communications", *READERS, "auditor", of=COMMUNICATION)],
    store: Store,
) -> Response:
    """The letter as approved, byte for byte."""
    letter: Communication = await store.state(COMMUNICATION, communication, by=by)
    sealed = await views.bytes_of(store, letter.first or communication, by=by)
    if sealed is None or letter.document is None:
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
        headers={"ETag": f'"{letter.document}"', "Content-Disposition": f'inline; filename="{letter.kind}.pdf"'},
    )


api.collection(views.COMMUNICATIONS, readers=READERS)


# -- tasks ------------------------------------------------------------------------------------------------------------


@api.post("/tasks/{task}/done")
async def task_done(task: str, by: Annotated[Caller, may("do_task", *STAFF, of=TASK)], store: Store) -> Acted:
    """Say that a task is done."""
    return await store.decide(TASK, task, partial(do_task, by=by.person), by=by)


api.collection(views.TASKS, readers=STAFF)


# -- templates and the office -----------------------------------------------------------------------------------------


class AdoptTemplate(Body):
    """Write a kind of letter like this from a day on."""

    id: Id | None = None
    kind: Kind
    language: Languages = "nl"
    in_force_from: Day | None = None
    text: Words


class HelplineBody(Body):
    """Whom a renter can turn to."""

    name: Name
    phone: Line


class AdoptOfficeDetails(DatedBody):
    """How the office is reached, and who helps renters where it works."""

    id: Id | None = None
    address: Line
    phone: Line
    email: Line
    ocmw: HelplineBody | None = None
    renters_union: HelplineBody | None = None


@api.post("/templates", status_code=201)
async def adopt_template(
    body: AdoptTemplate,
    by: Annotated[Caller, may("adopt_template", "coordinator", "director", "administration")],
    store: Store,
) -> Acted:
    """Adopt an own template; what was sent stays as it was."""
    id = new_id(body.id, uuid4())
    product = template_of_product(body.kind, "nl") or ""
    return await store.begin(
        TEMPLATES,
        OFFICE,
        partial(
            adopt,
            id=id,
            kind=body.kind,
            language=body.language,
            text=body.text,
            in_force_from=body.in_force_from or by.today,
            today=by.today,
            known=fields_of(product) | composing.COMMON_FIELDS,
        ),
        by=by,
        shows=lambda decided: _template(decided.state[-1]),
        location=f"/templates/{id}",
    )


@api.get("/templates")
async def list_templates(
    by: Annotated[Caller, may("list_templates", *STAFF, "auditor")],
    store: Store,
    kind: Annotated[Kind | None, Query()] = None,
    language: Annotated[Languages | None, Query()] = None,
) -> Any:
    """The office's own templates, every version, oldest first."""
    adopted: tuple[TemplateAdopted, ...] = await store.state(TEMPLATES, OFFICE, by=by)
    items = [_template(one) for one in adopted if kind in (None, one.kind) and language in (None, one.language)]
    return {"items": items, "next": None}


@api.get("/templates/{template}")
async def read_template(
    template: str, by: Annotated[Caller, may("read_templates", *STAFF, "auditor")], store: Store
) -> Any:
    """One version of a template."""
    adopted: tuple[TemplateAdopted, ...] = await store.state(TEMPLATES, OFFICE, by=by)
    found = next((one for one in adopted if one.id == template), None)
    if found is None:
        raise not_found()
    return _template(found)


def _template(adopted: TemplateAdopted) -> Mapping[str, Any]:
    return {
        "id": adopted.id,
        "template": f"{adopted.template}/{adopted.version}",
        "kind": adopted.kind,
        "language": adopted.language,
        "version": adopted.version,
        "in_force_from": adopted.in_force_from,
        "text": adopted.text,
    }


@api.post("/office-details", status_code=201)
async def adopt_office_details(
    body: AdoptOfficeDetails,
    by: Annotated[Caller, may("adopt_office_details", "coordinator", "director", "administration")],
    store: Store,
) -> Acted:
    """Say how the office is reached; letters say so from now on."""
    id = new_id(body.id, uuid4())
    details = OfficeDetailsAdopted(
        id=id,
        address=body.address,
        phone=body.phone,
        email=body.email,
        ocmw=Helpline(name=body.ocmw.name, phone=body.ocmw.phone) if body.ocmw else None,
        renters_union=Helpline(name=body.renters_union.name, phone=body.renters_union.phone)
        if body.renters_union
        else None,
    )
    missing = task_named("office_details_missing", by.office)
    return await store.begin(
        OFFICE_DETAILS,
        OFFICE,
        partial(
            and_tasks,
            decision=partial(adopt_details, details=details),
            closes=lambda _: (Closing(kind="office_details_missing", about_id=by.office),),
            lease=None,
            named=task_named,
            tasks={missing: await store.state(TASK, missing, by=by)},
        ),
        by=by,
        shows=lambda decided: _details(decided.state[-1]),
        location=f"/office-details/{id}",
    )


@api.get("/office-details")
async def list_office_details(
    by: Annotated[Caller, may("list_office_details", *STAFF, "auditor")], store: Store
) -> Any:
    """How the office is reached: the last one holds, those before it stay readable."""
    adopted = await store.state(OFFICE_DETAILS, OFFICE, by=by)
    return {"items": [_details(one) for one in adopted], "next": None}


@api.get("/office-details/{details}")
async def read_office_details(
    details: str, by: Annotated[Caller, may("read_office_details", *STAFF, "auditor")], store: Store
) -> Any:
    """How the office said it was reached."""
    adopted = await store.state(OFFICE_DETAILS, OFFICE, by=by)
    found = next((one for one in adopted if one.id == details), None)
    if found is None:
        raise not_found()
    return _details(found)


def _details(adopted: OfficeDetailsAdopted) -> Mapping[str, Any]:
    return {
        "id": adopted.id,
        "address": adopted.address,
        "phone": adopted.phone,
        "email": adopted.email,
        "ocmw": {"name": adopted.ocmw.name, "phone": adopted.ocmw.phone} if adopted.ocmw else None,
        "renters_union": {"name": adopted.renters_union.name, "phone": adopted.renters_union.phone}
        if adopted.renters_union
        else None,
    }


# -- calendars --------------------------------------------------------------------------------------------------------


class MakeCalendar(DatedBody):
    """A calendar of a renter (``lease``) or of a counsellor (``person``, by default who asks)."""

    id: Id | None = None
    owner: Literal["renter", "counsellor"] = "counsellor"
    lease: Name | None = None
    person: Name | None = None


@api.post("/calendars", status_code=201)
async def make_calendar(
    body: MakeCalendar,
    by: Annotated[Caller, may("make_calendar", "counsellor", "coordinator", "administration")],
    store: Store,
) -> Acted:
    """Make a calendar at a secret address, which is told here and never again."""
    if body.lease is not None:
        await store.known(LEASE_FILE, body.lease, by=by)
    secret = f"{by.office}~{secrets.token_urlsafe(32)}"
    renter = body.owner == "renter"
    return await store.begin(
        CALENDAR,
        body.id,
        partial(
            make_for_somebody,
            owner=body.owner,
            secret=_hash(secret),
            lease=body.lease if renter else None,
            person=None if renter else body.person or by.actor,
        ),
        by=by,
        shows=lambda decided: {
            **(views.show_calendar(decided.id, decided.state) or {}),
            "address": f"/calendars/{secret}.ics",
        },
    )


def make_for_somebody(calendar: Any, *, lease: str | None, person: str | None, **facts: Any) -> list[Any]:
    """Make a calendar of a lease or of a person. :raises Unknown: of a renter, and no lease is named."""
    if lease is None and person is None:
        raise Unknown
    return list(make(calendar, lease=lease, person=person, **facts))


@api.post("/calendars/{calendar}/revoke")
async def revoke_calendar(
    calendar: str,
    by: Annotated[Caller, may("revoke_calendar", "counsellor", "coordinator", "administration", of=CALENDAR)],
    store: Store,
) -> Acted:
    """Let the secret address answer nothing any more."""
    return await store.decide(CALENDAR, calendar, partial(revoke, by=by.person), by=by)


@api.without_token("/calendars/{secret}.ics", response_class=Response)
async def calendar_as_ical(secret: str, store: Store) -> Response:
    """The appointments: day, time and office, and no word of any case."""
    office, separated, _ = secret.partition("~")
    if not separated or not OFFICE_CODE.match(office) or len(secret) > 200:
        raise not_found()
    by: Any = SimpleNamespace(office=office)
    owner = await views.calendar_with(store, _hash(secret), by=by)
    if owner is None:
        raise not_found()
    card: OfficeCard = await store.state(OFFICE_CARD, OFFICE, by=by)
    lease, person = owner
    found = await views.appointments_of(store, lease=lease, person=person, since=date.min, by=by)
    return Response(_ical(found, card.name or office), media_type="text/calendar; charset=utf-8")


def _ical(appointments: Iterable[tuple[str, date, str]], office: str) -> str:
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Huurspoor//nl", "CALSCALE:GREGORIAN"]
    for visit, day, slot in appointments:
        hour, minute = (int(part) for part in slot.split(":"))
        start = datetime.combine(day, time(hour, minute), tzinfo=BRUSSELS).astimezone(UTC)
        lines += [
            "BEGIN:VEVENT",
            f"UID:{visit}@huurspoor",
            f"DTSTAMP:{start:%Y%m%dT%H%M%SZ}",
            f"DTSTART:{start:%Y%m%dT%H%M%SZ}",
            f"DTEND:{start + timedelta(hours=1):%Y%m%dT%H%M%SZ}",
            f"SUMMARY:{_ical_text(f'Afspraak met {office}')}",
            "END:VEVENT",
        ]
    return "\r\n".join([*lines, "END:VCALENDAR", ""])


def _ical_text(text: str) -> str:
    for char in "\\;,":
        text = text.replace(char, f"\\{char}")
    return " ".join(text.split())


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


api.collection(views.CALENDARS, readers=("counsellor", "coordinator", "administration"))


# -- figures ----------------------------------------------------------------------------------------------------------

FEWEST: Final = 5
Since = Annotated[Day, Query(alias="from")]


@api.get("/kpis")
async def kpis(
    from_: Since, until: Day, by: Annotated[Caller, may("read_kpis", *STAFF, "auditor", "dpo")], store: Store
) -> Any:
    """K-15 of a period: bad news that did not arrive. Groups under five are not shown."""
    missed, sent = await views.undelivered_bad_news(store, since=from_, until=until, by=by)
    shown = sent == 0 or sent >= FEWEST
    return {
        "from": from_,
        "until": until,
        "kpis": [
            {
                "id": "K-15",
                "name": "undelivered bad news",
                "numerator": missed if shown else None,
                "denominator": sent if shown else None,
                "value": round(missed / sent, 4) if shown and sent else None,
                "suppressed": not shown,
                "list": f"/communications?{urlencode({'state': 'not_collected'})}",
            }
        ],
    }
