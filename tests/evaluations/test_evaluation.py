"""One evaluation: propose, amend, adopt, communicate, contest, become final, expire (domain 3.5)."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from services.evaluations.events import (
    EvaluationAmended,
    EvaluationCommunicated,
    EvaluationCommunicationCorrected,
    EvaluationContested,
    EvaluationCountRestated,
    EvaluationExpired,
    EvaluationFinal,
    EvaluationProposed,
    LateContestAdmitted,
    ProposalAdopted,
)
from services.evaluations.rules.checklist import first_checklist
from services.evaluations.rules.evaluation import (
    EVALUATION,
    ContestTooLate,
    DateUnconfirmed,
    MomentAlreadyProposed,
    NotDiscussed,
    NotRenter,
    OnlyNonTerminable,
    ReportNotFixed,
    admit_late_contest,
    adopt_proposal,
    amend,
    become_final,
    communicate,
    contest,
    contest_until,
    expire,
    propose,
    restate_count,
)
from services.evaluations.rules.refusals import NoGround
from shared.contracts.evaluations import Ground
from shared.contracts.visits import FindingDateConfirmedV1, LeaseEndedV1
from shared.decisions import Person
from shared.refusals import OccurredInFuture, ReasonMissing, WrongState
from tests.evaluations.a_lease import FATMA, KAREL, LEASE, MIA, ALease, decision, text
from tests.specification import given, state_of

VISITED = date(2026, 1, 12)
BY_FATMA = Person(id=FATMA, roles=frozenset({"counsellor"}))
BY_MIA = Person(id=MIA, roles=frozenset({"counsellor"}))
BY_KAREL = Person(id=KAREL, roles=frozenset({"coordinator"}))
CHECKLIST = first_checklist(in_force_from=date(2015, 1, 1))
GROUND = Ground(finding="f1", item="ONH-02", occurred_on=VISITED)
WASTE = Ground(finding="f2", item="AFV-01", occurred_on=VISITED)


def a_lease(*, fixed: bool = True, **finding: Any) -> ALease:
    lease = ALease().finding("f1", "ONH-02", VISITED, **finding).finding("f2", "AFV-01", VISITED)
    return lease.visit("v1", VISITED, "f1", fixed=fixed)


def proposal(lease: ALease, **changed: Any) -> dict[str, Any]:
    return {
        "lease": LEASE,
        "moment": "v1",
        "moment_kind": "visit",
        "moment_on": VISITED,
        "outcome": "negative",
        "grounds": ("f1",),
        "why": text("het blijft vuil"),
        "case": lease.file.case,
        "evaluations": {},
        "checklist": CHECKLIST,
        "on": VISITED,
        "today": VISITED,
        "by": BY_FATMA,
        **changed,
    }


PROPOSED = EvaluationProposed(
    lease=LEASE,
    moment="v1",
    moment_kind="visit",
    moment_on=VISITED,
    outcome="negative",
    grounds=(GROUND,),
    why=text("het blijft vuil"),
    checklist_version="CL-1",
    by=FATMA,
)
DECIDED = decision(date(2026, 1, 14))
COMMUNICATED = EvaluationCommunicated(
    communication="c1", communicated_on=date(2026, 3, 18), contest_until=date(2026, 4, 17), contest_days=30
)
CONTESTED = EvaluationContested(lodged_on=date(2026, 4, 10), channel="whatsapp", words=text("niet waar"))


def test_an_evaluation_is_proposed() -> None:
    given(EVALUATION).when(propose, **proposal(a_lease())).then(PROPOSED)


def test_the_same_proposal_twice_is_one() -> None:
    given(EVALUATION, PROPOSED).when(propose, **proposal(a_lease())).then_nothing_happens()


def test_an_id_belongs_to_one_proposal() -> None:
    given(EVALUATION, PROPOSED).when(propose, **proposal(a_lease(), moment="v2")).then_refused(WrongState)


@pytest.mark.parametrize(
    "otherwise",
    [{"why": text("om iets anders")}, {"why": None}, {"grounds": ()}, {"outcome": "mixed"}, {"by": BY_KAREL}],
)
def test_an_id_belongs_to_what_was_proposed_in_these_words(otherwise: dict[str, Any]) -> None:
    given(EVALUATION, PROPOSED).when(propose, **proposal(a_lease(), **otherwise)).then_refused(WrongState)


def test_a_proposal_that_was_amended_since_was_proposed_all_the_same() -> None:
    amended = EvaluationAmended(outcome="mixed", grounds=(GROUND,), why=text("om iets anders"), by=KAREL)
    given(EVALUATION, PROPOSED, amended).when(propose, **proposal(a_lease())).then_nothing_happens()


def test_a_moment_has_one_proposal_at_a_time() -> None:
    others = {"E0": state_of(EVALUATION, PROPOSED)}
    given(EVALUATION).when(propose, **proposal(a_lease(), evaluations=others)).then_refused(MomentAlreadyProposed)
    decided = {"E0": state_of(EVALUATION, PROPOSED, DECIDED)}
    given(EVALUATION).when(propose, **proposal(a_lease(), evaluations=decided)).then(PROPOSED)


def test_a_negative_evaluation_rests_on_a_ground() -> None:
    given(EVALUATION).when(propose, **proposal(a_lease(), grounds=())).then_refused(NoGround)


def test_a_positive_one_needs_none() -> None:
    positive = replace(PROPOSED, outcome="positive", grounds=())
    given(EVALUATION).when(propose, **proposal(a_lease(), outcome="positive", grounds=())).then(positive)


def test_a_ground_was_talked_over() -> None:
    given(EVALUATION).when(propose, **proposal(a_lease(discussed=False))).then_refused(NotDiscussed, "NOT_DISCUSSED")


def test_a_ground_is_the_renters() -> None:
    given(EVALUATION).when(propose, **proposal(a_lease(to="owner"))).then_refused(NotRenter, "NOT_RENTER")


def test_a_mistake_is_no_ground() -> None:
    lease = a_lease().mistaken("f1", on=VISITED)
    given(EVALUATION).when(propose, **proposal(lease)).then_refused(NotRenter, "NOT_RENTER")


def test_the_report_stands_before_its_visit_is_evaluated() -> None:
    given(EVALUATION).when(propose, **proposal(a_lease(fixed=False))).then_refused(ReportNotFixed)


def test_a_talk_about_the_file_needs_no_report() -> None:
    lease = a_lease(fixed=False)
    given(EVALUATION).when(propose, **proposal(lease, moment="m1", moment_kind="file")).then(
        replace(PROPOSED, moment="m1", moment_kind="file")
    )


def test_ec_12_a_day_from_a_wrong_clock_is_confirmed_first() -> None:
    lease = a_lease(suspect=True)
    given(EVALUATION).when(propose, **proposal(lease)).then_refused(DateUnconfirmed, "DATE_UNCONFIRMED")
    confirmed = FindingDateConfirmedV1(lease=LEASE, finding="f1", seen_on=VISITED, why=text("klok"))
    given(EVALUATION).when(propose, **proposal(lease.tell(confirmed, on=VISITED))).then(PROPOSED)


def test_language_alone_grounds_nothing() -> None:
    lease = a_lease().finding("f3", "TAA-01", VISITED)
    given(EVALUATION).when(propose, **proposal(lease, grounds=("f3",))).then_refused(OnlyNonTerminable)


def test_nothing_is_proposed_in_the_future_or_after_the_lease() -> None:
    given(EVALUATION).when(propose, **proposal(a_lease(), on=date(2026, 1, 13))).then_refused(OccurredInFuture)
    ended = LeaseEndedV1(lease=LEASE, mode="mutual", ground="moved_on", ended_on=VISITED)
    given(EVALUATION).when(propose, **proposal(a_lease().tell(ended, on=VISITED))).then_refused(WrongState)


def amendment(**changed: Any) -> dict[str, Any]:
    lease = a_lease()
    return {
        "grounds": ("f2",),
        "why": None,
        "case": lease.file.case,
        "checklist": CHECKLIST,
        "by": BY_MIA,
        **changed,
    }


AMENDED = EvaluationAmended(outcome="negative", grounds=(GROUND, WASTE), why=text("het blijft vuil"), by=MIA)


def test_grounds_are_added_to_a_proposal() -> None:
    given(EVALUATION, PROPOSED).when(amend, **amendment()).then(AMENDED)


def test_a_ground_it_has_adds_nothing() -> None:
    given(EVALUATION, PROPOSED).when(amend, **amendment(grounds=("f1",))).then_nothing_happens()


def test_what_was_decided_is_not_amended() -> None:
    given(EVALUATION, PROPOSED, DECIDED).when(amend, **amendment()).then_refused(WrongState)


def test_a_proposal_is_adopted_with_a_reason() -> None:
    adopted = ProposalAdopted(why=text("Fatma vertrok"), by=MIA)
    given(EVALUATION, PROPOSED).when(adopt_proposal, why=text("Fatma vertrok"), by=BY_MIA).then(adopted)
    given(EVALUATION, PROPOSED).when(adopt_proposal, why=None, by=BY_MIA).then_refused(ReasonMissing)
    given(EVALUATION, PROPOSED, adopted).when(adopt_proposal, why=None, by=BY_MIA).then_nothing_happens()
    given(EVALUATION, PROPOSED, DECIDED).when(adopt_proposal, why=text("x"), by=BY_MIA).then_refused(WrongState)


def letter(on: date | None, today: date | None = None) -> dict[str, Any]:
    return {
        "communication": "c1",
        "communicated_on": on,
        "contest_days": 30,
        "today": today or on or date(2026, 3, 18),
    }


def test_gv_11_the_contest_term_rolls_to_a_working_day() -> None:
    assert contest_until(date(2026, 3, 18), 30) == date(2026, 4, 17)
    assert contest_until(date(2026, 4, 1), 30) == date(2026, 5, 4)


def test_it_is_communicated_when_the_letter_has_arrived() -> None:
    given(EVALUATION, PROPOSED, DECIDED).when(communicate, **letter(date(2026, 3, 18))).then(COMMUNICATED)


def test_ec_02_the_same_letter_twice_is_communicated_once() -> None:
    given(EVALUATION, PROPOSED, DECIDED, COMMUNICATED).when(
        communicate, **letter(date(2026, 3, 18))
    ).then_nothing_happens()


def test_ec_03_a_letter_that_did_not_arrive_is_not_communicated() -> None:
    given(EVALUATION, PROPOSED, DECIDED).when(communicate, **letter(None)).then_nothing_happens()


def test_ec_04_a_proof_typed_in_later_is_marked_late() -> None:
    given(EVALUATION, PROPOSED, DECIDED).when(communicate, **letter(date(2026, 3, 18), today=date(2026, 4, 2))).then(
        replace(COMMUNICATED, late_registered=True)
    )


def test_a_corrected_proof_moves_the_day_and_never_shortens_the_term() -> None:
    later = EvaluationCommunicationCorrected(
        communication="c1", communicated_on=date(2026, 3, 20), contest_until=date(2026, 4, 20)
    )
    given(EVALUATION, PROPOSED, DECIDED, COMMUNICATED).when(communicate, **letter(date(2026, 3, 20))).then(later)
    earlier = EvaluationCommunicationCorrected(
        communication="c1", communicated_on=date(2026, 3, 10), contest_until=date(2026, 4, 17)
    )
    given(EVALUATION, PROPOSED, DECIDED, COMMUNICATED).when(communicate, **letter(date(2026, 3, 10))).then(earlier)


def test_a_letter_that_was_not_delivered_after_all_is_not_communicated() -> None:
    gone = EvaluationCommunicationCorrected(communication="c1", communicated_on=None, contest_until=None)
    given(EVALUATION, PROPOSED, DECIDED, COMMUNICATED).when(communicate, **letter(None)).then(gone)
    given(EVALUATION, PROPOSED, DECIDED, COMMUNICATED, CONTESTED).when(
        communicate, **letter(None)
    ).then_nothing_happens()


def test_another_letter_about_it_that_arrives_later_changes_nothing() -> None:
    when_told = given(EVALUATION, PROPOSED, DECIDED, COMMUNICATED)
    for arrived in (date(2026, 3, 27), None):
        another = {**letter(arrived, today=date(2026, 3, 27)), "communication": "c2"}
        when_told.when(communicate, **another).then_nothing_happens()
    earlier = EvaluationCommunicationCorrected(
        communication="c2", communicated_on=date(2026, 3, 16), contest_until=date(2026, 4, 17)
    )
    when_told.when(communicate, **{**letter(date(2026, 3, 16)), "communication": "c2"}).then(earlier)
    given(EVALUATION, PROPOSED, DECIDED, COMMUNICATED, earlier).when(
        communicate, **letter(date(2026, 3, 20))
    ).then_nothing_happens()


def test_a_term_already_told_of_is_not_shortened_by_two_corrections_either() -> None:
    gone = EvaluationCommunicationCorrected(communication="c1", communicated_on=None, contest_until=None)
    after = (PROPOSED, DECIDED, COMMUNICATED, gone)
    reached = date(2026, 3, 10)
    told = replace(COMMUNICATED, communicated_on=reached, contest_until=date(2026, 4, 17), late_registered=True)
    given(EVALUATION, *after).when(communicate, **letter(reached, today=date(2026, 4, 2))).then(told)
    later = replace(COMMUNICATED, communicated_on=date(2026, 3, 23), contest_until=date(2026, 4, 22))
    given(EVALUATION, *after).when(communicate, **letter(date(2026, 3, 23))).then(later)


def objection(**changed: Any) -> dict[str, Any]:
    return {
        "lodged_on": date(2026, 4, 10),
        "channel": "whatsapp",
        "words": text("niet waar"),
        "today": date(2026, 4, 10),
        **changed,
    }


def test_the_renter_contests_by_any_channel() -> None:
    given(EVALUATION, PROPOSED, DECIDED, COMMUNICATED).when(contest, **objection()).then(CONTESTED)


def test_the_same_contest_twice_is_one() -> None:
    given(EVALUATION, PROPOSED, DECIDED, COMMUNICATED, CONTESTED).when(contest, **objection()).then_nothing_happens()


def test_the_offices_delay_never_costs_the_renter() -> None:
    given(EVALUATION, PROPOSED, DECIDED, COMMUNICATED, EvaluationFinal()).when(
        contest, **objection(lodged_on=date(2026, 4, 17), today=date(2026, 5, 6))
    ).then(replace(CONTESTED, lodged_on=date(2026, 4, 17)))


def test_a_contest_after_its_term_is_too_late_without_leave() -> None:
    late = objection(lodged_on=date(2026, 4, 18), today=date(2026, 4, 20))
    given(EVALUATION, PROPOSED, DECIDED, COMMUNICATED).when(contest, **late).then_refused(ContestTooLate)
    given(EVALUATION, PROPOSED, DECIDED, COMMUNICATED, EvaluationFinal()).when(contest, **late).then_refused(
        ContestTooLate
    )


def test_nobody_contests_tomorrow_or_what_was_not_communicated() -> None:
    given(EVALUATION, PROPOSED, DECIDED, COMMUNICATED).when(contest, **objection(today=date(2026, 4, 9))).then_refused(
        OccurredInFuture
    )
    given(EVALUATION, PROPOSED, DECIDED).when(contest, **objection()).then_refused(WrongState)


def leave(**changed: Any) -> dict[str, Any]:
    late = objection(lodged_on=date(2026, 5, 5), today=date(2026, 5, 5))
    return {**late, "why": text("opname"), "by": BY_KAREL, **changed}


def test_a_person_may_admit_a_late_contest() -> None:
    admitted = LateContestAdmitted(
        lodged_on=date(2026, 5, 5), channel="whatsapp", words=text("niet waar"), why=text("opname"), by=KAREL
    )
    past = (PROPOSED, DECIDED, COMMUNICATED, EvaluationFinal())
    given(EVALUATION, *past).when(admit_late_contest, **leave()).then(admitted)
    given(EVALUATION, *past, admitted).when(admit_late_contest, **leave()).then_nothing_happens()
    given(EVALUATION, *past).when(admit_late_contest, **leave(why=None)).then_refused(ReasonMissing)
    given(EVALUATION, *past).when(admit_late_contest, **leave(today=date(2026, 5, 4))).then_refused(OccurredInFuture)
    given(EVALUATION, PROPOSED, DECIDED).when(admit_late_contest, **leave()).then_refused(WrongState)


def test_the_term_is_over_on_the_day_after_its_last() -> None:
    past = (PROPOSED, DECIDED, COMMUNICATED)
    given(EVALUATION, *past).when(become_final, today=date(2026, 4, 17)).then_nothing_happens()
    given(EVALUATION, *past).when(become_final, today=date(2026, 4, 18)).then(EvaluationFinal())
    given(EVALUATION, *past, CONTESTED).when(become_final, today=date(2026, 4, 18)).then_nothing_happens()


def test_its_validity_ends_on_a_day() -> None:
    past = (PROPOSED, DECIDED, COMMUNICATED)
    until = date(2028, 3, 18)
    given(EVALUATION, *past).when(expire, valid_until=until, today=date(2028, 3, 17)).then_nothing_happens()
    given(EVALUATION, *past).when(expire, valid_until=until, today=until).then(EvaluationExpired())
    given(EVALUATION, *past, CONTESTED).when(expire, valid_until=until, today=until).then_nothing_happens()


def test_what_the_letter_says_of_the_count_is_restated_once() -> None:
    restated = EvaluationCountRestated(count_before=1, count_if_communicated=2, threshold=3)
    given(EVALUATION, PROPOSED, DECIDED).when(restate_count, says=(1, 2, 3)).then(restated)
    given(EVALUATION, PROPOSED, DECIDED).when(restate_count, says=(0, 1, 3)).then_nothing_happens()
    given(EVALUATION, PROPOSED, DECIDED, restated).when(restate_count, says=(1, 2, 3)).then_nothing_happens()
    given(EVALUATION, PROPOSED, DECIDED, COMMUNICATED).when(restate_count, says=(1, 2, 3)).then_nothing_happens()
