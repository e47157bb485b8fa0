"""What holds after any history of a lease and its visits (domain 13: I-01, I-07, I-11; issue 4: what is due)."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from services.visits.events import FindingAttributed, FindingReattributed, FollowUpRecorded
from services.visits.publishing import published
from services.visits.rules.agreement import AGREEMENT
from services.visits.rules.due import overdue
from services.visits.rules.ending import end
from services.visits.rules.finding import (
    FINDING,
    attribute,
    establish,
    follow_up,
    link_repeat,
    mark_mistaken,
    reattribute,
)
from services.visits.rules.handover import change_counsellor
from services.visits.rules.lease import LEASE, Lease, assign_counsellor, note_overdue, register, set_cadence, start
from services.visits.rules.persistence import persistence
from services.visits.rules.visit import VISIT, announce, cancel, plan, record, record_not_home, reschedule
from services.visits.views import VIEWS
from services.visits.views.due import DUE
from shared.authority import NOBODY_YET
from shared.decisions import AnyStream, Elsewhere, Recorded, Refusal
from tests.specification import recorded
from tests.visits.examples import CHECKLISTS, COORDINATOR, ESTABLISHED, FATMA, KAREL, POLICIES, REGISTERED, text

WHY = text("Een goede reden.")
BEGIN = date(2025, 11, 3)


class World:
    """One lease with all its streams and views, in memory."""

    def __init__(self, starts: date) -> None:
        self.today = BEGIN
        self.states: dict[tuple[str, str], Any] = {}
        self.log: list[tuple[AnyStream, str, Recorded[Any]]] = []
        self.due: dict[tuple[Any, ...], dict[str, Any]] = {}
        registration: dict[str, Any] = {
            "parties": REGISTERED.parties,
            "dwelling_reference": REGISTERED.dwelling_reference,
            "dwelling_address": REGISTERED.dwelling_address,
            "landlord": REGISTERED.landlord,
            "informed_on": BEGIN,
            "policy_version": None,
            "inventory_ref": None,
            "policies": POLICIES,
        }
        self.decide(LEASE, "L1", partial(register, start=starts, today=BEGIN, **registration))

    def decide(self, stream: AnyStream, id: str, decision: Callable[..., Iterable[Any]]) -> None:
        """Decide, and let views follow; a refusal changes nothing."""
        with suppress(Refusal):
            for event in decision(self.states.get((stream.kind, id), stream.initial)):
                where = event if isinstance(event, Elsewhere) else Elsewhere(stream, id, event)
                self._record(where.stream, where.id, where.event)

    def _record(self, stream: AnyStream, id: str, event: Any) -> None:
        whole = replace(recorded(event, on=self.today), stream=f"{stream.kind}/{id}")
        state = stream.after(self.states.get((stream.kind, id), stream.initial), whole)
        self.states[stream.kind, id] = state
        self.log.append((stream, id, whole))
        assert all(contract.__class__.__name__.endswith("V1") for contract in published(event, state, id))
        for view in VIEWS:
            if view.of is stream:
                for row in view.rows(state, whole):
                    if row.table is DUE:
                        key = tuple(row.values[column] for column in DUE.key)
                        self.due.pop(key, None) if row.gone else self.due.update({key: dict(row.values)})

    @property
    def lease(self) -> Lease:
        """The lease as it is."""
        known: Lease = self.states["lease", "L1"]
        return known

    def all(self, stream: AnyStream) -> dict[str, Any]:
        """All things of a kind."""
        return {id: state for (kind, id), state in self.states.items() if kind == stream.kind}

    def next_day(self, days: int) -> None:
        """Let days pass, each with its work."""
        for _ in range(days):
            self.today += timedelta(days=1)
            self.decide(LEASE, "L1", partial(start, today=self.today))
            self.decide(LEASE, "L1", partial(note_overdue, today=self.today))

    def act(self, what: str, number: int) -> None:
        """Do something about the lease or one of its visits."""
        visits = sorted(self.all(VISIT))
        visit = visits[number % len(visits)] if visits else "v0"
        on, lease = self.today, self.lease
        of_lease: dict[str, Callable[..., Iterable[Any]]] = {
            "assign": partial(assign_counsellor, counsellor="fatma", from_=on, today=on, mandates=NOBODY_YET),
            "cadence": partial(
                set_cadence, months=(1, 3, 12)[number % 3], reason=WHY, on=on, today=on, by=KAREL, policies=POLICIES
            ),
            "change": partial(
                change_counsellor,
                counsellor=("mia", "fatma")[number % 2],
                from_=on,
                reason=WHY,
                today=on,
                mandates=NOBODY_YET,
                visits=self.all(VISIT),
            ),
            "end": partial(
                end,
                mode="renter_notice",
                ground="moved_on",
                secondary_grounds=(),
                on=on,
                judgment_says_neglect=False,
                agreements=self.all(AGREEMENT),
            ),
        }
        later, new = on + timedelta(days=7 + number), f"v{len(visits) + 1}"
        of_visit: dict[str, Callable[..., Iterable[Any]]] = {
            "announce": partial(
                announce,
                channel="sms",
                on=on,
                purpose_told=True,
                agreed_on=on if number % 2 else None,
                today=on,
                lease=lease,
                policies=POLICIES,
            ),
            "record": partial(
                record,
                id=visit,
                on=on,
                present=("fatma",),
                permission=True,
                interpreter="none",
                interpreter_over_18=None,
                actor=FATMA.id,
                today=on,
                lease=lease,
                policies=POLICIES,
            ),
            "not home": partial(record_not_home, on=on, now=None, waited_minutes=20, card_left=True),
            "cancel": partial(cancel, by="fatma", reason=WHY),
            "reschedule": partial(
                reschedule,
                id=visit,
                new_visit=new,
                new_on=later,
                new_slot=None,
                asked_by="renter",
                reason=None,
                lease=lease,
                already=VISIT.initial,
            ),
        }
        match what:
            case "plan":
                planned = partial(
                    plan, lease_id="L1", on=later, slot="10:00", purpose="individual", counsellor=None, lease=lease
                )
                self.decide(VISIT, new, planned)
            case _ if what in of_lease:
                self.decide(LEASE, "L1", of_lease[what])
            case _ if visits:
                self.decide(VISIT, visit, of_visit[what])


ACTS = ("assign", "plan", "announce", "record", "not home", "cancel", "reschedule", "cadence", "change", "end")
HISTORIES = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(ACTS[:-1]), st.integers(0, 9)),
        st.tuples(st.just("days"), st.integers(1, 45)),
        st.tuples(st.sampled_from(("assign", "plan", "announce", "record", "cadence")), st.integers(0, 9)),
        st.tuples(st.just("end"), st.integers(0, 9)),
    ),
    max_size=40,
)


def _lived(history: list[tuple[str, int]], starts: date) -> World:
    world = World(starts)
    for what, number in history:
        if what == "days":
            world.next_day(number)
        else:
            world.act(what, number)
        _holds(world)
    return world


def _holds(world: World) -> None:
    lease = world.lease
    # I-11: a running lease has exactly one counsellor, and a next visit due or an explicit reason why not.
    if lease.runs:
        assert lease.counsellor
        assert (lease.next_visit_due is None) == (lease.no_visit_due_because is not None)
    # What is due: the lease list, the list of what is due and the pure definition say the same.
    late = overdue(lease.next_visit_due, on=world.today)
    assert lease.overdue is late
    listed = [row for row in world.due.values() if row["kind"] in ("first_visit", "next_visit")]
    assert [row["due_on"] for row in listed] == ([lease.next_visit_due] if lease.next_visit_due else [])
    # Open visits are the present counsellor's.
    assert {visit.counsellor for visit in world.all(VISIT).values() if visit.open} <= {lease.counsellor}


@settings(max_examples=60, deadline=None)
@given(HISTORIES, st.integers(-30, 20))
def test_any_history_keeps_the_lease_guided_and_what_is_due_one_thing(
    history: list[tuple[str, int]], starts_after: int
) -> None:
    _lived(history, BEGIN + timedelta(days=starts_after))


@settings(max_examples=30, deadline=None)
@given(HISTORIES, st.integers(-30, 20))
def test_the_same_events_give_the_same_states(history: list[tuple[str, int]], starts_after: int) -> None:
    """I-07: folding the log again, stream by stream, gives what was there."""
    world = _lived(history, BEGIN + timedelta(days=starts_after))
    again: dict[tuple[str, str], Any] = {}
    for stream, id, whole in sorted(world.log, key=lambda entry: entry[1]):
        again[stream.kind, id] = stream.after(again.get((stream.kind, id), stream.initial), whole)
    assert again == world.states


# --- findings that repeat each other ---


def _established(world: World, id: str, on: date) -> None:
    state = world.states.get(("finding", id), FINDING.initial)
    assert state == FINDING.initial
    letter = partial(
        establish,
        lease_id="L1",
        item="ONH-02",
        place=None,
        what_seen=ESTABLISHED.what_seen,
        on=on,
        source="letter",
        visit_id=None,
        source_identity=None,
        evidence=(),
        inventory_element=None,
        date_suspect=False,
        actor="fatma",
        lease=world.lease,
        visits={},
        contacts={},
        photos={},
        checklists=CHECKLISTS,
    )
    world.decide(FINDING, id, letter)


FINDING_ACTS = st.lists(
    st.tuples(
        st.sampled_from(("attribute", "reattribute", "link", "resolve", "mistake")),
        st.integers(0, 4),
        st.integers(0, 4),
    ),
    max_size=30,
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 200), min_size=5, max_size=5), FINDING_ACTS)
def test_lasting_is_always_what_the_chain_gives(days: list[int], acts: list[tuple[str, int, int]]) -> None:
    """The persistence recorded with each finding is what its chain gives at that moment, however it came about."""
    world = World(BEGIN)
    world.act("assign", 0)
    for number, after in enumerate(days):
        _established(world, f"f{number}", BEGIN + timedelta(days=after))
    for what, one, other in acts:
        _do(world, what, f"f{one}", f"f{other}", one)
        findings = world.all(FINDING)
        seen = {id: finding.as_seen for id, finding in findings.items()}
        for id, finding in findings.items():
            now = persistence(seen, id, lasting_after_days=60)
            kept = finding.persistence
            shown = (kept.observations, kept.persistent_days, kept.lasting) if kept else (0, 0, False)
            assert shown == (now.observations, now.persistent_days, now.lasting), id
            assert not now.lasting or (finding.to == "renter" and now.observations >= 2)
    asked = {FindingAttributed, FindingReattributed, FollowUpRecorded}
    assert all(whole.event.__class__ not in asked or whole.stream != "lease/L1" for _, _, whole in world.log)


def _do(world: World, what: str, id: str, other: str, number: int) -> None:
    known: dict[str, Any] = {"id": id, "findings": world.all(FINDING), "checklists": CHECKLISTS}
    decisions: dict[str, Callable[..., Iterable[Any]]] = {
        "attribute": partial(attribute, to="renter", severity=2, consequence=None, why=WHY, roles=COORDINATOR, **known),
        "reattribute": partial(reattribute, to=("owner", "renter")[number % 2], why=WHY, **known),
        "link": partial(link_repeat, earlier_finding=other, **known),
        "resolve": partial(follow_up, on=date(2026, 12, 1), outcome="resolved", seen_by="fatma", **known),
        "mistake": partial(mark_mistaken, why=WHY, **known),
    }
    world.decide(FINDING, id, decisions[what])
