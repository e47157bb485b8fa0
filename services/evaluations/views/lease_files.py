"""The file of a lease, as what decides and what counts read it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import date
from typing import Any, Protocol

from services.evaluations.rules.before import BEFORE
from services.evaluations.rules.case import CASE
from services.evaluations.rules.checklist import CHECKLISTS
from services.evaluations.rules.crossing import STANDING
from services.evaluations.rules.evaluation import BEARS_ON_ITS_PLACE, EVALUATION
from services.evaluations.rules.lease_file import LeaseFile
from services.evaluations.rules.office import OFFICE_ID
from services.evaluations.rules.policy import POLICIES
from services.evaluations.rules.provenance import BEARS_ON_THE_COUNT
from services.evaluations.rules.termination import TERMINATION
from shared.contracts.visits import LeaseEndedV1
from shared.decisions import AnyStream
from shared.event_sourcing import Read, every, one
from shared.views import Asked


class AskedForFiles(Asked, Protocol):
    """Where the file of a lease is asked: besides views, for the things that are in it."""

    async def state(self, stream: AnyStream, id: str, *, by: Any) -> Any:
        """Return the state of a stream as it is now."""

    async def every(self, stream: AnyStream, lease: str, *, by: Any) -> dict[str, Any]:
        """Return all streams of a kind that belong to a lease."""

    async def many(
        self, stream: AnyStream, ids: Sequence[str], *, by: Any, only: Sequence[type] = ()
    ) -> dict[str, Any]:
        """Return the states of many streams of a kind."""


def whole_file(lease: str, *, office: str | None = None) -> Mapping[str, Read]:
    """Return what a decision that sees the whole file reads (``rules.lease_file``).

    :param office: whose file it is, where the lease comes from another one.
    """
    return {
        "policies": one(POLICIES, OFFICE_ID, office=office),
        "checklists": one(CHECKLISTS, OFFICE_ID, office=office),
        "before": one(BEFORE, lease, office=office),
        "case": one(CASE, lease, office=office),
        "evaluations": every(EVALUATION, lease, office=office),
        "terminations": every(TERMINATION, lease, office=office),
        "crossing": one(STANDING, lease, office=office),
    }


async def read_file(store: AskedForFiles, lease: str, *, by: Any) -> LeaseFile:
    """Return the whole file of a lease as it is now, for reading."""
    return LeaseFile.of(
        lease,
        policies=await store.state(POLICIES, OFFICE_ID, by=by),
        checklists=await store.state(CHECKLISTS, OFFICE_ID, by=by),
        before=await store.state(BEFORE, lease, by=by),
        case=await store.state(CASE, lease, by=by),
        evaluations=await store.every(EVALUATION, lease, by=by),
        terminations=await store.every(TERMINATION, lease, by=by),
        crossing=await store.state(STANDING, lease, by=by),
    )


AT_ONCE = 500  # files read together


async def files_with_evaluations(store: AskedForFiles, *, by: Any) -> AsyncIterator[LeaseFile]:
    """Yield the file of each lease of the office that ever had an evaluation, as far as it bears on the count."""
    policies = await store.state(POLICIES, OFFICE_ID, by=by)
    checklists = await store.state(CHECKLISTS, OFFICE_ID, by=by)
    rows = await store.rows("select lease, evaluation from followed where office = $1 order by 1, 2", by=by)
    of_lease: dict[str, list[str]] = {}
    for row in rows:
        of_lease.setdefault(row["lease"], []).append(row["evaluation"])
    leases = list(of_lease)
    for begin in range(0, len(leases), AT_ONCE):
        some = leases[begin : begin + AT_ONCE]
        cases = await store.many(CASE, some, by=by, only=(*BEARS_ON_THE_COUNT, LeaseEndedV1))
        ids = [id for lease in some for id in of_lease[lease]]
        evaluations = await store.many(EVALUATION, ids, by=by, only=BEARS_ON_ITS_PLACE)
        before = await store.many(BEFORE, some, by=by)
        for lease in some:
            await asyncio.sleep(0)  # counting is work: others are served in between
            if lease in cases:
                yield LeaseFile.of(
                    lease,
                    policies=policies,
                    checklists=checklists,
                    before=before.get(lease, BEFORE.initial),
                    case=cases[lease],
                    evaluations={id: evaluations[id] for id in of_lease[lease] if id in evaluations},
                    terminations={},
                )


async def files_that_time_can_change(
    store: AskedForFiles, *, since: date, on: date, by: Any
) -> AsyncIterator[LeaseFile | str]:
    """Yield the file of each lease in which the days since one can change something, as far as that depends on it.

    Many are read at once: where one of them cannot be read, only their names are known.
    """
    leases = await leases_that_time_can_change(store, since=since, on=on, by=by)
    for begin in range(0, len(leases), AT_ONCE):
        some: Sequence[LeaseFile | str] = leases[begin : begin + AT_ONCE]
        with contextlib.suppress(Exception):
            some = await files_of(store, leases[begin : begin + AT_ONCE], by=by)
        for file in some:
            await asyncio.sleep(0)  # counting is work: others are served in between
            yield file


async def as_file(known: LeaseFile | str, store: AskedForFiles, *, by: Any) -> LeaseFile:
    """Return a file of which perhaps only the name is known: then it is read by itself."""
    return (await files_of(store, [known], by=by))[0] if isinstance(known, str) else known


async def files_of(store: AskedForFiles, leases: Sequence[str], *, by: Any) -> list[LeaseFile]:
    """Return the files of leases, as far as their count depends on them."""
    policies = await store.state(POLICIES, OFFICE_ID, by=by)
    checklists = await store.state(CHECKLISTS, OFFICE_ID, by=by)
    cases = await store.many(CASE, leases, by=by, only=(*BEARS_ON_THE_COUNT, LeaseEndedV1))
    crossings = await store.many(STANDING, leases, by=by)
    before = await store.many(BEFORE, leases, by=by)
    evaluations = await _of_leases(store, EVALUATION, "select lease, evaluation as id from followed", leases, by)
    files = "select lease, termination as id from open_files"
    terminations = await _of_leases(store, TERMINATION, files, leases, by)
    return [
        LeaseFile.of(
            lease,
            policies=policies,
            checklists=checklists,
            before=before.get(lease, BEFORE.initial),
            case=cases.get(lease, CASE.initial),
            evaluations=evaluations.get(lease, {}),
            terminations=terminations.get(lease, {}),
            crossing=crossings.get(lease, STANDING.initial),
        )
        for lease in leases
    ]


async def _of_leases(
    store: AskedForFiles, stream: AnyStream, select: str, leases: Sequence[str], by: Any
) -> dict[str, dict[str, Any]]:
    rows = await store.rows(f"{select} where office = $1 and lease = any ($2) order by 1, 2", list(leases), by=by)
    states = await store.many(stream, [row["id"] for row in rows], by=by)
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        if row["id"] in states:
            found.setdefault(row["lease"], {})[row["id"]] = states[row["id"]]
    return found


async def leases_that_time_can_change(store: AskedForFiles, *, since: date, on: date, by: Any) -> list[str]:
    """Return the leases with a live evaluation or an open termination file.

    Where a policy or a checklist took force after ``since`` also those with an expired one: longer validity revives it.
    """
    versions = (*await store.state(POLICIES, OFFICE_ID, by=by), *await store.state(CHECKLISTS, OFFICE_ID, by=by))
    revives = any(since < told.event.in_force_from <= on for told in versions)
    found = await store.rows(
        "select lease from followed where office = $1 and (live or (expired and $2))"
        " union select lease from open_files where office = $1 and is_open order by 1",
        revives,
        by=by,
    )
    return [row["lease"] for row in found]
