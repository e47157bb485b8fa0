"""Who may act for the office: its mandates, as every service keeps them, and the check before an act (domain 8)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import assert_never

from shared.contracts.evaluations import MandateEndedV1, MandateGivenV1
from shared.decisions import Stream
from shared.refusals import MandateEnded, NoMandate

EVERY_ACT = "*"


@dataclass(frozen=True, kw_only=True)
class Mandate:
    """Somebody may do certain acts for the office, for a time.

    :ivar acts: names of acts as the domain writes them (``decide_evaluation``), or ``*`` for all of them.
    :ivar from_: the first day.
    :ivar until: the last day, included; None is without end.
    :ivar in_name_of: whose deputy the person is under this mandate: an act under it counts as that one's act too.
    :ivar version: 1 as given, one more each time its end was set.
    :ivar as_given: the event that gave it, in the service that gives mandates.
    """

    id: str
    person: str
    acts: frozenset[str]
    from_: date
    until: date | None = None
    in_name_of: str | None = None
    version: int = 1
    as_given: object = None

    def covers(self, act: str) -> bool:
        """Whether it is a mandate for ``act`` at all."""
        return act in self.acts or EVERY_ACT in self.acts

    def is_valid_on(self, day: date) -> bool:
        """Whether ``day`` lies within it, both ends included."""
        return self.from_ <= day and (self.until is None or day <= self.until)

    def ended_before(self, day: date) -> bool:
        """Whether its last day lies before ``day``."""
        return self.until is not None and self.until < day


@dataclass(frozen=True, kw_only=True)
class MandateRegister:
    """All mandates an office ever gave, by person."""

    of_person: Mapping[str, tuple[Mandate, ...]] = field(default_factory=dict)

    def given(self, mandate: Mandate) -> "MandateRegister":
        """Return the register with one more mandate."""
        return self._with(mandate.person, (*self.of(mandate.person), mandate))

    def ended(self, id: str, *, until: date) -> "MandateRegister":
        """Return the register with ``until`` as the last day of one mandate; one it does not hold changes nothing."""
        found = self.find(id)
        if found is None:
            return self
        end = replace(found, until=until, version=found.version + 1)
        return self._with(found.person, tuple(end if one.id == id else one for one in self.of(found.person)))

    def of(self, person: str) -> tuple[Mandate, ...]:
        """Return the mandates a person was ever given, in the order in which they were."""
        return self.of_person.get(person, ())

    def find(self, id: str) -> Mandate | None:
        """Return one mandate, valid or not."""
        return next((one for mandates in self.of_person.values() for one in mandates if one.id == id), None)

    def _with(self, person: str, mandates: tuple[Mandate, ...]) -> "MandateRegister":
        return MandateRegister(of_person={**self.of_person, person: mandates})


NOBODY_YET = MandateRegister()


def mandate_for(
    register: MandateRegister, *, person: str, act: str, needed: bool, on_days: Iterable[date]
) -> Mandate | None:
    """Return the mandate under which ``person`` does ``act``, or None where the act needs none and none was ever given.

    One mandate must be valid on each of ``on_days``: the local day of recording and the day of the fact. Of several the
    person's own goes before a deputy's, one that names the act before ``*``, the latest before older ones.

    :param needed: whether the act is one that needs a mandate (marked † in domain 8). For other acts one is asked for
        only from a person to whom the office ever gave one that covers it.
    :raises MandateEnded: the person was given a mandate for this, and it had ended or is not valid on these days.
    :raises NoMandate: the act needs one, and the person never had one for it, or it begins later.
    """
    days = tuple(on_days)
    covering = [mandate for mandate in register.of(person) if mandate.covers(act)]
    valid = [mandate for mandate in covering if all(mandate.is_valid_on(day) for day in days)]
    if valid:
        return max(valid, key=lambda one: (one.in_name_of is None, act in one.acts, one.from_, one.id))
    if any(mandate.ended_before(day) for mandate in covering for day in days):
        raise MandateEnded
    if needed:
        raise NoMandate
    if covering:
        raise MandateEnded
    return None


def evolve(register: MandateRegister, event: MandateGivenV1 | MandateEndedV1) -> MandateRegister:
    match event:
        case MandateGivenV1():
            return register.given(
                Mandate(
                    id=event.mandate,
                    person=event.person,
                    acts=frozenset(event.acts),
                    from_=event.from_,
                    until=event.until,
                    in_name_of=event.in_name_of,
                )
            )
        case MandateEndedV1():
            return register.ended(event.mandate, until=event.until)
        case _:
            assert_never(event)


MANDATES = Stream("mandates", initial=NOBODY_YET, evolve=evolve, events=MandateGivenV1 | MandateEndedV1)
