"""The drawing of a history says which revision comes after which, and nothing else."""

from hypothesis import given
from hypothesis import strategies as st

from stack.migrations.lanes import Knot, draw


@st.composite
def knots(draw_one):
    """Revisions, the newest first, each after some of the later ones, or after nothing."""
    count = draw_one(st.integers(1, 12))
    made = []
    for place in range(count):
        later = [f"r{each}" for each in range(place + 1, count)]
        below = draw_one(st.lists(st.sampled_from(later), max_size=3, unique=True)) if later else []
        parents = draw_one(st.integers(0, len(below)))
        made.append(Knot(f"r{place}", tuple(below[:parents]), tuple(below[parents:])))
    return made


def edges_in(lines):
    """Follow every line of a drawing, and return which row it leads from and to, as often as it is drawn."""
    found = []
    above = {}  # by column: the row that the line which comes from above began at
    for row, text in enumerate(lines):
        signs = dict(enumerate(text[::2]))
        column = next(place for place, sign in signs.items() if sign == "●")
        links = dict(enumerate(text[1::2]))
        below = {}
        if column in above:
            found.append((above[column], row))
        reach = column
        while links.get(reach) == "─":
            reach += 1
        for place, sign in signs.items():
            if sign in "│┊┼":
                below[place] = above[place]  # a line that comes from nowhere is an error
            elif sign in "┴╯":
                assert column < place <= reach
                found.append((above[place], row))
            elif sign in "┬╮":
                assert column < place <= reach
                below[place] = row
            elif sign in " ─":
                assert place not in above, "a line ends in the air"
        assert all(place in signs for place in above), "a line ends in the air"
        following = lines[row + 1] if row + 1 < len(lines) else ""
        # A revision's own line goes on where the next row has one that comes from above.
        if following[column * 2 : column * 2 + 1] not in ("", " ", "─", "╮", "┬"):
            below[column] = row
        above = below
    assert not above
    return sorted(found)


@given(knots())
def test_each_edge_is_drawn_once(history):
    place = {knot.name: row for row, knot in enumerate(history)}
    expected = [(place[knot.name], place[name]) for knot in history for name in (*knot.parents, *knot.dependencies)]
    assert edges_in(draw(history)) == sorted(expected)


def test_a_merge_a_branch_and_a_dependency():
    history = [
        Knot("merge", ("left", "right")),
        Knot("right", ("base",)),
        Knot("left", ("base",)),
        Knot("alone", (), ("base",)),
        Knot("base", ("gone",)),
    ]
    assert draw(history) == ("●─╮", "│ ●", "● │", "│ │ ●", "●─┴─╯")
    assert draw([*history[:1], history[3], *history[1:3], history[4]])[2] == "│ ● ┊"


def test_a_straight_line_stays_in_one_column():
    history = [Knot(f"r{n}", (f"r{n + 1}",)) for n in range(1000)]
    assert set(draw(history)) == {"●"}
