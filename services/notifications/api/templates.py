"""The office's own templates, by version."""

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any
from uuid import uuid4

import msgspec
from fastapi import Query, Request

from services.notifications.api.door import STAFF, Languages, api, kept_as_adopted
from services.notifications.events import TemplateAdopted
from services.notifications.letters import OFFICE, template_of_product
from services.notifications.rules import composing
from services.notifications.rules.template import TEMPLATES, adopt, fields_of
from shared.bodies import new_id
from shared.contracts.notifications import Kind
from shared.doors import DEFAULT_LIMIT, Cursor, Limit, page_of
from shared.problems import not_found
from shared.reception import Shown
from shared.web import Acted, Body, Caller, Day, Id, Store, Words, may


class AdoptTemplate(Body):
    """Write a kind of letter like this from a day on."""

    id: Id | None = None
    kind: Kind
    language: Languages = "nl"
    in_force_from: Day | None = None
    text: Words


@api.post("/templates", status_code=201)
async def adopt_template(
    body: AdoptTemplate,
    by: Annotated[Caller, may("adopt_template", "coordinator", "director", "administration")],
    store: Store,
) -> Acted:
    """Adopt an own template; what was sent stays as it was."""
    id = new_id(body.id, uuid4())
    product = template_of_product(body.kind, "nl") or ""
    return await store.begin(
        TEMPLATES,
        OFFICE,
        partial(
            adopt,
            id=id,
            kind=body.kind,
            language=body.language,
            text=body.text,
            in_force_from=body.in_force_from or by.today,
            today=by.today,
            known=fields_of(product) | composing.COMMON_FIELDS,
        ),
        by=by,
        location=f"/templates/{id}",
        part=kept_as_adopted(id, _template, like=lambda one: (one.kind, one.language) == (body.kind, body.language)),
    )


@api.get("/templates")
async def list_templates(
    request: Request,
    by: Annotated[Caller, may("list_templates", *STAFF, "auditor")],
    store: Store,
    kind: Annotated[Kind | None, Query()] = None,
    language: Annotated[Languages | None, Query()] = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Any:
    """The office's own templates, every version, oldest first."""
    adopted: tuple[TemplateAdopted, ...] = await store.state(TEMPLATES, OFFICE, by=by)
    items = [_template(one) for one in adopted if kind in (None, one.kind) and language in (None, one.language)]
    return page_of(request, ["templates", by.office, kind or "", language or ""], items, limit, cursor)


@api.get("/templates/{template}")
async def read_template(
    template: str, by: Annotated[Caller, may("read_templates", *STAFF, "auditor")], store: Store
) -> Any:
    """One version of a template."""
    adopted: tuple[TemplateAdopted, ...] = await store.state(TEMPLATES, OFFICE, by=by)
    found = next((one for one in adopted if one.id == template), None)
    if found is None:
        raise not_found()
    return Shown(msgspec.to_builtins(_template(found)), etag=1)


def _template(adopted: TemplateAdopted) -> Mapping[str, Any]:
    return {
        "id": adopted.id,
        "template": f"{adopted.template}/{adopted.version}",
        "kind": adopted.kind,
        "language": adopted.language,
        "version": adopted.version,
        "in_force_from": adopted.in_force_from,
        "text": adopted.text,
    }
