"""Rules of environments by themselves."""

from __future__ import annotations

from collections.abc import Iterator

from sluice.spec.diagnostics import Diagnostic
from sluice.spec.findings import error_at
from sluice.spec.nodes import Node, dig, mark_of


def one_source(node: Node) -> Iterator[Diagnostic]:
    """An environment is an image or a build, and a conda file goes on top of an image."""
    image, build = dig(node, "image"), dig(node, "build")
    if image and build:
        message = "an environment has `image` or `build`, found both"
        yield error_at(mark_of(node, "build"), message, "Remove one of the two.", "environment")
    elif build and dig(node, "conda_file"):
        message = "`conda_file` goes with `image`, found it with `build`"
        yield error_at(mark_of(node, "conda_file"), message, "Install its packages in the Dockerfile.", "environment")
    elif not image and not build:
        message = "an environment needs `image` or `build`, found neither"
        yield error_at(node.at, message, "A conda file alone needs an `image` to go on.", "required")
