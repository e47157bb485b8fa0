"""Who must be reached by an official letter, and who gets a copy (domain 9.1, 9.3)."""

from dataclasses import replace
from datetime import date
from typing import Any

from services.notifications.rules.lease_file import OCMW, addressees_of, administrators_on, required_on
from shared.contracts.visits import (
    AdministratorEndedV1,
    CounsellorAssignedV1,
    LandlordChangedV1,
    LeaseEndedV1,
    PartyAddedV1,
    PartyLeftV1,
    StandstillEndedV1,
    StandstillStartedV1,
)
from tests.notifications.letters import AN, BERT, CELIA, LEASE, appointed, file_of, party, registered, words

MARCH, APRIL, MAY = date(2026, 3, 30), date(2026, 4, 1), date(2026, 5, 1)


def ids(addressees: Any) -> list[str]:
    return [one.addressee for one in addressees]


def test_each_renter_spouse_and_legal_cohabitant_is_required() -> None:
    file = file_of(
        registered(party(AN, "reference_renter"), party(BERT, "legal_cohabitant"), party("p-kid", "household_member"))
    )
    assert ids(required_on(file, MARCH)) == [AN, BERT]


def test_who_joins_or_leaves_counts_from_that_day() -> None:
    joined = PartyAddedV1(lease=LEASE, party=party(BERT, "spouse"), joined_on=APRIL)
    left = PartyLeftV1(lease=LEASE, party=BERT, left_on=MAY)
    file = file_of(registered(), joined, left)
    assert [ids(required_on(file, day)) for day in (MARCH, APRIL, MAY)] == [[AN], [AN, BERT], [AN]]


def test_ec_22_the_administrator_is_required_from_the_appointment_on() -> None:
    file = file_of(registered(), appointed(APRIL))
    assert ids(required_on(file, MARCH)) == [AN]
    assert ids(required_on(file, APRIL)) == [AN, CELIA]
    ended = AdministratorEndedV1(lease=LEASE, administrator=CELIA, ended_on=APRIL)
    assert ids(required_on(file_of(registered(), appointed(APRIL), ended), date(2026, 4, 2))) == [AN]


def test_an_administrator_of_goods_gets_a_copy() -> None:
    (one,) = administrators_on(file_of(registered(), appointed(APRIL, "goods")), APRIL)
    assert one.copy


def test_a_notice_on_arrears_goes_in_copy_to_debt_mediator_and_ocmw() -> None:
    started = StandstillStartedV1(
        lease=LEASE,
        standstill="s-1",
        starts_on=APRIL,
        kind="amicable_debt_mediation",
        mediator_name=words("Budgethulp"),
    )
    file = file_of(registered(), started)
    assert ids(addressees_of(file, kind="L-09", on=APRIL, arrears=True)) == [AN, "s-1", OCMW.addressee]
    assert ids(addressees_of(file, kind="L-09", on=APRIL)) == [AN, OCMW.addressee]
    assert ids(addressees_of(file, kind="L-12", on=APRIL)) == [AN, "s-1"]
    ended = StandstillEndedV1(lease=LEASE, standstill="s-1", ended_on=APRIL)
    assert ids(addressees_of(file_of(registered(), started, ended), kind="L-12", on=MAY)) == [AN]


def test_who_must_be_reached_stands_before_who_gets_a_copy() -> None:
    file = file_of(
        registered(), appointed(APRIL, "goods"), PartyAddedV1(lease=LEASE, party=party(BERT), joined_on=APRIL)
    )
    assert ids(addressees_of(file, kind="L-05", on=APRIL)) == [AN, BERT, CELIA]


def test_a_letter_to_the_ocmw_goes_to_the_ocmw_alone() -> None:
    (one,) = addressees_of(file_of(), kind="L-13", on=APRIL)
    assert (one.role, one.copy) == ("ocmw", False)


def test_the_landlord_is_the_one_of_the_letter_date() -> None:
    changed = LandlordChangedV1(lease=LEASE, landlord=words("Woonpunt"), starts_on=APRIL)
    file = file_of(registered(), changed)
    assert file.landlord_on(MARCH) == words("Woonmaatschappij Noord")
    assert file.landlord_on(APRIL) == words("Woonpunt")


def test_ec_18_after_the_death_of_the_last_renter_nobody_is_an_addressee() -> None:
    died = LeaseEndedV1(lease=LEASE, mode="by_law", ground="death_last_renter", ended_on=date(2026, 3, 2))
    file = file_of(registered(), died)
    assert addressees_of(file, kind="L-05", on=date(2026, 3, 2)) == ()
    assert required_on(file, date(2026, 3, 2)) == ()
    moved = file_of(registered(), replace(died, ground="moved_within_landlord"))
    assert [one.party for one in required_on(moved, date(2026, 3, 2))] == [AN]


def test_a_lease_is_guided_from_its_first_counsellor_until_it_ends() -> None:
    guided = CounsellorAssignedV1(lease=LEASE, counsellor="fatma", assigned_from=MARCH)
    ended = LeaseEndedV1(lease=LEASE, mode="renter_notice", ground="moved_on", ended_on=MAY)
    files = [file_of(registered(), *told) for told in ((), (guided,), (guided, ended))]
    assert [file.is_guided for file in files] == [False, True, False]
