"""How serious a line is comes from the line, however its server writes it; what belongs to a message has its level."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stack.services.log_levels import Level, Levels, level_of

HEAD = "2026-01-02 03:04:05.678 UTC [42] "


@pytest.mark.parametrize(
    ("text", "level"),
    [
        (HEAD + "LOG:  database system is ready to accept connections", Level.INFO),
        (HEAD + 'ERROR:  relation "error: x" does not exist', Level.ERROR),
        (HEAD + "FATAL:  the database system is starting up", Level.FATAL),
        (HEAD + "WARNING:  there is no transaction in progress", Level.WARNING),
        (HEAD + "FEHLER:  Relation »x« existiert nicht", Level.ERROR),
        (HEAD + "ERREUR:  la relation n'existe pas", Level.ERROR),
        (HEAD + "ВАЖНО:  система баз данных запускается", Level.FATAL),
        (HEAD + "错误:  关系不存在", Level.ERROR),
        (HEAD + "DETAIL:  Key (id)=(1) already exists.", None),
        (HEAD + "ANWEISUNG:  insert into x", None),
        (HEAD + "ASTUCE :  essayez", None),
        ("\tfrom x", None),
        ("[2026-01-02 03:04:05 +0000] [14] [INFO] Listening at: http://[::]:80 (14)", Level.INFO),
        ('::ffff:10.0.0.1 - - [02/Jan/2026:03:04:05 +0000] "GET /misc/ping HTTP/1.1" 200 4', Level.UNKNOWN),
        ("2026/01/02 03:04:05 [error] 7#7: *1 open() failed", Level.ERROR),
        ('{"level":"error","msg":"info: x"}', Level.ERROR),
        ('{"time": 1, "severity": "WARNING"}', Level.WARNING),
        ('{"level":50,"msg":"pino"}', Level.ERROR),
        ('ts=1 level=warn msg="hey"', Level.WARNING),
        ("ERROR:root:boom", Level.ERROR),
        ("initdb: warning: enabling trust", Level.WARNING),
        ("2026-01-02 03:04:05 DEBUG something", Level.DEBUG),
        ("an error occurred, as the terror: x says", Level.UNKNOWN),
        ("", Level.UNKNOWN),
    ],
)
def test_each_server_is_understood(text, level):
    assert level_of(text) is level


def test_the_parts_of_a_message_have_the_level_of_its_head():
    levels = Levels()
    texts = (HEAD + "ERROR:  no", HEAD + "HINT:  yes", HEAD + "STATEMENT:  select", "\t1", HEAD + "LOG:  on")
    assert [levels.next(text) for text in texts] == [Level.ERROR] * 4 + [Level.INFO]


@given(st.text(max_size=400))
def test_any_text_has_a_level_or_goes_on(text):
    assert level_of(text) is None or level_of(text) in Level
