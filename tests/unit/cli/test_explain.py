"""`sluice explain`: the page of a code, or the list of all."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from sluice.spec.pages import pages

if TYPE_CHECKING:
    from tests.unit.cli.conftest import Call


def test_a_page(call: Call) -> None:
    said = call("explain", "traffic-sum")
    assert (said.status, said.err) == (0, "")
    assert said.out.startswith("# The weights of an endpoint do not add up\n")
    told = json.loads(call("explain", "traffic-sum", "--json").out)
    assert told.keys() == {"code", "title", "text"}
    assert told["title"] == "The weights of an endpoint do not add up"


def test_the_list(call: Call) -> None:
    lines = call("explain").out.splitlines()
    assert len(lines) == len(list(pages()))
    assert any(line.split(maxsplit=1) == ["traffic-sum", "The weights of an endpoint do not add up"] for line in lines)
    told = json.loads(call("explain", "--json").out)
    assert [one["code"] for one in told] == sorted(one["code"] for one in told)
    assert all(one.keys() == {"code", "title"} for one in told)


def test_a_code_that_there_is_not(call: Call) -> None:
    said = call("explain", "trafic-sum")
    assert (said.status, said.out) == (2, "")
    assert "Did you mean traffic-sum?" in said.err
    assert "sluice explain" in call("explain", "qqqq").err
