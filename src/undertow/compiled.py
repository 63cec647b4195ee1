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
from llvmlite.binding import parse_bitcode
from numba.core import compiler, config, errors, sigutils, typing
from numba.core.caching import CompileResultCacheImpl, FunctionCache
from numba.core.codegen import JITCodeLibrary, RuntimeLinker
from numba.core.compiler_lock import global_compiler_lock
from numba.core.compiler_machinery import PassManager, _pass_registry
from numba.core.dispatcher import _FunctionCompiler
from numba.core.postproc import PostProcessor
from numba.core.registry import CPUDispatcher
from numba.core.transforms import canonicalize_cfg

KNOWN: Final = ((0, 68),)
"""Numba versions whose internals are known to fit."""


class Tree(JITCodeLibrary):
    """Code of one lowered function, linked with what it calls only where it is needed."""

    def add_linking_library(self, library: Any) -> None:
        """Note that `library` is called; others than trees are made ready at once."""
        library._ensure_finalized()
        self._linking_libraries.append(library)

    def add_bitcode(self, bitcode: bytes) -> None:
        """Take in code that was kept on disk."""
        self._final_module.link_in(parse_bitcode(bitcode))

    def linked(self) -> Any:
        """A library of its own with the code of this function and of all it reaches."""
        whole = Tree(self._codegen, self.name)
        whole._linking_libraries = [self]
        whole._link_reached()
        return whole

    def _ensure_finalized(self) -> None:
        """A tree is never finished; what is linked with it is."""

    def _get_module_for_linking(self) -> Any:
        """What a function compiled by Numba alone links: everything reached, to be optimised there."""
        if self._shared_module is None:
            self._shared_module = self.linked()._final_module
        return self._shared_module

    def _optimize_functions(self, ll_module: Any) -> None:
        """Tidy each function by itself: what is linked and inlined later is then a fraction."""
        ll_module.data_layout = self._codegen._data_layout
        manager, builder = self._codegen._function_pass_manager()
        for function in ll_module.functions:
            if not function.is_declaration:
                manager.run(function, builder)

    def reached(self) -> list[Any]:
        """The libraries of all functions called from here, at any depth, each once."""
        seen: dict[int, Any] = {}
        waiting = self._linking_libraries[::-1]
        while waiting:
            library = waiting.pop()
            if id(library) not in seen:
                seen[id(library)] = library
                if isinstance(library, Tree):
                    waiting.extend(library._linking_libraries[::-1])
        return list(seen.values())

    def _link_reached(self) -> set[str]:
        """Copy what is called from here into this module; names of the functions that were here."""
        own = _defined(self._final_module)
        for library in self.reached():
            self._reload_init.update(library._reload_init)
            tree = isinstance(library, Tree)
            module = library._final_module if tree else library._get_module_for_linking()
            self._final_module.link_in(module, preserve=True)
        for function in self._final_module.functions:
            if not function.is_declaration and function.name not in own:
                function.linkage = "linkonce_odr"
        return own


class Program(Tree):
    """Code that Python calls: a wrapper and the tree behind it, optimised as one module."""

    keep: frozenset[str] = frozenset()
    """Linked functions that stay visible; the others serve this module alone."""

    def _ensure_finalized(self) -> None:
        if not self._finalized:
            self.finalize()

    def _get_module_for_linking(self) -> Any:
        return JITCodeLibrary._get_module_for_linking(self)

    def finalize(self) -> None:
        """Link, optimise and emit; as Numba's own, but with everything at once."""
        self._raise_if_finalized()
        visible = self._link_reached() | self.keep
        module = self._final_module
        if not any(g.name.startswith(RuntimeLinker.PREFIX) for g in module.global_variables):
            for function in module.functions:  # unless some function calls itself, by name
                if not function.is_declaration and function.name not in visible:
                    function.linkage = "internal"
        self._optimize_final_module()
        module.verify()
        self._finalize_final_module()


def _defined(module: Any) -> set[str]:
    return {f.name for f in module.functions if not f.is_declaration}


class Lowered:
    """Stands for the entry point of a function that has none yet."""


class _LoweredCacheImpl(CompileResultCacheImpl):
    """Keeps a lowered function with all it calls, not yet optimised."""

    def get_filename_base(self, fullname: str, abiflags: str) -> str:
        return "lowered-" + super().get_filename_base(fullname, abiflags)

    def reduce(self, cres: Any) -> tuple[Any, ...]:
        whole = cres.library.linked()
        fndesc = cres.fndesc
        fndesc.typemap = fndesc.calltypes = None
        envs = cres._replace(library=whole)._find_referenced_environments()
        bitcode = whole._final_module.as_bitcode()
        return whole.name, bitcode, fndesc, cres.environment, cres.signature, cres.reload_init, tuple(envs)

    def rebuild(self, target_context: Any, payload: tuple[Any, ...]) -> Any:
        name, bitcode, fndesc, environment, signature, reload_init, envs = payload
        for function in reload_init:
            function()
        library = Tree(target_context.codegen(), name)
        library.add_bitcode(bitcode)
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


class _LoweredCache(FunctionCache):
    _impl_class = _LoweredCacheImpl


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


class _Lowering(_FunctionCompiler):
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


class CompiledFunction(CPUDispatcher):
    """A function compiled on demand: lowered for compiled callers, opened for Python."""

    def __init__(self, py_func: Any, locals: Any = None, targetoptions: Any = None, **more: Any) -> None:
        super().__init__(py_func, locals, targetoptions, **more)
        compiler_of = self._compiler
        self._compiler = _Lowering(
            py_func, self.targetdescr, self.targetoptions, self.locals, compiler_of.pipeline_class
        )
        self._lowered_cache: Any = None

    def enable_caching(self, lowered: bool = False) -> None:
        """Keep opened functions on disk; with `lowered` also the lowered form, with all it reaches."""
        super().enable_caching()
        if lowered:
            self._lowered_cache = _LoweredCache(self.py_func)

    def get_call_template(self, args: Any, kws: Any) -> Any:
        """The signatures a compiled caller chooses from, the one asked for among them."""
        pysig, args = self._compiler.fold_argument_types(args, kws)
        if self._can_compile:
            self.lower(tuple(args))
        name = self.py_func.__name__
        template = typing.make_concrete_template(
            f"CallTemplate({name})", key=name, signatures=self.nopython_signatures
        )
        return template, pysig, args, {}

    def lower(self, args: Any, return_type: Any = None) -> Any:
        """The function for argument types `args` as compiled callers link it."""
        with global_compiler_lock, self._compiling_counter:
            found = self.overloads.get(args)
            if found is not None:
                return found
            cache = self._lowered_cache
            result = _load(cache, args, self.targetctx) if cache is not None else None
            if result is None:
                result = self._compiler.compile(args, return_type)
                if cache is not None:
                    cache.save_overload(args, result)
            result = result._replace(entry_point=Lowered())
            self._insert_result(result, result.library)
            self.overloads[args] = result
            return result

    def compile(self, sig: Any) -> Any:
        """The entry point for `sig`, callable from Python."""
        with global_compiler_lock:
            args, return_type = sigutils.normalize_signature(sig)
            args = tuple(args)
            found = self.overloads.get(args)
            if found is not None and not isinstance(found.entry_point, Lowered):
                return found.entry_point
            if not self._can_compile:
                raise RuntimeError("compilation disabled")
            result = _load(self._cache, args, self.targetctx)
            if result is not None:
                self._cache_hits[sig] += 1
                self._insert_result(result, result.library)
            else:
                self._cache_misses[sig] += 1
                lowered = self.lower(args, return_type)
                result = self._opened(lowered)
                self._cache.save_overload(args, result)
                self._insert_result(result, lowered.library)
            self.add_overload(result)
            return result.entry_point

    def _insert_result(self, result: Any, library: Any) -> None:
        """Tell the linker which library holds `result`."""
        self.targetctx.insert_user_function(result.entry_point, result.fndesc, [library])

    def _opened(self, lowered: Any) -> Any:
        """Machine code of `lowered` and all it calls, with a wrapper for Python."""
        context, fndesc, environment = self.targetctx, lowered.fndesc, lowered.environment
        library = Program(context.codegen(), lowered.library.name)
        library.enable_object_caching()
        library.keep = frozenset([fndesc.llvm_func_name])
        with context.push_code_library(library):
            context.create_cpython_wrapper(
                library,
                fndesc,
                environment,
                lowered.call_helper,
                release_gil=bool(self.targetoptions.get("nogil")),
            )
        library.add_linking_library(lowered.library)
        entry_point = context.get_executable(library, fndesc, environment)
        result = lowered._replace(
            entry_point=entry_point, library=library, reload_init=list(library._reload_init)
        )
        environments = result._find_referenced_environments()
        for known in environments:
            library.codegen.set_env(known.env_name, known)
        return result._replace(referenced_envs=tuple(environments))


def _load(cache: Any, args: Any, context: Any) -> Any:
    """What `cache` holds for argument types `args`; None if nothing, or something else."""
    result = cache.load_overload(args, context)
    if result is None or tuple(result.signature.args) != args:
        return None
    return result


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
    options = {"nopython": True, "boundscheck": None, "nogil": nogil, "inline": inline}
    dispatcher = CompiledFunction(function, targetoptions=options)
    dispatcher.enable_caching(lowered=trunk)
    return dispatcher
