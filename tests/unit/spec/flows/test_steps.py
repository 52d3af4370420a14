"""Nodes by themselves, and values: one fault each."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sluice.spec.diagnostics import Diagnostic

Check = Callable[..., list[Diagnostic]]

FLOW = """
$schema: https://azuremlschemas.azureedge.net/promptflow/latest/Flow.schema.json
type: chat
language: python
tags: {team: chat}
environment: {python_requirements_txt: requirements.txt}
inputs:
  history: {type: list, default: [], is_chat_history: true}
  question: {type: string, default: hello, is_chat_input: true}
  limit: {type: int, default: "3"}
outputs:
  answer: {type: string, reference: "${ask.output}", is_chat_output: true}
nodes:
- name: look
  type: python
  source: {type: code, path: tool.py}
  inputs: {text: "${inputs.question}", limit: "${inputs.limit}"}
- name: search
  type: python
  source: {type: package, tool: some.package.search}
  inputs: {text: "${look.output}", history: "${inputs.history}"}
- name: ask
  use_variants: true
node_variants:
  ask:
    default_variant_id: short
    variants:
      short:
        node:
          type: llm
          source: {type: code, path: ask.jinja2}
          inputs: {text: "${search.output}"}
          connection: my
          api: chat
"""
TOOL = "from promptflow.core import tool\n\n\n@tool\ndef run(text: str, limit: int = 3): ...\n"
FILES = {"ask.jinja2": "", "tool.py": TOOL, "requirements.txt": "promptflow\nnumpy>=1,<3\n"}


def said(found: list[Diagnostic]) -> list[str]:
    return [f"{one.severity} {one.at.line}:{one.at.column} {one.code}" for one in found]


def test_a_sound_flow(check: Check) -> None:
    assert check(FLOW, FILES) == []


CASES = [
    ("type: chat\n", "type: Chat\n", None, ["error 3:7 enum"]),
    ("type: chat\n", "type: chatty\n", None, ["error 3:7 enum"]),
    ("language: python", "language: rust", None, ["error 4:11 enum"]),
    ("language: python", "message_format: vision", None, ["error 4:17 enum"]),
    ("language: python", "foo: bar", None, ["error 4:1 unknown-key"]),
    ("{team: chat}", "{team: 010}", None, ["warning 5:14 not-a-string"]),
    ("python_requirements_txt:", "python_requirement_txt:", None, ["error 6:15 unknown-key"]),
    ("{type: list, default: [], is", "{type: List, default: [], is", None, ["error 8:19 enum"]),
    ("{type: list, default: [], is", "{type: str, is", None, ["error 8:19 enum"]),
    ("{type: list, default: [], is", '{type: string, default: "", is', None, ["warning 8:13 chat-flow"]),
    ("{type: list, default: [], is", '{type: list, default: "{}", is', None, ["warning 8:34 default-type"]),
    ("{type: list, default: [], is", '{type: list, default: "[1]", is', None, []),
    ('default: "3"', "default: many", None, ["warning 10:31 default-type"]),
    ('default: "3"', "default: [3]", None, ["warning 10:31 default-type"]),
    ('default: "3"', "default: 3.7", None, ["warning 10:31 default-type"]),
    ("default: hello", "defaults: hello", None, ["error 9:28 unknown-key"]),
    ("default: hello, is_chat_input: true", "default: hello", None, ["warning 7:1 chat-flow"]),
    ('default: "3"}', "is_chat_input: true}", None, ["warning 10:22 chat-flow"]),
    (", is_chat_output: true", "", None, ["warning 11:1 chat-flow"]),
    ('reference: "${ask.output}", ', "", None, ["error 12:3 required", "note 22:3 unused"]),
    ('reference: "${ask.output}", ', 'reference: "", ', None, ["error 12:26 required", "note 22:3 unused"]),
    (
        'reference: "${ask.output}", ',
        "reference: ask.output, ",
        None,
        ["warning 12:37 flow-literal", "note 22:3 unused"],
    ),
    ("{type: string, reference", "{reference", None, ["error 12:3 required"]),
    ("name: look\n  type: python", "name: look\n  typ: python", None, ["error 15:3 unknown-key"]),
    ("name: look\n  type: python", "name: look", None, ["error 14:3 required"]),
    ("name: look\n  type: python", "name: look\n  type: Python", None, ["error 15:9 enum"]),
    ("name: look\n  type: python", "name: look\n  type: javascript", None, ["error 15:9 enum"]),
    ("name: look\n  type: python", "name: look\n  type: custom_llm", None, ["error 16:18 flow-source-type"]),
    ("name: look\n", "label: look\n", None, ["error 14:3 required", "error 14:3 unknown-key"]),
    ("  source: {type: code, path: tool.py}\n", "", None, ["error 14:3 required"]),
    ("{type: code, path: tool.py}", "{type: file, path: tool.py}", None, ["error 16:18 enum"]),
    ("{type: code, path: tool.py}", "{type: code}", None, ["error 16:11 required"]),
    ("{type: code, path: tool.py}", "{type: code, pth: tool.py}", None, ["error 16:24 unknown-key"]),
    ("{type: code, path: tool.py}", "{path: tool.py}", None, []),
    ("{type: package, tool: some.package.search}", "{type: package}", None, ["error 20:11 required"]),
    (
        "{type: package, tool: some.package.search}",
        "{type: package_with_prompt, tool: a.b, path: ask.jinja2}",
        None,
        ["error 20:18 flow-source-type"],
    ),
    ("          connection: my\n", "", None, ["warning 30:11 flow-connection"]),
    ("          connection: my\n", "          conection: my\n", None, ["error 33:11 unknown-key"]),
    ("api: chat\n", "api: chats\n", None, ["warning 34:16 flow-api"]),
    ("default_variant_id: short", "default_variant_id: shrot", None, ["error 26:25 flow-variant"]),
    ("    default_variant_id: short\n", "", None, ["error 26:5 required"]),
    ("use_variants: true", "use_variant: true", None, ["note 18:3 unused", "error 23:3 unknown-key"]),
    (
        "node_variants:\n  ask:",
        "node_variants:\n  aks:",
        None,
        ["note 18:3 unused", "error 23:3 flow-variant", "warning 25:3 flow-variant"],
    ),
    (
        "  use_variants: true\n",
        '  type: prompt\n  source: {path: ask.jinja2}\n  inputs: {t: "${search.output}"}\n',
        None,
        ["note 27:3 flow-variant"],
    ),
    (
        "        node:\n          type: llm",
        "        nodes:\n          type: llm",
        None,
        ["note 18:3 unused", "error 23:3 flow-variant", "error 29:9 unknown-key"],
    ),
    (
        "name: search\n",
        'name: search\n  skip: {when: "${inputs.limit}", is: 1, return: 2}\n',
        None,
        ["warning 19:3 ignored-key"],
    ),
    ("name: search\n", "name: search\n  reduce: false\n", None, ["note 19:3 deprecated"]),
    (
        "name: search\n",
        'name: search\n  activate: {when: "${inputs.limit}", if: 1}\n',
        None,
        ["error 19:3 required", "error 19:39 unknown-key"],
    ),
    ("name: search\n", "name: search\n  aggregation: maybe\n", None, ["error 19:16 type"]),
    ("tags: {team: chat}", "tags:", None, ["warning 5:1 empty-section"]),
    ("tags: {team: chat}", "environment_variables:", None, ["warning 5:1 empty-section"]),
    (
        "inputs:\n  history: {type: list, default: [], is_chat_history: true}",
        "inputs:\n  history:",
        None,
        ["error 8:3 type"],
    ),
    ("nodes:\n- name: look", "nodes:\n-\n- name: look", None, ["error 14:2 type"]),
]


@pytest.mark.parametrize(("old", "new", "files", "expected"), CASES)
def test_one_fault(check: Check, old: str, new: str, files: dict[str, str] | None, expected: list[str]) -> None:
    assert said(check(FLOW.replace(old, new, 1), {**FILES, **(files or {})})) == expected


@pytest.mark.parametrize(
    "key",
    ["id: x", "name: x", "version: 2", "display_name: x", "description: x", "tools: []", "message_format: basic"],
)
def test_what_interfaces_write_is_taken(check: Check, key: str) -> None:
    assert check(f"{key}\n{FLOW}", FILES) == []


def test_sections_without_content_are_warned_of(check: Check) -> None:
    found = check("inputs:\noutputs:\nnodes: []\nadditional_includes:\n")

    assert said(found) == ["warning 1:1 empty-section", "warning 2:1 empty-section", "warning 4:1 empty-section"]
    assert found[2].remedy == "Write `additional_includes: []`, or remove the key."


def test_nodes_without_content_are_refused(check: Check) -> None:
    assert said(check("nodes:\n")) == ["error 1:1 type"]


def test_a_number_may_name_a_variant(check: Check) -> None:
    assert (
        check(FLOW.replace("default_variant_id: short", "default_variant_id: 0").replace("short:", "0:"), FILES) == []
    )


def test_a_flow_in_csharp_has_no_python(check: Check) -> None:
    flow = """
    language: csharp
    nodes:
    - {name: a, type: csharp, source: {type: package, tool: (Basic)Basic.Flow.HelloWorld}}
    outputs: {o: {type: string, reference: "${a.output}"}}
    """

    assert check(flow) == []


def test_a_secret_is_not_shown(check: Check) -> None:
    found = check("nodes: []\nenvironment_variables: [not-to-be-shown]\n")

    assert [one.code for one in found] == ["type"]
    assert "not-to-be-shown" not in "".join(one.message + one.remedy for one in found)
