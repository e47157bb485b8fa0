"""Which letter may go which way, and who answers for it (domain 9.1, 3.8, 8)."""

from dataclasses import replace
from datetime import date
from typing import get_args

import pytest

from services.notifications.rules.kinds import (
    CHANNELS,
    CHAT,
    OFFICIAL,
    POLICIES,
    channels_of,
    is_bad_news,
    may_send_bad_news,
    policy_in_force,
)
from shared.contracts.notifications import Kind
from shared.decisions import Person
from tests.notifications.examples import POLICY
from tests.notifications.letters import FATMA, KAREL, RITA, TOM
from tests.specification import state_of

KINDS: tuple[Kind, ...] = get_args(Kind)


def test_every_kind_has_its_channels() -> None:
    assert set(CHANNELS) == set(KINDS)


@pytest.mark.parametrize("kind", sorted(OFFICIAL))
def test_chat_is_never_the_carrier_of_an_official_letter(kind: Kind) -> None:
    assert not CHANNELS[kind] & CHAT


def test_a_correction_of_dates_goes_as_the_letter_that_it_corrects() -> None:
    assert channels_of("L-11", "termination") == CHANNELS["L-09"]
    assert channels_of("L-11", "evaluation") == CHANNELS["L-05"]
    assert channels_of("L-11", "lease") == CHANNELS["L-11"]
    assert channels_of("L-06", "evaluation") == CHANNELS["L-06"]


def test_a_notice_goes_registered_only() -> None:
    assert CHANNELS["L-09"] == {"registered_paper", "registered_electronic"}


def test_bad_news_is_what_the_domain_calls_so() -> None:
    assert [kind for kind in KINDS if is_bad_news(kind)] == ["L-05", "L-08", "L-09"]
    assert is_bad_news("L-07", upheld=True)
    assert is_bad_news("L-11", of="L-09")
    assert not is_bad_news("L-11")


@pytest.mark.parametrize(
    ("kind", "about", "policy", "may"),
    [
        ("L-05", "evaluation", "coordinator", {"karel", "rita"}),
        ("L-05", "evaluation", "counsellor", {"fatma", "karel", "rita"}),
        ("L-07", "evaluation", "coordinator", {"rita"}),
        ("L-08", "termination", "counsellor", {"karel", "rita"}),
        ("L-09", "termination", "counsellor", {"rita"}),
        ("L-11", "termination", "counsellor", {"rita"}),
        ("L-11", "evaluation", "counsellor", {"fatma", "karel", "rita"}),
    ],
)
def test_who_brings_bad_news(kind: Kind, about: str, policy: str, may: set[str]) -> None:
    people: tuple[Person, ...] = (FATMA, KAREL, RITA, TOM)
    allowed = {
        one.id
        for one in people
        if may_send_bad_news(one, kind=kind, about_kind=about, senders=(), policy=policy)  # type: ignore[arg-type]
    }
    assert allowed == may


def test_who_acts_in_the_name_of_the_decider_may_tell_the_decision() -> None:
    deputy = replace(KAREL, in_name_of="wim")
    assert may_send_bad_news(deputy, kind="L-07", about_kind="evaluation", senders=("wim",), policy="coordinator")


def test_the_policy_of_a_day_is_the_latest_in_force() -> None:
    later = replace(POLICY, version="P-2", in_force_from=date(2026, 6, 1))
    policies = state_of(POLICIES, POLICY, later)
    assert policy_in_force(policies, on=date(2026, 5, 31)) == POLICY
    assert policy_in_force(policies, on=date(2026, 6, 1)) == later
    assert policy_in_force(policies, on=date(2024, 1, 1)) is None
