"""Flat records: the form in which compiled code holds its state, parameters and rows."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

Rec: TypeAlias = Any
"""A NumPy structured record (``np.void``) whose fields compiled code reads as attributes.

Type checkers know nothing of those attributes, hence ``Any``; the dtype named beside each function
says what the record holds.
"""


def new_record(dtype: np.dtype[np.void]) -> Rec:
    """A zeroed, writable record of `dtype`, its fields attributes in Python as in compiled code."""
    return np.zeros(1, dtype=dtype).view(np.recarray)[0]


def copy_record(record: Rec) -> Rec:
    """A writable copy of `record`, padding included, that shares nothing with it."""
    cell = np.frombuffer(bytearray(record.tobytes()), dtype=record.dtype)
    return cell.view(np.recarray)[0]
