"""Drafting a letter in a person's words."""

from collections.abc import Iterable
from functools import partial
from typing import Annotated, Any
from uuid import uuid4

from pydantic import Field

from services.notifications.api.door import WRITERS, Language, Name, api, remembered
from services.notifications.events import Addressee, Annex, CommunicationDrafted
from services.notifications.letters import annexes_beside, facts_of, matter_of, wishes_of, words_of_person
from services.notifications.names import task_named
from services.notifications.rules import composing
from services.notifications.rules.communication import COMMUNICATION, draft
from services.notifications.rules.following import and_tasks, to_approve
from services.notifications.rules.kinds import OFFICIAL, category_of, is_bad_news, original_of
from services.notifications.rules.lease_file import (
    LEASE_FILE,
    EvaluationTold,
    LeaseFile,
    TerminationTold,
    addressees_of,
    administrators_on,
    debt_mediators_on,
    rests_on_arrears,
)
from services.notifications.rules.preferences import in_their_language
from services.notifications.rules.task import TASK
from shared.bodies import new_id
from shared.contracts.notifications import About, Kind
from shared.web import Acted, Body, Caller, DatedBody, Id, Line, NotYetKnown, Store, Words, every, may


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
    addressees, unknown = await _addressees(body, about, file, store, by)
    drafted, missing = await _drafted(body, about, addressees, file, store, by)
    id = new_id(body.id, uuid4())
    return await store.begin(
        COMMUNICATION,
        id,
        partial(
            and_tasks,
            decision=partial(draft, drafted=drafted, official=body.kind in OFFICIAL, missing=missing, unknown=unknown),
            follows=lambda _letter, events: (to_approve(id, events[0], today=by.today), ()),
            lease=body.lease,
            named=task_named,
        ),
        by=by,
        reads={"tasks": every(TASK, body.lease)},
        refused=remembered(body.lease, "draft_communication", id),
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
        annexes=await annexes_beside(
            store,
            body.kind,
            body.text_nl or "",
            facts=facts,
            about_kind=about.kind,
            about_id=about.id,
            addressees=addressees,
            given=[annex async for annex in _annexes(body, category, by)],
            by=by,
        ),
        translation_waived_by=body.translation_waived_by_renter or (),
        bad_news=is_bad_news(
            body.kind,
            upheld=evaluation.upheld is not None and evaluation.annulled is None,
            of=original_of(about.kind),
        ),
        senders=(outcome.decided_by,) if body.kind == "L-07" and outcome else (),
        notice_dates=composing.notice_rows(termination.decided) if body.kind == "L-09" and termination.decided else (),
    )
    return drafted, missing


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
    body: DraftCommunication, about: AboutBody, file: LeaseFile, store: Store, by: Caller
) -> tuple[tuple[Addressee, ...], tuple[str, ...]]:
    """Return the addressees, by default the group of the kind, and those named by party who are none of the lease."""
    if not body.addressees:
        kind = (original_of(about.kind) if body.kind == "L-11" else None) or body.kind
        group = addressees_of(file, kind=kind, on=by.today, arrears=rests_on_arrears(file, about.id))
        return await _reading(group, store, by), ()
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
