"""A finding: one fact on one checklist item, attributed by a person, discussed with the renter (domain 3.3)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Literal, assert_never

from services.visits.events import (
    Attribution,
    Consequence,
    FindingAgreed,
    FindingAttributed,
    FindingDateConfirmed,
    FindingDiscussed,
    FindingEstablished,
    FindingEvent,
    FindingLinkedAsRepeat,
    FindingMarkedMistaken,
    FindingOutcome,
    FindingReattributed,
    FollowUpRecorded,
    Obstacle,
    PersistenceComputed,
    SourceKind,
)
from services.visits.rules.agreement import Agreement
from services.visits.rules.contact import Contact
from services.visits.rules.lease import Lease
from services.visits.rules.persistence import Seen, persistence
from services.visits.rules.photo import Photo
from services.visits.rules.policy import Checklists, Policies, checklist_on, item_of, policy_on
from services.visits.rules.refusals import NotPermitted, NotSeen, RenterVoiceMissing
from services.visits.rules.visit import Visit
from shared.decisions import Elsewhere, Named, Refusal, Stream
from shared.refusals import DateOrder, OccurredInFuture, ReasonMissing, Unknown, WrongState
from shared.sealed import Sealed

SERIOUS_FROM = 3  # severity, domain 3.3
COOPERATION = "MED-01"
TECHNICAL_ITEMS = (
    "VEI-",
    "SCH-",
    "ONH-04",
    "ONH-05",
    "ONH-06",
)  # the technical service attributes them, domain 7 and 8
FindingState = Literal["new", "established", "attributed", "discussed", "agreement", "mistaken"] | FindingOutcome


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A finding, from what was seen to what became of it."""

    state: FindingState = "new"
    established: FindingEstablished | None = None
    seen_on: date | None = None
    attributed: FindingAttributed | None = None
    to: Attribution | None = None
    reattributions: tuple[FindingReattributed, ...] = ()
    discussed: FindingDiscussed | None = None
    agreed: FindingAgreed | None = None
    follow_up: FollowUpRecorded | None = None
    repeats: str | None = None
    persistence: PersistenceComputed | None = None
    mistaken: FindingMarkedMistaken | None = None
    date_suspect: bool = False
    date_confirmed: FindingDateConfirmed | None = None

    @property
    def lease(self) -> str:
        """The lease it is about."""
        return self.established.lease if self.established else ""

    @property
    def item(self) -> str:
        """The code of its checklist item."""
        return self.established.item if self.established else ""

    @property
    def visit(self) -> str | None:
        """The visit it comes from, if any."""
        return self.established.visit if self.established else None

    @property
    def evidence(self) -> tuple[str, ...]:
        """The photos, by their ids, and the references to things elsewhere that show it."""
        return self.established.evidence if self.established else ()

    @property
    def serious(self) -> bool:
        """Whether a person judged it grave enough, with a consequence."""
        return self.attributed is not None and self.attributed.severity >= SERIOUS_FROM

    @property
    def as_seen(self) -> Seen:
        """What persistence is computed from."""
        ends_chain = self.follow_up is not None and self.follow_up.outcome in ("resolved", "force_majeure")
        return Seen(
            item=self.item,
            on=self.seen_on or date.max,
            counts=self.to == "renter" and self.mistaken is None and not self.date_suspect,
            ends_chain=ends_chain,
            repeats=self.repeats,
        )


class UnknownItem(Refusal):
    """The checklist in force has no such item."""


class AnonymousSource(Refusal):
    """A third party who reports is known to the office by name."""


class PresenceNoFinding(Refusal):
    """Nothing can be found in a presence contact or a group moment."""


class ImportedNoFinding(Refusal):
    """A visit taken over from before is no evidence: nobody here witnessed it."""


class NotLackOfCooperation(Refusal):
    """Only a missed appointment that the renter had agreed to, or refused access at a visit announced in time, is."""


class ConsequenceMissing(Refusal):
    """A serious finding says what came of it."""


class AgreementNotAccepted(Refusal):
    """The note was not accepted by the renter."""


class RepeatMismatch(Refusal):
    """The earlier finding is of another item or lease, later, or not the renter's."""


def establish(
    finding: Finding,
    *,
    lease_id: str,
    item: str,
    place: Sealed | None,
    what_seen: Sealed,
    on: date,
    source: SourceKind | Literal["contact"],
    visit_id: str | None,
    source_identity: Sealed | None,
    evidence: tuple[str, ...],
    inventory_element: str | None,
    date_suspect: bool,
    actor: str,
    lease: Lease,
    visits: Mapping[str, Visit],
    contacts: Mapping[str, Contact],
    checklists: Checklists,
    photos: Mapping[str, Photo],
) -> list[FindingEvent]:
    """Establish a fact on one item of the checklist in force on its day.

    :param date_suspect: the device's clock was wrong: the fact is taken in, and a person confirms its day later.
    :raises UnknownItem: no such item. :raises Unknown: no such visit, or photo as evidence, of this lease.
    :raises ImportedNoFinding: the visit was taken over from before.
    :raises PresenceNoFinding: it was heard in a contact. :raises AnonymousSource: who reported it is not named.
    :raises DateOrder: another day than the visit's. :raises NotLackOfCooperation: nothing was refused or missed.
    """
    if finding.state != "new" or lease.state in ("new", "prepared", "closed"):
        raise WrongState
    if source == "contact" or visit_id in contacts:
        raise PresenceNoFinding
    checklist = checklist_on(checklists, on=on)
    if item_of(checklist, item) is None:
        raise UnknownItem
    visit = visits.get(visit_id) if visit_id is not None else None
    if source == "visit" or visit_id is not None:
        _came_from(visit, on=on, date_suspect=date_suspect)
    if source == "third_party" and source_identity is None:
        raise AnonymousSource
    if any(one not in photos or photos[one].erased is not None for one in evidence if _names_a_photo(one)):
        raise Unknown
    if item == COOPERATION and not (visit is not None and is_lack_of_cooperation(visit)):
        raise NotLackOfCooperation
    return [
        FindingEstablished(
            lease=lease_id,
            item=item,
            checklist_version=checklist.version,
            seen_on=on,
            source=source,
            what_seen=what_seen,
            place=place,
            visit=visit_id,
            source_identity=source_identity,
            evidence=evidence,
            date_suspect=date_suspect,
            inventory_element=inventory_element,
            established_by=actor,
        )
    ]


def _names_a_photo(evidence: str) -> bool:
    """Whether a piece of evidence is one of our photos, by its id; else it is a reference to something elsewhere."""
    return len(evidence) == 36 and evidence.count("-") == 4


def _came_from(visit: Visit | None, *, on: date, date_suspect: bool) -> None:
    if visit is None:
        raise Unknown
    if visit.purpose == "participation":
        raise PresenceNoFinding
    if visit.imported:
        raise ImportedNoFinding
    if not visit.took_place:
        raise WrongState
    if visit.day != on and not date_suspect:
        raise DateOrder


def is_lack_of_cooperation(visit: Visit) -> bool:
    """Whether a visit shows a lack of cooperation: nothing but these two ever does (domain 3.3, seed P16)."""
    missed_agreed = visit.state == "not_home" and visit.agreed
    refused_in_time = visit.state == "access_refused" and visit.told_in_time
    return missed_agreed or refused_in_time


def is_technical(item: str) -> bool:
    """Whether the technical service attributes findings on this item, and a counsellor does not."""
    return item.startswith(TECHNICAL_ITEMS)


def attribute(
    finding: Finding,
    *,
    id: str,
    to: Attribution,
    severity: int,
    consequence: Consequence | None,
    why: Sealed | None,
    roles: frozenset[str],
    findings: Mapping[str, Finding],
    checklists: Checklists,
) -> list[FindingEvent | Elsewhere]:
    """Say whose the finding is and how grave. A person's act: what the checklist suggests decides nothing.

    :param severity: 1 to 4; from 3 on it is serious.
    :raises NotPermitted: a technical item, and neither the technical service nor the coordinator.
    :raises ConsequenceMissing: serious without a consequence. :raises ReasonMissing: why was not said.
    """
    if is_technical(finding.item) and not roles & {"technical", "coordinator"}:
        raise NotPermitted
    if finding.state != "established":
        raise WrongState
    if severity >= SERIOUS_FROM and consequence is None:
        raise ConsequenceMissing
    if why is None:
        raise ReasonMissing
    done = FindingAttributed(to=to, severity=severity, consequence=consequence, why=why)
    return [done, *_persistence_after(finding, done, id=id, findings=findings, checklists=checklists)]


def reattribute(
    finding: Finding,
    *,
    id: str,
    to: Attribution,
    why: Sealed | None,
    findings: Mapping[str, Finding],
    checklists: Checklists,
) -> list[FindingEvent | Elsewhere]:
    """Attribute it to another, in whatever later state it is; that state stays.

    :raises ReasonMissing: why was not said.
    """
    if finding.to == to:
        return []
    if finding.to is None or finding.state == "mistaken":
        raise WrongState
    if why is None:
        raise ReasonMissing
    done = FindingReattributed(to=to, previously=finding.to, why=why)
    return [done, *_persistence_after(finding, done, id=id, findings=findings, checklists=checklists)]


def discuss(
    finding: Finding,
    *,
    discussed_with: tuple[str, ...],
    on: date,
    renter_said: Sealed | None,
    renter_plan: Sealed | None,
    obstacles: Sealed | None,
    obstacles_taken_on: tuple[Obstacle, ...] = (),
    no_reaction: bool,
    invited_on: date | None,
    policies: Policies,
) -> list[FindingEvent]:
    """Talk the finding over: what the renter says, plans, and sees in the way.

    :param no_reaction: the renter did not react, though invited in writing on ``invited_on``, early enough.
    :raises RenterVoiceMissing: what the renter said is not there, and no invitation was early enough.
    :raises DateOrder: before the day of the fact.
    """
    if finding.state != "attributed" or finding.seen_on is None:
        raise WrongState
    if renter_said is None:
        ahead = timedelta(days=policy_on(policies, on=on).hearing_notice_days)
        if not no_reaction or invited_on is None or invited_on + ahead > on:
            raise RenterVoiceMissing
    if on < finding.seen_on and not finding.date_suspect:
        raise DateOrder
    return [
        FindingDiscussed(
            discussed_with=discussed_with,
            discussed_on=on,
            renter_said=renter_said,
            invited_on=invited_on,
            renter_plan=renter_plan,
            obstacles=obstacles,
            obstacles_taken_on=obstacles_taken_on,
        )
    ]


def agree_on(
    finding: Finding, *, agreement_id: str, commitment_id: str, agreements: Mapping[str, Agreement]
) -> list[FindingEvent]:
    """Tie it to a commitment of an accepted note of the same lease.

    :raises Unknown: no such note or commitment. :raises AgreementNotAccepted: the renter did not accept the note.
    :raises RenterVoiceMissing: how the renter would tackle it, or what stands in the way, was never asked.
    """
    if finding.agreed == FindingAgreed(agreement=agreement_id, commitment=commitment_id):
        return []
    if finding.state != "discussed" or finding.discussed is None:
        raise WrongState
    agreement = agreements.get(agreement_id)
    if agreement is None:
        raise Unknown
    if agreement.accepted is None:
        raise AgreementNotAccepted
    if all(commitment.id != commitment_id for commitment in agreement.commitments):
        raise Unknown
    asked = {"renter_plan": finding.discussed.renter_plan, "obstacles": finding.discussed.obstacles}
    missing = [Named(name) for name, said in asked.items() if said is None]
    if missing:
        raise RenterVoiceMissing(*missing)
    return [FindingAgreed(agreement=agreement_id, commitment=commitment_id)]


def follow_up(
    finding: Finding,
    *,
    id: str,
    on: date,
    outcome: FindingOutcome,
    seen_by: str | None,
    findings: Mapping[str, Finding],
    checklists: Checklists,
) -> list[FindingEvent | Elsewhere]:
    """Note what somebody saw became of it.

    :raises NotSeen: nobody saw it. :raises DateOrder: before it was established.
    """
    if seen_by is not None and finding.follow_up == FollowUpRecorded(seen_on=on, outcome=outcome, seen_by=seen_by):
        return []
    if finding.state not in ("discussed", "agreement") or finding.seen_on is None:
        raise WrongState
    if seen_by is None:
        raise NotSeen
    if on < finding.seen_on:
        raise DateOrder
    done = FollowUpRecorded(seen_on=on, outcome=outcome, seen_by=seen_by)
    return [done, *_persistence_after(finding, done, id=id, findings=findings, checklists=checklists)]


def link_repeat(
    finding: Finding,
    *,
    id: str,
    earlier_finding: str,
    findings: Mapping[str, Finding],
    checklists: Checklists,
) -> list[FindingEvent | Elsewhere]:
    """Say that it repeats an earlier finding of the same item and lease, which was the renter's.

    :raises RepeatMismatch: it does not.
    """
    if finding.repeats == earlier_finding:
        return []
    earlier = findings.get(earlier_finding)
    if finding.repeats is not None or earlier_finding == id or earlier is None:
        raise RepeatMismatch
    if earlier.item != finding.item or earlier.to != "renter":
        raise RepeatMismatch
    if earlier.as_seen.on > finding.as_seen.on or id in _chain(findings, earlier_finding):
        raise RepeatMismatch
    done = FindingLinkedAsRepeat(earlier=earlier_finding)
    return [done, *_persistence_after(finding, done, id=id, findings=findings, checklists=checklists)]


def _chain(findings: Mapping[str, Finding], id: str | None) -> list[str]:
    found: list[str] = []
    at = id
    while at is not None and at in findings and at not in found:
        found.append(at)
        at = findings[at].repeats
    return found


def mark_mistaken(
    finding: Finding, *, id: str, why: Sealed | None, findings: Mapping[str, Finding], checklists: Checklists
) -> list[FindingEvent | Elsewhere]:
    """Say that it was a mistake, for good.

    :raises ReasonMissing: why was not said.
    """
    if finding.mistaken is not None:
        return []
    if finding.state == "new":
        raise WrongState
    if why is None:
        raise ReasonMissing
    done = FindingMarkedMistaken(why=why)
    return [done, *_persistence_after(finding, done, id=id, findings=findings, checklists=checklists)]


def confirm_date(
    finding: Finding,
    *,
    id: str,
    seen_on: date,
    why: Sealed | None,
    today: date,
    visits: Mapping[str, Visit],
    findings: Mapping[str, Finding],
    checklists: Checklists,
) -> list[FindingEvent | Elsewhere]:
    """Say on which day it was, where the device's clock was wrong.

    :raises WrongState: its day was never in doubt. :raises ReasonMissing: how one knows was not said.
    :raises OccurredInFuture: that day lies after today. :raises DateOrder: another day than that of its visit.
    """
    if finding.date_confirmed is not None and finding.date_confirmed.seen_on == seen_on:
        return []
    if not finding.date_suspect:
        raise WrongState
    if why is None:
        raise ReasonMissing
    if seen_on > today:
        raise OccurredInFuture
    if finding.visit is not None and visits[finding.visit].day != seen_on:
        raise DateOrder
    done = FindingDateConfirmed(seen_on=seen_on, why=why)
    return [done, *_persistence_after(finding, done, id=id, findings=findings, checklists=checklists)]


def _persistence_after(
    finding: Finding, event: FindingEvent, *, id: str, findings: Mapping[str, Finding], checklists: Checklists
) -> list[FindingEvent | Elsewhere]:
    """Compute persistence anew for this finding and for those that repeat it; answer what changed."""
    after = {**findings, id: evolve(finding, event)}
    seen = {one: known.as_seen for one, known in after.items()}
    changed: list[FindingEvent | Elsewhere] = []
    for one, known in after.items():
        if id not in _chain(after, one):
            continue
        # Not by the name of its version: the office that a lease came from names its own (CL-2 is not our CL-2).
        item = item_of(checklist_on(checklists, on=known.as_seen.on), known.item)
        now = persistence(seen, one, lasting_after_days=item.lasting_after_days if item else None)
        computed = PersistenceComputed(
            observations=now.observations, persistent_days=now.persistent_days, lasting=now.lasting
        )
        if computed != (known.persistence or NOT_SEEN_YET):
            changed.append(computed if one == id else Elsewhere(FINDING, one, computed))
    return changed


NOT_SEEN_YET = PersistenceComputed(observations=0, persistent_days=0, lasting=False)


def evolve(finding: Finding, event: FindingEvent) -> Finding:
    match event:
        case FindingEstablished():
            return Finding(
                state="established", established=event, seen_on=event.seen_on, date_suspect=event.date_suspect
            )
        case FindingAttributed():
            return replace(finding, state="attributed", attributed=event, to=event.to)
        case FindingReattributed():
            return replace(finding, to=event.to, reattributions=(*finding.reattributions, event))
        case FindingDiscussed():
            return replace(finding, state="discussed", discussed=event)
        case FindingAgreed():
            return replace(finding, state="agreement", agreed=event)
        case FollowUpRecorded():
            return replace(finding, state=event.outcome, follow_up=event)
        case FindingLinkedAsRepeat():
            return replace(finding, repeats=event.earlier)
        case PersistenceComputed():
            return replace(finding, persistence=event)
        case FindingMarkedMistaken():
            return replace(finding, state="mistaken", mistaken=event)
        case FindingDateConfirmed():
            return replace(finding, seen_on=event.seen_on, date_suspect=False, date_confirmed=event)
        case _:
            assert_never(event)


FINDING = Stream("finding", initial=Finding(), evolve=evolve, events=FindingEvent)
