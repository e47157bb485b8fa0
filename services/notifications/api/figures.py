"""Figures of an office and a period."""

from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Query

from services.notifications import views
from services.notifications.api.door import STAFF, api
from shared.shares import shown
from shared.web import Caller, Day, Store, may

Since = Annotated[Day, Query(alias="from")]


@api.get("/kpis")
async def kpis(
    from_: Since, until: Day, by: Annotated[Caller, may("read_kpis", *STAFF, "auditor", "dpo")], store: Store
) -> Any:
    """K-15 of a period: bad news that did not arrive. Groups under five are not shown."""
    missed, sent = await views.undelivered_bad_news(store, since=from_, until=until, by=by)
    return {
        "from": from_,
        "until": until,
        "kpis": [
            {
                "id": "K-15",
                "name": "undelivered bad news",
                **shown(missed, sent),
                "list": f"/communications?{urlencode({'state': 'not_collected'})}",
            }
        ],
    }
