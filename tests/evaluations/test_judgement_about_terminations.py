"""People decide about the lease: four eyes, own reasons, open gates, doubtful grounds (domain 3.6, 4.7, 10.1)."""

from dataclasses import replace
from datetime import date
from typing import Any

from services.evaluations.events import (
    GroundsConfirmed,
    GroundsDoubtful,
    NoticePosted,
    NoticeWithdrawn,
    TerminationDecided,
    TerminationNotPursued,
)
from services.evaluations.rules.judgement.about_terminations import (
    confirm_grounds,
    decide_continue,
    decide_termination,
    withdraw_notice,
)
from services.evaluations.rules.refusals import GateOpen, NoGround, ReasonsNotOwn
from services.evaluations.rules.termination import TERMINATION, NonTerminableGround
from shared.contracts.visits import CounsellorAssignedV1
from shared.decisions import Person
from shared.refusals import OccurredInFuture, ReasonMissing, SelfApproval, WrongState
from tests.evaluations.a_file import (
    BY_KAREL,
    BY_RITA,
    LASTING,
    OPENED,
    OWN_REASONS,
    PROVEN,
    REVIEWED,
    SERIOUS,
    TODAY,
    a_lease,
    decided,
    facts,
    proposed,
)
from tests.evaluations.a_lease import FATMA, LEASE, MIA, RITA, ALease, text
from tests.specification import given

LEASE_OF_FATMA = Person(id=FATMA, roles=frozenset({"counsellor", "director"}))


def deciding(lease: ALease | None = None, **changed: Any) -> dict[str, Any]:
    return {
        "reasons": OWN_REASONS,
        "findings": (),
        "notice_kind": "shortcoming",
        **facts(lease or a_lease()),
        "count": 3,
        "threshold": 3,
        "on": TODAY,
        "today": TODAY,
        "by": BY_RITA,
        **changed,
    }


def file(*more: Any, lease: ALease | None = None) -> tuple[Any, ...]:
    return (*PROVEN, proposed(lease or a_lease()), *more)


def test_the_director_decides_with_own_reasons_and_every_gate_is_kept() -> None:
    def holds(events: list[Any]) -> bool:
        told = events[0]
        return (
            isinstance(told, TerminationDecided)
            and [gate.gate for gate in told.gates] == [f"G{number}" for number in range(1, 11)]
            and (told.notice_months, told.by, told.proposed_by) == (3, RITA, "karel")
            and told.notice_dates[0].posted_from == TODAY
        )

    given(TERMINATION, *file()).when(decide_termination, **deciding()).then_it_holds(holds)


def test_a_notice_for_property_runs_six_months() -> None:
    given(TERMINATION, *file()).when(decide_termination, **deciding(notice_kind="property")).then_it_holds(
        lambda events: events[0].notice_months == 6
    )


def test_the_same_decision_twice_is_one() -> None:
    given(TERMINATION, *file(decided(a_lease()))).when(decide_termination, **deciding()).then_nothing_happens()


def test_neither_the_proposer_nor_the_counsellor_decides() -> None:
    for person in (BY_KAREL, LEASE_OF_FATMA):
        given(TERMINATION, *file()).when(decide_termination, **deciding(by=person)).then_refused(SelfApproval)
    since = a_lease().tell(CounsellorAssignedV1(lease=LEASE, counsellor=MIA, assigned_from=TODAY), on=TODAY)
    for id in (FATMA, MIA):  # on the day it is dated it was Fatma, today it is Mia
        person = Person(id=id, roles=frozenset({"director"}))
        asked = deciding(since, on=date(2026, 5, 19), by=person)
        given(TERMINATION, *file()).when(decide_termination, **asked).then_refused(SelfApproval)
    deputy = Person(id="an", roles=frozenset({"director"}), in_name_of="karel")
    given(TERMINATION, *file()).when(decide_termination, **deciding(by=deputy)).then_refused(SelfApproval)


def test_reasons_are_long_and_of_the_deciders_own() -> None:
    short, repeated = text("te kort"), text("Het gaat  niet MEER")
    for reasons in (None, short, replace(repeated, length=200)):
        given(TERMINATION, *file()).when(decide_termination, **deciding(reasons=reasons)).then_refused(ReasonsNotOwn)
    of_an_evaluation = replace(text("eigen redenen van de beslisser"), length=150)
    given(TERMINATION, *file()).when(decide_termination, **deciding(reasons=of_an_evaluation)).then_refused(
        ReasonsNotOwn
    )


def test_every_open_gate_is_named() -> None:
    given(TERMINATION, OPENED, proposed(a_lease())).when(decide_termination, **deciding()).then_refused(
        GateOpen, "G1", "G2", "G3", "G9"
    )


def test_only_a_proposed_file_is_decided_and_not_in_the_future() -> None:
    given(TERMINATION, *PROVEN).when(decide_termination, **deciding()).then_refused(WrongState)
    given(TERMINATION, *file()).when(decide_termination, **deciding(today=REVIEWED)).then_refused(OccurredInFuture)


def test_a_ground_that_can_never_carry_it_is_refused() -> None:
    lease = a_lease().finding("f9", "TAA-01", TODAY)
    given(TERMINATION, *file()).when(decide_termination, **deciding(lease, findings=("f9",))).then_refused(
        NonTerminableGround
    )


def test_the_decider_may_rest_on_fewer_grounds() -> None:
    given(TERMINATION, *file()).when(decide_termination, **deciding(findings=(SERIOUS,))).then_it_holds(
        lambda events: [ground.finding for ground in events[0].grounds] == [SERIOUS]
    )


def going_on(**changed: Any) -> dict[str, Any]:
    return {
        "reasons": text("een nieuwe kans"),
        "measures": (text("elke maand een bezoek"),),
        "case": a_lease().file.case,
        "on": TODAY,
        "today": TODAY,
        "by": BY_RITA,
        **changed,
    }


def test_the_director_decides_that_the_lease_goes_on() -> None:
    told = TerminationNotPursued(reasons=text("een nieuwe kans"), measures=(text("elke maand een bezoek"),), by=RITA)
    given(TERMINATION, OPENED).when(decide_continue, **going_on()).then(told)
    given(TERMINATION, *file()).when(decide_continue, **going_on()).then(told)
    given(TERMINATION, OPENED, told).when(decide_continue, **going_on()).then_nothing_happens()
    given(TERMINATION, OPENED).when(decide_continue, **going_on(reasons=None)).then_refused(ReasonMissing)
    given(TERMINATION, OPENED).when(decide_continue, **going_on(today=REVIEWED)).then_refused(OccurredInFuture)
    given(TERMINATION, OPENED).when(decide_continue, **going_on(by=LEASE_OF_FATMA)).then_refused(SelfApproval)
    given(TERMINATION, *file(decided(a_lease()))).when(decide_continue, **going_on()).then_refused(WrongState)


DOUBTFUL = GroundsDoubtful(why="count_below_threshold")


def confirming(lease: ALease | None = None, **changed: Any) -> dict[str, Any]:
    lease = lease or a_lease()
    return {
        "remaining_grounds": (SERIOUS,),
        "reasons": text("de schade blijft staan"),
        "case": lease.file.case,
        "evaluations": lease.file.evaluations,
        "checklist": lease.file.checklist(on=TODAY),
        "count": 2,
        "threshold_met": False,
        "today": TODAY,
        "by": BY_RITA,
        **changed,
    }


def doubtful() -> tuple[Any, ...]:
    return (*file(decided(a_lease())), DOUBTFUL)


def test_ec_24_a_person_goes_on_with_the_grounds_that_remain() -> None:
    told = GroundsConfirmed(remaining_grounds=(SERIOUS,), reasons=text("de schade blijft staan"), by=RITA, count=2)
    given(TERMINATION, *doubtful()).when(confirm_grounds, **confirming()).then(told)
    given(TERMINATION, *doubtful(), told).when(confirm_grounds, **confirming()).then_refused(WrongState)


def test_below_the_threshold_only_serious_facts_carry_it() -> None:
    given(TERMINATION, *doubtful()).when(confirm_grounds, **confirming(remaining_grounds=(LASTING,))).then_refused(
        NoGround
    )
    given(TERMINATION, *doubtful()).when(
        confirm_grounds, **confirming(remaining_grounds=(LASTING,), threshold_met=True)
    ).then_it_holds(lambda events: events[0].remaining_grounds == (LASTING,))


def test_a_ground_that_fell_away_does_not_remain() -> None:
    lost = a_lease().reattribute(SERIOUS, to="owner", on=TODAY, item="SCH-03")
    given(TERMINATION, *doubtful()).when(confirm_grounds, **confirming(lost)).then_refused(NoGround)
    annulled = a_lease().annul("E3", TODAY)
    given(TERMINATION, *doubtful()).when(confirm_grounds, **confirming(annulled)).then_refused(NoGround)
    given(TERMINATION, *doubtful()).when(confirm_grounds, **confirming(remaining_grounds=("E1-f1",))).then_refused(
        NoGround
    )


def test_confirming_asks_reasons_and_another_person() -> None:
    given(TERMINATION, *doubtful()).when(confirm_grounds, **confirming(reasons=None)).then_refused(ReasonMissing)
    given(TERMINATION, *doubtful()).when(confirm_grounds, **confirming(by=BY_KAREL)).then_refused(SelfApproval)


def test_what_a_person_weighed_is_not_doubted_again_and_a_further_fall_is() -> None:
    from services.evaluations.rules.termination import doubt

    told = GroundsConfirmed(remaining_grounds=(SERIOUS,), reasons=text("blijft"), by=RITA, count=2)
    asked: dict[str, Any] = {"findings": frozenset(), "evaluations": frozenset(), "below_threshold": True}
    given(TERMINATION, *doubtful(), told).when(doubt, **asked, count=2).then_nothing_happens()
    given(TERMINATION, *doubtful(), told).when(doubt, **asked, count=1).then(DOUBTFUL)


POSTED = NoticePosted(posted_on=TODAY, method="registered_paper", communications=("c9",), tracking=())


def withdrawing(**changed: Any) -> dict[str, Any]:
    return {
        "why": text("de gronden vallen weg"),
        "case": a_lease().file.case,
        "on": TODAY,
        "today": TODAY,
        "by": BY_RITA,
        **changed,
    }


def test_a_notice_is_withdrawn_by_a_person() -> None:
    past = (*file(decided(a_lease())), POSTED, DOUBTFUL)
    told = NoticeWithdrawn(why=text("de gronden vallen weg"), by=RITA)
    given(TERMINATION, *past).when(withdraw_notice, **withdrawing()).then(told)
    given(TERMINATION, *past, told).when(withdraw_notice, **withdrawing()).then_nothing_happens()
    given(TERMINATION, *past).when(withdraw_notice, **withdrawing(why=None)).then_refused(ReasonMissing)
    given(TERMINATION, *past).when(withdraw_notice, **withdrawing(by=BY_KAREL)).then_refused(SelfApproval)
    given(TERMINATION, *past).when(withdraw_notice, **withdrawing(today=REVIEWED)).then_refused(OccurredInFuture)
    given(TERMINATION, OPENED).when(withdraw_notice, **withdrawing()).then_refused(WrongState)
