"""A termination file on a lease with three counted evaluations, and all its gates ask for. Invented throughout."""

from datetime import date
from typing import Any

from services.evaluations.events import (
    AddresseesChecked,
    AttributionChecked,
    HearingHeld,
    LandlordDutiesChecked,
    ProportionalityNoteWritten,
    ReviewOpened,
    TerminationDecided,
    TerminationProposed,
)
from services.evaluations.rules import gates
from services.evaluations.rules.evaluation import Evaluation
from services.evaluations.rules.notice import by_posting_day
from shared.contracts.evaluations import AddressCheck, Interpreter, TerminationGround
from shared.contracts.notifications import AddressedV1, CommunicationApprovedV1
from shared.contracts.referrals import OcmwAnsweredV1, OcmwConsultedV1, ReferralOfferedV1
from shared.decisions import Person
from tests.evaluations.a_lease import BART, KAREL, LEASE, RITA, TOM, ALease, text

REVIEWED = date(2026, 5, 13)
TODAY = date(2026, 5, 20)
BY_KAREL = Person(id=KAREL, roles=frozenset({"coordinator"}))
BY_RITA = Person(id=RITA, roles=frozenset({"director"}))
OWN_REASONS = text("Ik woog de situatie van het gezin, de hulp en de kansen. " * 3)

SERIOUS = "E3-serious"
LASTING = "E3-lasting"


def a_lease(*, arrears: bool = False) -> ALease:
    """Three counted evaluations; a serious finding and a lasting one; help offered, the OCMW consulted."""
    lease = ALease()
    lease.evaluation("E1", date(2026, 1, 12), communicated=date(2026, 1, 20))
    lease.evaluation("E2", date(2026, 3, 10), communicated=date(2026, 3, 18))
    item = "BET-01" if arrears else "SCH-03"
    lease.finding(SERIOUS, item, date(2026, 5, 5), severity=3, consequence="damage")
    lease.finding(LASTING, "ONH-02", date(2026, 5, 5), repeats="E1-f1")
    lease.evaluation("E3", findings=(SERIOUS, LASTING), communicated=date(2026, 5, 13))
    lease.tell(ReferralOfferedV1(lease=LEASE, offered_on=date(2026, 2, 2)), on=date(2026, 2, 2))
    return consulted(lease, "arrears" if arrears else "damage")


def consulted(lease: ALease, ground: str, *, on: date = date(2026, 5, 14), answered: bool = True) -> ALease:
    """Let the OCMW be consulted, and answer."""
    about: Any = ground
    lease.tell(OcmwConsultedV1(lease=LEASE, consultation="o1", consulted_on=on, ground=about), on=on)
    if answered:
        lease.tell(OcmwAnsweredV1(lease=LEASE, consultation="o1", answered_on=on), on=on)
    return lease


def approved(lease: ALease, *, letter: str = "c9", party: str = "p1", states: Any = None) -> ALease:
    """Let the notice letter be approved."""
    start, end = states or (None, None)
    told = CommunicationApprovedV1(
        lease=LEASE,
        communication=letter,
        kind="L-09",
        about_kind="termination",
        about_id="T1",
        addressees=(AddressedV1(addressee=party, role="party", party=party),),
        approved_on=TODAY,
        document="00",
        notice_start=start,
        notice_end=end,
    )
    return lease.tell(told, on=TODAY, actor=RITA)


def ground(lease: ALease, finding: str) -> TerminationGround:
    """Return a finding as a ground of today."""
    judged = gates.ground(
        finding,
        case=lease.file.case,
        checklists=lease.file.checklists,
        evaluations=lease.file.evaluations.values(),
        on=TODAY,
    )
    assert judged is not None
    return judged


def facts(lease: ALease) -> dict[str, Any]:
    """Return what most rules of a file look at."""
    evaluations: dict[str, Evaluation] = dict(lease.file.evaluations)
    return {
        "case": lease.file.case,
        "evaluations": evaluations,
        "policies": lease.file.policies,
        "checklists": lease.file.checklists,
    }


OPENED = ReviewOpened(lease=LEASE, route="threshold", evaluations=("E1", "E2", "E3"))
HEARD = HearingHeld(
    on=date(2026, 5, 19),
    invited_on=date(2026, 5, 5),
    present=("renter",),
    interpreter=Interpreter(kind="none", age_over_18=None),
    said=text("ik wil blijven"),
    by=KAREL,
)
CHECKED = AttributionChecked(findings=(SERIOUS, LASTING), note=text("nagekeken"), by=KAREL)
WEIGHED = ProportionalityNoteWritten(note=text("alleenstaand, twee kinderen"), by=KAREL)
ADDRESSED = AddresseesChecked(
    addressees=(AddressCheck(party="p1", checked_on=date(2026, 5, 19), communication=None),), by=TOM
)
IN_ORDER = LandlordDutiesChecked(in_order=True, note=None, by=BART)
PROVEN = (OPENED, HEARD, CHECKED, WEIGHED, ADDRESSED, IN_ORDER)


def proposed(lease: ALease, *findings: str) -> TerminationProposed:
    """Return Karel's proposal on these grounds."""
    named = findings or (SERIOUS, LASTING)
    return TerminationProposed(
        grounds=tuple(ground(lease, finding) for finding in named), why=text("het gaat niet meer"), by=KAREL
    )


def decided(lease: ALease, *findings: str, months: int = 3) -> TerminationDecided:
    """Return Rita's decision on these grounds."""
    tested = ()
    return TerminationDecided(
        grounds=proposed(lease, *findings).grounds,
        reasons=OWN_REASONS,
        notice_kind="shortcoming",
        notice_months=months,
        notice_basis="latest",
        notice_dates=by_posting_day(from_=TODAY, months=months, basis="latest"),
        gates=tested,
        decided_on=TODAY,
        by=RITA,
        in_name_of=None,
        proposed_by=KAREL,
        count=3,
        threshold=3,
    )
