"""People decide about evaluations: four eyes, own reasons, contests (domain 3.5, 8)."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from services.evaluations.events import (
    EvaluationAnnulled,
    EvaluationDecidedNegative,
    EvaluationNotUpheld,
    EvaluationProposed,
    EvaluationRecorded,
    EvaluationUpheld,
    EvaluationWithdrawn,
    ProposalAdopted,
)
from services.evaluations.rules.checklist import first_checklist
from services.evaluations.rules.counting import Terms
from services.evaluations.rules.evaluation import EVALUATION
from services.evaluations.rules.judgement.about_evaluations import (
    NotHeard,
    NotNegative,
    annul_evaluation,
    decide_contest,
    decide_negative,
    decide_not_upheld,
    record_outcome,
    withdraw_evaluation,
)
from services.evaluations.rules.policy import first_policy
from services.evaluations.rules.refusals import LandlordCommitmentOpen, NoGround, ReasonsNotOwn
from shared.contracts.evaluations import GroundToldOfV1, Heard
from shared.contracts.visits import (
    AgreementAcceptedV1,
    AgreementDraftedV1,
    AgreementProposedV1,
    CommitmentFollowedUpV1,
    CommitmentV1,
    CounsellorAssignedV1,
    LeaseEndedV1,
)
from shared.decisions import Person
from shared.refusals import OccurredInFuture, ReasonMissing, SelfApproval, Unknown, WrongState
from tests.evaluations.a_lease import FATMA, KAREL, LEASE, MIA, RITA, WIM, ALease, decision, text
from tests.evaluations.test_evaluation import COMMUNICATED, CONTESTED, GROUND, PROPOSED, VISITED, WASTE, a_lease
from tests.specification import given, recorded

FIRST = date(2015, 1, 1)
BY_KAREL = Person(id=KAREL, roles=frozenset({"coordinator"}))
BY_WIM = Person(id=WIM, roles=frozenset({"coordinator"}))
BY_RITA = Person(id=RITA, roles=frozenset({"director"}))
BY_FATMA = Person(id=FATMA, roles=frozenset({"counsellor", "coordinator"}))
OWN = text("ik zag zelf het verslag en weeg het zo")
DECIDED = replace(
    decision(VISITED),
    reasons=OWN,
    grounds=(
        GroundToldOfV1(
            finding="f1",
            item="ONH-02",
            label="De keuken en de toestellen zijn proper.",
            occurred_on=VISITED,
            seen_by=FATMA,
            what_seen=text("gezien f1"),
            renter_said=text("ik zal het doen"),
        ),
    ),
    count_before=1,
    count_if_communicated=2,
)


def judging(lease: ALease | None = None, **changed: Any) -> dict[str, Any]:
    return {
        "reasons": OWN,
        "case": (lease or a_lease()).file.case,
        "policy": first_policy(in_force_from=FIRST),
        "checklist": first_checklist(in_force_from=FIRST),
        "says_of_count": (1, 2, 3),
        "terms": Terms(contest_days=30, cure_days=30, validity_months=24),
        "on": VISITED,
        "today": VISITED,
        "by": BY_KAREL,
        **changed,
    }


def test_another_person_decides_with_own_reasons_and_says_what_the_letter_must() -> None:
    given(EVALUATION, PROPOSED).when(decide_negative, **judging()).then(DECIDED)


def test_the_same_decision_twice_is_one() -> None:
    given(EVALUATION, PROPOSED, recorded(DECIDED, actor=KAREL)).when(
        decide_negative, **judging()
    ).then_nothing_happens()


def test_ec_17_who_proposed_does_not_decide_and_another_can() -> None:
    by_karel = replace(PROPOSED, by=KAREL)
    given(EVALUATION, by_karel).when(decide_negative, **judging()).then_refused(SelfApproval)
    given(EVALUATION, by_karel).when(decide_negative, **judging(by=BY_WIM)).then_it_holds(
        lambda events: isinstance(events[0], EvaluationDecidedNegative) and events[0].by == WIM
    )


def test_who_adopted_or_is_stood_in_for_does_not_decide() -> None:
    adopted = ProposalAdopted(why=text("overname"), by=KAREL)
    given(EVALUATION, PROPOSED, adopted).when(decide_negative, **judging()).then_refused(SelfApproval)
    deputy = Person(id=WIM, roles=frozenset({"coordinator"}), in_name_of=KAREL)
    given(EVALUATION, replace(PROPOSED, by=KAREL)).when(decide_negative, **judging(by=deputy)).then_refused(
        SelfApproval
    )


def test_the_counsellor_of_the_lease_never_decides_even_with_a_second_role() -> None:
    given(EVALUATION, replace(PROPOSED, by=MIA)).when(decide_negative, **judging(by=BY_FATMA)).then_refused(
        SelfApproval
    )


def test_reasons_are_the_deciders_own() -> None:
    for reasons in (None, text("Het  BLIJFT vuil ")):
        given(EVALUATION, PROPOSED).when(decide_negative, **judging(reasons=reasons)).then_refused(ReasonsNotOwn)


def test_only_a_negative_proposal_that_stands_is_decided_negative() -> None:
    positive = replace(PROPOSED, outcome="positive", grounds=())
    given(EVALUATION, positive).when(decide_negative, **judging()).then_refused(NotNegative)
    given(EVALUATION, PROPOSED, DECIDED).when(decide_negative, **judging(by=BY_WIM)).then_refused(WrongState)
    given(EVALUATION, PROPOSED).when(decide_negative, **judging(on=date(2026, 1, 13))).then_refused(OccurredInFuture)
    lost = a_lease().reattribute("f1", to="owner", on=VISITED)
    given(EVALUATION, PROPOSED).when(decide_negative, **judging(lost)).then_refused(NoGround)


def test_nothing_negative_is_decided_about_a_lease_that_is_over() -> None:
    died = LeaseEndedV1(lease=LEASE, mode="by_law", ground="death_last_renter", ended_on=VISITED)
    given(EVALUATION, PROPOSED).when(decide_negative, **judging(a_lease().tell(died, on=VISITED))).then_refused(
        WrongState
    )


def an_office_commitment(lease: ALease, *, kept: bool) -> ALease:
    words = text("de afvoer herstellen")
    line = CommitmentV1(
        id="k1", by="office", action=words, place=words, measure="seen_at_visit", target=words, due_on=VISITED
    )
    notes: tuple[Any, ...] = (
        AgreementDraftedV1(
            lease=LEASE,
            agreement="a1",
            findings=("f1",),
            goes_wrong=words,
            why_renter_says=words,
            goal=words,
            renter_needs=words,
        ),
        AgreementProposedV1(lease=LEASE, agreement="a1", findings=("f1",), commitments=(line,)),
        AgreementAcceptedV1(
            lease=LEASE, agreement="a1", accepted_on=VISITED, signed=True, read_in_language="nl", findings=("f1",)
        ),
    )
    for note in notes:
        lease.tell(note, on=VISITED)
    if kept:
        lease.tell(
            CommitmentFollowedUpV1(
                lease=LEASE,
                agreement="a1",
                commitment="k1",
                by="office",
                seen_on=VISITED,
                outcome="kept",
                seen_by=FATMA,
            ),
            on=VISITED,
        )
    return lease


def test_an_unmet_commitment_of_the_office_itself_stands_in_the_way() -> None:
    given(EVALUATION, PROPOSED).when(
        decide_negative, **judging(an_office_commitment(a_lease(), kept=False))
    ).then_refused(LandlordCommitmentOpen, "LANDLORD_COMMITMENT_OPEN")
    given(EVALUATION, PROPOSED).when(decide_negative, **judging(an_office_commitment(a_lease(), kept=True))).then(
        DECIDED
    )


def test_of_the_office_s_commitment_counts_what_was_seen_last_not_what_was_typed_in_last() -> None:
    half: dict[str, Any] = {"lease": LEASE, "agreement": "a1", "commitment": "k1", "by": "office", "outcome": "partly"}
    before = VISITED - timedelta(days=2)
    late = an_office_commitment(a_lease(), kept=True)
    late.tell(CommitmentFollowedUpV1(**half, seen_on=before, seen_by=FATMA), on=before)
    given(EVALUATION, PROPOSED).when(decide_negative, **judging(late)).then(DECIDED)


def not_upholding(**changed: Any) -> dict[str, Any]:
    asked = judging(**changed)
    return {name: asked[name] for name in ("reasons", "case", "on", "today", "by")}


def test_a_proposal_is_not_followed() -> None:
    not_upheld = EvaluationNotUpheld(reasons=OWN, by=KAREL)
    given(EVALUATION, PROPOSED).when(decide_not_upheld, **not_upholding()).then(not_upheld)
    given(EVALUATION, PROPOSED, not_upheld).when(decide_not_upheld, **not_upholding()).then_nothing_happens()
    given(EVALUATION, PROPOSED).when(decide_not_upheld, **not_upholding(reasons=None)).then_refused(ReasonMissing)
    given(EVALUATION, PROPOSED, DECIDED).when(decide_not_upheld, **not_upholding()).then_refused(WrongState)
    given(EVALUATION, replace(PROPOSED, by=KAREL)).when(decide_not_upheld, **not_upholding()).then_refused(SelfApproval)
    given(EVALUATION, PROPOSED).when(decide_not_upheld, **not_upholding(on=date(2026, 1, 13))).then_refused(
        OccurredInFuture
    )


def test_a_positive_evaluation_is_recorded_by_who_guides() -> None:
    asked: dict[str, Any] = {"outcome": "positive", "reasons": None, "on": VISITED, "today": VISITED, "by": BY_FATMA}
    positive = replace(PROPOSED, outcome="positive", grounds=())
    told = EvaluationRecorded(outcome="positive", reasons=None, by=FATMA)
    given(EVALUATION, positive).when(record_outcome, **asked).then(told)
    given(EVALUATION, positive, told).when(record_outcome, **asked).then_nothing_happens()
    given(EVALUATION, PROPOSED, DECIDED).when(record_outcome, **asked).then_refused(WrongState)
    given(EVALUATION, positive).when(record_outcome, **{**asked, "on": date(2026, 1, 13)}).then_refused(
        OccurredInFuture
    )


def test_an_evaluation_is_withdrawn_with_a_reason() -> None:
    asked: dict[str, Any] = {"why": text("verkeerd dossier"), "on": VISITED, "today": VISITED, "by": BY_KAREL}
    told = EvaluationWithdrawn(why=text("verkeerd dossier"), by=KAREL)
    given(EVALUATION, PROPOSED, DECIDED).when(withdraw_evaluation, **asked).then(told)
    given(EVALUATION, PROPOSED, DECIDED, told).when(withdraw_evaluation, **asked).then_nothing_happens()
    given(EVALUATION, PROPOSED).when(withdraw_evaluation, **asked).then_refused(WrongState)
    given(EVALUATION, PROPOSED, DECIDED).when(withdraw_evaluation, **{**asked, "why": None}).then_refused(ReasonMissing)
    given(EVALUATION, PROPOSED, DECIDED).when(withdraw_evaluation, **{**asked, "on": date(2026, 1, 13)}).then_refused(
        OccurredInFuture
    )


PAST = (PROPOSED, recorded(DECIDED, actor=KAREL), COMMUNICATED)
LATER = date(2026, 5, 20)


def test_the_office_annuls_on_its_own_motion() -> None:
    asked: dict[str, Any] = {
        "why": text("vaststelling klopt niet"),
        "case": a_lease().file.case,
        "count_after": 1,
        "threshold": 3,
        "on": LATER,
        "today": LATER,
        "by": BY_KAREL,
    }
    told = EvaluationAnnulled(
        reasons=text("vaststelling klopt niet"),
        grounds_struck=(),
        own_motion=True,
        heard=None,
        by=KAREL,
        in_name_of=None,
        count_after=1,
        threshold=3,
    )
    given(EVALUATION, *PAST).when(annul_evaluation, **asked).then(told)
    given(EVALUATION, *PAST, told).when(annul_evaluation, **asked).then_nothing_happens()
    given(EVALUATION, *PAST, CONTESTED).when(annul_evaluation, **asked).then_refused(WrongState)
    given(EVALUATION, *PAST).when(annul_evaluation, **{**asked, "why": None}).then_refused(ReasonMissing)
    given(EVALUATION, *PAST).when(annul_evaluation, **{**asked, "today": VISITED}).then_refused(OccurredInFuture)
    given(EVALUATION, *PAST).when(annul_evaluation, **{**asked, "by": BY_FATMA}).then_refused(SelfApproval)


def settling(**changed: Any) -> dict[str, Any]:
    return {
        "outcome": "upheld",
        "grounds_struck": (),
        "reasons": text("de foto's tonen het"),
        "heard": Heard(on=date(2026, 5, 11), invited_on=date(2026, 5, 2)),
        "case": a_lease().file.case,
        "count_after": 2,
        "threshold": 3,
        "on": LATER,
        "today": LATER,
        "by": BY_RITA,
        **changed,
    }


def test_a_third_person_rejects_the_contest() -> None:
    upheld = EvaluationUpheld(
        reasons=text("de foto's tonen het"),
        grounds_struck=(),
        heard=Heard(on=date(2026, 5, 11), invited_on=date(2026, 5, 2)),
        by=RITA,
        in_name_of=None,
        count_after=2,
        threshold=3,
    )
    given(EVALUATION, *PAST, CONTESTED).when(decide_contest, **settling()).then(upheld)
    given(EVALUATION, *PAST, CONTESTED, recorded(upheld, actor=RITA)).when(
        decide_contest, **settling()
    ).then_nothing_happens()


def test_neither_proposer_nor_decider_nor_counsellor_settles_it() -> None:
    for person in (BY_KAREL, BY_FATMA):
        given(EVALUATION, *PAST, CONTESTED).when(decide_contest, **settling(by=person)).then_refused(SelfApproval)
    since = a_lease().tell(CounsellorAssignedV1(lease=LEASE, counsellor=WIM, assigned_from=LATER), on=LATER)
    for person in (BY_WIM, BY_FATMA):  # on the day it is dated it was Fatma, today it is Wim
        asked = settling(case=since.file.case, on=date(2026, 5, 19), by=person)
        given(EVALUATION, *PAST, CONTESTED).when(decide_contest, **asked).then_refused(SelfApproval)


def test_the_renter_was_heard_or_invited() -> None:
    given(EVALUATION, *PAST, CONTESTED).when(
        decide_contest, **settling(heard=Heard(on=None, invited_on=None))
    ).then_refused(NotHeard)
    for heard in (
        Heard(on=date(2026, 4, 9), invited_on=date(2026, 4, 1)),  # about something else: it was contested on the tenth
        Heard(on=date(2026, 5, 21), invited_on=None),
    ):
        given(EVALUATION, *PAST, CONTESTED).when(
            decide_contest, **settling(heard=heard, today=date(2026, 5, 21))
        ).then_refused(NotHeard)
    given(EVALUATION, *PAST, CONTESTED).when(
        decide_contest, **settling(heard=Heard(on=None, invited_on=date(2026, 4, 10)))
    ).then_it_holds(lambda events: isinstance(events[0], EvaluationUpheld))


def test_accepting_the_contest_annuls() -> None:
    given(EVALUATION, *PAST, CONTESTED).when(decide_contest, **settling(outcome="annulled")).then_it_holds(
        lambda events: isinstance(events[0], EvaluationAnnulled) and not events[0].own_motion
    )


def two_grounds() -> EvaluationProposed:
    return replace(PROPOSED, grounds=(GROUND, WASTE))


def test_striking_some_grounds_upholds_the_others() -> None:
    past = (two_grounds(), *PAST[1:], CONTESTED)
    given(EVALUATION, *past).when(decide_contest, **settling(outcome="annulled", grounds_struck=("f1",))).then_it_holds(
        lambda events: isinstance(events[0], EvaluationUpheld) and events[0].grounds_struck == ("f1",)
    )


def test_striking_all_grounds_cannot_uphold() -> None:
    past = (two_grounds(), *PAST[1:], CONTESTED)
    given(EVALUATION, *past).when(decide_contest, **settling(grounds_struck=("f1", "f2"))).then_refused(NoGround)


def test_a_contest_is_decided_on_what_it_is_about() -> None:
    past = (*PAST, CONTESTED)
    given(EVALUATION, *past).when(decide_contest, **settling(grounds_struck=("other",))).then_refused(Unknown)
    given(EVALUATION, *past).when(decide_contest, **settling(reasons=None)).then_refused(ReasonMissing)
    given(EVALUATION, *past).when(decide_contest, **settling(today=VISITED)).then_refused(OccurredInFuture)
    given(EVALUATION, *PAST).when(decide_contest, **settling()).then_refused(WrongState)
