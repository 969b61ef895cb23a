"""Whatever stands where a Compose or an env file is expected, the answer is a finding at once, in little memory."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

MINIMAL = "services: {db: {image: a}}\n"

# One child loads each project in a process of its own, which tells what became of it.
LOAD = """
import json, os, resource, signal, sys, time
from pathlib import Path
from stack.findings import Failure
from stack.project import Overrides, Project
from stack.services.compose.hash import all_hashes
from stack.services.compose.load import load_compose

for directory in map(Path, sys.argv[1:]):
    reader, writer = os.pipe()
    if os.fork():
        os.close(writer)
        with os.fdopen(reader) as stream:
            print(stream.read() or json.dumps({"outcome": "killed"}), flush=True)
        os.wait()
        continue
    signal.alarm(20)
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    project = Project(directory, directory / ".env", False, None, None, Overrides())
    try:
        compose = load_compose(project, {})
        for service in compose.services.values():
            all_hashes(service)
        outcome = "loaded"
    except Failure as failure:
        outcome = failure.finding.title + "; " + failure.finding.cause
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    answer = {"outcome": outcome, "seconds": time.process_time() - start, "mebibytes": (after - before) / 1024}
    os.write(writer, json.dumps(answer).encode())
    os._exit(0)
"""


def doubling(names: int) -> str:
    return "A0=xxxxxxxxxx\n" + "".join(f"A{n}=$A{n - 1}$A{n - 1}\n" for n in range(1, names))


def aliases(levels: int, width: int = 10) -> str:
    lines = [f"x0: &a0 [{', '.join(['x'] * width)}]".replace("x0", "x-0", 1)]
    lines += [f"x-{n}: &a{n} [{', '.join([f'*a{n - 1}'] * width)}]" for n in range(1, levels)]
    return "\n".join(lines) + "\n" + MINIMAL


def sparse(path: Path, size: int) -> None:
    with path.open("wb") as stream:
        stream.truncate(size)


TEXTS = {
    "billion laughs": (aliases(10), "at most 30000 values"),
    "quadratic aliases": (
        f"x-a: &a [{'x, ' * 20_000}]\nx-b: [{'*a, ' * 20_000}]\n{MINIMAL}",
        "at most 30000 values",
    ),
    "merge keys": (
        f"x-a: &a {{{', '.join(f'k{n}: 1' for n in range(500))}}}\n"
        + "".join(f"x-{n}: {{<<: [{', '.join(['*a'] * 500)}]}}\n" for n in range(20)),
        "at most 30000 values",
    ),
    "merge keys of many": (
        "".join(f"x-{n}: &a{n} {{k{n}: 1}}\n" for n in range(3000))
        + f"x-all: {{<<: [{', '.join(f'*a{n}' for n in range(3000))}]}}\n"
        + MINIMAL,
        "loaded",
    ),
    "brackets": ("[" * 100_000, "at most 50 levels"),
    "braces": ("{a: " * 100_000, "at most 50 levels"),
    "a million keys": ("services: {" + "a: 1," * 150_000 + "}", "expected each key once"),
    "many keys": ("services:\n" + "".join(f" s{n}: \n" for n in range(80_000)), "at most 30000 values"),
    "more than a million keys": ("a: \n" * 1_000_000, "larger than 1 MiB"),
    "huge number": (f"services: {{db: {{image: a, scale: {'9' * 900_000}}}}}", "expected a whole number"),
    "huge exponent": ("services: {db: {image: a, cpus: 1e999999999}}", "expected a number"),
    "huge duration": (f"services: {{db: {{image: a, stop_grace_period: {'9' * 90_000}h}}}}", "expected a duration"),
    "huge size": (f"services: {{db: {{image: a, mem_limit: '{'9' * 90_000}'}}}}", "expected a size"),
    "huge key": (f"services: {{db: {{image: a, {'k' * 900_000}: 1}}}}", "expected"),
    "NUL": ("services: {db: {image: a\0}}", "expected YAML, which is text"),
    "escaped NUL in a path": ('services: {db: {image: a, env_file: "a\\0b"}}', "NUL"),
    "half a surrogate": ('services: {db: {image: a, user: "\\ud800"}}', "expected valid YAML"),
    "ports": (
        f"services: {{db: {{image: a, ports: [{', '.join(f'10.0.0.{n}:1-65535:1-65535' for n in range(200))}]}}}}",
        "at most 32768 ports",
    ),
    "ports of many services": (
        "services:\n" + "".join(f" s{n}: {{image: a, ports: ['1-9999']}}\n" for n in range(2000)),
        "at most 32768 ports in all services",
    ),
    "a long cycle": (
        "services:\n" + "".join(f" s{n}: {{image: a, depends_on: [s{(n + 1) % 1000}]}}\n" for n in range(1000)),
        "…",
    ),
    "extends in a chain": (
        "services:\n s0: {image: a}\n" + "".join(f" s{n}: {{extends: s{n - 1}}}\n" for n in range(1, 3000)),
        "at most 50 services",
    ),
    "extends that double": (
        f"services:\n s0: {{image: a, cap_add: [{', '.join(f'c{n}' for n in range(5000))}]}}\n"
        + "".join(f" s{n}: {{extends: s{(n - 1) // 2}}}\n" for n in range(1, 3000)),
        "every service written out",
    ),
    "a long variable everywhere": (
        "services: {db: {image: a, command: [" + "'${A}', " * 9000 + "]}}",
        "characters of variables",
        "A=" + "x" * 500_000,
    ),
    "doubling variables": (MINIMAL, "after interpolation", doubling(60)),
    "values of many": (MINIMAL, "values of at most", "A=" + "x" * 500_000 + "\n" + "B=$A\n" * 9000),
    "nested operands": ("services: {db: {image: '" + "${A:-" * 100_000 + "'}}", "interpolation"),
    "open braces": ("services: {db: {image: '" + "${A:-{" * 50_000 + "}'}}", "interpolation"),
    "a long quote": (MINIMAL, "expected a closing", "A='" + "\\'" * 300_000),
    "binary": (b"\x7fELF\x02\x01\x01\x00\xff\xfe" * 1000, "UTF-8"),
    "UTF-16": (MINIMAL.encode("utf-16"), "UTF-8"),
    "binary env": (MINIMAL, "UTF-8", b"\x7fELF\xff"),
}


def write(directory: Path, name: str) -> str:
    """Make the project `name` and return what is to be found."""
    text, expected, *env = TEXTS[name]
    for file, content in (("compose.yaml", text), (".env", env[0] if env else "")):
        (directory / file).write_bytes(content if isinstance(content, bytes) else content.encode())
    return expected


FILES: dict[str, tuple[Callable[[Path], object], str]] = {
    "a pipe": (os.mkfifo, "pipe"),
    "/dev/zero": (lambda path: path.symlink_to("/dev/zero"), "larger than 1 MiB"),
    "a directory": (lambda path: path.mkdir(), "directory"),
    "100 MB": (lambda path: sparse(path, 100_000_000), "larger than 1 MiB"),
    "itself": (lambda path: path.symlink_to(path), "symbolic links"),
}


def place(directory: Path, name: str, role: str) -> str:
    """Make a project where the thing `name` stands in for a file and return what is to be found."""
    make, expected = FILES[name]
    text = MINIMAL
    match role:
        case "compose.yaml":
            make(directory / "compose.yaml")
            return expected
        case ".env":
            make(directory / ".env")
        case "env_file":
            make(directory / "x.env")
            text = "services: {db: {image: a, env_file: x.env}}"
        case "extends":
            make(directory / "x.yaml")
            text = "services: {db: {extends: {file: x.yaml, service: db}}}"
    (directory / "compose.yaml").write_text(text)
    return "loaded" if (name, role) == ("a directory", ".env") else expected


def measure(directories: Iterable[Path]) -> dict[Path, dict]:
    """Load the project in each directory and return what came of it, in processor's seconds and mebibytes."""
    names = list(directories)
    child = subprocess.run([sys.executable, "-c", LOAD, *names], capture_output=True, text=True, check=True)
    return dict(zip(names, map(json.loads, child.stdout.splitlines()), strict=True))


def test_hostile_files_are_refused_at_once_in_little_memory(tmp_path: Path) -> None:
    expected = {}
    for name in TEXTS:
        directory = tmp_path / f"text {name}".replace("/", "-")
        directory.mkdir()
        expected[directory] = write(directory, name)
    for name in FILES:
        for role in ("compose.yaml", ".env", "env_file", "extends"):
            directory = tmp_path / f"{role} is {name}".replace("/", "-")
            directory.mkdir()
            expected[directory] = place(directory, name, role)
    answers = measure(expected)
    wrong, slow = [], []
    for directory, wanted in expected.items():
        answer = answers[directory]
        if wanted not in answer["outcome"] or len(answer["outcome"]) > 2000:
            wrong.append((directory.name, wanted, answer["outcome"][:300]))
        elif answer["mebibytes"] > 150:
            wrong.append((directory.name, answer["mebibytes"]))
        elif answer["seconds"] > 1:
            slow.append(directory)
    # Whoever shares the processor makes even its own time longer; what is slow by itself is so each time.
    for _ in range(3):
        again = measure(slow)
        slow = [directory for directory in slow if again[directory]["seconds"] > 1]
    assert not wrong + slow
