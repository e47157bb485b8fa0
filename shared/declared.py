"""What a service publishes and hears, declared with FastStream: it counts batches and hands them to their handler.

The AsyncAPI document is made of the same declarations. Where the batches come from: ``shared.correspondence``.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import cache
from typing import Any

from faststream import AckPolicy
from faststream.message import StreamMessage
from faststream.nats import JStream, NatsBroker, PullSub
from faststream.prometheus import ConsumeAttrs, MetricsSettingsProvider, PrometheusMiddleware
from faststream.response import PublishCommand
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.api import ConsumerConfig
from prometheus_client import REGISTRY

from shared.bus import filters, stream_of, subjects_of

LARGEST_BATCH = 256

Handler = Callable[[str, Sequence[Msg]], Awaitable[None]]


class _BySource(MetricsSettingsProvider[Any, PublishCommand]):
    """Labels by publisher: FastStream's own label is the subject, which holds the office and whatever was forged."""

    messaging_system = "nats"

    def get_consume_attrs_from_message(self, message: StreamMessage[Any]) -> ConsumeAttrs:
        """Return size, number and closed name of a batch."""
        batch: Sequence[Msg] = message.raw_message
        return {
            "destination_name": subjects_of(_publisher(batch[0])),
            "message_size": sum(len(one.data) for one in batch),
            "messages_count": len(batch),
        }

    def get_publish_destination_name_from_cmd(self, cmd: PublishCommand) -> str:
        """Return the closed name of what is published through FastStream."""
        return "huurspoor"


class _Broker(NatsBroker):
    """Works on the connection that ``shared.bus`` keeps, and closes nothing."""

    def __init__(self, connected: Callable[[], Awaitable[Client]]) -> None:
        super().__init__(logger=None, apply_types=False, middlewares=[_counted()])
        self._connected = connected

    async def _connect(self) -> Client:
        client = await self._connected()
        self.config.connect(client)
        return client


def declare(
    service: str, publishers: Sequence[str], handle: Handler, connected: Callable[[], Awaitable[Client]]
) -> tuple[NatsBroker, Mapping[str, Any]]:
    """Declare what a service hears; return the broker and the subscriber of each publisher, to which batches are given.

    FastStream acknowledges nothing: each message is acknowledged after its own effect.
    """
    broker = _Broker(connected)
    subscribers = {publisher: _subscriber(broker, service, publisher, handle) for publisher in publishers}
    return broker, subscribers


def _subscriber(broker: NatsBroker, service: str, publisher: str, handle: Handler) -> Any:
    heard = filters(service, publisher)
    subscriber = broker.subscriber(
        heard[0] if len(heard) == 1 else "",
        config=ConsumerConfig(filter_subjects=list(heard) if len(heard) > 1 else []),
        stream=JStream(stream_of(publisher), declare=False),
        durable=service,
        pull_sub=PullSub(batch_size=LARGEST_BATCH, batch=True),
        ack_policy=AckPolicy.MANUAL,
        no_reply=True,
        decoder=_as_delivered,
        title=f"{service} hears {publisher}",
    )

    async def take_in(batch: Any) -> None:
        await handle(publisher, batch)

    take_in.__name__ = f"take_in_{publisher}"
    subscriber(take_in)
    return subscriber


async def _as_delivered(message: StreamMessage[Any]) -> Any:
    """Decode nothing: bytes that are no JSON are the inbox's business, which keeps them."""
    return message.raw_message


def _publisher(message: Msg) -> str:
    # A consumer's filter lets only its publisher's subjects through: visits, evaluations, …
    return message.subject.split(".")[2]


@cache
def _counted() -> PrometheusMiddleware[Any, Any]:
    return PrometheusMiddleware(settings_provider_factory=lambda _message: _BySource(), registry=REGISTRY)
