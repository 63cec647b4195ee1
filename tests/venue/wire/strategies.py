"""Hypothesis strategies of any wire type, built from its annotations and their bounds."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import strategies as st
from msgspec import inspect as mi

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_RAW = st.sampled_from([b"null", b"1", b'"x"', b'{"a":[1,"2.0"]}'])
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXT, inner, max_size=2),
    max_leaves=4,
)
PATTERNS = {"^0x[0-9a-fA-F]{32}$": st.from_regex(r"\A0x[0-9a-f]{32}\Z")}


def _float(t: mi.FloatType) -> st.SearchStrategy[Any]:
    low = t.gt if t.gt is not None else t.ge
    high = t.lt if t.lt is not None else t.le
    return st.floats(low, high, exclude_min=t.gt is not None, exclude_max=t.lt is not None).map(
        lambda value: value + 0.0
    )


def _struct(t: mi.StructType) -> st.SearchStrategy[Any]:
    cls = t.cls
    if cls.__name__ == "OrderType":  # exactly one of its fields
        limit, trigger = (strategy(field.type) for field in t.fields)
        real = msgspec.UNSET.__class__
        return limit.filter(lambda v: not isinstance(v, real)).map(lambda v: cls(limit=v)) | trigger.filter(
            lambda v: not isinstance(v, real)
        ).map(lambda v: cls(trigger=v))
    fields = {field.name: _field(cls, field) for field in t.fields}
    return st.fixed_dictionaries(fields).map(lambda values: cls(**values))


def _field(cls: type, field: mi.Field) -> st.SearchStrategy[Any]:
    if field.name in ("fast", "always_place") and "Action" in cls.__mro__[1].__name__:
        return st.sampled_from([True, msgspec.UNSET])
    if cls.__name__ == "FrontendOrder" and field.name == "children":
        return st.just([])
    return strategy(field.type)


def strategy(t: Any) -> st.SearchStrategy[Any]:
    """Values of a `msgspec.inspect` type."""
    if isinstance(t, mi.Metadata):
        return strategy(t.type)
    simple: dict[type, Any] = {
        mi.BoolType: st.booleans(),
        mi.NoneType: st.none(),
        mi.AnyType: _JSON,
        mi.RawType: _RAW.map(msgspec.Raw),
    }
    if type(t) in simple:
        return simple[type(t)]
    if isinstance(t, mi.IntType):
        return st.integers(t.ge if t.ge is not None else -(2**53), t.le if t.le is not None else 2**53)
    if isinstance(t, mi.FloatType):
        return _float(t)
    if isinstance(t, mi.StrType):
        return PATTERNS[t.pattern] if t.pattern else TEXT
    if isinstance(t, mi.LiteralType):
        return st.sampled_from(sorted(t.values))
    if isinstance(t, mi.UnionType):
        return st.one_of([strategy(member) for member in t.types])
    if isinstance(t, mi.ListType):
        return st.lists(strategy(t.item_type), max_size=3)
    if isinstance(t, mi.TupleType):
        return st.tuples(*(strategy(item) for item in t.item_types))
    if isinstance(t, mi.DictType):
        return st.dictionaries(TEXT, strategy(t.value_type), max_size=3)
    if isinstance(t, mi.StructType):
        return _struct(t)
    if type(t).__name__ == "CustomType" and t.cls is msgspec.UnsetType:
        return st.just(msgspec.UNSET)
    raise NotImplementedError(f"no strategy for {t}")


def values_of(kind: Any) -> st.SearchStrategy[Any]:
    """Values of a type, struct or annotation."""
    return strategy(mi.type_info(kind))
