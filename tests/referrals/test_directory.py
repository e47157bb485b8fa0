"""Partners, protocols, bridge figures and interpreters (domain 3.7, P30, P31)."""

from datetime import date
from typing import Any

import pytest

from services.referrals.events import (
    BridgeFigureChanged,
    BridgeFigureListed,
    BridgeFigureRequested,
    BridgeFigureRetired,
    DataSharingProtocolChanged,
    DataSharingProtocolListed,
    DataSharingProtocolRetired,
    InterpreterChanged,
    InterpreterListed,
    InterpreterRetired,
    OfferedService,
    PartnerChanged,
    PartnerCovered,
    PartnerListed,
    PartnerNoLongerCovered,
    PartnerRetired,
    Phone,
    Place,
)
from services.referrals.rules.bridge_figure import (
    BRIDGE_FIGURE,
    BRIDGE_REQUEST,
    change_bridge_figure,
    list_bridge_figure,
    request_bridge_figure,
    retire_bridge_figure,
)
from services.referrals.rules.data_sharing_protocol import (
    DATA_SHARING_PROTOCOL,
    change_protocol,
    list_protocol,
    retire_protocol,
)
from services.referrals.rules.interpreter import (
    INTERPRETER,
    InterpreterIsMinor,
    change_interpreter,
    list_interpreter,
    retire_interpreter,
)
from services.referrals.rules.partner import PARTNER, change_partner, list_partner, retire_partner
from services.referrals.rules.refusals import NoConsent
from shared.decisions import Elsewhere
from shared.refusals import DateOrder, Unknown, WrongState
from tests.referrals import words
from tests.referrals.test_referral import ENDED, RUNNING
from tests.specification import given, state_of

JAN_1, FEB_1, MARCH_1, DEC_31 = date(2026, 1, 1), date(2026, 2, 1), date(2026, 3, 1), date(2026, 12, 31)

CAW: dict[str, Any] = {
    "kind": "caw",
    "name": words("CAW Oost"),
    "phones": (Phone(number=words("09 000 00 00")),),
    "locations": (Place(address_1=words("Plein 1"), city=words("Gent"), postal_code=words("9000")),),
    "services": (OfferedService(name=words("Onthaal"), languages=("nl", "tr"), needs=("money",)),),
}
CAW_LISTED = PartnerListed(**CAW)


def test_a_partner_is_listed() -> None:
    given(PARTNER).when(list_partner, **CAW).then(CAW_LISTED)


def test_the_same_partner_listed_twice_is_one_entry() -> None:
    given(PARTNER, CAW_LISTED).when(list_partner, **CAW).then_nothing_happens()


def test_one_entry_is_not_taken_by_another_partner() -> None:
    given(PARTNER, CAW_LISTED).when(list_partner, kind="ocmw", name=words("OCMW")).then_refused(WrongState)


def test_an_entry_is_changed_as_a_whole() -> None:
    given(PARTNER, CAW_LISTED).when(change_partner, kind="caw", name=words("CAW West")).then(
        PartnerChanged(kind="caw", name=words("CAW West"))
    )


def test_an_entry_that_already_reads_so_does_not_change() -> None:
    changed = PartnerChanged(kind="caw", name=words("CAW West"))
    given(PARTNER, CAW_LISTED, changed).when(change_partner, kind="caw", name=words("CAW West")).then_nothing_happens()


def test_a_retired_partner_stays_as_it_was() -> None:
    retired = given(PARTNER, CAW_LISTED, PartnerRetired(retired_on=MARCH_1))
    retired.when(change_partner, kind="caw", name=words("CAW West")).then_refused(WrongState)
    retired.when(retire_partner, on=DEC_31).then_nothing_happens()


def test_a_partner_is_retired() -> None:
    given(PARTNER, CAW_LISTED).when(retire_partner, on=MARCH_1).then(PartnerRetired(retired_on=MARCH_1))


def test_who_was_never_listed_is_not_retired() -> None:
    given(PARTNER).when(retire_partner, on=MARCH_1).then_refused(WrongState)


# Protocols

PROTOCOL_LISTED = DataSharingProtocolListed(partner="p-1", in_force_from=JAN_1, in_force_until=DEC_31)
LISTED_CAW = state_of(PARTNER, CAW_LISTED)


def test_a_protocol_lets_data_go_to_its_partner() -> None:
    given(DATA_SHARING_PROTOCOL).when(
        list_protocol, id="pr-1", partner=LISTED_CAW, with_partner="p-1", in_force_from=JAN_1, in_force_until=DEC_31
    ).then(
        PROTOCOL_LISTED,
        Elsewhere(PARTNER, "p-1", PartnerCovered(protocol="pr-1", in_force_from=JAN_1, in_force_until=DEC_31)),
    )


def test_the_same_protocol_twice_is_one() -> None:
    given(DATA_SHARING_PROTOCOL, PROTOCOL_LISTED).when(
        list_protocol, id="pr-1", partner=LISTED_CAW, with_partner="p-1", in_force_from=JAN_1, in_force_until=DEC_31
    ).then_nothing_happens()


def test_one_protocol_does_not_take_the_place_of_another() -> None:
    given(DATA_SHARING_PROTOCOL, PROTOCOL_LISTED).when(
        list_protocol, id="pr-1", partner=LISTED_CAW, with_partner="p-2", in_force_from=JAN_1
    ).then_refused(WrongState)


def test_there_is_no_protocol_with_somebody_unknown() -> None:
    given(DATA_SHARING_PROTOCOL).when(
        list_protocol, id="pr-1", partner=PARTNER.initial, with_partner="p-1", in_force_from=JAN_1
    ).then_refused(Unknown)


def test_a_protocol_does_not_end_before_it_begins() -> None:
    given(DATA_SHARING_PROTOCOL).when(
        list_protocol, id="pr-1", partner=LISTED_CAW, with_partner="p-1", in_force_from=DEC_31, in_force_until=JAN_1
    ).then_refused(DateOrder)
    given(DATA_SHARING_PROTOCOL, PROTOCOL_LISTED).when(
        change_protocol, id="pr-1", in_force_from=DEC_31, in_force_until=JAN_1
    ).then_refused(DateOrder)


def test_a_protocol_gets_other_days() -> None:
    given(DATA_SHARING_PROTOCOL, PROTOCOL_LISTED).when(change_protocol, id="pr-1", in_force_from=FEB_1).then(
        DataSharingProtocolChanged(partner="p-1", in_force_from=FEB_1),
        Elsewhere(PARTNER, "p-1", PartnerCovered(protocol="pr-1", in_force_from=FEB_1)),
    )


def test_a_protocol_with_these_days_already_does_not_change() -> None:
    changed = DataSharingProtocolChanged(partner="p-1", in_force_from=FEB_1)
    given(DATA_SHARING_PROTOCOL, PROTOCOL_LISTED, changed).when(
        change_protocol, id="pr-1", in_force_from=FEB_1
    ).then_nothing_happens()


def test_a_protocol_is_retired() -> None:
    given(DATA_SHARING_PROTOCOL, PROTOCOL_LISTED).when(retire_protocol, id="pr-1", on=MARCH_1).then(
        DataSharingProtocolRetired(partner="p-1", retired_on=MARCH_1),
        Elsewhere(PARTNER, "p-1", PartnerNoLongerCovered(protocol="pr-1", retired_on=MARCH_1)),
    )


def test_a_retired_protocol_stays_retired() -> None:
    retired = given(
        DATA_SHARING_PROTOCOL, PROTOCOL_LISTED, DataSharingProtocolRetired(partner="p-1", retired_on=MARCH_1)
    )
    retired.when(retire_protocol, id="pr-1", on=DEC_31).then_nothing_happens()
    retired.when(change_protocol, id="pr-1", in_force_from=FEB_1).then_refused(WrongState)


def test_a_protocol_never_listed_is_neither_changed_nor_retired() -> None:
    given(DATA_SHARING_PROTOCOL).when(change_protocol, id="pr-1", in_force_from=FEB_1).then_refused(WrongState)
    given(DATA_SHARING_PROTOCOL).when(retire_protocol, id="pr-1", on=FEB_1).then_refused(WrongState)


def test_a_partner_is_covered_by_any_of_its_protocols_and_by_the_last_word_on_each() -> None:
    covered = state_of(
        PARTNER,
        CAW_LISTED,
        PartnerCovered(protocol="pr-1", in_force_from=JAN_1, in_force_until=FEB_1),
        PartnerCovered(protocol="pr-2", in_force_from=MARCH_1),
        PartnerCovered(protocol="pr-1", in_force_from=FEB_1, in_force_until=FEB_1),
    )
    assert covered.protocol_on(JAN_1) is None
    assert covered.protocol_on(FEB_1) == "pr-1"
    assert covered.protocol_on(date(2026, 2, 2)) is None
    assert covered.protocol_on(DEC_31) == "pr-2"


# Interpreters

TOLK = InterpreterListed(kind="social", name=words("Ayse"), languages=("tr",))


def test_an_interpreter_is_listed() -> None:
    given(INTERPRETER).when(list_interpreter, kind="social", name=words("Ayse"), languages=("tr",)).then(TOLK)


def test_ec_27_a_minor_never_interprets() -> None:
    given(INTERPRETER).when(list_interpreter, kind="professional", name=words("Ayse"), age_over_18=False).then_refused(
        InterpreterIsMinor
    )
    given(INTERPRETER, TOLK).when(
        change_interpreter, kind="informal_adult", name=words("Ayse"), age_over_18=False
    ).then_refused(InterpreterIsMinor)


def test_ec_27_who_turns_out_to_be_a_minor_is_not_taken_for_the_entry_that_is_there() -> None:
    a_friend = InterpreterListed(kind="informal_adult", name=words("Can"))
    facts = {"kind": "informal_adult", "name": words("Can"), "age_over_18": False}
    for decision in (list_interpreter, change_interpreter):
        given(INTERPRETER, a_friend).when(decision, **facts).then_refused(InterpreterIsMinor)


def test_of_an_acquaintance_somebody_must_have_said_that_they_are_an_adult() -> None:
    given(INTERPRETER).when(list_interpreter, kind="informal_adult", name=words("Ayse")).then_refused(
        InterpreterIsMinor
    )
    given(INTERPRETER).when(list_interpreter, kind="informal_adult", name=words("Ayse"), age_over_18=True).then(
        InterpreterListed(kind="informal_adult", name=words("Ayse"))
    )


def test_the_same_interpreter_twice_is_one() -> None:
    same = {"kind": "social", "name": words("Ayse"), "languages": ("tr",)}
    given(INTERPRETER, TOLK).when(list_interpreter, **same).then_nothing_happens()
    given(INTERPRETER, TOLK).when(change_interpreter, **same).then_nothing_happens()


def test_one_entry_is_not_taken_by_another_interpreter() -> None:
    given(INTERPRETER, TOLK).when(list_interpreter, kind="social", name=words("Can")).then_refused(WrongState)


def test_an_interpreter_changes_and_retires() -> None:
    changed = InterpreterChanged(kind="professional", name=words("Ayse"))
    given(INTERPRETER, TOLK).when(change_interpreter, kind="professional", name=words("Ayse")).then(changed)
    given(INTERPRETER, TOLK, changed).when(retire_interpreter, on=MARCH_1).then(InterpreterRetired(retired_on=MARCH_1))


def test_a_retired_interpreter_stays_so() -> None:
    retired = given(INTERPRETER, TOLK, InterpreterRetired(retired_on=MARCH_1))
    retired.when(retire_interpreter, on=DEC_31).then_nothing_happens()
    retired.when(change_interpreter, kind="social", name=words("Can")).then_refused(WrongState)


def test_an_interpreter_never_listed_is_not_retired() -> None:
    given(INTERPRETER).when(retire_interpreter, on=DEC_31).then_refused(WrongState)


# Bridge figures

AMIR = BridgeFigureListed(name=words("Amir"), languages=("ar", "nl"), person="amir")
ASKED = BridgeFigureRequested(
    lease="l-1",
    bridge_figure="b-1",
    requested_on=MARCH_1,
    consent_on=FEB_1,
    person="amir",
    appointment_on=date(2026, 3, 5),
    slot="10:00",
    name=words("Leila"),
    language=words("ar"),
    topic=words("uitleg over de afspraken"),
)


def request(**other: object) -> dict[str, object]:
    return {
        "id": "b-1",
        "request": "r-1",
        "requested": BRIDGE_REQUEST.initial,
        "lease": RUNNING,
        "of_lease": "l-1",
        "consent_on": FEB_1,
        "on": MARCH_1,
        "appointment_on": date(2026, 3, 5),
        "slot": "10:00",
        "name": words("Leila"),
        "language": words("ar"),
        "topic": words("uitleg over de afspraken"),
        **other,
    }


def test_a_bridge_figure_is_asked_with_the_renters_consent() -> None:
    given(BRIDGE_FIGURE, AMIR).when(request_bridge_figure, **request()).then(Elsewhere(BRIDGE_REQUEST, "r-1", ASKED))


@pytest.mark.parametrize("consent_on", [None, date(2026, 3, 2)])
def test_a_bridge_figure_is_not_asked_without_consent(consent_on: date | None) -> None:
    given(BRIDGE_FIGURE, AMIR).when(request_bridge_figure, **request(consent_on=consent_on)).then_refused(NoConsent)


def test_a_request_made_twice_is_one_request() -> None:
    asked = state_of(BRIDGE_REQUEST, ASKED)
    given(BRIDGE_FIGURE, AMIR).when(request_bridge_figure, **request(requested=asked)).then_nothing_happens()


def test_one_request_does_not_take_the_place_of_another() -> None:
    asked = state_of(BRIDGE_REQUEST, ASKED)
    given(BRIDGE_FIGURE, AMIR).when(
        request_bridge_figure, **request(requested=asked, topic=words("iets anders"))
    ).then_refused(WrongState)


def test_who_is_not_in_the_directory_is_not_asked() -> None:
    given(BRIDGE_FIGURE).when(request_bridge_figure, **request()).then_refused(WrongState)
    given(BRIDGE_FIGURE, AMIR, BridgeFigureRetired(retired_on=FEB_1)).when(
        request_bridge_figure, **request()
    ).then_refused(WrongState)


def test_no_bridge_figure_is_asked_for_a_lease_that_has_ended() -> None:
    given(BRIDGE_FIGURE, AMIR).when(request_bridge_figure, **request(lease=ENDED)).then_refused(WrongState)


def test_a_bridge_figure_is_told_name_language_appointment_and_one_line_only() -> None:
    told = set(BridgeFigureRequested.__dataclass_fields__)
    assert told == {
        *("lease", "bridge_figure", "person", "requested_on", "consent_on"),  # for the office
        *("name", "language", "appointment_on", "slot", "topic"),  # for the bridge figure
    }


def test_a_bridge_figure_is_listed_changed_and_retired() -> None:
    given(BRIDGE_FIGURE).when(list_bridge_figure, name=words("Amir"), languages=("ar", "nl"), person="amir").then(AMIR)
    given(BRIDGE_FIGURE, AMIR).when(change_bridge_figure, name=words("Amir"), languages=("ar",)).then(
        BridgeFigureChanged(name=words("Amir"), languages=("ar",))
    )
    given(BRIDGE_FIGURE, AMIR).when(retire_bridge_figure, on=MARCH_1).then(BridgeFigureRetired(retired_on=MARCH_1))


def test_the_same_bridge_figure_twice_is_one() -> None:
    same = {"name": words("Amir"), "languages": ("ar", "nl"), "person": "amir"}
    given(BRIDGE_FIGURE, AMIR).when(list_bridge_figure, **same).then_nothing_happens()
    given(BRIDGE_FIGURE, AMIR).when(change_bridge_figure, **same).then_nothing_happens()


def test_one_entry_is_not_taken_by_another_bridge_figure() -> None:
    given(BRIDGE_FIGURE, AMIR).when(list_bridge_figure, name=words("Lena")).then_refused(WrongState)


def test_a_retired_bridge_figure_stays_so() -> None:
    retired = given(BRIDGE_FIGURE, AMIR, BridgeFigureRetired(retired_on=MARCH_1))
    retired.when(retire_bridge_figure, on=DEC_31).then_nothing_happens()
    retired.when(change_bridge_figure, name=words("Lena")).then_refused(WrongState)


def test_a_bridge_figure_never_listed_is_not_retired() -> None:
    given(BRIDGE_FIGURE).when(retire_bridge_figure, on=MARCH_1).then_refused(WrongState)
