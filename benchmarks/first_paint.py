"""How long until the deck's first frame is on a terminal, beside an empty Textual app's, in one run.

Both are started on a real pseudo-terminal by turns; a start counts from the spawn to the first byte of text on the
alternate screen. ``--version`` is measured as a whole process. Prints medians in milliseconds, and the ratio.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.support.terminal import terminal  # noqa: E402 - the harness of this checkout

ROUNDS = 15

EMPTY_APP = """
from textual.app import App
from textual.widgets import Static

class Empty(App):
    def compose(self):
        yield Static("FIRST")

Empty().run()
"""


def first_paint(argv: list[str], text: str, directory: Path) -> float:
    """Return the milliseconds from the spawn of `argv` to `text` on its screen."""
    began = time.perf_counter()
    with terminal(argv, cwd=directory, env={"XDG_STATE_HOME": str(directory)}) as shown:
        shown.wait_until(lambda each: text.encode() in each.raw, text)
        return (time.perf_counter() - began) * 1000


def version(argv: list[str]) -> float:
    """Return the milliseconds that ``--version`` takes."""
    began = time.perf_counter()
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)
    return (time.perf_counter() - began) * 1000


def main() -> None:
    """Measure by turns, so that both meet the same machine."""
    empty, deck, versions, bare = [], [], [], []
    with tempfile.TemporaryDirectory() as scratch:
        directory = Path(scratch)
        app = directory / "empty.py"
        app.write_text(EMPTY_APP)
        command = [str(Path(sys.executable).parent / "stackdeck")]
        for _ in range(ROUNDS):
            empty.append(first_paint([sys.executable, str(app)], "FIRST", directory))
            deck.append(first_paint(command, "From Docker to data", directory))
            versions.append(version([*command, "--version"]))
            bare.append(version([sys.executable, "-c", "pass"]))
    print(f"empty Textual app, first frame  {statistics.median(empty):7.0f} ms")
    print(f"stackdeck, first frame          {statistics.median(deck):7.0f} ms")
    print(
        f"ratio                           {statistics.median(deck) / statistics.median(empty):7.2f}     (at most 1.50)"
    )
    print(f"stackdeck --version             {statistics.median(versions):7.0f} ms  (at most 150)")
    print(f"python -c pass                  {statistics.median(bare):7.0f} ms")


if __name__ == "__main__":
    main()
