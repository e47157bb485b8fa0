"""Messages follow how a renter wants to be reached, and in which language, from the day on which that holds."""

from datetime import date
from typing import Any

import pytest

from services.notifications.events import PreferencesStated
from services.notifications.rules.preferences import PREFERENCES, Preferences, in_their_language, preferred
from services.notifications.rules.preferences import state_preferences as state
from services.notifications.rules.sending import channel_of
from shared.refusals import Unknown
from tests.notifications.letters import AN, BERT, DECIDED, LEASE, SENT, to
from tests.specification import given


def stated(*channels: Any, language: str | None = None, from_: date = DECIDED) -> PreferencesStated:
    """Return what An said."""
    return PreferencesStated(lease=LEASE, party=AN, channels=channels, language=language, from_=from_)


def wishes(*said: PreferencesStated) -> dict[str, Preferences]:
    """Return what An said over time."""
    return {AN: Preferences(stated=said)}


def test_a_preference_holds_from_its_day_until_another_begins() -> None:
    said = wishes(stated("email"), stated("sms", from_=SENT))
    assert preferred("L-16", AN, said, on=date(2026, 1, 1)) is None
    assert preferred("L-16", AN, said, on=DECIDED) == "email"
    assert preferred("L-16", AN, said, on=SENT) == "sms"


def test_of_two_from_one_day_the_later_said_holds() -> None:
    assert preferred("L-16", AN, wishes(stated("email"), stated("sms")), on=DECIDED) == "sms"


def test_the_first_channel_that_the_kind_allows_is_taken() -> None:
    said = wishes(stated("whatsapp", "sms", "email"))
    assert preferred("L-16", AN, said, on=DECIDED) == "whatsapp"
    assert preferred("L-12", AN, said, on=DECIDED) == "email"
    assert preferred("L-09", AN, said, on=DECIDED) is None, "chat is never the carrier of a notice"
    assert preferred("L-16", AN, said, on=DECIDED, among=("sms",)) == "sms"
    assert preferred("L-16", BERT, said, on=DECIDED) is None


def test_a_letter_is_for_each_in_the_language_they_asked_for() -> None:
    (an, bert) = in_their_language((to(AN), to(BERT)), wishes(stated("sms", language="fr")), on=DECIDED)
    assert (an.language, bert.language) == ("fr", "nl")
    (an,) = in_their_language((to(AN),), wishes(stated("sms")), on=DECIDED)
    assert an.language == "nl"


def test_only_a_party_states_a_preference_and_saying_it_twice_is_once() -> None:
    given(PREFERENCES).when(state, stated=stated("sms"), parties=(AN,)).then(stated("sms"))
    given(PREFERENCES, stated("sms")).when(state, stated=stated("sms"), parties=(AN,)).then_nothing_happens()
    with pytest.raises(Unknown):
        state(Preferences(), stated=stated("sms"), parties=(BERT,))


def test_people_bring_what_no_carrier_is_switched_on_for() -> None:
    assert channel_of("sms", on=("email",)) is None
    assert channel_of("sms", on=("email", "sms")) == "sms"
