"""Verbs about endpoints on a simulated Azure: the same verbs as here, the same exit codes, one shape a target."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from tests.azure.cli.conftest import Project
from tests.azure.scenes import endpoint_body, running
from tests.azure.simulator.names import target
from tests.unit.azure.conftest import USER_ASSIGNED as ENDPOINT

FAILED = """Traceback (most recent call last):
  File "/var/azureml-app/score.py", line 1, in <module>
    import missing
ModuleNotFoundError: No module named 'missing'
Worker failed to boot.""".splitlines()


class Scorer:
    """An endpoint's own address: answers, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[dict[str, str], Any]] = []
        self.status = 200
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.uri = f"http://127.0.0.1:{self.server.server_address[1]}/score"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        scorer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                headers = {name.lower(): value for name, value in self.headers.items()}
                scorer.asked.append((headers, body))
                content = json.dumps({"answer": "at ten"}).encode()
                self.send_response(scorer.status)
                self.send_header("azureml-model-deployment", headers.get("azureml-model-deployment", "blue"))
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's name
                """Say nothing."""

        return Handler


@pytest.fixture
def scorer() -> Iterator[Scorer]:
    made = Scorer()
    thread = threading.Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join()


@pytest.fixture
def live(project: Project, scorer: Scorer) -> Project:
    """The stack's endpoint is there: blue at 90, green at 10."""
    above = running(project.world, "blue", "green", traffic={"blue": 90, "green": 10})
    project.world.must(above).body["properties"]["scoringUri"] = scorer.uri
    model = f"{project.world.workspace_id}/models/chat/versions/3"
    for name in ("blue", "green"):
        project.world.must(f"{above}/deployments/{name}").body["properties"]["model"] = model
    return project


def endpoint(project: Project) -> dict[str, Any]:
    found: dict[str, Any] = project.world.must(f"{project.world.workspace_id}/onlineEndpoints/answers").body
    return found


@pytest.mark.parametrize(("mode", "shown"), [("Key", "answers-1"), ("AMLToken", "answers-token"), ("AADToken", None)])
def test_each_mode_opens_its_door(live: Project, scorer: Scorer, mode: str, shown: str | None) -> None:
    endpoint(live)["properties"]["authMode"] = mode
    said = live.call("invoke", '{"question": "When?"}', "-d", "green")
    assert (said.status, json.loads(said.out)) == (0, {"answer": "at ten"})
    assert "200 from green in" in said.err
    headers, body = scorer.asked[0]
    assert body == {"question": "When?"}
    assert headers["authorization"] == f"Bearer {shown or live.identity.token}"
    assert ("https://ml.azure.com" in live.identity.asked) == (mode == "AADToken")


def test_an_answer_that_is_an_error_says_what_it_means(live: Project, scorer: Scorer) -> None:
    scorer.status = 429
    said = live.call("invoke", "{}", "--json")
    assert (said.status, json.loads(said.out)["status"]) == (1, 429)
    assert "max_concurrent_requests_per_instance" in live.call("invoke", "{}").err


def test_a_key_is_not_sent_in_the_open(live: Project) -> None:
    endpoint(live)["properties"]["scoringUri"] = "http://answers.example/score"
    said = live.call("invoke", "{}")
    assert (said.status, "its key is not sent there" in said.err) == (1, True)


def test_an_address_that_nobody_answers_at(live: Project, scorer: Scorer) -> None:
    endpoint(live)["properties"]["scoringUri"] = "http://127.0.0.1:9/score"
    said = live.call("invoke", "{}")
    assert (said.status, "does not answer at http://127.0.0.1:9/score" in said.err) == (1, True)


def test_keys_are_shown_and_one_is_replaced(live: Project) -> None:
    assert json.loads(live.call("keys", "show", "--json").out) == {
        "primaryKey": "answers-1",
        "secondaryKey": "answers-2",
    }
    assert live.call("keys", "regenerate", "secondary").status == 2  # nobody can be asked
    assert live.call("keys", "regenerate", "secondary", "--yes").status == 0
    assert live.call("keys", "show").out == "primary    answers-1\nsecondary  answers-2new\n"


def test_what_has_no_keys_gives_a_token_and_the_other_way_round(live: Project) -> None:
    assert "opened by a key" in live.call("token").err
    endpoint(live)["properties"]["authMode"] = "AMLToken"
    said = live.call("keys", "regenerate", "primary", "--yes")
    assert (said.status, "has no keys: its auth_mode is aml_token" in said.err) == (1, True)
    told = json.loads(live.call("token", "--json").out)
    assert told == {"accessToken": "answers-token", "expiryTimeUtc": "2030-03-17T17:46:40+00:00"}
    assert "Azure decides" in live.call("token", "--lifetime", "60").err


def test_logs_of_both_containers(live: Project) -> None:
    live.world.logs["answers/blue/StorageInitializer"] = ["got the model"]
    live.world.logs["answers/blue/InferenceServer"] = [f"line {number}" for number in range(100)]
    out = live.call("logs", "-d", "blue", "-n", "2").out
    assert out.splitlines() == [
        "blue storage-initializer  got the model",
        "blue inference-server  line 98",
        "blue inference-server  line 99",
    ]
    only = live.call("logs", "-d", "blue", "--container", "storage-initializer").out
    assert only.splitlines() == ["blue storage-initializer  got the model"]
    assert len(live.call("logs", "-n", "1").out.splitlines()) == 4


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (("-d", "red"), 1, "deployment red does not exist; found: blue, green"),
        (("--replica", "x"), 1, "logs of one instance"),
        (("--container", "x"), 2, "storage-initializer, inference-server"),
        (("-e", "other"), 1, "onlineEndpoints/other"),
    ],
)
def test_logs_of_what_is_not_there(live: Project, arguments: tuple[str, ...], status: int, says: str) -> None:
    said = live.call("logs", *arguments)
    assert (said.status, says in said.err) == (status, True), said


def test_status_says_how_it_is_and_where_studio_shows_it(live: Project) -> None:
    (found,) = json.loads(live.call("status", "--json").out)["endpoints"]
    assert (found["traffic"], found["auth_mode"], found["state"]) == ({"blue": 90, "green": 10}, "key", "succeeded")
    assert found["studio"] == (f"https://ml.azure.com/endpoints/realtime/answers/detail?wsid={live.world.workspace_id}")
    assert [one["model"] for one in found["deployments"]] == ["chat:3", "chat:3"]
    text = live.call("status").out
    assert "  studio  https://ml.azure.com/endpoints/realtime/answers" in text
    assert "blue        90 %    0 %     succeeded  chat:3  1 x Standard_DS3_v2" in text


def test_status_asks_once_for_what_it_shows(live: Project) -> None:
    live.call("status")
    assert [(method, path.rpartition("/")[2]) for method, path in live.world.requests] == [
        ("GET", "onlineEndpoints"), ("GET", "answers"), ("GET", "deployments"),
    ]  # fmt: skip


def test_a_deployment_that_failed_says_why(live: Project) -> None:
    above = f"{live.world.workspace_id}/onlineEndpoints/answers/deployments/green"
    live.world.must(above).body["properties"]["provisioningState"] = "Failed"
    live.world.logs["answers/green/StorageInitializer"] = ["got the model"]
    live.world.logs["answers/green/InferenceServer"] = FAILED
    (found,) = json.loads(live.call("status", "--json").out)["endpoints"]
    assert found["deployments"][1]["cause"]["line"] == "ModuleNotFoundError: No module named 'missing'"
    text = live.call("status").out
    assert "green failed, and its inference-server says: ModuleNotFoundError: No module named 'missing'" in text
    assert "    import missing" in text


def test_a_deployment_that_failed_without_a_word(live: Project) -> None:
    above = f"{live.world.workspace_id}/onlineEndpoints/answers/deployments/green"
    live.world.must(above).body["properties"]["provisioningState"] = "Failed"
    assert "its logs don't tell why; see them: sluice logs -d green" in live.call("status").out


def test_metrics_come_apart_by_deployment(live: Project) -> None:
    measured = live.world.metrics
    measured["answers", "RequestsPerMinute"] = [
        {"deployment": "blue", "statusCodeClass": "2xx", "values": [10.0, None, 5.0]},
        {"deployment": "blue", "statusCodeClass": "5xx", "values": [None, 1.0, None]},
        {"deployment": "green", "statusCodeClass": "2xx", "values": [2.0, 0.0, 1.0]},
    ]
    measured["answers", "RequestLatency_P95"] = [{"deployment": "blue", "values": [100.0, None, 300.0]}]
    measured["answers", "NetworkBytes"] = [{"values": [2048.0]}]
    measured["green", "CpuUtilizationPercentage"] = [{"values": [10.0, 42.0, None]}]
    insights = f"{live.world.workspace_id.rpartition('/providers/')[0]}/providers/Microsoft.Insights/components/traces"
    live.world.must(live.world.workspace_id).body["properties"]["applicationInsights"] = insights
    live.world.store(target(insights), {"properties": {}})
    measured["traces", "token_consumption"] = [{"flow": "chat", "values": [100.0, 20.0]}]
    measured["traces", "flow_latency"] = [{"flow": "chat", "values": [1.5, 2.5]}]
    (found,) = json.loads(live.call("status", "--metrics", "--json").out)["endpoints"]
    blue, green = found["metrics"]["deployments"]["blue"], found["metrics"]["deployments"]["green"]
    assert blue["requests"] == {"2xx": 15, "5xx": 1}
    assert blue["latency_ms"] == {"p50": None, "p95": 200.0, "p99": None}
    assert (green["requests"], green["cpu"], green["gpu"]) == ({"2xx": 3}, 42.0, None)
    assert found["metrics"]["flows"] == {"chat": {"tokens": 120.0, "requests": None, "latency": 2.0}}
    text = live.call("status", "--metrics").out
    assert "2xx=15 5xx=1" in text
    assert "42 %" in text
    assert "flow chat  tokens 120  requests -  latency 2.00 s" in text


def test_without_application_insights_there_are_no_flows(live: Project) -> None:
    (found,) = json.loads(live.call("status", "--metrics", "--json").out)["endpoints"]
    assert found["metrics"]["flows"] == {}
    assert "network" not in live.call("status", "--metrics").out


def test_traffic_is_shown(live: Project) -> None:
    assert json.loads(live.call("traffic", "show", "--json").out) == {
        "traffic": {"blue": 90, "green": 10},
        "mirror_traffic": {},
    }
    said = live.call("traffic", "set", "red=100", "--yes")
    assert (said.status, "red" in said.err) == (1, True)


def test_list_shows_the_whole_workspace(live: Project) -> None:
    other = f"{live.world.workspace_id}/onlineEndpoints/others"
    live.world.store(target(other), endpoint_body(provisioningState="Failed", authMode="AADToken"))
    lines = live.call("list").out.splitlines()
    assert lines[1].split()[:4] == ["answers", "key", "succeeded", "blue=90"]
    assert lines[2].split()[:4] == ["others", "aad_token", "failed", "-"]
    assert len(json.loads(live.call("list", "--json").out)["endpoints"]) == 2
    assert [one["name"] for one in json.loads(live.call("status", "--json").out)["endpoints"]] == ["answers"]
    assert live.call("status", "-e", "others").status == 0


def test_a_stack_with_nothing_there_yet(project: Project) -> None:
    assert "has no endpoint in workspace space; make it: sluice up --stack prod" in project.call("status").out
    assert project.call("list").out == "no endpoint is there\n"
    said = project.call("keys", "show")
    assert (said.status, "workspace space has no endpoint answers" in said.err) == (1, True)
    assert "sluice list" in said.err


def test_several_endpoints_want_a_name(live: Project) -> None:
    live.write(
        "endpoints/more/endpoint.yaml",
        ENDPOINT.replace("answers", "more"),
    )
    said = live.call("keys", "show")
    assert (said.status, "2 endpoints: answers, more" in said.err) == (2, True)
    assert live.call("keys", "show", "-e", "answers").status == 0


def test_settings_without_a_workspace(project: Project) -> None:
    project.write("stacks/prod/stack.yaml", "target: azure\nsubscription: sub\n")
    said = project.call("status")
    assert (said.status, "resourceGroup, workspace" in said.err) == (1, True)
