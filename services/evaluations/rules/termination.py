"""A termination file: its state, and the acts that do not decide about the lease (domain 3.6, 10.1).

What only people decide (to terminate, to continue, to confirm doubtful grounds, to withdraw) is in ``judgement``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Generic, Literal, TypeVar, assert_never, cast

from services.evaluations.events import (
    AddresseesChecked,
    AttributionChecked,
    ClaimFiled,
    ConciliationHeld,
    CourtEvent,
    EvictionAnnounced,
    EvictionCarriedOut,
    GroundsConfirmed,
    GroundsDoubtful,
    HearingDeclined,
    HearingHeld,
    HearingMissed,
    JudgmentGiven,
    JudgmentServed,
    LandlordDutiesChecked,
    NoticeDatesComputed,
    NoticePosted,
    NoticeWithdrawn,
    OcmwToldOfClaim,
    ProportionalityNoteWritten,
    RenterLeft,
    ReviewOpened,
    TerminationClosed,
    TerminationDecided,
    TerminationEvent,
    TerminationLapsed,
    TerminationNotPursued,
    TerminationProposed,
)
from services.evaluations.rules import refusals
from services.evaluations.rules.case import Case
from shared.contracts.evaluations import AddressCheck, Interpreter, Route, TerminationGround
from shared.decisions import DatedStream, Named, Person, Recorded, Refusal
from shared.refusals import DateOrder, NoProof, OccurredInFuture, ReasonMissing, WrongState, has_begun
from shared.sealed import Sealed

State = Literal[
    "unknown",
    "under_review",
    "proposed",
    "decided",
    "notice_running",
    "in_court",
    "settled",
    "judged",
    "served",
    "eviction_announced",
    "evicted",
    "left",
    "closed_continue",
    "closed_ended",
]
CLOSED = frozenset({"unknown", "closed_continue", "closed_ended"})
BEFORE_DECISION = frozenset({"under_review", "proposed"})
BEFORE_POSTING = frozenset({"under_review", "proposed", "decided"})
Hearing = HearingHeld | HearingDeclined | HearingMissed
P = TypeVar("P")


class NotSerious(Refusal):
    """No finding is serious (severity 3 or more, with a consequence) and the renter's."""


class NonTerminableGround(Refusal):
    """A ground is on an item that can never ground a termination; each is named."""


class NotSeriousNorLasting(Refusal):
    """A ground is neither serious nor lasting; each is named."""


class InterpreterIsMinor(Refusal):
    """A minor never interprets."""


class InterpreterNotOffered(Refusal):
    """An acquaintance interpreted though no professional had been offered."""


class GateNotRecorded(Refusal):
    """This gate is not one that people record: it is computed, or filled from events."""


@dataclass(frozen=True, kw_only=True)
class Doubt:
    """What fell away under the file, and has not been weighed by a person yet."""

    findings: frozenset[str] = frozenset()
    evaluations: frozenset[str] = frozenset()
    count: bool = False

    def __bool__(self) -> bool:
        return bool(self.findings or self.evaluations or self.count)


@dataclass(frozen=True, kw_only=True)
class Proof(Generic[P]):
    """What people recorded to prove a gate, on which day, and the id of the event that says so."""

    on: date
    event: str
    said: P


@dataclass(frozen=True, kw_only=True)
class Proofs(Generic[P]):
    """Everything recorded to prove one gate, in that order."""

    every: tuple[Proof[P], ...] = ()

    def by(self, day: date) -> Proof[P] | None:
        """Return the last of what had been recorded by a day: nobody decides by what is still to be written."""
        return next((one for one in reversed(self.every) if one.on <= day), None)

    @property
    def last(self) -> Proof[P] | None:
        """The last of all."""
        return self.every[-1] if self.every else None


@dataclass(frozen=True, kw_only=True)
class Termination:
    """As much of a termination file as the rules must know."""

    id: str = ""
    state: State = "unknown"
    lease: str = ""
    route: Route = "threshold"
    opened_on: date = date.min
    findings: tuple[str, ...] = ()
    evaluations: tuple[str, ...] = ()
    why: Sealed | None = None
    opened_by: str | None = None
    hearings: tuple[Proof[Hearing], ...] = ()  # each with the day of the hearing
    attribution: Proofs[AttributionChecked] = Proofs()
    proportionality: Proofs[ProportionalityNoteWritten] = Proofs()
    addressees: Proofs[AddresseesChecked] = Proofs()
    landlord: Proofs[LandlordDutiesChecked] = Proofs()
    grounds: tuple[TerminationGround, ...] = ()
    texts: tuple[Sealed, ...] = ()  # every reason written so far; the decider's must be another
    proposers: frozenset[str] = frozenset()
    proposer: str = ""
    decided: TerminationDecided | None = None
    posted: NoticePosted | None = None  # the last time
    letters_posted: tuple[str, ...] = ()  # every letter of the notice that was ever posted
    dates: NoticeDatesComputed | None = None
    doubt: Doubt = Doubt()
    weighed: Doubt = Doubt()  # what fell away and was weighed by a person; not doubted again
    weighed_count: int = 0  # the count a person weighed; a lower one is doubted again
    claim: ClaimFiled | None = None
    conciliation: ConciliationHeld | None = None
    judgment: JudgmentGiven | None = None
    served_on: date | None = None
    eviction: EvictionAnnounced | None = None
    evicted_on: date | None = None
    goods_kept_until: date | None = None
    keys_on: date | None = None
    closed: TerminationClosed | None = None
    measures: tuple[Sealed, ...] = ()
    ended_by: str | None = None  # the event that closed it

    @property
    def as_opened(self) -> ReviewOpened | None:
        """With what it was opened; None before that."""
        if self.state == "unknown":
            return None
        return ReviewOpened(
            lease=self.lease,
            route=self.route,
            evaluations=self.evaluations,
            findings=self.findings,
            why=self.why,
            by=self.opened_by,
        )

    @property
    def is_open(self) -> bool:
        """Whether people still look at it or act on it."""
        return self.state not in CLOSED

    @property
    def uses(self) -> tuple[frozenset[str], frozenset[str]]:
        """The findings and evaluations the file rests on: its grounds, and the evaluations that opened it."""
        evaluations = {ground.evaluation for ground in self.grounds if ground.evaluation is not None}
        findings = {ground.finding for ground in self.grounds} or set(self.findings)
        return frozenset(findings), frozenset(evaluations | set(self.evaluations))


def open_by_threshold(termination: Termination, *, lease: str, evaluations: tuple[str, ...]) -> list[TerminationEvent]:
    """Open a review because the count reached the threshold. Nothing is proposed, written or decided with it."""
    if termination.state != "unknown":
        return []
    return [ReviewOpened(lease=lease, route="threshold", evaluations=evaluations)]


def open_serious_review(
    termination: Termination,
    *,
    lease: str,
    findings: tuple[str, ...],
    why: Sealed | None,
    case: Case,
    terminations: Mapping[str, Termination],
    on: date,
    by: Person,
) -> list[TerminationEvent]:
    """Open a review on serious facts, without a threshold; the gates are the same.

    :raises WrongState: a review of this lease is open, or the lease has ended, or the id belongs to another one.
    :raises NotSerious: no finding is serious and the renter's.
    """
    opened = ReviewOpened(lease=lease, route="serious_facts", findings=findings, why=why, by=by.id)
    if has_begun(termination.as_opened, opened):
        return []
    if case.ended is not None or any(other.is_open for other in terminations.values()):
        raise WrongState
    known = [finding for id in findings if (finding := case.finding(id, on=on)) is not None]
    if not any(finding.serious and finding.is_renters for finding in known):
        raise NotSerious
    return [opened]


RECORDED_BY_PEOPLE = ("G2", "G3", "G8", "G9")


def refuse_gate_that_is_not_recorded(gate: str) -> None:
    """Refuse to record a gate that is computed, or filled from events.

    :raises GateNotRecorded: it is such a gate.
    """
    if gate not in RECORDED_BY_PEOPLE:
        raise GateNotRecorded


def check_attribution(
    termination: Termination, *, findings: tuple[str, ...], note: Sealed | None, on: date, by: Person
) -> list[TerminationEvent]:
    """Record gate G2: a person with the right checked each finding's attribution.

    :raises WrongState: :raises NoProof: no finding is named.
    """
    _recordable(termination, "G2")
    if not findings:
        raise NoProof
    checked = AttributionChecked(findings=findings, note=note, by=by.id)
    return [] if _same(termination.attribution, checked, on=on) else [checked]


def write_proportionality_note(
    termination: Termination, *, note: Sealed | None, on: date, by: Person
) -> list[TerminationEvent]:
    """Record gate G3.

    :raises WrongState: :raises NoProof: nothing was written.
    """
    _recordable(termination, "G3")
    if note is None:
        raise NoProof
    written = ProportionalityNoteWritten(note=note, by=by.id)
    return [] if _same(termination.proportionality, written, on=on) else [written]


def check_addressees(
    termination: Termination, *, addressees: tuple[AddressCheck, ...], today: date, by: Person
) -> list[TerminationEvent]:
    """Record gate G8: who must get an own letter, when the address was checked, and which letter.

    :raises WrongState: :raises NoProof: nobody is named. :raises OccurredInFuture: a day lies after today.
    """
    _recordable(termination, "G8")
    if not addressees:
        raise NoProof
    if any(one.checked_on > today for one in addressees):
        raise OccurredInFuture
    checked = AddresseesChecked(addressees=addressees, by=by.id)
    before = termination.addressees.last
    return [] if before is not None and before.said == checked else [checked]


def check_landlord_duties(
    termination: Termination, *, in_order: bool | None, note: Sealed | None, on: date, by: Person
) -> list[TerminationEvent]:
    """Record gate G9: whether all duties of landlord and office that touch a ground are in order.

    :raises WrongState: the file is past the notice. :raises NoProof: it is not said.
    """
    _recordable(termination, "G9")
    if in_order is None:
        raise NoProof
    checked = LandlordDutiesChecked(in_order=in_order, note=note, by=by.id)
    return [] if _same(termination.landlord, checked, on=on) else [checked]


def _recordable(termination: Termination, gate: str) -> None:
    # G8 and G9 can still change between decision and posting; an open gate must be recordable once it is refused.
    # Addresses are checked again where the notice came back.
    allowed = BEFORE_POSTING if gate in ("G8", "G9") else BEFORE_DECISION
    if termination.state not in allowed and not (gate == "G8" and termination.state == "notice_running"):
        raise WrongState


def _same(proofs: Proofs[Any], now: Any, *, on: date) -> bool:
    known = proofs.by(on)  # the same words of an earlier day prove more
    if known is None or known.said.by != now.by:
        return False
    before = known.said
    says_the_same = before.note is None if now.note is None else now.note.says_the_same_as(before.note)
    return says_the_same and bool(replace(before, note=now.note) == now)


def record_hearing(
    termination: Termination,
    *,
    on: date,
    invited_on: date | None,
    present: tuple[str, ...],
    interpreter: Interpreter,
    professional_offered: bool,
    said: Sealed | None,
    notice_days: int,
    today: date,
    by: Person,
) -> list[TerminationEvent]:
    """Record that the renter was heard.

    :raises WrongState: :raises OccurredInFuture: :raises NoProof: no day of invitation, or nobody was there.
    :raises InvitedTooLate: invited fewer than ``notice_days`` days ahead.
    :raises InterpreterIsMinor: or not known to be an adult.
    :raises InterpreterNotOffered: an acquaintance interpreted and no professional had been offered.
    """
    invited_on = _hearing_allowed(termination, on=on, invited_on=invited_on, notice_days=notice_days, today=today)
    if not present:  # whoever did not come was not heard: that is ``miss_hearing``
        raise NoProof
    if interpreter.kind != "none" and interpreter.age_over_18 is False:
        raise InterpreterIsMinor
    if interpreter.kind == "informal_adult":
        if interpreter.age_over_18 is None:
            raise InterpreterIsMinor
        if not professional_offered:
            raise InterpreterNotOffered
    held = HearingHeld(on=on, invited_on=invited_on, present=present, interpreter=interpreter, said=said, by=by.id)
    return [] if any(_same_hearing(before.said, held) for before in termination.hearings) else [held]


def decline_hearing(
    termination: Termination,
    *,
    on: date,
    invited_on: date | None,
    said: Sealed | None,
    today: date,
    by: Person,
) -> list[TerminationEvent]:
    """Record that the renter declined the hearing in writing, on a day.

    :raises WrongState: :raises OccurredInFuture: :raises NoProof: no day of invitation, or nothing in writing.
    :raises DateOrder: declined before invited.
    """
    if termination.state not in BEFORE_DECISION:
        raise WrongState
    if on > today:
        raise OccurredInFuture
    if invited_on is None or said is None:
        raise NoProof
    if on < invited_on:
        raise DateOrder
    declined = HearingDeclined(on=on, invited_on=invited_on, said=said, by=by.id)
    return [] if any(_same_hearing(before.said, declined) for before in termination.hearings) else [declined]


def miss_hearing(
    termination: Termination,
    *,
    on: date,
    invited_on: date | None,
    method: str,
    notice_days: int,
    today: date,
    by: Person,
) -> list[TerminationEvent]:
    """Record that the renter did not come, though invited in time by ``method``.

    :raises WrongState: :raises OccurredInFuture: :raises NoProof: no day of invitation. :raises InvitedTooLate:
    """
    invited_on = _hearing_allowed(termination, on=on, invited_on=invited_on, notice_days=notice_days, today=today)
    missed = HearingMissed(on=on, invited_on=invited_on, method=method, by=by.id)
    return [] if any(_same_hearing(before.said, missed) for before in termination.hearings) else [missed]


def _hearing_allowed(
    termination: Termination, *, on: date, invited_on: date | None, notice_days: int, today: date
) -> date:
    if termination.state not in BEFORE_DECISION:
        raise WrongState
    if on > today:
        raise OccurredInFuture
    if invited_on is None:
        raise NoProof
    if (on - invited_on).days < notice_days:
        raise refusals.InvitedTooLate
    return invited_on


def _same_hearing(before: Hearing, now: Hearing) -> bool:
    return (type(before), before.on, before.invited_on) == (type(now), now.on, now.invited_on)


def propose_termination(
    termination: Termination, *, grounds: Sequence[TerminationGround], why: Sealed | None, by: Person
) -> list[TerminationEvent]:
    """Propose to end the lease on these grounds, as they were judged today (``gates.ground``).

    :raises WrongState: not under review.
    :raises NoGround: none is named.
    :raises ReasonMissing: no reason was given.
    :raises NonTerminableGround: :raises NotSeriousNorLasting: of a ground; each is named.
    """
    named = tuple(grounds)
    if termination.state == "proposed" and termination.grounds == named and termination.proposer == by.id:
        return []
    if termination.state != "under_review":
        raise WrongState
    if not named:
        raise refusals.NoGround
    if why is None:
        raise ReasonMissing
    refuse_weak_grounds(named)
    return [TerminationProposed(grounds=named, why=why, by=by.id, in_name_of=by.in_name_of)]


def refuse_weak_grounds(grounds: Sequence[TerminationGround]) -> None:
    """Refuse grounds that cannot carry a termination.

    :raises NotSeriousNorLasting: of a ground; each is named.
    """
    weak = [ground for ground in grounds if not (ground.serious or ground.lasting)]
    if weak:
        raise NotSeriousNorLasting(
            *(Named("NOT_SERIOUS_NOR_LASTING", values={"finding": ground.finding}) for ground in weak)
        )


def doubt(
    termination: Termination,
    *,
    findings: frozenset[str],
    evaluations: frozenset[str],
    below_threshold: bool,
    count: int,
) -> list[TerminationEvent]:
    """Mark the file doubtful where something it rests on fell away that is not marked or weighed already."""
    if not termination.is_open:
        return []
    new_findings = findings - termination.doubt.findings - termination.weighed.findings
    new_evaluations = evaluations - termination.doubt.evaluations - termination.weighed.evaluations
    told: list[TerminationEvent] = []
    if new_findings or new_evaluations:
        told.append(
            GroundsDoubtful(
                why="ground_invalid", findings=tuple(sorted(new_findings)), evaluations=tuple(sorted(new_evaluations))
            )
        )
    weighed = termination.weighed.count and count >= termination.weighed_count
    if below_threshold and not termination.doubt.count and not weighed:
        told.append(GroundsDoubtful(why="count_below_threshold"))
    return told


def lapse(termination: Termination, *, ended_by_this_file: bool) -> list[TerminationEvent]:
    """Let an open file lapse when the lease ended for another reason."""
    if not termination.is_open or ended_by_this_file:
        return []
    return [TerminationLapsed()]


def evolve(termination: Termination, recorded: Recorded[Any]) -> Termination:
    event = cast(TerminationEvent, recorded.event)
    match event:
        case ReviewOpened():
            return replace(
                termination,
                id=recorded.thing,
                state="under_review",
                lease=event.lease,
                route=event.route,
                opened_on=recorded.occurred_on,
                findings=event.findings,
                evaluations=event.evaluations,
                why=event.why,
                opened_by=event.by,
                texts=_said(event.why),
            )
        case AttributionChecked():
            return _noted(termination, event.note, attribution=_with(termination.attribution, event, recorded))
        case ProportionalityNoteWritten():
            return _noted(termination, event.note, proportionality=_with(termination.proportionality, event, recorded))
        case AddresseesChecked():
            return replace(termination, addressees=_with(termination.addressees, event, recorded))
        case LandlordDutiesChecked():
            return _noted(termination, event.note, landlord=_with(termination.landlord, event, recorded))
        case HearingHeld() | HearingDeclined() | HearingMissed():
            told: Proof[Hearing] = Proof(on=event.on, event=recorded.id, said=event)
            return replace(termination, hearings=(*termination.hearings, told))
        case TerminationProposed():
            return replace(
                termination,
                state="proposed",
                grounds=event.grounds,
                proposer=event.by,
                proposers=frozenset({event.by} if event.in_name_of is None else {event.by, event.in_name_of}),
                texts=(*termination.texts, event.why),
            )
        case TerminationDecided():
            return replace(termination, state="decided", grounds=event.grounds, decided=event)
        case TerminationNotPursued():
            return replace(termination, state="closed_continue", measures=event.measures, ended_by="not_pursued")
        case NoticePosted():
            letters = (*termination.letters_posted, *event.communications)
            return replace(termination, state="notice_running", posted=event, letters_posted=letters)
        case NoticeDatesComputed():
            return replace(termination, dates=event)
        case NoticeWithdrawn():
            return replace(termination, state="closed_continue", doubt=Doubt(), ended_by="withdrawn")
        case GroundsDoubtful():
            return replace(
                termination,
                doubt=Doubt(
                    findings=termination.doubt.findings | frozenset(event.findings),
                    evaluations=termination.doubt.evaluations | frozenset(event.evaluations),
                    count=termination.doubt.count or event.why == "count_below_threshold",
                ),
            )
        case GroundsConfirmed():
            return _weighed(termination, event)
        case _:
            return _in_court(termination, event)


def _in_court(termination: Termination, event: CourtEvent) -> Termination:
    match event:
        case ClaimFiled():
            return replace(termination, state="in_court", claim=event)
        case OcmwToldOfClaim():
            return termination
        case ConciliationHeld():
            state: State = "settled" if event.result == "settled" else termination.state
            return replace(termination, state=state, conciliation=event)
        case JudgmentGiven():
            after: State = "closed_continue" if event.result == "rejected" else "judged"
            return replace(termination, state=after, judgment=event)
        case JudgmentServed():
            return replace(termination, state="served", served_on=event.on)
        case EvictionAnnounced():
            return replace(termination, state="eviction_announced", eviction=event)
        case EvictionCarriedOut():
            return replace(termination, state="evicted", evicted_on=event.on, goods_kept_until=event.goods_kept_until)
        case RenterLeft():
            return replace(termination, state="left", keys_on=event.keys_on)
        case TerminationLapsed():
            return replace(termination, state="closed_ended", ended_by="lapsed")
        case TerminationClosed():
            closed: State = "closed_ended" if event.outcome == "ended" else "closed_continue"
            return replace(termination, state=closed, closed=event, ended_by="closed")
        case _:
            assert_never(event)


def _weighed(termination: Termination, event: GroundsConfirmed) -> Termination:
    remaining = tuple(ground for ground in termination.grounds if ground.finding in event.remaining_grounds)
    # What the file goes on resting on stood when it was weighed: if that falls, it falls anew.
    weighed = Doubt(
        findings=(termination.weighed.findings | termination.doubt.findings) - {one.finding for one in remaining},
        evaluations=(termination.weighed.evaluations | termination.doubt.evaluations)
        - {one.evaluation for one in remaining},
        count=termination.weighed.count or termination.doubt.count,
    )
    return replace(
        termination,
        grounds=remaining,
        doubt=Doubt(),
        weighed=weighed,
        weighed_count=event.count,
        texts=(*termination.texts, event.reasons),
    )


def _noted(termination: Termination, note: Sealed | None, **proofs: Any) -> Termination:
    return replace(termination, texts=(*termination.texts, *_said(note)), **proofs)


def _with(proofs: Proofs[P], said: P, recorded: Recorded[Any]) -> Proofs[P]:
    return Proofs(every=(*proofs.every, Proof(on=recorded.occurred_on, event=recorded.id, said=said)))


def _said(text: Sealed | None) -> tuple[Sealed, ...]:
    return () if text is None else (text,)


TERMINATION = DatedStream("termination", initial=Termination(), evolve=evolve, events=TerminationEvent)
