"""Who is asking: bearer tokens of one issuer, checked against its published keys.

Only asymmetric algorithms are taken, and a key only with those of its kind. Nothing in a token is ever followed: a
``kid`` chooses among the keys we have, ``jku``, ``x5u`` and ``jwk`` are not looked at. Everything here follows the
machine's real time, never the platform's clock.
"""

import asyncio
import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.request import HTTPRedirectHandler, build_opener

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa

from shared.bodies import NOT_IN_A_LINE
from shared.clock import machine_time, seconds_running

OFFICE: Final = re.compile(r"[a-z0-9][a-z0-9-]{1,30}")
RESERVED_OFFICE: Final = "platform"  # events of no office travel under it
OPERATOR: Final = "operator"
ROLES: Final = frozenset(
    {
        "counsellor",
        "coordinator",
        "director",
        "administration",
        "technical",
        "bridge-figure",
        "auditor",
        "dpo",
        OPERATOR,
    }
)
LEEWAY_SECONDS: Final = 10
FRESH_SECONDS: Final = 20.0  # after this keys are asked for again; a withdrawn key is gone within a minute at most
STALE_SECONDS: Final = 60.0  # after this the keys we have are no longer believed
_PATIENCE_SECONDS: Final = 5.0
_LONGEST_TOKEN: Final = 16 * 1024
_LONGEST_KEY_SET: Final = 256 * 1024
_MOST_JUDGED: Final = 5000
_PRINTABLE: Final = re.compile(f"[^{NOT_IN_A_LINE}\ud800-\udfff]{{1,200}}")


class NotAuthenticated(Exception):
    """The token does not prove who is asking."""


class IssuerAway(Exception):
    """The issuer's keys cannot be read now, so no token can be judged."""


@dataclass(frozen=True, kw_only=True)
class Identity:
    """What a token proves. ``office`` is None for an operator alone."""

    person: str
    name: str
    office: str | None
    roles: frozenset[str]


def is_office_code(text: str) -> bool:
    """Whether ``text`` can be the code of an office: ``[a-z0-9][a-z0-9-]{1,30}``, and not a reserved word."""
    return OFFICE.fullmatch(text) is not None and text != RESERVED_OFFICE


@dataclass
class IssuerKeys:
    """The issuer's public keys by ``kid``: in a file, read when it changes, or at an https address, every 20 s."""

    source: str
    _keys: Mapping[str, tuple[Any, tuple[str, ...]]] = field(default_factory=dict)
    _read_at: float = float("-inf")
    _tried_at: float = float("-inf")
    _version: tuple[int, int] | None = None
    _reading: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def key(self, kid: str | None, algorithm: str) -> Any | None:
        """Return the key that ``kid`` names (or the only one there is), if ``algorithm`` is one of its own.

        :raises IssuerAway: the keys could not be read for a minute.
        """
        await self._refresh()
        if kid is None:
            found = next(iter(self._keys.values())) if len(self._keys) == 1 else None
        else:
            found = self._keys.get(kid)
        return found[0] if found is not None and algorithm in found[1] else None

    async def _refresh(self) -> None:
        now = seconds_running()
        if not self._file_changed():
            if now - self._read_at < FRESH_SECONDS:
                return
            being_asked = self._reading.locked() or now - self._tried_at < _PATIENCE_SECONDS
            if now - self._read_at < STALE_SECONDS and being_asked:
                return
        async with self._reading:
            now = seconds_running()
            if now - self._read_at < FRESH_SECONDS and not self._file_changed():
                return
            if now - self._tried_at >= 1.0 or self._file_changed():  # who is away is not asked by every request
                self._tried_at, version = now, self._version_of_file()
                try:
                    self._keys = _usable(await asyncio.to_thread(_read, self.source))
                    self._read_at, self._version = seconds_running(), version
                except (OSError, ValueError):
                    pass
            if seconds_running() - self._read_at >= STALE_SECONDS:
                self._keys = {}
                raise IssuerAway

    def _file_changed(self) -> bool:
        version = self._version_of_file()
        return version is not None and version != self._version

    def _version_of_file(self) -> tuple[int, int] | None:
        if self.source.startswith("https://"):
            return None
        try:
            found = os.stat(self.source)  # asked with every request: a Path takes ten times as long
        except OSError:
            return None
        return found.st_mtime_ns, found.st_ino


@dataclass(frozen=True)
class _Judged:
    """A token that was found good, and until when the same key says the same of it."""

    identity: Identity
    kid: str | None
    algorithm: str
    key: Any
    begins: float  # the later of nbf and iat
    ends: float

    def holds(self, key: Any, now: float) -> bool:
        """Whether the signature need not be computed again: the same key object is in force, and the time is right."""
        return key is self.key and self.begins <= now + LEEWAY_SECONDS and now - LEEWAY_SECONDS < self.ends


class Tokens:
    """Judges bearer tokens of one issuer for one audience.

    A client sends the same token with each request. Its signature is computed once for each reading of the issuer's
    keys (every 20 s at least), its times are looked at with every request.
    """

    def __init__(self, keys: IssuerKeys, *, issuer: str, audience: str) -> None:
        self._keys, self._issuer, self._audience = keys, issuer, audience
        self._judged: dict[bytes, _Judged] = {}  # by hash: a token lies nowhere

    async def identity(self, token: str) -> Identity:
        """Return who the token speaks for.

        :raises NotAuthenticated: its form, signature, issuer, audience, time or claims are not what they must be.
        :raises IssuerAway: no key to judge it with can be read.
        """
        if len(token) > _LONGEST_TOKEN or not token.isascii():
            raise NotAuthenticated
        place = hashlib.sha256(token.encode()).digest()
        judged = self._judged.get(place)
        if judged is not None:
            key = await self._keys.key(judged.kid, judged.algorithm)
            if judged.holds(key, machine_time().timestamp()):
                return judged.identity
            self._judged.pop(place, None)  # somebody who asked meanwhile may have been first
        judged = await self._judge(token)
        while len(self._judged) >= _MOST_JUDGED:
            del self._judged[next(iter(self._judged))]
        self._judged[place] = judged
        return judged.identity

    async def _judge(self, token: str) -> _Judged:
        try:
            header = jwt.get_unverified_header(token)
            algorithm, kid = header.get("alg"), header.get("kid")
            if not isinstance(algorithm, str) or not (kid is None or isinstance(kid, str)) or "crit" in header:
                raise NotAuthenticated
            key = await self._keys.key(kid, algorithm)
            if key is None:
                raise NotAuthenticated
            claims = jwt.decode(
                token,
                key,
                algorithms=[algorithm],
                audience=self._audience,
                issuer=self._issuer,
                leeway=LEEWAY_SECONDS,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )
            begins, ends = float(max(int(claims.get("nbf", 0)), int(claims.get("iat", 0)))), float(int(claims["exp"]))
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError, AttributeError):
            raise NotAuthenticated from None
        return _Judged(identity=_identity(claims), kid=kid, algorithm=algorithm, key=key, begins=begins, ends=ends)


def _identity(claims: Mapping[str, Any]) -> Identity:
    person, name, office, roles = claims["sub"], claims.get("name"), claims.get("office"), claims.get("roles", [])
    if not isinstance(roles, list) or not all(isinstance(role, str) for role in roles):
        raise NotAuthenticated
    known = ROLES.intersection(roles)
    if known == {OPERATOR}:
        office = None
    else:
        known -= {OPERATOR}  # who runs the platform sees no office, and who sees an office does not run the platform
        if not isinstance(office, str) or not is_office_code(office):
            raise NotAuthenticated
    if not _is_name(person) or person.casefold() == "sys" or not (name is None or _is_name(name)):
        raise NotAuthenticated
    return Identity(person=person, name=name or person, office=office, roles=known)


def _is_name(claim: Any) -> bool:
    return isinstance(claim, str) and claim.strip() != "" and _PRINTABLE.fullmatch(claim) is not None


class _NoRedirect(HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


def _read(source: str) -> bytes:
    if source.startswith("https://"):
        with build_opener(_NoRedirect).open(source, timeout=_PATIENCE_SECONDS) as answer:
            raw = bytes(answer.read(_LONGEST_KEY_SET + 1))
    else:
        with Path(source).open("rb") as file:
            raw = file.read(_LONGEST_KEY_SET + 1)
    if len(raw) > _LONGEST_KEY_SET:
        raise ValueError("key set too long")
    return raw


def _usable(raw: bytes) -> dict[str, tuple[Any, tuple[str, ...]]]:
    told = json.loads(raw)
    if not isinstance(told, dict) or not isinstance(told.get("keys"), list):
        raise ValueError("no key set")
    usable: dict[str, tuple[Any, tuple[str, ...]]] = {}
    for number, one in enumerate(told["keys"]):
        if not isinstance(one, dict) or one.get("use", "sig") != "sig" or one.get("kty") == "oct":
            continue
        try:
            key = jwt.PyJWK(one).key
        except (jwt.PyJWTError, ValueError, TypeError, KeyError):
            continue  # a key of a kind that we do not know hinders the others no more than it helps
        algorithms = _algorithms(key)
        if "alg" in one:
            algorithms = tuple(name for name in algorithms if name == one["alg"])
        kid = one.get("kid")
        if algorithms:
            usable[kid if isinstance(kid, str) else f"unnamed {number}"] = (key, algorithms)
    return usable


def _algorithms(key: Any) -> tuple[str, ...]:
    match key:
        case ed25519.Ed25519PublicKey() | ed448.Ed448PublicKey():
            return ("EdDSA",)
        case rsa.RSAPublicKey() if key.key_size >= 2048:
            return ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
        case ec.EllipticCurvePublicKey():
            return {"secp256r1": ("ES256",), "secp384r1": ("ES384",), "secp521r1": ("ES512",)}.get(key.curve.name, ())
        case _:
            return ()
