"""Asking the public welfare centre (OCMW) for its view before a further step (domain 3.7, gate G4)."""

from dataclasses import dataclass, replace
from datetime import date
from typing import assert_never

from services.referrals.events import ConsultationEvent, OcmwAnswered, OcmwConsulted
from services.referrals.rules.lease import Lease, must_not_be_over
from shared.contracts.referrals import OcmwGround
from shared.decisions import Stream
from shared.refusals import DateOrder, OccurredInFuture, WrongState, has_begun
from shared.sealed import Sealed, is_the_same


@dataclass(frozen=True, kw_only=True)
class OcmwConsultation:
    """One question to the OCMW and its answer."""

    consulted: OcmwConsulted | None = None
    answered: OcmwAnswered | None = None


def consult_ocmw(
    consultation: OcmwConsultation,
    *,
    lease: Lease,
    of_lease: str,
    ground: OcmwGround,
    on: date,
    today: date,
    told_renter_on: date | None = None,
) -> list[ConsultationEvent]:
    """Ask the OCMW. For arrears of a social lease this needs no consent; the renter is told of it.

    :raises WrongState: the lease has ended, or there is another consultation under this id.
    :raises OccurredInFuture: the renter would have been told on a day to come; the letter to the OCMW says that day.
    """
    consulted = OcmwConsulted(lease=of_lease, consulted_on=on, ground=ground, told_renter_on=told_renter_on)
    if has_begun(consultation.consulted, consulted):
        return []
    must_not_be_over(lease)
    if told_renter_on is not None and told_renter_on > today:
        raise OccurredInFuture
    return [consulted]


def record_ocmw_answer(
    consultation: OcmwConsultation, *, on: date, answer: Sealed | None = None
) -> list[ConsultationEvent]:
    """Note what the OCMW answered.

    :raises WrongState: it was not asked, or has answered something else already.
    :raises DateOrder: the answer lies before the question.
    """
    answered = OcmwAnswered(answered_on=on, answer=answer)
    if is_the_same(consultation.answered, answered):
        return []
    if consultation.consulted is None or consultation.answered is not None:
        raise WrongState
    if on < consultation.consulted.consulted_on:
        raise DateOrder
    return [answered]


def evolve(consultation: OcmwConsultation, event: ConsultationEvent) -> OcmwConsultation:
    match event:
        case OcmwConsulted():
            return replace(consultation, consulted=event)
        case OcmwAnswered():
            return replace(consultation, answered=event)
        case _:
            assert_never(event)


OCMW_CONSULTATION = Stream("ocmw-consultation", initial=OcmwConsultation(), evolve=evolve, events=ConsultationEvent)
