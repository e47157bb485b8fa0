"""How a lease stands: the count with its reasons, on a day and as known at an instant; attempts that were refused."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any

from fastapi import Query, Request

from services.evaluations.api.beside import beside_the_count, day, today_at
from services.evaluations.api.door import READERS, WORDING, api
from services.evaluations.court.api import add_doors
from services.evaluations.ledger import head_known_at, head_of
from services.evaluations.rules.attempts import ATTEMPTS
from services.evaluations.rules.case import CASE
from services.evaluations.rules.counting import Counted, Excluded, Merged, Place, Standing, answer
from services.evaluations.rules.evaluation import Evaluation
from services.evaluations.rules.lease_file import LeaseFile
from services.evaluations.views import read_file
from shared import problems
from shared.doors import DEFAULT_LIMIT, Cursor, Limit
from shared.problems import Fault
from shared.reception import reception_of
from shared.web import Caller, Day, Instant, Store, WebStore, may


@api.get("/dossiers/{lease}/standing")
async def read_standing(
    request: Request,
    lease: str,
    by: Annotated[Caller, may("read_standing", *READERS, "auditor", of=CASE)],
    store: Store,
    on: Annotated[Day | None, Query()] = None,
    known_at: Annotated[Instant | None, Query()] = None,
    valid_on: Annotated[Day | None, Query()] = None,
) -> Any:
    """The count of a lease on a day, as known at an instant, with one sentence for each evaluation.

    Without a day it is that of today; as known at an instant, of the day that was today then. The day has two names,
    ``on`` and ``valid_on`` as of the other reads; they may not say two days.
    """
    if on is not None and valid_on not in (None, on):
        raise problems.invalid(Fault("other", pointer="valid_on"))
    language = request.scope["huurspoor"].language
    return await standing_of(store, by, lease, on or valid_on or today_at(known_at, by), known_at, language=language)


async def standing_of(
    store: WebStore, by: Caller, lease: str, on: date, known_at: datetime | None, *, language: str = "nl"
) -> Mapping[str, Any]:
    """Return the count in its fixed shape, one sentence for each evaluation, and what people must weigh beside it."""
    # What is known now is what can be read now; asked again for this instant, the answer is the same for ever.
    at = await store.known_now(by=by) if known_at is None else await store.until_known(known_at, by=by)
    head = await head_of(store, by=by)
    if head.taken_in_at > at:
        head = await head_known_at(store, at, by=by)
    file = (await read_file(store, lease, by=by)).as_known(at)
    if file.policy_or_none(on=on) is None or file.case.registered is None:
        raise problems.not_found()
    stood = file.standing(on=on)
    shape = answer(stood, as_known_at=at, ledger_position=head.position)
    grounds = {ground.finding for place in stood.headline.places for ground in file.evaluations[place.id].grounds}
    return {
        **shape,
        "why": sentences(stood, file, language),
        **beside_the_count(file, grounds, on=on, language=language),
    }


def sentences(stood: Standing, file: LeaseFile, language: str) -> list[Mapping[str, Any]]:
    """Return for each evaluation in the answer one sentence why it counts or not."""
    return [
        {"id": place.id, "sentence": _sentence(place, file.evaluations[place.id], file, stood, language)}
        for place in stood.headline.places
    ]


def _sentence(place: Place, evaluation: Evaluation, file: LeaseFile, stood: Standing, language: str) -> str:
    values: dict[str, str | int] = {"moment_on": day(evaluation.moment_on)}
    if evaluation.communicated_on is not None:
        values["communicated_on"] = day(evaluation.communicated_on)
    name = "counted" if isinstance(place, Counted) else place.reason
    if isinstance(place, Merged):
        into = file.evaluations[place.into].communicated_on
        values["into"] = day(into) if into is not None else "…"
        values["cure_days"] = stood.headline.parameters.cure_days
    if isinstance(place, Excluded):
        values["validity_months"] = stood.headline.parameters.validity_months
    return WORDING.say("standing", name, language, values) or name


@api.get("/dossiers/{lease}/refused-attempts")
async def read_refused_attempts(
    request: Request,
    lease: str,
    by: Annotated[Caller, may("read_refused_attempts", "director", "auditor", of=CASE)],
    store: Store,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Any:
    """Acts on the lease's evaluations and terminations that were refused, oldest first."""
    cursors, shape = reception_of(request).cursors, ["refused", by.office, lease]
    begin = int(cursors.read(cursor, shape)[0]) if cursor is not None else 0
    told = await store.history(ATTEMPTS, lease, by=by)
    items = [
        {
            "id": one.id,
            "position": one.position,
            "act": one.event.act,
            "about": one.event.about,
            "code": one.event.code,
            "named": list(one.event.named),
            "words": one.event.words,
            "actor": one.actor,
            "occurred_on": one.occurred_on,
            "recorded_at": one.recorded_at,
        }
        for one in told[begin : begin + limit]
    ]
    more = cursors.make([begin + limit], shape) if len(told) > begin + limit else None
    return {"items": items, "next": more}


add_doors(api, standing=standing_of)
