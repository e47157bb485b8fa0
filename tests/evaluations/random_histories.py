"""Random histories of leases, and the counting rule written a second time, naively, from the words of the domain.

A history is plain data. ``told`` lays it into the file of a lease event by event, as the service would; ``naive``
counts it straight from the data, step by step as 4.2 says, sharing no code with the rule.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from hypothesis import strategies as st

from services.evaluations.events import (
    ChecklistPublished,
    EvaluationAnnulled,
    EvaluationCommunicated,
    EvaluationCommunicationCorrected,
    EvaluationContested,
    EvaluationProposed,
    EvaluationUpheld,
    EvaluationWithdrawn,
)
from services.evaluations.rules.case import CASE
from services.evaluations.rules.checklist import CHECKLISTS, first_checklist
from services.evaluations.rules.evaluation import EVALUATION
from services.evaluations.rules.lease_file import LeaseFile
from services.evaluations.rules.policy import POLICIES, drafted, first_policy
from shared.contracts.evaluations import Ground, Heard
from shared.contracts.visits import (
    FindingAttributedV1,
    FindingDateConfirmedV1,
    FindingEstablishedV1,
    FindingMarkedMistakenV1,
    FindingReattributedV1,
    LeaseRegisteredV1,
    RenterInformedOfPolicyV1,
)
from shared.decisions import AnyStream, Recorded
from tests.evaluations.a_lease import FATMA, KAREL, LEASE, RITA, decision, text

START = date(2024, 1, 8)
LAST = 900  # days after the start


def day(offset: int) -> date:
    """Return a day of the lease's life."""
    return START + timedelta(days=offset)


def instant(offset: int, second: int = 0) -> datetime:
    """Return an instant on a day of the lease's life."""
    return datetime.combine(day(offset), time(8), tzinfo=UTC) + timedelta(seconds=second)


@dataclass(frozen=True)
class Policy:
    """A policy version; P-1 is in force from long ago."""

    n: int
    validity: int
    cure: int
    suspends: bool
    from_: int = -400
    adopted: int = -400


@dataclass(frozen=True)
class Inform:
    """The renter was informed of a version on a day, which was known later or the same day."""

    version: int
    on: int
    known: int


@dataclass(frozen=True)
class Fact:
    """A finding: whose it is from the beginning, whose it turned out to be, whether it was a mistake."""

    on: int
    item: str
    to: str = "renter"
    turned: tuple[int, str, int] | None = None  # day, to, known on
    mistaken: tuple[int, int] | None = None  # day, known on
    moved: tuple[int, int] | None = None  # the right day, known on


@dataclass(frozen=True)
class Evaluated:
    """An evaluation and what became of it; each step is (day of the fact, day it was recorded)."""

    moment: int
    facts: tuple[Fact, ...]
    decided: int
    communicated: tuple[int, int] | None = None
    corrected: tuple[int | None, int] | None = None
    contested: tuple[int, int] | None = None
    upheld: tuple[int, int] | None = None
    struck: tuple[int, ...] = ()
    annulled: tuple[int, int] | None = None
    withdrawn: tuple[int, int] | None = None


@dataclass(frozen=True)
class History:
    """A lease's life as far as the count goes."""

    policies: tuple[Policy, ...]
    informs: tuple[Inform, ...]
    evaluations: tuple[Evaluated, ...]
    not_terminable: tuple[str, int, int] | None = None  # item, from, published on
    informed: tuple[int, bool] = (0, False)  # when the renter was told of the first policy; whether it was imported
    order: tuple[int, ...] = field(default=())


ITEMS = ("ONH-02", "AFV-01")


def rarely(draw: st.DrawFn) -> bool:
    """Once in a while; not at an end of the range, which is tried too often to be rare."""
    return draw(st.integers(0, 14)) == 6


@st.composite
def facts(draw: st.DrawFn, moment_on: int) -> Fact:
    """A finding up to the day of the moment (now and then after it, which then does not count)."""
    on = moment_on - draw(st.sampled_from([0, 0, 0, 1, 9, 20, 40, -1]))
    turned = mistaken = None
    if rarely(draw):
        since = on + draw(st.integers(0, 200))
        turned = (since, draw(st.sampled_from(["owner", "unclear", "renter"])), since + draw(st.integers(0, 30)))
    if rarely(draw):
        since = on + draw(st.integers(0, 200))
        mistaken = (since, since + draw(st.integers(0, 30)))
    to = draw(st.sampled_from(["renter"] * 14 + ["owner"]))
    moved = None
    if rarely(draw):
        moved = (max(on + draw(st.integers(-20, 5)), 0), max(on, 0) + draw(st.integers(0, 30)))
    item = draw(st.sampled_from(ITEMS))
    return Fact(on=max(on, 0), item=item, to=to, turned=turned, mistaken=mistaken, moved=moved)


@st.composite
def evaluated(draw: st.DrawFn, moments: list[int], number: int) -> Evaluated:
    """An evaluation of one of the moments, mostly its own, led a random way through its states."""
    moment = draw(st.integers(0, len(moments) - 1)) if rarely(draw) else number
    found = tuple(draw(st.lists(facts(moments[moment]), min_size=1, max_size=3)))
    decided = moments[moment] + draw(st.integers(0, 15))
    whole = Evaluated(moment=moment, facts=found, decided=decided)
    if rarely(draw):
        if draw(st.booleans()):
            gone = decided + draw(st.integers(0, 20))
            whole = replace(whole, withdrawn=(gone, gone))
        return whole
    told = decided + draw(st.integers(0, 20))
    known = told + draw(st.sampled_from([0, 0, 0, 3, 30]))
    whole = replace(whole, communicated=(told, known))
    if rarely(draw):
        to = draw(st.sampled_from([None, told + 1, told + 5, max(decided, told - 2)]))
        known += draw(st.integers(0, 20))
        whole = replace(whole, corrected=(to, known))
        if to is None:
            return whole
    way = draw(st.sampled_from([0] * 8 + [1, 2, 3, 4, 5]))
    if way in (1, 2, 3):
        lodged = told + draw(st.integers(0, 30))
        known = max(known, lodged) + draw(st.integers(0, 5))
        whole = replace(whole, contested=(lodged, known))
        if way == 1:
            return whole
        settled = known + draw(st.integers(0, 60))
        if way == 2:
            struck = tuple(number for number in range(1, len(found)) if draw(st.booleans()))
            return replace(whole, upheld=(settled, settled), struck=struck)
        return replace(whole, annulled=(settled, settled))
    if way == 4:
        gone = known + draw(st.integers(0, 100))
        return replace(whole, annulled=(gone, gone))
    if way == 5 and draw(st.booleans()):
        gone = known + draw(st.integers(0, 100))
        return replace(whole, withdrawn=(gone, gone))
    return whole


@st.composite
def policies(draw: st.DrawFn) -> tuple[Policy, ...]:
    """The first policy and perhaps later ones."""
    found: list[Policy] = []
    from_ = -400
    for _ in range(draw(st.integers(1, 3))):
        found.append(
            Policy(
                n=draw(st.sampled_from([2, 2, 3, 4])),
                validity=draw(st.sampled_from([24, 12, 24, 6])),
                cure=draw(st.sampled_from([14, 30, 60])),
                suspends=draw(st.sampled_from([True, True, False])),
                from_=from_,
                adopted=from_ - (draw(st.integers(0, 20)) if found else 0),
            )
        )
        from_ = max(from_, 0) + draw(st.integers(1, 300))
    return tuple(found)


@st.composite
def histories(draw: st.DrawFn) -> History:
    """A whole lease."""
    adopted = draw(policies())
    gaps = draw(st.lists(st.sampled_from([6, 20, 35, 50, 50, 70, 120]), min_size=1, max_size=6))
    moments = [10 + sum(gaps[: place + 1]) for place in range(len(gaps))]
    informs = []
    for version in range(2, len(adopted) + 1):
        if draw(st.booleans()):
            on = max(adopted[version - 1].from_, 0) + draw(st.integers(0, 120))
            informs.append(Inform(version=version, on=on, known=on + draw(st.sampled_from([0, 0, 10]))))
            if rarely(draw):  # told again of what they knew
                informs.append(Inform(version=version, on=on + 30, known=on + 30))
    gone = None
    if draw(st.integers(0, 5)) == 0:
        from_ = draw(st.integers(50, 800))
        gone = (draw(st.sampled_from(ITEMS)), from_, from_ - draw(st.integers(0, 10)))
    return History(
        policies=adopted,
        informs=tuple(informs),
        evaluations=tuple(draw(evaluated(moments, number)) for number in range(len(moments))),
        not_terminable=gone,
        informed=draw(st.sampled_from([(0, False)] * 8 + [(20, False), (20, True), (90, False), (90, True)])),
        order=tuple(draw(st.permutations(range(8)))),
    )


# -- laid into the file, event by event -------------------------------------------------------------------------------


def policy_events(history: History) -> list[Any]:
    """Return the policy versions as events."""
    made: list[Any] = []
    for number, policy in enumerate(history.policies, start=1):
        before = made[-1] if made else first_policy(in_force_from=day(-400))
        told = drafted(
            before,
            version=f"P-{number}",
            in_force_from=day(policy.from_),
            threshold_n=policy.n,
            validity_months=policy.validity,
            cure_days=policy.cure,
            contest_suspends=policy.suspends,
        )
        made.append(told)
    return made


def recorded(event: Any, stream: str, *, on: int, known: datetime, actor: str = "SYS") -> Recorded[Any]:
    """Return an event with the day of its fact and the moment it became known."""
    return Recorded(
        event=event,
        id="e",
        stream=stream,
        version=1,
        occurred_on=day(on),
        recorded_at=known,
        taken_in_at=known,
        actor=actor,
    )


def streams(history: History) -> Iterator[list[tuple[AnyStream, str, Recorded[Any]]]]:
    """Yield, for each thing, what happened to it, in its order. Different things may arrive in any order."""
    nobody = text("naam")
    registered = LeaseRegisteredV1(
        lease=LEASE,
        dwelling_reference=nobody,
        dwelling_address=nobody,
        landlord=nobody,
        parties=(),
        start=START,
        informed_on=day(history.informed[0]),
        imported=history.informed[1],
        policy_version="P-1",
        first_visit_due=START,
    )
    of_lease: list[tuple[AnyStream, str, Recorded[Any]]] = [
        (CASE, LEASE, recorded(registered, f"case/{LEASE}", on=0, known=instant(0)))
    ]
    for inform in history.informs:
        told = RenterInformedOfPolicyV1(lease=LEASE, policy_version=f"P-{inform.version}", delivered_on=day(inform.on))
        known = instant(inform.known)
        of_lease.append((CASE, LEASE, recorded(told, f"case/{LEASE}", on=inform.on, known=known)))
    yield of_lease
    for number, evaluation in enumerate(history.evaluations):
        for place, fact in enumerate(evaluation.facts):
            yield list(_finding(f"E{number}-f{place}", fact))
        yield list(_evaluation(number, evaluation, history))


def _finding(id: str, fact: Fact) -> Iterator[tuple[AnyStream, str, Recorded[Any]]]:
    attributed: Any = {"to": fact.to, "severity": 2}
    told: list[tuple[Any, int, datetime]] = [
        (
            FindingEstablishedV1(
                lease=LEASE,
                finding=id,
                item=fact.item,
                checklist_version="CL-1",
                seen_on=day(fact.on),
                source="visit",
                what_seen=text("gezien"),
            ),
            fact.on,
            instant(fact.on),
        ),
        (
            FindingAttributedV1(lease=LEASE, finding=id, item=fact.item, why=text("w"), **attributed),
            fact.on,
            instant(fact.on, 1),
        ),
    ]
    later: list[tuple[Any, int, datetime]] = []
    if fact.turned is not None:
        on, to, known = fact.turned
        turned: Any = {"to": to, "previously": "renter"}
        event: Any = FindingReattributedV1(lease=LEASE, finding=id, item=fact.item, why=text("w"), **turned)
        later.append((event, on, instant(known, 2)))
    if fact.mistaken is not None:
        on, known = fact.mistaken
        later.append((FindingMarkedMistakenV1(lease=LEASE, finding=id, why=text("w")), on, instant(known, 3)))
    if fact.moved is not None:
        to_day, known = fact.moved
        confirmed = FindingDateConfirmedV1(lease=LEASE, finding=id, seen_on=day(to_day), why=text("w"))
        later.append((confirmed, known, instant(known, 4)))
    for event, on, known_at in [*told, *sorted(later, key=lambda one: one[2])]:
        yield CASE, LEASE, recorded(event, f"case/{LEASE}", on=on, known=known_at, actor=FATMA)


def _evaluation(number: int, evaluation: Evaluated, history: History) -> Iterator[tuple[AnyStream, str, Recorded[Any]]]:
    id, moment_on = f"E{number}", _moment_on(evaluation, history)
    grounds = tuple(
        Ground(finding=f"{id}-f{place}", item=fact.item, occurred_on=day(fact.on))
        for place, fact in enumerate(evaluation.facts)
    )
    proposed = EvaluationProposed(
        lease=LEASE,
        moment=f"m{evaluation.moment}",
        moment_kind="visit",
        moment_on=day(moment_on),
        outcome="negative",
        grounds=grounds,
        why=None,
        checklist_version="CL-1",
        by=FATMA,
    )
    base = 10 + number * 10
    steps: list[tuple[Any, int, datetime]] = [
        (proposed, evaluation.decided, instant(evaluation.decided, base)),
        (decision(day(evaluation.decided)), evaluation.decided, instant(evaluation.decided, base + 1)),
    ]
    heard = Heard(on=START, invited_on=None)
    by: Any = {"by": RITA, "in_name_of": None, "count_after": 0, "threshold": 3, "reasons": text("r")}
    if evaluation.communicated is not None:
        on, known = evaluation.communicated
        told: Any = EvaluationCommunicated(
            communication="c", communicated_on=day(on), contest_until=day(on + 30), contest_days=30
        )
        steps.append((told, on, instant(known, base + 2)))
    if evaluation.corrected is not None:
        to, known = evaluation.corrected
        right = None if to is None else day(to)
        told = EvaluationCommunicationCorrected(communication="c", communicated_on=right, contest_until=right)
        steps.append((told, known, instant(known, base + 3)))
    if evaluation.contested is not None:
        on, known = evaluation.contested
        told = EvaluationContested(lodged_on=day(on), channel="letter", words=None)
        steps.append((told, on, instant(known, base + 4)))
    if evaluation.upheld is not None:
        on, known = evaluation.upheld
        struck = tuple(f"{id}-f{place}" for place in evaluation.struck)
        steps.append((EvaluationUpheld(grounds_struck=struck, heard=heard, **by), on, instant(known, base + 5)))
    if evaluation.annulled is not None:
        on, known = evaluation.annulled
        annulled = EvaluationAnnulled(grounds_struck=(), own_motion=True, heard=None, **by)
        steps.append((annulled, on, instant(known, base + 6)))
    if evaluation.withdrawn is not None:
        on, known = evaluation.withdrawn
        steps.append((EvaluationWithdrawn(why=text("w"), by=KAREL), on, instant(known, base + 7)))
    for event, on, known_at in steps:
        yield EVALUATION, id, recorded(event, f"evaluation/{id}", on=on, known=known_at, actor=KAREL)


def _moment_on(evaluation: Evaluated, history: History) -> int:
    same = [other for other in history.evaluations if other.moment == evaluation.moment]
    return max(min(other.decided for other in same) - 15, 0) if not same else min(other.decided for other in same)


def told(history: History, *, shuffled: bool = False) -> LeaseFile:
    """Return the file of the lease once all of the history has been taken in."""
    file = LeaseFile(lease=LEASE, evaluations={}, terminations={})
    adopted: Any = POLICIES.initial
    for policy, event in zip(history.policies, policy_events(history), strict=True):
        known = instant(policy.adopted)
        adopted = POLICIES.after(adopted, recorded(event, "policies/office", on=policy.adopted, known=known))
    first = first_checklist(in_force_from=day(-400))
    published: Any = CHECKLISTS.after(
        CHECKLISTS.initial, recorded(first, "checklists/office", on=-400, known=instant(-400))
    )
    if history.not_terminable is not None:
        item, from_, on = history.not_terminable
        items = tuple(replace(one, terminable=one.terminable and one.code != item) for one in first.items)
        second = ChecklistPublished(version="CL-2", in_force_from=day(from_), items=items)
        published = CHECKLISTS.after(published, recorded(second, "checklists/office", on=on, known=instant(on)))
    file = replace(file, policies=adopted, checklists=published)
    things = list(streams(history))
    if shuffled:
        things = [things[0], *_reordered(things[1:], history.order)]
    for thing in things:
        for stream, id, event in thing:
            file = file._with(stream, id, event)
    return file


def _reordered(things: list[Any], order: tuple[int, ...]) -> list[Any]:
    return [
        thing for _, _, thing in sorted((order[place % len(order)], place, thing) for place, thing in enumerate(things))
    ]


# -- the rule a second time, naively ----------------------------------------------------------------------------------


def add_months(when: date, months: int) -> date:
    """The same day number some months on; if there is none, the last day of that month."""
    year, month = divmod(when.year * 12 + when.month - 1 + months, 12)
    for last in (when.day, 30, 29, 28):
        try:
            return date(year, month + 1, min(when.day, last))
        except ValueError:
            continue
    raise AssertionError


def naive(history: History, on: date, known: datetime) -> list[dict[str, Any]]:
    """Count every track, step by step as 4.1 and 4.2 say; each answers its count, threshold and places."""
    effective = [p for p in history.policies if day(p.from_) <= on and instant(p.adopted) <= known]
    current = max(enumerate(effective), key=lambda one: (one[1].from_, one[0]))[1]
    told_on, imported = history.informed
    late = told_on > 30 or (imported and told_on > 0)  # then only facts after that day (4.1)
    pins: list[tuple[Policy, date | None]] = [(history.policies[0], day(told_on) if late else None)]
    for inform in sorted(history.informs, key=lambda one: one.on):
        new = history.policies[inform.version - 1] is not pins[-1][0]
        if new and day(inform.on) <= on and instant(inform.known) <= known:
            pins.append((history.policies[inform.version - 1], day(inform.on)))
    answers = []
    for k, (_, informed) in enumerate(pins):
        apply = [policy for policy, _ in pins[k:]] + [current]
        answers.append(
            _naive_track(
                history,
                on,
                known,
                informed,
                n=max(p.n for p in apply),
                validity=min(p.validity for p in apply),
                cure=max(p.cure for p in apply),
                suspends=any(p.suspends for p in apply),
            )
        )
    return answers


def _naive_track(
    history: History,
    on: date,
    known: datetime,
    informed: date | None,
    *,
    n: int,
    validity: int,
    cure: int,
    suspends: bool,
) -> dict[str, Any]:
    places: dict[str, Any] = {}
    left: dict[int, list[tuple[date, int, list[date]]]] = {}
    first: dict[int, date] = {}
    for number, e in enumerate(history.evaluations):
        id, base = f"E{number}", 10 + number * 10

        def seen(step: tuple[Any, int] | None, second: int, base: int = base) -> bool:
            return step is not None and instant(step[1], base + second) <= known

        def happened(step: tuple[int, int] | None, second: int) -> bool:
            return step is not None and seen(step, second) and day(step[0]) <= on

        if instant(e.decided, base + 1) > known or day(e.decided) > on:
            continue
        communicated = day(e.communicated[0]) if e.communicated is not None and seen(e.communicated, 2) else None
        if e.corrected is not None and seen(e.corrected, 3):
            communicated = None if e.corrected[0] is None else day(e.corrected[0])
        if communicated is not None and communicated <= on:
            first[e.moment] = min(communicated, first.get(e.moment, communicated))
        annulled, withdrawn = happened(e.annulled, 6), happened(e.withdrawn, 7)
        upheld = happened(e.upheld, 5)
        contested = happened(e.contested, 4) and not upheld and not annulled
        valid = []
        for place, fact in enumerate(e.facts):
            owner = fact.to
            if fact.turned is not None and day(fact.turned[0]) <= on and instant(fact.turned[2], 2) <= known:
                owner = fact.turned[1]
            mistake = fact.mistaken is not None and day(fact.mistaken[0]) <= on
            mistake = mistake and fact.mistaken is not None and instant(fact.mistaken[1], 3) <= known
            gone = history.not_terminable
            gone_now = gone is not None and gone[0] == fact.item and day(gone[1]) <= on and instant(gone[2]) <= known
            ok = owner == "renter" and not mistake and not gone_now
            ok = ok and not (upheld and place in e.struck)
            happened_on = day(fact.on)
            if fact.moved is not None and instant(fact.moved[1], 4) <= known:
                happened_on = day(fact.moved[0])
            ok = ok and happened_on <= day(_moment_on(e, history)) and happened_on <= on
            ok = ok and day(fact.on) <= on and instant(fact.on, 1) <= known  # attributed on the day it was first dated
            ok = ok and (informed is None or happened_on > informed)
            if ok:
                valid.append(happened_on)
        if withdrawn and communicated is None:
            places[id] = "withdrawn"
        elif communicated is None or communicated > on:
            places[id] = "withdrawn" if withdrawn else "not_communicated"
        elif contested and suspends:
            places[id] = "contested"
        elif annulled:
            places[id] = "annulled"
        elif withdrawn:
            places[id] = "withdrawn"
        elif not valid:
            places[id] = "no_valid_ground"
        else:
            left.setdefault(e.moment, []).append((communicated, number, valid))
    units = []
    for moment, letters in left.items():
        letters.sort(key=lambda one: (one[0], instant(history.evaluations[one[1]].decided, 11 + one[1] * 10), one[1]))
        if on >= add_months(first[moment], validity):
            for _, number, _ in letters:
                places[f"E{number}"] = "expired"
            continue
        units.append((letters[0][0], letters[0][1], [fact for _, _, found in letters for fact in found], letters[1:]))
    units.sort(key=lambda one: (one[0], instant(history.evaluations[one[1]].decided, 11 + one[1] * 10), one[1]))
    counted: list[str] = []
    previous: tuple[str, date] | None = None
    for communicated, number, found, others in units:
        id = f"E{number}"
        if previous is None or any(fact > previous[1] + timedelta(days=cure) for fact in found):
            previous = (id, communicated)
            counted.append(id)
            places[id] = "counted"
        else:
            places[id] = ("within_cure", previous[0])
        for _, other, _ in others:
            places[f"E{other}"] = ("same_moment", id)
    return {"count": len(counted), "threshold": n, "places": places}
