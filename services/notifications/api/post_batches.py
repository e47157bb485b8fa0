"""Registered letters in batches: what is printed together, and the carrier's file."""

import asyncio
from functools import partial
from typing import Annotated, Final
from uuid import uuid4

from fastapi.responses import Response
from pydantic import Field

from services.notifications import views
from services.notifications.api.door import POSTERS, Name, api, plain, sha256_of
from services.notifications.freezing import from_letters, recipient_of
from services.notifications.letters import facts_of
from services.notifications.names import task_named
from services.notifications.post import Printed, Row, as_zip, rows_in
from services.notifications.rules.communication import COMMUNICATION, Communication, Proof
from services.notifications.rules.kinds import CHANNELS, category_of
from services.notifications.rules.post import POST_BATCH, PostBatch, Told, make_batch, take_file
from services.notifications.rules.task import TASK
from shared.bodies import new_id
from shared.problems import not_permitted
from shared.reading_rights import readable
from shared.web import Acted, Body, Caller, DatedBody, Id, Store, every, may, one

BATCH_READERS: Final = ("administration", "coordinator")
MOST_IN_A_BATCH: Final = 200


class MakePostBatch(DatedBody):
    """Put registered letters together; by default all that were noted as sent that way and are in no batch yet.

    Of those a batch takes what its maker may read.
    """

    id: Id | None = None
    communications: Annotated[tuple[Name, ...], Field(max_length=MOST_IN_A_BATCH)] | None = None


class CarrierFile(Body):
    """The carrier's file: CSV with the columns ``reference``, ``outcome``, ``on``, ``tracking`` and ``signed_by``."""

    file: Annotated[str, Field(max_length=20_000)]


@api.post("/post-batches", status_code=201)
async def make_post_batch(
    body: MakePostBatch, by: Annotated[Caller, may("make_post_batch", *BATCH_READERS)], store: Store
) -> Acted:
    """Put registered letters together for the printer: one envelope for each addressee."""
    id = new_id(body.id, uuid4())
    chosen = body.communications
    if chosen is None:
        categories = readable(by.roles, "communications")
        kinds = [kind for kind in CHANNELS if category_of(kind) in categories]
        chosen = tuple(await views.letters_to_post(store, kinds=kinds, most=MOST_IN_A_BATCH, by=by))
    letters = tuple(dict.fromkeys(chosen))
    return await store.begin(
        POST_BATCH,
        id,
        partial(make_batch, id=id, communications=letters, on=by.today),
        by=by,
        reads={f"letter_{number}": one(COMMUNICATION, letter) for number, letter in enumerate(letters)},
    )


@api.post("/post-batches/{batch}/take-file")
async def take_carrier_file(
    batch: str,
    body: CarrierFile,
    by: Annotated[Caller, may("record_delivered", *POSTERS, of=POST_BATCH)],
    store: Store,
) -> Acted:
    """Take in what the carrier tells of each letter; rows that cannot be are named in ``files[].rejected``."""
    state: PostBatch = await store.state(POST_BATCH, batch, by=by)
    leases = tuple(dict.fromkeys(item.lease for item in state.items.values()))
    rows = [await _told(row, state, store, by) for row in rows_in(body.file)]
    letters = {f"letters_{number}": every(COMMUNICATION, lease) for number, lease in enumerate(leases)}
    tasks = {f"tasks_{number}": every(TASK, lease) for number, lease in enumerate(leases)}
    return await store.decide(
        POST_BATCH,
        batch,
        partial(
            take_file,
            file=sha256_of(body.file),
            rows=rows,
            leases=leases,
            gone=await views.leases_gone(store, leases, by=by),
            named=task_named,
            today=by.today,
        ),
        by=by,
        reads={**letters, **tasks},
    )


async def _told(row: Row, batch: PostBatch, store: Store, by: Caller) -> Told:
    item = batch.items.get(row.reference)
    proof = None
    on = row.on if row.on is not None and row.on <= by.today else None
    if item is not None and row.outcome == "delivered" and row.tracking:
        letter: Communication = await store.state(COMMUNICATION, item.communication, by=by)
        said = await by.seal(
            category_of(letter.kind), item.lease, reference=row.tracking, signed_by=row.signed_by or None
        )
        proof = Proof(kind="carrier", reference=said.reference, signed_by=said.signed_by)
    other = plain(row.signed_by) not in ("", "addressee")
    return Told(reference=row.reference, outcome=row.outcome, on=on, proof=proof, signed_by_other=other)


@api.get("/post-batches/{batch}.zip", response_class=Response)
async def batch_to_print(
    batch: str, by: Annotated[Caller, may("read_post_batches", *BATCH_READERS, of=POST_BATCH)], store: Store
) -> Response:
    """The batch to print: ``manifest.csv`` with one row for each envelope, and the PDF of each letter as frozen.

    Who may not read one of the letters does not print the batch.
    """
    state: PostBatch = await store.state(POST_BATCH, batch, by=by)
    categories = readable(by.roles, "communications")
    printed = []
    for item in state.items.values():
        letter: Communication = await store.state(COMMUNICATION, item.communication, by=by)
        if category_of(letter.kind) not in categories:
            raise not_permitted()
        addressed = letter.of(item.addressee)
        sealed = await views.bytes_of(store, letter.first or item.communication, addressee=item.addressee, by=by)
        text = await store.seals.open(by.office, "pdf", sealed) if sealed is not None else None
        if addressed is None or text is None:
            continue  # erased, or a draft again: nothing to print
        facts = await facts_of(store, item.lease, by=by, on=by.today, about=(addressed.to,))
        to = recipient_of(facts, addressed.to)
        printed.append(
            Printed(
                reference=item.reference,
                name=to.name,
                lines=to.lines,
                sha256=letter.document_for(item.addressee) or "",
                pdf=from_letters(text),
            )
        )
    await store.note_read(by, sorted({item.lease for item in state.items.values()}), "communications")
    return Response(
        await asyncio.to_thread(as_zip, printed),
        media_type="application/zip",
        headers={"Content-Disposition": f'attachment; filename="{batch}.zip"'},
    )


api.collection(views.POST_BATCHES, readers=BATCH_READERS)
