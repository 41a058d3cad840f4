"""Module paths: the names by which a user points at a module."""

import difflib
from collections.abc import Iterator

from torch import nn

from modelviz_callbacks.errors import SettingsError
from modelviz_callbacks.watch.wrappers import (
    WRAPPED_NAMES,
    is_closed,
    see_through,
    unwrap,
)


def walk(
    model: nn.Module, path: str = "", *, into_compiled: bool = True
) -> Iterator[tuple[str, nn.Module]]:
    """Gives every module once, with its path; wrappers leave no trace in the paths.

    Args:
        model: The module to start with.
        path: Its own path.
        into_compiled: Whether to go on inside wrappers (compiled, data-parallel) and scripted
            modules, where nothing may be attached.

    Yields:
        Paths like `"net.layer1.0"` (`""` is the model itself), and the modules; first a wrapper,
        then what it wraps, under the same path.
    """
    yield from _walk(model, path, set(), into_compiled=into_compiled)


def modules_below(path: str, module: nn.Module) -> dict[str, nn.Module]:
    """Gives the watchable modules in a compiled one, by path."""
    modules: dict[str, nn.Module] = {}
    for name, child in module._modules.items():
        if child is not None:
            modules |= dict(walk(child, join(path, name), into_compiled=False))
    return modules


def find_module(model: nn.Module, target: str) -> nn.Module:
    """Finds a module by its path.

    Args:
        model: The module that the path starts from.
        target: The path, like `"net.encoder"`.

    Returns:
        The module, without wrappers.

    Raises:
        SettingsError: If there is none; the message names the nearest paths.
    """
    modules = dict(_every_path(unwrap(model), ""))
    if target in modules:
        return unwrap(modules[target])
    near = difflib.get_close_matches(target, modules, n=3, cutoff=0.4)
    names = near or [path for path in modules if path and "." not in path][:8]
    raise SettingsError(
        f"target={target!r} is no module of {type(unwrap(model)).__name__}. "
        f"Nearest names: {', '.join(map(repr, names)) or 'none, it has no submodules'}. "
        "print(model) shows them all."
    )


def join(path: str, name: str) -> str:
    """Joins a module path and a child's name."""
    return f"{path}.{name}" if path else name


def _walk(
    model: nn.Module, path: str, seen: set[int], *, into_compiled: bool
) -> Iterator[tuple[str, nn.Module]]:
    if id(model) in seen:
        return
    seen.add(id(model))
    yield path, model
    if (wrapped := see_through(model)) is not None:
        yield from _walk(wrapped, path, seen, into_compiled=into_compiled)
        return
    inner = unwrap(model)
    if inner is not model:
        if into_compiled:
            yield from _walk(inner, path, seen, into_compiled=into_compiled)
        return
    if not into_compiled and is_closed(model):
        return
    for name, child in model._modules.items():
        if child is not None:
            yield from _walk(child, join(path, name), seen, into_compiled=into_compiled)


def _every_path(module: nn.Module, path: str) -> Iterator[tuple[str, nn.Module]]:
    """Like `walk`, but a shared module is found under each of its paths."""
    for name, child in module.named_modules(prefix=path, remove_duplicate=False):
        yield _without_wrappers(name), child


def _without_wrappers(path: str) -> str:
    return ".".join(part for part in path.split(".") if part not in WRAPPED_NAMES)
