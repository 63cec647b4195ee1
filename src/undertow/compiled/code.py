"""Code of compiled functions: trees that are linked where needed, programs that are machine code."""

from __future__ import annotations

import secrets
from typing import Any

from llvmlite.binding import Linkage, parse_bitcode
from numba.core.codegen import JITCodeLibrary, RuntimeLinker


class Tree(JITCodeLibrary):
    """Code of one lowered function, linked with what it calls only where it is needed."""

    def add_linking_library(self, library: Any) -> None:
        """Note that `library` is called; others than trees are made ready at once."""
        library._ensure_finalized()
        self._linking_libraries.append(library)

    def to_keep(self) -> bytes:
        """This function and all it reaches, the latter hidden.

        Numba numbers functions as a process meets them; by name alone, those of two processes that
        have the same name and number but differ in what they close over could pass for each other.
        """
        module = self.linked()._final_module
        _hide_all_but(_visible(module), module)
        return bytes(module.as_bitcode())

    def become(self, bitcode: bytes) -> None:
        """Be the code that was kept on disk."""
        self._final_module = parse_bitcode(bitcode)

    def linked(self) -> Any:
        """A library of its own with the code of this function, visible, and of all it reaches."""
        whole = Tree(self._codegen, self.name)
        whole._final_module = self._final_module.clone()
        whole._linking_libraries = self._linking_libraries
        whole._link_reached()
        return whole

    def _ensure_finalized(self) -> None:
        """A tree is never finished; what is linked with it is."""

    def _get_module_for_linking(self) -> Any:
        """What a function compiled by Numba alone links: everything reached, to be optimised there."""
        if self._shared_module is None:
            self._shared_module = self.linked()._final_module
            for name in _visible(self._shared_module):
                self._shared_module.get_function(name).linkage = "linkonce_odr"
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
        own = _visible(self._final_module)
        for library in self.reached():
            self._reload_init.update(library._reload_init)
            tree = isinstance(library, Tree)
            module = library._final_module if tree else library._get_module_for_linking()
            self._final_module.link_in(module, preserve=True)
        for name in _visible(self._final_module) - own:
            self._final_module.get_function(name).linkage = "linkonce_odr"
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
            _hide_all_but(visible, module)  # unless some function calls itself, by name
        self._optimize_final_module()
        _rename_hidden(module)
        module.verify()
        self._finalize_final_module()


def _visible(module: Any) -> set[str]:
    """Names of the functions that other modules may call."""
    external = Linkage.external
    return {f.name for f in module.functions if not f.is_declaration and f.linkage == external}


def _hide_all_but(visible: set[str], module: Any) -> None:
    for function in module.functions:
        if not function.is_declaration and function.name not in visible:
            function.linkage = "internal"


def _rename_hidden(module: Any) -> None:
    """Give hidden functions names that no other module has.

    LLVM's linker at run time goes by names alone, and a hidden function may have been optimised into
    one that takes other arguments. Numba's names can be of many kB, so this also makes code shorter.
    """
    mark = secrets.token_hex(8)
    for number, function in enumerate(list(module.functions)):
        if not function.is_declaration and function.linkage in (Linkage.internal, Linkage.private):
            function.name = f"{function.name[:40]}.{mark}.{number}"
