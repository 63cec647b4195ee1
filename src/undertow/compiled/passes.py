"""Lowering a function with Numba's passes, without what only its users' tools look at."""

from __future__ import annotations

from typing import Any, Final

from numba.core import compiler, errors
from numba.core.compiler_machinery import PassManager, _pass_registry
from numba.core.dispatcher import _FunctionCompiler
from numba.core.postproc import PostProcessor
from numba.core.transforms import canonicalize_cfg

from undertow.compiled.code import Tree


class _Flags(compiler.Flags):
    """Numba's flags, which it compares at every call of a function it overloads, compared at once."""

    __slots__ = ()

    def __hash__(self) -> int:
        return _HASH

    def __eq__(self, other: object) -> bool:
        if isinstance(other, _Flags) and self._values == other._values:
            return True
        return bool(super().__eq__(other))


_HASH: Final = hash(compiler.Flags())  # of the options' names: the same for all flags


class _Passes(PassManager):
    """Numba's passes without the event each of them announces, arguments spelled out."""

    def _runPass(self, index: int, pss: Any, internal_state: Any) -> None:
        pss.analysis = self._analysis
        with errors.new_error_context("Pass {name}", name=pss.name()):
            mutated = bool(pss.run_initialization(internal_state))
            mutated |= bool(pss.run_pass(internal_state))
            mutated |= bool(pss.run_finalizer(internal_state))
        if not _pass_registry.get(type(pss)).mutates_CFG:
            return
        if mutated:
            PostProcessor(internal_state.func_ir).run()
        else:
            internal_state.func_ir.blocks = canonicalize_cfg(internal_state.func_ir.blocks)


class _Pipeline(compiler.Compiler):
    """Numba's pipeline, run by `_Passes`."""

    def define_pipelines(self) -> list[Any]:
        """The passes Numba would run."""
        ours = []
        for theirs in super().define_pipelines():
            passes = _Passes(theirs.pipeline_name)
            passes.passes = theirs.passes
            passes.finalize()
            ours.append(passes)
        return ours


class Lowering(_FunctionCompiler):
    """Types a function and lowers it; makes no machine code and no wrappers."""

    def _compile_core(self, args: Any, return_type: Any) -> Any:
        flags = _Flags()
        self.targetdescr.options.parse_as_flags(flags, self.targetoptions)
        flags.no_compile = flags.no_cpython_wrapper = flags.no_cfunc_wrapper = True
        context = self.targetdescr.target_context
        return compiler.compile_extra(
            self.targetdescr.typing_context,
            context,
            self.py_func,
            args=args,
            return_type=return_type,
            flags=flags,
            locals=self.locals,
            library=Tree(context.codegen(), self.py_func.__qualname__),
            pipeline_class=_Pipeline,
        )
