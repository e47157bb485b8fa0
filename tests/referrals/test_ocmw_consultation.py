"""Asking the OCMW (domain 3.7)."""

from datetime import date

from services.referrals.events import OcmwAnswered, OcmwConsulted
from services.referrals.rules.ocmw_consultation import OCMW_CONSULTATION, consult_ocmw, record_ocmw_answer
from shared.refusals import DateOrder, OccurredInFuture, WrongState
from tests.referrals import words
from tests.referrals.test_referral import ENDED, RUNNING
from tests.specification import given

APRIL_1, APRIL_8 = date(2026, 4, 1), date(2026, 4, 8)
CONSULTED = OcmwConsulted(lease="l-1", consulted_on=APRIL_1, ground="arrears", told_renter_on=APRIL_1)
ANSWERED = OcmwAnswered(answered_on=APRIL_8, answer=words("budgetbegeleiding gestart", key="C-1"))

QUESTION = {
    "lease": RUNNING,
    "of_lease": "l-1",
    "ground": "arrears",
    "on": APRIL_1,
    "today": APRIL_1,
    "told_renter_on": APRIL_1,
}


def test_the_ocmw_is_consulted_without_asking_consent() -> None:
    given(OCMW_CONSULTATION).when(consult_ocmw, **QUESTION).then(CONSULTED)


def test_the_same_question_twice_is_one() -> None:
    given(OCMW_CONSULTATION, CONSULTED, ANSWERED).when(consult_ocmw, **QUESTION).then_nothing_happens()


def test_one_question_does_not_take_the_place_of_another() -> None:
    given(OCMW_CONSULTATION, CONSULTED).when(consult_ocmw, **{**QUESTION, "ground": "nuisance"}).then_refused(
        WrongState
    )


def test_the_ocmw_is_not_consulted_on_a_lease_that_has_ended() -> None:
    given(OCMW_CONSULTATION).when(consult_ocmw, **{**QUESTION, "lease": ENDED}).then_refused(WrongState)


def test_the_renter_is_not_said_to_have_been_told_on_a_day_to_come() -> None:
    given(OCMW_CONSULTATION).when(consult_ocmw, **{**QUESTION, "told_renter_on": APRIL_8}).then_refused(
        OccurredInFuture
    )


def test_the_ocmw_answers() -> None:
    given(OCMW_CONSULTATION, CONSULTED).when(
        record_ocmw_answer, on=APRIL_8, answer=words("budgetbegeleiding gestart", key="C-1")
    ).then(ANSWERED)


def test_the_ocmw_may_answer_on_the_same_day_and_not_before() -> None:
    given(OCMW_CONSULTATION, CONSULTED).when(record_ocmw_answer, on=APRIL_1).then(OcmwAnswered(answered_on=APRIL_1))
    given(OCMW_CONSULTATION, CONSULTED).when(record_ocmw_answer, on=date(2026, 3, 31)).then_refused(DateOrder)


def test_the_same_answer_twice_is_one() -> None:
    given(OCMW_CONSULTATION, CONSULTED, ANSWERED).when(
        record_ocmw_answer, on=APRIL_8, answer=words("Budgetbegeleiding gestart", key="C-1")
    ).then_nothing_happens()


def test_an_answer_stands_and_nothing_is_answered_that_was_not_asked() -> None:
    given(OCMW_CONSULTATION, CONSULTED, ANSWERED).when(record_ocmw_answer, on=APRIL_8).then_refused(WrongState)
    given(OCMW_CONSULTATION).when(record_ocmw_answer, on=APRIL_8).then_refused(WrongState)
