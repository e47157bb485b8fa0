"""What evaluations was told about one lease, so that it can be asked how things stood on a day, as known at an instant.

The file is folded from the contracts of visits, referrals and notifications. Two dates are never mixed: the day of
a fact (``occurred_on``: how things stood **on** a day) and the moment we took it in (``taken_in_at``: what was
**known**).
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any, Literal, cast

from services.evaluations.rules.states import changed
from shared.contracts.notifications import (
    CommunicationApprovalTakenBackV1,
    CommunicationApprovedV1,
    CommunicationDeliveredV1,
    CommunicationDroppedV1,
    CommunicationReturnedV1,
    CommunicationSentV1,
    ProofCorrectedV1,
)
from shared.contracts.referrals import OcmwAnsweredV1, OcmwConsultedV1, ReferralOfferedV1
from shared.contracts.visits import (
    AccessRefusedV1,
    AdministratorAppointedV1,
    AdministratorEndedV1,
    AgreementAcceptedV1,
    AgreementBreachedV1,
    AgreementDraftedV1,
    AgreementKeptV1,
    AgreementLapsedV1,
    AgreementPartlyKeptV1,
    AgreementProposedV1,
    AgreementRefusedV1,
    AgreementRevisedV1,
    Attribution,
    CommitmentFollowedUpV1,
    CommitmentV1,
    ContactAnsweredV1,
    ContactLoggedV1,
    CounsellorAssignedV1,
    FindingAgreedV1,
    FindingAttributedV1,
    FindingDateConfirmedV1,
    FindingDiscussedV1,
    FindingEstablishedV1,
    FindingLinkedAsRepeatV1,
    FindingMarkedMistakenV1,
    FindingReattributedV1,
    FollowUpOutcome,
    FollowUpRecordedV1,
    LeaseClosedV1,
    LeaseEndedV1,
    LeaseRegisteredV1,
    LeaseStartedV1,
    OfficeChangedV1,
    PartyAddedV1,
    PartyLeftV1,
    PartyV1,
    RenterInformedOfPolicyV1,
    RenterNotHomeV1,
    ReportFixedV1,
    StandstillEndedV1,
    StandstillStartedV1,
    VisitRecordedV1,
)
from shared.decisions import DatedStream, Recorded
from shared.sealed import Sealed

LeaseFact = (
    LeaseRegisteredV1
    | LeaseStartedV1
    | RenterInformedOfPolicyV1
    | CounsellorAssignedV1
    | PartyAddedV1
    | PartyLeftV1
    | AdministratorAppointedV1
    | AdministratorEndedV1
    | StandstillStartedV1
    | StandstillEndedV1
    | OfficeChangedV1
    | LeaseEndedV1
    | LeaseClosedV1
)
VisitFact = VisitRecordedV1 | RenterNotHomeV1 | AccessRefusedV1 | ReportFixedV1
FindingFact = (
    FindingEstablishedV1
    | FindingAttributedV1
    | FindingReattributedV1
    | FindingDiscussedV1
    | FindingAgreedV1
    | FollowUpRecordedV1
    | FindingLinkedAsRepeatV1
    | FindingMarkedMistakenV1
    | FindingDateConfirmedV1
)
AgreementFact = (
    AgreementDraftedV1
    | AgreementProposedV1
    | AgreementAcceptedV1
    | AgreementRefusedV1
    | CommitmentFollowedUpV1
    | AgreementRevisedV1
    | AgreementKeptV1
    | AgreementPartlyKeptV1
    | AgreementBreachedV1
    | AgreementLapsedV1
)
ContactFact = ContactLoggedV1 | ContactAnsweredV1
HelpFact = ReferralOfferedV1 | OcmwConsultedV1 | OcmwAnsweredV1
LetterFact = (
    CommunicationApprovedV1
    | CommunicationApprovalTakenBackV1
    | CommunicationSentV1
    | CommunicationDeliveredV1
    | CommunicationReturnedV1
    | ProofCorrectedV1
    | CommunicationDroppedV1
)
CaseFact = LeaseFact | VisitFact | FindingFact | AgreementFact | ContactFact | HelpFact | LetterFact

ARREARS = "payment"  # the category of items about arrears
INFORMED_WITHIN = timedelta(days=30)  # of the start; whoever was informed later was imported (domain 4.1)
MUST_BE_REACHED = frozenset({"renter", "reference_renter", "co_renter", "spouse", "legal_cohabitant"})

History = tuple[Recorded[Any], ...]
NOTHING: History = ()


@dataclass(frozen=True, kw_only=True)
class Case:
    """Everything told about one lease, in the order in which it was taken in, by what it is about."""

    of_lease: History = NOTHING
    visits: Mapping[str, History] = field(default_factory=dict)
    findings: Mapping[str, History] = field(default_factory=dict)
    agreements: Mapping[str, History] = field(default_factory=dict)
    contacts: Mapping[str, History] = field(default_factory=dict)
    letters: Mapping[str, History] = field(default_factory=dict)
    help: History = NOTHING

    def histories(self) -> Iterator[History]:
        """Yield the history of each thing of the file."""
        yield self.of_lease
        for histories in (self.visits, self.findings, self.agreements, self.contacts, self.letters):
            yield from histories.values()
        yield self.help

    def under(self, office: str) -> "Case":
        """Return the file as it lies under another office, with the one under which each fact was recorded."""

        def marked(history: History) -> History:
            return tuple(replace(told, office=told.office or office) for told in history)

        def each(histories: Mapping[str, History]) -> Mapping[str, History]:
            return {id: marked(history) for id, history in histories.items()}

        return Case(
            of_lease=marked(self.of_lease),
            visits=each(self.visits),
            findings=each(self.findings),
            agreements=each(self.agreements),
            contacts=each(self.contacts),
            letters=each(self.letters),
            help=marked(self.help),
        )

    def known(self, at: datetime | None) -> "Case":
        """Return the file as it was known at an instant; None is everything."""
        if at is None:
            return self

        def until(history: History) -> History:
            return tuple(told for told in history if told.taken_in_at <= at)

        def each(histories: Mapping[str, History]) -> Mapping[str, History]:
            return {id: kept for id, history in histories.items() if (kept := until(history))}

        return Case(
            of_lease=until(self.of_lease),
            visits=each(self.visits),
            findings=each(self.findings),
            agreements=each(self.agreements),
            contacts=each(self.contacts),
            letters=each(self.letters),
            help=until(self.help),
        )

    @property
    def registered(self) -> LeaseRegisteredV1 | None:
        """The lease as it was registered, None while it is not known here."""
        return next((told.event for told in self.of_lease if isinstance(told.event, LeaseRegisteredV1)), None)

    @property
    def registered_under(self) -> str | None:
        """The office under which the lease was registered, where it came from another one."""
        return next((told.office for told in self.of_lease if isinstance(told.event, LeaseRegisteredV1)), None)

    @property
    def ended(self) -> LeaseEndedV1 | None:
        """How the lease ended, None while it has not."""
        return next((told.event for told in self.of_lease if isinstance(told.event, LeaseEndedV1)), None)

    def counsellor(self, *, on: date) -> str | None:
        """Return the counsellor of the lease on a day."""
        found = None
        for told in self.of_lease:
            if isinstance(told.event, CounsellorAssignedV1) and told.event.assigned_from <= on:
                found = told.event.counsellor
        return found

    def counsellors(self, *, since: date) -> frozenset[str]:
        """Return who was the counsellor of the lease on a day, and who became it afterwards."""
        first = self.counsellor(on=since)
        later = {told.event.counsellor for told in self._of(CounsellorAssignedV1) if told.event.assigned_from > since}
        return frozenset(later if first is None else {first, *later})

    def informed_of(self, *, on: date) -> tuple[tuple[str, date, str | None], ...]:
        """Return the later policy versions the renter was informed of by a day, in their order.

        Each with that day, and with the office whose version it is, where that is not the own one.
        """
        told = [
            (fact.event.delivered_on, place, fact.event.policy_version, fact.office)
            for place, fact in enumerate(self.of_lease)
            if isinstance(fact.event, RenterInformedOfPolicyV1) and fact.event.delivered_on <= on
        ]
        return tuple((version, day, office) for day, _, version, office in sorted(told, key=lambda one: one[:2]))

    def parties(self, *, on: date) -> tuple[PartyV1, ...]:
        """Return the parties to the lease, and those who live there, on a day."""
        found: dict[str, PartyV1] = {}
        for told in self.of_lease:
            match told.event:
                case LeaseRegisteredV1(parties=parties):
                    found.update({party.id: party for party in parties})
                case PartyAddedV1(party=party, joined_on=joined_on) if joined_on <= on:
                    found[party.id] = party
                case PartyLeftV1(party=left, left_on=left_on) if left_on <= on:
                    found.pop(left, None)
        return tuple(found.values())

    def standstill(self, *, on: date) -> bool:
        """Whether steps against arrears are blocked on a day."""
        ends = {told.event.standstill: told.event.ended_on for told in self._of(StandstillEndedV1)}
        return any(
            told.event.starts_on <= on and not ends.get(told.event.standstill, date.max) < on
            for told in self._of(StandstillStartedV1)
        )

    def offered(self, *, by: date) -> str | None:
        """Return the event that tells of the first help offered by a day. What help is not known here."""
        told = [
            (one.event.offered_on, place, one.id)
            for place, one in enumerate(self.help)
            if isinstance(one.event, ReferralOfferedV1) and one.event.offered_on <= by
        ]
        return min(told)[2] if told else None

    def ocmw(self, *, by: date) -> "tuple[Consultation, ...]":
        """Return the consultations of the OCMW by a day."""
        answers = {
            told.event.consultation: told
            for told in self.help
            if isinstance(told.event, OcmwAnsweredV1) and told.event.answered_on <= by
        }
        return tuple(
            Consultation(
                id=told.event.consultation,
                on=told.event.consulted_on,
                ground=told.event.ground,
                answered=told.event.consultation in answers,
                event=answers.get(told.event.consultation, told).id,
            )
            for told in self.help
            if isinstance(told.event, OcmwConsultedV1) and told.event.consulted_on <= by
        )

    def moment(self, visit: str) -> date | None:
        """Return the day of a visit that took place, met nobody or was refused; None if nothing of it is known."""
        return next(
            (told.event.visit_on for told in self.visits.get(visit, ()) if not isinstance(told.event, ReportFixedV1)),
            None,
        )

    def report_is_fixed(self, visit: str) -> bool:
        """Whether the report of a visit stands."""
        return any(isinstance(told.event, ReportFixedV1) for told in self.visits.get(visit, ()))

    def finding(self, finding: str, *, on: date = date.max) -> "Finding | None":
        """Return how a finding stood on a day, None if it was not established by then."""
        history = self.findings.get(finding)
        return finding_on(finding, history, on=on) if history else None

    def findings_on(self, *, on: date = date.max) -> "Mapping[str, Finding]":
        """Return all findings as they stood on a day."""
        stood = {id: finding_on(id, history, on=on) for id, history in self.findings.items()}
        return {id: finding for id, finding in stood.items() if finding is not None}

    def office_owes(self, findings: Iterable[str], *, on: date) -> tuple[str, ...]:
        """Return the running notes about any of ``findings`` in which a commitment of the office itself is unmet."""
        wanted = set(findings)
        return tuple(
            note.id
            for note in self.notes(on=on)
            if note.runs and not wanted.isdisjoint(note.findings) and note.office_owes
        )

    def repairs_open(self, *, on: date) -> tuple[str, ...]:
        """Return the reported repairs of office or owner that were not done by a day."""
        return tuple(
            id
            for id, history in self.contacts.items()
            if any(
                isinstance(told.event, ContactLoggedV1)
                and told.event.repair_by is not None
                and told.event.contact_on <= on
                for told in history
            )
            and not any(isinstance(told.event, ContactAnsweredV1) and told.event.answered_on <= on for told in history)
        )

    def notes(self, *, on: date = date.max) -> "tuple[Note, ...]":
        """Return the agreement notes as they stood on a day."""
        return tuple(
            _note(id, [told for told in history if told.occurred_on <= on]) for id, history in self.agreements.items()
        )

    def invited_by(self, termination: str, *, on: date) -> str | None:
        """Return by which method the invitation to a hearing that was sent on a day went; None if none is known."""
        return next((invitation.method for invitation in self._invitations(termination, on=on)), None)

    def invitation_arrived(self, termination: str, *, sent_on: date, by: date) -> bool:
        """Whether the invitation sent on a day was delivered by another; where none is known here, nothing denies it.

        Each who must be reached has it by then, by whichever way it was sent again.
        """
        invitations = list(self._invitations(termination, on=sent_on))
        return not invitations or any(self._has_arrived(invitation, by=by) for invitation in invitations)

    def _invitations(self, termination: str, *, on: date) -> Iterator[CommunicationSentV1]:
        for history in self.letters.values():
            for told in history:
                match told.event:
                    case CommunicationSentV1(kind="L-08", about_id=about, sent_on=sent_on) if (
                        about == termination and sent_on == on
                    ):
                        yield told.event
                    case _:
                        pass

    def _has_arrived(self, letter: CommunicationSentV1, *, by: date) -> bool:
        ways = self._ways({letter.again or letter.communication})
        reached = {
            addressee for way in ways for addressee, (outcome, on) in way.items() if outcome == "delivered" and on <= by
        }
        return bool(reached) and reached >= set(letter.required)

    def came_back(self, posted: Collection[str]) -> Mapping[str, date]:
        """Return to whom a posted letter came back from a wrong address, and when; it was not given to them (9.3).

        Whoever it was sent to again since is not among them, unless that came back too.

        :param posted: the communications that were posted.
        """
        ways = self._ways(posted)
        back: dict[str, date] = {}
        for addressee in {addressee for way in ways for addressee in way}:
            outcomes = [way[addressee] for way in ways if addressee in way]
            if all(outcome == "returned" for outcome, _ in outcomes):
                back[addressee] = max(on for _, on in outcomes)
        return back

    def _ways(self, firsts: Collection[str]) -> list[Mapping[str, tuple[str, date]]]:
        """Return for each way these letters went what became of it, by addressee, and on which day."""
        ways = []
        for history in self.letters.values():
            sent = [told.event for told in history if isinstance(told.event, CommunicationSentV1)]
            if any(one.communication in firsts or one.again in firsts for one in sent):
                ways.append(_outcomes(history))
        return ways

    def gets_a_copy(self, communication: str, addressee: str) -> bool:
        """Whether somebody gets only a copy of a letter that was sent, as the OCMW does of a notice."""
        return addressee in _who_get_a_copy(self.letters.get(communication, ()))

    def letter(self, communication: str) -> CommunicationApprovedV1 | None:
        """Return a letter as it was approved; None if it is not (any longer) approved, as far as known here."""
        approved: CommunicationApprovedV1 | None = None
        for told in self.letters.get(communication, ()):
            match told.event:
                case CommunicationApprovedV1():
                    approved = told.event
                case CommunicationApprovalTakenBackV1() | CommunicationDroppedV1():
                    approved = None
        return approved

    def _of(self, *kinds: type) -> Iterator[Recorded[Any]]:
        return (told for told in self.of_lease if isinstance(told.event, kinds))


def _who_get_a_copy(history: History) -> frozenset[str]:
    """Return to whom a letter goes as a copy: what became of that never decides anything about the letter."""
    to = (one for told in history if isinstance(told.event, CommunicationSentV1) for one in told.event.addressees)
    return frozenset(one.addressee for one in to if one.copy)


def _outcomes(history: History) -> Mapping[str, tuple[str, date]]:
    copies = _who_get_a_copy(history)
    found: dict[str, tuple[str, date]] = {}
    for told in history:
        match told.event:
            case CommunicationSentV1(required=required, sent_on=sent_on):
                found = {**dict.fromkeys(required, ("sent", sent_on)), **found}
            case CommunicationDeliveredV1(addressee=addressee, delivered_on=on):
                found[addressee] = ("delivered", on)
            case CommunicationReturnedV1(addressee=addressee, returned_on=on):
                found[addressee] = ("returned", on)
            case ProofCorrectedV1(addressee=addressee, outcome=outcome, on=on):
                found[addressee] = (outcome, on)
            case _:
                pass
    return {addressee: outcome for addressee, outcome in found.items() if addressee not in copies}


@dataclass(frozen=True, kw_only=True)
class Consultation:
    """The OCMW was asked for its view; ``event`` tells of its answer, or as long as there is none of the question."""

    id: str
    on: date
    ground: str
    answered: bool
    event: str


@dataclass(frozen=True, kw_only=True)
class FollowUp:
    """What became of a finding, as somebody saw it."""

    on: date
    outcome: FollowUpOutcome
    seen_by: str


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A finding as it stood on a day."""

    id: str
    item: str
    occurred_on: date
    checklist_version: str
    established_by: str
    what_seen: Sealed | None
    visit: str | None = None
    date_suspect: bool = False
    attribution: Attribution | None = None
    attributed_by: str | None = None
    severity: int | None = None
    consequence: str | None = None
    discussed_on: date | None = None
    renter_said: Sealed | None = None
    mistaken: bool = False
    repeats: str | None = None
    follow_ups: tuple[FollowUp, ...] = ()

    @property
    def is_renters(self) -> bool:
        """Whether it is attributed to the renter and no mistake. Only such a finding can ever count."""
        return self.attribution == "renter" and not self.mistaken

    @property
    def serious(self) -> bool:
        """Whether a person judged it serious: severity 3 or more, with a consequence."""
        return self.severity is not None and self.severity >= 3 and self.consequence is not None

    @property
    def settled(self) -> bool:
        """Whether it was seen resolved, or beyond the renter's power: then no chain of repeats runs through it."""
        return any(seen.outcome in ("resolved", "force_majeure") for seen in self.follow_ups)


def finding_on(id: str, history: Iterable[Recorded[Any]], *, on: date) -> Finding | None:
    """Return how a finding stood on a day: what is dated later is left out, of what is left the last recorded holds."""
    finding: Finding | None = None
    for told in history:
        event = told.event
        if isinstance(event, FindingDateConfirmedV1):
            if finding is not None:  # the day itself was wrong: the right one holds whenever it was confirmed
                finding = changed(finding, occurred_on=event.seen_on, date_suspect=False)
            continue
        if isinstance(event, FindingEstablishedV1):
            finding = Finding(
                id=id,
                item=event.item,
                occurred_on=event.seen_on,
                checklist_version=event.checklist_version,
                established_by=told.actor,
                what_seen=event.what_seen,
                visit=event.visit,
                date_suspect=event.date_suspect,
            )
        elif finding is not None and told.occurred_on <= on:
            finding = _told_more(finding, told)
    return finding if finding is not None and finding.occurred_on <= on else None


def _told_more(finding: Finding, told: Recorded[Any]) -> Finding:
    event = cast(FindingFact, told.event)
    match event:
        case FindingAttributedV1():
            return changed(
                finding,
                attribution=event.to,
                attributed_by=told.actor,
                severity=event.severity,
                consequence=event.consequence,
            )
        case FindingReattributedV1():
            return changed(finding, attribution=event.to, attributed_by=told.actor)
        case FindingDiscussedV1():
            return changed(finding, discussed_on=event.discussed_on, renter_said=event.renter_said)
        case FindingMarkedMistakenV1():
            return changed(finding, mistaken=True)
        case FindingLinkedAsRepeatV1():
            return changed(finding, repeats=event.earlier)
        case FollowUpRecordedV1():
            seen = FollowUp(on=event.seen_on, outcome=event.outcome, seen_by=event.seen_by)
            return changed(finding, follow_ups=(*finding.follow_ups, seen))
        case FindingAgreedV1() | FindingEstablishedV1() | FindingDateConfirmedV1():
            return finding


@dataclass(frozen=True, kw_only=True)
class Persistence:
    """How long one shortcoming has lasted: the chain of repeats it is the end of (domain 3.3)."""

    lasting: bool
    days: int
    observations: int


def persistence(findings: Mapping[str, Finding], finding: str, *, lasting_after_days: int | None) -> Persistence:
    """Return how long the shortcoming of a finding has lasted, back along its repeats.

    The chain ends at a link that was resolved, beyond the renter's power, mistaken, not the renter's, or of a day that
    nobody has confirmed yet.
    """
    last = findings.get(finding)
    if last is None or not last.is_renters or last.date_suspect:
        return Persistence(lasting=False, days=0, observations=0)
    seen = {last.id: last.occurred_on}
    at = last
    while at.repeats is not None and at.repeats not in seen:
        earlier = findings.get(at.repeats)
        if earlier is None or earlier.item != last.item:
            break
        if not earlier.is_renters or earlier.settled or earlier.date_suspect:
            break
        at = earlier
        seen[at.id] = at.occurred_on
    # A day confirmed since may be later than that of the repeat: first and last are those of the calendar.
    days = (max(seen.values()) - min(seen.values())).days
    lasting = lasting_after_days is not None and len(seen) >= 2 and days >= lasting_after_days
    return Persistence(lasting=lasting, days=days, observations=len(seen))


@dataclass(frozen=True, kw_only=True)
class Note:
    """An agreement note as it stood on a day."""

    id: str
    state: Literal["concept", "proposed", "running", "refused", "revised", "kept", "partly", "broken", "lapsed"]
    findings: tuple[str, ...] = ()
    commitments: tuple[CommitmentV1, ...] = ()
    outcomes: Mapping[str, str] = field(default_factory=dict)
    seen_on: Mapping[str, date] = field(default_factory=dict)  # when that outcome was seen, by commitment
    concluded_on: date | None = None

    @property
    def runs(self) -> bool:
        """Whether it was accepted and not yet concluded."""
        return self.state == "running"

    @property
    def office_owes(self) -> bool:
        """Whether a commitment of the office itself is unmet."""
        return any(line.by == "office" and self.outcomes.get(line.id) != "kept" for line in self.commitments)


def _note(id: str, history: Iterable[Recorded[Any]]) -> Note:
    note = Note(id=id, state="concept")
    for told in history:
        event = cast(AgreementFact, told.event)
        match event:
            case AgreementDraftedV1():
                note = changed(note, findings=event.findings)
            case AgreementProposedV1():
                note = changed(note, state="proposed", findings=event.findings, commitments=event.commitments)
            case AgreementAcceptedV1():
                note = changed(note, state="running", findings=event.findings or note.findings)
            case AgreementRefusedV1():
                note = changed(note, state="refused")
            case AgreementRevisedV1():
                note = changed(note, state="revised")
            case AgreementLapsedV1():
                note = changed(note, state="lapsed")
            case CommitmentFollowedUpV1(commitment=line, seen_on=day):
                if day >= note.seen_on.get(line, day):  # what is typed in later was not always seen later
                    outcomes = {**note.outcomes, line: event.outcome}
                    note = changed(note, outcomes=outcomes, seen_on={**note.seen_on, line: day})
            case AgreementKeptV1():
                note = changed(note, state="kept", concluded_on=event.concluded_on)
            case AgreementPartlyKeptV1():
                note = changed(note, state="partly", concluded_on=event.concluded_on)
            case AgreementBreachedV1():
                note = changed(note, state="broken", concluded_on=event.concluded_on)
    return note


def evolve(case: Case, recorded: Recorded[Any]) -> Case:
    event = cast(CaseFact, recorded.event)
    match event:
        case (
            FindingEstablishedV1()
            | FindingAttributedV1()
            | FindingReattributedV1()
            | FindingDiscussedV1()
            | FindingAgreedV1()
            | FollowUpRecordedV1()
            | FindingLinkedAsRepeatV1()
            | FindingMarkedMistakenV1()
            | FindingDateConfirmedV1()
        ):
            return changed(case, findings=_with(case.findings, event.finding, recorded))
        case VisitRecordedV1() | RenterNotHomeV1() | AccessRefusedV1() | ReportFixedV1():
            return changed(case, visits=_with(case.visits, event.visit, recorded))
        case (
            AgreementDraftedV1()
            | AgreementProposedV1()
            | AgreementAcceptedV1()
            | AgreementRefusedV1()
            | CommitmentFollowedUpV1()
            | AgreementRevisedV1()
            | AgreementKeptV1()
            | AgreementPartlyKeptV1()
            | AgreementBreachedV1()
            | AgreementLapsedV1()
        ):
            return changed(case, agreements=_with(case.agreements, event.agreement, recorded))
        case ContactLoggedV1() | ContactAnsweredV1():
            return changed(case, contacts=_with(case.contacts, event.contact, recorded))
        case ReferralOfferedV1() | OcmwConsultedV1() | OcmwAnsweredV1():
            return changed(case, help=(*case.help, recorded))
        case (
            CommunicationApprovedV1()
            | CommunicationApprovalTakenBackV1()
            | CommunicationSentV1()
            | CommunicationDeliveredV1()
            | CommunicationReturnedV1()
            | ProofCorrectedV1()
            | CommunicationDroppedV1()
        ):
            return changed(case, letters=_with(case.letters, event.communication, recorded))
        case _:
            _of_lease(event)
            return changed(case, of_lease=(*case.of_lease, recorded))


def _of_lease(event: LeaseFact) -> None:
    """Say to mypy that nothing but facts of the lease itself is left: a forgotten kind is an error there."""


def _with(histories: Mapping[str, History], id: str, recorded: Recorded[Any]) -> Mapping[str, History]:
    return {**histories, id: (*histories.get(id, ()), recorded)}


CASE = DatedStream("case", initial=Case(), evolve=evolve, events=CaseFact)
