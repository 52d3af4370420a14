"""Python sources of a flow, read and never imported: whether they parse, and what they define."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sluice.spec.includes import is_file

if TYPE_CHECKING:
    import ast

_LARGEST = 2 * 1024 * 1024


@dataclass(frozen=True)
class Parameters:
    """What a function is called with: `names` in order, those of them that must be given, and whether all fit."""

    names: tuple[str, ...]
    required: frozenset[str]
    any_name: bool = False


@dataclass(frozen=True)
class Source:
    """A Python file: what is wrong with it (`fault`), or its statements."""

    fault: str | None = None
    module: ast.Module | None = None

    @property
    def empty(self) -> bool:
        """Whether it has no statement, so that nothing can be said of it."""
        return self.module is not None and not self.module.body


def read_source(path: Path) -> Source:
    """Return the Python file `path`, parsed; a file that is too large to be judged counts as fine and is empty."""
    import ast
    import warnings

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a source's doubtful escapes are not this program's
            if path.stat().st_size > _LARGEST:
                return Source()
            return Source(module=ast.parse(path.read_bytes()))
    except SyntaxError as error:
        return Source(fault=f"{error.msg} (line {error.lineno})")
    except (ValueError, OSError, RecursionError, MemoryError) as error:
        return Source(fault=str(error) or type(error).__name__)


def module_file(folder: Path, module: str) -> Path | None:
    """Return the file of the dotted `module` below `folder`, or None where there is none."""
    *packages, name = module.split(".")
    if not name or not all(packages):
        return None
    above = folder.joinpath(*packages)
    return next((path for path in (above / f"{name}.py", above / name / "__init__.py") if is_file(path)), None)


def defined(module: ast.Module, name: str) -> ast.stmt | None:
    """Return the statement that gives `name` a meaning in the module; None where none does."""
    return next((one for one in _statements(module.body) if name in _names(one)), None)


def opaque(module: ast.Module) -> bool:
    """Tell whether the module's names can't be told from its text: it takes all names of another one, or makes them."""
    import ast

    for one in _statements(module.body):
        if isinstance(one, ast.ImportFrom) and any(alias.name == "*" for alias in one.names):
            return True
        if isinstance(one, ast.FunctionDef) and one.name == "__getattr__":
            return True
    return False


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements that run when the module is imported, those inside `if` and `try` included."""
    import ast

    for one in body:
        yield one
        if not isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            for block in ("body", "orelse", "finalbody"):
                yield from _statements(getattr(one, block, []))
            for handler in getattr(one, "handlers", []):
                yield from _statements(handler.body)


def _names(statement: ast.stmt) -> set[str]:
    import ast

    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {statement.name}
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return {(alias.asname or alias.name).partition(".")[0] for alias in statement.names}
    if isinstance(statement, ast.Assign | ast.AnnAssign | ast.AugAssign):
        return {one.id for one in ast.walk(statement) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)}
    return set()


def tool_parameters(module: ast.Module) -> Parameters | None:
    """Return what the module's only `@tool` function is called with; None where there is not exactly one."""
    import ast

    functions = [one for one in module.body if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)]
    tools = [one for one in functions if any(_is_tool(mark) for mark in one.decorator_list)]
    plain = len(tools) == 1 and len(tools[0].decorator_list) == 1
    return parameters(tools[0]) if plain else None


def _is_tool(decorator: ast.expr) -> bool:
    import ast

    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    return (called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")) == "tool"


def parameters(function: ast.FunctionDef | ast.AsyncFunctionDef, *, bound: bool = False) -> Parameters:
    """Return what a function is called with; `bound`: it is a method, whose first parameter is given."""
    given = function.args
    positional = [*given.posonlyargs, *given.args]
    optional = {argument.arg for argument in positional[len(positional) - len(given.defaults) :]}
    optional |= {one.arg for one, default in zip(given.kwonlyargs, given.kw_defaults, strict=True) if default}
    names = [one.arg for one in [*positional[1 if bound else 0 :], *given.kwonlyargs]]
    return Parameters(tuple(names), frozenset(names) - optional, any_name=given.kwarg is not None)


def method(owner: ast.ClassDef, name: str) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
    """Return the method `name` that the class itself defines."""
    import ast

    functions = (one for one in owner.body if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef))
    return next((one for one in functions if one.name == name), None)


def is_plain_class(owner: ast.ClassDef) -> bool:
    """Tell whether all that the class has is written in it: it inherits nothing and nothing changes it."""
    bases = [getattr(base, "id", "?") for base in owner.bases]
    return set(bases) <= {"object"} and not owner.keywords and not owner.decorator_list
