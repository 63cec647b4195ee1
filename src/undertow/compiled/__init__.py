"""The decorator of compiled code: a tree of functions is optimised once, where Python enters it.

Numba makes machine code of every function on its own, wraps it for Python, and then copies its
optimised form into each caller, to be optimised again at every level of nesting. Here a function
called from compiled code is only *lowered* to LLVM's intermediate form; where Python calls one, it is
*opened*: all it reaches is linked, optimised as one module whose inner functions are nobody else's,
wrapped and cached on disk. Semantics are Numba's own (docs/decisions/0040): the same bits come out.

This leans on Numba's internals, so it is used with the versions it is known to work with (`KNOWN`);
with others, or with ``UNDERTOW_COMPILER=numba`` in the environment, `compiled` is ``numba.njit``.
"""

from __future__ import annotations

import os
from typing import Any, Final

import numba as nb
from numba.core import config

KNOWN: Final = ((0, 68),)
"""Numba versions whose internals are known to fit."""


def _leans_on_numba() -> bool:
    return nb.version_info.short in KNOWN and os.environ.get("UNDERTOW_COMPILER") != "numba"


def compiled(function: Any = None, *, nogil: bool = False, inline: str = "never", trunk: bool = False) -> Any:
    """Compile `function` when it is first called and keep the result on disk.

    `nogil`: calls from Python release the interpreter's lock. `inline` as in ``numba.njit``. `trunk`:
    keep its lowered form too, because several programs, or processes that share the work of
    compiling one, begin with it. With ``NUMBA_DISABLE_JIT=1`` the function stays Python.
    """
    if function is None:
        return lambda f: compiled(f, nogil=nogil, inline=inline, trunk=trunk)
    if not _leans_on_numba():
        return nb.njit(cache=True, nogil=nogil, inline=inline)(function)
    if config.DISABLE_JIT:
        return function
    from undertow.compiled.function import CompiledFunction

    options = {"nopython": True, "boundscheck": None, "nogil": nogil, "inline": inline}
    dispatcher = CompiledFunction(function, targetoptions=options)
    dispatcher.enable_caching(lowered=trunk)
    return dispatcher
