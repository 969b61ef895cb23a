"""Long text broken into lines of a width: at spaces where there are some, anywhere else where there are none."""

from rich.cells import chop_cells

from stack.text import clean

_TAB = 4


def wrap(text: str, room: int) -> list[str]:
    """Return `text` in lines of at most `room` cells, its own line breaks kept and control characters made visible."""
    lines: list[str] = []
    for line in clean(text).expandtabs(_TAB).split("\n"):
        if line.isascii():
            _wrap_narrow(line, room, lines)
        else:
            lines += chop_cells(line, room) or [""]
    return lines


def _wrap_narrow(line: str, room: int, lines: list[str]) -> None:
    """Break `line`, whose characters take a cell each, after the last space that leaves a line at least half full."""
    begin = 0
    while len(line) - begin > room:
        space = line.rfind(" ", begin + room // 2, begin + room + 1)
        end = begin + room if space < 0 else space + 1
        lines.append(line[begin:end].rstrip(" ") if space >= 0 else line[begin:end])
        begin = end
    lines.append(line[begin:])
