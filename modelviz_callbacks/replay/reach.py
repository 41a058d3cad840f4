"""What a function may touch by name: globals, attributes of modules, methods of its class."""

import dis
import sys
import types
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

# Objects of these packages hold the machinery of the run (trainer, loggers, loaders), not the
# state of the model.
FOREIGN = frozenset(
    [
        "torch",
        "lightning",
        "pytorch_lightning",
        "lightning_fabric",
        "lightning_utilities",
        "tensorboard",
        "tensorboardX",
        "modelviz_callbacks",
        "numpy",
        "logging",
        "threading",
        "_thread",
        "multiprocessing",
        "concurrent",
        "asyncio",
        "weakref",
        "wandb",
        "mlflow",
    ]
)
_STORE_GLOBAL = dis.opmap["STORE_GLOBAL"]


def package(value: Any) -> str:
    """Gives the name of the top-level package that an object or its class comes from."""
    module = getattr(value, "__module__", None) or type(value).__module__
    return str(module).partition(".")[0]


@lru_cache(maxsize=1024)
def is_users(module: str | None) -> bool:
    """Whether the code of a module is neither PyTorch's, nor the run's, nor Python's own."""
    name = str(module).partition(".")[0]
    return name not in FOREIGN and (name not in sys.stdlib_module_names or name == "__main__")


def code_names(code: types.CodeType) -> set[str]:
    """Gives the names that a code object looks up, in comprehensions and inner functions too."""
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names |= code_names(constant)
    return names


def named_globals(function: types.FunctionType, names: set[str]) -> Iterator[Any]:
    """Gives the values of the globals that a function names, and what it names in modules."""
    for name in names:
        value = function.__globals__.get(name)
        if not isinstance(value, types.ModuleType):
            yield value
        elif is_users(value.__name__):
            inside = vars(value)
            yield from (inside[inner] for inner in names if inner in inside)


def named_methods(owner: type[Any], names: set[str]) -> Iterator[types.FunctionType]:
    """Gives the functions in a class's own body, and its bases', that a function names."""
    for base in owner.__mro__:
        if not is_users(base.__module__):
            continue
        for name in names & vars(base).keys():
            method = vars(base)[name]
            method = getattr(method, "fget", None) or getattr(method, "__func__", method)
            if isinstance(method, types.FunctionType):
                yield method


def rebound_globals(code: types.CodeType) -> tuple[str, ...]:
    """Gives the global names that a code object binds anew."""
    if _STORE_GLOBAL not in code.co_code[::2]:
        return ()
    return tuple({i.argval for i in dis.get_instructions(code) if i.opcode == _STORE_GLOBAL})
