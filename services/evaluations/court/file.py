"""Building the file for court. Pure: the same ledger up to the same position gives the same bytes, on any machine.

The file holds the whole chain of the office's ledger up to its position: of the lease, and of the office's policies,
checklists and mandates, the exact envelopes; of everything else only hashes. The envelopes hold sealed texts. For each
text that is shown the file holds the key of that one text, so that anybody can open the sealed form in the envelope and
see that it says what the file shows (``shared.keys``).
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.evaluations.court.parts import OF_THE_OFFICE, PARTS, STRANDS
from services.evaluations.ledger import (
    LATE,
    Entry,
    Head,
    Rows,
    entries_about,
    entries_of_types,
    exported,
    hashes_between,
    head_at,
    instant,
    shown,
)
from shared.event_sourcing import OfOffice
from shared.keys import Opened, Seals, category_of
from shared.sealed import Sealed
from shared.wording import Wording

FORMAT = "huurspoor court file 1"
WARNING = (
    "GESIMULEERDE KLOK: DIT DOSSIER IS GEMAAKT OM HET PLATFORM UIT TE PROBEREN. HET BEWIJST NIETS."
    " / SIMULATED CLOCK: MADE TO TRY OUT THE PLATFORM. THIS FILE PROVES NOTHING."
)
NOT_OPENED = frozenset({"referrals"})  # of help offered only dates are shown


@dataclass(frozen=True, kw_only=True)
class Pinned:
    """Everything a file is made of.

    :ivar head: the ledger's head at the position the file is pinned to.
    :ivar chain: position, hash of details and hash of entry, from ``before`` to the head.
    :ivar about: the entries of the lease. :ivar rules: those of the office's policies, checklists and mandates.
    :ivar texts: what could be opened of their sealed texts.
    :ivar standing: the count at that place, as ``GET /dossiers/{lease}/standing`` answers it.
    """

    office: str
    lease: str
    head: Head
    before: Head
    chain: Sequence[tuple[int, bytes, bytes]]
    about: Sequence[Entry]
    rules: Sequence[Entry]
    texts: Mapping[Sealed, Opened]
    standing: Mapping[str, Any]


async def gathered(
    store: Rows, seals: Seals, lease: str, *, head: Head, standing: Mapping[str, Any], by: OfOffice
) -> Pinned:
    """Read everything that the file of a lease at a place in the ledger is made of."""
    about = await entries_about(store, lease, until=head.position, known_at=head.taken_in_at, by=by)
    rules = await entries_of_types(store, OF_THE_OFFICE, until=head.position, by=by)
    first = min((entry.position for entry in (*about, *rules)), default=head.position + 1)
    before = await head_at(store, first - 1, by=by)
    assert before is not None
    chain = await hashes_between(store, first, head.position, by=by)
    wanted = [
        sealed
        for entry in (*about, *rules)
        if entry.service not in NOT_OPENED
        for _, sealed in sealed_in(json.loads(entry.envelope)["data"], "/data")
    ]
    texts = await seals.open_all(by.office, wanted)
    return Pinned(
        office=by.office,
        lease=lease,
        head=head,
        before=before,
        chain=chain,
        about=about,
        rules=rules,
        texts=texts,
        standing=standing,
    )


def court_file(pinned: Pinned, *, key: Ed25519PrivateKey, wording: Wording) -> bytes:
    """Return the file: its own RFC 8785 form, every member under the signed hash."""
    full = {entry.position: entry for entry in (*pinned.about, *pinned.rules)}
    envelopes = {position: json.loads(entry.envelope) for position, entry in full.items()}
    simulated = any(envelope.get("clock") == "simulated" for envelope in envelopes.values())
    timeline = [
        _line(entry, envelopes[entry.position], pinned.texts, wording, office=pinned.office) for entry in pinned.about
    ]
    members = {
        "format": FORMAT,
        "lease": pinned.lease,
        "ledger_position": pinned.head.position,
        "as_known_at": instant(pinned.head.taken_in_at),
        "clock": "simulated" if simulated else "system",
        **({"warning": WARNING} if simulated else {}),
        "timeline": timeline,
        "rules": [
            _line(entry, envelopes[entry.position], pinned.texts, wording, office=pinned.office)
            for entry in pinned.rules
        ],
        "parts": _parts(pinned, timeline, wording),
        "strands": _strands(pinned, envelopes),
        "standing": pinned.standing,
        "versions": _versions(envelopes[entry.position] for entry in pinned.about),
        "previous": {"position": pinned.before.position, "hash": pinned.before.hash.hex()},
        "entries": [
            _whole(full[position], envelopes[position], pinned.texts)
            if position in full
            else {"position": position, "details": details.hex(), "hash": hash.hex()}
            for position, details, hash in pinned.chain
        ],
    }
    return exported(members, office=pinned.office, head=pinned.head, key=key)


def sealed_in(value: Any, place: str) -> Iterable[tuple[str, Sealed]]:
    """Yield every sealed text in a JSON value, with its JSON pointer."""
    match value:
        case {"sealed": str(sealed), "key": str(key), "digest": str(digest)}:
            yield place, Sealed(sealed=sealed, key=key, digest=digest, length=value.get("length", 0))
        case dict():
            for name in sorted(value):
                yield from sealed_in(value[name], f"{place}/{name.replace('~', '~0').replace('/', '~1')}")
        case list():
            for number, one in enumerate(value):
                yield from sealed_in(one, f"{place}/{number}")


def _whole(entry: Entry, envelope: Mapping[str, Any], texts: Mapping[Sealed, Opened]) -> dict[str, Any]:
    keys = {
        pointer: texts[sealed].text_key
        for pointer, sealed in sealed_in(envelope["data"], "/data")
        if _may_show(entry, sealed, texts)
    }
    return {**shown(entry), "text_keys": keys}


def _may_show(entry: Entry, sealed: Sealed, texts: Mapping[Sealed, Opened]) -> bool:
    return entry.service not in NOT_OPENED and sealed in texts


def _line(
    entry: Entry, envelope: Mapping[str, Any], texts: Mapping[Sealed, Opened], wording: Wording, *, office: str
) -> dict[str, Any]:
    """Return an entry as a person reads it: the three times, who, under which mandate, and what, with its texts.

    :param office: whose ledger it is; what a lease brought along from another was not late.
    """

    def readable(value: Any) -> Any:
        match value:
            case {"sealed": str(sealed), "key": str(key), "digest": str(digest)}:
                text = Sealed(sealed=sealed, key=key, digest=digest, length=value.get("length", 0))
                return texts[text].text if _may_show(entry, text, texts) else {"withheld": category_of(key) or "?"}
            case dict():
                return {name: readable(held) for name, held in value.items()}
            case list():
                return [readable(held) for held in value]
            case _:
                return value

    return {
        "position": entry.position,
        "type": entry.type,
        "service": entry.service,
        "summary": wording.say("events", entry.type, "nl") or entry.type,
        "occurred_on": envelope["occurredon"],
        "recorded_at": envelope["time"],
        "taken_in_at": instant(entry.taken_in_at),
        "office": envelope["office"],  # under which it was recorded
        "arrived_late": envelope["office"] == office and entry.taken_in_at - entry.recorded_at > LATE,
        **({} if entry.void_since is None else {"void_since": instant(entry.void_since)}),
        "actor": envelope["actor"],
        "mandate": envelope.get("mandate"),
        "policy_version": envelope.get("policyversion"),
        "checklist_version": envelope.get("checklistversion"),
        "what": readable(envelope["data"]),
    }


def _parts(pinned: Pinned, timeline: Sequence[Mapping[str, Any]], wording: Wording) -> list[dict[str, Any]]:
    late = {line["position"] for line in timeline if line["arrived_late"] or "void_since" in line}
    parts = []
    for name, types in PARTS.items():
        listed = {entry.position for entry in (*pinned.about, *pinned.rules) if entry.type in types}
        if name == "late_corrected_withdrawn":
            listed |= late
        parts.append({"part": name, "title": wording.say("parts", name, "nl") or name, "entries": sorted(listed)})
    return parts


def _strands(pinned: Pinned, envelopes: Mapping[int, Mapping[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Return findings apart by what they are about: each with its item and the entries that tell of it."""
    category = {
        item["code"]: item["category"]
        for entry in pinned.rules
        if entry.type == "ChecklistPublished"
        for item in envelopes[entry.position]["data"]["items"]
    }
    findings: dict[str, dict[str, Any]] = {}
    for entry in pinned.about:
        data = envelopes[entry.position]["data"]
        if entry.type == "FindingEstablished":
            findings[data["finding"]] = {"finding": data["finding"], "item": data["item"], "entries": []}
        if data.get("finding") in findings:
            findings[data["finding"]]["entries"].append(entry.position)
    strands: dict[str, list[dict[str, Any]]] = {name: [] for name in (*STRANDS.values(), "other")}
    for finding in findings.values():
        strands[STRANDS.get(category.get(finding["item"], ""), "other")].append(finding)
    return strands


def _versions(envelopes: Iterable[Mapping[str, Any]]) -> dict[str, list[str]]:
    told = list(envelopes)
    return {
        "policies": sorted({version for one in told if (version := one.get("policyversion"))}),
        "checklists": sorted({version for one in told if (version := one.get("checklistversion"))}),
    }
