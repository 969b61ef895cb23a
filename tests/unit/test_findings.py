"""Every code has its paragraph in the findings reference, and the reference has no other."""

import re
from pathlib import Path

from stack.cli.output import finding_json
from stack.findings import Code, Finding, Fix

REFERENCE = Path(__file__).parents[2] / "docs" / "findings.md"


def test_the_reference_is_complete():
    sections = re.split(r"^### `([a-z-]+)`\n", REFERENCE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    documented = dict(zip(sections[1::2], sections[2::2], strict=True))
    assert len(documented) == len(sections[1::2]), "a code has two paragraphs"
    assert sorted(documented) == sorted(Code)
    for code, paragraph in documented.items():
        assert len(paragraph.split()) >= 10, f"{code} is not explained"


def test_the_json_of_a_finding_has_the_fields_that_others_rely_on():
    finding = Finding(Code.PORT_TAKEN, "title", "cause", fixes=(Fix("do", "command", destructive=True),))
    assert finding_json(finding) == {
        "code": "port-taken",
        "severity": "error",
        "title": "title",
        "cause": "cause",
        "fixes": [{"title": "do", "command": "command", "destructive": True}],
    }
