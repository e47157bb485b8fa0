"""Who is asking, as decisions and the store know them."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from types import SimpleNamespace
from typing import Any

from shared.authority import mandate_for
from shared.decisions import Person
from shared.event_sourcing import Message
from shared.keys import Category, Seals
from shared.refusals import MandateEnded, NoMandate

DeputyOf = Callable[[str | None, date, date], str | None]


def nobodys_deputy(_act: str | None, _day: date, _today: date) -> None:
    """Say that somebody acts in their own name."""


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Who is asking, proven by their token: answers for the act in the store's eyes (``Responsible``).

    :ivar office: empty for an operator, who has none.
    :ivar today: the local date of the platform's clock. :ivar at: its moment, aware, UTC.
    :ivar person: for decisions that people alone may take; knows in whose name the person acts.
    """

    office: str
    person: Person
    name: str
    today: date
    at: datetime
    correlation_id: str
    act: str | None = None
    mandated: bool = False
    occurred_on: date | None = None
    device_time: datetime | None = None
    clock_suspect: bool = False
    source: str = "web"
    causation_id: str | None = None
    policy_version: str | None = None
    checklist_version: str | None = None
    once: str | None = None
    digest: bytes | None = None
    if_match: int | None = None
    message: Message | None = None
    seals: Seals = field(repr=False, compare=False)
    _deputy_of: DeputyOf = field(default=nobodys_deputy, repr=False, compare=False)

    @property
    def actor(self) -> str:
        """The person's id, as events store it."""
        return self.person.id

    @property
    def roles(self) -> frozenset[str]:
        """The roles in the token."""
        return self.person.roles

    @property
    def day(self) -> date:
        """The day of the fact: ``occurred_on`` where it was told, else today."""
        return self.occurred_on or self.today

    def on(self, day: date | None) -> "Caller":
        """Return the caller with the day of the fact; None is today. The store refuses a day after today."""
        person = replace(self.person, in_name_of=self._deputy_of(self.act, day or self.today, self.today))
        return replace(self, occurred_on=day, person=person)

    def stamped(self, day: date | None, *, deputy_of: DeputyOf, **said: Any) -> "Caller":
        """Return the caller with the day of the fact, in whose name they act, and what else the request says."""
        in_name_of = deputy_of(self.act, day or self.today, self.today)
        person = self.person if in_name_of is None else replace(self.person, in_name_of=in_name_of)
        return replace(self, occurred_on=day, person=person, _deputy_of=deputy_of, **said)

    def under(self, *, policy: str | None = None, checklist: str | None = None) -> "Caller":
        """Return the caller with the versions of policy and checklist that the act rests on."""
        return replace(
            self,
            policy_version=policy or self.policy_version,
            checklist_version=checklist or self.checklist_version,
        )

    async def seal(self, category: Category, subject: str, /, **texts: str | None) -> SimpleNamespace:
        """Seal texts of one category about a lease, a party or ``OFFICE``; a missing or blank one becomes None.

        The names of the keyword arguments are the names of the fields of the event.
        """
        return SimpleNamespace(**await self.seals.seal_all(self.office, subject, category, texts))

    async def seal_one(self, category: Category, subject: str, field: str, text: str | None) -> Any:
        """Seal one text for the field of that name; None if it is missing or blank."""
        return await self.seals.seal(self.office, subject, category, field, text)


def deputies(register: Any, person: str) -> DeputyOf:
    """Return in whose name a person does an act under the mandates of the register (act, day of the fact, today)."""

    def deputy_of(act: str | None, day: date, today: date) -> str | None:
        if act is None:
            return None
        try:
            found = mandate_for(register, person=person, act=act, needed=False, on_days=(today, day))
        except (MandateEnded, NoMandate):
            return None
        return found.in_name_of if found is not None else None

    return deputy_of
