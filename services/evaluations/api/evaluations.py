"""Evaluation moments and evaluations over HTTP (domain 3.5)."""

from collections.abc import Callable, Iterable
from datetime import date
from typing import Annotated, Any, Literal
from uuid import uuid4

from pydantic import Field

from services.evaluations.api.acts import Asked, act_on, by_name
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


@act_on(EVALUATION, "amend", "amend_proposal", *PROPOSERS, texts=by_name("why"), findings="grounds")
def amend_proposal(evaluation: Evaluation, asked: Asked[AmendProposal]) -> Iterable[Any]:
    """Amend a proposal."""
    return amend(
        evaluation,
        outcome=asked.body.outcome,
        grounds=asked.findings,
        why=asked.said.why,
        case=asked.file.case,
        checklist=asked.file.checklist(on=asked.by.day),
        by=asked.by.person,
    )


class WithReason(DatedBody):
    """Why."""

    why: Words | None = None


@act_on(EVALUATION, "adopt", "adopt_proposal", *PROPOSERS, texts=by_name("why"))
def adopt(evaluation: Evaluation, asked: Asked[WithReason]) -> Iterable[Any]:
    """Stand for the proposal of another."""
    return adopt_proposal(evaluation, why=asked.said.why, by=asked.by.person)


class DecideEvaluation(DatedBody):
    """The decision about a proposal, with own reasons."""

    outcome: Literal["negative", "not_upheld", "positive", "mixed"]
    reasons: Words | None = None

    @property
    def judges(self) -> bool:
        """Whether it is a decision that another person takes, with a mandate."""
        return self.outcome in ("negative", "not_upheld")


@act_on(
    EVALUATION,
    "decide",
    "decide_evaluation",
    "counsellor",
    *DECIDERS,
    texts=by_name("reasons"),
    only=lambda body: DECIDERS if body.judges else PROPOSERS,
    mandate_needed=lambda body, _by: bool(body.judges),
)
def decide_evaluation(evaluation: Evaluation, asked: Asked[DecideEvaluation]) -> Iterable[Any]:
    """Decide a proposed evaluation: negative or not upheld by another person, positive or mixed by who guides."""
    by, file, reasons = asked.by, asked.file, asked.said.reasons
    match asked.body.outcome:
        case "not_upheld":
            return decide_not_upheld(
                evaluation, reasons=reasons, case=file.case, on=by.day, today=by.today, by=by.person
            )
        case "negative":
            return decide_negative(
                evaluation,
                reasons=reasons,
                case=file.case,
                policy=file.policy(on=by.day),
                checklist=file.checklist(on=by.day),
                says_of_count=file.says_of_count(asked.id, today=by.today, at=by.at),
                terms=file.terms_of(asked.id, today=by.today, at=by.at),
                on=by.day,
                today=by.today,
                by=by.person,
            )
        case outcome:
            return record_outcome(evaluation, outcome=outcome, reasons=reasons, on=by.day, today=by.today, by=by.person)


@act_on(EVALUATION, "withdraw", "withdraw_evaluation", "coordinator", texts=by_name("why"))
def withdraw_an_evaluation(evaluation: Evaluation, asked: Asked[WithReason]) -> Iterable[Any]:
    """Take a negative evaluation back."""
    by = asked.by
    return withdraw_evaluation(evaluation, why=asked.said.why, on=by.day, today=by.today, by=by.person)


class Contest(Body):
    """What the renter objects, when, and how it was received."""

    lodged_on: Day
    channel: Channel
    words: Words | None = None


@act_on(EVALUATION, "contest", "contest_evaluation", *ON_DUTY, on="lodged_on", texts=by_name("words"))
def contest_evaluation(evaluation: Evaluation, asked: Asked[Contest]) -> Iterable[Any]:
    """Note that the renter objects."""
    body = asked.body
    return contest(
        evaluation,
        lodged_on=body.lodged_on,
        channel=body.channel,
        words=asked.said.words,
        today=asked.by.today,
    )


class LateContest(Contest):
    """A contest after its term, and why it is treated all the same."""

    why: Words | None = None


@act_on(
    EVALUATION,
    "admit-late-contest",
    "admit_late_contest",
    *DECIDERS,
    on="lodged_on",
    texts=by_name("words", "why"),
)
def admit_contest(evaluation: Evaluation, asked: Asked[LateContest]) -> Iterable[Any]:
    """Treat a contest after its term all the same."""
    body = asked.body
    return admit_late_contest(
        evaluation,
        lodged_on=body.lodged_on,
        channel=body.channel,
        words=asked.said.words,
        why=asked.said.why,
        today=asked.by.today,
        by=asked.by.person,
    )


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


@act_on(EVALUATION, "decide-contest", "decide_contest", *DECIDERS, mandated=True, texts=by_name("reasons"))
def decide_contest_of(evaluation: Evaluation, asked: Asked[DecideContest]) -> Iterable[Any]:
    """Decide a contest: upheld means that the contest is rejected."""
    body, heard = asked.body, asked.body.heard or HeardOrInvited()

    def decided(count_after: int, threshold: int) -> list[Any]:
        return list(
            decide_contest(
                evaluation,
                outcome=body.outcome,
                grounds_struck=body.grounds_struck,
                reasons=asked.said.reasons,
                heard=Heard(on=heard.on, invited_on=heard.invited_on),
                case=asked.file.case,
                count_after=count_after,
                threshold=threshold,
                on=asked.by.day,
                today=asked.by.today,
                by=asked.by.person,
            )
        )

    return _with_count_after(asked, decided)


@act_on(EVALUATION, "annul", "annul_evaluation", *DECIDERS, texts=lambda body: {"reasons": body.why})
def annul(evaluation: Evaluation, asked: Asked[WithReason]) -> Iterable[Any]:
    """Annul an evaluation on the office's own motion."""

    def decided(count_after: int, threshold: int) -> list[Any]:
        return list(
            annul_evaluation(
                evaluation,
                why=asked.said.reasons,
                case=asked.file.case,
                count_after=count_after,
                threshold=threshold,
                on=asked.by.day,
                today=asked.by.today,
                by=asked.by.person,
            )
        )

    return _with_count_after(asked, decided)


def _with_count_after(asked: Asked[Any], decided: Callable[[int, int], list[Any]]) -> list[Any]:
    """Take the decision, and say with it what the count is after it: what the letter L-07 tells."""
    tried = decided(0, 0)
    if not tried:
        return []
    stood = asked.file.after(EVALUATION, asked.id, tried, act_of(asked.by)).standing(on=asked.by.today)
    return decided(stood.count, stood.threshold)


api.collection(EVALUATIONS, readers=READERS, single=False)
