"""Who may decide for the office, from when until when; and what to do when a mandate had ended (domain 8)."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import assert_never

from services.evaluations.events import MandateEnded, MandateEvent, MandateGiven, MandateWasEnded
from shared.authority import NOBODY_YET, Mandate, MandateRegister
from shared.decisions import Person, Refusal, Stream
from shared.refusals import DateOrder, ReasonMissing, SelfApproval, Unknown, has_begun
from shared.sealed import Sealed

A_DAY = timedelta(days=1)


class ActsMissing(Refusal):
    """A mandate names at least one act."""


def first_mandate(*, mandate: str, director: str, from_: date) -> MandateGiven:
    """Return the mandate a director has from the founding of the office: every act, without end."""
    return MandateGiven(mandate=mandate, person=director, role="director", acts=("*",), from_=from_)


def give(
    register: MandateRegister,
    *,
    mandate: str,
    person: str,
    role: str,
    acts: tuple[str, ...],
    from_: date,
    until: date | None,
    in_name_of: str | None,
    by: Person,
) -> list[MandateEvent]:
    """Give ``person`` a mandate. Giving the same one again, under its id, changes nothing.

    :raises SelfApproval: nobody gives themself a mandate, nor to somebody who would act in their own name for them.
    :raises ActsMissing: no act is named.
    :raises DateOrder: it would end before it begins.
    :raises WrongState: the id belongs to another mandate, or to this one given otherwise.
    """
    given = MandateGiven(
        mandate=mandate,
        person=person,
        role=role,
        acts=acts,
        from_=from_,
        until=until,
        in_name_of=in_name_of,
        given_by=by.id,
    )
    known = register.find(mandate)
    if has_begun(known and known.as_given, given):
        return []
    if by.is_one_of(person):
        raise SelfApproval
    if not acts:
        raise ActsMissing
    if until is not None and until < from_:
        raise DateOrder
    return [given]


def end(
    register: MandateRegister, *, mandate: str, until: date, why: Sealed | None, today: date, by: Person
) -> list[MandateEvent]:
    """Let the mandate hold through ``until`` and no longer: shortened, never lengthened or cut off in the past.

    :raises Unknown: there is no such mandate.
    :raises SelfApproval: it is the person's own.
    :raises ReasonMissing: no reason was given.
    :raises DateOrder: ``until`` lies before yesterday, or the mandate already ends earlier.
    """
    known = register.find(mandate)
    if known is None:
        raise Unknown
    if known.until == until:
        return []
    if by.is_one_of(known.person):
        raise SelfApproval
    if why is None:
        raise ReasonMissing
    if until < today - A_DAY or (known.until is not None and known.until < until):
        raise DateOrder
    return [MandateEnded(mandate=mandate, person=known.person, until=until, why=why)]


def evolve(register: MandateRegister, event: MandateEvent) -> MandateRegister:
    match event:
        case MandateGiven():
            return register.given(
                Mandate(
                    id=event.mandate,
                    person=event.person,
                    acts=frozenset(event.acts),
                    from_=event.from_,
                    until=event.until,
                    in_name_of=event.in_name_of,
                    as_given=event,
                )
            )
        case MandateEnded():
            return register.ended(event.mandate, until=event.until)
        case _:
            assert_never(event)


MANDATES = Stream("mandates", initial=NOBODY_YET, evolve=evolve, events=MandateEvent)


@dataclass(frozen=True, kw_only=True)
class Breach:
    """An act that was done under a mandate which had ended; noted once."""

    noted: bool = False


def note_ended_mandate(
    breach: Breach,
    *,
    mandates: MandateRegister,
    mandate: str | None,
    recorded_on: date,
    occurred_on: date,
    service: str,
    event: str,
    event_type: str,
    about: str,
    lease: str | None,
) -> list[MandateWasEnded]:
    """Note that an act which arrived from ``service`` was recorded after its mandate had ended; else nothing."""
    known = mandates.find(mandate) if mandate else None
    if breach.noted or known is None or not (known.ended_before(recorded_on) or known.ended_before(occurred_on)):
        return []
    assert known.until is not None
    return [
        MandateWasEnded(
            mandate=known.id,
            person=known.person,
            ended_on=known.until,
            service=service,
            event=event,
            event_type=event_type,
            about=about,
            lease=lease,
        )
    ]


def evolve_breach(breach: Breach, event: MandateWasEnded) -> Breach:
    return Breach(noted=True)


BREACH = Stream("mandate-breach", initial=Breach(), evolve=evolve_breach, events=MandateWasEnded)
