"""What a day brings, of all that is kept here."""

from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from services.notifications.views.policies_told import TOLD_TO_ALL
from shared.views import Asked


@dataclass(frozen=True, kw_only=True)
class Due:
    """Something that a day brings: ``what`` it is, the id of the thing, its lease, and the day it is about."""

    what: Literal["contest_term", "appointment", "reminder", "unheard", "parked", "arrived", "told_to_all"]
    id: str
    lease: str | None
    day: date | None


async def due_on(
    store: Asked,
    *,
    day: date,
    terms_until: date,
    appointments_until: date,
    unheard_since: date,
    parked_since: date,
    by: Any,
) -> list[Due]:
    """Return all that a day brings, in one question: it is asked for every office on every day.

    Contest terms and announced visits that come near; the system's reminders that are drafts still; official letters
    sent long ago, and messages parked long ago, that are nobody's task yet; tasks whose cause went away unseen.
    """
    found = await store.rows(
        "select 'contest_term' as what, evaluation as id, lease, until as day from contest_term"
        " where office = $1 and running and until between $2 and $3"
        " union all select 'appointment', visit, lease, visit_on from appointment"
        " where office = $1 and open and announced and visit_on between $2 and $4"
        " union all select 'reminder', id, lease, null from communications"
        " where office = $1 and kind = 'L-16' and state = 'draft' and body->>'drafted_by' = 'SYS' and not exists"
        " (select from lease_office g where g.office = $1 and g.lease = communications.lease"
        " and g.to_office is not null)"  # of a lease that went to another office the draft is that one's
        " union all select distinct 'unheard', communication, lease, sent_on from addressed"
        " where office = $1 and state = 'sent' and required and sent_on <= $5 and not exists (select from tasks"
        " where tasks.office = $1 and tasks.kind = 'letter_not_delivered' and tasks.about = communication"
        " and tasks.state <> 'closed')"  # closed for another addressee
        " union all select distinct 'parked', waits_for, null, null::date from inbox"
        " where office = $1 and state = 'parked' and waits_for is not null and taken_at < ($6::date + 1)"
        " and not exists (select from tasks where tasks.office = $1 and tasks.kind = 'parked_too_long'"
        " and tasks.about = waits_for and tasks.state = 'open')"
        " union all select 'arrived', about, null, null from tasks where office = $1 and kind = 'parked_too_long'"
        " and state = 'open' and not exists (select from inbox where inbox.office = $1 and inbox.state = 'parked'"
        " and inbox.waits_for = tasks.about)"
        f" union all select 'told_to_all', about, null, null {TOLD_TO_ALL})"
        " order by 1, 4, 2",
        day,
        terms_until,
        appointments_until,
        unheard_since,
        parked_since,
        by=by,
    )
    return [Due(what=row["what"], id=row["id"], lease=row["lease"], day=row["day"]) for row in found]
