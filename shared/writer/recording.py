"""Recording an event in a batch: its version, what stands beside it, its envelopes, and the rows of its views."""

from collections.abc import Callable, Iterable, Mapping
from secrets import token_hex
from typing import Any

import msgspec

from shared.clock import Clock
from shared.codec import Beside, Codec, events_of, told_by, with_what_stands_beside
from shared.decisions import AnyStream, Recorded
from shared.hand_over import lease_of
from shared.outbox import Sent, envelope, event_and_version
from shared.views import Resource, Row, View
from shared.writer.acts import Act, Change
from shared.writer.batch import Batch, Held
from shared.writer.companions import Entered
from shared.writer.memory import Memory

SYSTEM = "SYS"
OFFICE_FOUNDED = "OfficeFounded"  # the one event by which every service learns that there is an office


class Recording:
    """Puts the events of a service into batches.

    :ivar own: the classes of events that happen here; the others are facts that another service told us.
    :ivar views: by kind of stream.
    """

    def __init__(
        self,
        memory: Memory,
        *,
        service: str,
        codec: Codec,
        streams: Mapping[str, AnyStream],
        published: Callable[[Any, Any, str], tuple[Any, ...]],
        resources: Iterable[Resource],
        views: Iterable[View],
        clock: Clock,
    ) -> None:
        self.own = {
            event
            for stream in streams.values()
            for event in events_of(stream)
            if told_by(event) is None or told_by(event) == service
        }
        self.views: dict[str, list[View]] = {}
        for view in views:
            self.views.setdefault(view.of.kind, []).append(view)
        self._resources = {resource.stream.kind: resource for resource in resources}
        self._memory = memory
        self._service = service
        self._codec = codec
        self._published = published
        self._clock = clock

    def append(
        self,
        one: Act,
        stream: AnyStream,
        id: str,
        event: Any,
        batch: Batch,
        mandate: str | None,
        *,
        follows: bool = False,
        office: str | None = None,
    ) -> Recorded[Any]:
        """Put an event of an act at the end of a stream, with all that follows from it.

        :param follows: it follows by itself, whoever's act it follows from.
        :param office: whose stream it is, where that is not the act's own.
        :raises Unread: the stream was not read.
        """
        office = office or one.office
        key = f"{office}/{stream.kind}/{id}"
        if not (one.begins and stream is one.stream and id == one.id and office == one.office):
            self._memory.must_hold(batch, key)
        held = self._memory.stream(batch, office, stream, id)
        version = held.version + 1
        batch.log += 1
        own = type(event) in self.own
        beside = self._beside(one, batch, mandate, own=own, follows=follows)
        whole = with_what_stands_beside(event, beside, stream=f"{stream.kind}/{id}", version=version)
        state = stream.after(held.state, whole)
        contracts = self._published(event, state, id) if own else ()
        published = held.published
        if contracts:
            batch.published += 1
            beside = msgspec.structs.replace(beside, position=f"{self._service}:{batch.published}")
            whole = with_what_stands_beside(event, beside, stream=f"{stream.kind}/{id}", version=version)
            state = stream.after(held.state, whole)
            self._publish(office, whole, contracts, beside, batch, previous=published)
            published = version
        lease = held.lease if held.version else lease_of(stream.kind, id, event)
        after = Held(state, version, published, held.made or batch.log, lease)
        stored = self._codec.encode(event, beside)
        batch.append(office, key, version, self._codec.name(event), stored, after)
        if version == 1 and lease is not None and stream.kind != "lease":
            batch.add_member(office, stream.kind, lease, id)
        if type(event).__name__ == OFFICE_FOUNDED:
            batch.know_office(office)
        self.view(office, stream, id, after, whole, batch)
        return whole

    def view(self, office: str, stream: AnyStream, id: str, held: Held, whole: Recorded[Any], batch: Batch) -> None:
        """Put the rows into the batch that follow from an event, given its stream after it."""
        rows: list[Row] = []
        if stream.kind in self._resources:
            rows.append(shown_row(self._resources[stream.kind], id, held))
        for view in self.views.get(stream.kind, ()):
            rows += view.rows(held.state, whole)
        for row in rows:
            batch.changes.append(Change(office, row.table, row.values, "delete" if row.gone else "upsert"))

    def _beside(self, one: Act, batch: Batch, mandate: str | None, *, own: bool, follows: bool) -> Beside:
        """Return what stands beside an event: of a fact that we were told, its own times and actor."""
        by, told = one.by, one.by.message
        if not own and told is not None:
            return Beside(
                id=told.event_id,
                occurred_on=told.occurred_on,
                recorded_at=told.recorded_at,
                actor=told.actor,
                mandate=told.mandate,
                policy_version=told.policy_version,
                checklist_version=told.checklist_version,
                position=f"{told.publisher}:{told.position}",
                source=told.source,
                clock_suspect=told.clock_suspect,
                correlation_id=by.correlation_id,
                taken_in_at=batch.moment,
                clock="simulated" if self._clock.simulated else "system",
                office=told.office or None,
            )
        return Beside(
            id=_new_id(),
            occurred_on=batch.today if follows else by.occurred_on or batch.today,
            recorded_at=batch.moment,
            # What follows from a message, or by itself, is nobody's own act.
            actor=SYSTEM if follows or told is not None else by.actor,
            mandate=None if follows else mandate,
            policy_version=by.policy_version,
            checklist_version=by.checklist_version,
            source="system" if follows else by.source,
            clock_suspect=by.clock_suspect and not follows,
            device_time=None if follows else by.device_time,
            correlation_id=by.correlation_id,
            causation_id=by.causation_id,
            clock="simulated" if self._clock.simulated else "system",
        )

    def _publish(
        self,
        office: str,
        whole: Recorded[Any],
        contracts: tuple[Any, ...],
        beside: Beside,
        batch: Batch,
        *,
        previous: int,
    ) -> None:
        versions = [event_and_version(type(contract))[1] for contract in contracts]
        for contract in contracts:
            sent: Sent = envelope(
                self._service,
                office,
                whole,
                contract,
                position=batch.published,
                epoch=batch.epoch,
                stream_version=whole.version,
                previous=previous,
                versions=versions,
                correlation_id=beside.correlation_id or whole.id,
                causation_id=beside.causation_id,
                clock="simulated" if beside.clock == "simulated" else "system",
            )
            event, version = event_and_version(type(contract))
            batch.sent.append((office, batch.published, version, event, sent.subject, sent.msg_id, sent.body))
            if version == max(versions):
                lease = getattr(contract, "lease", None)
                batch.entered.append(
                    Entered(
                        office=office,
                        publisher=self._service,
                        epoch=batch.epoch,
                        position=batch.published,
                        event_id=whole.id,
                        type=event,
                        subject=f"lease/{lease}" if lease else f"office/{office}",
                        occurred_on=whole.occurred_on,
                        recorded_at=whole.recorded_at,
                        taken_in_at=whole.taken_in_at,
                        actor=whole.actor,
                        mandate=whole.mandate,
                        envelope=sent.body,
                    )
                )


def shown_row(resource: Resource, id: str, held: Held) -> Row:
    """Return the row that shows a thing as it is."""
    shown = resource.show(id, held.state)
    if shown is None:
        return Row(resource.table, {"id": id}, gone=True)
    body = msgspec.to_builtins(shown, str_keys=True)
    values = {"id": id, "version": held.version, "made": held.made, "body": body}
    return Row(resource.table, {**values, **resource.filter_values(id, held.state)})


def _new_id() -> str:
    """Return a random UUID (version 4), in half the time that the library takes."""
    drawn = token_hex(16)
    return f"{drawn[:8]}-{drawn[8:12]}-4{drawn[13:16]}-{'89ab'[int(drawn[16], 16) & 3]}{drawn[17:20]}-{drawn[20:]}"
