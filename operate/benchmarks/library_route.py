"""The reference of ``http``: the same route, written by hand on the plain ``eventsourcing`` library, in threads.

Run by uvicorn in a process of its own. It does what our command does: the bearer token is verified against the same
key set, the body is validated, a repeated Idempotency-Key gets its first answer, the lease's and the visit's streams
are loaded, a rule decides, and event and answer are stored in one transaction of the library's recorder. It takes the
library's fastest way, its recorder with JSON for a mapper, and no aggregates; it publishes nothing and keeps no view.
"""

import hashlib
import json
import os
import uuid
from collections.abc import Sequence
from contextlib import asynccontextmanager
from datetime import date, time
from pathlib import Path
from typing import Annotated, Any, Literal

import anyio.to_thread
import jwt
import uvicorn
from eventsourcing.persistence import IntegrityError, StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore
from fastapi import FastAPI, Header, HTTPException
from psycopg import Cursor
from psycopg.rows import DictRow
from pydantic import BaseModel

THREADS = 32


class PlanVisit(BaseModel, extra="forbid"):
    """A home visit: whom, when, what for."""

    id: uuid.UUID
    lease: uuid.UUID
    date: date
    slot: time
    purpose: Literal["information", "individual", "participation"]


class Recorder(PostgresApplicationRecorder):
    """The library's recorder, with the answer of an Idempotency-Key in its transaction."""

    def make_tables(self) -> None:
        """Make the library's table and that of the keys."""
        self.create_table()
        with self.datastore.transaction(commit=True) as rows:
            rows.execute(
                "create table if not exists answer (key text primary key, digest bytea not null, body text not null)"
            )

    def _insert_events(self, curs: Cursor[DictRow], stored_events: Sequence[StoredEvent], **answer: Any) -> None:
        if answer:
            curs.execute(
                "insert into answer values (%s, %s, %s)",
                (answer["key"], answer["digest"], answer["body"]),
                prepare=True,
            )

    def answered(self, key: str) -> tuple[bytes, str] | None:
        """Return the digest of the request that came under a key, and its answer."""
        with self.datastore.get_connection() as connection, connection.cursor() as rows:
            rows.execute("select digest, body from answer where key = %s", (key,), prepare=True)
            found = rows.fetchone()
        return (bytes(found["digest"]), found["body"]) if found else None


def application(recorder: Recorder, *, key: Any, issuer: str, audience: str) -> FastAPI:
    """Return the one route."""

    @asynccontextmanager
    async def threads(_app: FastAPI) -> Any:
        anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS
        yield

    app = FastAPI(lifespan=threads)

    @app.post("/visits", status_code=201)
    def plan_visit(
        body: PlanVisit, authorization: Annotated[str, Header()], idempotency_key: Annotated[str, Header()]
    ) -> Any:
        try:
            claims = jwt.decode(
                authorization.removeprefix("Bearer "), key, algorithms=["EdDSA"], audience=audience, issuer=issuer
            )
        except jwt.PyJWTError:
            raise HTTPException(401) from None
        if not {"counsellor", "coordinator"} & set(claims["roles"]):
            raise HTTPException(403)
        told = body.model_dump(mode="json")
        once = f"{claims['office']}/{claims['sub']}/{idempotency_key}"
        digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).digest()
        earlier = recorder.answered(once)
        if earlier is not None:
            if earlier[0] != digest:
                raise HTTPException(422)
            return json.loads(earlier[1])
        lease = [json.loads(event.state) for event in recorder.select_events(f"{claims['office']}/lease/{body.lease}")]
        if not lease:
            raise HTTPException(404)
        stream = f"{claims['office']}/visit/{body.id}"
        if recorder.select_events(stream) or not any(event["kind"] == "started" for event in lease):
            raise HTTPException(409)
        planned = {**told, "counsellor": lease[-1].get("counsellor", ""), "actor": claims["sub"]}
        shown = {"id": told["id"], "version": 1, "state": "planned", **told, "events": [{"type": "VisitPlanned"}]}
        event = StoredEvent(stream, 1, "VisitPlanned", json.dumps(planned).encode())
        try:
            recorder.insert_events([event], key=once, digest=digest, body=json.dumps(shown))
        except IntegrityError:
            raise HTTPException(409) from None
        return shown

    return app


def main() -> None:
    """Serve on the port, and with the database and the key set, that the environment names."""
    told = json.loads(os.environ["BENCH_ROUTE"])
    recorder = Recorder(PostgresDatastore(**told["dsn"], pool_size=THREADS, originator_id_type="text"))
    recorder.make_tables()
    recorder.insert_events(
        [
            StoredEvent(f"{told['office']}/lease/{lease}", version, "Lease", json.dumps({"kind": kind}).encode())
            for lease in told["leases"]
            for version, kind in enumerate(("registered", "assigned", "started"), start=1)
        ]
    )
    (jwk,) = json.loads(Path(told["jwks"]).read_text(encoding="utf-8"))["keys"]
    app = application(recorder, key=jwt.PyJWK(jwk).key, issuer=told["issuer"], audience=told["audience"])
    uvicorn.run(app, host="127.0.0.1", port=told["port"], log_config=None, access_log=False)


if __name__ == "__main__":
    main()
