"""The bodies of notices, within what their receivers take."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from sluice.rollout.notify import Notice, json_body, receiver_name, slack_body, teams_body
from sluice.spec.frozen import frozen_map
from sluice.spec.rollout import Notify

NOTICE = Notice(
    id="w1-7",
    endpoint="chat",
    phase="rolled_back",
    step="2 of 5",
    says="errors: 5 % of green's <50> & more",
    weights=frozen_map({"blue": 100, "green": 0}),
    when="2030-01-02T03:04:05+00:00",
    who="ada",
    stable="blue",
    green="green",
    numbers=frozen_map({"errors": 0.05123, "p95": "120 ms", "tokens": None}),
)
TEXTS = st.text(max_size=4000)
NOTICES = st.builds(
    Notice,
    id=TEXTS,
    endpoint=TEXTS,
    phase=TEXTS,
    step=TEXTS,
    says=TEXTS,
    numbers=st.dictionaries(TEXTS, st.none() | TEXTS | st.floats(), max_size=12),
)


def test_json_has_every_field_by_its_name() -> None:
    found = json.loads(json.dumps(json_body(NOTICE)))
    assert found["id"] == "w1-7"
    assert found["weights"] == {"blue": 100, "green": 0}
    assert found["numbers"] == {"errors": 0.05123, "p95": "120 ms", "tokens": None}
    assert found.keys() == {
        "id", "endpoint", "phase", "step", "says", "weights", "when", "who", "stable", "green", "numbers",
    }  # fmt: skip


def test_slack_has_blocks_and_a_text_for_what_shows_none() -> None:
    found = slack_body(NOTICE)
    assert found["text"] == "chat: rolled back (step 2 of 5)\nerrors: 5 % of green's &lt;50&gt; &amp; more"
    head, section, table = found["blocks"]
    assert head == {"type": "header", "text": {"type": "plain_text", "text": "chat: rolled back (step 2 of 5)"}}
    assert section["text"]["text"].endswith("&lt;50&gt; &amp; more")
    fields = [one["text"] for one in table["fields"]]
    assert fields[:2] == ["*Weights*\nblue 100 %, green 0 %", "*New*\ngreen"]
    assert "*errors*\n0.05123" in fields


def test_teams_has_a_card() -> None:
    (attachment,) = teams_body(NOTICE)["attachments"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    title, says, facts = attachment["content"]["body"]
    assert title["text"] == "chat: rolled back (step 2 of 5)"
    assert says["text"] == NOTICE.says
    assert {"title": "By", "value": "ada"} in facts["facts"]


@given(NOTICES)
def test_messages_stay_within_their_receivers_bounds(notice: Notice) -> None:
    slack = slack_body(notice)
    assert len(slack["blocks"][0]["text"]["text"]) <= 150
    for block in slack["blocks"][1:]:
        texts = [block["text"]["text"]] if "text" in block else [one["text"] for one in block["fields"]]
        assert len(texts) <= 10
        assert all(0 < len(text) <= (3000 if "text" in block else 2000) for text in texts)
    assert len(json.dumps(teams_body(notice), ensure_ascii=False).encode()) < 28_000


def test_receivers_are_told_apart_without_telling_where_they_are() -> None:
    one, other = Notify("https://hooks.example.com/a"), Notify("https://hooks.example.com/b")
    assert receiver_name(one) == receiver_name(Notify("https://hooks.example.com/a"))
    assert receiver_name(one) != receiver_name(other)
    assert "hooks" not in receiver_name(one)
