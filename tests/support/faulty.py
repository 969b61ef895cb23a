"""A small project on a real engine, to be broken in one way at a time, examined and mended."""

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from docker.errors import NotFound

from stack.doctor.examination import Report
from stack.findings import Code, Finding, Severity, silent
from stack.project import Options, RuntimeName
from stack.services.engine.helper import LABEL
from stack.workspace import open_workspace
from tests.support.clone import bare_environment
from tests.support.engine import Sandbox, free_port

COMPOSE = """
name: {name}
services:
  db:
    image: ${{DB_IMAGE:-postgres:16-alpine}}
    environment:
      POSTGRES_PASSWORD: ${{DB_PASSWORD}}
      POSTGRES_DB: shop
    ports:
      - "127.0.0.1:${{DB_PORT}}:5432"
    volumes:
      - data:/var/lib/postgresql/data
    healthcheck:
      test: ["CMD-SHELL", "pg_isready -q -h 127.0.0.1 -d shop"]
      interval: 10s
      start_period: 60s
      start_interval: 200ms
volumes:
  data:
"""


@dataclass
class Faulty:
    """The project in `root`; `environ` is what its commands see of the shell."""

    box: Sandbox
    root: Path
    values: dict[str, str] = field(default_factory=dict)
    environ: dict[str, str] = field(default_factory=bare_environment)
    runtime: RuntimeName | None = None
    left: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.values = {"DB_PASSWORD": "a-long-password", "DB_PORT": str(free_port()), **self.values}
        self.compose()
        self.env()

    def compose(self, *changes: tuple[str, str]) -> None:
        """Write the Compose file, with each text of `changes` replaced by another."""
        text = COMPOSE.format(name=self.box.name)
        for old, new in changes:
            assert old in text, old
            text = text.replace(old, new)
        (self.root / "compose.yaml").write_text(text, encoding="utf-8")

    def env(self, **values: str) -> None:
        """Write `.env`, with `values` changed."""
        self.values |= values
        lines = [f"{name}={value}\n" for name, value in self.values.items()]
        file = self.root / ".env"
        file.write_text("".join(lines), encoding="utf-8")
        file.chmod(0o600)

    def open(self):
        return open_workspace(Options(self.root, runtime=self.runtime), self.environ)

    async def examine(self) -> Report:
        async with self.open() as workspace:
            return await workspace.examine()

    async def fix(self, code: Code, choose=lambda fix: fix.apply is not None) -> Report:
        """Carry out the first fix of the finding `code` that `choose` likes, and examine again."""
        async with self.open() as workspace:
            finding = self.finding(await workspace.examine(), code)
            await workspace.mend(next(fix for fix in finding.fixes if choose(fix)), silent)
            return await workspace.examine()

    async def start(self) -> None:
        """Bring it up as the doctor would."""
        report = await self.fix(Code.SERVICE_NOT_RUNNING)
        assert report.ok, trouble(report)

    async def heal(self) -> Report:
        """Carry out the first fix of the first failure, as often as it takes until nothing fails."""
        async with self.open() as workspace:
            for _ in range(3):
                report = await workspace.examine()
                if report.ok:
                    return report
                assert report.next, trouble(report)
                assert report.next.fix, trouble(report)
                await workspace.mend(report.next.fix, silent)
            raise AssertionError(trouble(report))

    async def until(self, code: Code, cause: str = "") -> Report:
        """Examine until `code` is found, for that `cause`: what an engine restarts or checks takes its time to fail."""
        deadline = time.monotonic() + 60
        while True:
            report = await self.examine()
            if any(finding.code is code and cause in finding.cause for finding in report.findings):
                return report
            assert time.monotonic() < deadline, trouble(report)
            await asyncio.sleep(0.1)

    @staticmethod
    def finding(report: Report, code: Code) -> Finding:
        (found,) = (finding for finding in report.findings if finding.code is code)
        return found

    def sql(self, statement: str, database: str = "shop") -> str:
        command = ["psql", "-U", "postgres", "-d", database, "-XAtqc", statement]
        status, output = self.box.container("db").exec_run(command)
        assert status == 0, output
        return output.decode().strip()

    def nameless(self) -> str:
        """The nameless volume of the database's container, which is removed in the end, whatever becomes of that."""
        names = {it["Name"] for it in self.box.container("db").attrs["Mounts"]} - {f"{self.box.name}_data"}
        self.left |= names
        (name,) = names
        return name

    def clean(self) -> None:
        """Remove what is kept beside the project."""
        wanted = {"label": f"{LABEL}={self.box.name}"}
        assert not self.box.client.containers.list(all=True, filters=wanted), "a helper is left"
        for volume in self.box.client.volumes.list(filters=wanted):
            with suppress(NotFound):
                volume.remove()
        for name in self.left:
            with suppress(NotFound):
                self.box.client.volumes.get(name).remove()


def trouble(report: Report) -> list[str]:
    """What is wrong, as an assertion shows it."""
    return [f"{it.code}: {it.title} | {it.cause} | {it.evidence}" for it in report.findings]


def only(report: Report, code: Code, *, severity: Severity = Severity.ERROR) -> Finding:
    """The one finding of `report`, which must be this one; suggestions do not count."""
    found = [finding for finding in report.findings if finding.severity is not Severity.INFO]
    assert [(finding.code, finding.severity) for finding in found] == [(code, severity)], trouble(report)
    return found[0]
