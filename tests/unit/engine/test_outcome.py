"""What a run of the engine came to, and the error of ours that a failed one is."""

from __future__ import annotations

from typing import Any

import pytest
from pulumi.automation import CommandResult, EngineEvent
from pulumi.automation.errors import create_command_error

from sluice.engine.outcome import Outcome, failure_of, plain_text, title
from sluice.errors import Busy, EngineFailed, EngineMissing, EnvironmentFailed, SluiceError

BLUE = "urn:pulumi:dev::library::sluice:index:OnlineEndpoint$sluice:index:Deployment::qa/blue"
STACK = "urn:pulumi:dev::library::pulumi:pulumi:Stack::library-dev"
LOCKED = "error: the stack is currently locked by 1 lock(s). Either wait for the other process(es) to end"


def diagnostic(message: str, severity: str = "error", **fields: Any) -> EngineEvent:
    data = {"message": message, "severity": severity, **fields}
    return EngineEvent.from_json({"sequence": 1, "timestamp": 1, "diagnosticEvent": data})


def summary(**changes: int) -> EngineEvent:
    data = {"resourceChanges": {op.replace("_", "-"): count for op, count in changes.items()}}
    return EngineEvent.from_json({"sequence": 1, "timestamp": 1, "summaryEvent": data})


def failed(outcome: Outcome, stderr: str) -> SluiceError:
    return failure_of(create_command_error(CommandResult("", stderr, 255)), outcome, "dev")


def after(*events: EngineEvent) -> Outcome:
    outcome = Outcome("update")
    for event in events:
        outcome.add(event)
    return outcome


def test_a_resource_is_called_by_type_and_name() -> None:
    assert title(BLUE) == "Deployment qa/blue"
    assert title(STACK) == "Stack library-dev"


@pytest.mark.parametrize(
    "message",
    [
        "error: it broke",
        "<{%fg 1%}>error: <{%reset%}>it broke\n",
        "\x1b[31merror: \x1b[0mit broke",
        "warning: it broke",
        "an unhandled error occurred: it broke",
    ],
)
def test_messages_are_shown_without_colours_and_labels(message: str) -> None:
    assert plain_text(message) == "it broke"


def test_only_real_changes_count() -> None:
    assert after(summary(same=5, read=1, refresh=1)).changed == 0
    assert after(summary(create=2, update=1, delete_replaced=1, same=9)).changed == 4


def test_words_are_gathered_once_each_with_the_resource_they_are_about() -> None:
    outcome = after(
        diagnostic("error: green is not ready", urn=BLUE),
        diagnostic("update failed", urn=STACK),
        diagnostic("1 of 2 replicas", "info", urn=BLUE),
        diagnostic("passing by", urn=BLUE, ephemeral=True),
        diagnostic("error: no room", urn=STACK),
        diagnostic("warning: old", "warning"),
    )
    assert outcome.errors == ["Deployment qa/blue: green is not ready", "no room"]
    assert outcome.warnings == ["old"]


def test_the_first_of_our_words_is_the_failure_and_the_rest_its_details() -> None:
    words = [diagnostic(text, urn=BLUE) for text in ("one", "two", "one")]
    error = failed(after(*words), "error: update failed")
    assert type(error) is EngineFailed
    assert error.message == "Deployment qa/blue: one"
    assert error.details == "also: Deployment qa/blue: two"


def test_a_locked_stack_is_busy() -> None:
    error = failed(Outcome("update"), LOCKED)
    assert type(error) is Busy
    assert "stack dev is being updated by someone else" in error.message
    assert error.details.startswith("locked by 1 lock(s)")


@pytest.mark.parametrize(
    "stderr", ["error: incorrect passphrase, please set PULUMI_CONFIG_PASSPHRASE", "error: passphrase must be set"]
)
def test_a_wrong_passphrase_is_named(stderr: str) -> None:
    error = failed(Outcome("update"), stderr)
    assert "passphrase does not open the secrets of stack dev" in error.message
    assert "PULUMI_CONFIG_PASSPHRASE_FILE" in error.remedy


def test_changes_that_were_not_expected() -> None:
    error = failed(Outcome("preview"), "error: no changes were expected but changes were proposed")
    assert "none were expected" in error.message


def test_without_words_of_ours_the_last_lines_of_the_engine_are_the_details() -> None:
    error = failed(Outcome("destroy"), "\n".join(f"line {number}" for number in range(30)))
    assert error.message == "destroy failed"
    assert "line 29" in error.details
    assert len(error.details.splitlines()) == 12


IMAGE = "urn:pulumi:dev::library::sluice:index:OnlineEndpoint$docker-build:index:Image::qa/blue"
STEP = 'failed to solve: process "/bin/sh -c exit 3" did not complete successfully: exit code: 3'


LOG = f"#6 ERROR: {STEP[17:]}\n------\n > [2/2] RUN exit 3:\n0.1 its last words\n------\n"


def test_the_log_of_an_earlier_failure_is_not_shown() -> None:
    outcome = Outcome("update", lambda _image: [LOG])
    outcome.add(diagnostic(STEP.replace("exit 3", "exit 4"), urn=IMAGE))
    assert "its last words" not in failed(outcome, "").details


def test_an_image_that_can_not_be_built_is_told_with_buildkits_log() -> None:
    outcome = Outcome("update", {"qa/blue": ("", LOG)}.__getitem__)
    outcome.add(diagnostic(STEP, urn=IMAGE))
    outcome.add(diagnostic("update failed"))
    error = failed(outcome, "error: update failed")
    assert isinstance(error, EnvironmentFailed)
    assert "`exit 3` ended with status 3" in error.message
    assert "its last words" in error.details


def test_without_a_log_what_was_streamed_is_told() -> None:
    outcome = after(
        diagnostic("#6 [2/2] RUN exit 3\n", "info", urn=IMAGE, ephemeral=True),
        diagnostic("#6 0.1 its last words\n", "info", urn=IMAGE, ephemeral=True),
        diagnostic(STEP, urn=IMAGE),
    )
    assert "its last words" in failed(outcome, "").details


def test_what_else_failed_stands_below_the_image() -> None:
    outcome = after(diagnostic("it broke", urn=BLUE), diagnostic(STEP, urn=IMAGE))
    assert "also: Deployment qa/blue: it broke" in failed(outcome, "").details


def test_a_dockerfile_that_the_provider_refuses_is_told_by_its_line() -> None:
    said = "docker-build:index:Image resource 'qa/blue': property dockerfile.location value {<nil>} has a problem: "
    outcome = after(diagnostic(f"{said}dockerfile parse error on line 3: unknown instruction: RAN", urn=IMAGE))
    assert "line 3 of its Dockerfile: unknown instruction: RAN" in failed(outcome, "").message


def test_a_missing_provider_of_images_has_its_remedy() -> None:
    error = failed(Outcome("update"), "error: no resource plugin 'pulumi-resource-docker-build' found in the workspace")
    assert isinstance(error, EngineMissing)
    assert error.remedy == "sluice doctor --install images"
