"""How long until the deck's first frame is on a terminal, beside an empty Textual app's, in one run.

Both are started on a real pseudo-terminal by turns; a start counts from the spawn to the first byte of text on the
alternate screen. ``--version`` is measured as a whole process. Prints medians in milliseconds, and the ratio.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from measuring import STACKDECK, milliseconds, show, show_ratio

from tests.support.terminal import terminal

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


def whole(*argv: str) -> float:
    """Return the milliseconds that a process takes."""
    return milliseconds(lambda: subprocess.run(argv, check=True, stdout=subprocess.DEVNULL))


def main() -> None:
    """Measure by turns, so that both meet the same machine."""
    empty, deck, versions, bare = [], [], [], []
    with tempfile.TemporaryDirectory() as scratch:
        directory = Path(scratch)
        app = directory / "empty.py"
        app.write_text(EMPTY_APP)
        for _ in range(ROUNDS):
            empty.append(first_paint([sys.executable, str(app)], "FIRST", directory))
            deck.append(first_paint([STACKDECK], "From Docker to data", directory))
            versions.append(whole(STACKDECK, "--version"))
            bare.append(whole(sys.executable, "-c", "pass"))
    show("empty Textual app, first frame", empty)
    show("stackdeck, first frame", deck)
    show_ratio("ratio", deck, empty, 1.5)
    show("stackdeck --version", versions, "(at most 150)")
    show("python -c pass", bare)


if __name__ == "__main__":
    main()
