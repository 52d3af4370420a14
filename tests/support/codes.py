"""The codes that the source gives to findings and errors, read from it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src" / "sluice"

# A function that makes a finding or an error: of its texts, the last may be a code, and `code=` is one.
_MAKERS = re.compile(r"(error|warning|note)(_at)?|found|finding|say|report|Diagnostic|Told|[A-Z]\w*Error")
_CODE = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


def used_codes() -> dict[str, set[str]]:
    """Every code with the modules that use it."""
    found: dict[str, set[str]] = {}
    for file in sorted(SOURCE.rglob("*.py")):
        for code in _of_module(ast.parse(file.read_text(encoding="utf-8"))):
            found.setdefault(code, set()).add(file.relative_to(SOURCE).as_posix())
    return found


def _of_module(module: ast.Module) -> Iterator[str]:
    for node in ast.walk(module):
        if isinstance(node, ast.Call):
            yield from _of_call(node)
        if isinstance(node, ast.ClassDef) and node.name == "Fault":
            yield from (text for one in node.body if isinstance(one, ast.Assign) if (text := _text(one.value)))
        if isinstance(node, ast.Assign | ast.AnnAssign) and _target(node) == "code":
            yield from filter(None, [_text(node.value)])


def _of_call(call: ast.Call) -> Iterator[str]:
    yield from (text for one in call.keywords if one.arg == "code" if (text := _text(one.value)))
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if name in {"error_at", "warning_at", "note_at"} and len(call.args) >= 4:
        yield from filter(None, [_text(call.args[3])])
    elif _MAKERS.fullmatch(name) and len(call.args) >= 3:
        yield from filter(None, [_text(call.args[-1])])


def _text(node: ast.expr | None) -> str | None:
    is_code = isinstance(node, ast.Constant) and isinstance(node.value, str) and _CODE.fullmatch(node.value)
    return str(node.value) if isinstance(node, ast.Constant) and is_code else None


def _target(node: ast.Assign | ast.AnnAssign) -> str:
    target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0]
    return target.id if isinstance(target, ast.Name) else ""


def constants() -> set[str]:
    """Every text of the source that could be a code."""
    return {
        node.value
        for file in SOURCE.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and _CODE.fullmatch(node.value)
    }
