"""What evaluations tells the others. Words only: a contract once published never changes its meaning.

Persons are ids; text is sealed. ``lease`` is the lease an event is about; ``evaluation``, ``termination`` and
``moment`` are the ids of the things in evaluations.
"""

from dataclasses import dataclass
from datetime import date
from typing import Literal

from shared.sealed import Sealed

Outcome = Literal["negative", "positive", "mixed"]
MomentKind = Literal["visit", "file"]
BadNewsSender = Literal["coordinator", "counsellor"]
NoticeBasis = Literal["posting", "presumed_receipt", "latest"]
NoticeKind = Literal["shortcoming", "property"]
Route = Literal["threshold", "serious_facts"]
Attribution = Literal["renter", "landlord", "owner", "third_party", "unclear"]
Category = Literal[
    "safety",
    "maintenance",
    "damage",
    "waste",
    "liveability",
    "occupancy",
    "payment",
    "administration",
    "cooperation",
    "language",
    "employment",
]
InterpreterKind = Literal["none", "professional", "social", "bridge_figure", "informal_adult"]


# --- the office, its policy, checklist and mandates -------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class OfficeFoundedV1:
    """An office works on the platform from ``from_`` on."""

    code: str
    name: str
    from_: date
    director: str


@dataclass(frozen=True, kw_only=True)
class NoticeMonths:
    """How many months a notice of this kind runs."""

    kind: NoticeKind
    months: int


@dataclass(frozen=True, kw_only=True)
class PolicyAdoptedV1:
    """A policy version of the office, whole: every parameter of domain 6, also those that stayed as before."""

    version: str  # "P-1", "P-2" …
    in_force_from: date
    founding: bool  # laid down with the office; the only ones that may lie in the past
    threshold_n: int
    validity_months: int
    cure_days: int
    contest_days: int
    contest_suspends: bool
    bad_news_sender: BadNewsSender
    first_visit_days: int
    cadence_options: tuple[int, ...]  # months
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
class ChecklistItem:
    """One item of a checklist (domain 7). Severity and attribution are suggestions, never decided."""

    code: str  # never reused
    category: Category
    label: str  # plain Dutch for the renter: the desired situation
    severity: int  # 1 to 4
    lasting_after_days: int | None
    attribution: Attribution
    terminable: bool  # can ground a termination
    consequences: tuple[str, ...]  # damage, nuisance, danger, loss


@dataclass(frozen=True, kw_only=True)
class ChecklistPublishedV1:
    """A checklist version of the office, whole."""

    version: str  # "CL-1", "CL-2" …
    in_force_from: date
    founding: bool
    items: tuple[ChecklistItem, ...]


@dataclass(frozen=True, kw_only=True)
class MandateGivenV1:
    """``person`` may do ``acts`` (names of domain 3, or ``*``) in ``role`` ``from_`` … ``until``, both included."""

    mandate: str
    person: str
    role: str
    acts: tuple[str, ...]
    from_: date
    until: date | None  # None: without end
    in_name_of: str | None  # the person in whose name they act; counts as that person for four eyes
    given_by: str | None  # None: with the founding of the office


@dataclass(frozen=True, kw_only=True)
class MandateEndedV1:
    """The mandate holds through ``until`` and no longer."""

    mandate: str
    person: str
    until: date
    why: Sealed | None = None


@dataclass(frozen=True, kw_only=True)
class MandateWasEndedV1:
    """An act arrived that was done elsewhere under a mandate that had ended before it was recorded."""

    mandate: str
    person: str
    ended_on: date  # the mandate's last day
    service: str  # where the act was recorded
    event: str  # the id of the act's event
    event_type: str  # its short name, "CommunicationApproved"
    about: str  # what it was done to: "communication/<id>"
    lease: str | None = None


# --- evaluations ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class EvaluationMomentOpenedV1:
    """A talk about the file, without a visit, that can be evaluated (arrears, nuisance reported by a named source)."""

    lease: str
    moment: str
    on: date
    about: Sealed
    why: Sealed


@dataclass(frozen=True, kw_only=True)
class Ground:
    """A finding on a checklist item, as the evaluation rests on it."""

    finding: str
    item: str  # the checklist code
    occurred_on: date


@dataclass(frozen=True, kw_only=True)
class GroundToldOfV1:
    """A ground as the letter must tell it: the item in plain words, who saw what and when, what the renter said."""

    finding: str
    item: str
    label: str
    occurred_on: date
    seen_by: str  # the person who established the finding
    what_seen: Sealed | None
    renter_said: Sealed | None


@dataclass(frozen=True, kw_only=True)
class EvaluationProposedV1:
    """A person proposes an evaluation of one moment."""

    lease: str
    evaluation: str
    moment: str
    moment_kind: MomentKind
    moment_on: date
    outcome: Outcome
    grounds: tuple[Ground, ...]
    why: Sealed | None
    by: str
    in_name_of: str | None = None


@dataclass(frozen=True, kw_only=True)
class EvaluationAmendedV1:
    """The proposal now reads like this: ``grounds`` are all of them, the earlier ones included."""

    lease: str
    evaluation: str
    outcome: Outcome
    grounds: tuple[Ground, ...]
    why: Sealed | None
    by: str
    in_name_of: str | None = None


@dataclass(frozen=True, kw_only=True)
class ProposalAdoptedV1:
    """Another person stands for the proposal from now on and is its proposer."""

    lease: str
    evaluation: str
    why: Sealed
    by: str
    in_name_of: str | None = None


@dataclass(frozen=True, kw_only=True)
class EvaluationDecidedNegativeV1:
    """A person decided that the evaluation is negative; here is what the letter L-05 must say."""

    lease: str
    evaluation: str
    moment: str
    moment_kind: MomentKind
    moment_on: date
    decided_on: date
    decided_by: str
    in_name_of: str | None
    proposed_by: str
    reasons: Sealed
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
class EvaluationCountRestatedV1:
    """What the letter about a decided, not yet communicated evaluation must say of the count has changed."""

    lease: str
    evaluation: str
    count_before: int
    count_if_communicated: int
    threshold: int


@dataclass(frozen=True, kw_only=True)
class EvaluationNotUpheldV1:
    """The proposal was not followed; it never existed for the renter's count."""

    lease: str
    evaluation: str
    reasons: Sealed | None
    decided_by: str
    in_name_of: str | None = None


@dataclass(frozen=True, kw_only=True)
class EvaluationRecordedV1:
    """A positive or mixed evaluation; it is shown beside the negative ones and never subtracts."""

    lease: str
    evaluation: str
    moment: str
    moment_kind: MomentKind
    moment_on: date
    outcome: Outcome  # positive or mixed
    reasons: Sealed | None
    why: Sealed | None  # the proposal's words
    decided_by: str
    in_name_of: str | None = None


@dataclass(frozen=True, kw_only=True)
class EvaluationCommunicatedV1:
    """The renter got to know the evaluation on ``communicated_on``; it may be contested through ``contest_until``."""

    lease: str
    evaluation: str
    communication: str
    communicated_on: date
    contest_until: date  # the last day, included
    late_registered: bool  # the proof was entered on a later day


@dataclass(frozen=True, kw_only=True)
class EvaluationCommunicationCorrectedV1:
    """A delivery proof was corrected: the date is now this one, or (None) the letter was not delivered after all."""

    lease: str
    evaluation: str
    communication: str
    communicated_on: date | None
    contest_until: date | None


@dataclass(frozen=True, kw_only=True)
class EvaluationWithdrawnV1:
    """The office takes the evaluation back."""

    lease: str
    evaluation: str
    why: Sealed
    by: str


@dataclass(frozen=True, kw_only=True)
class EvaluationContestedV1:
    """The renter objects. ``lodged_on`` is the day the renter did so, not the day it was typed in."""

    lease: str
    evaluation: str
    lodged_on: date
    channel: str
    words: Sealed | None


@dataclass(frozen=True, kw_only=True)
class LateContestAdmittedV1:
    """A contest after its term is treated all the same."""

    lease: str
    evaluation: str
    lodged_on: date
    channel: str
    words: Sealed | None
    why: Sealed
    by: str


@dataclass(frozen=True, kw_only=True)
class Heard:
    """When the renter was heard about the contest, or invited to be."""

    on: date | None
    invited_on: date | None


@dataclass(frozen=True, kw_only=True)
class EvaluationUpheldV1:
    """The contest was rejected, wholly or but for ``grounds_struck`` (finding ids)."""

    lease: str
    evaluation: str
    reasons: Sealed
    grounds_struck: tuple[str, ...]
    heard: Heard
    decided_by: str
    in_name_of: str | None
    count_after: int
    threshold: int


@dataclass(frozen=True, kw_only=True)
class EvaluationAnnulledV1:
    """The contest was accepted, or the office annulled on its own motion (``own_motion``)."""

    lease: str
    evaluation: str
    reasons: Sealed
    grounds_struck: tuple[str, ...]
    own_motion: bool
    heard: Heard | None
    decided_by: str
    in_name_of: str | None
    count_after: int
    threshold: int


@dataclass(frozen=True, kw_only=True)
class EvaluationFinalV1:
    """The contest term is over."""

    lease: str
    evaluation: str


@dataclass(frozen=True, kw_only=True)
class EvaluationExpiredV1:
    """The evaluation's validity is over on every track."""

    lease: str
    evaluation: str


# --- the count and the review -----------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class ThresholdReachedV1:
    """The count reached the threshold today. It opens a review and does nothing else; a person decides."""

    lease: str
    count: int
    threshold: int
    track: int
    evaluations: tuple[str, ...]
    termination: str  # the review opened, or the open one it is linked to
    policy_version: str


@dataclass(frozen=True, kw_only=True)
class ThresholdNoLongerMetV1:
    """The count fell below the threshold today. An open review stays open, marked; people close it."""

    lease: str
    count: int
    threshold: int
    termination: str | None  # the open review, if there is one


@dataclass(frozen=True, kw_only=True)
class ReviewDueV1:
    """A further evaluation counts while the threshold is met and no review is open."""

    lease: str
    evaluation: str
    count: int
    threshold: int


@dataclass(frozen=True, kw_only=True)
class ReviewOpenedV1:
    """People look at the whole file."""

    lease: str
    termination: str
    route: Route
    findings: tuple[str, ...]
    evaluations: tuple[str, ...]
    why: Sealed | None
    by: str | None  # None: opened by the threshold


# --- the termination file ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class AttributionCheckedV1:
    """Gate G2: each finding's attribution was checked by a person."""

    lease: str
    termination: str
    findings: tuple[str, ...]
    note: Sealed | None
    by: str


@dataclass(frozen=True, kw_only=True)
class ProportionalityNoteWrittenV1:
    """Gate G3: household, what was tried, progress, what was paid since, alternatives."""

    lease: str
    termination: str
    note: Sealed
    by: str


@dataclass(frozen=True, kw_only=True)
class AddressCheck:
    """One required addressee: the day the address was checked, and their own letter."""

    party: str
    checked_on: date
    communication: str | None


@dataclass(frozen=True, kw_only=True)
class AddresseesCheckedV1:
    """Gate G8: every required addressee has an address checked lately and an own letter."""

    lease: str
    termination: str
    addressees: tuple[AddressCheck, ...]
    by: str


@dataclass(frozen=True, kw_only=True)
class LandlordDutiesCheckedV1:
    """Gate G9: no open duty of the landlord or office touches a ground."""

    lease: str
    termination: str
    in_order: bool
    note: Sealed | None
    by: str


@dataclass(frozen=True, kw_only=True)
class Interpreter:
    """Who interpreted, and whether an adult."""

    kind: InterpreterKind
    age_over_18: bool | None


@dataclass(frozen=True, kw_only=True)
class HearingHeldV1:
    """The renter was heard."""

    lease: str
    termination: str
    on: date
    invited_on: date
    present: tuple[str, ...]
    interpreter: Interpreter
    said: Sealed | None
    by: str


@dataclass(frozen=True, kw_only=True)
class HearingDeclinedV1:
    """The renter declined the hearing in writing."""

    lease: str
    termination: str
    on: date
    invited_on: date
    said: Sealed | None
    by: str


@dataclass(frozen=True, kw_only=True)
class HearingMissedV1:
    """The renter did not come to the hearing; ``method`` carried the invitation."""

    lease: str
    termination: str
    on: date
    invited_on: date
    method: str
    by: str


@dataclass(frozen=True, kw_only=True)
class TerminationGround:
    """A finding the termination rests on, judged on the day it was proposed or decided."""

    finding: str
    item: str
    category: Category
    label: str
    occurred_on: date
    evaluation: str | None  # the evaluation it also grounds, if any
    serious: bool
    lasting: bool


@dataclass(frozen=True, kw_only=True)
class TerminationProposedV1:
    """The coordinator proposes to end the lease."""

    lease: str
    termination: str
    grounds: tuple[TerminationGround, ...]
    why: Sealed
    by: str
    in_name_of: str | None = None


@dataclass(frozen=True, kw_only=True)
class NoticeDatesRow:
    """Posted on any day from ``posted_from`` through ``posted_until``, notice runs ``start`` … ``end``."""

    posted_from: date
    posted_until: date
    start: date
    end: date


@dataclass(frozen=True, kw_only=True)
class TerminationDecidedV1:
    """A person with a mandate decided, with own reasons, to give notice."""

    lease: str
    termination: str
    route: Route
    grounds: tuple[TerminationGround, ...]
    reasons: Sealed
    notice_kind: NoticeKind
    notice_months: int
    notice_basis: NoticeBasis
    notice_dates: tuple[NoticeDatesRow, ...]  # for the next 60 days of posting
    decided_on: date
    decided_by: str
    in_name_of: str | None
    proposed_by: str
    count: int
    threshold: int


@dataclass(frozen=True, kw_only=True)
class TerminationNotPursuedV1:
    """A person decided that the lease goes on."""

    lease: str
    termination: str
    reasons: Sealed
    measures: tuple[Sealed, ...]
    decided_by: str
    in_name_of: str | None = None


@dataclass(frozen=True, kw_only=True)
class NoticePostedV1:
    """The notice was handed to the post; the letters in ``communications`` are sent with this."""

    lease: str
    termination: str
    posted_on: date
    method: str
    communications: tuple[str, ...]
    tracking: tuple[str, ...]
    posted_on_closed_day: bool  # warning: no counter service that day, ask for the posting slip


@dataclass(frozen=True, kw_only=True)
class BasisDates:
    """What one basis gives: when the notice counts as notified, and its first and last day."""

    basis: NoticeBasis | Literal["proven_receipt"]
    notified_on: date
    start: date
    end: date


@dataclass(frozen=True, kw_only=True)
class NoticeStep:
    """One step of the computation: ``rule`` names it, ``result`` is the day it gave."""

    rule: str
    result: date


@dataclass(frozen=True, kw_only=True)
class NoticeDatesComputedV1:
    """When the notice starts and ends, by the office's basis, and what every other basis would give."""

    lease: str
    termination: str
    posted_on: date
    basis: NoticeBasis
    months: int
    start: date  # a first day of a month
    end: date  # a last day of a month, included
    bases: tuple[BasisDates, ...]
    steps: tuple[NoticeStep, ...]
    recomputed: bool  # to a later date, on later proof


@dataclass(frozen=True, kw_only=True)
class NoticeWithdrawnV1:
    """A person took the notice back; the lease goes on."""

    lease: str
    termination: str
    why: Sealed
    by: str


@dataclass(frozen=True, kw_only=True)
class GroundsDoubtfulV1:
    """Something the notice rests on fell away: no further legal step until a person confirms or withdraws."""

    lease: str
    termination: str
    why: str  # ground_invalid, count_below_threshold
    findings: tuple[str, ...]
    evaluations: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class GroundsConfirmedV1:
    """A person weighed the remaining grounds anew and goes on with them."""

    lease: str
    termination: str
    remaining_grounds: tuple[str, ...]  # finding ids
    reasons: Sealed
    by: str
    in_name_of: str | None = None


@dataclass(frozen=True, kw_only=True)
class ClaimFiledV1:
    """A claim was filed with the justice of the peace."""

    lease: str
    termination: str
    court: str
    filed_on: date


@dataclass(frozen=True, kw_only=True)
class OcmwToldOfClaimV1:
    """The OCMW is to be told of the claim, the same day."""

    lease: str
    termination: str
    on: date


@dataclass(frozen=True, kw_only=True)
class ConciliationHeldV1:
    """The judge tried to conciliate."""

    lease: str
    termination: str
    on: date
    result: Literal["settled", "not_settled"]
    lease_continues: bool | None


@dataclass(frozen=True, kw_only=True)
class JudgmentGivenV1:
    """The judge decided."""

    lease: str
    termination: str
    on: date
    result: Literal["dissolved", "rejected", "conditional"]
    ground: str | None
    says_neglect: bool  # the judgment itself says neglect (domain 3.1)
    condition_until: date | None
    term_set_by_judge: date | None


@dataclass(frozen=True, kw_only=True)
class JudgmentServedV1:
    """The bailiff served the judgment."""

    lease: str
    termination: str
    on: date


@dataclass(frozen=True, kw_only=True)
class EvictionAnnouncedV1:
    """The bailiff announced the eviction; ``earliest`` is the first day the rules allow."""

    lease: str
    termination: str
    told_on: date
    planned_on: date
    earliest: date


@dataclass(frozen=True, kw_only=True)
class EvictionCarriedOutV1:
    """The eviction was carried out."""

    lease: str
    termination: str
    on: date
    goods_kept_until: date


@dataclass(frozen=True, kw_only=True)
class RenterLeftV1:
    """The renter gave back the keys."""

    lease: str
    termination: str
    keys_on: date


@dataclass(frozen=True, kw_only=True)
class TerminationLapsedV1:
    """The lease ended for another reason while the file was open."""

    lease: str
    termination: str


@dataclass(frozen=True, kw_only=True)
class TerminationClosedV1:
    """The file is closed; ``mode`` and ``ground`` are how and why the lease ended, if it did."""

    lease: str
    termination: str
    outcome: Literal["ended", "continue"]
    mode: str | None
    ground: str | None
    registration_bar_until: date | None


# --- attempts, holds --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class AttemptRefusedV1:
    """An act on an evaluation or termination was refused. It changed nothing."""

    lease: str
    act: str
    about: str  # "evaluation/<id>", "termination/<id>"
    code: str  # SELF_APPROVAL, GATE_OPEN …
    named: tuple[str, ...]  # the codes inside it: the open gates
    words: Sealed | None = None  # a contest that came too late, as the renter put it


@dataclass(frozen=True, kw_only=True)
class HoldPlacedV1:
    """Nothing of this lease may be erased."""

    lease: str
    hold: str
    why: Sealed
    by: str


@dataclass(frozen=True, kw_only=True)
class HoldLiftedV1:
    """The hold is over."""

    lease: str
    hold: str
    why: Sealed | None
    by: str


Contract = (
    OfficeFoundedV1
    | PolicyAdoptedV1
    | ChecklistPublishedV1
    | MandateGivenV1
    | MandateEndedV1
    | MandateWasEndedV1
    | EvaluationMomentOpenedV1
    | EvaluationProposedV1
    | EvaluationAmendedV1
    | ProposalAdoptedV1
    | EvaluationDecidedNegativeV1
    | EvaluationCountRestatedV1
    | EvaluationNotUpheldV1
    | EvaluationRecordedV1
    | EvaluationCommunicatedV1
    | EvaluationCommunicationCorrectedV1
    | EvaluationWithdrawnV1
    | EvaluationContestedV1
    | LateContestAdmittedV1
    | EvaluationUpheldV1
    | EvaluationAnnulledV1
    | EvaluationFinalV1
    | EvaluationExpiredV1
    | ThresholdReachedV1
    | ThresholdNoLongerMetV1
    | ReviewDueV1
    | ReviewOpenedV1
    | AttributionCheckedV1
    | ProportionalityNoteWrittenV1
    | AddresseesCheckedV1
    | LandlordDutiesCheckedV1
    | HearingHeldV1
    | HearingDeclinedV1
    | HearingMissedV1
    | TerminationProposedV1
    | TerminationDecidedV1
    | TerminationNotPursuedV1
    | NoticePostedV1
    | NoticeDatesComputedV1
    | NoticeWithdrawnV1
    | GroundsDoubtfulV1
    | GroundsConfirmedV1
    | ClaimFiledV1
    | OcmwToldOfClaimV1
    | ConciliationHeldV1
    | JudgmentGivenV1
    | JudgmentServedV1
    | EvictionAnnouncedV1
    | EvictionCarriedOutV1
    | RenterLeftV1
    | TerminationLapsedV1
    | TerminationClosedV1
    | AttemptRefusedV1
    | HoldPlacedV1
    | HoldLiftedV1
)
