from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from sluice.spec.diagnostics import Diagnostic
from sluice.spec.rules.flow_folder import flow_findings

Check = Callable[..., list[Diagnostic]]


@pytest.fixture
def check(tmp_path: Path) -> Check:
    """Writes a flow and files beside it (`../` leaves its folder), and returns what is wrong with the flow."""

    def found(flow: str, files: Mapping[str, str] | None = None, name: str = "flow.dag.yaml") -> list[Diagnostic]:
        folder = tmp_path / "flows" / "f"
        for path, content in {name: textwrap.dedent(flow), **(files or {})}.items():
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(content, encoding="utf-8")
        return list(flow_findings(folder, tmp_path))

    return found
