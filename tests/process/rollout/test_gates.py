"""What a rollout is judged by: evaluations, webhooks, metrics from outside, recorded requests, cohorts, parity."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from projects import EXAMPLES, Project, bearer, lent, post, processes_of, wait_until
from rollout_stage import BLUE, GREEN, NAME, Stage, killed, said, stage_in
from told_server import Request, Told, Web

from sluice.rollout.models import Phase
from sluice.rollout.notify import DELIVERED
from sluice.targets.local.endpoints import gatekeeper_program

pytestmark = pytest.mark.process

EVALUATION = """\
import json, os, urllib.request
headers = json.load(open(os.environ["SLUICE_HEADERS_FILE"])) | {"content-type": "application/json"}
cases = []
for number in range(12):
    asked = urllib.request.Request(os.environ["SLUICE_SCORING_URL"], json.dumps({"number": number}).encode(), headers)
    answer = json.load(urllib.request.urlopen(asked))["answer"]
    cases.append({"id": str(number), "metrics": {"relevance": {"good": 4, "worse": 2 + number % 3 / 10}[answer]}})
print(json.dumps({"cases": cases}))
"""


@pytest.fixture(scope="module")
def staged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with stage_in(tmp_path_factory.mktemp("gates") / "p") as stage:
        stage.project.write("checks/evaluate.py", EVALUATION)
        yield stage


@pytest.fixture
def stage(staged: Stage) -> Stage:
    """A stage where blue has all of the traffic and no rollout is open."""
    staged.back()
    return staged


@pytest.fixture
def web() -> Iterator[Web]:
    server = Web()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.over.set()
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_green_whose_answers_are_worse_is_stopped_before_any_traffic(stage: Stage) -> None:
    gate = "{metric: relevance, at_least: -0.2, compare: difference}"
    stage.plan(
        f"""\
steps:
  - evaluate:
      command: [python3, checks/evaluate.py]
      gates: [{gate}]
  - weight: 10
analysis: []
""",
        ANSWER="worse",
    )
    with stage.load() as load:
        done = stage.up()

    assert done.returncode == 1, said(done)
    assert "relevance: mean less the stable one's -1.9" in said(done)
    assert "blue=100 is live again" in said(done)
    assert set(load.answered) == {"blue"}
    assert load.failed == []
    assert stage.ended().phase is Phase.ROLLED_BACK


def test_a_webhook_that_hangs_holds_the_walk_and_fails_it_at_the_deadline(stage: Stage, web: Web) -> None:
    web.answering = lambda _: Told(hangs=True)
    hook = f"{{url: {web.address('/release')!r}, timeout: 1s, retries: 0}}"
    stage.plan(f"steps:\n  - weight: 10\n  - webhook: {hook}\n  - weight: 50\nanalysis: []\ndeadline: 8s\n")

    done = stage.up()

    assert done.returncode == 1, said(done)
    assert "no answer" in said(done)
    assert "sluice rollout retry" in said(done)
    ended = stage.ended()
    assert (ended.phase, stage.live()) == (Phase.ROLLED_BACK, BLUE)
    assert "the deadline of 8 s is over" in ended.says
    assert len(web.requests) == 1


def test_metrics_without_a_number_never_pass(stage: Stage) -> None:
    metrics = "\n".join(
        f"  - {{name: {name}, command: [sh, -c, {command!r}], at_most: 1, interval: 1s, timeout: 1s}}"
        for name, command in {
            "text": "echo all is well",
            "nan": "echo NaN",
            "nothing": "true",
            "slow": "sleep 60",
        }.items()
    )
    stage.plan(f"steps:\n  - weight: 10\nanalysis:\n{metrics}\ndeadline: 5s\n")

    done = stage.up()

    assert (done.returncode, stage.live()) == (1, BLUE), said(done)
    says = stage.ended().says
    assert "the deadline of 5 s is over" in says
    assert all(f"{name}: no reading yet" in says for name in ("text", "nan", "nothing", "slow")), says
    troubles = {one["name"]: one["trouble"] for one in stage.told()["metrics"]}
    assert "answered text, not a number" in troubles["text"]
    assert all(troubles.values()), troubles
    assert [line for line in processes_of(stage.project.root) if "sleep 60" in line] == []


def test_recorded_requests_warm_and_test_green_and_up_ends_when_all_are_told(stage: Stage, web: Web) -> None:
    def slowly(_: Request) -> Told:
        web.over.wait(1.0)
        return Told()

    web.answering = slowly
    stage.plan(
        f"""\
notify:
  - {{webhook: {web.address("/events")!r}, events: [done]}}
record: {{percent: 100%, redact: [/number]}}
steps:
  - weight: 10
    hold: 2s
  - load: {{recorded: true, requests: 30, rate: 100}}
  - parity: {{recorded: 5, fields: [/answer]}}
  - weight: 50
analysis: []
"""
    )
    with stage.load(threads=1) as load:
        done = stage.up()

    assert (done.returncode, stage.live()) == (0, GREEN), said(done)
    assert load.failed == []
    events = " ".join(event["says"] for event in stage.told()["events"])
    assert "30 requests" in events
    assert "5 cases" in events
    walk = stage.folder.read()
    assert walk is not None
    delivered = [json.loads(line)["id"] for line in (stage.folder.root / DELIVERED).read_text().splitlines()]
    assert [request.json["id"] for request in web.requests] == [walk.events[-1].id] == delivered[-1:]
    assert gatekeeper_program(NAME) not in [one.name for one in stage.target.supervisor.programs()]


def test_some_callers_come_first_and_each_event_is_told_once_whoever_is_killed(stage: Stage) -> None:
    events = stage.project.root / "endpoints/books/events.jsonl"
    stage.plan(
        """\
notify:
  - {file: events.jsonl}
steps:
  - header: {name: x-canary, values: [beta]}
  - pause: ask the librarian
  - weight: 50
    hold: 1s
analysis: []
"""
    )
    stage.paused()
    killed(stage.gatekeeper())
    door = bearer(stage.endpoint.primary)
    assert post(stage.endpoint.port, "{}", {**door, "x-canary": "beta"}).deployment == "green"
    assert post(stage.endpoint.port, "{}", {**door, "x-canary": "other"}).deployment == "blue"
    assert post(stage.endpoint.port, "{}", door).deployment == "blue"
    stage.promote()
    stage.until(lambda state: state.step == 2)
    killed(stage.gatekeeper())
    assert stage.ended().phase is Phase.DONE

    walk = stage.folder.read()
    assert walk is not None
    wait_until(lambda: len(events.read_text().splitlines()) >= len(walk.events))
    told = [json.loads(line) for line in events.read_text().splitlines()]
    assert [one["id"] for one in told] == [event.id for event in walk.events]
    assert [one["phase"] for one in told].count("done") == 1
    assert {one["endpoint"] for one in told} == {NAME}


def test_from_prompt_flow_to_another_server_once_its_answers_are_the_same(tmp_path: Path) -> None:
    """The answers of the new server are looked up: first none of them is right, then all."""
    questions = ["When is the story hour?", "Who reads stories to the children?"]
    with lent(tmp_path / "p") as project:
        project.must("up", "--yes")
        answers = {asked: project.score(json.dumps({"question": asked})).json()["answer"] for asked in questions}
        _replace_green(project, questions, {})
        unlike = project.call("up", "--yes")
        assert unlike.returncode == 1, said(unlike)
        assert "parity" in said(unlike)
        assert project.score().deployment == "blue"

        _replace_green(project, questions, answers)
        alike = project.call("up", "--yes")
        assert alike.returncode == 0, said(alike)
        answer = project.score()
        assert (answer.deployment, answer.json()["answer"]) == ("green", answers[questions[0]])


_LOOKS_UP = '''\
import json
from pathlib import Path


def init():
    """There is nothing to prepare."""


def run(data):
    """Look the answer up."""
    answers = json.loads(Path(__file__).with_name("answers.json").read_text())
    return {"answer": answers.get(json.loads(data)["question"], "I don't know.")}
'''

_SCRIPT_GREEN = """\
$schema: https://azuremlschemas.azureedge.net/latest/managedOnlineDeployment.schema.json
name: green
endpoint_name: question-answering
environment: azureml:book-ranking:1
code_configuration:
  code: ../../scoring
  scoring_script: score.py
instance_type: Standard_DS3_v2
instance_count: 1
environment_variables:
  WORKER_COUNT: "1"
"""


def _replace_green(project: Project, questions: list[str], answers: dict[str, str]) -> None:
    """Make green a scoring script with these answers, and plan a walk to it."""
    shutil.copytree(EXAMPLES / "scoring-script/environments", project.root / "environments", dirs_exist_ok=True)
    (folder,) = (path.parent for path in project.root.glob("endpoints/*/endpoint.yaml"))
    project.write("scoring/score.py", _LOOKS_UP)
    project.write("scoring/answers.json", json.dumps(answers))
    (folder / "green.yaml").write_text(_SCRIPT_GREEN)
    (folder / "requests.jsonl").write_text("".join(json.dumps({"question": one}) + "\n" for one in questions))
    (folder / "rollout.yaml").write_text(
        """\
endpoint_name: question-answering
steps:
  - parity: {data: requests.jsonl, fields: [/answer], worst_at_least: 1}
  - weight: 50
    hold: 1s
analysis: []
"""
    )
    text = (folder / "endpoint.yaml").read_text()
    (folder / "endpoint.yaml").write_text(text.replace("  blue: 100", "  green: 100"))
