"""This repository's own stack, as a person meets it: pgAdmin knows the database and asks for no password of it."""

import os
import re
import shutil
from pathlib import Path

import httpx

from stack.findings import silent
from stack.project import Options, open_project
from stack.services.compose.load import load_compose
from stack.services.control import Action, Health, Pull
from tests.support.engine import Sandbox, free_port, has_compose
from tests.support.require import require

REPOSITORY = Path(__file__).parents[2]
EMAIL = "admin@example.com"
PASSWORD = 's3:cr"et\\word'


async def test_pgadmin_opens_the_database_by_itself(engine: Sandbox):
    require("docker", engine.ensure_image("dpage/pgadmin4:9"), "the engine has no pgAdmin and cannot pull it")
    shutil.copy(REPOSITORY / "docker-compose.yml", engine.directory)
    port = free_port()
    settings = {
        "COMPOSE_PROJECT_NAME": engine.name,
        "APP_DB_USER": "owner",
        "APP_DB_NAME": "bookings",
        "APP_DB_PASSWORD": f"'{PASSWORD}'",
        "APP_DB_PORT": free_port(),
        "PGADMIN_PORT": port,
        "PGADMIN_EMAIL": EMAIL,
        "PGADMIN_PASSWORD": "letmein-please",
    }
    (engine.directory / ".env").write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    services = engine.services(load_compose(open_project(Options(engine.directory)), os.environ))
    result = await services.up(["pgadmin"], pull=Pull.MISSING, timeout=100, progress=silent)
    assert {it.service: (it.action, it.health) for it in result.services} == {
        "db": (Action.CREATED, Health.HEALTHY),
        "pgadmin": (Action.CREATED, Health.HEALTHY),
    }
    await services.close()
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", follow_redirects=True, timeout=30) as browser:
        server = await _first_server(browser, "letmein-please")
        connected = (await browser.post(f"/browser/server/connect/1/{server['_id']}")).json()
    assert (server["label"], server["username"], server["host"]) == ("bookings", "owner", "db")
    assert connected["info"] == "Server connected."
    assert connected["data"]["db"] == "bookings"
    if has_compose():
        before = {it.id for it in engine.containers()}
        engine.compose("--profile", "pgadmin", "up", "-d")
        assert {it.id for it in engine.containers()} == before


async def _first_server(browser: httpx.AsyncClient, password: str):
    """Log in as a person would, and return the first server of pgAdmin's tree."""
    page = (await browser.get("/login")).text
    (token,) = re.findall(r'csrfToken"?:\s*"([^"]+)"', page)[:1]
    form = {"csrf_token": token, "email": EMAIL, "password": password, "internal_button": "Login"}
    assert (await browser.post("/authenticate/login", data=form)).url.path.startswith("/browser")
    script = (await browser.get("/browser/js/utils.js")).text
    (header,) = re.findall(r"pgAdmin\['csrf_token'\]\s*=\s*'([^']+)'", script)
    browser.headers["X-pgA-CSRFToken"] = header
    return (await browser.get("/browser/server/nodes/1/")).json()["result"][0]
