import asyncio
import base64
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from shared import tokens as module
from shared.clock import machine_time
from shared.tokens import IssuerAway, IssuerKeys, NotAuthenticated, Tokens, is_office_code
from tests.shared.shop import Issuer


@pytest.fixture
def issuer(tmp_path: Path) -> Issuer:
    return Issuer(tmp_path)


def judge(issuer: Issuer) -> Tokens:
    return Tokens(IssuerKeys(str(issuer.jwks)), issuer="huurspoor-local", audience="huurspoor")


async def test_a_good_token_says_who_and_for_which_office(issuer: Issuer) -> None:
    identity = await judge(issuer).identity(issuer.token("counsellor", "coordinator"))
    assert (identity.person, identity.name, identity.office) == ("an", "An Claes", "kantoor-noord")
    assert identity.roles == {"counsellor", "coordinator"}


async def test_without_a_name_the_person_id_is_the_name(issuer: Issuer) -> None:
    assert (await judge(issuer).identity(issuer.token("dpo", name=None))).name == "an"


REFUSED: dict[str, dict[str, Any]] = {
    "expired": {"exp": machine_time() - timedelta(seconds=31)},
    "no exp": {"exp": None},
    "exp that is no time": {"exp": "tomorrow"},
    "exp beyond all time": {"exp": float("inf")},
    "exp of more digits than a clock has": {"exp": 10**400},
    "another audience": {"aud": "elsewhere"},
    "no audience": {"aud": None},
    "another issuer": {"iss": "somebody"},
    "no issuer": {"iss": None},
    "not yet valid": {"nbf": machine_time() + timedelta(days=1)},  # counted from when the tests were collected
    "no person": {"sub": None},
    "an empty person": {"sub": ""},
    "a person that is a number": {"sub": 7},
    "the system's name": {"sub": "SYS"},
    "a line break in the person": {"sub": "an\r\nbcc: x"},
    "a line break in the name": {"name": "An\nClaes"},
    "a name that is a list": {"name": ["An"]},
    "a right-to-left name": {"name": "An \u202eseal"},
    "no office": {"office": None},
    "an office that is a list": {"office": ["kantoor-noord"]},
    "an office with a star": {"office": "kantoor-*"},
    "the office of no office": {"office": "platform"},
    "an office in other letters": {"office": "k\u0430ntoor"},
    "an office with a line end": {"office": "kantoor-noord\n"},
}


@pytest.mark.parametrize("claims", REFUSED.values(), ids=REFUSED.keys())
async def test_claims_that_do_not_hold_are_refused(issuer: Issuer, claims: dict[str, Any]) -> None:
    with pytest.raises(NotAuthenticated):
        await judge(issuer).identity(issuer.token("counsellor", **claims))


@pytest.mark.parametrize("roles", ["counsellor", {"counsellor": True}, [1], None])
async def test_roles_are_a_list_of_words(issuer: Issuer, roles: Any) -> None:
    if roles is None:
        assert (await judge(issuer).identity(issuer.token(roles=None))).roles == frozenset()
    else:
        with pytest.raises(NotAuthenticated):
            await judge(issuer).identity(issuer.token(roles=roles))


async def test_unheard_of_roles_give_nothing(issuer: Issuer) -> None:
    assert (await judge(issuer).identity(issuer.token("superuser", "dpo"))).roles == {"dpo"}


async def test_an_operator_has_no_office(issuer: Issuer) -> None:
    assert (await judge(issuer).identity(issuer.token("operator", office=None))).office is None
    assert (await judge(issuer).identity(issuer.token("operator"))).office is None


async def test_who_sees_an_office_does_not_run_the_platform(issuer: Issuer) -> None:
    assert (await judge(issuer).identity(issuer.token("operator", "director"))).roles == {"director"}


async def test_a_little_difference_of_clocks_is_forgiven(issuer: Issuer) -> None:
    await judge(issuer).identity(issuer.token("dpo", exp=machine_time() - timedelta(seconds=5)))


def part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


CLAIMS = {
    "iss": "huurspoor-local",
    "aud": "huurspoor",
    "sub": "an",
    "office": "kantoor-noord",
    "roles": ["director"],
    "exp": 4e9,
}


def public_pem(issuer: Issuer) -> bytes:
    return issuer.key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


async def test_no_signature_is_no_proof(issuer: Issuer) -> None:
    for algorithm in ("none", "None", "NONE", ""):
        with pytest.raises(NotAuthenticated):
            await judge(issuer).identity(f"{part({'alg': algorithm, 'kid': 'k0'})}.{part(CLAIMS)}.")


async def test_the_public_key_is_no_secret(issuer: Issuer) -> None:
    import hmac

    for secret in (public_pem(issuer), issuer.key.public_key().public_bytes_raw(), issuer.jwks.read_bytes()):
        signed = f"{part({'alg': 'HS256', 'kid': 'k0', 'typ': 'JWT'})}.{part(CLAIMS)}"
        signature = base64.urlsafe_b64encode(hmac.digest(secret, signed.encode(), "sha256")).decode().rstrip("=")
        with pytest.raises(NotAuthenticated):
            await judge(issuer).identity(f"{signed}.{signature}")


async def test_a_key_serves_only_algorithms_of_its_kind(issuer: Issuer) -> None:
    rsa_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    with pytest.raises(NotAuthenticated):
        await judge(issuer).identity(issuer.token("dpo", key=rsa_key, algorithm="RS256"))


@pytest.mark.parametrize("kind", ["RS256", "PS256", "ES256", "ES384"])
async def test_other_asymmetric_algorithms_are_taken(issuer: Issuer, kind: str) -> None:
    key: Any
    if kind.startswith("E"):
        key = ec.generate_private_key(ec.SECP256R1() if kind == "ES256" else ec.SECP384R1())
        published = jwt.algorithms.ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
    else:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        published = jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    issuer.jwks.write_text(json.dumps({"keys": [{**published, "kid": "k0"}]}))
    assert (await judge(issuer).identity(issuer.token("dpo", key=key, algorithm=kind))).person == "an"


async def test_a_weak_rsa_key_is_not_used(issuer: Issuer) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    published = jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    issuer.jwks.write_text(json.dumps({"keys": [{**published, "kid": "k0"}]}))
    with pytest.raises(NotAuthenticated):
        await judge(issuer).identity(issuer.token("dpo", key=key, algorithm="RS256"))


async def test_a_shared_secret_among_the_keys_is_not_used(issuer: Issuer) -> None:
    issuer.jwks.write_text(json.dumps({"keys": [{"kty": "oct", "k": part("secret"), "kid": "k0", "alg": "HS256"}]}))
    forged = jwt.encode(CLAIMS, "x" * 32, algorithm="HS256", headers={"kid": "k0"})
    with pytest.raises(NotAuthenticated):
        await judge(issuer).identity(forged)


def watch_reading(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the list that will hold every source that keys are asked of."""
    asked: list[str] = []

    def read(source: str) -> bytes:
        asked.append(source)
        return issuer.jwks.read_bytes()

    monkeypatch.setattr(module, "_read", read)
    return asked


HEADERS: dict[str, dict[str, Any]] = {
    "unknown kid": {"kid": "k9"},
    "kid that is a path": {"kid": "../../etc/passwd"},
    "kid that is an address": {"kid": "https://keys.example/jwks.json"},
    "critical header": {"kid": "k0", "crit": ["exp"], "exp": 1},
    "detached payload": {"kid": "k0", "b64": False, "crit": ["b64"]},
}


@pytest.mark.parametrize("headers", HEADERS.values(), ids=HEADERS.keys())
async def test_the_header_of_a_token_is_not_believed(
    issuer: Issuer, headers: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = watch_reading(issuer, monkeypatch)
    with pytest.raises(NotAuthenticated):
        await judge(issuer).identity(issuer.token("dpo", headers=headers))
    assert set(asked) <= {str(issuer.jwks)}


async def test_addresses_in_a_token_are_never_asked(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = watch_reading(issuer, monkeypatch)
    stranger = Ed25519PrivateKey.generate()
    own = json.loads(jwt.algorithms.OKPAlgorithm.to_jwk(stranger.public_key()))
    headers = {"kid": "k0", "jku": "https://keys.example/", "x5u": "https://keys.example/", "jwk": own}
    with pytest.raises(NotAuthenticated):
        await judge(issuer).identity(issuer.token("dpo", key=stranger, headers=headers))
    assert asked == [str(issuer.jwks)]


@pytest.mark.parametrize(
    "token", ["", ".", "..", "a.b.c", "ey", "\u00e9.\u00e9.\u00e9", "x" * 20_000, "." * 500, "e30.e30.e30"]
)
async def test_what_is_no_token_is_refused(issuer: Issuer, token: str) -> None:
    with pytest.raises(NotAuthenticated):
        await judge(issuer).identity(token)


async def test_a_changed_token_is_refused(issuer: Issuer) -> None:
    header, claims, signature = issuer.token("counsellor").split(".")
    told = json.loads(base64.urlsafe_b64decode(claims + "=="))
    for changed in (
        f"{header}.{part({**told, 'roles': ['director']})}.{signature}",
        f"{header}.{claims}.{signature[:-4]}AAAA",
    ):
        with pytest.raises(NotAuthenticated):
            await judge(issuer).identity(changed)


async def test_a_key_that_was_withdrawn_is_gone_at_once_from_a_file(issuer: Issuer) -> None:
    judging, token = judge(issuer), issuer.token("dpo")
    await judging.identity(token)
    issuer.publish(Ed25519PrivateKey.generate())
    with pytest.raises(NotAuthenticated):
        await judging.identity(token)


class Time:
    now = 1000.0


async def test_an_address_is_asked_every_twenty_seconds_and_believed_for_a_minute(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = 0
    away = False

    def read(_source: str) -> bytes:
        nonlocal asked
        asked += 1
        if away:
            raise OSError
        return issuer.jwks.read_bytes()

    monkeypatch.setattr(module, "_read", read)
    monkeypatch.setattr(module, "seconds_running", lambda: Time.now)
    keys = IssuerKeys("https://issuer.example/jwks.json")
    assert await keys.key("k0", "EdDSA") is not None
    assert await keys.key("unknown", "EdDSA") is None
    assert asked == 1, "an unknown key is no reason to ask"
    Time.now += 21
    await keys.key("k0", "EdDSA")
    assert asked == 2
    away = True
    Time.now += 50
    assert await keys.key("k0", "EdDSA") is not None, "an issuer may be away for a moment"
    Time.now += 15
    with pytest.raises(IssuerAway):
        await keys.key("k0", "EdDSA")
    away = False
    Time.now += 2
    assert await keys.key("k0", "EdDSA") is not None


async def test_many_callers_ask_the_issuer_once(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = watch_reading(issuer, monkeypatch)
    keys = IssuerKeys("https://issuer.example/jwks.json")
    await asyncio.gather(*(keys.key("k0", "EdDSA") for _ in range(50)))
    assert len(asked) == 1


NO_KEYS = ["{}", "[]", '{"keys": 1}', "", "\xff", '{"keys": [1, {"kty": "EC"}, {"kty": "OKP", "crv": "X", "x": "1"}]}']


@pytest.mark.parametrize("source", NO_KEYS)
async def test_a_key_set_that_cannot_be_read_proves_nobody(tmp_path: Path, source: str) -> None:
    file = tmp_path / "jwks.json"
    file.write_text(source, encoding="latin-1")
    with pytest.raises((IssuerAway, NotAuthenticated)):
        await Tokens(IssuerKeys(str(file)), issuer="huurspoor-local", audience="huurspoor").identity(
            jwt.encode(CLAIMS, Ed25519PrivateKey.generate(), algorithm="EdDSA")
        )


@pytest.mark.parametrize("code", ["kantoor-noord", "k1", "0" * 31])
def test_an_office_code(code: str) -> None:
    assert is_office_code(code)


@pytest.mark.parametrize(
    "code",
    ["", "k", "-k", "K1", "k*", "k>", "k.n", "k n", "$JS", "k\x00", "k" * 300, "k\u0430", "platform", "k\n", "\uff4b1"],
)
def test_no_office_code(code: str) -> None:
    assert not is_office_code(code)


async def test_a_token_seen_before_costs_no_second_signature(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens, token = judge(issuer), issuer.token("dpo")
    first = await tokens.identity(token)
    monkeypatch.setattr(jwt, "decode", _never)
    assert await tokens.identity(token) == first


async def test_a_token_seen_before_ends_when_its_time_is_over(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens, token = judge(issuer), issuer.token("dpo", exp=machine_time() + timedelta(minutes=1))
    await tokens.identity(token)
    later = machine_time() + timedelta(seconds=60 + module.LEEWAY_SECONDS)
    monkeypatch.setattr(module, "machine_time", lambda: later)
    monkeypatch.setattr(jwt, "decode", _ended)
    with pytest.raises(NotAuthenticated):
        await tokens.identity(token)


async def test_a_token_seen_before_ends_with_its_key(issuer: Issuer) -> None:
    tokens, token = judge(issuer), issuer.token("dpo")
    await tokens.identity(token)
    issuer.publish(Ed25519PrivateKey.generate())
    with pytest.raises(NotAuthenticated):
        await tokens.identity(token)


def _never(*_: Any, **__: Any) -> Any:
    raise AssertionError("the signature was computed again")


def _ended(*_: Any, **__: Any) -> Any:
    raise jwt.ExpiredSignatureError
