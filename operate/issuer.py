"""The local issuer of tokens: a key of its own in the state folder, and the public half as a JWKS file.

Production trusts an OpenID Connect issuer instead; the services see no difference.
"""

import hashlib
import json
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from jwt.algorithms import OKPAlgorithm

from operate.state import State
from shared.clock import machine_time

ISSUER = "huurspoor-local"
AUDIENCE = "huurspoor"
OPERATOR = "operator"


def jwks_file(state: State) -> Path:
    """Return where the issuer's public keys lie."""
    return state.root / "jwks.json"


def publish_keys(state: State) -> None:
    """Write the JWKS file of the issuer, with a new key if it has none yet."""
    jwks = jwks_file(state)
    public: dict[str, Any] = json.loads(OKPAlgorithm.to_jwk(_key(state).public_key()))
    told = json.dumps({"keys": [{**public, "kid": _kid(public), "alg": "EdDSA", "use": "sig"}]}, indent=1) + "\n"
    if not jwks.exists() or jwks.read_text(encoding="utf-8") != told:
        part = jwks.with_suffix(".part")
        part.write_text(told, encoding="utf-8")
        part.replace(jwks)


def token(
    state: State, *, office: str | None, roles: Sequence[str], person: str, name: str | None = None, minutes: int = 60
) -> str:
    """Return a signed token for a person; it ends ``minutes`` from now, by the machine's real time."""
    key = _key(state)
    now = machine_time()
    claims: dict[str, Any] = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": person,
        "name": name or person,
        "roles": list(roles),
        "iat": int(now.timestamp()),
        "exp": int((now + timedelta(minutes=minutes)).timestamp()),
    }
    if office is not None:
        claims["office"] = office
    kid = _kid(json.loads(OKPAlgorithm.to_jwk(key.public_key())))
    return jwt.encode(claims, key, algorithm="EdDSA", headers={"kid": kid})


def operator_token(state: State, *, minutes: int = 60) -> str:
    """Return a token for who runs the platform: health, offices, dead letters, clock; no office's content."""
    return token(state, office=None, roles=[OPERATOR], person="operator", minutes=minutes)


def _key(state: State) -> Ed25519PrivateKey:
    fresh = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    key = load_pem_private_key(state.secret("issuer.key", fresh).read_bytes(), password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError("the issuer's key is not an Ed25519 key")
    return key


def _kid(public: dict[str, Any]) -> str:
    """Return the thumbprint of a key (RFC 7638)."""
    required = {name: public[name] for name in ("crv", "kty", "x")}
    digest = hashlib.sha256(json.dumps(required, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
    return digest[:16]
