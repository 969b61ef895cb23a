"""YAML is read as Compose reads it, every node has its place, and no file, however hostile, takes long or much."""

import time
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stack.services.compose.nodes import InvalidNode, MappingNode, Node, ScalarNode, SequenceNode, Timestamp, Value
from stack.services.compose.scalars import resolve, to_text
from stack.services.compose.yaml import MAX_DEPTH, MAX_NODES, parse_documents, read_documents

FILE = Path("compose.yaml")


def plain(node: Node) -> object:
    match node:
        case ScalarNode():
            return node.value
        case SequenceNode():
            return [plain(item) for item in node.items]
        case MappingNode():
            return {key: plain(entry.node) for key, entry in node.entries.items()}


def parsed(text: str) -> object:
    (document,) = parse_documents(text, FILE)
    return plain(document)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None), ("~", None), ("Null", None), ("true", True), ("FALSE", False), ("tRUE", "tRUE"),
        ("yes", "yes"), ("on", "on"), ("n", "n"), ("10", 10), ("+5", 5), ("-5", -5), ("1_000", 1000), ("0x1F", 31),
        ("-0x10", -16), ("0b11", 3), ("0o14", 12), ("012", 10), ("0", 0), ("00", 0), ("09", 9.0), ("08.5", 8.5),
        (".5", 0.5), ("1.", 1.0), ("1e3", 1000.0), ("+1.5E-2", 0.015), ("22:22", "22:22"), ("1:30:00", "1:30:00"),
        ("2024-01-01", Timestamp("2024-01-01")), ("2024-13-01", "2024-13-01"),
        ("2024-1-2T3:4:5Z", Timestamp("2024-1-2T3:4:5Z")),
        ("0x1g", "0x1g"), ("1.2.3", "1.2.3"), ("-", "-"), (".", "."), ("<<", "<<"), ("v1", "v1"), ("１", "１"),
        ("18446744073709551615", 2**64 - 1), ("18446744073709551616", 18446744073709551616.0),
        ("9" * 500, "9" * 500),
    ],
)  # fmt: skip
def test_plain_scalars(text: str, value: Value) -> None:
    resolved = resolve(text)
    assert resolved == value
    assert type(resolved) is type(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.0, "1"), (1.5, "1.5"), (999999.5, "999999.5"), (1e6, "1e+06"), (0.00001, "1e-05"), (0.0001, "0.0001"),
        (1e21, "1e+21"), (1.2345678901234568e22, "1.2345678901234568e+22"), (-0.0, "-0"), (float("inf"), "+Inf"),
        (float("nan"), "NaN"), (True, "true"), (7, "7"), (1e100, "1e+100"),
    ],
)  # fmt: skip
def test_values_as_texts(value: str | float, text: str) -> None:
    assert to_text(value) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_float_keeps_its_value_as_a_text(value: float) -> None:
    assert float(to_text(value)) == value


def test_quotes_tags_anchors_and_merges() -> None:
    text = """
    a: &a {x: 1, y: 2}
    b: {<<: *a, y: 3}
    c: {<<: [{x: 9}, *a]}
    d: ['5', "5", !!str 5, !!int "5", !!float 5]
    e: {"<<": 1}
    """
    assert parsed(text) == {
        "a": {"x": 1, "y": 2},
        "b": {"x": 1, "y": 3},
        "c": {"x": 9, "y": 2},
        "d": ["5", "5", "5", 5, 5.0],
        "e": {"<<": 1},
    }


def test_nodes_and_keys_know_their_places() -> None:
    (document,) = parse_documents("a:\n  - b\n  -   c: d\n", FILE)
    assert isinstance(document, MappingNode)
    items = document.entries["a"].node
    assert isinstance(items, SequenceNode)
    assert [(item.position.line, item.position.column) for item in items.items] == [(2, 5), (3, 7)]
    assert (document.entries["a"].key.line, document.entries["a"].key.column) == (1, 1)


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ("a: 1\nb: 2\na: 3", 3, 1, "expected each key once, 'a' is already on line 1"),
        ("a: b: c", 1, 5, "mapping values are not allowed"),
        ("a: [1, 2\nb: 3", 2, 2, "expected valid YAML"),
        ("a:\n\t- b", 2, 1, "expected valid YAML"),
        ("a: {1: b}", 1, 5, "expected a text as the key, 1 is none"),
        ("a: {[b]: c}", 1, 5, "expected a text as the key"),
        ("a: *b", 1, 4, "anchor &b"),
        ("a: &a [*a]", 1, 8, "anchor &a to be complete"),
        ("a: {<<: 5}", 1, 9, "expected << to take a mapping"),
        ("a: !thing {}", 1, 4, "expected no tag"),
        ("a: !!int x", 1, 4, "expected a tag that fits"),
        ("a: b\nc: \x07", 2, 4, "control characters are not allowed"),
    ],
)
def test_errors_name_the_place_and_what_was_expected(text: str, line: int, column: int, message: str) -> None:
    with pytest.raises(InvalidNode, match=message.replace("&", r"\&")) as caught:
        parse_documents(text, FILE)
    assert (caught.value.position.line, caught.value.position.column) == (line, column)


def bomb(levels: int) -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, levels)]
    return "\n".join(lines)


HOSTILE = {
    "alias bomb": bomb(20),
    "flow nesting": "[" * 500_000,
    "mapping nesting": "{a: " * 100_000,
    "block nesting": "- " * 500_000,
    "indentation": "".join(f"{' ' * n}a:\n" for n in range(1000)),
    "alias nesting": "a0: &a0 [x]\n" + "\n".join(f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 2000)),
    "many nodes": "[" + "a," * (MAX_NODES + 1) + "]",
    "many documents": "---\na: b\n" * 45_000,
    "long scalar": "a: '" + "x" * 900_000,
    "many anchors": "\n".join(f"a{n}: &a{n} x" for n in range(60_000)) + "\n- x",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_is_refused_at_once(name: str) -> None:
    start = time.process_time()
    with pytest.raises(InvalidNode, match="expected"):
        parse_documents(HOSTILE[name], FILE)
    assert time.process_time() - start < 1


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"\x7fELF\x02\x01\xff\xfe", "UTF-8"), (b"a: \xff", "UTF-8"), (b"\x00" * 100, "control characters")],
)
def test_binary_files_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "compose.yaml"
    file.write_bytes(content)
    with pytest.raises(InvalidNode, match=message):
        read_documents(file)


def test_a_file_of_100_mb_is_refused_without_reading_it(tmp_path: Path) -> None:
    file = tmp_path / "compose.yaml"
    with file.open("wb") as stream:
        stream.truncate(100 << 20)
    tracemalloc.start()
    try:
        with pytest.raises(InvalidNode, match="larger than 1 MiB"):
            read_documents(file)
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


def test_depth_within_the_limit_is_fine() -> None:
    levels = MAX_DEPTH - 1
    assert str(parsed("[" * levels + "]" * levels)).count("[") == levels


@given(st.text(alphabet="ab:-[]{}&*!|>'\"#%@,? \n\t~<") | st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        parse_documents(text, FILE)
    except InvalidNode as error:
        refusal = error
    else:
        return
    assert refusal.position.line >= 1
    assert "expected" in refusal.message
