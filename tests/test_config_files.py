"""The files of settings: the secret key in instance/, .env, and .env.example."""

import re
import stat
import subprocess
import sys

import pytest
from dotenv import dotenv_values
from limits import parse

import config
from config import BadSetting, Settings
from tests.support.settings import NAMES, SECRET, load


# ---------------------------------------------------------------- the secret key
def test_secret_is_created_once_and_readable_by_its_owner_only(tmp_path, monkeypatch):
    monkeypatch.setattr(config, "INSTANCE", tmp_path / "instance")
    first = Settings.load({}).SECRET_KEY
    path = tmp_path / "instance" / "secret_key"
    assert len(first) >= 32
    assert path.read_text() == first
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["secret_key"], "a temporary file is left"
    assert first == Settings.load({}).SECRET_KEY
    assert load().SECRET_KEY == SECRET, "the environment overrides the file"
    assert path.read_text() == first


def test_concurrent_processes_share_one_secret(tmp_path):
    code = f"import config, pathlib; print(config.load_or_create_secret(pathlib.Path({str(tmp_path / 'secret_key')!r})))"
    processes = [
        subprocess.Popen([sys.executable, "-c", code], cwd=config.ROOT, stdout=subprocess.PIPE, text=True) for _ in range(4)
    ]
    secrets = {process.communicate(timeout=60)[0].strip() for process in processes}
    assert secrets == {(tmp_path / "secret_key").read_text()}
    assert len(list(tmp_path.iterdir())) == 1


def test_secret_that_cannot_be_written_is_refused(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setattr(config, "INSTANCE", tmp_path / "file")
    with pytest.raises(BadSetting, match=r"^SECRET_KEY: .* can't be kept there"):
        Settings.load({})


def test_short_secret_file_is_refused_without_its_content(tmp_path, monkeypatch):
    (tmp_path / "secret_key").write_text("hunter2")
    monkeypatch.setattr(config, "INSTANCE", tmp_path)
    with pytest.raises(BadSetting, match=r"^SECRET_KEY: .*at least 32 bytes") as caught:
        Settings.load({})
    assert "hunter2" not in str(caught.value)


# ---------------------------------------------------------------- .env
def test_environment_overrides_the_env_file(tmp_path, monkeypatch):
    monkeypatch.setattr(config, "ROOT", tmp_path)
    monkeypatch.setenv("SECRET_KEY", SECRET)
    for name in NAMES - {"SECRET_KEY"}:
        monkeypatch.delenv(name, raising=False)
    (tmp_path / ".env").write_text('PORT=7000\nTOKEN_MINUTES=5\nLIMIT_LOGIN=\nLIMIT_REGISTER="1 per day" # few\nUNKNOWN=x\n')
    monkeypatch.setenv("PORT", "7001")
    settings = Settings.load()
    assert (settings.PORT, settings.TOKEN_MINUTES) == (7001, 5)
    assert ((), (parse("1 per day"),)) == (settings.LIMIT_LOGIN, settings.LIMIT_REGISTER)
    (tmp_path / ".env").unlink()
    assert Settings.load().TOKEN_MINUTES == 60


@pytest.mark.parametrize("spoil", [lambda path: path.write_bytes(b"PORT=\xff"), lambda path: path.mkdir()])
def test_unreadable_env_file_is_refused(tmp_path, monkeypatch, spoil):
    monkeypatch.setattr(config, "ROOT", tmp_path)
    monkeypatch.setenv("SECRET_KEY", SECRET)
    spoil(tmp_path / ".env")
    if (tmp_path / ".env").is_dir():
        assert Settings.load().PORT == 5000, "a folder named .env is ignored"
        return
    with pytest.raises(BadSetting, match=r"\.env can't be read: it must be text in UTF-8"):
        Settings.load()


def test_env_example_has_every_setting_with_its_default():
    path = config.ROOT / ".env.example"
    assert set(dotenv_values(path)) == NAMES
    example = {name: value for name, value in dotenv_values(path).items() if name != "SECRET_KEY"}
    assert load(**example) == load(), "a copy of the example changes a setting"
    for line in path.read_text().splitlines():
        assert re.fullmatch(r"|# .+|[A-Z_]+=.*", line), line
