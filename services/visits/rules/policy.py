"""Which policy and which checklist of the office were in force on which day, as evaluations told them."""

from datetime import date

from shared.contracts.evaluations import ChecklistItem, ChecklistPublishedV1, PolicyAdoptedV1
from shared.decisions import Stream

OFFICE = "office"  # the id of the streams of which an office has one
Policies = tuple[PolicyAdoptedV1, ...]
Checklists = tuple[ChecklistPublishedV1, ...]


def policy_on(adopted: Policies, *, on: date) -> PolicyAdoptedV1:
    """Return the policy in force on a day; before the first one, the first one (the office came later to the platform).

    :raises ValueError: the office has none at all; the door answers that it is not known yet.
    """
    if not adopted:
        raise ValueError("no policy has arrived")
    effective = [(policy.in_force_from, number) for number, policy in enumerate(adopted) if policy.in_force_from <= on]
    if not effective:
        return min(adopted, key=lambda policy: policy.in_force_from)
    return adopted[max(effective)[1]]


def policy_called(adopted: Policies, version: str) -> PolicyAdoptedV1 | None:
    """Return a version by its name, or None."""
    return next((policy for policy in adopted if policy.version == version), None)


def checklist_on(published: Checklists, *, on: date) -> ChecklistPublishedV1:
    """Return the checklist in force on a day; before the first one, the first one.

    :raises ValueError: the office has none at all; the door answers that it is not known yet.
    """
    if not published:
        raise ValueError("no checklist has arrived")
    effective = [(one.in_force_from, number) for number, one in enumerate(published) if one.in_force_from <= on]
    if not effective:
        return min(published, key=lambda one: one.in_force_from)
    return published[max(effective)[1]]


def item_of(checklist: ChecklistPublishedV1, code: str) -> ChecklistItem | None:
    """Return an item of a checklist by its code, or None."""
    return next((item for item in checklist.items if item.code == code), None)


def evolve_policies(adopted: Policies, event: PolicyAdoptedV1) -> Policies:
    return (*adopted, event)


def evolve_checklists(published: Checklists, event: ChecklistPublishedV1) -> Checklists:
    return (*published, event)


NO_POLICIES: Policies = ()
NO_CHECKLISTS: Checklists = ()
POLICIES = Stream("policies", initial=NO_POLICIES, evolve=evolve_policies, events=PolicyAdoptedV1)
CHECKLISTS = Stream("checklists", initial=NO_CHECKLISTS, evolve=evolve_checklists, events=ChecklistPublishedV1)
