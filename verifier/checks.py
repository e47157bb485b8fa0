"""What makes a file genuine, checked from the outside in: form, signature, members, chain, envelopes, texts.

Written from the description of the format alone, and independent of the code that makes such files:

* The file is the RFC 8785 form of an object. Its member ``manifest`` holds the SHA-256 of the RFC 8785 form of each
  other member but ``checkpoint``, which is a signed note (C2SP, Ed25519): the name of the ledger, the number of its
  entries, the hash of the last one, when that was taken in, and the hash of the manifest.
* An entry's hash is that of ``{"details", "position", "previous"}``; of an entry shown whole the details are those of
  ``{"envelope_sha256", "epoch", "event", "service", "service_position", "taken_in_at", "type"}``.
* A court file (``entries``) shows the entries of one lease and the office's own rules whole, of others only hashes. Its
  ``timeline`` and ``rules`` say in the clear what the envelopes say; of a sealed text that is shown the entry gives the
  key, which opens that text alone and whose hash the sealed form holds.
"""

import base64
import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from verifier import canonical

LEDGER, COURT_FILE = "huurspoor ledger 1", "huurspoor court file 1"
RULES = frozenset({"OfficeFounded", "PolicyAdopted", "ChecklistPublished", "MandateGiven", "MandateEnded"})
READING = frozenset({"parts", "strands", "standing", "versions"})  # how the office reads the timeline; it has to say
LATE = timedelta(hours=1)
_HASH = re.compile("[0-9a-f]{64}")
_KEY = re.compile(r"(huurspoor/[^+\s]+\+[0-9a-f]{8}\+)?[A-Za-z0-9+/]{44}")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII)
_HEAD_OF_SEAL = 50


class NotReadable(Exception):
    """It is no file that this program knows."""


class NotGenuine(Exception):
    """Something differs. ``differences`` says what, the most telling first."""

    def __init__(self, differences: list[str]) -> None:
        super().__init__("; ".join(differences))
        self.differences = differences


@dataclass
class Report:
    """What was found; filled as far as the verification came."""

    signer: str = ""
    fingerprint: str | None = None
    lines: list[str] = field(default_factory=list)


class _Broken(Exception):
    """A part is not made as it must be; the text says which and how."""


def verify(content: bytes, *, key: str | None, report: Report) -> None:
    """Verify a file.

    :param key: the key it must be signed with: a fingerprint, or the key as the file writes it. None takes any.
    :raises NotReadable: it is no court file and no ledger export.
    :raises NotGenuine: it is one, and something differs.
    """
    try:
        file = canonical.read(content)
        form = canonical.write(file)
    except canonical.NotJson as why:
        raise NotReadable(str(why)) from None
    if not isinstance(file, dict) or file.get("format") not in (LEDGER, COURT_FILE):
        raise NotReadable("it is no court file and no ledger export")
    try:
        differences = list(_differences(file, key, report))
    except (_Broken, KeyError, TypeError, ValueError, AttributeError) as why:
        differences = [str(why) if isinstance(why, _Broken) else "a part of the file is missing or malformed"]
    if form != content:
        at = next(
            (n for n, (a, b) in enumerate(zip(form, content, strict=False)) if a != b), min(len(form), len(content))
        )
        differences.append(f"the file is not its own RFC 8785 form, from byte {at} on")
    if differences:
        raise NotGenuine(differences)


def _differences(file: Mapping[str, Any], key: str | None, report: Report) -> Iterator[str]:
    public, name = _public_key(file, report)
    if key is not None and not _is_key(key, file["key"], report.fingerprint or ""):
        yield "it is signed with another key than the one given"
    note = _Note.read(file["checkpoint"], name, public)
    chain = _Chain(file)
    yield from chain.differences()
    if file["format"] == COURT_FILE:
        yield from _court_file(file, chain, note)
    yield from _members(file, note)
    if note.why:
        yield note.why
    last = chain.last
    if (note.size, note.hash) != last:
        yield f"the chain ends with entry {last[0]}, and not with the head that was signed (entry {note.size})"
    yield from chain.moment_of_head(note)
    report.lines += chain.lines(file)


# -- signature --------------------------------------------------------------------------------------------------------


def _public_key(file: Mapping[str, Any], report: Report) -> tuple[Ed25519PublicKey, str]:
    name, _, rest = _text(file, "key").partition("+")
    id, _, encoded = rest.partition("+")
    raw = _bytes(encoded, "the key")
    if len(raw) != 33 or raw[0] != 1 or _key_id(name, raw).hex() != id:
        raise _Broken("the key in the file is malformed")
    report.signer, report.fingerprint = name, hashlib.sha256(raw[1:]).hexdigest()
    if name != f"huurspoor/{_text(file, 'office')}":
        raise _Broken("the key in the file belongs to another office")
    return Ed25519PublicKey.from_public_bytes(raw[1:]), name


def _key_id(name: str, raw: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + raw).digest()[:4]


def is_key(given: str) -> bool:
    """Whether a text has the form of a key: a fingerprint, or a key as the file writes it, with or without its name."""
    return _HASH.fullmatch(_plain(given)) is not None or _KEY.fullmatch(given) is not None


def _is_key(given: str, in_file: str, fingerprint: str) -> bool:
    return given in (in_file, in_file.split("+", 2)[-1]) or _plain(given) == fingerprint


def _plain(fingerprint: str) -> str:
    return fingerprint.lower().removeprefix("sha256:").replace(":", "")


@dataclass(frozen=True)
class _Note:
    """A signed note that was read. ``why`` is empty when its signature holds."""

    size: int
    hash: str
    taken_in_at: str
    manifest: str
    why: str = ""

    @classmethod
    def read(cls, written: Any, name: str, key: Ed25519PublicKey) -> "_Note":
        if not isinstance(written, str):
            raise _Broken("the checkpoint is no text")
        found = re.fullmatch(
            "((?P<name>[^\n]+)\n(?P<size>0|[1-9][0-9]{0,15})\n(?P<hash>[^\n]+)\ntaken in (?P<at>[^\n]+)\n"
            "file sha-256 (?P<manifest>[0-9a-f]{64})\n)\n\u2014 (?P<signer>[^\n ]+) (?P<signature>[^\n ]+)\n",
            written,
        )
        if found is None or not _INSTANT.fullmatch(found["at"]):
            raise _Broken("the checkpoint is malformed")
        why = ""
        raw = b"\x01" + key.public_bytes_raw()
        signature = _bytes(found["signature"], "the signature of the checkpoint")
        if found["name"] != name or found["signer"] != name or signature[:4] != _key_id(name, raw):
            why = "the checkpoint is signed for another ledger or with another key"
        try:
            key.verify(signature[4:], found[1].encode())
        except InvalidSignature:
            why = "the signature of the checkpoint does not hold"
        head = _bytes(found["hash"], "the hash in the checkpoint").hex()
        return cls(int(found["size"]), head, found["at"], found["manifest"], why)


def _members(file: Mapping[str, Any], note: _Note) -> Iterator[str]:
    manifest = file["manifest"]
    if not isinstance(manifest, dict):
        raise _Broken("the manifest is malformed")
    members = file.keys() - {"manifest", "checkpoint"}
    for name in sorted(members - manifest.keys()):
        yield f"the member {name} is under no signed hash"
    for name in sorted(manifest.keys() - members):
        yield f"the member {name} is missing"
    for name in sorted(members & manifest.keys()):
        if manifest[name] != _sha(canonical.write(file[name])):
            yield f"the member {name} differs from its hash in the manifest"
    if _sha(canonical.write(manifest)) != note.manifest:
        yield "the manifest differs from the hash that was signed"


# -- chain ------------------------------------------------------------------------------------------------------------


@dataclass
class _Whole:
    """An entry that is shown whole, with its envelope."""

    entry: Mapping[str, Any]
    envelope: Mapping[str, Any]
    name: str


class _Chain:
    """The entries of a file, one after the other."""

    def __init__(self, file: Mapping[str, Any]) -> None:
        self.office = _text(file, "office")
        self.shows_all_of_a_lease = file["format"] == COURT_FILE
        self.entries = file["entries" if file["format"] == COURT_FILE else "items"]
        if not isinstance(self.entries, list) or not all(isinstance(entry, dict) for entry in self.entries):
            raise _Broken("the entries are malformed")
        self.before = (_number(file["previous"], "position"), _hash(file["previous"], "hash"))
        self.last = self.before
        self.whole: dict[int, _Whole] = {}

    def differences(self) -> Iterator[str]:
        """Say what differs, entry by entry; each is held against the hash that the one before it states."""
        origin, since = _sha(f"huurspoor ledger\n{self.office}".encode()), ""
        if self.before[0] == 0 and self.before[1] != origin:
            yield "the first entry does not follow the beginning of this office's ledger"
        for entry in self.entries:
            position = self.last[0] + 1
            name = f"entry {position}"
            if entry.get("position") != position:
                yield f"{name} calls itself entry {entry.get('position')}"
            if "envelope" in entry:
                name = f"{name} ({entry.get('type')} of {entry.get('service')})"
                yield from self._envelope(entry, name, position)
                details = self._details(entry, name)
                if entry["taken_in_at"] < since:
                    yield f"{name} says it was taken in before one that stands in front of it"
                since = entry["taken_in_at"]
            else:
                if not self.shows_all_of_a_lease:
                    yield f"{name} is not shown, and an export shows all of its entries"
                details = _hash(entry, "details", name)
            stated = _hash(entry, "hash", name)
            told = {"details": details, "position": position, "previous": self.last[1]}
            if _sha(canonical.write(told)) != stated:
                yield f"{name}: what it says does not give its hash"
            self.last = (position, stated)
        yield from self._offices()

    def moment_of_head(self, note: _Note) -> Iterator[str]:
        """Say whether the head was signed as of another moment than its entry was taken in."""
        for position, whole in self.whole.items():
            at = whole.entry["taken_in_at"]
            if at > note.taken_in_at or (position == note.size and at != note.taken_in_at):
                yield f"{whole.name} was taken in at another time than the head that was signed allows"

    def _offices(self) -> Iterator[str]:
        """Say which envelopes belong to another office without cause: those of a lease that came from there have one.

        How a lease came stands before what it brought along; of a ledger that is shown from later on it is not seen.
        """
        came = {(whole.envelope.get("subject"), self.office) for whole in self.whole.values()}
        for whole in reversed(self.whole.values()):
            data = whole.envelope.get("data")
            if whole.entry.get("type") == "OfficeChanged" and isinstance(data, dict) and data.get("from_office"):
                subject = whole.envelope.get("subject")
                if (subject, data.get("to_office")) in came or data.get("to_office") == self.office:
                    came.add((subject, data["from_office"]))
        for whole in self.whole.values():
            subject, office = whole.envelope.get("subject"), whole.envelope.get("office")
            if office == self.office or (subject, office) in came:
                continue
            if not str(subject).startswith("lease/") or self.before[0] == 0 or self.shows_all_of_a_lease:
                yield f"{whole.name}: its envelope has another office"

    def _details(self, entry: Mapping[str, Any], name: str) -> str:
        at = _text(entry, "taken_in_at")
        if not _INSTANT.fullmatch(at):
            raise _Broken(f"{name}: the moment it was taken in is malformed")
        details = {
            "envelope_sha256": _sha(_bytes(entry["envelope"], f"the envelope of {name}")),
            "epoch": _number(entry, "epoch"),
            "event": _text(entry, "event"),
            "service": _text(entry, "service"),
            "service_position": _number(entry, "service_position"),
            "taken_in_at": at,
            "type": _text(entry, "type"),
        }
        return _sha(canonical.write(details))

    def _envelope(self, entry: Mapping[str, Any], name: str, position: int) -> Iterator[str]:
        try:
            envelope = canonical.read(_bytes(entry["envelope"], f"the envelope of {name}"))
        except canonical.NotJson:
            envelope = None
        if not isinstance(envelope, dict):
            yield f"{name}: its envelope cannot be read"
            return
        told = {
            "id": entry.get("event"),
            "source": f"/services/{entry.get('service')}",
            "epoch": entry.get("epoch"),
            "position": entry.get("service_position"),
        }
        for member, value in told.items():
            if envelope.get(member) != value:
                yield f"{name}: its envelope has another {member}"
        version = str(envelope.get("type")).rpartition(".v")
        if version[0] != f"huurspoor.{entry.get('service')}.{entry.get('type')}":
            yield f"{name}: its envelope has another type"
        self.whole[position] = _Whole(entry, envelope, name)

    def lines(self, file: Mapping[str, Any]) -> list[str]:
        """Say what was verified."""
        shown, all_of_them = len(self.whole), len(self.entries)
        what = f"court file of lease {file['lease']}" if file["format"] == COURT_FILE else "ledger export"
        lines = [
            f"{what}, office {self.office}",
            f"entries {self.before[0] + 1} to {self.last[0]}: {all_of_them} in the chain, {shown} shown whole",
        ]
        if file["format"] == COURT_FILE:
            texts = sum(len(one.entry.get("text_keys", {})) for one in self.whole.values())
            lines.append(f"texts opened and found as they were sealed: {texts}")
            void = sum("void_since" in line for line in file["timeline"])
            if void:
                lines.append(f"entries that the service that told them lost in a restore, and holds no more: {void}")
        lines += self._left_out()
        if "waits" in file:
            lines.append("WHEN THIS FILE WAS MADE THE LEDGER WAS SHORTER THAN WITNESSED: IT WAS RESTORED FROM A BACKUP")
        if any(one.envelope.get("clock") == "simulated" for one in self.whole.values()):
            lines.append("SIMULATED CLOCK: THIS FILE WAS MADE TO TRY OUT THE PLATFORM AND PROVES NOTHING")
        return lines

    def _left_out(self) -> Iterator[str]:
        """Say before which entries something is missing that its service told of the same thing.

        It is the office's to explain: what it never took in (a dead letter that was closed) is not in its ledger.
        """
        if not self.shows_all_of_a_lease and self.before[0] > 0:
            return  # it may stand in front of this stretch
        shown: dict[tuple[Any, Any], set[Any]] = {}
        for whole in self.whole.values():
            of, previous = whole.envelope.get("stream"), whole.envelope.get("streamprevious")
            versions = shown.setdefault((whole.entry["service"], str(of)), {0, None})
            if not isinstance(previous, int) or previous not in versions:
                yield f"LEFT OUT: WHAT WAS TOLD OF {of} BEFORE {whole.name}"
            versions.add(whole.envelope.get("streamversion"))


# -- court file -------------------------------------------------------------------------------------------------------


def _court_file(file: Mapping[str, Any], chain: _Chain, note: _Note) -> Iterator[str]:
    lease = _text(file, "lease")
    for member in sorted(READING - file.keys()):
        yield f"the file has no {member}"
    if (file["ledger_position"], file["as_known_at"]) != (note.size, note.taken_in_at):
        yield "the file says it is pinned to another place in the ledger than was signed"
    lines = {"timeline": dict[int, Any](), "rules": dict[int, Any]()}
    for member, found in lines.items():
        before = 0
        for line in file[member]:
            position = _number(line, "position")
            if position in found:
                yield f"the {member} tells of entry {position} twice"
            elif position < before:
                yield f"the {member} tells of entry {position} after one that it stands in front of"
            found[position], before = line, position
    for position, whole in chain.whole.items():
        about = whole.envelope.get("subject")
        if about == f"lease/{lease}":
            member = "timeline"
        elif about == f"office/{chain.office}" and whole.entry.get("type") in RULES:
            member = "rules"
        else:
            yield f"{whole.name} is about something else than this lease"
            continue
        line = lines[member].pop(position, None)
        if line is None:
            yield f"{whole.name} is missing in the {member}"
        else:
            yield from _line(line, whole, member, office=chain.office)
    for member, left in lines.items():
        for position in left:
            yield f"the {member} tells of entry {position}, which is not shown"
    simulated = any(whole.envelope.get("clock") == "simulated" for whole in chain.whole.values())
    if file["clock"] != ("simulated" if simulated else "system") or simulated is not ("warning" in file):
        yield "the file does not say truly on which clock it was made"


def _waited(whole: _Whole) -> timedelta:
    """Return how long it took from when something was recorded until it was taken in."""
    return _instant(whole.entry["taken_in_at"]) - _instant(whole.envelope["time"])


def _instant(written: str) -> datetime:
    return datetime.fromisoformat(written).astimezone(UTC)


def _line(line: Mapping[str, Any], whole: _Whole, member: str, *, office: str) -> Iterator[str]:
    envelope = whole.envelope
    told = {
        "type": whole.entry.get("type"),
        "service": whole.entry.get("service"),
        "taken_in_at": whole.entry.get("taken_in_at"),
        "occurred_on": envelope.get("occurredon"),
        "recorded_at": envelope.get("time"),
        "actor": envelope.get("actor"),
        "mandate": envelope.get("mandate"),
        "policy_version": envelope.get("policyversion"),
        "checklist_version": envelope.get("checklistversion"),
    }
    if "office" in line:  # files of earlier versions do not name it
        told["office"] = envelope.get("office")
        told["arrived_late"] = envelope.get("office") == office and _waited(whole) > LATE
    for name, value in told.items():
        if line.get(name) != value:
            yield f"{whole.name}: the {member} shows another {name}"
    keys = whole.entry.get("text_keys")
    if not isinstance(keys, dict):
        raise _Broken(f"{whole.name}: the keys of its texts are malformed")
    used: set[str] = set()
    said = _opened(envelope.get("data"), "/data", keys, used, whole.name)
    yield from _compared(line.get("what"), said, "/data", whole.name)
    for pointer in sorted(keys.keys() - used):
        yield f"{whole.name}: it has a key for {pointer}, where no text is sealed"


def _opened(value: Any, place: str, keys: Mapping[str, Any], used: set[str], name: str) -> Any:
    """Return what an envelope's data says in the clear, texts opened with the keys that the file gives."""
    match value:
        case {"sealed": str(sealed), "key": str(key), "digest": str()}:
            if place not in keys:
                return {"withheld": key[:1] if key[1:2] == "-" else "?"}
            used.add(place)
            return _text_of(sealed, key, keys[place], f"{name}: the text at {place}")
        case dict():
            return {
                member: _opened(held, f"{place}/{member.replace('~', '~0').replace('/', '~1')}", keys, used, name)
                for member, held in value.items()
            }
        case list():
            return [_opened(held, f"{place}/{number}", keys, used, name) for number, held in enumerate(value)]
        case _:
            return value


def _text_of(sealed: str, key: str, text_key: Any, what: str) -> str:
    blob, opens = _bytes(sealed, what), _bytes(text_key, f"the key of {what}")
    if len(blob) < _HEAD_OF_SEAL or blob[0] != 1 or len(opens) != 32:
        raise _Broken(f"{what} is sealed in a form unknown here")
    name = blob[_HEAD_OF_SEAL : _HEAD_OF_SEAL + blob[1]]
    if hashlib.sha256(b"huurspoor commits to\0" + opens).digest() != blob[18:_HEAD_OF_SEAL]:
        raise _Broken(f"{what} is not opened by the key in the file")
    try:
        place = key.encode() + b"\0" + name
        return AESGCM(opens).decrypt(bytes(12), blob[_HEAD_OF_SEAL + blob[1] :], place).decode()
    except (InvalidTag, UnicodeDecodeError):
        raise _Broken(f"{what} is not opened by the key in the file") from None


def _compared(shown: Any, said: Any, place: str, name: str) -> Iterator[str]:
    if isinstance(shown, dict) and isinstance(said, dict) and shown.keys() == said.keys():
        for member in said:
            yield from _compared(shown[member], said[member], f"{place}/{member}", name)
    elif isinstance(shown, list) and isinstance(said, list) and len(shown) == len(said):
        for number, (one, other) in enumerate(zip(shown, said, strict=True)):
            yield from _compared(one, other, f"{place}/{number}", name)
    elif type(shown) is not type(said) or shown != said:
        yield f"{name}: what is shown at {place} is not what the envelope holds"


# -- parts ------------------------------------------------------------------------------------------------------------


def _sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _bytes(encoded: Any, what: str) -> bytes:
    """Return what base64 encodes; exactly one spelling is taken."""
    try:
        decoded = base64.b64decode(encoded, validate=True)
    except (ValueError, TypeError):
        raise _Broken(f"{what} is not base64") from None
    if base64.b64encode(decoded).decode() != encoded:
        raise _Broken(f"{what} is not base64 in its one spelling")
    return decoded


def _text(of: Mapping[str, Any], name: str) -> str:
    value = of.get(name)
    if not isinstance(value, str):
        raise _Broken(f"the text {name} is missing")
    return value


def _number(of: Mapping[str, Any], name: str) -> int:
    value = of.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise _Broken(f"the number {name} is missing")
    return value


def _hash(of: Mapping[str, Any], name: str, whose: str = "the entry before") -> str:
    value = of.get(name)
    if not isinstance(value, str) or not _HASH.fullmatch(value):
        raise _Broken(f"{whose}: its {name} is malformed")
    return value
