"""What is kept on disk of compiled functions, and one process at a time that makes it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from numba.core import compiler
from numba.core.caching import CompileResultCacheImpl, FunctionCache

from undertow.compiled.code import Tree

try:
    import fcntl
except ImportError:  # not on Windows: two processes may then compile the same, each for itself
    fcntl = None  # type: ignore[assignment]

PATIENCE_S: Final = 300.0
"""How long a process waits for another that compiles the same function, before it does so itself."""

watchers: Final[list[Callable[[int], None]]] = []
"""Told how many functions have just been lowered, read from disk or made machine code of."""


def tell(functions: int) -> None:
    """Tell `watchers`."""
    for watcher in watchers:
        watcher(functions)


class _LoweredCacheImpl(CompileResultCacheImpl):
    """Keeps a lowered function with all it calls, not yet optimised."""

    def get_filename_base(self, fullname: str, abiflags: str) -> str:
        return "lowered-" + super().get_filename_base(fullname, abiflags)

    def reduce(self, cres: Any) -> tuple[Any, ...]:
        whole = cres.library.linked()
        fndesc = cres.fndesc
        fndesc.typemap = fndesc.calltypes = None
        envs = cres._replace(library=whole)._find_referenced_environments()
        kept = (fndesc, cres.environment, cres.signature, cres.reload_init, tuple(envs))
        return whole.name, cres.library.to_keep(), len(cres.library.reached()) + 1, *kept

    def rebuild(self, target_context: Any, payload: tuple[Any, ...]) -> Any:
        name, bitcode, functions, fndesc, environment, signature, reload_init, envs = payload
        for function in reload_init:
            function()
        library = Tree(target_context.codegen(), name)
        library.become(bitcode)
        tell(functions)
        return compiler.CompileResult(
            typing_context=target_context.typing_context,
            target_context=target_context,
            entry_point=None,
            typing_error=None,
            type_annotation=None,
            signature=signature,
            objectmode=False,
            lifted=(),
            fndesc=fndesc,
            library=library,
            call_helper=None,
            environment=environment,
            metadata=None,
            reload_init=reload_init,
            referenced_envs=envs,
        )

    def check_cachable(self, cres: Any) -> bool:
        return not cres.lifted


class LoweredCache(FunctionCache):
    """The cache of a function's lowered form."""

    _impl_class = _LoweredCacheImpl


def load(cache: Any, args: Any, context: Any) -> Any:
    """What `cache` holds for argument types `args`; None if nothing, or something else."""
    result = cache.load_overload(args, context)
    if result is None or tuple(result.signature.args) != args:
        return None
    return result


@contextmanager
def alone(cache: Any) -> Iterator[None]:
    """Hold the lock of what `cache` keeps, so that processes do not compile it side by side.

    Locks are taken from callers to callees, so processes cannot wait for each other in a circle.
    """
    if fcntl is None or not hasattr(cache, "_cache_file"):
        yield
        return
    cache._impl.locator.ensure_cache_path()
    until = time.monotonic() + PATIENCE_S
    with open(f"{cache._cache_file._index_path}.lock", "w") as file:
        while time.monotonic() < until:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                time.sleep(0.02)
        yield
