"""What referrals makes of what visits told of a lease."""

from datetime import date

import pytest

from services.referrals.rules.lease import LEASE
from services.referrals.rules.noted_needs import NOTED_NEEDS
from shared.contracts.visits import (
    LeaseClosedV1,
    LeaseEndedV1,
    NoticeRunningV1,
    NoticeStoppedV1,
    PartyAddedV1,
    PartyLeftV1,
    PartyV1,
    ReportFixedV1,
)
from tests.referrals import words
from tests.referrals.test_referral import REGISTERED, STARTED
from tests.specification import state_of

NOTICE = NoticeRunningV1(lease="l-1")
ENDED = LeaseEndedV1(lease="l-1", mode="mutual", ground="care_home", ended_on=date(2026, 9, 1))


@pytest.mark.parametrize(
    ("told", "state", "over"),
    [
        ((), "unknown", False),
        ((REGISTERED,), "prepared", False),
        ((REGISTERED, STARTED), "running", False),
        ((REGISTERED, STARTED, NOTICE), "notice_running", False),
        ((REGISTERED, STARTED, NOTICE, NoticeStoppedV1(lease="l-1")), "running", False),
        ((REGISTERED, STARTED, ENDED), "ended", True),
        ((REGISTERED, STARTED, ENDED, LeaseClosedV1(lease="l-1")), "closed", True),
    ],
)
def test_a_lease_is_in_the_state_visits_told_last(told: tuple[object, ...], state: str, over: bool) -> None:
    lease = state_of(LEASE, *told)
    assert (lease.state, lease.is_over) == (state, over)


def test_parties_come_and_go() -> None:
    leila = PartyV1(id="pa-1", name=words("Leila"), role="renter", language="ar")
    added = PartyAddedV1(lease="l-1", party=leila, joined_on=date(2026, 2, 1))
    assert state_of(LEASE, REGISTERED, added).parties == {"pa-1": leila}
    left = PartyLeftV1(lease="l-1", party="pa-1", left_on=date(2026, 3, 1))
    assert state_of(LEASE, REGISTERED, added, left).parties == {}


def test_needs_noted_at_a_visit_are_kept_beside_it() -> None:
    fixed = ReportFixedV1(
        lease="l-1",
        visit="v-1",
        visit_on=date(2026, 2, 2),
        fixed_on=date(2026, 2, 3),
        late=False,
        findings=(),
        needs=(words("money", key="B-1"),),
    )
    noted = state_of(NOTED_NEEDS, fixed)
    assert (noted.lease, noted.visit, noted.noted_on) == ("l-1", "v-1", date(2026, 2, 2))
    assert noted.needs == (words("money", key="B-1"),)
