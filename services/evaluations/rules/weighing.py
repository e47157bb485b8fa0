"""What people must see beside the count before they judge: what goes well, and what speaks for the renter since.

Nothing here changes the count (domain 4.5, EC-09, EC-21); the note on proportionality must weigh it (gate G3).
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

from services.evaluations.rules.case import Case, Finding
from services.evaluations.rules.evaluation import Evaluation
from shared.contracts.evaluations import Outcome
from shared.contracts.visits import PartyLeftV1


@dataclass(frozen=True, kw_only=True)
class WentWell:
    """A positive or mixed evaluation."""

    id: str
    outcome: Outcome
    moment_on: date


@dataclass(frozen=True, kw_only=True)
class NoteKept:
    """An agreement note that was kept, wholly or partly."""

    id: str
    state: str
    on: date | None


@dataclass(frozen=True, kw_only=True)
class Mended:
    """A finding that somebody saw resolved, or partly, when it was last looked at."""

    id: str
    item: str
    outcome: Literal["resolved", "partly"]
    on: date


@dataclass(frozen=True, kw_only=True)
class GoesWell:
    """The positive line of a lease on a day."""

    evaluations: tuple[WentWell, ...]
    agreements: tuple[NoteKept, ...]
    commitments_kept: int
    items_improved: tuple[Mended, ...]

    @property
    def findings_resolved(self) -> tuple[Mended, ...]:
        """Those improved wholly."""
        return tuple(one for one in self.items_improved if one.outcome == "resolved")


@dataclass(frozen=True, kw_only=True)
class ToWeigh:
    """Something that changed since the facts and that the note on proportionality must mention.

    :ivar findings: the facts that it bears on. :ivar party: who left, where somebody did.
    """

    code: Literal["resolved_since", "partly_since", "party_left"]
    on: date
    findings: tuple[str, ...]
    item: str | None = None
    party: str | None = None


def goes_well(case: Case, evaluations: Mapping[str, Evaluation], *, on: date) -> GoesWell:
    """Return what goes well by a day: positive evaluations, notes and commitments kept, items improved."""
    notes = case.notes(on=on)
    kept_by_renter = [
        line
        for note in notes
        for line in note.commitments
        if line.by == "renter" and note.outcomes.get(line.id) == "kept"
    ]
    return GoesWell(
        evaluations=tuple(
            WentWell(id=id, outcome=evaluation.outcome, moment_on=evaluation.moment_on)
            for id, evaluation in evaluations.items()
            if evaluation.state == "recorded" and evaluation.moment_on <= on
        ),
        agreements=tuple(
            NoteKept(id=note.id, state=note.state, on=note.concluded_on)
            for note in notes
            if note.state in ("kept", "partly")
        ),
        commitments_kept=len(kept_by_renter),
        items_improved=_mended(case.findings_on(on=on).values()),
    )


def _mended(findings: Iterable[Finding]) -> tuple[Mended, ...]:
    mended = []
    for finding in findings:
        if finding.follow_ups:
            last = max(enumerate(finding.follow_ups), key=lambda one: (one[1].on, one[0]))[1]
            if last.outcome == "resolved" or last.outcome == "partly":
                mended.append(Mended(id=finding.id, item=finding.item, outcome=last.outcome, on=last.on))
    return tuple(mended)


def to_weigh(case: Case, *, grounds: Collection[str], on: date) -> tuple[ToWeigh, ...]:
    """Return what must be weighed about these findings: what was mended since, and who left of those they may be about.

    Facts are the renter's, not one person's: whoever leaves takes none of them along, and who did what must be asked.
    """
    findings = {id: finding for id, finding in case.findings_on(on=on).items() if id in grounds}
    since = [
        ToWeigh(
            code="resolved_since" if mended.outcome == "resolved" else "partly_since",
            on=mended.on,
            findings=(mended.id,),
            item=mended.item,
        )
        for mended in _mended(findings.values())
    ]
    left = [told.event for told in case.of_lease if isinstance(told.event, PartyLeftV1) and told.event.left_on <= on]
    for event in left:
        theirs = tuple(id for id, finding in findings.items() if finding.occurred_on <= event.left_on)
        if theirs:
            since.append(ToWeigh(code="party_left", on=event.left_on, findings=theirs, party=event.party))
    return tuple(since)
