"""Makes the secrets of a deployment on containers, before the first ``docker compose up``. What is there stays."""

import sys

from operate.nats import USERS, public_key_settings, seed
from operate.postgres import ROLES, SUPERUSER
from operate.state import PROJECT, State
from shared import keys


def make_secrets(state: State) -> None:
    """Make every password, seed and key, and the file with the public keys of the bus."""
    state.secrets.mkdir(mode=0o700, parents=True, exist_ok=True)
    for role in (SUPERUSER, *ROLES):
        state.password(role)
    for user in USERS:
        seed(state, user)
    keys.make_master_key(state.master_key)
    public = public_key_settings(state)
    told = "".join(f"{name}={key}\n" for name, key in public.items())
    (state.secrets / "nkeys.env").write_text(told, encoding="utf-8")


if __name__ == "__main__":
    make_secrets(State(PROJECT / "deploy"))
    print(f"the secrets lie in {State(PROJECT / 'deploy').secrets}", file=sys.stderr)
