"""Whether a running service answers as its OpenAPI document says: schemathesis, for every door."""

import contextlib
from collections.abc import Callable, Mapping
from typing import Any

import schemathesis
from hypothesis import HealthCheck, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import (
    content_type_conformance,
    negative_data_rejection,
    not_a_server_error,
    positive_data_acceptance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

CHECKS = (
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    unsupported_method,
)
# Whether these match depends on what happened before, not on the document.
OF_THE_MOMENT = ("If-Match", "Idempotency-Key")
SECONDS_TO_ANSWER = 60  # a door may wait 5 for what is to come; the rest is patience with a slow machine


def differences(
    address: str,
    token_for: Callable[[tuple[str, ...]], str],
    *,
    existing: Mapping[str, str] | None = None,
    examples: int = 8,
    only: Callable[[str], bool] = lambda _path: True,
) -> list[str]:
    """Return where the service at ``address`` answers otherwise than its document says.

    :param token_for: returns a token with one of the given roles.
    :param existing: for paths with an id, the id of a thing of the token's office; others get ids that do not exist.
    :param examples: how many requests are made up for each door, right ones and as many wrong ones.
    """
    schema = schemathesis.openapi.from_url(f"{address}/openapi.json", timeout=SECONDS_TO_ANSWER)
    found: list[str] = []
    for result in schema.get_all_operations():
        operation: Any = result.ok()  # type: ignore[union-attr]
        if not only(operation.path):
            continue
        roles = tuple(operation.definition.raw.get("x-roles", ()))
        headers = {"Authorization": f"Bearer {token_for(roles)}"} if roles else {}
        id = (existing or {}).get(operation.path)
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)[: 2 if roles else 1]:
            found += _of(operation, mode, headers, id, examples)
    return found


def _of(operation: Any, mode: GenerationMode, headers: Mapping[str, str], id: str | None, examples: int) -> list[str]:
    found: dict[str, None] = {}

    @seed(20260302)
    @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        made = case.meta
        checks: tuple[Any, ...] = CHECKS
        if mode is GenerationMode.POSITIVE:
            for name in OF_THE_MOMENT:
                (case.headers or {}).pop(name, None)
            (case.query or {}).pop("after", None)  # what is waited for will not come
            (case.query or {}).pop("cursor", None)  # nobody can make one up
            if id is not None:
                case.path_parameters = dict.fromkeys(case.path_parameters, id)
            if case.media_type != "multipart/form-data":  # what a file must hold, no schema says
                checks = (*CHECKS, positive_data_acceptance)
        elif made is not None and {str(where.value) for where in made.components} & {"body"}:
            checks = (*CHECKS, negative_data_rejection)
        response = case.call(headers=dict(headers), timeout=SECONDS_TO_ANSWER)
        if response.status_code == 413:  # what does not fit may be as large as it is wrong
            checks = tuple(check for check in checks if check is not negative_data_rejection)
        if response.status_code != 504:  # said of what made-up positions wait for
            checks = (*checks, not_a_server_error)
        for check in checks:
            try:
                case.validate_response(response, checks=[check], headers=dict(headers))
            except BaseException as failure:  # schemathesis raises groups of failures
                if isinstance(failure, KeyboardInterrupt):
                    raise
                found.setdefault(f"{operation.label} [{mode.value}] {str(failure)[:2000]}", None)

    with contextlib.suppress(Unsatisfiable):  # of a door that asks nothing, nothing can be wrong
        ask()
    return list(found)
