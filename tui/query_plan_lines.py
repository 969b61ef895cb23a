"""How a page is read, as the lines of a sheet: what is to be cautious about, the filter, and the plan as a tree."""

from collections.abc import Iterator

from stack.tables.cautions import Caution
from stack.tables.explaining import Explained
from stack.tables.names import quote_name
from stack.tables.plans import Node
from stack.text import clean_line
from tui.sheet_lines import Ink, Line, Lines, plain
from tui.wrapping import wrap

_LEAST = 20
_INDENT = 3


def query_plan_lines(explained: Explained, width: int) -> Lines:
    """Return the lines of `explained`, at most `width` cells wide where the tree is not too deep for that."""
    lines = Lines()
    for caution in explained.cautions:
        for each in _caution_lines(caution, width):
            lines.add(each)
    for number, condition in enumerate(explained.where):
        head = "WHERE " if number == 0 else "  AND "
        for text in wrap(condition, max(_LEAST, width - len(head))):
            lines.add(Line(((head, Ink.MUTED), (text, Ink.TEXT))))
            head = " " * len(head)
    if explained.where:
        lines.add(plain(""))
    for number, plan in enumerate(explained.plans, 1):
        if number > 1:
            lines.add(plain(f"Statement {number}, where the one before has too few rows", Ink.TITLE))
        for each in _node_lines(plan, 0, width):
            lines.add(each)
    return lines


def _caution_lines(caution: Caution, width: int) -> Iterator[Line]:
    yield from (plain(text, Ink.WRONG) for text in wrap(f"! {caution.title}", width))
    yield from (plain(f"  {text}") for text in wrap(caution.cause, width - 2))
    for remedy in caution.remedies:
        yield from (plain(f"  {text}", Ink.NAME) for text in wrap(remedy, width - 2))
    yield plain("")


def _node_lines(node: Node, depth: int, width: int) -> Iterator[Line]:
    indent = " " * (_INDENT * depth)
    arrow = "└─ " if depth else ""
    lead = indent[:-_INDENT] + arrow if depth else ""
    relation = f" on {'.'.join(map(quote_name, node.relation))}" if node.relation else ""
    index = f" using {quote_name(node.index)}" if node.index else ""
    what = clean_line(f"{node.kind}{index}{relation}")
    role = f" ({clean_line(node.role)})" if node.role not in {"", "Outer", "Inner", "Member"} else ""
    cost = f"rows {node.rows:,.0f}   cost {node.first:,.2f} … {node.cost:,.2f}"
    if len(lead) + len(what) + len(role) + len(cost) + 2 <= width:
        gap = " " * (width - len(lead) - len(what) - len(role) - len(cost))
        yield Line(((lead, Ink.MUTED), (what, Ink.NAME), (role, Ink.MUTED), (gap, Ink.PLAIN), (cost, Ink.NUMBER)))
    else:
        yield Line(((lead, Ink.MUTED), (what, Ink.NAME), (role, Ink.MUTED)))
        yield Line(((f"{indent}  ", Ink.MUTED), (cost, Ink.NUMBER)))
    details = [*node.conditions, *([("Sort", ", ".join(node.sort))] if node.sort else [])]
    for purpose, condition in details:
        head = f"{indent}  {purpose}: "
        for text in wrap(condition, max(_LEAST, width - len(head))):
            yield Line(((head, Ink.MUTED), (text, Ink.PLAIN)))
            head = " " * len(head)
    for child in node.children:
        yield from _node_lines(child, depth + 1, width)
