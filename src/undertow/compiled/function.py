"""A function compiled on demand."""

from __future__ import annotations

from typing import Any

from numba.core import sigutils, typing
from numba.core.compiler_lock import global_compiler_lock
from numba.core.registry import CPUDispatcher

from undertow.compiled.code import Program
from undertow.compiled.kept import LoweredCache, alone, load, tell
from undertow.compiled.passes import Lowering


class Lowered:
    """Stands for the entry point of a function that has none yet."""


class CompiledFunction(CPUDispatcher):
    """A function compiled on demand: lowered for compiled callers, opened for Python."""

    def __init__(self, py_func: Any, locals: Any = None, targetoptions: Any = None, **more: Any) -> None:
        super().__init__(py_func, locals, targetoptions, **more)
        compiler_of = self._compiler
        self._compiler = Lowering(
            py_func, self.targetdescr, self.targetoptions, self.locals, compiler_of.pipeline_class
        )
        self._lowered_cache: Any = None

    def enable_caching(self, lowered: bool = False) -> None:
        """Keep opened functions on disk; with `lowered` also the lowered form, with all it reaches."""
        super().enable_caching()
        if lowered:
            self._lowered_cache = LoweredCache(self.py_func)

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
            result = None if cache is None else load(cache, args, self.targetctx)
            if result is None and cache is None:
                result = self._compiler.compile(args, return_type)
                tell(1)
            elif result is None:
                with alone(cache):
                    result = load(cache, args, self.targetctx)
                    if result is None:
                        result = self._compiler.compile(args, return_type)
                        tell(1)
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
            result = load(self._cache, args, self.targetctx)
            if result is None:
                with alone(self._cache):
                    result = load(self._cache, args, self.targetctx)
                    if result is None:
                        return self._compile_anew(sig, args, return_type)
            self._cache_hits[sig] += 1
            self._insert_result(result, result.library)
            self.add_overload(result)
            return result.entry_point

    def _compile_anew(self, sig: Any, args: Any, return_type: Any) -> Any:
        """Open the function for `args` and keep it."""
        self._cache_misses[sig] += 1
        with self._compiling_counter:
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
        tell(len(library.reached()))
        environments = result._find_referenced_environments()
        for known in environments:
            library.codegen.set_env(known.env_name, known)
        return result._replace(referenced_envs=tuple(environments))
