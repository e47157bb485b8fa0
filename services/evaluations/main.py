"""The service for evaluations; the only module that knows all its rooms."""

from pathlib import Path

from services.evaluations.api import api
from services.evaluations.days import days
from services.evaluations.ledger import OfficeLedger
from services.evaluations.publishing import published
from services.evaluations.reactions import reactions
from services.evaluations.rules.attempts import ATTEMPTS
from services.evaluations.rules.before import BEFORE
from services.evaluations.rules.case import CASE
from services.evaluations.rules.checklist import CHECKLISTS
from services.evaluations.rules.court_file import COURT_FILE
from services.evaluations.rules.crossing import STANDING
from services.evaluations.rules.evaluation import EVALUATION
from services.evaluations.rules.hold import HOLD
from services.evaluations.rules.mandates import BREACH, MANDATES
from services.evaluations.rules.moment import MOMENT
from services.evaluations.rules.office import OFFICE
from services.evaluations.rules.policy import POLICIES
from services.evaluations.rules.termination import TERMINATION
from services.evaluations.views import RESOURCES, VIEWS
from shared.service import Service

SERVICE = Service(
    name="evaluations",
    api=api,
    reactions=reactions,
    days=days,
    published=published,
    resources=RESOURCES,
    views=VIEWS,
    streams=(
        OFFICE,
        POLICIES,
        CHECKLISTS,
        MANDATES,
        BREACH,
        BEFORE,
        CASE,
        MOMENT,
        EVALUATION,
        STANDING,
        TERMINATION,
        ATTEMPTS,
        HOLD,
        COURT_FILE,
    ),
    authority=(MANDATES, "office"),
    wording=Path(__file__).parent / "wording",
    companions=lambda _seals: (OfficeLedger(),),
)

if __name__ == "__main__":
    SERVICE.run()
