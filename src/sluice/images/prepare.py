"""From an environment to a plan that can be built: reads files and locks, resolves where there is no lock."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path

from sluice.cache import cache_folder
from sluice.errors import Mark
from sluice.images.conda import conda_files, conda_packages
from sluice.images.context import digests, read_context, sealed, size_findings, sizes
from sluice.images.credentials import credentials_for, providers
from sluice.images.feeds import Credential, Feed, build_secrets, machine_feed, split_feeds, uv_config
from sluice.images.lock import Lock, LockRequest, lock_findings, lock_path, read_lock
from sluice.images.locking import resolve
from sluice.images.manifest import Manifest, reasons
from sluice.images.models import ImagePlan
from sluice.images.plan import (
    FLOW_RUNTIME,
    Details,
    Form,
    Wish,
    conda_plan,
    dockerfile_plan,
    image_wish,
    package_plan,
    tool_files,
)
from sluice.images.uv import Run, uv_for
from sluice.spec.diagnostics import Diagnostic
from sluice.spec.load import raise_errors
from sluice.spec.models import Environment, ModelContent


@dataclass(frozen=True)
class Subject:
    """What an image is prepared for.

    Attributes:
        server: the packages of the server, for a base that brings none.
        previous: what the image was made of the last time, for the reasons.
    """

    environment: Environment | None
    content: ModelContent | None
    server: tuple[str, ...] = ()
    default_base: str = FLOW_RUNTIME
    previous: Manifest | None = None

    @property
    def at(self) -> Mark:
        """Where the environment is written."""
        return self.environment.at if self.environment else Mark("(no environment)")


@dataclass(frozen=True)
class Prepared:
    """A plan with its hash and reasons, what it is made of, and warnings about it."""

    plan: ImagePlan
    manifest: Manifest
    warnings: tuple[Diagnostic, ...] = ()


@dataclass(frozen=True)
class Indexes:
    """The indexes that requirements name, or this machine, and the credentials of private ones."""

    feeds: tuple[Feed, ...] = ()
    credentials: Mapping[str, Credential] = field(default_factory=dict, repr=False)

    def run(self, talk: Run) -> Run:
        """Return `talk` with uv told of these indexes."""
        known = (*self.credentials.values(), *(feed.own for feed in self.feeds if feed.own))
        return replace(talk, config=uv_config(self.feeds, self.credentials), credentials=known)


def indexes_of(feeds: Sequence[Feed], environ: Mapping[str, str] = os.environ) -> Indexes:
    """Return where packages come from: `feeds`, and this machine's own index where none of them replaces it.

    Raises SecretMissing for a private feed without a credential.
    """
    own = machine_feed(environ)
    if own and not any(feed.default for feed in feeds):
        feeds = (*feeds, own)
    return Indexes(tuple(feeds), credentials_for(feeds, providers(environ)))


def wish_of(subject: Subject) -> Wish:
    """Return the image that is wanted. Raises SpecFileError for a conda file that can't be read."""
    environment = subject.environment
    conda = conda_packages(environment.conda_file) if environment and environment.conda_file else ()
    return image_wish(environment, subject.content, conda, subject.default_base)


def is_ready(wish: Wish, *, serves: bool) -> bool:
    """Tell whether nothing has to be built; `serves`: the base brings its server."""
    return wish.form is Form.READY or (serves and wish.form is Form.PACKAGES and not wish.requirements)


def prepare(subject: Subject, details: Details, talk: Run) -> Prepared | None:
    """Return the image to build, or None where the environment's image is ready to run.

    A lock beside the requirements is taken as it is; without one they are resolved, once a machine.

    Raises:
        SpecError: a base that is no reference, a context that can't be read or is too large, a lock that drifted.
        SecretMissing: a private feed without a credential.
        EnvironmentFailed: requirements that do not resolve.
        Interrupted: the user stopped it.
    """
    wish = wish_of(subject)
    if is_ready(wish, serves=details.serves):
        return None
    plan, manifest = _planned(wish, subject, details, talk)
    found = size_findings(sizes(plan.files), subject.at) if wish.form is Form.DOCKERFILE else ()
    raise_errors(found)
    return Prepared(replace(sealed(plan), reasons=reasons(subject.previous, manifest)), manifest, found)


def _planned(wish: Wish, subject: Subject, details: Details, talk: Run) -> tuple[ImagePlan, Manifest]:
    if wish.form is Form.DOCKERFILE:
        build = subject.environment.build if subject.environment else None
        assert build is not None  # the form says so
        context = read_context(build.path, build.dockerfile_path)
        # A Dockerfile may install from a private feed, too: it mounts the same secret.
        return dockerfile_plan(context, digests(context.files), _with_secrets(details, wish))
    if wish.form is Form.CONDA:
        assert wish.source is not None  # the form says so
        return conda_plan(wish, conda_files(wish.source), details)
    indexes = indexes_of(split_feeds(wish.requirements)[0])
    told = indexes.run(talk)
    lock = locked(wish, subject.server, told, subject.at)
    tools = tool_files(uv_for(details.platforms, told))
    secrets = build_secrets(indexes.feeds, indexes.credentials)
    return package_plan(wish, lock, tools, replace(details, secrets=secrets))


def _with_secrets(details: Details, wish: Wish) -> Details:
    feeds, _ = split_feeds(wish.requirements)
    indexes = indexes_of(feeds) if any(feed.private for feed in feeds) else Indexes()
    return replace(details, secrets=build_secrets(indexes.feeds, indexes.credentials))


def locked(wish: Wish, server: tuple[str, ...], run: Run, at: Mark) -> Lock:
    """Return the lock beside the requirements, or what they resolve to. Raises as `prepare` does."""
    beside = lock_path(wish.source) if wish.source else None
    if beside and beside.is_file():
        text = beside.read_text(encoding="utf-8")
        raise_errors(lock_findings(at, wish.requirements, server, text, beside.name))
        return read_lock(text, beside.name)
    request = LockRequest(wish.requirements, server, wish.python_version or LockRequest.python_version)
    name = sha256(repr((request, wish.source and wish.source.name)).encode()).hexdigest()[:16]
    kept = cache_folder() / "image-locks" / f"{name}.txt"
    if not kept.is_file():
        text = resolve(request, wish.source or Path("requirements.txt"), run)
        kept.parent.mkdir(parents=True, exist_ok=True)
        new = kept.with_suffix(".new")
        new.write_text(text)
        new.replace(kept)
    return read_lock(kept.read_text())
