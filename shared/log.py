"""The log of a service: the tables of ``eventsourcing``, a ``head`` row that gives out positions, and the office wall.

Every table begins with the office. Row-level security is forced on all of them: the service's role ``<s>`` sees and
writes only the office set in its transaction, ``<s>_all`` (relay, day loop) sees all, ``<s>_owner`` makes the tables.
"""

import functools
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from eventsourcing.persistence import StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore
from psycopg import Cursor
from psycopg.rows import DictRow

from shared.codec import TOGETHER
from shared.hand_over import LEASE_OFFICE
from shared.views import Table

INBOX = Table(
    name="inbox",
    columns={
        "publisher": "text not null",
        "epoch": "int not null",
        "position": "bigint not null",
        "state": "text not null",  # taken, parked, dead, closed
        "stream": "text not null",
        "version": "bigint not null",
        "type": "text not null",
        "digest": "bytea not null",
        "waits_for": "text",
        "reason": "text",
        "envelope": "bytea",  # kept only while parked or dead
        "taken_at": "timestamptz not null",
    },
    key=("publisher", "epoch", "position"),
    # A further whole index would do harm: while the table has no statistics the planner takes any for as good as the
    # key (measured: 20 ms to look for 32 messages among 8,000, and growing, instead of 0.2 ms).
    few=("waits_for",),
)
INBOX_STREAM = Table(
    name="inbox_stream",
    columns={"publisher": "text not null", "stream": "text not null", "version": "bigint not null"},
    key=("publisher", "stream"),
)
DEAD_LETTER = Table(
    name="dead_letter",
    columns={
        "id": "text not null",
        "publisher": "text",
        "epoch": "int",
        "position": "bigint",
        "stream": "text",
        "reason": "text not null",
        "headers": "jsonb not null",
        "envelope": "bytea",
        "state": "text not null",  # open, requeued, closed
        "closed_because": "text",
        "at": "timestamptz not null",
    },
    key=("id",),
)
ONCE = Table(
    name="once",
    columns={"key": "text not null", "digest": "bytea", "answer": "bytea", "at": "timestamptz not null"},
    key=("key",),
)
STREAM_OF_LEASE = Table(
    name="stream_of_lease",
    columns={"kind": "text not null", "lease": "text not null", "id": "text not null"},
    key=("kind", "lease", "id"),
)
OFFICE = Table(name="office", columns={"since": "date not null"}, key=())
DAY_DONE = Table(
    name="day_done",
    columns={
        "day": "date not null",
        "nothing_left": "date",  # up to and with which day; days that are caught up, or failed, leave something
    },
    key=(),
)
READ_LOG = Table(
    name="read_log",
    columns={
        "at": "timestamptz not null",
        "id": "text not null",
        "lease": "text not null",
        "person": "text not null",
        "what": "text not null",
    },
    key=("id",),
    indexes=(("lease", "at"),),
)
# Which positions a restore made void, of those whom we hear and of ourselves (``shared.epochs``); of no office.
ENDED_EPOCH = Table(
    name="ended_epoch",
    columns={
        "publisher": "text not null",
        "epoch": "int not null",
        "void_from": "bigint not null",  # its first position that does not count any more
        "confirmed_by": "text",  # of our own: who said that writing goes on, why, and when
        "reason": "text",
        "at": "timestamptz not null",
    },
    key=("publisher", "epoch"),
)
KEPT_TABLES = (
    INBOX,
    INBOX_STREAM,
    DEAD_LETTER,
    ONCE,
    STREAM_OF_LEASE,
    OFFICE,
    LEASE_OFFICE,
    DAY_DONE,
    READ_LOG,
    ENDED_EPOCH,
)


class EventLog(PostgresApplicationRecorder):
    """The library's recorder, numbering from the ``head`` row instead of a table lock and a sequence.

    It makes the tables, reads the log for rebuilds and checks, and writes for scripts. The service itself writes
    through ``shared.writer``, into the same tables under the same head.
    """

    def _lock_table(self, curs: Cursor[DictRow]) -> None:
        curs.execute("select log from head for update")

    def _notify_channel(self, curs: Cursor[DictRow]) -> None:
        """Tell nobody: NOTIFY is held through the fsync, and our readers poll or are woken in the process."""

    def _insert_stored_events(self, curs: Cursor[DictRow], stored_events: Sequence[StoredEvent], **kwargs: Any) -> None:
        self._lock_table(curs)
        # A new batch id makes a running writer notice that somebody else wrote, and read its states again.
        curs.execute(
            "with moved as (update head set log = log + %(n)s, batch = gen_random_uuid()::text returning log)"
            " insert into stored_events (originator_id, originator_version, topic, state, notification_id)"
            " select id, version, topic, state, moved.log - %(n)s + number"
            " from moved, unnest(%(ids)s::text[], %(versions)s::bigint[], %(topics)s::text[], %(states)s::bytea[])"
            " with ordinality as e(id, version, topic, state, number) returning notification_id",
            {
                "n": len(stored_events),
                "ids": [event.originator_id for event in stored_events],
                "versions": [event.originator_version for event in stored_events],
                "topics": [event.topic for event in stored_events],
                "states": [event.state for event in stored_events],
            },
        )


def event_log(dsn: dict[str, Any]) -> EventLog:
    """Open the library's recorder on a service's log (``dsn``: dbname, host, port, user, password)."""
    return EventLog(PostgresDatastore(**dsn, originator_id_type="text", schema="public"))


def table_sql(table: Table, *, name: str | None = None) -> str:
    """Return the statement that makes a table; ``name`` overrides its name (a rebuild's new tables)."""
    called = name or table.name
    columns = ", ".join(f'"{column}" {kind}' for column, kind in table.columns.items())
    key = ", ".join(f'"{column}"' for column in ("office", *table.key))
    whole = ", ".join(part for part in ("office text not null", columns, f"primary key ({key})") if part)
    return f'create table if not exists "{called}" ({whole})'


def index_names(table: Table) -> dict[str, str]:
    """Return what a table's further indexes are called, after the table's own name, and what each is over."""
    whole = {
        "_".join(index): f"(office, {', '.join(f'{chr(34)}{column}{chr(34)}' for column in index)})"
        for index in table.indexes
    }
    some = {f"few_{column}": f'(office, "{column}") where "{column}" is not null' for column in table.few}
    return whole | some


def index_sql(table: Table, *, name: str | None = None) -> list[str]:
    """Return the statements that make a table's further indexes, each beginning with the office."""
    called = name or table.name
    return [
        f'create index if not exists "{called}_{index}" on "{called}" {over}'
        for index, over in index_names(table).items()
    ]


def wall_sql(name: str, service: str, *, rights: str) -> list[str]:
    """Return the statements that put the office wall around a table and give the service's roles their rights."""
    own = "office = nullif(current_setting('app.office', true), '')"
    return [
        f'alter table "{name}" enable row level security',
        f'alter table "{name}" force row level security',
        f'drop policy if exists own_office on "{name}"',
        f'create policy own_office on "{name}" to {service} using ({own}) with check ({own})',
        f'drop policy if exists all_offices on "{name}"',
        f'create policy all_offices on "{name}" to {service}_all, {service}_owner using (true) with check (true)',
        f'grant {rights} on "{name}" to {service}',
        f'grant select on "{name}" to {service}_all',
    ]


def upsert_sql(table: Table, *, rows: str, behind: str = "") -> str:
    """Return the statement that stores rows given as one JSON array, the last state of each key.

    :param behind: what it reads first, with a comma.
    """
    key = ", ".join(f'"{column}"' for column in ("office", *table.key))
    changed = ", ".join(f'"{c}" = excluded."{c}"' for c in table.columns if c not in table.key)
    then = f"do update set {changed}" if changed else "do nothing"
    return f"{insert_sql(table, rows=rows, behind=behind)} on conflict ({key}) {then}"


def insert_sql(table: Table, *, rows: str, behind: str = "") -> str:
    """Return the statement that adds rows given as one JSON array; a key that is there already is an error.

    :param behind: what it reads first, with a comma.
    """
    names = ", ".join(f'"{column}"' for column in ("office", *table.columns))
    given = f'jsonb_populate_recordset(null::"{table.name}", {rows})'
    return f'insert into "{table.name}" ({names}) select {names} from {behind}{given}'


def delete_sql(table: Table, *, rows: str) -> str:
    """Return the statement that takes away the rows whose keys are given as one JSON array."""
    same = " and ".join(f't."{column}" = d."{column}"' for column in ("office", *table.key))
    return f'delete from "{table.name}" t using jsonb_populate_recordset(null::"{table.name}", {rows}) d where {same}'


# Every lookup of a batch is by a key, so that no value of a parameter makes another plan a better one; yet the planner
# would plan anew each time (measured: 0.39 instead of 0.21 ms to look for a stream and a key).
KEEP_PLANS = "set plan_cache_mode = force_generic_plan"
# The events of a stream come in the order of their index. A bitmap would put them in the order of their pages, and they
# would have to be sorted again (measured: 47 instead of 40 µs of the server for a stream of twenty events).
READ_IN_ORDER = "set enable_bitmapscan = off"
CHANGES = {"upsert": upsert_sql, "insert": insert_sql, "delete": delete_sql}


def change_name(table: Table, how: str) -> str:
    """Return how a batch names a kind of change to a table."""
    return f"{how} {table.name}"


def change_sql(tables: Iterable[Table]) -> str:
    """Return the statement that makes the function by which a batch changes rows: a branch for each kind of change.

    As statements of the function their plans are kept from batch to batch; given as texts they were planned anew each
    time (measured: 0.09 ms for each).
    """
    branches = "".join(
        f" when '{change_name(table, how)}' then {sql(table, rows='$2')};"
        for table in tables
        for how, sql in CHANGES.items()
    )
    return (
        f"create or replace function change_rows(text, jsonb) returns void language plpgsql {KEEP_PLANS} as"
        f" $body$ begin case $1{branches} end case; end $body$"
    )


def schema_sql(service: str, views: Iterable[Table], companions: Iterable[Table]) -> list[str]:
    """Return every statement that lays out a service's database after the library made its event table."""
    statements = [
        "alter table stored_events add column if not exists office text"
        " generated always as (split_part(originator_id, '/', 1)) stored",
        "create table if not exists head (one boolean primary key default true check (one),"
        " log bigint not null default 0, "
        "published bigint not null default 0, epoch int not null default 1, hash bytea not null default ''::bytea,"
        " batch text not null default '', at timestamptz not null default 'epoch')",
        "insert into head default values on conflict do nothing",
        "create table if not exists outbox (office text not null, position bigint not null, version int not null,"
        " type text not null, subject text not null, msg_id text not null, envelope bytea not null,"
        " primary key (position, version))",
        "create table if not exists relay (one boolean primary key default true check (one), position bigint not null"
        " default 0, stream_created text not null default '', stream_messages bigint not null default 0)",
        "insert into relay default values on conflict do nothing",
        f"grant select, update on head to {service}, {service}_all",
        f"grant select, update on relay to {service}_all",
        *wall_sql("stored_events", service, rights="select, insert"),
        *wall_sql("outbox", service, rights="select, insert"),
        "drop function if exists record_batch, change_rows",  # a parameter cannot be renamed in place
        "drop function if exists before_batch, events_of_stream",  # of earlier versions
        _RECORD.replace("{keep_plans}", KEEP_PLANS).replace("{parameters}", _PARAMETERS),
        "drop index if exists inbox_publisher_state, inbox_waits_for",  # of earlier versions; see INBOX
    ]
    tables = (*KEPT_TABLES, *views, *companions)
    for table in tables:
        statements += [table_sql(table), *index_sql(table)]
        rights = "select, insert" if table.name == "ledger" else "select, insert, update, delete"
        statements += wall_sql(table.name, service, rights=rights)
    statements.append(f"alter table {DAY_DONE.name} add column if not exists nothing_left date")  # of earlier versions
    # Together with head and relay, in one commit.
    statements.append(f"grant insert, update on {ENDED_EPOCH.name} to {service}_all")
    return [*statements, change_sql(tables)]


# One round trip before acts are decided: the events of the streams that are not held, the members of leases, the
# answers of keys and the rows of messages, as far as there are any to look for. The row that sets the wall of an office
# comes first, and all that is read within it hangs on that row.
# A LATERAL with OFFSET 0 is not turned round by the planner: each asked row is one look at an index. (As a function the
# same queries handed their rows over once more.)
_WALL = "(select set_config('app.office', each, true) as office from unnest($1::text[]) each offset 0) o"
# A stream that is there comes in one row.
_STREAM = (
    f"select max(originator_version) as version, min(notification_id) as made, {TOGETHER} as events"
    " from stored_events where originator_id = {key} having max(originator_version) is not null"
)
_OF_MEMBER = "o.office || '/' || m.kind || '/' || m.id"
_MEMBERS = (
    "cross join lateral (select x.kind, x.lease, m.id from unnest({0}::text[], {1}::text[], {2}::text[])"
    " x(office, kind, lease) cross join lateral (select m.id from stream_of_lease m where m.office = o.office"
    " and m.kind = x.kind and m.lease = x.lease offset 0) m where x.office = o.office offset 0) m"
)
# What is looked for: how many columns say which, and the queries that find it.
_LOOKS: Mapping[str, tuple[int, Sequence[str]]] = {
    "streams": (
        2,
        [
            f"select 'events', o.office, s.key, s.version, null, s.events, s.made from {_WALL} cross join lateral"
            f" (select x.key, s.* from unnest({{0}}::text[], {{1}}::text[]) x(office, key) cross join lateral"
            f" ({_STREAM.format(key='x.key')}) s where x.office = o.office offset 0) s"
        ],
    ),
    "leases": (
        3,
        [
            f"select 'member', o.office, m.kind || '/' || m.lease, 0, m.id, null, 0 from {_WALL} {_MEMBERS}",
            f"select 'events', o.office, {_OF_MEMBER}, s.version, null, s.events, s.made from {_WALL} {_MEMBERS}"
            f" cross join lateral ({_STREAM.format(key=_OF_MEMBER)}) s",
        ],
    ),
    "keys": (
        2,
        [
            f"select 'once', o.office, k.key, 0, encode(k.digest, 'hex'), k.answer, 0 from {_WALL} cross join lateral"
            " (select k.* from unnest({0}::text[], {1}::text[]) x(office, key) cross join lateral"
            " (select k.key, k.digest, k.answer from once k where k.office = o.office and k.key = x.key offset 0) k"
            " where x.office = o.office offset 0) k"
        ],
    ),
    "messages": (
        5,
        [
            "select 'inbox', o.office, m.publisher || ':' || m.epoch || ':' || m.position, m.version, m.state,"
            f" m.digest, m.position from {_WALL} cross join lateral (select m.* from"
            " unnest({0}::text[], {1}::text[], {2}::int[], {3}::bigint[]) x(office, publisher, epoch, position)"
            " cross join lateral"
            " (select m.* from inbox m where m.office = o.office and m.publisher = x.publisher and m.epoch = x.epoch"
            " and m.position = x.position offset 0) m where x.office = o.office offset 0) m",
            f"select 'stream', o.office, m.publisher || ':' || m.stream, m.version, null, null, 0 from {_WALL}"
            " cross join lateral (select m.* from (select distinct u.publisher, u.stream from"
            " unnest({0}::text[], {1}::text[], {4}::text[]) u(office, publisher, stream) where u.office = o.office) x"
            " cross join lateral (select m.publisher, m.stream, m.version from inbox_stream m where m.office = o.office"
            " and m.publisher = x.publisher and m.stream = x.stream offset 0) m offset 0) m",
        ],
    ),
}


@functools.cache
def look_sql(kinds: tuple[str, ...]) -> str:
    """Return the query that looks for these kinds of things, given the offices and the columns of each kind in turn."""
    queries: list[str] = []
    number = 2
    for kind in kinds:
        width, parts = _LOOKS[kind]
        columns = [f"${number + column}" for column in range(width)]
        queries += [part.format(*columns) for part in parts]
        number += width
    return " union all ".join(queries)


# Streams of one office, within its wall, in one round trip: for readers beside the writer. (How many keys a JSON array
# holds the planner never knows, so that one plan serves for all.)
STREAMS_SQL = (
    "select s.number, s.version, s.events"
    " from (select set_config('app.office', $1, true) as office offset 0) o cross join lateral (select x.number, s.*"
    " from json_array_elements_text($2::json) with ordinality x(key, number)"
    f" cross join lateral ({_STREAM.format(key='x.key')}) s where o.office = $1 offset 0) s"
)

# What a batch may hold besides its head: columns of events, of envelopes, of changed rows (each an array in JSON), of
# messages that are new, of the streams that those belong to. A batch of one act mostly holds one or two of them.
_PARTS: Mapping[str, Mapping[str, str]] = {
    "events": {
        "e_office": "text[]",
        "e_stream": "text[]",
        "e_version": "bigint[]",
        "e_topic": "text[]",
        "e_state": "bytea[]",
        "e_position": "bigint[]",
    },
    "sent": {
        "o_office": "text[]",
        "o_position": "bigint[]",
        "o_version": "int[]",
        "o_type": "text[]",
        "o_subject": "text[]",
        "o_msg_id": "text[]",
        "o_envelope": "bytea[]",
    },
    "changes": {"r_office": "text[]", "r_change": "text[]", "r_rows": "jsonb[]"},
    "messages": {
        "m_office": "text[]",
        "m_publisher": "text[]",
        "m_epoch": "int[]",
        "m_taken_at": "timestamptz[]",
        "m_position": "bigint[]",
        "m_stream": "text[]",
        "m_version": "bigint[]",
        "m_type": "text[]",
        "m_digest": "bytea[]",
    },
    "streams": {
        "s_office": "text[]",
        "s_publisher": "text[]",
        "s_stream": "text[]",
        "s_version": "bigint[]",
        "s_new": "boolean[]",
    },
}
_PARAMETERS = ", ".join(f"{name} {kind} default '{{}}'" for part in _PARTS.values() for name, kind in part.items())


@functools.cache
def record_sql(parts: tuple[str, ...]) -> str:
    """Return the statement that stores a batch: given its head and offices, and the columns of these parts in turn.

    What a batch does not hold is not sent, nor turned into bytes and back (measured: an
    append in 0.40 instead of 0.43 ms).
    """
    names = [name for part in parts for name in _PARTS[part]]
    given = "".join(f", {name} => ${number}" for number, name in enumerate(names, 8))
    return f"select record_batch($1, $2, $3, $4, $5, $6, $7{given})"


# One round trip and one commit for a whole batch. The head is compared first: when anybody else wrote since this writer
# last read it, nothing is stored and the writer decides again. That one comparison checks the versions of all streams.
# New messages come as columns, and are not looked for before: that they are new, and a new stream too, the keys say.
_RECORD = """
create or replace function record_batch(
    was_batch text, now_batch text, now_log bigint, now_published bigint, now_hash bytea, now_at timestamptz,
    offices text[], {parameters})
returns void language plpgsql {keep_plans} as $body$
declare one text; number int;
begin
    update head set log = now_log, published = now_published, hash = now_hash, batch = now_batch, at = now_at
    where batch = was_batch;
    if not found then
        raise exception 'somebody else wrote' using errcode = 'HS001';
    end if;
    foreach one in array offices loop
        perform set_config('app.office', one, true);
        if one = any (e_office) then
            insert into stored_events (originator_id, originator_version, topic, state, notification_id)
            select x.stream, x.version, x.topic, x.state, x.position
            from unnest(e_office, e_stream, e_version, e_topic, e_state, e_position)
                x(office, stream, version, topic, state, position) where x.office = one;
        end if;
        if one = any (o_office) then
            insert into outbox (office, position, version, type, subject, msg_id, envelope)
            select x.* from unnest(o_office, o_position, o_version, o_type, o_subject, o_msg_id, o_envelope)
                x(office, position, version, type, subject, msg_id, envelope) where x.office = one;
        end if;
        for number in 1 .. cardinality(r_office) loop
            if r_office[number] = one then
                perform change_rows(r_change[number], r_rows[number]);
            end if;
        end loop;
        if one = any (m_office) then
            insert into inbox (office, publisher, epoch, position, state, stream, version, type, digest, taken_at)
            select x.office, x.publisher, x.epoch, x.position, 'taken', x.stream, x.version, x.type, x.digest,
                coalesce(x.taken_at, now_at) -- an older version of the service says no moment of each
            from unnest(m_office, m_publisher, m_epoch, m_taken_at, m_position, m_stream, m_version, m_type, m_digest)
                x(office, publisher, epoch, taken_at, position, stream, version, type, digest) where x.office = one;
            insert into inbox_stream (office, publisher, stream, version)
            select x.office, x.publisher, x.stream, x.version
            from unnest(s_office, s_publisher, s_stream, s_version, s_new) x(office, publisher, stream, version, new)
            where x.office = one and x.new;
            if false = any (s_new) then
                insert into inbox_stream (office, publisher, stream, version)
                select x.office, x.publisher, x.stream, x.version
                from unnest(s_office, s_publisher, s_stream, s_version, s_new)
                    x(office, publisher, stream, version, new) where x.office = one and not x.new
                on conflict (office, publisher, stream) do update set version = excluded.version;
            end if;
        end if;
    end loop;
end $body$
"""


# Of all tables a batch takes this one first. If only the row in it were held, the writer would wait there with tables
# in its hands that whoever holds the row wants.
KEEP_WRITER_OUT = "lock table head in exclusive mode"  # who holds its row alone keeps us out as well


def lay_out(
    log: EventLog, service: str, *, views: Iterable[Table] = (), companions: Iterable[Table] = (), made_by: str = ""
) -> bool:
    """Make, as the owner, every table, function, wall and right of a service's database; what is there stays.

    :param made_by: stands for the code that fills the views. A view that other code filled, or that has other columns,
        is laid anew and empty.
    :returns: whether views were laid anew beside events that are there already, so that they must be built again.
    """
    log.create_table()
    views = tuple(views)
    with log.datastore.transaction(commit=True) as rows:
        if _is_there(rows, "head"):
            rows.execute(KEEP_WRITER_OUT)  # one of an older release may be at work
        laid = {table.name: _filled_by(rows, table) for table in views}
        anew = [table for table in views if laid[table.name] != _mark_of(table, made_by)]
        for table in anew:
            rows.execute(f'drop table if exists "{table.name}"', prepare=False)
        for statement in schema_sql(service, views, companions):
            rows.execute(statement, prepare=False)
        for table in views:
            rows.execute(mark_sql(table, made_by), prepare=False)
    return bool(anew) and bool(log.max_notification_id())


def mark_sql(table: Table, made_by: str) -> str:
    """Return the statement that notes beside a view which code fills it."""
    return f"comment on table \"{table.name}\" is '{_mark_of(table, made_by)}'"


def _mark_of(table: Table, made_by: str) -> str:
    return hashlib.sha256(f"{table_sql(table)} {index_sql(table)} {made_by}".encode()).hexdigest()


def _is_there(rows: Cursor[DictRow], table: str) -> bool:
    found = rows.execute("select to_regclass(%s) is not null as there", (table,)).fetchone()
    return bool(found and found["there"])


def _filled_by(rows: Cursor[DictRow], table: Table) -> str | None:
    """Return the mark of a view's table, empty for one without; None when there is no such table."""
    rows.execute(
        "select to_regclass(%s) is not null as there, obj_description(to_regclass(%s)) as mark", (table.name,) * 2
    )
    found = rows.fetchone()
    return (found["mark"] or "") if found and found["there"] else None
