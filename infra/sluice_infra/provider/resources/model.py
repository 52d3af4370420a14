"""Model: an immutable version, stored by content."""

from __future__ import annotations

from collections.abc import Iterable

from sluice.errors import ImmutableModel, SpecError
from sluice.spec.content import model_content
from sluice.spec.models import ModelContent
from sluice.targets.local.models import ModelStore, model_key, refuse_other_content
from sluice.targets.local.state import running_contents
from sluice.targets.local.usage import refuse_used_model
from sluice_infra.provider.handler import Context, Handler, Live
from sluice_infra.provider.values import Plain


class ModelHandler(Handler):
    """A named version of a model. Name and version are its identity; its content can't change."""

    inputs = ("name", "version", "type", "path", "contentHash", "description", "tags", "properties")
    replace = frozenset({"name", "version"})

    def check(self, context: Context, old: Plain, new: Plain) -> Iterable[tuple[str, str]]:
        """Refuse other content under a version that exists."""
        del old
        try:
            refuse_other_content(ModelStore(context.paths).versions.get(model_key(new)), new)
        except ImmutableModel as error:
            yield "contentHash", str(error)

    def create(self, context: Context, inputs: Plain) -> tuple[str, Plain]:
        """Copy the content and register the version."""
        ModelStore(context.paths).register(inputs, self._content(context, inputs).files)
        return model_key(inputs), inputs

    def read(self, context: Context, identifier: str, state: Plain) -> Live | None:
        """Return the registered version."""
        del state
        record = ModelStore(context.paths).versions.get(identifier)
        return Live(record) if record is not None else None

    def update(self, context: Context, identifier: str, state: Plain, inputs: Plain) -> Plain:
        """Change what may change: description, tags, properties, where the files lie."""
        del identifier, state
        return self.create(context, inputs)[1]

    def delete(self, context: Context, identifier: str, state: Plain) -> None:
        """Remove the version; content that still serves stays until nothing serves it."""
        del state
        refuse_used_model(context.paths, identifier)
        store = ModelStore(context.paths)
        store.remove(identifier)
        store.collect(running_contents(context.paths))

    def _content(self, context: Context, inputs: Plain) -> ModelContent:
        content = model_content(context.root / inputs["path"])
        if content.sha256 != inputs["contentHash"]:
            raise SpecError(
                f"{inputs['path']}: the model's files changed while they were being deployed",
                remedy="Run again when nothing writes to them.",
            )
        return content
