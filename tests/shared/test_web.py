"""The door, in front of a small shop: what is the same in every service."""

import asyncio
import errno
import json
import re
import ssl
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
import structlog
from fastapi.routing import APIRoute

from shared.acting import WebStore
from shared.codec import UnknownEvent
from shared.inbox_rows import Itself
from shared.keys import MayNotSeal
from shared.lost import busy_if_away
from shared.tokens import ROLES
from shared.web import problem_of
from tests.shared import badinput
from tests.shared.badinput import MARK, UNKNOWN
from tests.shared.shop import LEASE, NOON, TOOL, Shop, opened_shop
from tests.shared.shop import shop as shop_doors

HAMMER = {"lease": LEASE, "name": "Hamer", "diary": "van tante", "price": 3}


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return opened_shop(tmp_path)


async def bought(shop: Shop, **changed: Any) -> str:
    answer = await shop.client.post("/tools", json={**HAMMER, **changed}, headers=shop.as_("counsellor"))
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def reason(answer: httpx.Response) -> str:
    assert answer.headers["content-type"] == "application/problem+json"
    return str(answer.json()["type"].removeprefix("/problems/"))


# -- acts -------------------------------------------------------------------------------------------------------------


async def test_something_new_is_201_with_its_place_and_what_was_recorded(shop: Shop) -> None:
    answer = await shop.client.post("/tools", json={**HAMMER, "id": UNKNOWN}, headers=shop.as_("counsellor"))
    assert answer.status_code == 201
    assert answer.headers["location"] == f"/tools/{UNKNOWN}"
    assert answer.headers["etag"] == '"1"'
    body = answer.json()
    assert (body["id"], body["name"], body["version"], body["withheld"]) == (UNKNOWN, "Hamer", 1, [])
    assert body["events"] == [{"id": "e-1", "type": "ToolBought", "position": "visits:1"}]


async def test_what_a_door_makes_is_held_to_be_new_but_not_what_it_adds_to_something(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    held_to_be_new: list[bool] = []
    decide = shop.store.decide

    async def watch(*args: Any, begins: bool, **rest: Any) -> Any:
        held_to_be_new.append(begins)
        return await decide(*args, **rest)

    monkeypatch.setattr(shop.store, "decide", watch)
    tool = await bought(shop)
    await shop.client.post(f"/tools/{tool}/lend", json={"member": "bo"}, headers=shop.as_("counsellor"))
    by: Any = Itself(office="kantoor-noord")
    store: Any = shop.store
    await WebStore(store, []).begin(TOOL, "all", lambda _tool: [], by=by, location="/prices/1")
    assert held_to_be_new == [True, False, False]


async def test_an_act_answers_the_thing_after_it_and_a_repeated_fact_records_nothing(shop: Shop) -> None:
    tool = await bought(shop)
    lent = await shop.client.post(f"/tools/{tool}/lend", json={"member": "bo"}, headers=shop.as_("counsellor"))
    assert (lent.status_code, lent.json()["state"], lent.headers["etag"]) == (200, "lent", '"2"')
    assert [event["type"] for event in lent.json()["events"]] == ["ToolLent"]
    again = await shop.client.post(f"/tools/{tool}/lend", json={"member": "bo"}, headers=shop.as_("counsellor"))
    assert (again.status_code, again.json()["events"], again.headers["etag"]) == (200, [], '"2"')


async def test_a_refusal_is_409_and_one_to_this_person_is_403(shop: Shop) -> None:
    tool = await bought(shop)
    own = await shop.client.post(f"/tools/{tool}/lend", json={"member": "an"}, headers=shop.as_("counsellor"))
    assert (own.status_code, reason(own)) == (403, "self-approval")
    await shop.client.post(f"/tools/{tool}/lend", json={"member": "bo"}, headers=shop.as_("counsellor"))
    taken = await shop.client.post(f"/tools/{tool}/lend", json={"member": "cas"}, headers=shop.as_("counsellor"))
    assert (taken.status_code, reason(taken)) == (409, "wrong-state")


async def test_a_day_after_today_is_refused_but_not_before_authority(shop: Shop) -> None:
    tool = await bought(shop)
    tomorrow = {"occurred_on": (NOON + timedelta(days=1)).date().isoformat()}
    other = await shop.client.post(
        f"/tools/{tool}/lend", json={"member": "bo", **tomorrow}, headers=shop.as_("counsellor")
    )
    assert (other.status_code, reason(other)) == (409, "occurred-in-future")
    own = await shop.client.post(
        f"/tools/{tool}/lend", json={"member": "an", **tomorrow}, headers=shop.as_("counsellor")
    )
    assert (own.status_code, reason(own)) == (403, "self-approval")


async def test_an_act_without_facts_needs_no_body(shop: Shop) -> None:
    tool = await bought(shop)
    json_ = {"Content-Type": "application/json"}
    sent: list[tuple[bytes | None, dict[str, str]]] = [(None, {}), (None, json_), (b"{}", json_)]
    for content, headers in [*sent, (b'{"occurred_on": "2026-03-01"}', json_)]:
        asked = {**shop.as_("counsellor"), **headers}
        answer = await shop.client.post(f"/tools/{tool}/polish", content=content, headers=asked)
        assert answer.status_code == 200, answer.text
    answer = await shop.client.post(f"/tools/{tool}/polish", json={"gloss": 1}, headers=shop.as_("counsellor"))
    assert answer.json()["errors"] == [{"pointer": "/gloss", "detail": "Dit veld wordt niet gevraagd."}]


async def test_where_facts_are_asked_an_empty_body_is_not_json(shop: Shop) -> None:
    headers = {**shop.as_("counsellor"), "Content-Type": "application/json"}
    answer = await shop.client.post("/tools", headers=headers)
    assert (answer.status_code, reason(answer)) == (400, "malformed-request")


async def test_a_device_whose_clock_is_off_is_believed_and_marked(shop: Shop) -> None:
    tool = await bought(shop)
    asked: list[Any] = []
    decide = shop.store.decide

    async def watch(*args: Any, by: Any, **rest: Any) -> Any:
        asked.append(by)
        return await decide(*args, by=by, **rest)

    shop.store.decide = watch  # type: ignore[method-assign]
    for told in ("2026-03-02T11:05:00Z", "2026-03-02T15:00:00+01:00"):
        body = {"member": "bo", "device_time": told}
        assert (
            await shop.client.post(f"/tools/{tool}/lend", json=body, headers=shop.as_("counsellor"))
        ).status_code == 200
    assert [by.clock_suspect for by in asked] == [False, True]
    assert asked[1].device_time.utcoffset() == timedelta(0)


async def test_text_is_brought_to_nfc_and_kept_literally(shop: Shop) -> None:
    for said in ("Ze\u0301", "=SOM(A1)", "<script>alert(1)</script>", "'; drop table tool; --", "a\nb\tc"):
        tool = await bought(shop, diary=said)
        read = await shop.client.get(f"/tools/{tool}", headers=shop.as_("counsellor"))
        assert read.json()["diary"] == ("Z\u00e9" if said == "Ze\u0301" else said)


async def test_a_national_register_number_is_stored_nowhere(shop: Shop) -> None:
    answer = await shop.client.post(
        "/tools", json={**HAMMER, "diary": "nr 85.07.30-033 28"}, headers=shop.as_("counsellor")
    )
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/diary")
    assert "85.07" not in answer.text


# -- who may ----------------------------------------------------------------------------------------------------------


async def test_the_thing_of_another_office_is_not_shown_to_exist(shop: Shop) -> None:
    tool = await bought(shop)
    other = shop.as_("counsellor", office="kantoor-midden")
    for method, path in (("GET", f"/tools/{tool}"), ("POST", f"/tools/{tool}/polish")):
        there = await shop.client.request(method, path, headers=other)
        nowhere = await shop.client.request(method, path.replace(tool, UNKNOWN), headers=other)
        assert there.status_code == nowhere.status_code == 404
        assert {**there.json(), "instance": ""} == {**nowhere.json(), "instance": ""}
        assert len(there.content) == len(nowhere.content)


async def test_fields_that_one_may_not_read_are_named_and_absent(shop: Shop) -> None:
    tool = await bought(shop)
    shown = (await shop.client.get(f"/tools/{tool}", headers=shop.as_("technical"))).json()
    assert shown["name"] == "Hamer"
    assert "diary" not in shown
    assert shown["withheld"] == ["diary"]
    assert "sealed" not in json.dumps(shown)


async def test_a_whole_thing_that_one_may_not_read_is_403_and_own_acts_show_little(shop: Shop) -> None:
    tool = await bought(shop)
    read = await shop.client.get(f"/tools/{tool}", headers=shop.as_("administration"))
    assert (read.status_code, reason(read)) == (403, "not-permitted")
    lent = await shop.client.post(f"/tools/{tool}/lend", json={"member": "bo"}, headers=shop.as_("administration"))
    assert lent.json().keys() == {"id", "state", "version", "withheld", "events"}


async def test_an_auditor_reads_every_collection_and_changes_nothing(shop: Shop) -> None:
    tool = await bought(shop)
    assert (await shop.client.get(f"/tools/{tool}", headers=shop.as_("auditor"))).json()["diary"] == "van tante"
    assert (await shop.client.post("/tools", json=HAMMER, headers=shop.as_("auditor"))).status_code == 403


async def test_an_operator_sees_dead_letters_and_no_office(shop: Shop) -> None:
    operator = shop.as_("operator", office=None)
    assert (await shop.client.get("/dead-letters", headers=operator)).json() == {"items": [], "next": None}
    assert (await shop.client.get("/tools", headers=operator)).status_code == 403
    assert (await shop.client.get("/dead-letters", headers=shop.as_("director"))).status_code == 403


async def test_every_read_of_a_lease_is_logged_for_the_dpo(shop: Shop) -> None:
    tool = await bought(shop)
    await shop.client.get(f"/tools/{tool}", headers=shop.as_("counsellor"))
    await shop.client.get("/tools", headers=shop.as_("technical", sub="tijs"))
    await shop.client.post(f"/tools/{tool}/lend", json={"member": "bo"}, headers=shop.as_("counsellor"))
    await shop.client.get(f"/tools/{tool}/loans", headers=shop.as_("counsellor"))
    log = (await shop.client.get(f"/read-log?lease={LEASE}", headers=shop.as_("dpo"))).json()
    assert [(item["person"], item["what"], item["lease"]) for item in log["items"]] == [
        ("an", "tools/{id}", LEASE),
        ("tijs", "tools", LEASE),
        ("an", "tools/{tool}/loans", LEASE),
    ]
    assert (await shop.client.get(f"/read-log?lease={LEASE}", headers=shop.as_("counsellor"))).status_code == 403


@pytest.mark.parametrize("path", ["/health/live", "/health/ready", "/metrics", "/docs", "/openapi.json"])
async def test_these_need_no_token(shop: Shop, path: str) -> None:
    assert (await shop.client.get(path)).status_code == 200


async def test_an_address_that_is_a_secret_needs_no_token(shop: Shop) -> None:
    assert (await shop.client.get("/calendars/abc.ics")).json() == {"secret": 3}


# -- the order of answers ---------------------------------------------------------------------------------------------


async def test_of_two_reasons_the_earlier_one_is_answered(shop: Shop) -> None:
    """401, 413, 415, 400, 403 by role, 404, 422, key, 412, 403 by authority, 409: each has later faults too."""
    tool = await bought(shop)
    shop.store.once.clear()
    await shop.client.post(
        f"/tools/{tool}/lend", json={"member": "bo"}, headers={**shop.as_("counsellor"), "Idempotency-Key": "used"}
    )
    json_ = {"Content-Type": "application/json"}
    stale = {"If-Match": '"1"'}
    own = json.dumps({"member": "an"}).encode()
    large = b"x" * 300_000
    clerk, stranger = shop.as_("counsellor"), shop.as_("technical")
    here, nowhere = f"/tools/{tool}/lend", f"/tools/{UNKNOWN}/lend"
    key = {"Idempotency-Key": "used"}
    steps: list[tuple[str, str, bytes, dict[str, str]]] = [
        ("401 not-authenticated", nowhere, large, {"Content-Type": "text/plain", **stale}),
        ("413 too-large", nowhere, large, {"Content-Type": "text/plain", **stale, **stranger}),
        ("415 unsupported-media-type", nowhere, b"{", {"Content-Type": "text/plain", **stale, **stranger}),
        ("400 malformed-request", nowhere, b"{", {**json_, **stale, **stranger}),
        ("403 not-permitted", nowhere, b"[]", {**json_, **stale, **stranger}),
        ("404 not-found", nowhere, b"[]", {**json_, **stale, **clerk, "Idempotency-Key": "k" * 300}),
        ("422 invalid-request", here, b"[]", {**json_, **stale, **clerk, **key}),
        ("422 idempotency-key-reused", here, own, {**json_, **stale, **clerk, **key}),
        ("412 changed-meanwhile", here, own, {**json_, **stale, **clerk}),
        ("403 self-approval", here, own, {**json_, **clerk, "If-Match": '"2"'}),
        ("409 wrong-state", here, b'{"member": "cas"}', {**json_, **clerk, "If-Match": '"2"'}),
    ]
    for expected, path, content, headers in steps:
        answer = await shop.client.post(path, content=content, headers=headers)
        assert f"{answer.status_code} {reason(answer)}" == expected
    replay = await shop.client.post(here, content=b'{"member":  "bo"}', headers={**json_, **stale, **clerk, **key})
    assert replay.headers["idempotency-replayed"] == "true", (
        "a repeated request is answered before the version is looked at"
    )


# -- keys and versions ------------------------------------------------------------------------------------------------


async def test_the_same_key_and_body_answer_the_first_answer_again(shop: Shop) -> None:
    headers = {**shop.as_("counsellor"), "Idempotency-Key": "a key"}
    first = await shop.client.post("/tools", json=HAMMER, headers=headers)
    asked = shop.store.asked
    again = await shop.client.post(
        "/tools",
        content=json.dumps(dict(reversed(HAMMER.items()))),
        headers={**headers, "Content-Type": "application/json"},
    )
    assert (again.status_code, again.json(), again.headers["location"], again.headers["etag"]) == (
        201,
        first.json(),
        first.headers["location"],
        first.headers["etag"],
    )
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert shop.store.asked == asked


async def test_a_repeated_request_gets_its_answer_although_the_door_would_refuse_it_now(shop: Shop) -> None:
    tool, beside = await bought(shop), await bought(shop)
    headers = {**shop.as_("counsellor"), "Idempotency-Key": "k"}
    first = await shop.client.post(f"/tools/{tool}/pair", json={"beside": beside}, headers=headers)
    del shop.store.streams[("kantoor-noord", "tool", beside)]
    again = await shop.client.post(f"/tools/{tool}/pair", json={"beside": beside}, headers=headers)
    assert (again.status_code, again.json()) == (200, first.json())
    other = await shop.client.post(
        f"/tools/{tool}/pair", json={"beside": beside}, headers={**headers, "Idempotency-Key": "another"}
    )
    assert (other.status_code, reason(other)) == (409, "not-yet-known")


async def test_what_is_kept_under_a_key_is_sealed(shop: Shop) -> None:
    await shop.client.post("/tools", json=HAMMER, headers={**shop.as_("counsellor"), "Idempotency-Key": "k"})
    ((_, kept),) = shop.store.once.values()
    assert b"Hamer" in kept.replace(b'"digest":"Hamer"', b"Hamer")
    assert b'"sealed":' in kept


async def test_a_key_belongs_to_a_person_of_an_office(shop: Shop) -> None:
    key = {"Idempotency-Key": "k"}
    await shop.client.post("/tools", json=HAMMER, headers={**shop.as_("counsellor"), **key})
    for claims in ({"sub": "bo"}, {"office": "kantoor-midden"}):
        answer = await shop.client.post(
            "/tools", json={**HAMMER, "price": 4}, headers={**shop.as_("counsellor", **claims), **key}
        )
        assert answer.status_code == 201


async def test_an_operator_who_has_no_office_has_keys_too(shop: Shop) -> None:
    def as_operator(person: str) -> dict[str, str]:
        return {**shop.as_("operator", office=None, sub=person), "Idempotency-Key": "k"}

    first = await shop.client.post("/shelves", json={"name": "hoog"}, headers=as_operator("olga"))
    again = await shop.client.post("/shelves", json={"name": "hoog"}, headers=as_operator("olga"))
    assert first.json() == again.json() == {"shelves": 1}
    assert ("idempotency-replayed" in first.headers, again.headers["idempotency-replayed"]) == (False, "true")
    other = await shop.client.post("/shelves", json={"name": "laag"}, headers=as_operator("olga"))
    assert (other.status_code, reason(other)) == (422, "idempotency-key-reused")
    own = await shop.client.post("/shelves", json={"name": "hoog"}, headers=as_operator("otto"))
    assert own.json() == {"shelves": 2}


async def test_a_key_used_for_another_body_or_path_is_refused(shop: Shop) -> None:
    headers = {**shop.as_("counsellor"), "Idempotency-Key": "k"}
    tool = (await shop.client.post("/tools", json=HAMMER, headers=headers)).json()["id"]
    for path, body in (("/tools", {**HAMMER, "price": 4}), (f"/tools/{tool}/lend", {"member": "bo"})):
        answer = await shop.client.post(path, json=body, headers=headers)
        assert (answer.status_code, reason(answer)) == (422, "idempotency-key-reused")


async def test_a_refused_request_may_come_again_under_its_key(shop: Shop) -> None:
    tool = await bought(shop)
    headers = {**shop.as_("counsellor"), "Idempotency-Key": "k"}
    assert (await shop.client.post(f"/tools/{tool}/lend", json={"member": "an"}, headers=headers)).status_code == 403
    assert (await shop.client.post(f"/tools/{tool}/lend", json={"member": "bo"}, headers=headers)).status_code == 200


async def test_two_at_once_under_one_key_are_one_effect_and_equal_answers(shop: Shop) -> None:
    headers = {**shop.as_("counsellor"), "Idempotency-Key": "k"}
    answers = await asyncio.gather(*(shop.client.post("/tools", json=HAMMER, headers=headers) for _ in range(5)))
    assert len({answer.text for answer in answers}) == 1
    assert len(shop.store.streams) == 1


async def test_a_form_may_come_again_under_its_key_with_another_boundary(shop: Shop) -> None:
    headers = {**shop.as_("counsellor"), "Idempotency-Key": "k"}
    for _ in range(2):
        answer = await shop.client.post("/pictures", files={"file": ("a.png", b"123")}, headers=headers)
        assert (answer.status_code, answer.json()) == (201, {"size": 3})


async def test_who_saw_another_version_is_told_so_before_what_the_door_itself_refuses(shop: Shop) -> None:
    tool = await bought(shop)
    key = {**shop.as_("counsellor"), "Idempotency-Key": "k"}
    first = await shop.client.post(f"/tools/{tool}/pair", json={"beside": tool}, headers={**key, "If-Match": '"1"'})
    await shop.client.post(f"/tools/{tool}/lend", json={"member": "bo"}, headers=shop.as_("counsellor"))
    stale = {**shop.as_("counsellor"), "If-Match": '"1"'}
    late = await shop.client.post(f"/tools/{tool}/pair", json={"beside": UNKNOWN}, headers=stale)
    assert (late.status_code, reason(late), late.json()["present"]["member"]) == (412, "changed-meanwhile", "bo")
    again = await shop.client.post(f"/tools/{tool}/pair", json={"beside": tool}, headers={**key, "If-Match": '"1"'})
    assert (again.status_code, again.json()) == (200, first.json())


async def test_of_what_is_not_there_yet_nobody_saw_a_version(shop: Shop) -> None:
    seen = {**shop.as_("counsellor"), "If-Match": '"1"'}
    answer = await shop.client.post("/tools", json=HAMMER, headers=seen)
    assert (answer.status_code, reason(answer), answer.json()["present"]) == (412, "changed-meanwhile", None)
    assert "etag" not in answer.headers and not shop.store.streams


async def test_two_versions_seen_are_none(shop: Shop) -> None:
    tool = await bought(shop)
    headers = [*shop.as_("counsellor").items(), ("If-Match", '"1"'), ("If-Match", '"2"')]
    assert (await shop.client.post(f"/tools/{tool}/polish", headers=headers)).status_code == 412


@pytest.mark.parametrize("seen", ['"1"', '"0"', '"99"', '"02"', "garbage", '"1', 'W/"2"', '"x"'])
async def test_who_saw_another_version_gets_the_present_state(shop: Shop, seen: str) -> None:
    tool = await bought(shop)
    await shop.client.post(f"/tools/{tool}/lend", json={"member": "bo"}, headers=shop.as_("counsellor"))
    answer = await shop.client.post(
        f"/tools/{tool}/lend", json={"member": "cas"}, headers={**shop.as_("counsellor"), "If-Match": seen}
    )
    assert (answer.status_code, reason(answer), answer.headers["etag"]) == (412, "changed-meanwhile", '"2"')
    assert answer.json()["present"]["member"] == "bo"


async def test_who_saw_the_present_version_or_any_goes_on(shop: Shop) -> None:
    tool = await bought(shop)
    for seen in ('"1"', "*"):
        answer = await shop.client.post(f"/tools/{tool}/polish", headers={**shop.as_("counsellor"), "If-Match": seen})
        assert answer.status_code == 200


# -- waiting ----------------------------------------------------------------------------------------------------------


async def test_reads_and_acts_wait_for_positions(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.reception.LONGEST_WAIT_SECONDS", 0.05)
    tool = await bought(shop)
    for path in (f"/tools/{tool}", "/tools"):
        for after in ("visits:1", "evaluations:5", "visits:0"):
            assert (await shop.client.get(f"{path}?after={after}", headers=shop.as_("counsellor"))).status_code == 200
        assert (
            await shop.client.get(f"{path}?after=visits:1&after=evaluations:5", headers=shop.as_("counsellor"))
        ).status_code == 200
        for after in ("visits:2", "evaluations:6"):
            late = await shop.client.get(f"{path}?after={after}", headers=shop.as_("counsellor"))
            assert (late.status_code, reason(late), late.headers["retry-after"]) == (504, "not-yet-seen", "1")
    late = await shop.client.post(f"/tools/{UNKNOWN}/polish?after=evaluations:6", headers=shop.as_("counsellor"))
    assert late.status_code == 504, "what is unknown may still come"


# -- lists ------------------------------------------------------------------------------------------------------------


async def test_a_list_is_read_page_by_page(shop: Shop) -> None:
    made = [await bought(shop) for _ in range(5)]
    seen: list[str] = []
    cursor = ""
    while True:
        page = (await shop.client.get(f"/tools?limit=2{cursor}", headers=shop.as_("counsellor"))).json()
        seen += [item["id"] for item in page["items"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert seen == made


async def test_a_cursor_serves_its_own_list_only(shop: Shop) -> None:
    for _ in range(3):
        await bought(shop)
    cursor = (await shop.client.get("/tools?limit=1", headers=shop.as_("counsellor"))).json()["next"]
    changed = cursor[:-2] + ("AA" if cursor[-2:] != "AA" else "BB")
    for query, claims in (
        (f"cursor={cursor}&state=there", {}),
        (f"cursor={cursor}", {"office": "kantoor-midden"}),
        (f"cursor={changed}", {}),
        ("cursor=%C3%A9", {}),
    ):
        answer = await shop.client.get(f"/tools?{query}", headers=shop.as_("counsellor", **claims))
        assert (answer.status_code, reason(answer)) == (400, "malformed-request")


async def test_a_list_is_filtered(shop: Shop) -> None:
    tool = await bought(shop)
    await bought(shop)
    await shop.client.post(f"/tools/{tool}/lend", json={"member": "bo"}, headers=shop.as_("counsellor"))
    lent = (await shop.client.get(f"/tools?state=lent&lease={LEASE}", headers=shop.as_("counsellor"))).json()
    assert [item["id"] for item in lent["items"]] == [tool]


# -- problems ---------------------------------------------------------------------------------------------------------


async def test_a_problem_speaks_the_readers_language(shop: Shop) -> None:
    for accepted, language, detail in (
        (None, "nl", "Uw rol laat dit niet toe."),
        ("en-GB,en;q=0.9", "en", "Your role does not allow this."),
        ("fr", "nl", "Uw rol laat dit niet toe."),
        ("en;q=0.2, nl;q=0.8", "nl", "Uw rol laat dit niet toe."),
        ("*;q=x,,;;", "nl", "Uw rol laat dit niet toe."),
    ):
        headers = {**shop.as_("dpo"), **({"Accept-Language": accepted} if accepted else {})}
        answer = await shop.client.post("/tools", json=HAMMER, headers=headers)
        assert (answer.headers["content-language"], answer.json()["detail"]) == (language, detail)
        assert re.fullmatch(r"urn:uuid:[0-9a-f-]{36}", answer.json()["instance"])
        assert answer.json()["instance"].endswith(answer.headers["x-correlation-id"])


async def test_a_bug_answers_a_correlation_id_and_nothing_else(shop: Shop) -> None:
    with structlog.testing.capture_logs() as logs:
        answer = await shop.client.get("/broken", headers=shop.as_("coordinator"))
    assert (answer.status_code, reason(answer)) == (500, "internal-error")
    assert "Peeters" not in answer.text and "LookupError" not in answer.text
    assert any(line["event"] == "request-failed" for line in logs)


async def test_a_store_that_is_away_is_503(shop: Shop) -> None:
    shop.store.down = True
    for answer in (
        await shop.client.post("/tools", json=HAMMER, headers=shop.as_("counsellor")),
        await shop.client.get("/tools", headers=shop.as_("counsellor")),
        await shop.client.post("/tools", json=HAMMER, headers={**shop.as_("counsellor"), "Idempotency-Key": "k"}),
    ):
        assert (answer.status_code, reason(answer), answer.headers["retry-after"]) == (
            503,
            "temporarily-unavailable",
            "1",
        )
    assert (await shop.client.get("/health/ready")).status_code == 503
    assert (await shop.client.get("/health/live")).status_code == 200


async def test_keys_that_cannot_be_read_are_503(shop: Shop) -> None:
    headers = shop.as_("counsellor")
    shop.issuer.jwks.unlink()
    assert (await shop.client.get("/tools", headers=headers)).status_code == 503


@pytest.mark.parametrize("method", ["TRACE", "OPTIONS", "CONNECT", "PUT", "DELETE", "PATCH", "BREW"])
async def test_other_methods_are_405_without_cors(shop: Shop, method: str) -> None:
    headers = {**shop.as_("counsellor"), "Origin": "https://elsewhere.example", "Access-Control-Request-Method": "POST"}
    answer = await shop.client.request(method, "/tools", headers=headers)
    assert answer.status_code == 405
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD", "POST"}
    assert not [name for name in answer.headers if name.startswith("access-control")]


async def test_an_unknown_address_is_404_for_who_is_known(shop: Shop) -> None:
    assert (await shop.client.get("/nothing")).status_code == 401
    answer = await shop.client.get("/nothing", headers=shop.as_("counsellor"))
    unknown = await shop.client.get(f"/tools/{UNKNOWN}", headers=shop.as_("counsellor"))
    assert {**answer.json(), "instance": ""} == {**unknown.json(), "instance": ""}


async def test_a_slash_within_a_name_is_none_between_two(shop: Shop) -> None:
    tool, proof = await bought(shop), shop.as_("counsellor")
    unknown = await shop.client.get(f"/tools/{UNKNOWN}", headers=proof)
    for method, path in (
        ("GET", f"/tools%2f{tool}"),
        ("GET", f"/tools/{tool}%2Floans"),
        ("POST", f"/tools/{tool}%2Fpolish"),
    ):
        answer = await shop.client.request(method, path, headers=proof)
        assert (answer.status_code, reason(answer)) == (unknown.status_code, reason(unknown)) == (404, "not-found")


@pytest.mark.parametrize(
    "said",
    [
        (("Content-Type", "application/json"), ("Content-Type", "text/plain")),
        (("Content-Type", "application/json"), ("Content-Encoding", "identity"), ("Content-Encoding", "gzip")),
    ],
)
async def test_a_body_is_of_one_kind(shop: Shop, said: tuple[tuple[str, str], ...]) -> None:
    headers = [*shop.as_("counsellor").items(), *said]
    answer = await shop.client.post("/tools", content=json.dumps(HAMMER), headers=headers)
    assert (answer.status_code, reason(answer)) == (415, "unsupported-media-type")
    assert not shop.store.streams


async def test_metrics_have_templates_for_labels(shop: Shop) -> None:
    tool = await bought(shop)
    await shop.client.get(f"/tools/{tool}", headers=shop.as_("counsellor"))
    await shop.client.get(f"/{MARK}", headers=shop.as_("counsellor"))
    metrics = (await shop.client.get("/metrics")).text
    assert 'huurspoor_http_requests_total{method="GET",route="/tools/{id}",status="200"}' in metrics
    assert MARK not in metrics and tool not in metrics


# -- bad input --------------------------------------------------------------------------------------------------------


async def test_everything_wrong_is_answered_as_it_must_be_and_changes_nothing(shop: Shop) -> None:
    tool = await bought(shop)
    tokens = {role: shop.issuer.token(role) for role in ROLES}
    existing = {path: tool for path in ("/tools/{id}", "/tools/{tool}/lend", "/tools/{tool}/polish")}
    asked, streams = shop.store.asked, dict(shop.store.streams)
    with structlog.testing.capture_logs() as logs:
        wrong = await badinput.attack(shop.client, tokens, existing=existing)
    assert wrong == []
    assert len(logs) > 400, "the attack took place"
    assert (shop.store.asked, shop.store.streams) == (asked, streams)
    assert MARK not in repr(logs)


async def test_pointers_say_where_and_never_what(shop: Shop) -> None:
    body = {**HAMMER, "price": "5", "parts": ["steel", f"{MARK}\n"], "colour": MARK, f"{MARK} {MARK}": 1}
    answer = await shop.client.post("/tools", json=body, headers={**shop.as_("counsellor"), "Accept-Language": "en"})
    told = {error.get("pointer"): error["detail"] for error in answer.json()["errors"]}
    assert told == {
        "/price": "Give a whole number.",
        "/parts/1": "This may hold no line break, control characters or marks of writing direction.",
        "/colour": "This field is not asked.",
        "": "This field is not asked.",
    }
    assert MARK not in answer.text


async def test_of_very_many_faults_only_the_first_are_told(shop: Shop) -> None:
    body = {**HAMMER, "parts": [0] * 10_000}
    answer = await shop.client.post("/tools", json=body, headers=shop.as_("counsellor"))
    assert (answer.status_code, len(answer.json()["errors"])) == (422, 100)
    assert answer.json()["errors"][0]["pointer"] == "/parts/0"


@pytest.mark.parametrize(
    "error",
    [
        ConnectionResetError(),
        TimeoutError(),
        asyncpg.InterfaceError("gone"),
        asyncpg.InternalClientError("gone"),
        asyncpg.DeadlockDetectedError("chosen"),
        asyncpg.LockNotAvailableError("held"),
    ],
)
def test_a_lost_connection_is_for_now_not_available(error: Exception) -> None:
    answer = problem_of(error)
    assert answer is not None and answer.status == 503


@pytest.mark.parametrize(
    "error",
    [
        FileNotFoundError(errno.ENOENT, "none", "templates/nl/notice.toml"),
        PermissionError(errno.EACCES, "closed", "templates/nl/notice.toml"),
        MayNotSeal("no right to category F"),
        ssl.SSLCertVerificationError("not ours"),
        asyncpg.UndefinedTableError("nowhere"),
    ],
)
def test_what_no_waiting_mends_is_a_bug(error: Exception) -> None:
    assert problem_of(error) is None
    with pytest.raises(type(error)), busy_if_away():
        raise error


def test_what_only_a_newer_release_can_read_is_for_now_not_available() -> None:
    answer = problem_of(UnknownEvent("ToolMended"))
    assert answer is not None and answer.status == 503


async def test_a_service_behind_two_doors_has_each_of_its_doors_once(tmp_path: Path) -> None:
    doors = shop_doors()
    opened = [opened_shop(tmp_path, doors) for _ in range(2)]
    first, second = [(await shop.client.get("/openapi.json")).json() for shop in opened]
    assert first == second
    paths = [route.path for route in doors.routes if isinstance(route, APIRoute)]
    assert "/health/live" in first["paths"] and "/health/live" not in paths
