"""Logs and metrics: JSON lines with a correlation id, and counters whose labels come from closed sets.

Neither holds personal data: errors are logged by their class and place, never by their message, which may quote a row.
"""

import contextlib
import json
import logging
import sys
import traceback
from collections.abc import MutableMapping
from functools import cache
from typing import Any, Final, TextIO, cast

import msgspec
import structlog
from prometheus_client import Counter, Gauge, Histogram

REQUESTS: Final = Counter("huurspoor_http_requests", "Requests answered", ["method", "route", "status"])
DURATION: Final = Histogram(
    "huurspoor_http_request_seconds",
    "Time until a request was answered",
    ["method", "route"],
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
UNDER_WAY: Final = Gauge("huurspoor_http_requests_under_way", "Requests being answered")
REFUSED: Final = Counter("huurspoor_http_refused", "Requests refused by the door or by a rule", ["reason"])
METHODS: Final = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})


def configure(service: str, level: str = "info") -> None:
    """Let this process log JSON lines to stderr, those of libraries too."""
    before = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _named(service),
        place_of_error,
    ]
    # Our own lines go straight to stderr: by way of the standard library's logging each took three times as long.
    structlog.configure(
        processors=[*before, _rendered],
        logger_factory=structlog.WriteLoggerFactory(cast(TextIO, _IfItCan(sys.stderr))),
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*before, _without_arguments],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(ensure_ascii=True),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for noisy in ("uvicorn.access", "httpx", "httpcore"):  # addresses hold ids, and may hold anything
        logging.getLogger(noisy).disabled = True
    for name in ("uvicorn", "uvicorn.error", "faststream"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True


class _IfItCan:
    """Where lines go; on a full disk a line is lost, and whoever wanted to say it goes on with their work."""

    def __init__(self, to: TextIO) -> None:
        self._to = to

    def write(self, line: str) -> None:
        with contextlib.suppress(OSError):
            self._to.write(line)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            self._to.flush()


@cache
def _counted(method: str, route: str, status: int) -> tuple[Any, Any]:
    return REQUESTS.labels(method, route, str(status)), DURATION.labels(method, route)


def count_request(method: str, route: str, status: int, seconds: float) -> None:
    """Count an answered request; method and route are labels from their closed sets."""
    number, time = _counted(method, route, status)
    number.inc()
    time.observe(seconds)


def route_label(route: str | None) -> str:
    """Return a route's template as a label; what matches no route has one label together."""
    return route or "unmatched"


def method_label(method: str) -> str:
    """Return a method as a label; unheard-of ones have one label together."""
    return method if method in METHODS else "other"


_json = json.JSONEncoder(ensure_ascii=True, default=repr)
_quick = msgspec.json.Encoder(enc_hook=repr)


def _rendered(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> str:
    try:
        return _quick.encode(event).decode("ascii")
    except UnicodeError:  # beyond ASCII, or half a surrogate pair
        return _json.encode(event)


def _named(service: str) -> Any:
    def name(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        event["service"] = service
        return event

    return name


def place_of_error(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace an exception by its classes and the lines it came through."""
    told = event.pop("exc_info", None)
    if told is True:
        told = sys.exc_info()
    error = told[1] if isinstance(told, tuple) else told
    if isinstance(error, BaseException):
        event["error"] = error_classes(error)
        event["at"] = [
            f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)
        ]
    return event


def error_classes(error: BaseException) -> list[str]:
    """Return the class of an error and of those that it came from, with the SQL state where there is one."""
    classes: list[str] = []
    seen: BaseException | None = error
    while seen is not None and len(classes) < 10:
        state = getattr(seen, "sqlstate", None)
        classes.append(type(seen).__name__ + (f" {state}" if isinstance(state, str) else ""))
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)
    return classes


def _without_arguments(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Of a library's line keep the first line of its template: what is filled in or follows may quote anything."""
    record = event.get("_record")
    told = str(record.msg) if isinstance(record, logging.LogRecord) else str(event.get("event", ""))
    event["event"] = (told.splitlines() or [""])[0][:300]
    return event
