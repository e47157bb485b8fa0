"""What notifications keeps of a lease: who must get which letter, and what letters can say (domain 9.1, 9.3)."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import assert_never

from services.notifications.events import Addressee
from shared.contracts.evaluations import (
    EvaluationAnnulledV1,
    EvaluationCommunicatedV1,
    EvaluationCommunicationCorrectedV1,
    EvaluationContestedV1,
    EvaluationCountRestatedV1,
    EvaluationDecidedNegativeV1,
    EvaluationRecordedV1,
    EvaluationUpheldV1,
    EvaluationWithdrawnV1,
    LateContestAdmittedV1,
    NoticePostedV1,
    NoticeWithdrawnV1,
    TerminationDecidedV1,
    TerminationNotPursuedV1,
)
from shared.contracts.notifications import Kind
from shared.contracts.referrals import OcmwConsultedV1
from shared.contracts.visits import (
    AdministratorAppointedV1,
    AdministratorEndedV1,
    AgreementAcceptedV1,
    AgreementDraftedV1,
    AgreementProposedV1,
    AppointmentAgreedV1,
    BalanceRecordedV1,
    ContactPointV1,
    CounsellorAssignedV1,
    FindingEstablishedV1,
    LandlordChangedV1,
    LeaseEndedV1,
    LeaseRegisteredV1,
    OfficeChangedV1,
    PartyAddedV1,
    PartyLeftV1,
    PartyV1,
    RenterInformedOfPolicyV1,
    StandstillEndedV1,
    StandstillStartedV1,
    VisitAnnouncedV1,
    VisitCancelledV1,
    VisitHandedOverV1,
    VisitPlannedV1,
    VisitRecordedV1,
    VisitRescheduledV1,
)
from shared.decisions import Stream
from shared.sealed import Sealed

FileEvent = (
    LeaseRegisteredV1
    | CounsellorAssignedV1
    | RenterInformedOfPolicyV1
    | PartyAddedV1
    | PartyLeftV1
    | AdministratorAppointedV1
    | AdministratorEndedV1
    | StandstillStartedV1
    | StandstillEndedV1
    | LandlordChangedV1
    | OfficeChangedV1
    | BalanceRecordedV1
    | LeaseEndedV1
    | VisitPlannedV1
    | VisitHandedOverV1
    | VisitAnnouncedV1
    | AppointmentAgreedV1
    | VisitRescheduledV1
    | VisitCancelledV1
    | VisitRecordedV1
    | FindingEstablishedV1
    | AgreementDraftedV1
    | AgreementProposedV1
    | AgreementAcceptedV1
    | EvaluationDecidedNegativeV1
    | EvaluationCountRestatedV1
    | EvaluationRecordedV1
    | EvaluationCommunicatedV1
    | EvaluationCommunicationCorrectedV1
    | EvaluationContestedV1
    | LateContestAdmittedV1
    | EvaluationUpheldV1
    | EvaluationAnnulledV1
    | EvaluationWithdrawnV1
    | TerminationDecidedV1
    | TerminationNotPursuedV1
    | NoticePostedV1
    | NoticeWithdrawnV1
    | OcmwConsultedV1
)


@dataclass(frozen=True, kw_only=True)
class PartyOfLease:
    """A party with its days: from ``joined_on`` (None: the start of the lease) until the day before ``left_on``."""

    party: PartyV1
    joined_on: date | None = None
    left_on: date | None = None

    def is_party_on(self, day: date) -> bool:
        """Whether somebody is a party to the lease on ``day``; a household member never is."""
        return (
            self.party.role != "household_member"
            and (self.joined_on is None or self.joined_on <= day)
            and (self.left_on is None or day < self.left_on)
        )


@dataclass(frozen=True, kw_only=True)
class Administration:
    """An administrator with the last day, included."""

    appointed: AdministratorAppointedV1
    ended_on: date | None = None

    def is_on(self, day: date) -> bool:
        """Whether the administrator acts on ``day``."""
        return self.appointed.appointed_from <= day and (self.ended_on is None or day <= self.ended_on)

    @property
    def covers_housing(self) -> bool:
        """Whether official letters must reach the administrator too, instead of as a copy."""
        return self.appointed.scope in ("housing", "all")


@dataclass(frozen=True, kw_only=True)
class Standstill:
    """A bar to steps against arrears, with its last day, included."""

    started: StandstillStartedV1
    ended_on: date | None = None

    def is_on(self, day: date) -> bool:
        """Whether it holds on ``day``."""
        return self.started.starts_on <= day and (self.ended_on is None or day <= self.ended_on)


@dataclass(frozen=True, kw_only=True)
class Appointment:
    """A visit as letters and calendars tell it."""

    visit_on: date
    slot: str
    purpose: str
    counsellor: str
    open: bool = True  # planned or announced, and not yet past, moved or cancelled
    announced: bool = False


@dataclass(frozen=True, kw_only=True)
class Note:
    """An agreement note as its copy tells it."""

    drafted: AgreementDraftedV1 | None = None
    proposed: AgreementProposedV1 | None = None
    accepted: AgreementAcceptedV1 | None = None


@dataclass(frozen=True, kw_only=True)
class EvaluationTold:
    """An evaluation as letters tell it."""

    decided: EvaluationDecidedNegativeV1 | None = None
    restated: EvaluationCountRestatedV1 | None = None
    recorded: EvaluationRecordedV1 | None = None
    communicated_on: date | None = None
    contest_until: date | None = None
    contested: EvaluationContestedV1 | LateContestAdmittedV1 | None = None
    upheld: EvaluationUpheldV1 | None = None
    annulled: EvaluationAnnulledV1 | None = None
    withdrawn: EvaluationWithdrawnV1 | None = None

    @property
    def is_gone(self) -> bool:
        """Whether the office took it back, on a contest or of its own motion: nothing more follows from it."""
        return self.annulled is not None or self.withdrawn is not None


@dataclass(frozen=True, kw_only=True)
class TerminationTold:
    """A termination file as letters tell it."""

    decided: TerminationDecidedV1 | None = None
    posted: NoticePostedV1 | None = None
    stopped: NoticeWithdrawnV1 | TerminationNotPursuedV1 | None = None


@dataclass(frozen=True, kw_only=True)
class LeaseFile:
    """As much of a lease as letters must know."""

    registered: LeaseRegisteredV1 | None = None
    landlords: tuple[tuple[date, Sealed], ...] = ()  # from a day, the legal entity that is landlord
    parties: Mapping[str, PartyOfLease] = field(default_factory=dict)
    administrators: Mapping[str, Administration] = field(default_factory=dict)
    standstills: Mapping[str, Standstill] = field(default_factory=dict)
    counsellor: str | None = None
    balance: BalanceRecordedV1 | None = None
    ended_on: date | None = None
    died: bool = False  # the last renter did, and nobody is written to any more but heirs, by name
    visits: Mapping[str, Appointment] = field(default_factory=dict)
    findings: Mapping[str, FindingEstablishedV1] = field(default_factory=dict)
    notes: Mapping[str, Note] = field(default_factory=dict)
    evaluations: Mapping[str, EvaluationTold] = field(default_factory=dict)
    terminations: Mapping[str, TerminationTold] = field(default_factory=dict)
    consultations: Mapping[str, OcmwConsultedV1] = field(default_factory=dict)

    @property
    def is_guided(self) -> bool:
        """Whether it runs, or will on its first day, for it has a counsellor."""
        return self.registered is not None and self.counsellor is not None and self.ended_on is None

    def landlord_on(self, day: date) -> Sealed | None:
        """Return the name of the landlord valid on ``day``."""
        return next((name for starts_on, name in reversed(self.landlords) if starts_on <= day), None)

    def knows(self, about_kind: str, id: str) -> bool:
        """Whether the thing a letter is about has been told to us."""
        match about_kind:
            case "lease":
                return self.registered is not None and self.registered.lease == id
            case "visit":
                return id in self.visits
            case "agreement":
                return id in self.notes
            case "evaluation":
                return id in self.evaluations
            case "termination":
                return id in self.terminations
            case _:
                return id in self.consultations


def parties_on(file: LeaseFile, on: date) -> tuple[Addressee, ...]:
    """Return all renters, spouses and legal cohabitants who are party to the lease on ``on``; nobody who died."""
    if file.died:
        return ()
    return tuple(
        Addressee(addressee=id, role="party", party=id, language=one.party.language)
        for id, one in file.parties.items()
        if one.is_party_on(on)
    )


def administrators_on(file: LeaseFile, on: date) -> tuple[Addressee, ...]:
    """Return the administrators who act on ``on``; ``copy`` where the judgment does not cover housing."""
    return tuple(
        Addressee(addressee=id, role="administrator", copy=not one.covers_housing)
        for id, one in file.administrators.items()
        if one.is_on(on)
    )


def required_on(file: LeaseFile, on: date) -> tuple[Addressee, ...]:
    """Return who must all be reached by an official letter of ``on`` (domain 9.3)."""
    return (*parties_on(file, on), *(one for one in administrators_on(file, on) if not one.copy))


def debt_mediators_on(file: LeaseFile, on: date) -> tuple[Addressee, ...]:
    """Return the debt mediators of standstills that hold on ``on``."""
    return tuple(
        Addressee(addressee=id, role="debt_mediator", copy=True)
        for id, one in file.standstills.items()
        if one.is_on(on) and one.started.mediator_name is not None
    )


def contacts_of(file: LeaseFile, to: Addressee) -> tuple[ContactPointV1, ...]:
    """Return the ways in which an addressee can be reached, as the lease knows them; none for others than its own."""
    if to.party is not None and to.party in file.parties:
        return file.parties[to.party].party.contacts
    if to.role == "administrator" and to.addressee in file.administrators:
        return file.administrators[to.addressee].appointed.contacts
    if to.role == "debt_mediator" and to.addressee in file.standstills:
        return file.standstills[to.addressee].started.mediator_contacts
    return ()


def rests_on_arrears(file: LeaseFile, termination: str) -> bool:
    """Whether rent owed is among the grounds of a decision to give notice."""
    found = file.terminations.get(termination)
    return bool(found and found.decided and any(ground.category == "payment" for ground in found.decided.grounds))


OCMW = Addressee(addressee="ocmw", role="ocmw", copy=True)


def addressees_of(file: LeaseFile, *, kind: Kind, on: date, arrears: bool = False) -> tuple[Addressee, ...]:
    """Return the addressee group of a kind of letter on ``on`` (domain 9.1): who must be reached first, copies last.

    :param arrears: whether rent owed is among the grounds; then the debt mediator gets a copy of the notice.
    """
    match kind:
        case "L-05" | "L-07" | "L-08" | "L-11":
            return _copies_last((*parties_on(file, on), *administrators_on(file, on)))
        case "L-09" | "L-10":
            mediators = debt_mediators_on(file, on) if arrears else ()
            return _copies_last((*parties_on(file, on), *administrators_on(file, on), *mediators, OCMW))
        case "L-04":
            copies = tuple(replace(one, copy=True) for one in administrators_on(file, on))
            return (*parties_on(file, on), *copies)
        case "L-12":
            copies = tuple(replace(one, copy=True) for one in administrators_on(file, on))
            return (*parties_on(file, on), *copies, *debt_mediators_on(file, on))
        case "L-13":
            return (replace(OCMW, copy=False),)
        case "L-01" | "L-02" | "L-03" | "L-06" | "L-14" | "L-15" | "L-16":
            return parties_on(file, on)
        case _:
            assert_never(kind)


def _copies_last(addressees: tuple[Addressee, ...]) -> tuple[Addressee, ...]:
    return tuple(sorted(addressees, key=lambda one: one.copy))


def evolve(file: LeaseFile, event: FileEvent) -> LeaseFile:
    match event:
        case LeaseRegisteredV1():
            return replace(
                file,
                registered=event,
                landlords=((date.min, event.landlord),),
                parties={party.id: PartyOfLease(party=party) for party in event.parties},
            )
        case CounsellorAssignedV1():
            return replace(file, counsellor=event.counsellor)
        case PartyAddedV1():
            return replace(
                file,
                parties={**file.parties, event.party.id: PartyOfLease(party=event.party, joined_on=event.joined_on)},
            )
        case PartyLeftV1():
            if event.party not in file.parties:
                return file
            left = replace(file.parties[event.party], left_on=event.left_on)
            return replace(file, parties={**file.parties, event.party: left})
        case AdministratorAppointedV1():
            appointed = Administration(appointed=event)
            return replace(file, administrators={**file.administrators, event.administrator: appointed})
        case AdministratorEndedV1():
            if event.administrator not in file.administrators:
                return file
            over = replace(file.administrators[event.administrator], ended_on=event.ended_on)
            return replace(file, administrators={**file.administrators, event.administrator: over})
        case StandstillStartedV1():
            return replace(file, standstills={**file.standstills, event.standstill: Standstill(started=event)})
        case StandstillEndedV1():
            if event.standstill not in file.standstills:
                return file
            ended = replace(file.standstills[event.standstill], ended_on=event.ended_on)
            return replace(file, standstills={**file.standstills, event.standstill: ended})
        case LandlordChangedV1():
            names = sorted((*file.landlords, (event.starts_on, event.landlord)), key=lambda one: one[0])
            return replace(file, landlords=tuple(names))
        case OfficeChangedV1() | RenterInformedOfPolicyV1():
            return file
        case BalanceRecordedV1():
            return replace(file, balance=event)
        case LeaseEndedV1():
            return replace(file, ended_on=event.ended_on, died=event.ground == "death_last_renter")
        case VisitPlannedV1():
            return _with_visit(
                file,
                event.visit,
                Appointment(
                    visit_on=event.visit_on, slot=event.slot, purpose=event.purpose, counsellor=event.counsellor
                ),
            )
        case VisitHandedOverV1():
            return _with_visit(file, event.visit, _visit(file, event.visit, counsellor=event.counsellor))
        case VisitAnnouncedV1():
            announced = Appointment(
                visit_on=event.visit_on,
                slot=event.slot,
                purpose=event.purpose,
                counsellor=event.counsellor,
                announced=True,
            )
            return _with_visit(file, event.visit, announced)
        case AppointmentAgreedV1():
            return file
        case VisitRescheduledV1():
            moved = _with_visit(file, event.visit, _visit(file, event.visit, open=False))
            if event.new_visit in moved.visits:
                return moved
            purpose = file.visits[event.visit].purpose if event.visit in file.visits else "individual"
            later = Appointment(
                visit_on=event.new_visit_on, slot=event.new_slot, purpose=purpose, counsellor=event.counsellor
            )
            return _with_visit(moved, event.new_visit, later)
        case VisitCancelledV1():
            return _with_visit(file, event.visit, _visit(file, event.visit, open=False))
        case VisitRecordedV1():
            return _with_visit(file, event.visit, _visit(file, event.visit, open=False))
        case FindingEstablishedV1():
            return replace(file, findings={**file.findings, event.finding: event})
        case AgreementDraftedV1():
            return _with_note(file, event.agreement, drafted=event)
        case AgreementProposedV1():
            return _with_note(file, event.agreement, proposed=event)
        case AgreementAcceptedV1():
            return _with_note(file, event.agreement, accepted=event)
        case EvaluationDecidedNegativeV1():
            return _with_evaluation(file, event.evaluation, decided=event, restated=None)
        case EvaluationCountRestatedV1():
            return _with_evaluation(file, event.evaluation, restated=event)
        case EvaluationRecordedV1():
            return _with_evaluation(file, event.evaluation, recorded=event)
        case EvaluationCommunicatedV1():
            return _with_evaluation(
                file, event.evaluation, communicated_on=event.communicated_on, contest_until=event.contest_until
            )
        case EvaluationCommunicationCorrectedV1():
            return _with_evaluation(
                file, event.evaluation, communicated_on=event.communicated_on, contest_until=event.contest_until
            )
        case EvaluationContestedV1() | LateContestAdmittedV1():
            return _with_evaluation(file, event.evaluation, contested=event)
        case EvaluationUpheldV1():
            return _with_evaluation(file, event.evaluation, upheld=event)
        case EvaluationAnnulledV1():
            return _with_evaluation(file, event.evaluation, annulled=event)
        case EvaluationWithdrawnV1():
            return _with_evaluation(file, event.evaluation, withdrawn=event)
        case TerminationDecidedV1():
            return _with_termination(file, event.termination, decided=event)
        case NoticePostedV1():
            return _with_termination(file, event.termination, posted=event)
        case NoticeWithdrawnV1() | TerminationNotPursuedV1():
            return _with_termination(file, event.termination, stopped=event)
        case OcmwConsultedV1():
            return replace(file, consultations={**file.consultations, event.consultation: event})
        case _:
            assert_never(event)


def _visit(file: LeaseFile, id: str, **change: object) -> Appointment | None:
    known = file.visits.get(id)
    return None if known is None else replace(known, **change)  # type: ignore[arg-type]


def _with_visit(file: LeaseFile, id: str, visit: Appointment | None) -> LeaseFile:
    return file if visit is None else replace(file, visits={**file.visits, id: visit})


def _with_note(file: LeaseFile, id: str, **change: object) -> LeaseFile:
    note = replace(file.notes.get(id, Note()), **change)  # type: ignore[arg-type]
    return replace(file, notes={**file.notes, id: note})


def _with_evaluation(file: LeaseFile, id: str, **change: object) -> LeaseFile:
    told = replace(file.evaluations.get(id, EvaluationTold()), **change)  # type: ignore[arg-type]
    return replace(file, evaluations={**file.evaluations, id: told})


def _with_termination(file: LeaseFile, id: str, **change: object) -> LeaseFile:
    told = replace(file.terminations.get(id, TerminationTold()), **change)  # type: ignore[arg-type]
    return replace(file, terminations={**file.terminations, id: told})


LEASE_FILE = Stream("lease-file", initial=LeaseFile(), evolve=evolve, events=FileEvent)
