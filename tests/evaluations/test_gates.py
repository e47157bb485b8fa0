"""The ten gates, each closed and open (domain 10.1)."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.evaluations.events import HearingDeclined, HearingHeld, HearingMissed
from services.evaluations.rules import gates
from services.evaluations.rules.termination import TERMINATION, NonTerminableGround
from shared.contracts.notifications import CommunicationDeliveredV1, CommunicationSentV1
from shared.contracts.referrals import OcmwAnsweredV1, OcmwConsultedV1, ReferralOfferedV1
from shared.contracts.visits import (
    AdministratorAppointedV1,
    ContactAnsweredV1,
    ContactLoggedV1,
    FindingMarkedMistakenV1,
    FindingReattributedV1,
    FollowUpRecordedV1,
    PartyAddedV1,
    PartyLeftV1,
    PartyV1,
    StandstillEndedV1,
    StandstillStartedV1,
)
from tests.evaluations.a_file import (
    ADDRESSED,
    CHECKED,
    HEARD,
    IN_ORDER,
    LASTING,
    OPENED,
    PROVEN,
    SERIOUS,
    TODAY,
    WEIGHED,
    a_lease,
    consulted,
    decided,
    facts,
    ground,
    proposed,
)
from tests.evaluations.a_lease import BART, KAREL, LEASE, ALease, text
from tests.evaluations.test_judgement_about_evaluations import an_office_commitment
from tests.specification import recorded, state_of


def stands(lease: ALease, *events: Any, on: date = TODAY, grounds: tuple[str, ...] = ()) -> dict[str, tuple[bool, str]]:
    """Return how each gate stands."""
    named = tuple(ground(lease, finding) for finding in grounds or (SERIOUS, LASTING))
    tested = gates.tested(state_of(TERMINATION, *events), **facts(lease), on=on, grounds=named)
    return {gate.gate: (gate.passes, gate.why) for gate in tested}


def test_a_proven_file_passes_all_ten() -> None:
    stood = stands(a_lease(), *PROVEN)
    assert [gate for gate, (passes, _) in stood.items() if not passes] == []
    assert list(stood) == list(gates.GATES)


def test_each_gate_that_others_fill_names_the_event_that_proves_it() -> None:
    lease = a_lease()
    tested = gates.tested(state_of(TERMINATION, *PROVEN), **facts(lease), on=TODAY, grounds=(ground(lease, SERIOUS),))
    by_id = {told.id: type(told.event).__name__ for told in lease.told}
    assert [by_id[gate.proof or ""] for gate in tested if gate.gate in ("G4", "G7")] == [
        "OcmwAnsweredV1",
        "ReferralOfferedV1",
    ]
    assert all(gate.proof for gate in tested if gate.gate not in ("G5", "G6", "G10"))


def test_a_new_file_has_what_events_gave_and_lacks_what_people_record() -> None:
    stood = stands(a_lease(), OPENED)
    assert [gate for gate, (passes, _) in stood.items() if not passes] == ["G1", "G2", "G3", "G8", "G9"]


def test_g1_declining_passes_and_missing_only_twice_by_different_methods() -> None:
    declined = HearingDeclined(on=TODAY, invited_on=date(2026, 5, 5), said=text("neen"), by=KAREL)
    first = HearingMissed(on=date(2026, 5, 12), invited_on=date(2026, 5, 1), method="registered_paper", by=KAREL)
    again = HearingMissed(on=date(2026, 5, 20), invited_on=date(2026, 5, 12), method="registered_paper", by=KAREL)
    assert stands(a_lease(), OPENED, declined)["G1"] == (True, "hearing_declined")
    assert stands(a_lease(), OPENED, first)["G1"] == (False, "missed_once")
    assert stands(a_lease(), OPENED, first, again)["G1"] == (False, "missed_once")
    assert stands(a_lease(), OPENED, first, replace(again, method="handover"))["G1"] == (True, "missed_twice")


def test_g1_an_invitation_that_did_not_arrive_is_none() -> None:
    opened = recorded(OPENED, stream="termination/T1")
    first = HearingMissed(on=date(2026, 5, 12), invited_on=date(2026, 5, 1), method="registered_paper", by=KAREL)
    again = HearingMissed(on=date(2026, 5, 20), invited_on=date(2026, 5, 12), method="handover", by=KAREL)
    lease = a_lease()
    letter: dict[str, Any] = {"kind": "L-08", "about_kind": "termination", "about_id": "T1"}
    sent = CommunicationSentV1(
        lease=LEASE, communication="c8", addressees=(), method="handover", sent_on=date(2026, 5, 12), **letter
    )
    lease.tell(sent, on=date(2026, 5, 12))
    assert stands(lease, opened, first, again)["G1"] == (False, "invitation_not_delivered")
    arrived = CommunicationDeliveredV1(
        lease=LEASE,
        communication="c8",
        addressee="p1",
        party="p1",
        delivered_on=date(2026, 5, 12),
        proof_kind="handover",
        reference=text("getekend"),
        **letter,
    )
    lease.tell(arrived, on=date(2026, 5, 12))
    assert stands(lease, opened, first, again)["G1"] == (True, "missed_twice")


def test_g1_nobody_was_heard_on_a_day_before_the_hearing() -> None:
    before = date(2026, 5, 18)
    missed = HearingMissed(on=date(2026, 5, 12), invited_on=date(2026, 5, 1), method="registered_paper", by=KAREL)
    declined = HearingDeclined(on=TODAY, invited_on=date(2026, 5, 5), said=text("neen"), by=KAREL)
    again = replace(missed, on=TODAY, invited_on=date(2026, 5, 12), method="handover")
    assert stands(a_lease(), OPENED, HEARD, on=HEARD.on)["G1"] == (True, "heard")
    assert stands(a_lease(), OPENED, HEARD, on=before)["G1"] == (False, "not_heard")
    assert stands(a_lease(), OPENED, declined, on=before)["G1"] == (False, "not_heard")
    assert stands(a_lease(), OPENED, missed, again, on=before)["G1"] == (False, "missed_once")


def test_g1_an_invitation_arrived_when_each_renter_has_it() -> None:
    opened = recorded(OPENED, stream="termination/T1")
    first = HearingMissed(on=date(2026, 5, 12), invited_on=date(2026, 5, 1), method="registered_paper", by=KAREL)
    again = HearingMissed(on=date(2026, 5, 20), invited_on=date(2026, 5, 12), method="handover", by=KAREL)
    lease = a_lease()
    letter: dict[str, Any] = {"lease": LEASE, "kind": "L-08", "about_kind": "termination", "about_id": "T1"}
    sent = CommunicationSentV1(
        communication="c8",
        addressees=(),
        required=("p1", "p2"),
        method="handover",
        sent_on=date(2026, 5, 12),
        **letter,
    )
    proof: dict[str, Any] = {"proof_kind": "handover", "reference": text("getekend"), **letter}
    lease.tell(sent, on=date(2026, 5, 12))
    to_one = CommunicationDeliveredV1(
        communication="c8", addressee="p1", party="p1", delivered_on=date(2026, 5, 12), **proof
    )
    lease.tell(to_one, on=date(2026, 5, 12))
    assert stands(lease, opened, first, again)["G1"] == (False, "invitation_not_delivered")
    lease.tell(replace(sent, communication="c8b", required=("p2",), again="c8"), on=date(2026, 5, 12))
    to_other = replace(to_one, communication="c8b", addressee="p2", party="p2")
    lease.tell(to_other, on=date(2026, 5, 12))
    assert stands(lease, opened, first, again)["G1"] == (True, "missed_twice")


def test_g1_an_invitation_went_the_way_its_letter_went_whatever_was_typed_in() -> None:
    opened = recorded(OPENED, stream="termination/T1")
    first = HearingMissed(on=date(2026, 5, 12), invited_on=date(2026, 5, 1), method="registered_paper", by=KAREL)
    again = HearingMissed(on=TODAY, invited_on=date(2026, 5, 12), method="handover", by=KAREL)
    letter: dict[str, Any] = {"lease": LEASE, "kind": "L-08", "about_kind": "termination", "about_id": "T1"}
    ways: list[tuple[Any, str]] = [("registered_paper", "missed_once"), ("handover", "missed_twice")]
    for method, why in ways:
        sent = CommunicationSentV1(communication="c8", addressees=(), method=method, sent_on=again.invited_on, **letter)
        arrived = CommunicationDeliveredV1(
            communication="c8",
            addressee="p1",
            party="p1",
            delivered_on=again.invited_on,
            proof_kind="handover",
            reference=text("getekend"),
            **letter,
        )
        lease = a_lease().tell(sent, on=sent.sent_on).tell(arrived, on=sent.sent_on)
        assert stands(lease, opened, first, again)["G1"] == (why == "missed_twice", why)


def test_g1_an_invitation_that_arrived_too_late_is_none() -> None:
    opened = recorded(OPENED, stream="termination/T1")
    first = HearingMissed(on=date(2026, 5, 4), invited_on=date(2026, 4, 24), method="registered_paper", by=KAREL)
    again = HearingMissed(on=TODAY, invited_on=date(2026, 5, 11), method="handover", by=KAREL)
    letter: dict[str, Any] = {"lease": LEASE, "kind": "L-08", "about_kind": "termination", "about_id": "T1"}
    sent = CommunicationSentV1(
        communication="c8", addressees=(), required=("p1",), method="handover", sent_on=again.invited_on, **letter
    )
    for arrived_on, why in (
        (date(2026, 5, 13), "missed_twice"),  # seven days ahead
        (date(2026, 5, 14), "invitation_not_delivered"),
        (date(2026, 5, 21), "invitation_not_delivered"),  # when the hearing was over
    ):
        arrived = CommunicationDeliveredV1(
            communication="c8",
            addressee="p1",
            party="p1",
            delivered_on=arrived_on,
            proof_kind="handover",
            reference=text("getekend"),
            **letter,
        )
        lease = a_lease().tell(sent, on=sent.sent_on).tell(arrived, on=arrived_on)
        assert stands(lease, opened, first, again, on=date(2026, 5, 25))["G1"] == (why == "missed_twice", why)
        lease.policy(from_=date(2026, 5, 21), hearing_notice_days=21)  # which is no rule of the day of the hearing
        assert stands(lease, opened, first, again, on=date(2026, 5, 25))["G1"] == (why == "missed_twice", why)


def test_g2_covers_every_ground_and_each_is_still_the_renters() -> None:
    checked = replace(CHECKED, findings=(SERIOUS,))
    assert stands(a_lease(), OPENED, checked)["G2"] == (False, "ground_not_checked")
    lost = a_lease().reattribute(SERIOUS, to="landlord", on=TODAY, item="SCH-03")
    assert stands(lost, OPENED, CHECKED)["G2"] == (False, "not_the_renters")


def test_what_people_recorded_since_closes_no_gate_of_a_day_before() -> None:
    before = date(2026, 5, 19)
    since = [recorded(told, on=TODAY) for told in (CHECKED, WEIGHED, IN_ORDER)]
    checked_since = replace(ADDRESSED, addressees=tuple(replace(one, checked_on=TODAY) for one in ADDRESSED.addressees))
    stood = stands(a_lease(), OPENED, *since, checked_since, on=before)
    assert [stood[gate] for gate in ("G2", "G3", "G8", "G9")] == [(False, "not_recorded")] * 4
    stood = stands(a_lease(), OPENED, *since, checked_since)
    assert all(stood[gate][0] for gate in ("G2", "G3", "G8", "G9"))


def test_what_people_recorded_anew_leaves_what_it_proved_on_a_day_before() -> None:
    before = date(2026, 5, 19)
    again = recorded(replace(IN_ORDER, in_order=False), on=TODAY)
    checked_since = replace(ADDRESSED, addressees=tuple(replace(one, checked_on=TODAY) for one in ADDRESSED.addressees))
    assert stands(a_lease(), *PROVEN, again, on=before)["G9"] == (True, "landlord_in_order")
    assert stands(a_lease(), *PROVEN, again)["G9"] == (False, "landlord_not_in_order")
    assert stands(a_lease(), *PROVEN, checked_since, on=before)["G8"] == (True, "addressees_checked")


def test_g4_for_arrears_the_ocmw_answers_or_had_its_time() -> None:
    lease = a_lease(arrears=True)
    assert stands(lease, OPENED)["G4"] == (True, "ocmw_answered")
    for asked, on, why in (
        (date(2026, 5, 7), date(2026, 5, 20), "ocmw_may_still_answer"),
        (date(2026, 5, 6), date(2026, 5, 20), "ocmw_did_not_answer"),
    ):
        silent = a_lease(arrears=True)
        silent.file = replace(silent.file, case=replace(silent.file.case, help=()))
        consulted(silent, "arrears", on=asked, answered=False)
        assert stands(silent, OPENED, on=on)["G4"] == (why == "ocmw_did_not_answer", why)
    other = a_lease(arrears=True)
    other.file = replace(other.file, case=replace(other.file.case, help=()))
    assert stands(consulted(other, "damage"), OPENED)["G4"] == (False, "ocmw_not_consulted")


def test_g4_for_other_grounds_it_was_consulted() -> None:
    lease = a_lease()
    assert stands(lease, OPENED)["G4"] == (True, "ocmw_consulted")
    lease.file = replace(lease.file, case=replace(lease.file.case, help=()))
    assert stands(lease, OPENED)["G4"] == (False, "ocmw_not_consulted")


def test_ec_35_g5_a_standstill_blocks_arrears_from_its_first_day_through_its_last() -> None:
    start = StandstillStartedV1(lease=LEASE, standstill="s1", starts_on=TODAY, kind="court_order")
    lease = a_lease(arrears=True).tell(start, on=TODAY)
    assert stands(lease, OPENED)["G5"] == (False, "standstill")
    assert stands(lease, OPENED, on=date(2026, 5, 19))["G5"] == (True, "no_standstill")
    lease.tell(StandstillEndedV1(lease=LEASE, standstill="s1", ended_on=TODAY), on=TODAY)
    assert stands(lease, OPENED)["G5"][0] is False
    assert stands(lease, OPENED, on=date(2026, 5, 21))["G5"][0] is True
    assert stands(a_lease().tell(start, on=TODAY), OPENED)["G5"] == (True, "no_standstill")


def test_g6_an_open_contest_of_an_evaluation_used() -> None:
    assert stands(a_lease().contest("E3", TODAY), OPENED)["G6"] == (False, "contest_open")
    assert stands(a_lease().contest("E1", TODAY), OPENED)["G6"] == (False, "contest_open")


def test_g6_an_open_contest_about_a_fact_that_was_a_ground_before_its_letter_arrived() -> None:
    lease = a_lease().finding("f9", "SCH-01", TODAY, severity=4, consequence="damage")
    lease.evaluation("E4", findings=("f9",), decided=TODAY)
    file = (*PROVEN, proposed(lease, "f9"))  # no letter had reached the renter then
    lease.communicate("E4", TODAY)
    assert stands(lease, *file, grounds=("f9",))["G6"] == (True, "no_contest")
    lease.contest("E4", TODAY)
    known = facts(lease)
    tested = gates.tested(state_of(TERMINATION, *file), **known, on=TODAY)
    assert [gate.why for gate in tested if gate.gate == "G6"] == ["contest_open"]


NOTHING: frozenset[str] = frozenset()


def fallen(lease: ALease, *events: Any) -> tuple[frozenset[str], frozenset[str]]:
    known: dict[str, Any] = {"case": lease.file.case, "evaluations": dict(lease.file.evaluations)}
    checklist = lease.file.checklist(on=TODAY)
    return gates.fallen(state_of(TERMINATION, *events), **known, checklist=checklist, on=TODAY)


def test_a_ground_falls_with_the_evaluation_about_it_that_came_after_the_proposal() -> None:
    lease = a_lease().finding("f9", "SCH-01", TODAY, severity=4, consequence="damage")
    lease.evaluation("E4", findings=("f9",), decided=TODAY)
    file = (*PROVEN, proposed(lease, "f9"), decided(lease, "f9"))
    lease.communicate("E4", TODAY)
    assert fallen(lease, *file) == (NOTHING, NOTHING)
    lease.contest("E4", TODAY)
    assert fallen(lease, *file) == (NOTHING, frozenset({"E4"}))
    lease.annul("E4", TODAY)
    assert fallen(lease, *file) == (NOTHING, frozenset({"E4"}))
    lease.evaluation("E5", findings=("f9",), communicated=TODAY)  # evaluated anew, and that one stands
    assert fallen(lease, *file) == (NOTHING, NOTHING)


def test_a_fact_that_a_contest_struck_is_no_ground_whichever_evaluation_it_was_struck_from() -> None:
    lease = a_lease().finding("f9", "SCH-01", TODAY, severity=4, consequence="damage")
    lease.evaluation("E4", findings=("f9", SERIOUS), communicated=TODAY).contest("E4", TODAY)
    lease.uphold("E4", TODAY, struck=("f9",)).withdraw("E4", TODAY)
    file = (*PROVEN, proposed(lease, "f9"))
    assert fallen(lease, *file) == (frozenset({"f9"}), NOTHING)


def test_ec_30_g7_help_was_offered_whatever_became_of_it() -> None:
    lease = a_lease()
    assert stands(lease, OPENED)["G7"] == (True, "help_offered")
    assert stands(lease, OPENED, on=date(2026, 2, 1))["G7"] == (False, "no_help_offered")


def test_g8_every_required_addressee_was_checked_lately() -> None:
    assert stands(a_lease(), *PROVEN, on=date(2026, 6, 18))["G8"] == (True, "addressees_checked")
    assert stands(a_lease(), *PROVEN, on=date(2026, 6, 19))["G8"] == (False, "address_check_too_old")
    spouse = PartyV1(id="p2", name=text("naam"), role="spouse", language="nl")
    lease = a_lease().tell(PartyAddedV1(lease=LEASE, party=spouse, joined_on=TODAY), on=TODAY)
    assert stands(lease, *PROVEN)["G8"] == (False, "addressee_missing")
    lease.tell(PartyLeftV1(lease=LEASE, party="p2", left_on=TODAY), on=TODAY)
    assert stands(lease, *PROVEN)["G8"][0] is True


def test_an_administrator_of_housing_is_an_addressee() -> None:
    for scope, required in (("housing", ("p1", "adm")), ("all", ("p1", "adm")), ("goods", ("p1",))):
        appointed = AdministratorAppointedV1(
            lease=LEASE,
            administrator="adm",
            appointed_from=TODAY,
            scope=scope,  # type: ignore[arg-type]
            judgment_ref=text("vonnis"),
        )
        assert gates.required_addressees(a_lease().tell(appointed, on=TODAY).file.case, on=TODAY) == required


def test_g9_the_office_is_in_order_itself() -> None:
    assert stands(a_lease(), *PROVEN[:-1], replace(IN_ORDER, in_order=False))["G9"] == (False, "landlord_not_in_order")
    owing = a_lease()
    owing.finding("f1", "ONH-02", TODAY, repeats="E1-f1")
    an_office_commitment(owing, kept=False)
    assert stands(owing, *PROVEN, grounds=("f1",))["G9"] == (False, "office_commitment_open")
    leak = ContactLoggedV1(
        lease=LEASE,
        contact="r1",
        kind="repair_report",
        channel="phone",
        direction="incoming",
        contact_on=TODAY,
        repair_by="owner",
    )
    lease = a_lease().tell(leak, on=TODAY)
    assert stands(lease, *PROVEN)["G9"] == (False, "repair_open")
    done = ContactAnsweredV1(lease=LEASE, contact="r1", kind="repair_report", answered_on=TODAY, answered_by="bart")
    assert stands(lease.tell(done, on=TODAY), *PROVEN)["G9"] == (True, "landlord_in_order")


def test_g9_damage_is_measured_against_an_inventory() -> None:
    lease = a_lease()
    registered = lease.file.case.of_lease[0]
    bare = replace(registered, event=replace(registered.event, inventory_ref=None))
    lease.file = replace(lease.file, case=replace(lease.file.case, of_lease=(bare, *lease.file.case.of_lease[1:])))
    assert stands(lease, *PROVEN)["G9"] == (False, "no_inventory")
    assert stands(lease, *PROVEN, grounds=(LASTING,))["G9"][0] is True


def test_g10_every_ground_is_terminable_and_serious_or_lasting() -> None:
    lease = a_lease()
    assert stands(lease, OPENED)["G10"] == (True, "terminable")
    assert stands(lease, OPENED, grounds=("E2-f1",))["G10"] == (False, "neither_serious_nor_lasting")
    later = lease.not_terminable("SCH-03", from_=TODAY)
    tested = gates.tested(
        state_of(TERMINATION, OPENED),
        **facts(later),
        on=TODAY,
        grounds=proposed(a_lease()).grounds,
    )
    assert (tested[-1].passes, tested[-1].why) == (False, "not_terminable")
    empty = gates.tested(state_of(TERMINATION, OPENED), **facts(lease), on=TODAY)
    assert (empty[-1].passes, empty[-1].why) == (False, "no_ground")


def test_a_ground_knows_whether_it_is_serious_or_lasting_and_which_evaluation_it_grounds() -> None:
    lease = a_lease()
    serious, lasting = ground(lease, SERIOUS), ground(lease, LASTING)
    assert (serious.serious, serious.lasting, serious.evaluation, serious.category) == (True, False, "E3", "damage")
    assert (lasting.serious, lasting.lasting, lasting.item) == (False, True, "ONH-02")


def test_a_ground_is_lasting_by_the_checklist_by_which_it_was_found() -> None:
    for days in (10, 365):  # repeated over 113 days, of an item that is lasting after 60
        lease = a_lease().lasting_after("ONH-02", days, from_=date(2026, 5, 6))
        assert ground(lease, LASTING).lasting
        assert stands(lease, OPENED)["G10"] == (True, "terminable")
    found_since = a_lease().lasting_after("ONH-02", 365, from_=date(2026, 5, 5))
    assert not ground(found_since, LASTING).lasting
    brief = a_lease().finding("f1", "AFV-01", date(2026, 5, 1)).finding("f2", "AFV-01", date(2026, 5, 5), repeats="f1")
    assert not ground(brief.lasting_after("AFV-01", 3, from_=date(2026, 5, 6)), "f2").lasting


def test_a_language_finding_is_never_a_ground() -> None:
    lease = a_lease().finding("f9", "TAA-01", TODAY)
    with pytest.raises(NonTerminableGround) as refused:
        ground(lease, "f9")
    assert [named.code for named in refused.value.named] == ["NON_TERMINABLE_GROUND"]


LATER = date(2026, 5, 27)
SINCE_THEN: list[tuple[str, Any]] = [
    ("hearing", HearingHeld(**{**vars(HEARD), "on": LATER})),
    ("attribution", replace(CHECKED, findings=())),
    ("note", WEIGHED),
    ("addresses", replace(ADDRESSED, addressees=())),
    ("landlord", replace(IN_ORDER, in_order=False)),
    ("standstill", StandstillStartedV1(lease=LEASE, standstill="s1", starts_on=LATER, kind="court_order")),
    ("offer", ReferralOfferedV1(lease=LEASE, offered_on=LATER)),
    ("asked", OcmwConsultedV1(lease=LEASE, consultation="o9", consulted_on=LATER, ground="arrears")),
    ("answered", OcmwAnsweredV1(lease=LEASE, consultation="o1", answered_on=LATER)),
    ("reattributed", FindingReattributedV1(
        lease=LEASE, finding=SERIOUS, item="SCH-03", to="owner", previously="renter", why=text("lek")
    )),
    ("mistaken", FindingMarkedMistakenV1(lease=LEASE, finding=LASTING, why=text("andere woning"))),
    ("mended", FollowUpRecordedV1(
        lease=LEASE, finding="E1-f1", item="ONH-02", seen_on=LATER, outcome="resolved", seen_by=BART
    )),
    ("party", PartyAddedV1(
        lease=LEASE, party=PartyV1(id="p2", name=text("naam"), role="spouse", language="nl"), joined_on=LATER
    )),
    ("leak", ContactLoggedV1(
        lease=LEASE, contact="r1", kind="repair_report", channel="phone", direction="incoming", contact_on=LATER,
        repair_by="owner",
    )),
]  # fmt: skip


@settings(max_examples=60, deadline=None, database=None)
@given(st.sets(st.sampled_from([name for name, _ in SINCE_THEN])), st.booleans(), st.sets(st.sampled_from(PROVEN[1:])))
def test_how_the_gates_stood_on_a_day_never_depends_on_what_is_dated_later(
    since: set[str], arrears: bool, proven: set[Any]
) -> None:
    file: list[Any] = [OPENED, *(told for told in PROVEN[1:] if told in proven)]
    before = stands(a_lease(arrears=arrears), *file)
    lease = a_lease(arrears=arrears)
    for name, told in SINCE_THEN:
        if name in since and name in ("hearing", "attribution", "note", "addresses", "landlord"):
            file.append(recorded(told, on=LATER))
        elif name in since:
            lease.tell(told, on=LATER)
    lease.policy(from_=LATER, ocmw_answer_days=30, hearing_notice_days=21).lasting_after("ONH-02", 365, from_=LATER)
    assert stands(lease, *file) == before


def test_the_proof_of_a_gate_is_the_event_that_gave_it() -> None:
    file = state_of(TERMINATION, OPENED, recorded(HEARD, on=TODAY))
    tested = gates.tested(file, **facts(a_lease()), on=TODAY)
    assert tested[0].proof == "e-0"
