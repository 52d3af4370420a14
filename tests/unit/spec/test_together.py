"""Many files are shared among processes; nothing else differs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from sluice.errors import UsageError
from sluice.spec.files import Reading, Source, validated
from sluice.spec.flags import Flags
from sluice.spec.together import WORTH_IT, validated_together

Project = Callable[[Mapping[str, str]], Path]


def sources(project: Project, count: int) -> tuple[Path, list[Source]]:
    texts = ("name: library\nauth_mode: key\n", "name: library\nauth_mode: kee\n", "a: [\n")
    root = project({f"endpoint-{number}.yaml": texts[number % 3] for number in range(count)})
    return root, [Source(root / f"endpoint-{number}.yaml") for number in range(count)]


def test_many_files_have_the_results_of_each_in_their_order(project: Project) -> None:
    root, listed = sources(project, WORTH_IT + 7)
    assert list(validated_together(root, listed, Reading())) == list(validated(root, listed, Reading()))


def test_a_wrong_flag_is_told_as_it_is_with_few(project: Project) -> None:
    root, listed = sources(project, WORTH_IT)
    reading = Reading(flags=Flags.of(None, None, ["auth_mode.x=1"]))
    with pytest.raises(UsageError, match="of what is no mapping"):
        list(validated_together(root, listed, reading))


def test_no_files() -> None:
    assert list(validated_together(Path("/"), [], Reading())) == []
