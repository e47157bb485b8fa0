"""How the office is reached, and who helps renters where it works."""

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any
from uuid import uuid4

import msgspec
from fastapi import Request

from services.notifications.api.door import STAFF, Name, api, kept_as_adopted
from services.notifications.events import Helpline, OfficeDetailsAdopted
from services.notifications.letters import OFFICE
from services.notifications.names import task_named
from services.notifications.rules.following import Closing, and_tasks
from services.notifications.rules.office import OFFICE_DETAILS, Adopted, adopt_details
from services.notifications.rules.task import TASK, Task
from shared.bodies import new_id
from shared.doors import DEFAULT_LIMIT, Cursor, Limit, page_of
from shared.problems import not_found
from shared.reception import Shown
from shared.web import Acted, Body, Caller, DatedBody, Id, Line, Store, may, one


class HelplineBody(Body):
    """Whom a renter can turn to."""

    name: Name
    phone: Line


class AdoptOfficeDetails(DatedBody):
    """How the office is reached, and who helps renters where it works."""

    id: Id | None = None
    address: Line
    phone: Line
    email: Line
    ocmw: HelplineBody | None = None
    renters_union: HelplineBody | None = None


@api.post("/office-details", status_code=201)
async def adopt_office_details(
    body: AdoptOfficeDetails,
    by: Annotated[Caller, may("adopt_office_details", "coordinator", "director", "administration")],
    store: Store,
) -> Acted:
    """Say how the office is reached; letters say so from now on."""
    id = new_id(body.id, uuid4())
    details = OfficeDetailsAdopted(
        id=id,
        address=body.address,
        phone=body.phone,
        email=body.email,
        ocmw=Helpline(name=body.ocmw.name, phone=body.ocmw.phone) if body.ocmw else None,
        renters_union=Helpline(name=body.renters_union.name, phone=body.renters_union.phone)
        if body.renters_union
        else None,
    )
    missing = Closing(kind="office_details_missing", about_id=by.office)

    def adopt(adopted: Adopted, **tasks: Task) -> list[Any]:
        return and_tasks(
            adopted,
            decision=partial(adopt_details, details=details),
            follows=lambda _adopted, _events: ((), (missing,)),
            lease=None,
            named=task_named,
            tasks=tasks,
        )

    task = task_named("office_details_missing", by.office)
    return await store.begin(
        OFFICE_DETAILS,
        OFFICE,
        adopt,
        by=by,
        reads={task: one(TASK, task)},
        location=f"/office-details/{id}",
        part=kept_as_adopted(id, _details),
    )


@api.get("/office-details")
async def list_office_details(
    request: Request,
    by: Annotated[Caller, may("list_office_details", *STAFF, "auditor")],
    store: Store,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Any:
    """How the office is reached: the last one holds, those before it stay readable."""
    adopted = await store.state(OFFICE_DETAILS, OFFICE, by=by)
    return page_of(request, ["office-details", by.office], [_details(one) for one in adopted], limit, cursor)


@api.get("/office-details/{details}")
async def read_office_details(
    details: str, by: Annotated[Caller, may("read_office_details", *STAFF, "auditor")], store: Store
) -> Any:
    """How the office said it was reached."""
    adopted = await store.state(OFFICE_DETAILS, OFFICE, by=by)
    found = next((one for one in adopted if one.id == details), None)
    if found is None:
        raise not_found()
    return Shown(msgspec.to_builtins(_details(found)), etag=1)


def _details(adopted: OfficeDetailsAdopted) -> Mapping[str, Any]:
    return {
        "id": adopted.id,
        "address": adopted.address,
        "phone": adopted.phone,
        "email": adopted.email,
        "ocmw": {"name": adopted.ocmw.name, "phone": adopted.ocmw.phone} if adopted.ocmw else None,
        "renters_union": {"name": adopted.renters_union.name, "phone": adopted.renters_union.phone}
        if adopted.renters_union
        else None,
    }
