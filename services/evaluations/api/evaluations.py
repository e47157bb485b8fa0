"""Evaluation moments and evaluations over HTTP (domain 3.5)."""

from collections.abc import Iterable
from datetime import date
from typing import Annotated, Any, Literal
from uuid import uuid4

from pydantic import Field

from services.evaluations.api.door import (
    ON_DUTY,
    READERS,
    NamedFinding,
    SomeLine,
    act_of,
    api,
    case_known,
    decide_in_file,
    findings_known,
    mandated,
    may_or_noted,
    note_role,
    remembered,
)
from services.evaluations.rules.case import CASE, Case
from services.evaluations.rules.evaluation import (
    EVALUATION,
    Evaluation,
    MomentAlreadyProposed,
    admit_late_contest,
    adopt_proposal,
    amend,
    contest,
    propose,
    proposed_on,
)
from services.evaluations.rules.judgement.about_evaluations import (
    annul_evaluation,
    decide_contest,
    decide_negative,
    decide_not_upheld,
    record_outcome,
    withdraw_evaluation,
)
from services.evaluations.rules.lease_file import LeaseFile
from services.evaluations.rules.moment import MOMENT, open_file_moment
from services.evaluations.views import EVALUATIONS, MOMENTS
from shared import problems
from shared.contracts.evaluations import Heard, MomentKind, Outcome
from shared.problems import NotYetKnown
from shared.web import Acted, Body, Caller, Channel, DatedBody, Day, Id, Store, WebStore, Words, may, one

PROPOSERS = ("counsellor", "coordinator")
DECIDERS = ("coordinator", "director")


class OpenFileMoment(Body):
    """A talk about the file, without a visit."""

    id: Id | None = None
    lease: SomeLine
    date: Day
    about: Words | None = None
    why: Words | None = None


@api.post("/moments", status_code=201)
async def open_moment(
    body: OpenFileMoment, by: Annotated[Caller, may("open_file_moment", *PROPOSERS)], store: Store
) -> Acted:
    """Open an evaluation moment on the file."""
    await case_known(store, body.lease, by=by)
    moment, on = body.id or str(uuid4()), body.date
    said = await by.seal("C", body.lease, about=body.about, why=body.why)

    def decision(state: Any, *, case: Case) -> Iterable[Any]:
        return open_file_moment(
            state, lease=body.lease, on=on, about=said.about, why=said.why, case=case, today=by.today
        )

    refused = remembered(body.lease, act="open_file_moment", about=f"moment/{moment}")
    return await store.begin(
        MOMENT, moment, decision, by=by.on(on), reads={"case": one(CASE, body.lease)}, refused=refused
    )


api.collection(MOMENTS, readers=READERS)


class ProposeEvaluation(DatedBody):
    """An evaluation of one moment: a visit, or a talk about the file."""

    id: Id | None = None
    lease: SomeLine
    moment: SomeLine
    outcome: Outcome
    grounds: Annotated[tuple[NamedFinding, ...], Field(max_length=100)] = ()
    why: Words | None = None


@api.post("/evaluations", status_code=201)
async def propose_evaluation(
    body: ProposeEvaluation, by: Annotated[Caller, may("propose_evaluation", *PROPOSERS)], store: Store
) -> Acted:
    """Propose an evaluation; on a moment that has one proposed, the grounds are added to that one."""
    case = await case_known(store, body.lease, by=by)
    grounds = findings_known(case, (ground.finding for ground in body.grounds))
    kind, moment_on = await _moment(store, case, body.lease, body.moment, by=by)
    why = await by.seal_one("C", body.lease, "why", body.why)
    id = body.id or str(uuid4())

    def decision(evaluation: Evaluation, file: LeaseFile) -> Iterable[Any]:
        return propose(
            evaluation,
            lease=body.lease,
            moment=body.moment,
            moment_kind=kind,
            moment_on=moment_on,
            outcome=body.outcome,
            grounds=grounds,
            why=why,
            case=file.case,
            evaluations=file.evaluations,
            checklist=file.checklist(on=by.day),
            on=by.day,
            today=by.today,
            by=by.person,
        )

    def addition(evaluation: Evaluation, file: LeaseFile) -> Iterable[Any]:
        return amend(
            evaluation,
            outcome=body.outcome,
            grounds=grounds,
            why=why,
            case=file.case,
            checklist=file.checklist(on=by.day),
            by=by.person,
        )

    try:
        return await decide_in_file(
            store, EVALUATION, id, decision, lease=body.lease, by=by, begin=True, but=(MomentAlreadyProposed,)
        )
    except MomentAlreadyProposed:
        earlier = proposed_on(await store.every(EVALUATION, body.lease, by=by), body.moment)
        if earlier is None:
            raise
        return await decide_in_file(store, EVALUATION, earlier, addition, lease=body.lease, by=by)


async def _moment(store: WebStore, case: Case, lease: str, moment: str, *, by: Caller) -> tuple[MomentKind, date]:
    visited_on = case.moment(moment)
    if visited_on is not None:
        return "visit", visited_on
    opened = (await store.state(MOMENT, moment, by=by)).opened
    if opened is None or opened.lease != lease:
        raise NotYetKnown
    return "file", opened.on


class AmendProposal(DatedBody):
    """Grounds to add, another outcome, other words."""

    outcome: Outcome | None = None
    grounds: Annotated[tuple[NamedFinding, ...], Field(max_length=100)] = ()
    why: Words | None = None


@api.post("/evaluations/{evaluation}/amend")
async def amend_proposal(
    evaluation: str,
    body: AmendProposal,
    by: Annotated[Caller, may_or_noted("amend_proposal", *PROPOSERS, of=EVALUATION)],
    store: Store,
) -> Acted:
    """Amend a proposal."""
    lease = await _lease_of(store, evaluation, by=by)
    grounds = findings_known(await case_known(store, lease, by=by), (ground.finding for ground in body.grounds))
    why = await by.seal_one("C", lease, "why", body.why)

    def decision(state: Evaluation, file: LeaseFile) -> Iterable[Any]:
        return amend(
            state,
            outcome=body.outcome,
            grounds=grounds,
            why=why,
            case=file.case,
            checklist=file.checklist(on=by.day),
            by=by.person,
        )

    return await decide_in_file(store, EVALUATION, evaluation, decision, lease=lease, by=by)


class WithReason(DatedBody):
    """Why."""

    why: Words | None = None


@api.post("/evaluations/{evaluation}/adopt")
async def adopt(
    evaluation: str,
    body: WithReason,
    by: Annotated[Caller, may_or_noted("adopt_proposal", *PROPOSERS, of=EVALUATION)],
    store: Store,
) -> Acted:
    """Stand for the proposal of another."""
    lease = await _lease_of(store, evaluation, by=by)
    why = await by.seal_one("C", lease, "why", body.why)

    def decision(state: Evaluation, _file: LeaseFile) -> Iterable[Any]:
        return adopt_proposal(state, why=why, by=by.person)

    return await decide_in_file(store, EVALUATION, evaluation, decision, lease=lease, by=by)


class DecideEvaluation(DatedBody):
    """The decision about a proposal, with own reasons."""

    outcome: Literal["negative", "not_upheld", "positive", "mixed"]
    reasons: Words | None = None


@api.post("/evaluations/{evaluation}/decide")
async def decide_evaluation(
    evaluation: str,
    body: DecideEvaluation,
    by: Annotated[Caller, may_or_noted("decide_evaluation", "counsellor", *DECIDERS, of=EVALUATION)],
    store: Store,
) -> Acted:
    """Decide a proposed evaluation: negative or not upheld by another person, positive or mixed by who guides."""
    lease = await _lease_of(store, evaluation, by=by)
    reasons = await by.seal_one("C", lease, "reasons", body.reasons)
    judging = body.outcome in ("negative", "not_upheld")
    if not by.roles & set(DECIDERS if judging else PROPOSERS):
        await _refuse_role(store, evaluation, lease, by)
    by = mandated(by, judging)

    def decision(state: Evaluation, file: LeaseFile) -> Iterable[Any]:
        if body.outcome == "not_upheld":
            return decide_not_upheld(state, reasons=reasons, case=file.case, on=by.day, today=by.today, by=by.person)
        if body.outcome == "negative":
            return decide_negative(
                state,
                reasons=reasons,
                case=file.case,
                policy=file.policy(on=by.day),
                checklist=file.checklist(on=by.day),
                says_of_count=file.says_of_count(evaluation, today=by.today, at=by.at),
                terms=file.terms_of(evaluation, today=by.today, at=by.at),
                on=by.day,
                today=by.today,
                by=by.person,
            )
        return record_outcome(state, outcome=body.outcome, reasons=reasons, on=by.day, today=by.today, by=by.person)

    return await decide_in_file(store, EVALUATION, evaluation, decision, lease=lease, by=by)


async def _refuse_role(store: WebStore, evaluation: str, lease: str, by: Caller) -> None:
    await note_role(store, EVALUATION, evaluation, lease=lease, by=by)
    raise problems.not_permitted()


@api.post("/evaluations/{evaluation}/withdraw")
async def withdraw_an_evaluation(
    evaluation: str,
    body: WithReason,
    by: Annotated[Caller, may_or_noted("withdraw_evaluation", "coordinator", of=EVALUATION)],
    store: Store,
) -> Acted:
    """Take a negative evaluation back."""
    lease = await _lease_of(store, evaluation, by=by)
    why = await by.seal_one("C", lease, "why", body.why)

    def decision(state: Evaluation, _file: LeaseFile) -> Iterable[Any]:
        return withdraw_evaluation(state, why=why, on=by.day, today=by.today, by=by.person)

    return await decide_in_file(store, EVALUATION, evaluation, decision, lease=lease, by=by)


class Contest(Body):
    """What the renter objects, when, and how it was received."""

    lodged_on: Day
    channel: Channel
    words: Words | None = None


@api.post("/evaluations/{evaluation}/contest")
async def contest_evaluation(
    evaluation: str,
    body: Contest,
    by: Annotated[Caller, may_or_noted("contest_evaluation", *ON_DUTY, of=EVALUATION)],
    store: Store,
) -> Acted:
    """Note that the renter objects."""
    lease = await _lease_of(store, evaluation, by=by)
    words = await by.seal_one("C", lease, "words", body.words)

    def decision(state: Evaluation, _file: LeaseFile) -> Iterable[Any]:
        return contest(state, lodged_on=body.lodged_on, channel=body.channel, words=words, today=by.today)

    return await decide_in_file(
        store, EVALUATION, evaluation, decision, lease=lease, by=by.on(body.lodged_on), words=words
    )


class LateContest(Contest):
    """A contest after its term, and why it is treated all the same."""

    why: Words | None = None


@api.post("/evaluations/{evaluation}/admit-late-contest")
async def admit_contest(
    evaluation: str,
    body: LateContest,
    by: Annotated[Caller, may_or_noted("admit_late_contest", *DECIDERS, of=EVALUATION)],
    store: Store,
) -> Acted:
    """Treat a contest after its term all the same."""
    lease = await _lease_of(store, evaluation, by=by)
    said = await by.seal("C", lease, words=body.words, why=body.why)

    def decision(state: Evaluation, _file: LeaseFile) -> Iterable[Any]:
        return admit_late_contest(
            state,
            lodged_on=body.lodged_on,
            channel=body.channel,
            words=said.words,
            why=said.why,
            today=by.today,
            by=by.person,
        )

    return await decide_in_file(store, EVALUATION, evaluation, decision, lease=lease, by=by.on(body.lodged_on))


class HeardOrInvited(Body):
    """When the renter was heard about it, or invited to be."""

    on: Day | None = None
    invited_on: Day | None = None


class DecideContest(DatedBody):
    """The decision about a contest, with own reasons."""

    outcome: Literal["upheld", "annulled"]
    grounds_struck: Annotated[tuple[SomeLine, ...], Field(max_length=100)] = ()
    reasons: Words | None = None
    heard: HeardOrInvited | None = None


@api.post("/evaluations/{evaluation}/decide-contest")
async def decide_contest_of(
    evaluation: str,
    body: DecideContest,
    by: Annotated[Caller, may_or_noted("decide_contest", *DECIDERS, mandated=True, of=EVALUATION)],
    store: Store,
) -> Acted:
    """Decide a contest: upheld means that the contest is rejected."""
    lease = await _lease_of(store, evaluation, by=by)
    reasons = await by.seal_one("C", lease, "reasons", body.reasons)
    heard = Heard(on=body.heard.on if body.heard else None, invited_on=body.heard.invited_on if body.heard else None)

    def decision(state: Evaluation, file: LeaseFile) -> Iterable[Any]:
        def decided(count_after: int, threshold: int) -> list[Any]:
            return list(
                decide_contest(
                    state,
                    outcome=body.outcome,
                    grounds_struck=body.grounds_struck,
                    reasons=reasons,
                    heard=heard,
                    case=file.case,
                    count_after=count_after,
                    threshold=threshold,
                    on=by.day,
                    today=by.today,
                    by=by.person,
                )
            )

        return _with_count_after(file, evaluation, decided, by)

    return await decide_in_file(store, EVALUATION, evaluation, decision, lease=lease, by=by)


@api.post("/evaluations/{evaluation}/annul")
async def annul(
    evaluation: str,
    body: WithReason,
    by: Annotated[Caller, may_or_noted("annul_evaluation", *DECIDERS, of=EVALUATION)],
    store: Store,
) -> Acted:
    """Annul an evaluation on the office's own motion."""
    lease = await _lease_of(store, evaluation, by=by)
    why = await by.seal_one("C", lease, "reasons", body.why)

    def decision(state: Evaluation, file: LeaseFile) -> Iterable[Any]:
        def decided(count_after: int, threshold: int) -> list[Any]:
            return list(
                annul_evaluation(
                    state,
                    why=why,
                    case=file.case,
                    count_after=count_after,
                    threshold=threshold,
                    on=by.day,
                    today=by.today,
                    by=by.person,
                )
            )

        return _with_count_after(file, evaluation, decided, by)

    return await decide_in_file(store, EVALUATION, evaluation, decision, lease=lease, by=by)


def _with_count_after(file: LeaseFile, evaluation: str, decided: Any, by: Caller) -> list[Any]:
    """Take the decision, and say with it what the count is after it: what the letter L-07 tells."""
    tried = decided(0, 0)
    if not tried:
        return []
    stood = file.after(EVALUATION, evaluation, tried, act_of(by)).standing(on=by.today)
    return list(decided(stood.count, stood.threshold))


async def _lease_of(store: WebStore, evaluation: str, *, by: Caller) -> str:
    lease: str = (await store.state(EVALUATION, evaluation, by=by)).lease
    return lease


api.collection(EVALUATIONS, readers=READERS, single=False)
