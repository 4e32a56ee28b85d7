"""``create_app()`` as test suites call it: by the name of a configuration, over a database of their own."""

import os
import sqlite3
import subprocess
import sys

import pytest

import config
from app.utils.db.urls import temporary_database
from config import BadSetting, DevelopmentConfig, ProductionConfig, Settings, TestingConfig, resolve_settings
from tests.support.start import SECRET, Start, copy_of_the_shop

SUITE = """
import unittest
import pytest
import config
from app import create_app
from app.models import Customer, Mechanic, db
from app.utils.auth.passwords import hash_password

WAYS = ["testing", "TestingConfig", "config.TestingConfig", config.TestingConfig]

class TestShop(unittest.TestCase):
    def setUp(self):
        self.app = create_app("TestingConfig")
        with self.app.app_context():
            db.drop_all()
            db.create_all()
            db.session.add(Mechanic(name="Ann", email="ann@example.com", role="admin", salary_cents=0,
                                    password_hash=hash_password("correct horse")))
            db.session.commit()
        self.client = self.app.test_client()

    def test_register_and_list(self):
        body = {"name": "Bea", "email": "bea@example.com", "password": "12345678"}
        self.assertEqual(self.client.post("/customers", json=body).status_code, 201)
        login = {"email": "ann@example.com", "password": "correct horse"}
        token = self.client.post("/mechanics/login", json=login).json["token"]
        headers = {"Authorization": f"Bearer {token}"}
        found = self.client.get("/customers", headers=headers).json
        self.assertEqual([each["name"] for each in found], ["Bea"])
        self.assertEqual(self.client.get("/shop", headers=headers).status_code, 200)

    def test_tables_are_empty_again(self):
        with self.app.app_context():
            self.assertEqual(db.session.query(Customer).count(), 0)

@pytest.fixture(params=WAYS)
def client(request):
    app = create_app(request.param)
    with app.app_context():  # Open around the requests, as many fixtures leave it.
        db.drop_all()
        db.create_all()
        yield app.test_client()
        db.session.remove()
        db.drop_all()

def test_requests_in_one_context_share_no_caller(client):
    body = {"name": "Bea", "email": "bea@example.com", "password": "12345678"}
    assert client.post("/customers", json=body).status_code == 201
    token = client.post("/customers/login", json={"email": "bea@example.com", "password": "12345678"}).json["token"]
    assert client.get("/customers/1", headers={"Authorization": f"Bearer {token}"}).status_code == 200
    assert client.get("/customers/1").status_code == 401
    assert client.application.testing

def test_environment_chooses_testing(monkeypatch):
    monkeypatch.setenv("APP_ENV", "testing")
    app = create_app()
    with app.app_context():
        db.drop_all()
        db.create_all()
    assert "instance" not in str(app.config["DATABASE_URL"])
"""


@pytest.fixture
def folder(tmp_path):
    """A clone whose development shop has a customer."""
    (tmp_path / "shop").mkdir()
    folder = copy_of_the_shop(tmp_path / "shop")
    with Start(folder, **SECRET) as shop:
        body = {"name": "Real", "email": "real@example.com", "password": "12345678"}
        assert shop.call("POST", "/customers", body)[0] == 201
        shop.end()
    return folder


def customers_of_development(folder):
    with sqlite3.connect(folder / "instance" / "shop.db") as connection:
        found = connection.execute("SELECT name FROM customers").fetchall()
    connection.close()
    return found


def run_suite(folder, **environment):
    (folder / "test_shop.py").write_text(SUITE)
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error", "test_shop.py"],
        check=False,
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "TMPDIR": str(folder)} | environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.slow
@pytest.mark.parametrize("dotenv", ["", "DATABASE_URL=sqlite:///shop.db\nAPP_ENV=development\nLIMIT_REGISTER=1 per day\n"])
def test_suite_of_tests_never_opens_the_database_of_development(folder, dotenv):
    (folder / ".env").write_text(dotenv)
    result = run_suite(folder)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "7 passed" in result.stdout
    assert customers_of_development(folder) == [("Real",)]
    assert list(folder.glob("shop-testing-*")) == [], "a temporary database is left"


@pytest.mark.slow
def test_server_for_tests_uses_a_temporary_database(folder):
    with Start(folder, APP_ENV="testing", TMPDIR=folder, **SECRET) as shop:
        body = {"name": "Temporary", "email": "real@example.com", "password": "12345678"}
        assert shop.call("POST", "/customers", body)[0] == 201
        code, _, _, errors, left = shop.end()
    assert (code, errors, left) == (0, "", [])
    assert customers_of_development(folder) == [("Real",)]
    assert list(folder.glob("shop-testing-*")) == []


# ---------------------------------------------------------------- settings
@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ("testing", TestingConfig),
        ("TestingConfig", TestingConfig),
        ("config.TestingConfig", TestingConfig),
        (TestingConfig, TestingConfig),
        ("development", DevelopmentConfig),
        ("DevelopmentConfig", DevelopmentConfig),
        (DevelopmentConfig, DevelopmentConfig),
        ("Production", ProductionConfig),
        ("ProductionConfig", ProductionConfig),
    ],
)
def test_configuration_is_chosen_by_name_or_class(monkeypatch, tmp_path, given, kind):
    """Whatever ``APP_ENV`` says."""
    monkeypatch.setattr(config, "ROOT", tmp_path)
    monkeypatch.setenv("APP_ENV", "testing" if kind is DevelopmentConfig else "development")
    monkeypatch.setenv("SECRET_KEY", SECRET["SECRET_KEY"])
    monkeypatch.setenv("DATABASE_URL", "sqlite:////tmp/given.db")
    assert type(resolve_settings(given)) is kind
    assert resolve_settings(given).DATABASE_URL.database == "/tmp/given.db"


def test_unknown_configuration_is_refused():
    with pytest.raises(BadSetting, match=r"^APP_ENV: must be one of development, testing, production$"):
        resolve_settings("StagingConfig")


@pytest.mark.parametrize("url", ["sqlite:///shop.db", "sqlite:///./shop.db", "sqlite:///../instance/shop.db"])
def test_database_of_development_is_refused_in_testing(url):
    with pytest.raises(BadSetting, match=r"^DATABASE_URL: must not be the database of development"):
        Settings.load(SECRET | {"APP_ENV": "testing", "DATABASE_URL": url})


@pytest.mark.parametrize("exported", [False, True])
def test_env_file_of_tests_is_read_in_testing(monkeypatch, tmp_path, exported):
    """Flask's commands copy ``.env`` into the environment."""
    monkeypatch.setattr(config, "ROOT", tmp_path)
    monkeypatch.setenv("SECRET_KEY", SECRET["SECRET_KEY"])
    for name in ("APP_ENV", "DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / ".env").write_text("DATABASE_URL=sqlite:////tmp/file.db\n")
    if exported:
        monkeypatch.setenv("DATABASE_URL", "sqlite:////tmp/file.db")
    assert temporary_database() == resolve_settings("testing").DATABASE_URL
    (tmp_path / ".env").write_text("DATABASE_URL=sqlite:////tmp/file.db\nAPP_ENV=testing\n")
    assert resolve_settings("testing").DATABASE_URL.database == "/tmp/file.db"
