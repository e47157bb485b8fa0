"""Sealing: text that only some may read, and that can be forgotten.

Personal data and free text are sealed at the door, before they become an event. A data key belongs to an office, a
subject (a lease, a party, or ``office`` itself) and a category of domain 11. It lies in a database of its own, wrapped
by a key of the office, which is wrapped by the master key of the platform. Destroying a data key erases every text
under it, wherever copies of the sealed form lie, and leaves hashes over that form intact.

Each text gets a key of its own, derived from the data key and a random salt. So a court file can hand out the key of
one text, with which anybody opens that text and no other; the sealed form holds the hash of that key, so that no
second key opens it to something else.

Rules compare texts without reading them: the digest is a keyed hash under the same data key, and gone with it.
"""

import base64
import hashlib
import hmac
import os
import re
import secrets
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self, cast, get_args

import asyncpg
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from stdnum.be import bis, nn

from shared.clock import seconds_running
from shared.lost import StoreBusy, fetched
from shared.sealed import Sealed

Category = Literal["A", "B", "C", "D", "E", "F", "G"]  # domain 11; access log and statistics hold no sealed text
CATEGORIES: tuple[Category, ...] = get_args(Category)
OFFICE = "office"  # the subject of what belongs to no lease and no party

# Who may read and write which category. Evaluations never reads what a referral is about (F), nor third parties (G).
GRANTS: Mapping[str, tuple[Category, ...]] = {
    "visits": ("A", "B", "C", "D", "E", "G"),
    "evaluations": ("A", "B", "C", "D"),
    "referrals": ("A", "B", "C", "F", "G"),
    "notifications": ("A", "B", "C", "D", "F", "G"),
}
SIGNER = "evaluations"  # signs the ledger, so it alone holds the offices' signing keys

_FORMAT = 1
_SALT = 16
_HASH = 32
_HEAD = 2 + _SALT + _HASH
_NO_NONCE = bytes(12)  # each key encrypts exactly one text
_RECHECK_SECONDS = 2.0
_CACHED_KEYS = 10_000
_WHITE = re.compile(r"\s+")
_NATIONAL_NUMBER = re.compile(r"(?<![\d+])\d{2}[\s./-]?\d{2}[\s./-]?\d{2}[\s./-]{0,3}\d{3}[\s./-]?\d{2}(?!\d)")
_DASHES = str.maketrans({dash: "-" for dash in "\u2010\u2011\u2012\u2013\u2014\u2015\u2212"})


class NationalNumberTyped(ValueError):
    """The text holds a valid Belgian national register number (or bis number), which is stored nowhere.

    :ivar field: the name of the field it was typed into.
    """

    def __init__(self, field: str) -> None:
        super().__init__(f"a national register number was typed into {field}")
        self.field = field


class KeysAway(StoreBusy):
    """The database of keys is away, or has no room: whoever asks for another one finds it so."""


class MayNotSeal(Exception):
    """This service has no right to texts of that category."""


class MasterKeyUnreadable(ValueError):
    """The file of the master key is missing, or does not hold 32 bytes in base64."""


@dataclass(frozen=True)
class DataKey:
    """The key of the texts of one office, subject and category."""

    office: str
    secret: bytes

    def seal(self, id: str, field: str, text: str) -> Sealed:
        """Seal a text under this key, whose id is ``id``, for the field of that name."""
        name = field.encode()
        salt = os.urandom(_SALT)
        text_key = _text_key(self.secret, salt, name)
        cipher = AESGCM(text_key).encrypt(_NO_NONCE, text.encode(), _place(id, name))
        sealed = bytes((_FORMAT, len(name))) + salt + _commitment(text_key) + name + cipher
        return Sealed(
            sealed=base64.b64encode(sealed).decode(),
            key=id,
            digest=base64.b64encode(self._digest(text)).decode(),
            length=len(text.strip()),
        )

    def open(self, sealed: Sealed) -> tuple[str, bytes, str] | None:
        """Return the field it was sealed for, the text's own key, and the text; None if the seal is broken."""
        try:
            blob = base64.b64decode(sealed.sealed, validate=True)
            if len(blob) < _HEAD or blob[0] != _FORMAT:
                return None
            salt, committed = blob[2 : 2 + _SALT], blob[2 + _SALT : _HEAD]
            name = blob[_HEAD : _HEAD + blob[1]]
            text_key = _text_key(self.secret, salt, name)
            if not hmac.compare_digest(committed, _commitment(text_key)):
                return None
            text = AESGCM(text_key).decrypt(_NO_NONCE, blob[_HEAD + blob[1] :], _place(sealed.key, name))
            return name.decode(), text_key, text.decode()
        except (ValueError, InvalidTag):
            return None

    def _digest(self, text: str) -> bytes:
        own = hmac.digest(self.secret, b"huurspoor digest", "sha256")
        return hmac.digest(own, normalised(text).encode(), "sha256")


def _text_key(secret: bytes, salt: bytes, name: bytes) -> bytes:
    return hmac.digest(secret, b"huurspoor text\0" + salt + name, "sha256")


def _commitment(text_key: bytes) -> bytes:
    return hashlib.sha256(b"huurspoor commits to\0" + text_key).digest()


def _place(id: str, name: bytes) -> bytes:
    return id.encode() + b"\0" + name


@dataclass(frozen=True)
class Opened:
    """A text that was opened.

    :ivar field: the name of the field it was sealed for.
    :ivar text_key: base64 of the key that opens this text and no other; for a file that proves what it shows.
    """

    text: str
    field: str
    text_key: str


def normalised(text: str) -> str:
    """Return the text as digests compare it: NFC, case folded, white space collapsed."""
    folded = unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())
    return _WHITE.sub(" ", folded).strip()


def refuse_national_number(field: str, text: str) -> None:
    """Let a text pass that holds no valid Belgian national register or bis number.

    :raises NationalNumberTyped: it holds one, however it is separated.
    """
    plain = unicodedata.normalize("NFKC", text).translate(_DASHES)
    for found in _NATIONAL_NUMBER.finditer(plain):
        digits = re.sub(r"\D", "", found[0])
        if nn.is_valid(digits) or bis.is_valid(digits):
            raise NationalNumberTyped(field)


def category_of(key: str) -> Category | None:
    """Return the category of domain 11 of a key id, None if it is no key id."""
    return key[0] if len(key) > 2 and key[1] == "-" and key[0] in CATEGORIES else None


def make_master_key(file: Path) -> None:
    """Write a new master key to a file that only its owner can read; one that is there stays."""
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    with os.fdopen(descriptor, "wb") as out:
        out.write(base64.b64encode(secrets.token_bytes(32)) + b"\n")
        out.flush()
        os.fsync(out.fileno())


def read_master_key(file: Path) -> bytes:
    """Return the master key. :raises MasterKeyUnreadable: there is none in that file."""
    try:
        key = base64.b64decode(file.read_bytes().strip(), validate=True)
    except (OSError, ValueError) as why:
        raise MasterKeyUnreadable("no master key can be read") from why
    if len(key) != 32:
        raise MasterKeyUnreadable("the master key has not 32 bytes")
    return key


def _wrap(key: bytes, secret: bytes, place: str) -> bytes:
    nonce = os.urandom(12)
    return nonce + AESGCM(key).encrypt(nonce, secret, place.encode())


def _unwrap(key: bytes, wrapped: bytes, place: str) -> bytes:
    return AESGCM(key).decrypt(wrapped[:12], wrapped[12:], place.encode())


class Seals:
    """Seals and opens texts for one service, as far as its role in the key database may.

    Keys are cached in memory. When any was destroyed, every process has forgotten all of them two seconds later.
    """

    def __init__(self, pool: Any, master_key: bytes) -> None:
        self._pool = pool
        self._master = master_key
        # By the office that asks and the key's id: an office may open what another sealed, once a lease came from it.
        self._keys: dict[tuple[str, str], DataKey | None] = {}  # None: destroyed, or not for us
        self._current: dict[tuple[str, str, str], str] = {}
        self._offices: dict[str, bytes] = {}
        self._changes = 0  # what was asked before one of them may not be kept after it
        self._erasures = -1
        self._checked = float("-inf")

    @classmethod
    async def connect(cls, dsn: str, master_key: bytes, *, password: str | None = None) -> Self:
        """Open the key database as this service's role.

        :raises OSError, asyncpg.PostgresError: it cannot be reached.
        """
        pool = await asyncpg.create_pool(
            dsn,
            password=password,
            min_size=0,
            max_size=4,
            command_timeout=5,
            timeout=5,
            max_inactive_connection_lifetime=60,
        )
        return cls(pool, master_key)

    async def close(self) -> None:
        """Forget all keys and close the connections."""
        self._forget()
        await self._pool.close()

    async def seal(self, office: str, subject: str, category: Category, field: str, text: str | None) -> Sealed | None:
        """Return the text sealed, None if it is missing or blank.

        :param subject: id of the lease or party it is about, or ``OFFICE``.
        :raises NationalNumberTyped: it holds a national register number.
        :raises MayNotSeal: the service has no right to that category.
        """
        return (await self.seal_all(office, subject, category, {field: text}))[field]

    async def seal_all(
        self, office: str, subject: str, category: Category, texts: Mapping[str, str | None]
    ) -> dict[str, Sealed | None]:
        """Seal several fields of one subject and category; raises as ``seal`` does."""
        said = {field: text for field, text in texts.items() if text is not None and not text.isspace() and text}
        for field, text in said.items():
            refuse_national_number(field, text)
        if not said:
            return dict.fromkeys(texts)
        current, key = await self._key_for(office, subject, category)
        return {field: key.seal(current, field, said[field]) if field in said else None for field in texts}

    async def prepare(self, office: str, subjects: Iterable[tuple[str, Category]]) -> None:
        """Make the keys of many subjects that have none yet, in one commit instead of one for each.

        :raises MayNotSeal: the service has no right to a category.
        """
        await self._notice_erasures()
        new = [
            one
            for one in dict.fromkeys(subjects)
            if not self._keys.get((office, self._current.get((office, *one), "")))
        ]
        if not new:
            return
        changes, office_key = self._changes, await self._office_key(office)
        made = [f"{category}-{secrets.token_urlsafe(18)}" for _, category in new]
        wrapped = [_wrap(office_key, secrets.token_bytes(32), _place_of_key(office, id)) for id in made]
        try:
            rows = await self._ask(
                "select * from keys_for($1, $2, $3, $4, $5)",
                office,
                [subject for subject, _ in new],
                [category for _, category in new],
                made,
                wrapped,
            )
        except asyncpg.InsufficientPrivilegeError as why:
            raise MayNotSeal("no right to a category") from why
        self._remember(
            office,
            {
                row["id"]: DataKey(office, _unwrap(office_key, row["wrapped"], _place_of_key(office, row["id"])))
                for row in rows
            },
            {(row["subject"], row["category"]): row["id"] for row in rows},
            changes=changes,
        )

    async def open(self, office: str, field: str | None, sealed: Sealed) -> str | None:
        """Return the text; None when its key was destroyed or may not be read, or the seal is broken.

        :param field: the name of the field it was sealed for, when the caller relies on it; None takes any.
        """
        opened = (await self.open_all(office, (sealed,))).get(sealed)
        return opened.text if opened is not None and field in (None, opened.field) else None

    async def open_all(self, office: str, sealed: Iterable[Sealed]) -> dict[Sealed, Opened]:
        """Return what can be opened of several texts of one office; fetches the keys they need in one query.

        Texts whose key was destroyed or may not be read are left out, and so is a broken seal.
        """
        wanted = list(sealed)
        if not wanted:
            return {}
        await self._notice_erasures()
        ids = {one.key for one in wanted}
        keys = {key: self._keys[(office, key)] for key in ids if (office, key) in self._keys}
        if missing := ids - keys.keys():
            keys |= await self._fetch(office, missing)
        opened: dict[Sealed, Opened] = {}
        for one in wanted:
            key = keys[one.key]
            found = key.open(one) if key is not None else None
            if found is not None:
                field, text_key, text = found
                opened[one] = Opened(text, field, base64.b64encode(text_key).decode())
        return opened

    async def destroy(self, office: str, subject: str, category: Category | None = None) -> int:
        """Destroy the data keys of a subject (of one category, or of all that this service may read) for good.

        Whether something forbids it (a hold, a term) is for the caller to know. Returns how many were destroyed.
        """
        destroyed = await self._ask("select destroy_keys($1, $2, $3) as number", office, subject, category)
        self._forget()
        return int(destroyed[0]["number"])

    async def widen(self, from_office: str, to_office: str, keys: Iterable[str]) -> None:
        """Let an office open what another one sealed under these keys: a lease goes over to it, with its texts.

        A key stays one key: who destroys it, in either office, makes its texts unreadable in both.
        """
        wanted = sorted(keys)
        if wanted:
            await self._ask("select widen_keys($1, $2, $3)", from_office, to_office, wanted)
            self._changes += 1
            for id in wanted:
                self._keys.pop((to_office, id), None)

    async def signing_key(self, office: str) -> Ed25519PrivateKey:
        """Return the key with which the office's ledger is signed; it is made at the first call.

        :raises MayNotSeal: only evaluations signs.
        """
        place = f"signing key of {office}"
        found = await self._signing_key(office, None, None)
        if found is None:
            made = Ed25519PrivateKey.generate()
            wrapped = _wrap(await self._office_key(office), made.private_bytes_raw(), place)
            found = await self._signing_key(office, made.public_key().public_bytes_raw(), wrapped)
            assert found is not None
        return Ed25519PrivateKey.from_private_bytes(_unwrap(await self._office_key(office), found, place))

    async def _signing_key(self, office: str, public: bytes | None, wrapped: bytes | None) -> bytes | None:
        try:
            rows = await self._ask("select signing_key_of($1, $2, $3) as wrapped", office, public, wrapped)
        except asyncpg.InsufficientPrivilegeError as why:
            raise MayNotSeal("only evaluations signs") from why
        return cast("bytes | None", rows[0]["wrapped"])

    async def _key_for(self, office: str, subject: str, category: Category) -> tuple[str, DataKey]:
        await self._notice_erasures()
        whose = (office, subject, category)
        current = self._current.get(whose, "")
        known = self._keys.get((office, current))
        if known is not None:
            return current, known
        changes, office_key = self._changes, await self._office_key(office)
        made = f"{category}-{secrets.token_urlsafe(18)}"
        wrapped = _wrap(office_key, secrets.token_bytes(32), _place_of_key(office, made))
        try:
            rows = await self._ask("select * from key_for($1, $2, $3, $4, $5)", *whose, made, wrapped)
        except asyncpg.InsufficientPrivilegeError as why:
            raise MayNotSeal(f"no right to category {category}") from why
        current = str(rows[0]["id"])
        key = DataKey(office, _unwrap(office_key, rows[0]["wrapped"], _place_of_key(office, current)))
        self._remember(office, {current: key}, {(subject, category): current}, changes=changes)
        return current, key

    async def _fetch(self, office: str, ids: set[str]) -> dict[str, DataKey | None]:
        changes = self._changes
        rows = await self._ask("select * from keys_of($1, $2)", office, list(ids))
        found: dict[str, DataKey | None] = dict.fromkeys(ids)
        for row in rows:
            whose, key = row["whose"], row["id"]
            office_key = await self._office_key(whose)
            found[key] = DataKey(whose, _unwrap(office_key, row["wrapped"], _place_of_key(whose, key)))
        self._remember(office, found, {}, changes=changes)
        return found

    async def _office_key(self, office: str) -> bytes:
        known = self._offices.get(office)
        if known is None:
            place = f"key of {office}"
            wrapped = _wrap(self._master, secrets.token_bytes(32), place)
            rows = await self._ask("select office_key_of($1, $2) as wrapped", office, wrapped)
            known = self._offices[office] = _unwrap(self._master, rows[0]["wrapped"], place)
        return known

    async def _notice_erasures(self) -> None:
        if seconds_running() - self._checked < _RECHECK_SECONDS:
            return
        rows = await self._ask("select number from erasures")
        if rows[0]["number"] != self._erasures:
            self._forget()
            self._erasures = rows[0]["number"]
        self._checked = seconds_running()

    def _remember(
        self,
        office: str,
        found: Mapping[str, DataKey | None],
        current: Mapping[tuple[str, Category], str],
        *,
        changes: int,
    ) -> None:
        """Keep what was found, unless a key was destroyed or handed over since it was asked.

        :param current: the id of the key that seals for a subject and category.
        :param changes: how many of these there had been then.
        """
        if changes != self._changes:
            return
        if len(self._keys) + len(found) > _CACHED_KEYS:
            self._forget()
        self._keys.update({(office, id): key for id, key in found.items()})
        self._current.update({(office, *whose): id for whose, id in current.items()})

    def _forget(self) -> None:
        self._changes += 1
        self._keys.clear()
        self._current.clear()

    async def _ask(self, query: str, *values: Any) -> list[Any]:
        try:
            return await fetched(self._pool, query, *values)
        except StoreBusy as why:
            raise KeysAway from why


def _place_of_key(office: str, id: str) -> str:
    return f"data key {id} of {office}"


async def migrate(owner: Any) -> None:
    """Lay out the key database, or what of it is missing.

    :param owner: a connection as its owner; the services' roles exist already.
    """
    async with owner.transaction():
        for statement in _SCHEMA:
            await owner.execute(statement)


def _category_policies() -> list[str]:
    own = "office = nullif(current_setting('app.office', true), '')"
    statements = []
    for service, categories in GRANTS.items():
        listed = ", ".join(f"'{category}'" for category in categories)
        mine = f"{own} and category in ({listed})"
        statements += [
            f"drop policy if exists {service} on data_key",
            f"create policy {service} on data_key to {service} using ({mine}) with check ({mine})",
            f"drop policy if exists {service} on office_key",
            f"create policy {service} on office_key to {service} using ({own}) with check ({own})",
            f"drop policy if exists {service} on widened",
            f"create policy {service} on widened to {service} using ({own}) with check ({own})",
            f"grant select, insert on office_key, data_key, widened to {service}",
            f"grant update (wrapped, destroyed_at) on data_key to {service}",
            f"grant select on erasures to {service}",
        ]
    return [
        *statements,
        f"drop policy if exists {SIGNER} on signing_key",
        f"create policy {SIGNER} on signing_key to {SIGNER} using ({own}) with check ({own})",
        f"grant select, insert on signing_key to {SIGNER}",
    ]


# The functions run with the rights of who calls them; they set the office and ask in one round trip.
_SCHEMA = (
    "create table if not exists office_key (office text primary key, wrapped bytea not null)",
    "create table if not exists data_key (office text not null, id text not null, subject text not null,"
    " category text not null, wrapped bytea, destroyed_at timestamptz, primary key (office, id),"
    " check (left(id, 2) = category || '-'), check ((wrapped is null) = (destroyed_at is not null)))",
    "create unique index if not exists one_key_in_use on data_key (office, subject, category)"
    " where destroyed_at is null",
    # Whose key an office may open besides its own: those of leases that came from another office.
    "create table if not exists widened (office text not null, key text not null, from_office text not null,"
    " primary key (office, key))",
    "create table if not exists signing_key (office text primary key, public bytea not null, wrapped bytea not null)",
    "create table if not exists erasures (one boolean primary key default true check (one),"
    " number bigint not null default 0)",
    "insert into erasures default values on conflict do nothing",
    *(
        f"alter table {table} {wall} row level security"
        for table in ("office_key", "data_key", "widened", "signing_key")
        for wall in ("enable", "force")
    ),
    *_category_policies(),
    """
    create or replace function office_key_of(in_office text, made bytea) returns bytea language plpgsql as $$
    declare found_key bytea;
    begin
        perform set_config('app.office', in_office, true);
        select wrapped into found_key from office_key where office = in_office;
        if found_key is null then
            insert into office_key values (in_office, made) on conflict do nothing;
            select wrapped into found_key from office_key where office = in_office;
        end if;
        return found_key;
    end $$
    """,
    """
    create or replace function key_for(in_office text, of_subject text, of_category text, made_id text, made bytea)
    returns table (id text, wrapped bytea) language plpgsql as $$
    #variable_conflict use_column
    begin
        perform set_config('app.office', in_office, true);
        loop -- who made one first may have destroyed it since
            return query select k.id, k.wrapped from data_key k
                where k.office = in_office and k.subject = of_subject and k.category = of_category
                and k.destroyed_at is null;
            exit when found;
            insert into data_key (office, id, subject, category, wrapped)
                values (in_office, made_id, of_subject, of_category, made) on conflict do nothing;
        end loop;
    end $$
    """,
    """
    create or replace function keys_for(
        in_office text, of_subject text[], of_category text[], made_id text[], made bytea[])
    returns table (subject text, category text, id text, wrapped bytea) language plpgsql as $$
    #variable_conflict use_column
    begin
        perform set_config('app.office', in_office, true);
        insert into data_key (office, id, subject, category, wrapped)
            select in_office, m.id, m.subject, m.category, m.wrapped
            from unnest(of_subject, of_category, made_id, made) m(subject, category, id, wrapped)
            on conflict do nothing;
        return query select k.subject, k.category, k.id, k.wrapped
            from unnest(of_subject, of_category) m(subject, category)
            join data_key k on k.office = in_office and k.subject = m.subject and k.category = m.category
            and k.destroyed_at is null;
    end $$
    """,
    "drop function if exists keys_of(text, text[])",  # it answers a column more than it did
    """
    create or replace function keys_of(in_office text, ids text[])
    returns table (id text, wrapped bytea, whose text) language plpgsql as $$
    #variable_conflict use_column
    declare other text; given text[];
    begin
        perform set_config('app.office', in_office, true);
        return query select k.id, k.wrapped, k.office from data_key k
            where k.office = in_office and k.id = any (ids) and k.destroyed_at is null;
        for other, given in select w.from_office, array_agg(w.key) from widened w
            where w.office = in_office and w.key = any (ids) group by w.from_office
        loop
            perform set_config('app.office', other, true);
            return query select k.id, k.wrapped, k.office from data_key k
                where k.office = other and k.id = any (given) and k.destroyed_at is null;
        end loop;
        perform set_config('app.office', in_office, true);
    end $$
    """,
    """
    create or replace function widen_keys(of_office text, for_office text, ids text[]) returns void
    language plpgsql as $$
    declare came text[]; came_from text[];
    begin
        -- What came to the old office from yet another one goes along as that one's.
        perform set_config('app.office', of_office, true);
        select array_agg(w.key), array_agg(w.from_office) into came, came_from
            from widened w where w.office = of_office and w.key = any (ids);
        perform set_config('app.office', for_office, true);
        insert into widened (office, key, from_office)
            select for_office, g.key, coalesce(c.from_office, of_office)
            from unnest(ids) g(key) left join unnest(came, came_from) c(key, from_office) on c.key = g.key
            where coalesce(c.from_office, of_office) <> for_office
            on conflict do nothing;
    end $$
    """,
    """
    create or replace function destroy_keys(in_office text, of_subject text, of_category text)
    returns bigint language plpgsql as $$
    #variable_conflict use_column
    declare destroyed bigint; of_others bigint; other text; given text[];
    begin
        perform set_config('app.office', in_office, true);
        update data_key set wrapped = null, destroyed_at = now()
            where office = in_office and subject = of_subject and destroyed_at is null
            and (of_category is null or category = of_category);
        get diagnostics destroyed = row_count;
        for other, given in select w.from_office, array_agg(w.key) from widened w
            where w.office = in_office group by w.from_office
        loop
            perform set_config('app.office', other, true);
            update data_key set wrapped = null, destroyed_at = now()
                where office = other and id = any (given) and subject = of_subject and destroyed_at is null
                and (of_category is null or category = of_category);
            get diagnostics of_others = row_count;
            destroyed := destroyed + of_others;
        end loop;
        return destroyed;
    end $$
    """,
    """
    create or replace function signing_key_of(in_office text, made_public bytea, made bytea)
    returns bytea language plpgsql as $$
    declare found_key bytea;
    begin
        perform set_config('app.office', in_office, true);
        if made is not null then
            insert into signing_key values (in_office, made_public, made) on conflict do nothing;
        end if;
        select wrapped into found_key from signing_key where office = in_office;
        return found_key;
    end $$
    """,
    # A data key is never exchanged and never comes back; who destroys one tells all processes by the counter.
    """
    create or replace function only_destroy() returns trigger language plpgsql security definer
    set search_path = public, pg_temp as $$
    begin
        if new.wrapped is not null or old.destroyed_at is not null then
            raise exception 'a data key can only be destroyed, once' using errcode = 'insufficient_privilege';
        end if;
        update erasures set number = number + 1;
        return new;
    end $$
    """,
    "create or replace trigger only_destroy before update on data_key for each row execute function only_destroy()",
)
