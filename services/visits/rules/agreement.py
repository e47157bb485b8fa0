"""The agreement note and its commitments: a talk written down, small steps, both sides bound (domain 3.4)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Literal, assert_never

from services.visits.events import (
    AgreementAccepted,
    AgreementBreached,
    AgreementDrafted,
    AgreementEvent,
    AgreementKept,
    AgreementLapsed,
    AgreementPartlyKept,
    AgreementProposed,
    AgreementRefused,
    AgreementRevised,
    AgreementStarted,
    Commitment,
    CommitmentDue,
    CommitmentFollowedUp,
    CommitmentOutcome,
    InterpreterKind,
    ReservationSettled,
)
from services.visits.rules.lease import Lease
from services.visits.rules.policy import Policies, policy_on
from services.visits.rules.refusals import InterpreterIsMinor, NotPermitted, NotSeen
from services.visits.rules.smart import Wish, smart
from shared.decisions import Elsewhere, Named, Refusal, Stream
from shared.refusals import DateOrder, ReasonMissing, Unknown, WrongState
from shared.sealed import Sealed

AgreementState = Literal[
    "new", "concept", "proposed", "running", "refused", "revised", "kept", "partly", "broken", "lapsed"
]
CommitmentState = Literal["open", "kept", "partly", "not_kept", "dropped"]
Conclusion = Literal["kept", "partly", "broken"]


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """A note, from the talk to its conclusion."""

    state: AgreementState = "new"
    drafted: AgreementDrafted | None = None
    proposed_on: date | None = None
    commitments: tuple[Commitment, ...] = ()
    accepted: AgreementAccepted | None = None
    refused: AgreementRefused | None = None
    disputed: frozenset[str] = frozenset()
    follow_ups: tuple[CommitmentFollowedUp, ...] = ()
    dropped: frozenset[str] = frozenset()
    due_noted: frozenset[str] = frozenset()
    settled: tuple[ReservationSettled, ...] = ()
    revised: AgreementRevised | None = None
    concluded: AgreementKept | AgreementPartlyKept | AgreementBreached | None = None
    lapsed: AgreementLapsed | None = None
    latest: Mapping[str, CommitmentFollowedUp] = field(default_factory=dict)  # what was seen last of each commitment

    @property
    def lease(self) -> str:
        """The lease it belongs to."""
        return self.drafted.lease if self.drafted else ""

    def commitment(self, id: str) -> Commitment | None:
        """Return one of its commitments, or None."""
        return next((commitment for commitment in self.commitments if commitment.id == id), None)

    def state_of(self, commitment: str) -> CommitmentState:
        """What became of a commitment so far. One that force majeure excused is dropped."""
        if commitment in self.dropped:
            return "dropped"
        seen = self.latest.get(commitment)
        if seen is None:
            return "open"
        return "dropped" if seen.outcome == "force_majeure" else seen.outcome

    @property
    def open_commitments(self) -> tuple[Commitment, ...]:
        """Those nobody has followed up yet."""
        return tuple(commitment for commitment in self.commitments if self.state_of(commitment.id) == "open")


class AgreementIncomplete(Refusal):
    """One of the four texts of a note is empty."""


class TooManyOpenCommitments(Refusal):
    """Small steps: the renter would have more open commitments than the office allows at a time."""


class NotUnderstood(Refusal):
    """The note was not read in a language the renter understands, and nobody interpreted."""


class NotYetDue(Refusal):
    """A commitment is not broken before its day."""


class LandlordCommitmentOpen(Refusal):
    """The office has not done its own part yet."""


class UnderReservation(Refusal):
    """The renter signed under reservation of this commitment, and that was not settled."""


class NoFollowUp(Refusal):
    """Nobody saw that a commitment was not kept."""


class FollowUpMissing(Refusal):
    """Some commitments were not followed up."""


def draft(
    agreement: Agreement,
    *,
    lease_id: str,
    goes_wrong: Sealed | None,
    why_renter_says: Sealed | None,
    goal: Sealed | None,
    renter_needs: Sealed | None,
    findings: tuple[str, ...],
    lease: Lease,
    known_findings: Mapping[str, object],
) -> list[AgreementEvent]:
    """Write a talk down: what is not smooth, why, the joint goal, what the renter needs.

    :raises AgreementIncomplete: naming each of the four texts that is empty.
    :raises Unknown: a finding is not one of this lease.
    """
    if agreement.state != "new" or not lease.runs:
        raise WrongState
    if goes_wrong is None or why_renter_says is None or goal is None or renter_needs is None:
        texts = {
            "goes_wrong": goes_wrong,
            "why_renter_says": why_renter_says,
            "goal": goal,
            "renter_needs": renter_needs,
        }
        raise AgreementIncomplete(*(Named(name, f"/{name}") for name, text in texts.items() if text is None))
    if any(finding not in known_findings for finding in findings):
        raise Unknown
    return [
        AgreementDrafted(
            lease=lease_id,
            findings=findings,
            goes_wrong=goes_wrong,
            why_renter_says=why_renter_says,
            goal=goal,
            renter_needs=renter_needs,
        )
    ]


def propose(
    agreement: Agreement,
    *,
    id: str,
    commitments: Sequence[Wish],
    on: date,
    lease: Lease,
    agreements: Mapping[str, Agreement],
    policies: Policies,
) -> list[AgreementEvent]:
    """Put the note to the renter with its commitments, while the lease runs.

    :param agreements: all notes of the lease. :raises NotSmart: a letter is missing (see ``smart``).
    :raises TooManyOpenCommitments: the renter would have too many open at a time.
    """
    if agreement.state != "concept" or not lease.runs:
        raise WrongState
    others = {one: note for one, note in agreements.items() if one != id}
    return [_proposed(commitments, on=on, others=others, policies=policies)]


def _proposed(
    wishes: Sequence[Wish], *, on: date, others: Mapping[str, Agreement], policies: Policies
) -> AgreementProposed:
    running = [note for note in others.values() if note.state == "running"]
    due = {commitment.id: commitment.due_on for note in running for commitment in note.commitments}
    taken = {commitment.id for note in others.values() for commitment in note.commitments}
    if any(wish.id in taken for wish in wishes):
        raise WrongState  # an id belongs to one commitment for ever
    commitments = smart(wishes, proposed_on=on, running=due)
    theirs = [one for note in running for one in note.open_commitments if one.by == "renter"]
    ours = [one for one in commitments if one.by == "renter"]
    if len(theirs) + len(ours) > policy_on(policies, on=on).max_open_commitments:
        raise TooManyOpenCommitments
    return AgreementProposed(proposed_on=on, commitments=commitments)


@dataclass(frozen=True, kw_only=True)
class Reservation:
    """What the renter signed under, in their own words; without commitments named, it is about all of them."""

    words: Sealed
    commitments: tuple[str, ...] = ()


def accept(
    agreement: Agreement,
    *,
    on: date,
    signed: bool,
    reservation: Reservation | None,
    read_in_language: str,
    interpreter: InterpreterKind,
    interpreter_over_18: bool | None,
    by_party: str | None,
    lease: Lease,
) -> list[AgreementEvent]:
    """Note that the renter accepted; the note runs from then on.

    :raises InterpreterIsMinor: a child never interprets. :raises NotUnderstood: another language than the renter's, and
        nobody interpreted. :raises DateOrder: before it was proposed. :raises Unknown: the reservation names no
        commitment of this note, or the party is none.
    """
    if agreement.state != "proposed" or agreement.proposed_on is None:
        raise WrongState
    if interpreter != "none" and interpreter_over_18 is False:
        raise InterpreterIsMinor
    readers = [party for party in lease.renters_on(on) if by_party in (None, party.id)]
    if by_party is not None and not readers:
        raise Unknown
    if interpreter == "none" and any(party.language != read_in_language for party in readers):
        raise NotUnderstood
    if on < agreement.proposed_on:
        raise DateOrder
    known = {commitment.id for commitment in agreement.commitments}
    if reservation and not known.issuperset(reservation.commitments):
        raise Unknown
    disputed = (reservation.commitments or tuple(one.id for one in agreement.commitments)) if reservation else ()
    accepted = AgreementAccepted(
        accepted_on=on,
        signed=signed,
        read_in_language=read_in_language,
        interpreter=interpreter,
        reservation=reservation.words if reservation else None,
        disputed=disputed,
    )
    return [accepted, AgreementStarted()]


def refuse(agreement: Agreement, *, on: date, reason: Sealed | None) -> list[AgreementEvent]:
    """Note that the renter does not accept. It never counts, and the findings stay as discussed as they were."""
    if agreement.state == "refused":
        return []
    if agreement.state != "proposed" or agreement.proposed_on is None:
        raise WrongState
    if on < agreement.proposed_on:
        raise DateOrder
    return [AgreementRefused(refused_on=on, reason=reason)]


def follow_up(
    agreement: Agreement,
    *,
    commitment: str,
    on: date,
    outcome: CommitmentOutcome,
    seen_by: str | None,
    roles: frozenset[str],
    agreements: Mapping[str, Agreement],
) -> list[AgreementEvent]:
    """Note what somebody saw became of a commitment. The technical service does so for the office's own repairs.

    :raises Unknown: no such commitment. :raises NotSeen: nobody saw it. :raises NotYetDue: broken before its day.
    :raises LandlordCommitmentOpen: it waits for something the office has not done.
    :raises UnderReservation: the renter's reservation about it was not settled.
    :raises DateOrder: before the renter accepted the note.
    """
    promised = agreement.commitment(commitment)
    if roles and not roles & {"counsellor", "coordinator"} and (promised is None or promised.by != "office"):
        raise NotPermitted
    of_that_day = [one for one in agreement.follow_ups if (one.commitment, one.seen_on) == (commitment, on)]
    if of_that_day and (of_that_day[-1].outcome, of_that_day[-1].seen_by) == (outcome, seen_by):
        return []
    if agreement.state != "running" or agreement.accepted is None:
        raise WrongState
    if promised is None:
        raise Unknown
    if seen_by is None:
        raise NotSeen
    if on < agreement.accepted.accepted_on:
        raise DateOrder
    if outcome == "not_kept":
        if on < promised.due_on:
            raise NotYetDue
        if any(_unmet_office(agreements, needed) for needed in _needed(agreements, agreement, (promised,))):
            raise LandlordCommitmentOpen
        if commitment in agreement.disputed:
            raise UnderReservation
    return [CommitmentFollowedUp(commitment=commitment, seen_on=on, outcome=outcome, seen_by=seen_by)]


def _needed(
    agreements: Mapping[str, Agreement], agreement: Agreement, start: tuple[Commitment, ...]
) -> Iterator[Commitment]:
    """All commitments that these depend on, near or far, in this note or another of the lease."""
    known = {one.id: one for note in (*agreements.values(), agreement) for one in note.commitments}
    waiting = [needed for commitment in start for needed in commitment.depends_on]
    seen: set[str] = set()
    while waiting:
        needed = waiting.pop()
        if needed in seen or needed not in known:
            continue
        seen.add(needed)
        yield known[needed]
        waiting += known[needed].depends_on


def _unmet_office(agreements: Mapping[str, Agreement], commitment: Commitment) -> bool:
    if commitment.by != "office":
        return False
    states = [note.state_of(commitment.id) for note in agreements.values() if note.commitment(commitment.id)]
    return "kept" not in states


def revise(
    agreement: Agreement,
    *,
    id: str,
    into: str,
    commitments: Sequence[Wish],
    why: Sealed | None,
    on: date,
    agreements: Mapping[str, Agreement],
    already: Agreement,
    policies: Policies,
) -> list[AgreementEvent | Elsewhere]:
    """Put another note in its place, proposed with other commitments; the open ones of this note are dropped.

    :param already: what there is under the new note's id. :raises WrongState: a note, this one or any other.
    :raises ReasonMissing: why was not said. :raises NotSmart, TooManyOpenCommitments: as for ``propose``.
    """
    if agreement.state != "running" or agreement.drafted is None or already.state != "new":
        raise WrongState
    if why is None:
        raise ReasonMissing
    others = {one: note for one, note in agreements.items() if one != id}
    proposed = _proposed(commitments, on=on, others=others, policies=policies)
    if any(agreement.commitment(one.id) for one in proposed.commitments):
        raise WrongState  # an id belongs to one commitment for ever
    return [
        AgreementRevised(into=into, why=why, dropped=tuple(one.id for one in agreement.open_commitments)),
        Elsewhere(AGREEMENT, into, replace(agreement.drafted, revises=id)),
        Elsewhere(AGREEMENT, into, proposed),
    ]


def conclude(
    agreement: Agreement,
    *,
    as_: Conclusion,
    on: date,
    why: Sealed | None,
    agreements: Mapping[str, Agreement],
) -> list[AgreementEvent]:
    """Say what became of the note as a whole. It is broken only by what a person saw.

    :raises LandlordCommitmentOpen: broken, while the office has not done its part.
    :raises NoFollowUp: broken, and nobody saw a commitment not kept. :raises FollowUpMissing: some are still open.
    :raises DateOrder: before the renter accepted it, or before what was seen last of its commitments.
    """
    if agreement.state == as_ and agreement.concluded and agreement.concluded.concluded_on == on:
        return []
    if agreement.state != "running" or agreement.accepted is None:
        raise WrongState
    not_kept = tuple(one.id for one in agreement.commitments if agreement.state_of(one.id) == "not_kept")
    if as_ == "broken":
        together = (*agreement.commitments, *_needed(agreements, agreement, agreement.commitments))
        if any(_unmet_office(agreements, one) for one in together):
            raise LandlordCommitmentOpen
        if not not_kept:
            raise NoFollowUp
    if agreement.open_commitments:
        raise FollowUpMissing
    if on < max((agreement.accepted.accepted_on, *(seen.seen_on for seen in agreement.latest.values()))):
        raise DateOrder
    if as_ == "broken":
        return [AgreementBreached(concluded_on=on, not_kept=not_kept, why=why)]
    return [AgreementKept(concluded_on=on, why=why) if as_ == "kept" else AgreementPartlyKept(concluded_on=on, why=why)]


def settle_reservation(
    agreement: Agreement, *, on: date, office_said: Sealed, renter_said: Sealed, commitments: tuple[str, ...]
) -> list[AgreementEvent]:
    """Note the new talk, both sides, after which these commitments are no longer disputed.

    :raises Unknown: one is no commitment of this note. :raises DateOrder: before the reservation was made.
    """
    if agreement.state != "running" or agreement.accepted is None:
        raise WrongState
    if any(agreement.commitment(one) is None for one in commitments):
        raise Unknown
    if not agreement.disputed & frozenset(commitments):
        return []
    if on < agreement.accepted.accepted_on:
        raise DateOrder
    return [
        ReservationSettled(settled_on=on, commitments=commitments, office_said=office_said, renter_said=renter_said)
    ]


def lapse(agreement: Agreement, *, why: Sealed | None) -> list[AgreementEvent]:
    """Let the note lapse, without consequence for anyone."""
    if agreement.state == "lapsed":
        return []
    if agreement.state not in ("proposed", "running"):
        raise WrongState
    return [AgreementLapsed(cause="by_person", why=why)]


def note_due(agreement: Agreement, *, today: date) -> list[AgreementEvent]:
    """Note, once each, the open commitments whose day passed. A task for somebody to go and see, nothing else."""
    if agreement.state != "running":
        return []
    return [
        CommitmentDue(commitment=one.id, due_on=one.due_on)
        for one in agreement.open_commitments
        if one.due_on < today and one.id not in agreement.due_noted
    ]


def evolve(agreement: Agreement, event: AgreementEvent) -> Agreement:
    match event:
        case AgreementDrafted():
            return Agreement(state="concept", drafted=event)
        case AgreementProposed():
            return replace(agreement, state="proposed", proposed_on=event.proposed_on, commitments=event.commitments)
        case AgreementAccepted():
            return replace(agreement, accepted=event, disputed=frozenset(event.disputed))
        case AgreementStarted():
            return replace(agreement, state="running")
        case AgreementRefused():
            return replace(agreement, state="refused", refused=event)
        case CommitmentFollowedUp():
            before = agreement.latest.get(event.commitment)
            # What is typed in later was not always seen later; of one day the last word stands.
            stands = event if before is None or before.seen_on <= event.seen_on else before
            return replace(
                agreement,
                follow_ups=(*agreement.follow_ups, event),
                latest={**agreement.latest, event.commitment: stands},
            )
        case CommitmentDue():
            return replace(agreement, due_noted=agreement.due_noted | {event.commitment})
        case AgreementRevised():
            return replace(
                agreement, state="revised", revised=event, dropped=agreement.dropped | frozenset(event.dropped)
            )
        case AgreementKept():
            return replace(agreement, state="kept", concluded=event)
        case AgreementPartlyKept():
            return replace(agreement, state="partly", concluded=event)
        case AgreementBreached():
            return replace(agreement, state="broken", concluded=event)
        case ReservationSettled():
            settled = agreement.disputed - frozenset(event.commitments)
            return replace(agreement, disputed=settled, settled=(*agreement.settled, event))
        case AgreementLapsed():
            still_open = frozenset(one.id for one in agreement.open_commitments)
            return replace(agreement, state="lapsed", lapsed=event, dropped=agreement.dropped | still_open)
        case _:
            assert_never(event)


AGREEMENT = Stream("agreement", initial=Agreement(), evolve=evolve, events=AgreementEvent)
