"""Rules of environments by themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sluice.spec.diagnostics import Diagnostic
from sluice.spec.findings import error_at, warning_at
from sluice.spec.nodes import Node, Step, dig, mark_of, text
from sluice.spec.placeholders import holds_placeholder

# The grammar of the OCI distribution specification, with Docker's registry before it.
_IMAGE = re.compile(
    r"(?:[A-Za-z0-9.-]+(?::\d+)?/)?(?P<repository>[\w.-]+(?:/[\w.-]+)*)(?::\w[\w.-]{0,127})?(?:@\w[\w+.-]*:[0-9A-Fa-f]+)?",
    re.ASCII,
)
_FOR_EXAMPLE = (
    "Write registry, repository and tag, for example `mcr.microsoft.com/azureml/minimal-py312-inference:latest`."
)


def image_name(node: Node) -> Iterator[Diagnostic]:
    """The image of an environment has the form of one."""
    yield from _image_name(node, "image")


def inline_image_name(node: Node) -> Iterator[Diagnostic]:
    """The image of an environment that is written inside another specification has the form of one."""
    yield from _image_name(node, "environment", "image")


def _image_name(node: Node, *path: Step) -> Iterator[Diagnostic]:
    written, found = (text(node, *path) or "").strip(), dig(node, *path)
    if not found or not written or holds_placeholder(written) or written.startswith("azureml:"):
        return
    form = _IMAGE.fullmatch(written)
    key = ".".join(str(step) for step in path)
    if form is None:
        yield error_at(found.at, f"`{key}` is no image: found `{written}`", _FOR_EXAMPLE, "image-name")
    elif form["repository"] != form["repository"].lower():
        message = f"`{key}`: registries take repositories in lower case only, found `{written}`"
        yield warning_at(found.at, message, "Write the repository in lower case.", "image-name")


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
