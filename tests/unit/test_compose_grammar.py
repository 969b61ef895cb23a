"""The `.env` grammar gives what `docker compose` 2.26 reads, and its errors name the line and no value."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stack.environment.compose_grammar import EnvSyntaxError, parse

SHELL = {"IN": "shell", "A": "outer"}


def values(text: str) -> dict[str, str]:
    return dict(parse(text, {}.get).values)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("\ufeffA=1", {"A": "1"}),
        ("\n# c\n  # d\nA=1\n#", {"A": "1"}),
        (" A = 1 \n", {"A": "1"}),
        ("A=1\r\nB=2\r\n", {"A": "1", "B": "2"}),
        ("A=\"a\r\nb\"\r\nB='c\r\nd'\r\n", {"A": "a\r\nb", "B": "c\r\nd"}),
        ("export A=1\nexport\tB=2\nexportC=3", {"A": "1", "B": "2", "exportC": "3"}),
        ("export\nA=1\n", {"A": "1"}),
        ("A: v\nB:w", {"A": "v", "B": "w"}),
        ("a.b-c[0]_é=1", {"a.b-c[0]_é": "1"}),
        ("A=x#y # c", {"A": "x#y"}),
        ("A= # c", {"A": "# c"}),
        ("A=# c", {"A": "# c"}),
        ("A=x\t# c", {"A": "x\t# c"}),
        ("A=\n\nB=1", {"A": "", "B": "1"}),
        ("A=a\\nb\\", {"A": "a\\nb\\"}),
        ('A=it\'s "q"', {"A": 'it\'s "q"'}),
        ("A=a\rb", {"A": "a\rb"}),
        ("A=1\nB=${A}-$A\nA=2", {"A": "2", "B": "1-1"}),
        ("A=p@ss$word", {"A": "p@ss"}),
        ("A=$$x", {"A": "$x"}),
        ('A="a\nb"\nB=1', {"A": "a\nb", "B": "1"}),
        (r'A="\n\t\\n\"x"', {"A": '\n\t\\n"x'}),
        (r'A="\x41\c\101\q"', {"A": r"\x41\c\101\q"}),
        (r'A="\0101x"', {"A": "Ax"}),
        (r'A="\012"', {"A": r"\12"}),
        (r'A="\0777"', {"A": r"\777"}),
        (r'A="\0200"', {"A": "\x80"}),
        (r'A="\$B $$B"', {"A": "$B $B"}),
        (r'A="a\\"', {"A": "a\\"}),
        ("A='$B ${'", {"A": "$B ${"}),
        (r"A='x\'y\n'", {"A": r"x'y\n"}),
        (r"A='\\'", {"A": r"\\"}),
        ("A='a\nb'", {"A": "a\nb"}),
        ('A="x"# c\nB=2', {"A": "x", "B": "2"}),
        ('A="x" B=2', {"A": "x", "B": "2"}),
        ("A\n B\n", {}),
        ("=x\n", {"": "x"}),
        ("A=1\nBARE", {"A": "1", "": "BARE"}),
        ("A\tB=1", {"A\tB": "1"}),
    ],
)
def test_what_compose_reads(text: str, expected: dict[str, str]) -> None:
    assert values(text) == expected


def test_variables_come_from_outside_first_and_bare_names_inherit() -> None:
    env = parse("A=inner\nB=$A\nC=$IN\nIN\nGONE\n", SHELL.get)
    assert env.values == {"A": "inner", "B": "outer", "C": "shell", "IN": "shell"}
    assert [(entry.name, entry.line) for entry in env.entries] == [("A", 1), ("B", 2), ("C", 3), ("IN", 4), ("GONE", 5)]
    assert env.entries[-1].value is None


def test_lines_are_those_of_the_names() -> None:
    env = parse('# one\nA="x\ny"\n\nB=1\nA=2', {}.get)
    assert [(entry.name, entry.line) for entry in env.entries] == [("A", 2), ("B", 5), ("A", 6)]
    assert env.values == {"A": "2", "B": "1"}


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("A=1\nA!=hunter2", 2, 2),
        ("A B=hunter2", 1, 2),
        ("hunter2 B\n", 1, 8),
        ("\n\n A='hunter2", 3, 4),
        ('A="hunter2\n\n', 1, 3),
        ("A=${hunter2", 1, 3),
        ("A=1\nB=hunter2${\n", 2, 3),
        ("B=hunter2${X:?needed}\n", 1, 3),
    ],
)
def test_errors_name_the_place_and_no_value(text: str, line: int, column: int) -> None:
    with pytest.raises(EnvSyntaxError, match=r"expected|required") as caught:
        parse(text, {}.get)
    assert (caught.value.line, caught.value.column) == (line, column)
    assert "hunter2" not in str(caught.value)


def test_values_stay_out_of_representations() -> None:
    assert "hunter2" not in repr(parse("A=hunter2", {}.get))


def test_a_long_file_takes_linear_time() -> None:
    assert len(parse("A=1 # c\n\n# c\n" * 50_000, {}.get).entries) == 50_000
    assert values("A='" + "\\'" * 200_000 + "'") == {"A": "'" * 200_000}


@given(st.text(alphabet="AB=:#'\"\\$ {}-\n\r\t0n[]") | st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        env = parse(text, {"A": "a"}.get)
    except EnvSyntaxError as error:
        lines = [error.line]
    else:
        lines = [entry.line for entry in env.entries]
    assert all(1 <= line <= text.count("\n") + 1 for line in lines)


@given(st.text().filter(lambda text: "\r\n" not in text))
def test_single_quotes_keep_any_text(text: str) -> None:
    quoted = text.replace("'", "\\'")
    if not text.endswith("\\") and "\\'" not in text:
        assert values(f"A='{quoted}'\n") == {"A": text}
