"""What is deployed is what is tested: compose file, roles and accounts."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from operate.deployment import make_secrets
from operate.nats import USERS
from operate.postgres import ROLES
from operate.state import PROJECT, SERVICES, State
from shared.settings import Settings

COMPOSE: dict[str, Any] = yaml.safe_load((PROJECT / "docker-compose.yml").read_text())


def test_the_compose_file_keeps_to_its_schema() -> None:
    words = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    done = subprocess.run([*words, str(PROJECT / "docker-compose.yml")], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_service_is_built_from_the_one_dockerfile_and_migrated_before() -> None:
    for service in SERVICES:
        deployed = COMPOSE["services"][service]
        assert deployed["build"]["args"] == {"SERVICE": service}
        assert deployed["build"]["dockerfile"] == "deploy/Dockerfile"
        assert deployed["depends_on"][f"{service}-migrate"] == {"condition": "service_completed_successfully"}


def test_every_setting_of_the_compose_file_is_one_that_a_process_reads() -> None:
    known = {f"HUURSPOOR_{name.upper()}" for name in Settings.model_fields}
    for name, deployed in COMPOSE["services"].items():
        settings = {setting for setting in deployed.get("environment", {}) if setting.startswith("HUURSPOOR_")}
        assert settings <= known, name


def test_the_secrets_of_the_compose_file_are_those_that_are_made(tmp_path: Path) -> None:
    state = State(tmp_path)
    make_secrets(state)
    asked = {Path(secret["file"]).name for secret in COMPOSE["secrets"].values()}
    assert {file.name for file in state.secrets.iterdir()} == asked | {"nkeys.env"}
    assert all(file.stat().st_mode & 0o077 == 0 for file in state.secrets.iterdir() if file.name != "nkeys.env")
    before = {file.name: file.read_bytes() for file in state.secrets.iterdir()}
    make_secrets(state)
    assert {file.name: file.read_bytes() for file in state.secrets.iterdir()} == before


def test_no_service_gets_the_secret_of_another() -> None:
    for service in SERVICES:
        secrets = set(COMPOSE["services"][service]["secrets"])
        assert secrets == {f"{service}_password", f"{service}_all_password", f"{service}_seed", "master_key"}


def test_roles_and_accounts_name_everybody() -> None:
    roles = (PROJECT / "deploy/postgres/roles.sql").read_text()
    assert set(re.findall(r"^alter role (\w+) password", roles, re.M)) == set(ROLES)
    accounts = (PROJECT / "deploy/nats/accounts.conf").read_text()
    assert set(re.findall(r"nkey: \$(\w+)", accounts)) == {f"{user.upper().replace('-', '_')}_NKEY" for user in USERS}


def given_to_psql(secrets: Path) -> "subprocess.CompletedProcess[str]":
    """Run what hands the secrets of a folder to psql; a stand-in for psql shows the password of visits."""
    (secrets / "psql").write_text('#!/bin/sh\necho "visits: $VISITS_PASSWORD"\n')
    (secrets / "psql").chmod(0o755)
    script = (PROJECT / "deploy/postgres/roles.sh").read_text().replace("/run/secrets", str(secrets))
    env = {"PATH": f"{secrets}:{os.environ['PATH']}"}
    return subprocess.run(["sh", "-c", script], env=env, capture_output=True, text=True)


def test_no_role_is_made_with_a_password_that_could_not_be_read(tmp_path: Path) -> None:
    (tmp_path / "visits_password").write_text("a secret")
    assert given_to_psql(tmp_path).stdout == "visits: a secret\n"
    (tmp_path / "keys_owner_password").symlink_to(tmp_path / "nowhere")  # as one that its account may not read
    done = given_to_psql(tmp_path)
    assert done.returncode != 0
    assert done.stdout == ""
