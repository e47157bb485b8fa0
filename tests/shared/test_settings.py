from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from pydantic import ValidationError

from shared.settings import Settings, with_password


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HUURSPOOR_PORT", "9001")
    monkeypatch.setenv("HUURSPOOR_CLOCK_FILE", str(tmp_path / "clock"))
    monkeypatch.setenv("HUURSPOOR_NATS_SEED_FILE", "")
    settings = Settings()
    assert (settings.port, settings.clock_file, settings.nats_seed_file) == (9001, tmp_path / "clock", None)


def test_a_setting_that_cannot_be_is_refused_without_quoting_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUURSPOOR_PORT", "secret-7719")
    with pytest.raises(ValidationError) as refused:
        Settings()
    assert "secret-7719" not in str(refused.value)


@pytest.mark.parametrize("password", ["simple", "a/b@c:d?e#f%g", "é\u20ac"])
def test_a_password_file_completes_an_address(tmp_path: Path, password: str) -> None:
    file = tmp_path / "password"
    file.write_text(password + "\n", encoding="utf-8")
    parts = urlsplit(with_password("postgresql://visits@127.0.0.1:5555/visits", file))
    assert (parts.username, unquote(parts.password or ""), parts.port, parts.path) == (
        "visits",
        password,
        5555,
        "/visits",
    )


def test_without_a_file_the_address_stays() -> None:
    assert with_password("postgresql://visits@127.0.0.1/visits", None) == "postgresql://visits@127.0.0.1/visits"


def test_a_purpose_has_a_secret_that_all_processes_share(tmp_path: Path) -> None:
    file = tmp_path / "master.key"
    file.write_bytes(b"0" * 32)
    one, other = Settings(master_key_file=file), Settings(master_key_file=file)
    assert one.secret_for("cursors") == other.secret_for("cursors") != one.secret_for("tokens")
    assert file.read_bytes() not in one.secret_for("cursors")
    assert Settings().secret_for("cursors") == b""
