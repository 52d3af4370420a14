"""Which build of the history is the one that failed."""

from __future__ import annotations

import json

from sluice.engine.images import failed_build


def record(reference: str, name: str, seconds: int, *, failed: bool = True) -> str:
    error = {"error": {"code": 2, "message": "exit code: 3"}} if failed else {}
    exporters = [{"Type": "image", "Attrs": {"name": name, "push": "1"}}]
    made = {"seconds": seconds, "nanos": 5}
    return json.dumps({"type": 1, "record": {"Ref": reference, "Exporters": exporters, "CreatedAt": made, **error}})


def test_the_last_failed_one_of_this_image() -> None:
    lines = [
        record("older", "127.0.0.1:5005/qa/blue:0123456789ab", 1),
        record("wanted", "127.0.0.1:5005/qa/blue:ab0123456789", 2),
        record("succeeded", "127.0.0.1:5005/qa/blue:ab0123456789", 3, failed=False),
        record("another", "127.0.0.1:5005/qa/green:ab0123456789", 4),
        record("longer-name", "127.0.0.1:5005/qa/blue-green:ab0123456789", 5),
    ]
    assert failed_build("\n".join(lines), "qa/blue") == "wanted"


def test_none_where_none_failed_or_nothing_was_said() -> None:
    assert failed_build(record("a", "r/qa/blue:1", 1, failed=False), "qa/blue") == ""
    assert failed_build('not json\n{}\n{"record": 1}\n', "qa/blue") == ""
    assert failed_build("", "qa/blue") == ""
