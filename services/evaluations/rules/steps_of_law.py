"""From the posted notice to the end: post, claim, judgment, eviction, closing (domain 3.6, 5.2, 5.8).

Each step is refused while the grounds are doubtful; nothing here takes that doubt away.
"""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Literal

from services.evaluations.events import (
    ClaimFiled,
    ConciliationHeld,
    EvictionAnnounced,
    EvictionCarriedOut,
    JudgmentGiven,
    JudgmentServed,
    NoticePosted,
    OcmwToldOfClaim,
    RenterLeft,
    TerminationClosed,
    TerminationEvent,
)
from services.evaluations.rules import gates, notice, refusals
from services.evaluations.rules.case import Case
from services.evaluations.rules.checklist import Published
from services.evaluations.rules.evaluation import Evaluation
from services.evaluations.rules.policy import Adopted
from services.evaluations.rules.termination import Termination
from shared.contracts.notifications import CommunicationDeliveredV1, ProofCorrectedV1
from shared.decisions import Named, Refusal
from shared.refusals import DateOrder, NoProof, OccurredInFuture, Unknown, WrongState
from shared.working_days import add_months, add_working_days, add_years, roll

REGISTERED = frozenset({"registered_paper", "registered_electronic"})
A_WEEK = timedelta(days=7)
ENDING_GROUND = {
    "payment": "arrears",
    "maintenance": "maintenance",
    "damage": "damage",
    "waste": "nuisance",
    "liveability": "nuisance",
    "occupancy": "occupancy",
}
BARRING = frozenset({"nuisance", "neglect"})
NOTICE_MATTERS = frozenset({"notice_running", "in_court"})
IN_LAW = frozenset({"notice_running", "in_court", "judged", "served", "eviction_announced"})


class ChannelNotAllowed(Refusal):
    """A notice goes by registered letter only."""


class AddresseeMissing(Refusal):
    """A required addressee has no own letter, or no address checked lately."""


class NotApproved(Refusal):
    """A letter posted is not approved, as far as is known here, or states other dates than this posting gives."""


class EvictionTooEarly(Refusal):
    """The day lies before the first one the rules allow."""


class ConditionMissing(Refusal):
    """A conditional judgment has a day until which its condition runs."""


def post_notice(
    termination: Termination,
    *,
    posted_on: date,
    method: str,
    communications: tuple[str, ...],
    tracking: tuple[str, ...],
    case: Case,
    evaluations: Mapping[str, Evaluation],
    policies: Adopted,
    checklists: Published,
    today: date,
) -> list[TerminationEvent]:
    """Note that the notice was handed to the post, and compute when it starts and ends.

    A paper letter on a day without counter service is accepted and marked. A notice that came back from a wrong address
    was not given: it is posted anew, and the later dates hold for all (domain 5.2, 9.3).

    :raises OccurredInFuture: :raises WrongState: it was not decided, or runs and did not come back.
    :raises DateOrder: posted before it was decided, or before it came back.
    :raises ChannelNotAllowed: not registered. :raises GroundsDoubtful: a person must confirm first.
    :raises GateOpen: a standstill or a contest came since.
    :raises NotApproved: a letter is not approved as far as known, or its dates are not those of this posting.
    :raises AddresseeMissing: gate G8 is not recorded or too old, or somebody has no own letter.
    """
    posted = termination.posted
    if posted is not None and (posted.posted_on, set(posted.communications)) == (posted_on, set(communications)):
        return []
    decided = termination.decided
    if posted_on > today:
        raise OccurredInFuture
    back = case.came_back(termination.letters_posted)
    anew = termination.state == "notice_running" and bool(back)
    if decided is None or not (termination.state == "decided" or anew):
        raise WrongState
    if posted_on < max((decided.decided_on, *back.values())):
        raise DateOrder
    if method not in REGISTERED:
        raise ChannelNotAllowed
    tested = gates.tested(
        termination, case=case, evaluations=evaluations, policies=policies, checklists=checklists, on=posted_on
    )
    if closed := gates.open_gates(tested, gates.AT_POSTING):
        raise refusals.GateOpen(*closed)
    if termination.doubt:
        raise refusals.GroundsDoubtful
    dates = notice.compute(posted_on=posted_on, months=decided.notice_months, basis=decided.notice_basis)
    if unchecked := gates.open_gates(tested, ("G8",)):
        raise AddresseeMissing(*unchecked)
    _refuse_letters(termination, communications, case, start=dates.start, end=dates.end)
    _refuse_addressees(termination, communications, case, on=posted_on)
    if anew and termination.dates is not None:
        dates = notice.compute(
            posted_on=posted_on,
            months=decided.notice_months,
            basis=decided.notice_basis,
            not_before=termination.dates.start,
            recomputed=True,
        )
    return [
        NoticePosted(
            posted_on=posted_on,
            method=method,
            communications=communications,
            tracking=tracking,
            posted_on_closed_day=notice.is_closed_day(posted_on, method),
        ),
        dates,
    ]


def _refuse_letters(
    termination: Termination, communications: Iterable[str], case: Case, *, start: date, end: date
) -> None:
    wrong = []
    for communication in communications:
        letter = case.letter(communication)
        ours = letter is not None and (letter.kind, letter.about_id) == ("L-09", termination.id)
        states = ours and letter is not None and (letter.notice_start, letter.notice_end)
        if not ours or states not in ((start, end), (None, None)):
            wrong.append(Named("NOT_APPROVED", values={"communication": communication}))
    if wrong or not tuple(communications):
        raise NotApproved(*wrong)


def _refuse_addressees(termination: Termination, communications: Iterable[str], case: Case, *, on: date) -> None:
    reached = _addressed(termination.letters_posted, case) - case.came_back(termination.letters_posted).keys()
    reached |= _addressed(communications, case)
    missing = [party for party in gates.required_addressees(case, on=on) if party not in reached]
    if missing:
        raise AddresseeMissing(*(Named("ADDRESSEE_MISSING", values={"party": party}) for party in missing))


def _addressed(communications: Iterable[str], case: Case) -> set[str | None]:
    letters = [case.letter(communication) for communication in communications]
    every = [addressed for letter in letters if letter is not None for addressed in letter.addressees]
    return {one for addressed in every for one in (addressed.addressee, addressed.party)}


def received(proof: CommunicationDeliveredV1 | ProofCorrectedV1, *, case: Case) -> date | None:
    """Return the day on which a letter was received by this proof, None where it was not, or only a copy was.

    :param case: the file before it: a correction holds for the kind of proof that it corrects, where that is known;
        else the day after, which is never to the renter's harm.
    """
    if case.gets_a_copy(proof.communication, proof.addressee):
        return None
    if isinstance(proof, CommunicationDeliveredV1):
        return notice.receipt_by_slip(proof.delivered_on) if proof.proof_kind == "receipt" else proof.delivered_on
    if proof.outcome != "delivered":
        return None
    kinds = {
        told.event.proof_kind
        for told in case.letters.get(proof.communication, ())
        if isinstance(told.event, CommunicationDeliveredV1) and told.event.addressee == proof.addressee
    }
    return proof.on if kinds and "receipt" not in kinds else notice.receipt_by_slip(proof.on)


def recompute_notice(termination: Termination, *, received_on: date) -> list[TerminationEvent]:
    """Move the dates of a notice back where a later receipt was proven; never forward (domain 5.2).

    Also once the claim is filed, which may be before the proofs come in: the judge asks whether the dates are right.
    """
    decided, dates, posted = termination.decided, termination.dates, termination.posted
    if termination.state not in NOTICE_MATTERS or decided is None or dates is None or posted is None:
        return []
    later = notice.compute(
        posted_on=posted.posted_on,
        months=decided.notice_months,
        basis=decided.notice_basis,
        receipts=(received_on,),
        not_before=dates.start,
        recomputed=True,
    )
    return [later] if later.start > dates.start else []


def file_claim(
    termination: Termination,
    *,
    court: str,
    filed_on: date,
    case: Case,
    evaluations: Mapping[str, Evaluation],
    policies: Adopted,
    checklists: Published,
    today: date,
) -> list[TerminationEvent]:
    """Note that a claim was filed with the justice of the peace; the OCMW is told the same day.

    :raises OccurredInFuture: :raises WrongState: neither decided nor under notice. :raises NoProof: no court named.
    :raises DateOrder: filed before it was decided. :raises GroundsDoubtful: :raises GateOpen: G5 or G6.
    """
    filed = ClaimFiled(court=court, filed_on=filed_on)
    if termination.claim == filed:
        return []
    if filed_on > today:
        raise OccurredInFuture
    if termination.state not in ("decided", "notice_running") or termination.decided is None:
        raise WrongState
    if not court:
        raise NoProof
    if filed_on < termination.decided.decided_on:
        raise DateOrder
    if termination.doubt:
        raise refusals.GroundsDoubtful
    tested = gates.tested(
        termination, case=case, evaluations=evaluations, policies=policies, checklists=checklists, on=filed_on
    )
    if closed := gates.open_gates(tested, gates.AT_CLAIM):
        raise refusals.GateOpen(*closed)
    return [filed, OcmwToldOfClaim(on=filed_on)]


def record_conciliation(
    termination: Termination,
    *,
    on: date,
    result: Literal["settled", "not_settled"],
    lease_continues: bool | None,
    today: date,
) -> list[TerminationEvent]:
    """Note what came of the judge's attempt to conciliate; of a settlement also later whether the lease goes on.

    :raises OccurredInFuture: :raises WrongState: not in court, nor settled without that.
    """
    held = ConciliationHeld(on=on, result=result, lease_continues=lease_continues)
    if termination.conciliation == held:
        return []
    if on > today:
        raise OccurredInFuture
    before = termination.conciliation
    to_complete = termination.state == "settled" and before is not None and before.lease_continues is None
    if termination.state != "in_court" and not (to_complete and result == "settled"):
        raise WrongState
    return [held]


def record_judgment(
    termination: Termination,
    *,
    on: date,
    result: Literal["dissolved", "rejected", "conditional"],
    ground: str | None,
    says_neglect: bool,
    condition_until: date | None,
    term_set_by_judge: date | None,
    today: date,
) -> list[TerminationEvent]:
    """Note the judgment. Rejected: the lease goes on and the file is closed.

    :raises OccurredInFuture: :raises WrongState: not in court. :raises DateOrder: before the claim.
    :raises ConditionMissing: conditional, and until when is not said.
    """
    given = JudgmentGiven(
        on=on,
        result=result,
        ground=ground,
        says_neglect=says_neglect,
        condition_until=condition_until,
        term_set_by_judge=term_set_by_judge,
    )
    if termination.judgment == given:
        return []
    if on > today:
        raise OccurredInFuture
    if termination.state != "in_court" or termination.claim is None:
        raise WrongState
    if on < termination.claim.filed_on:
        raise DateOrder
    if result == "conditional" and condition_until is None:
        raise ConditionMissing
    return [given]


def record_service(termination: Termination, *, on: date, today: date) -> list[TerminationEvent]:
    """Note that the bailiff served the judgment.

    :raises OccurredInFuture: :raises WrongState: not judged. :raises DateOrder: before the judgment.
    """
    if termination.served_on == on:
        return []
    if on > today:
        raise OccurredInFuture
    if termination.state != "judged" or termination.judgment is None:
        raise WrongState
    if on < termination.judgment.on:
        raise DateOrder
    return [JudgmentServed(on=on)]


def earliest_eviction(*, served_on: date, told_on: date, term_set_by_judge: date | None) -> date:
    """Return the first day on which an eviction may be carried out (domain 5.8)."""
    term = term_set_by_judge or add_months(served_on, 1)
    return roll(max(term, told_on + A_WEEK, add_working_days(told_on, 5)))


def announce_eviction(
    termination: Termination, *, told_on: date, planned_on: date, today: date
) -> list[TerminationEvent]:
    """Note that the bailiff announced the eviction for a day.

    :raises OccurredInFuture: told after today. :raises WrongState: the judgment was not served.
    :raises GroundsDoubtful: :raises DateOrder: told before it was served.
    :raises EvictionTooEarly: the day lies before the first one allowed.
    """
    known = termination.eviction
    if known is not None and (known.told_on, known.planned_on) == (told_on, planned_on):
        return []
    if told_on > today:
        raise OccurredInFuture
    if termination.state != "served" or termination.served_on is None or termination.judgment is None:
        raise WrongState
    if termination.doubt:
        raise refusals.GroundsDoubtful
    if told_on < termination.served_on:
        raise DateOrder
    earliest = earliest_eviction(
        served_on=termination.served_on, told_on=told_on, term_set_by_judge=termination.judgment.term_set_by_judge
    )
    if planned_on < earliest:
        raise EvictionTooEarly(Named("EVICTION_TOO_EARLY", "/date", {"earliest": earliest.isoformat()}))
    return [EvictionAnnounced(told_on=told_on, planned_on=planned_on, earliest=earliest)]


def record_eviction(termination: Termination, *, on: date, today: date) -> list[TerminationEvent]:
    """Note that the eviction was carried out; the goods are kept for six months.

    :raises OccurredInFuture: :raises WrongState: none was announced. :raises GroundsDoubtful:
    :raises EvictionTooEarly: before the day announced.
    """
    if termination.evicted_on == on:
        return []
    if on > today:
        raise OccurredInFuture
    if termination.state != "eviction_announced" or termination.eviction is None:
        raise WrongState
    if termination.doubt:
        raise refusals.GroundsDoubtful
    if on < termination.eviction.planned_on:
        raise EvictionTooEarly
    return [EvictionCarriedOut(on=on, goods_kept_until=add_months(on, 6))]


def renter_left(termination: Termination, *, keys_on: date, today: date) -> list[TerminationEvent]:
    """Note that the renter gave back the keys.

    :raises OccurredInFuture: :raises WrongState: neither notice nor court is under way.
    """
    if termination.keys_on == keys_on:
        return []
    if keys_on > today:
        raise OccurredInFuture
    if termination.state not in IN_LAW:
        raise WrongState
    return [RenterLeft(keys_on=keys_on)]


def close_termination(
    termination: Termination, *, mode: str | None = None, ground: str | None = None
) -> list[TerminationEvent]:
    """Close the file: with the coded mode and ground where the lease ended, or with the lease going on.

    :raises WrongState: the renter has not left, was not evicted, nothing was settled.
    :raises Unknown: settled, and it is not known whether the lease goes on; or how it ended does not follow from the
        file and was not said: no notice was posted and no judge dissolved it, or only on a condition.
    """
    if termination.closed is not None:
        return []
    if termination.state not in ("left", "evicted", "settled"):
        raise WrongState
    if termination.state == "settled":
        settled = termination.conciliation
        if settled is None or settled.lease_continues is None:
            raise Unknown
        if settled.lease_continues:
            return [TerminationClosed(outcome="continue")]
    how = mode or _mode(termination)
    said = ground or (termination.judgment.ground if termination.judgment else None)
    ended_on = termination.evicted_on or termination.keys_on
    return [
        TerminationClosed(
            outcome="ended",
            mode=how,
            ground=said or main_ground(termination),
            registration_bar_until=registration_bar(termination, mode=how, ground=ground, ended_on=ended_on),
        )
    ]


def _mode(termination: Termination) -> str:
    judgment = termination.judgment
    if judgment is not None and (judgment.result == "dissolved" or termination.evicted_on is not None):
        return "judicial_dissolution"
    if judgment is not None and judgment.result == "conditional":
        raise Unknown  # whether the condition was kept is not known here
    if termination.state == "settled":
        return "mutual"
    if termination.posted is None:
        raise Unknown
    return "landlord_notice"


def main_ground(termination: Termination) -> str:
    """Return the coded ground of the first of the file's grounds."""
    return next((ENDING_GROUND.get(named.category, "other") for named in termination.grounds), "other")


def registration_bar(termination: Termination, *, mode: str, ground: str | None, ended_on: date | None) -> date | None:
    """Return until when the renter may not register again: three years, only after a judge said nuisance or neglect.

    :param ground: of the judgment, where it was not recorded with it; None: then none is inferred from the file. What
        the judge said is not said otherwise at closing.
    """
    judgment = termination.judgment
    if mode != "judicial_dissolution" or judgment is None or judgment.result == "rejected" or ended_on is None:
        return None
    said = judgment.ground or ground
    if said in BARRING or (said == "maintenance" and judgment.says_neglect):
        return add_years(ended_on, 3)
    return None
