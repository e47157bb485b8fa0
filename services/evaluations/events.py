"""What can happen in evaluations. Stored like this for ever.

Every event of a thing that belongs to a lease names it in the first event of its stream. ``by`` is the person whose act
it is, ``in_name_of`` the person they stood in for; both count for four eyes.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from shared.contracts.evaluations import (
    AddressCheck,
    BadNewsSender,
    BasisDates,
    ChecklistItem,
    Ground,
    GroundToldOfV1,
    Heard,
    Interpreter,
    MomentKind,
    NoticeBasis,
    NoticeDatesRow,
    NoticeKind,
    NoticeMonths,
    NoticeStep,
    Outcome,
    Route,
    TerminationGround,
)
from shared.sealed import Sealed

# --- the office -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class OfficeFounded:
    """An office works on the platform from ``from_`` on, with its default policy, checklist and first mandate."""

    code: str
    name: str
    from_: date
    director: str


@dataclass(frozen=True, kw_only=True)
class PolicyAdopted:
    """A policy version, whole: every parameter of domain 6. Never changed; a later version takes its place."""

    version: str
    in_force_from: date
    founding: bool = False
    threshold_n: int
    validity_months: int
    cure_days: int
    contest_days: int
    contest_suspends: bool
    bad_news_sender: BadNewsSender
    first_visit_days: int
    cadence_options: tuple[int, ...]
    max_open_commitments: int
    late_report_working_days: int
    notice_basis: NoticeBasis
    notice_months: tuple[NoticeMonths, ...]
    visit_announce_days: int
    hearing_notice_days: int
    ocmw_answer_days: int
    parked_alarm_days: int
    clock_skew_minutes: int
    uses_checklist: bool
    uses_agreement_notes: bool


@dataclass(frozen=True, kw_only=True)
class ChecklistPublished:
    """A checklist version, whole. Never changed; a later version takes its place."""

    version: str
    in_force_from: date
    founding: bool = False
    items: tuple[ChecklistItem, ...]


@dataclass(frozen=True, kw_only=True)
class PolicyKept:
    """A policy version of the office that a lease came from, with the event that adopted it."""

    event: str
    recorded_at: datetime
    taken_in_at: datetime
    policy: PolicyAdopted


@dataclass(frozen=True, kw_only=True)
class ChecklistKept:
    """A checklist version of the office that a lease came from, with the event that published it."""

    event: str
    recorded_at: datetime
    taken_in_at: datetime
    checklist: ChecklistPublished


@dataclass(frozen=True, kw_only=True)
class RulesTakenOver:
    """A lease came from another office, and with it the rules under which it stood there through the day before."""

    lease: str
    from_office: str
    starts_on: date
    policies: tuple[PolicyKept, ...]
    checklists: tuple[ChecklistKept, ...]


@dataclass(frozen=True, kw_only=True)
class MandateGiven:
    """Somebody may do ``acts`` from one day to another, both included; None is without end."""

    mandate: str
    person: str
    role: str
    acts: tuple[str, ...]
    from_: date
    until: date | None = None
    in_name_of: str | None = None
    given_by: str | None = None  # None: with the founding of the office


@dataclass(frozen=True, kw_only=True)
class MandateEnded:
    """The mandate holds through ``until`` and no longer."""

    mandate: str
    person: str
    until: date
    why: Sealed | None = None


@dataclass(frozen=True, kw_only=True)
class MandateWasEnded:
    """An act that arrived was done elsewhere under a mandate that had ended before it was recorded."""

    mandate: str
    person: str
    ended_on: date
    service: str
    event: str
    event_type: str
    about: str
    lease: str | None = None


# --- evaluations ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class EvaluationMomentOpened:
    """A talk about the file, without a visit, that can be evaluated."""

    lease: str
    on: date
    about: Sealed
    why: Sealed


@dataclass(frozen=True, kw_only=True)
class EvaluationProposed:
    """A person proposes an evaluation of one moment: a visit, or a talk about the file."""

    lease: str
    moment: str
    moment_kind: MomentKind
    moment_on: date
    outcome: Outcome
    grounds: tuple[Ground, ...]
    why: Sealed | None
    checklist_version: str
    by: str
    in_name_of: str | None = None


@dataclass(frozen=True, kw_only=True)
class EvaluationAmended:
    """The proposal reads like this from now on; ``grounds`` are all of them, the earlier ones included."""

    outcome: Outcome
    grounds: tuple[Ground, ...]
    why: Sealed | None
    by: str
    in_name_of: str | None = None


@dataclass(frozen=True, kw_only=True)
class ProposalAdopted:
    """Another person stands for the proposal from now on."""

    why: Sealed
    by: str
    in_name_of: str | None = None


@dataclass(frozen=True, kw_only=True)
class EvaluationDecidedNegative:
    """A person decided, with own reasons, that it is negative; and what the letter must say."""

    reasons: Sealed
    decided_on: date
    by: str
    in_name_of: str | None
    proposed_by: str
    grounds: tuple[GroundToldOfV1, ...]
    count_before: int
    count_if_communicated: int
    threshold: int
    contest_days: int
    cure_days: int
    validity_months: int
    policy_version: str
    checklist_version: str


@dataclass(frozen=True, kw_only=True)
class EvaluationCountRestated:
    """What the letter must say of the count has changed since it was decided or last restated."""

    count_before: int
    count_if_communicated: int
    threshold: int


@dataclass(frozen=True, kw_only=True)
class EvaluationNotUpheld:
    """The proposal was not followed; it never existed for the renter's count."""

    reasons: Sealed | None
    by: str
    in_name_of: str | None = None


@dataclass(frozen=True, kw_only=True)
class EvaluationRecorded:
    """Positive or mixed; shown beside the negative ones, never subtracted."""

    outcome: Outcome
    reasons: Sealed | None
    by: str
    in_name_of: str | None = None


@dataclass(frozen=True, kw_only=True)
class EvaluationCommunicated:
    """The renter got to know it on ``communicated_on``, by proof; contests until ``contest_until``, included."""

    communication: str
    communicated_on: date
    contest_until: date
    contest_days: int
    late_registered: bool = False


@dataclass(frozen=True, kw_only=True)
class EvaluationCommunicationCorrected:
    """A proof was corrected: another date, or (None) the letter was not delivered after all."""

    communication: str
    communicated_on: date | None
    contest_until: date | None


@dataclass(frozen=True, kw_only=True)
class EvaluationWithdrawn:
    """The office takes it back."""

    why: Sealed
    by: str
    in_name_of: str | None = None


@dataclass(frozen=True, kw_only=True)
class EvaluationContested:
    """The renter objected on ``lodged_on``, within the term, whenever it was typed in."""

    lodged_on: date
    channel: str
    words: Sealed | None


@dataclass(frozen=True, kw_only=True)
class LateContestAdmitted:
    """The renter objected after the term, and a person admitted it."""

    lodged_on: date
    channel: str
    words: Sealed | None
    why: Sealed
    by: str


@dataclass(frozen=True, kw_only=True)
class EvaluationUpheld:
    """The contest was rejected, wholly or but for ``grounds_struck`` (findings)."""

    reasons: Sealed
    grounds_struck: tuple[str, ...]
    heard: Heard
    by: str
    in_name_of: str | None
    count_after: int
    threshold: int


@dataclass(frozen=True, kw_only=True)
class EvaluationAnnulled:
    """The contest was accepted, or the office annulled on its own motion."""

    reasons: Sealed
    grounds_struck: tuple[str, ...]
    own_motion: bool
    heard: Heard | None
    by: str
    in_name_of: str | None
    count_after: int
    threshold: int


@dataclass(frozen=True, kw_only=True)
class EvaluationFinal:
    """The contest term is over."""


@dataclass(frozen=True, kw_only=True)
class EvaluationExpired:
    """Its validity is over on every track."""


# --- the count --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class ThresholdReached:
    """Today the count reached the threshold. It opens a review and nothing else."""

    lease: str
    count: int
    threshold: int
    track: int
    evaluations: tuple[str, ...]
    termination: str
    policy_version: str


@dataclass(frozen=True, kw_only=True)
class ThresholdNoLongerMet:
    """Today the count fell below the threshold."""

    lease: str
    count: int
    threshold: int
    termination: str | None = None


@dataclass(frozen=True, kw_only=True)
class ReviewDue:
    """A further evaluation counts while the threshold is met and no review is open."""

    lease: str
    evaluation: str
    count: int
    threshold: int


# --- the termination file ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class ReviewOpened:
    """People look at the whole file."""

    lease: str
    route: Route
    findings: tuple[str, ...] = ()
    evaluations: tuple[str, ...] = ()
    why: Sealed | None = None
    by: str | None = None  # None: the threshold opened it


@dataclass(frozen=True, kw_only=True)
class AttributionChecked:
    """Gate G2."""

    findings: tuple[str, ...]
    note: Sealed | None
    by: str


@dataclass(frozen=True, kw_only=True)
class ProportionalityNoteWritten:
    """Gate G3."""

    note: Sealed
    by: str


@dataclass(frozen=True, kw_only=True)
class AddresseesChecked:
    """Gate G8."""

    addressees: tuple[AddressCheck, ...]
    by: str


@dataclass(frozen=True, kw_only=True)
class LandlordDutiesChecked:
    """Gate G9."""

    in_order: bool
    note: Sealed | None
    by: str


@dataclass(frozen=True, kw_only=True)
class HearingHeld:
    """The renter was heard (gate G1)."""

    on: date
    invited_on: date
    present: tuple[str, ...]
    interpreter: Interpreter
    said: Sealed | None
    by: str


@dataclass(frozen=True, kw_only=True)
class HearingDeclined:
    """The renter declined the hearing in writing (gate G1)."""

    on: date
    invited_on: date
    said: Sealed | None
    by: str


@dataclass(frozen=True, kw_only=True)
class HearingMissed:
    """The renter did not come, though invited by ``method``."""

    on: date
    invited_on: date
    method: str
    by: str


@dataclass(frozen=True, kw_only=True)
class TerminationProposed:
    """The coordinator proposes to end the lease."""

    grounds: tuple[TerminationGround, ...]
    why: Sealed
    by: str
    in_name_of: str | None = None


@dataclass(frozen=True, kw_only=True)
class GateTested:
    """How one gate stood when it was decided, and why."""

    gate: str
    passes: bool
    why: str


@dataclass(frozen=True, kw_only=True)
class TerminationDecided:
    """A person with a mandate decided, with own reasons, to give notice."""

    grounds: tuple[TerminationGround, ...]
    reasons: Sealed
    notice_kind: NoticeKind
    notice_months: int
    notice_basis: NoticeBasis
    notice_dates: tuple[NoticeDatesRow, ...]
    gates: tuple[GateTested, ...]
    decided_on: date
    by: str
    in_name_of: str | None
    proposed_by: str
    count: int
    threshold: int


@dataclass(frozen=True, kw_only=True)
class TerminationNotPursued:
    """A person decided that the lease goes on."""

    reasons: Sealed
    measures: tuple[Sealed, ...]
    by: str
    in_name_of: str | None = None


@dataclass(frozen=True, kw_only=True)
class NoticePosted:
    """The notice was handed to the post."""

    posted_on: date
    method: str
    communications: tuple[str, ...]
    tracking: tuple[str, ...]
    posted_on_closed_day: bool = False


@dataclass(frozen=True, kw_only=True)
class NoticeDatesComputed:
    """When the notice starts and ends, what each basis gives, and each step of the computation."""

    posted_on: date
    basis: NoticeBasis
    months: int
    start: date
    end: date
    bases: tuple[BasisDates, ...]
    steps: tuple[NoticeStep, ...]
    recomputed: bool = False


@dataclass(frozen=True, kw_only=True)
class NoticeWithdrawn:
    """A person took the notice back."""

    why: Sealed
    by: str
    in_name_of: str | None = None


@dataclass(frozen=True, kw_only=True)
class GroundsDoubtful:
    """Something the file rests on fell away; ``findings`` and ``evaluations`` are what fell away."""

    why: Literal["ground_invalid", "count_below_threshold"]
    findings: tuple[str, ...] = ()
    evaluations: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class GroundsConfirmed:
    """A person weighed the remaining grounds anew and goes on with them."""

    remaining_grounds: tuple[str, ...]
    reasons: Sealed
    by: str
    in_name_of: str | None = None
    count: int = 0  # the count at which they were weighed


@dataclass(frozen=True, kw_only=True)
class ClaimFiled:
    """A claim was filed with the justice of the peace."""

    court: str
    filed_on: date


@dataclass(frozen=True, kw_only=True)
class OcmwToldOfClaim:
    """The OCMW is told of the claim, the same day."""

    on: date


@dataclass(frozen=True, kw_only=True)
class ConciliationHeld:
    """The judge tried to conciliate; settled: does the lease go on?"""

    on: date
    result: Literal["settled", "not_settled"]
    lease_continues: bool | None = None


@dataclass(frozen=True, kw_only=True)
class JudgmentGiven:
    """The judge decided."""

    on: date
    result: Literal["dissolved", "rejected", "conditional"]
    ground: str | None = None
    says_neglect: bool = False
    condition_until: date | None = None
    term_set_by_judge: date | None = None


@dataclass(frozen=True, kw_only=True)
class JudgmentServed:
    """The bailiff served the judgment."""

    on: date


@dataclass(frozen=True, kw_only=True)
class EvictionAnnounced:
    """The bailiff announced the eviction."""

    told_on: date
    planned_on: date
    earliest: date


@dataclass(frozen=True, kw_only=True)
class EvictionCarriedOut:
    """The eviction was carried out."""

    on: date
    goods_kept_until: date


@dataclass(frozen=True, kw_only=True)
class RenterLeft:
    """The renter gave back the keys."""

    keys_on: date


@dataclass(frozen=True, kw_only=True)
class TerminationLapsed:
    """The lease ended for another reason."""


@dataclass(frozen=True, kw_only=True)
class TerminationClosed:
    """The file is closed."""

    outcome: Literal["ended", "continue"]
    mode: str | None = None
    ground: str | None = None
    registration_bar_until: date | None = None


# --- attempts, holds --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class AttemptRefused:
    """An act on an evaluation or termination was refused. It changed nothing."""

    lease: str
    act: str
    about: str
    code: str
    named: tuple[str, ...] = ()
    words: Sealed | None = None


@dataclass(frozen=True, kw_only=True)
class HoldPlaced:
    """Nothing of this lease may be erased."""

    lease: str
    why: Sealed
    by: str


@dataclass(frozen=True, kw_only=True)
class HoldLifted:
    """The hold is over."""

    why: Sealed | None
    by: str


# --- the file for court -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class CourtFileIssued:
    """A file about the lease was made for court: all that was known when the ledger reached ``ledger_position``."""

    lease: str
    ledger_position: int
    as_known_at: datetime
    by: str


OfficeEvent = OfficeFounded
PolicyEvent = PolicyAdopted
ChecklistEvent = ChecklistPublished
MandateEvent = MandateGiven | MandateEnded
BreachEvent = MandateWasEnded
MomentEvent = EvaluationMomentOpened
EvaluationEvent = (
    EvaluationProposed
    | EvaluationAmended
    | ProposalAdopted
    | EvaluationDecidedNegative
    | EvaluationCountRestated
    | EvaluationNotUpheld
    | EvaluationRecorded
    | EvaluationCommunicated
    | EvaluationCommunicationCorrected
    | EvaluationWithdrawn
    | EvaluationContested
    | LateContestAdmitted
    | EvaluationUpheld
    | EvaluationAnnulled
    | EvaluationFinal
    | EvaluationExpired
)
StandingEvent = ThresholdReached | ThresholdNoLongerMet | ReviewDue
CourtEvent = (
    ClaimFiled
    | OcmwToldOfClaim
    | ConciliationHeld
    | JudgmentGiven
    | JudgmentServed
    | EvictionAnnounced
    | EvictionCarriedOut
    | RenterLeft
    | TerminationLapsed
    | TerminationClosed
)
TerminationEvent = (
    ReviewOpened
    | AttributionChecked
    | ProportionalityNoteWritten
    | AddresseesChecked
    | LandlordDutiesChecked
    | HearingHeld
    | HearingDeclined
    | HearingMissed
    | TerminationProposed
    | TerminationDecided
    | TerminationNotPursued
    | NoticePosted
    | NoticeDatesComputed
    | NoticeWithdrawn
    | GroundsDoubtful
    | GroundsConfirmed
    | CourtEvent
)
AttemptEvent = AttemptRefused
HoldEvent = HoldPlaced | HoldLifted
CourtFileEvent = CourtFileIssued
BeforeEvent = RulesTakenOver
Event = (
    OfficeEvent
    | PolicyEvent
    | ChecklistEvent
    | MandateEvent
    | BreachEvent
    | MomentEvent
    | EvaluationEvent
    | StandingEvent
    | TerminationEvent
    | AttemptEvent
    | HoldEvent
    | CourtFileEvent
    | BeforeEvent
)
