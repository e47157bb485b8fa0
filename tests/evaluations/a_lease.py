"""A lease told day by day: what tests of the count and of the termination file start from. Invented throughout."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, time
from typing import Any

from services.evaluations.events import (
    EvaluationAnnulled,
    EvaluationCommunicated,
    EvaluationContested,
    EvaluationDecidedNegative,
    EvaluationProposed,
    EvaluationUpheld,
    EvaluationWithdrawn,
)
from services.evaluations.rules.case import CASE, Case
from services.evaluations.rules.checklist import CHECKLISTS, first_checklist
from services.evaluations.rules.counting import Standing
from services.evaluations.rules.crossing import STANDING, Crossing
from services.evaluations.rules.evaluation import EVALUATION, Evaluation, contest_until
from services.evaluations.rules.lease_file import Act, LeaseFile, what_follows
from services.evaluations.rules.policy import POLICIES, drafted, first_policy
from services.evaluations.rules.termination import TERMINATION, Termination
from shared.contracts.evaluations import Ground, Heard
from shared.contracts.visits import (
    CounsellorAssignedV1,
    FindingAttributedV1,
    FindingDiscussedV1,
    FindingEstablishedV1,
    FindingLinkedAsRepeatV1,
    FindingMarkedMistakenV1,
    FindingReattributedV1,
    LeaseRegisteredV1,
    PartyV1,
    RenterInformedOfPolicyV1,
    ReportFixedV1,
    VisitRecordedV1,
)
from shared.decisions import AnyStream, Elsewhere, Recorded
from shared.sealed import Sealed

LEASE = "L1"
START = date(2025, 11, 3)
FATMA, MIA, KAREL, WIM, RITA, TOM, BART = "fatma", "mia", "karel", "wim", "rita", "tom", "bart"


def text(words: str) -> Sealed:
    """Return sealed words; equal words have equal digests."""
    return Sealed(sealed="c2VhbGVk", key="k-1", digest=" ".join(words.split()).casefold(), length=len(words.strip()))


def morning(day: date, hour: int = 9) -> datetime:
    """Return an instant on a day."""
    return datetime.combine(day, time(hour), tzinfo=UTC)


class ALease:
    """The file of one lease as it grows; each word lays a fact into it, dated and recorded."""

    def __init__(self, *, start: date = START, policy_version: str = "P-1", informed_on: date | None = None) -> None:
        self.file = LeaseFile(lease=LEASE, evaluations={}, terminations={})
        self.told: list[Recorded[Any]] = []
        self._adopt(first_policy(in_force_from=date(2015, 1, 1)), at=morning(date(2015, 1, 1)))
        self._publish(first_checklist(in_force_from=date(2015, 1, 1)), at=morning(date(2015, 1, 1)))
        nobody = text("naam")
        registered = LeaseRegisteredV1(
            lease=LEASE,
            dwelling_reference=nobody,
            dwelling_address=nobody,
            landlord=nobody,
            parties=(PartyV1(id="p1", name=nobody, role="renter", language="nl"),),
            start=start,
            informed_on=informed_on or start,
            policy_version=policy_version,
            first_visit_due=start,
            inventory_ref=nobody,
        )
        self.tell(registered, on=start)
        self.tell(CounsellorAssignedV1(lease=LEASE, counsellor=FATMA, assigned_from=start), on=start)

    # what others told

    def tell(self, fact: Any, *, on: date, at: datetime | None = None, actor: str = FATMA) -> "ALease":
        """Lay a fact of another service into the file."""
        return self.record(CASE, LEASE, fact, on=on, at=at, actor=actor)

    def record(
        self, stream: AnyStream, id: str, event: Any, *, on: date, at: datetime | None = None, actor: str = "SYS"
    ) -> "ALease":
        """Lay an event of any stream into the file."""
        at = at or morning(on)
        recorded = Recorded(
            event=event,
            id=f"e-{len(self.told) + 1}",
            stream=f"{stream.kind}/{id}",
            version=len(self.told) + 1,
            occurred_on=on,
            recorded_at=at,
            taken_in_at=at,
            actor=actor,
        )
        self.told.append(recorded)
        self.file = self.file._with(stream, id, recorded)
        return self

    def finding(
        self,
        id: str,
        item: str,
        on: date,
        *,
        to: str = "renter",
        severity: int = 2,
        consequence: str | None = None,
        discussed: bool = True,
        repeats: str | None = None,
        suspect: bool = False,
        visit: str | None = None,
    ) -> "ALease":
        """Establish, attribute and discuss a finding on one day."""
        self.tell(
            FindingEstablishedV1(
                lease=LEASE,
                finding=id,
                item=item,
                checklist_version="CL-1",
                seen_on=on,
                source="visit",
                what_seen=text(f"gezien {id}"),
                visit=visit,
                date_suspect=suspect,
            ),
            on=on,
        )
        attributed: Any = {"to": to, "severity": severity, "consequence": consequence}
        self.tell(FindingAttributedV1(lease=LEASE, finding=id, item=item, why=text("waarom"), **attributed), on=on)
        if discussed:
            self.tell(
                FindingDiscussedV1(
                    lease=LEASE,
                    finding=id,
                    discussed_with=("renter",),
                    discussed_on=on,
                    renter_said=text("ik zal het doen"),
                    renter_plan=text("zaterdag"),
                ),
                on=on,
            )
        if repeats is not None:
            self.tell(FindingLinkedAsRepeatV1(lease=LEASE, finding=id, earlier=repeats, item=item), on=on)
        return self

    def visit(self, id: str, on: date, *findings: str, fixed: bool = True) -> "ALease":
        """Carry out a visit and fix its report."""
        self.tell(
            VisitRecordedV1(
                lease=LEASE, visit=id, visit_on=on, purpose="individual", present=("renter",), interpreter="none"
            ),
            on=on,
        )
        if fixed:
            self.tell(
                ReportFixedV1(
                    lease=LEASE,
                    visit=id,
                    visit_on=on,
                    fixed_on=on,
                    late=False,
                    findings=findings,
                    goes_well=text("de keuken"),
                ),
                on=on,
            )
        return self

    def reattribute(self, finding: str, *, to: str, on: date, item: str = "ONH-02") -> "ALease":
        """Attribute a finding to another."""
        attributed: Any = {"to": to, "previously": "renter"}
        told = FindingReattributedV1(lease=LEASE, finding=finding, item=item, why=text("lek in het dak"), **attributed)
        return self.tell(told, on=on, actor=KAREL)

    def mistaken(self, finding: str, *, on: date) -> "ALease":
        """Mark a finding mistaken."""
        return self.tell(FindingMarkedMistakenV1(lease=LEASE, finding=finding, why=text("andere woning")), on=on)

    def tell_of_mistake(self, finding: str, *, on: date, at: datetime) -> "ALease":
        """Mark a finding mistaken on a day, and learn of it at an instant."""
        told = FindingMarkedMistakenV1(lease=LEASE, finding=finding, why=text("andere woning"))
        return self.tell(told, on=on, at=at)

    # the office

    def policy(self, *, from_: date, at: datetime | None = None, **chosen: Any) -> "ALease":
        """Adopt a policy version."""
        before = self.file.policies[-1].event
        version = f"P-{len(self.file.policies) + 1}"
        return self._adopt(drafted(before, version=version, in_force_from=from_, **chosen), at=at or morning(from_, 0))

    def inform(self, version: str, *, on: date, at: datetime | None = None) -> "ALease":
        """Inform the renter of a policy version, with proof."""
        return self.tell(RenterInformedOfPolicyV1(lease=LEASE, policy_version=version, delivered_on=on), on=on, at=at)

    def not_terminable(self, item: str, *, from_: date) -> "ALease":
        """Publish a checklist in which an item cannot ground a termination any more."""
        before = self.file.checklists[-1].event
        items = tuple(replace(one, terminable=one.terminable and one.code != item) for one in before.items)
        version = f"CL-{len(self.file.checklists) + 1}"
        return self._publish(
            replace(before, version=version, items=items, in_force_from=from_, founding=False), at=morning(from_, 0)
        )

    def lasting_after(self, item: str, days: int, *, from_: date) -> "ALease":
        """Publish a checklist in which an item is lasting after so many days."""
        before = self.file.checklists[-1].event
        items = tuple(replace(one, lasting_after_days=days) if one.code == item else one for one in before.items)
        version = f"CL-{len(self.file.checklists) + 1}"
        return self._publish(
            replace(before, version=version, items=items, in_force_from=from_, founding=False), at=morning(from_, 0)
        )

    def _adopt(self, policy: Any, *, at: datetime) -> "ALease":
        told = self._beside(POLICIES, policy, at)
        self.file = replace(self.file, policies=POLICIES.after(self.file.policies, told))
        return self

    def _publish(self, checklist: Any, *, at: datetime) -> "ALease":
        told = self._beside(CHECKLISTS, checklist, at)
        self.file = replace(self.file, checklists=CHECKLISTS.after(self.file.checklists, told))
        return self

    def _beside(self, stream: AnyStream, event: Any, at: datetime) -> Recorded[Any]:
        return Recorded(
            event=event,
            id="o",
            stream=f"{stream.kind}/office",
            version=1,
            occurred_on=at.date(),
            recorded_at=at,
            taken_in_at=at,
            actor=RITA,
        )

    # evaluations

    def evaluation(
        self,
        id: str,
        *facts: date,
        communicated: date | None = None,
        decided: date | None = None,
        moment: str | None = None,
        moment_on: date | None = None,
        findings: Iterable[str] = (),
        item: str = "ONH-02",
        at: datetime | None = None,
    ) -> "ALease":
        """Lay in a negative evaluation on findings of these days, decided, and communicated if a day is given."""
        named = list(findings)
        for number, day in enumerate(facts, start=1):
            named.append(f"{id}-f{number}")
            self.finding(named[-1], item, day)
        known = {key: self.file.case.finding(key) for key in named}
        grounds = tuple(
            Ground(finding=key, item=found.item, occurred_on=found.occurred_on)
            for key, found in known.items()
            if found is not None
        )
        day = moment_on or max(ground.occurred_on for ground in grounds)
        decided_on = decided or day
        proposed = EvaluationProposed(
            lease=LEASE,
            moment=moment or f"v-{id}",
            moment_kind="visit",
            moment_on=day,
            outcome="negative",
            grounds=grounds,
            why=text(f"voorstel {id}"),
            checklist_version="CL-1",
            by=FATMA,
        )
        self.record(EVALUATION, id, proposed, on=decided_on, at=at, actor=FATMA)
        self.record(EVALUATION, id, decision(decided_on), on=decided_on, at=at, actor=KAREL)
        if communicated is not None:
            self.communicate(id, communicated, at=at)
        return self

    def communicate(self, id: str, on: date, *, at: datetime | None = None) -> "ALease":
        """Let the letter reach the renter on a day."""
        told = EvaluationCommunicated(
            communication=f"c-{id}", communicated_on=on, contest_until=contest_until(on, 30), contest_days=30
        )
        return self.record(EVALUATION, id, told, on=on, at=at)

    def contest(self, id: str, on: date, *, at: datetime | None = None) -> "ALease":
        """Let the renter contest it."""
        told = EvaluationContested(lodged_on=on, channel="letter", words=text("niet akkoord"))
        return self.record(EVALUATION, id, told, on=on, at=at, actor=TOM)

    def uphold(self, id: str, on: date, *, struck: tuple[str, ...] = (), at: datetime | None = None) -> "ALease":
        """Reject the contest."""
        told = EvaluationUpheld(
            reasons=text("gehandhaafd"),
            grounds_struck=struck,
            heard=Heard(on=on, invited_on=None),
            by=RITA,
            in_name_of=None,
            count_after=0,
            threshold=3,
        )
        return self.record(EVALUATION, id, told, on=on, at=at, actor=RITA)

    def annul(self, id: str, on: date, *, at: datetime | None = None) -> "ALease":
        """Annul it."""
        told = EvaluationAnnulled(
            reasons=text("vernietigd"),
            grounds_struck=(),
            own_motion=True,
            heard=None,
            by=RITA,
            in_name_of=None,
            count_after=0,
            threshold=3,
        )
        return self.record(EVALUATION, id, told, on=on, at=at, actor=RITA)

    def withdraw(self, id: str, on: date, *, at: datetime | None = None) -> "ALease":
        """Withdraw it."""
        return self.record(EVALUATION, id, EvaluationWithdrawn(why=text("fout"), by=KAREL), on=on, at=at, actor=KAREL)

    # the answer, and what follows

    def standing(self, on: date, *, known_at: datetime | None = None) -> Standing:
        """Return how the lease stands on a day."""
        return self.file.standing(on=on, known_at=known_at)

    def count(self, on: date) -> int:
        """Return the count on a day."""
        return self.standing(on).count

    def follow(
        self, change: Callable[["ALease"], Any] | None = None, *, today: date, since: date | None = None
    ) -> list[Any]:
        """Make a change today and record what follows from it, as the store would; return those events."""
        before = self.file
        if change is not None:
            change(self)
        act = Act(
            on=today, today=today, at=morning(today, 12), actor="SYS", new_review=f"T{self.file.crossing.crossings + 1}"
        )
        follows = what_follows(before, self.file, act, since=since)
        for one in follows:
            assert isinstance(one, Elsewhere)
            self.record(one.stream, one.id, one.event, on=today, at=act.at)
        return [one.event for one in follows]


def decision(on: date, *, grounds: tuple[Any, ...] = (), count: tuple[int, int, int] = (0, 1, 3)) -> Any:
    """Return a negative decision of Karel's."""
    return EvaluationDecidedNegative(
        reasons=text("eigen redenen van de beslisser"),
        decided_on=on,
        by=KAREL,
        in_name_of=None,
        proposed_by=FATMA,
        grounds=grounds,
        count_before=count[0],
        count_if_communicated=count[1],
        threshold=count[2],
        contest_days=30,
        cure_days=30,
        validity_months=24,
        policy_version="P-1",
        checklist_version="CL-1",
    )


__all__ = ["STANDING", "TERMINATION", "ALease", "Case", "Crossing", "Evaluation", "Termination", "decision", "text"]
