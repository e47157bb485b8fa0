"""An office begins: its default policy, its first checklist, its director's mandate (domain 6)."""

from dataclasses import dataclass
from datetime import date

from services.evaluations.events import OfficeFounded
from services.evaluations.rules.checklist import CHECKLISTS, first_checklist
from services.evaluations.rules.mandates import MANDATES, first_mandate
from services.evaluations.rules.policy import POLICIES, first_policy
from shared.decisions import Elsewhere, Stream
from shared.refusals import has_begun

OFFICE_ID = "office"  # the id of every stream of which an office has one


@dataclass(frozen=True, kw_only=True)
class Office:
    """As much of an office as the rules must know."""

    founded: OfficeFounded | None = None


def found(
    office: Office, *, code: str, name: str, director: str, from_: date, mandate: str
) -> list[OfficeFounded | Elsewhere]:
    """Found an office from ``from_`` on, which may lie in the past. Founding the same one again changes nothing.

    :raises WrongState: an office of this code exists, with another name, director or day.
    """
    founding = OfficeFounded(code=code, name=name, from_=from_, director=director)
    if has_begun(office.founded, founding):
        return []
    return [
        founding,
        Elsewhere(POLICIES, OFFICE_ID, first_policy(in_force_from=from_)),
        Elsewhere(CHECKLISTS, OFFICE_ID, first_checklist(in_force_from=from_)),
        Elsewhere(MANDATES, OFFICE_ID, first_mandate(mandate=mandate, director=director, from_=from_)),
    ]


def evolve(office: Office, event: OfficeFounded) -> Office:
    return Office(founded=event)


OFFICE = Stream("office", initial=Office(), evolve=evolve, events=OfficeFounded)
