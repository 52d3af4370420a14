"""What the provider and BuildKit say of a failed build, as errors of ours. The messages were seen, word for word."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.errors import BuilderFailed, EnvironmentFailed, Interrupted, SluiceError, StorageFailed
from sluice.images.failures import LOG_LINES, build_failure, failing_step

STEP = 'process "/bin/sh -c echo \\"a\\" >&2; exit 3" did not complete successfully: exit code: 3'
LOG = f"""#5 [2/3] RUN echo one
#5 0.041 one
#5 DONE 0.1s

#6 [3/3] RUN echo "a" >&2; exit 3
#6 0.045 it failed here
#6 ERROR: {STEP}
------
 > [3/3] RUN echo "a" >&2; exit 3:
0.045 it failed here
------
"""
HOST = "127.0.0.1:5005"
HEAD = f'failed to do request: Head "http://{HOST}/v2/a/b/blobs/sha256:41"'
REFUSED = "dial tcp 127.0.0.1:5005: connect: connection refused"


def test_the_step_that_failed_with_its_lines() -> None:
    assert failing_step(LOG) == ['[3/3] RUN echo "a" >&2; exit 3', "it failed here"]


def test_a_log_that_was_cut_short_still_has_the_last_words() -> None:
    cut = LOG[: LOG.index("#6 ERROR")]
    assert failing_step(cut) == ['[3/3] RUN echo "a" >&2; exit 3', "it failed here"]


def test_a_log_without_a_failed_step_has_none() -> None:
    assert failing_step("#1 [internal] load build definition\n#1 DONE 0.0s\n") == []


@given(st.lists(st.text("abc 0.:#[>", max_size=20), max_size=60))
def test_only_the_last_lines_are_kept(lines: list[str]) -> None:
    said = "\n".join(f"0.1 {line}" for line in lines)
    found = failing_step(f"------\n > [1/1] RUN x:\n{said}\n------\n")
    assert found[0] == "[1/1] RUN x"
    assert len(found) <= LOG_LINES + 1


@pytest.mark.parametrize(
    ("said", "kind", "words"),
    [
        (STEP, EnvironmentFailed, 'the build step `echo "a" >&2; exit 3` ended with status 3'),
        (f"failed to push {HOST}/a/b:t1: {HEAD}: {REFUSED}", BuilderFailed, f"registry {HOST} can't be reached"),
        (
            f"failed to push {HOST}/a/b:t1: unexpected status from HEAD request to http://x: 403 Forbidden",
            BuilderFailed,
            f"registry {HOST} refuses image qa/blue",
        ),
        (
            "failed to push r.io/a:1: push access denied, repository does not exist or may require authorization",
            BuilderFailed,
            "registry r.io refuses",
        ),
        (
            f"{HOST}/no:1: failed to resolve source metadata for {HOST}/no:1: {HOST}/no:1: not found",
            EnvironmentFailed,
            f"its base {HOST}/no:1 does not exist",
        ),
        (
            "python:9: failed to resolve source metadata for docker.io/library/python:9: pull access denied",
            EnvironmentFailed,
            "does not exist, or is private",
        ),
        (
            'm.io/a:1: failed to resolve source metadata for m.io/a:1: failed to do request: Head "https://m.io/v2/a/":'
            " dial tcp: lookup m.io on 10.0.0.1:53: no such host",
            BuilderFailed,
            "can't be reached: dial tcp: lookup m.io",
        ),
        (
            'failed to compute cache key: failed to calculate checksum of ref a::b: "/app": not found',
            EnvironmentFailed,
            "copies /app, which is not in the build context",
        ),
        ("dockerfile parse error on line 3: unknown instruction: RAN", EnvironmentFailed, "line 3 of its Dockerfile"),
        ('process "/bin/sh -c x" did not complete: no space left on device', StorageFailed, "no space left"),
        ("context deadline exceeded", BuilderFailed, "BuildKit does not answer"),
        ('new builder: no builder "sluice" found', BuilderFailed, "BuildKit does not answer"),
        ("context canceled", Interrupted, "was stopped"),
        ("something else", EnvironmentFailed, "can't be built: something else"),
    ],
)
def test_each_cause_has_words_of_its_own(said: str, kind: type[SluiceError], words: str) -> None:
    error = build_failure("qa/blue", f"failed to solve: {said}")
    assert type(error) is kind
    assert words in error.message
    assert "qa/blue" in error.message


def test_a_disk_that_filled_up_within_a_step_is_known_by_the_steps_words() -> None:
    log = LOG.replace("0.045 it failed here\n------", "0.045 dd: error: No space left on device\n------")
    assert isinstance(build_failure("qa/blue", STEP, log), StorageFailed)


def test_a_step_for_another_processor_says_so() -> None:
    error = build_failure("qa/blue", STEP, LOG.replace("it failed here", "exec /bin/sh: exec format error"))
    assert "another processor" in error.message


def test_the_lines_of_the_step_are_details() -> None:
    assert "it failed here" in build_failure("qa/blue", STEP, LOG).details


@given(st.text(), st.text())
def test_whatever_is_said_is_an_error_of_ours(said: str, log: str) -> None:
    assert build_failure("qa/blue", said, log).message
