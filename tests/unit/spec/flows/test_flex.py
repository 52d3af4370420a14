from __future__ import annotations

from collections.abc import Callable

import pytest

from sluice.spec.diagnostics import Diagnostic

Check = Callable[..., list[Diagnostic]]

NAME = "flow.flex.yaml"
FLOW = """
$schema: https://azuremlschemas.azureedge.net/promptflow/latest/flow.schema.json
entry: chat:Chat
init:
  connection: {type: AzureOpenAIConnection}
  tokens: {type: int, default: 10}
inputs:
  question: {type: string}
outputs:
  answer: {type: string}
sample:
  init: {tokens: 5}
  inputs: {question: hello}
"""
CHAT = """class Chat:
    def __init__(self, connection, tokens=10): ...

    def __call__(self, question, history=None): ...


def run(question): ...
"""
FILES = {"chat.py": CHAT}


def said(found: list[Diagnostic]) -> list[str]:
    return [f"{one.severity} {one.at.line}:{one.at.column} {one.code}" for one in found]


def test_a_sound_flow(check: Check) -> None:
    assert check(FLOW, FILES, NAME) == []


CASES = [
    ("entry: chat:Chat\n", "", None, ["error 2:1 required"]),
    ("entry: chat:Chat\n", "entry: chat\n", None, ["error 3:8 flow-entry"]),
    ("entry: chat:Chat\n", "entry: 'chat: Chat'\n", None, ["error 3:8 flow-entry"]),
    ("entry: chat:Chat\n", "entry: cat:Chat\n", None, ["error 3:8 missing-file"]),
    ("entry: chat:Chat\n", "entry: some.package:Chat\n", None, ["warning 3:8 flow-entry"]),
    ("entry: chat:Chat\n", "entry: lib.chat:Chat\n", {"lib/chat.py": CHAT}, []),
    ("entry: chat:Chat\n", "entry: lib.cat:Chat\n", {"lib/chat.py": CHAT}, ["error 3:8 missing-file"]),
    ("entry: chat:Chat\n", "entry: lib:Chat\n", {"lib/__init__.py": "from .chat import *\n"}, []),
    ("entry: chat:Chat\n", "entry: chat:Cat\n", None, ["error 3:8 flow-entry"]),
    ("entry: chat:Chat\n", "entry: chat:run\n", None, []),
    ("entry: chat:Chat\n", "entry: chat:Chat\n", {"chat.py": ""}, ["warning 3:8 empty-source"]),
    ("entry: chat:Chat\n", "entry: chat:Chat\n", {"chat.py": "class Chat:\n"}, ["error 3:8 python-syntax"]),
    ("entry: chat:Chat\n", "entry: chat:Chat\n", {"chat.py": "class Chat: ...\n"}, ["error 3:8 flow-entry"]),
    ("entry: chat:Chat\n", "entry: chat:Chat\n", {"chat.py": "class Chat(Base): ...\n"}, []),
    ("entry: chat:Chat\n", "entry: chat:Chat\n", {"chat.py": "from other import Chat\n"}, []),
    ("entry: chat:Chat\n", "entry: chat:Chat\n", {"chat.py": "try:\n  Chat = make()\nexcept E:\n  Chat = None\n"}, []),
    ("entry: chat:Chat\n", "entry: chat:Chat\n", {"chat.py": "def __getattr__(name): ...\n"}, []),
    ("entry: chat:Chat\n", "entry: chat:Chat\nlanguage: csharp\n", None, ["error 3:8 flow-entry"]),
    ("entry: chat:Chat\n", "entry: (App)My.Chat.Run\nlanguage: csharp\n", None, []),
    ("entry: chat:Chat\n", "entry: chat:Chat\nlanguage: Python\n", None, ["error 4:11 enum"]),
    ("entry: chat:Chat\n", "entry: chat:Chat\ncode: src\n", {"src/chat.py": CHAT}, []),
    ("entry: chat:Chat\n", "entry: chat:Chat\ncode: source\n", None, ["error 4:7 missing-file"]),
    ("entry: chat:Chat\n", "entry: chat:Chat\nnodes: []\n", None, ["warning 4:1 ignored-key"]),
    ("entry: chat:Chat\n", "entry: chat:Chat\nnode_variants: {}\n", None, ["error 4:1 unknown-key"]),
    (
        "entry: chat:Chat\n",
        "entry: chat:Chat\nenvironment: {python_requirements_txt: no.txt}\n",
        None,
        ["error 4:40 missing-file"],
    ),
    ("entry: chat:Chat\n", "entry: chat:Chat\nadditional_includes: [../no.txt]\n", None, ["error 4:23 missing-file"]),
    ("{type: string}", "{type: image}", None, ["error 8:20 enum"]),
    ("{type: string}", "{type: String}", None, ["error 8:20 enum"]),
    ("{type: string}", "{default: 3}", None, ["error 8:3 required"]),
    ("type: AzureOpenAIConnection", "type: AzureOpenAIModelConfiguration", None, []),
    ("type: AzureOpenAIConnection", "type: AzureOpenAiConnection", None, ["warning 5:22 flow-init-type"]),
    ("type: AzureOpenAIConnection", "type: MyConnection", None, ["warning 5:22 flow-init-type"]),
    ("type: AzureOpenAIConnection", "type: connection", None, ["error 5:22 pattern"]),
    ("default: 10", "default: ten", None, ["warning 6:32 default-type"]),
    ("  tokens: {type", "  token: {type", None, ["warning 6:3 flow-argument"]),
    ("{tokens: 5}", "{token: 5}", None, ["warning 12:10 flow-argument"]),
    ("{question: hello}", "{qestion: hello}", None, ["warning 13:12 flow-argument"]),
    ("{question: hello}", "'${file:inputs.json}'", None, ["error 13:11 missing-file"]),
    ("{question: hello}", "'${file:inputs.json}'", {"inputs.json": "{}"}, []),
    ("  init: {tokens: 5}", "  start: {tokens: 5}", None, ["error 12:3 unknown-key"]),
]


@pytest.mark.parametrize(("old", "new", "files", "expected"), CASES)
def test_one_fault(check: Check, old: str, new: str, files: dict[str, str] | None, expected: list[str]) -> None:
    assert said(check(FLOW.replace(old, new, 1), {**FILES, **(files or {})}, NAME)) == expected


def test_code_is_read_and_never_run(check: Check) -> None:
    assert check("entry: chat:run\n", {"chat.py": "raise SystemExit(3)\n\n\ndef run(): ...\n"}, NAME) == []


def test_a_flow_with_an_entry_is_a_flex_flow_whatever_its_name(check: Check) -> None:
    assert check(FLOW, FILES, "flow.dag.yaml") == []
