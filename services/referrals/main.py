"""The service for referrals; the only module that knows all its rooms."""

from pathlib import Path

from services.referrals.api import api
from services.referrals.days import days
from services.referrals.publishing import published
from services.referrals.reactions import reactions
from services.referrals.rules.bridge_figure import BRIDGE_FIGURE, BRIDGE_REQUEST
from services.referrals.rules.data_sharing_protocol import DATA_SHARING_PROTOCOL
from services.referrals.rules.interpreter import INTERPRETER
from services.referrals.rules.lease import LEASE
from services.referrals.rules.noted_needs import NOTED_NEEDS
from services.referrals.rules.ocmw_consultation import OCMW_CONSULTATION
from services.referrals.rules.offer import OFFER
from services.referrals.rules.partner import PARTNER
from services.referrals.rules.referral import REFERRAL
from services.referrals.views import RESOURCES, VIEWS
from shared.authority import MANDATES
from shared.holds import HOLDS
from shared.service import Service

SERVICE = Service(
    name="referrals",
    api=api,
    reactions=reactions,
    days=days,
    published=published,
    resources=RESOURCES,
    views=VIEWS,
    streams=(
        REFERRAL,
        OFFER,
        OCMW_CONSULTATION,
        PARTNER,
        DATA_SHARING_PROTOCOL,
        BRIDGE_FIGURE,
        BRIDGE_REQUEST,
        INTERPRETER,
        LEASE,
        NOTED_NEEDS,
        HOLDS,
        MANDATES,
    ),
    authority=(MANDATES, "office"),
    wording=Path(__file__).parent / "wording",
)

if __name__ == "__main__":
    SERVICE.run()
