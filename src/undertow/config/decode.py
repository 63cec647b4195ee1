"""TOML in, typed structs out; every fault named with file, line, key, value and what is accepted."""

from __future__ import annotations

import difflib
import math
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin

import msgspec
from msgspec import Meta


class ConfigError(ValueError):
    """A configuration that cannot be used. `faults` holds one line per fault."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


S = TypeVar("S", bound=msgspec.Struct)


def load(path: Path, kind: type[S]) -> S:
    """Read a TOML file into a struct of sections; raises `ConfigError` naming every fault."""
    try:
        text = path.read_text()
    except OSError as error:
        raise ConfigError([f"{path}: {error.strerror or error}"]) from None
    return loads(text, kind, name=str(path))


def loads(text: str, kind: type[S], *, name: str = "config") -> S:
    """Like `load`, from text; `name` stands for the file in messages."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([f"{name}: not valid TOML: {error}"]) from None
    faults = _faults(raw, kind, (), name, text)
    if faults:
        raise ConfigError(faults)
    try:
        return msgspec.convert(raw, kind)
    except msgspec.ValidationError as error:
        raise ConfigError([f"{name}: {error}"]) from None


def _faults(raw: dict[str, Any], kind: type[Any], path: tuple[str, ...], name: str, text: str) -> list[str]:
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    faults = []
    for key, value in raw.items():
        where = f"{name}{_line(text, (*path, key))}: [{'.'.join(path)}] {key}" if path else f"{name}: [{key}]"
        if key not in fields:
            near = difflib.get_close_matches(key, fields, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known here: {', '.join(fields)}"
            faults.append(f"{where} is not a known {'key' if path else 'section'}; {hint}")
            continue
        named = _struct_by_name(fields[key].type)
        if named is not None and isinstance(value, dict):
            for entry, section in value.items():
                if isinstance(section, dict):
                    faults += _faults(section, named, (*path, key, entry), name, text)
                else:
                    faults.append(f"{where} {entry} = {section!r} must be a section of its own")
            continue
        struct = _struct_of(fields[key].type)
        if struct is not None:
            if isinstance(value, dict):
                faults += _faults(value, struct, (*path, key), name, text)
            else:
                faults.append(f"{where} = {value!r} must be a section of its own")
            continue
        if isinstance(value, float) and not math.isfinite(value):
            faults.append(f"{where} = {value!r} must be finite; accepted: {accepted(fields[key].type)}")
            continue
        try:
            msgspec.convert(value, fields[key].type)
        except msgspec.ValidationError:
            faults.append(f"{where} = {value!r} is not accepted; accepted: {accepted(fields[key].type)}")
    return faults


def _struct_of(annotation: Any) -> type[msgspec.Struct] | None:
    """The struct inside an annotation such as ``Risk`` or ``Risk | None``."""
    for part in (annotation, *get_args(annotation)):
        if isinstance(part, type) and issubclass(part, msgspec.Struct):
            return part
    return None


def _struct_by_name(annotation: Any) -> type[msgspec.Struct] | None:
    """The struct inside ``dict[str, Risk]``: sections that the file names."""
    if get_origin(annotation) is not dict:
        return None
    return _struct_of(get_args(annotation)[1])


def _line(text: str, path: tuple[str, ...]) -> str:
    """``:12`` if the key is found in its section of the text, else nothing."""
    section = ".".join(path[:-1])
    current = ""
    for number, line in enumerate(text.splitlines(), 1):
        header = re.match(r"\s*\[([^\]]+)\]", line)
        if header:
            current = header.group(1).strip().replace('"', "")
        elif current == section and re.match(rf"\s*{re.escape(path[-1])}\s*=", line):
            return f":{number}"
    return ""


def accepted(annotation: Any) -> str:
    """What a field accepts, for people: ``0.02 to 0.6``, ``timed or event``, ``a number above 0``."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        meta = next((m for m in parts[1:] if isinstance(m, Meta)), None)
        if meta is not None and meta.ge is not None and meta.le is not None:
            whole = "a whole number, " if parts[0] is int else ""
            return f"{whole}{meta.ge:g} to {meta.le:g}"
        if meta is not None and meta.gt is not None:
            return f"a number above {meta.gt:g}"
        if meta is not None and meta.extra is not None and "accepted" in meta.extra:
            return str(meta.extra["accepted"])
        return accepted(parts[0])
    if origin is Literal:
        return " or ".join(str(p) for p in parts)
    if origin is tuple:
        return "a list of texts" if parts[-1] is Ellipsis else f"a list of {len(parts)} numbers"
    kinds = [p for p in parts if p is not type(None)] or [annotation]
    if kinds != [annotation] and len(kinds) == 1:
        return accepted(kinds[0])
    names = {float: "a number", int: "a whole number", str: "text", bool: "true or false"}
    return " or ".join(names.get(k, str(k)) for k in kinds)


def describe(annotation: Any) -> str:
    """The sentence that explains a field."""
    for part in get_args(annotation):
        if isinstance(part, Meta) and part.description:
            return part.description
        if get_origin(part) is Annotated:
            return describe(part)
    return ""


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, tuple | list):
        return "[" + ", ".join(_toml(v) for v in value) + "]"
    if isinstance(value, float):
        return repr(value)
    return str(value)


def dumps(config: msgspec.Struct) -> str:
    """A struct of sections as commented TOML that `loads` reads back to the same values."""
    blocks = []
    for section in msgspec.structs.fields(type(config)):
        struct = getattr(config, section.name)
        if not isinstance(struct, msgspec.Struct):
            continue
        lines = [f"# {(type(struct).__doc__ or '').strip().splitlines()[0]}", f"[{section.name}]"]
        for field in msgspec.structs.fields(type(struct)):
            value = getattr(struct, field.name)
            about = f"{describe(field.type)} ({accepted(field.type)})"
            setting = f"# {field.name} =" if value is None else f"{field.name} = {_toml(value)}"
            lines.append(f"{setting}  # {about}")
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks) + "\n"
