"""Reading other people's Parquet, batch by batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from undertow.data.report import Report
from undertow.data.source import SourceError


def batches_of(
    path: Path, columns: Sequence[str], report: Report, rows: int = 32_768
) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Pairs of row number (from 1) of the first row, and batch. A file cut off is a finding."""
    try:
        file = pq.ParquetFile(path)
    except (pa.ArrowInvalid, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        # The footer is written last: without it nothing in the file can be found.
        report.find("truncated_file", path.name, count=1, detail=f"nothing can be read ({error})")
        return
    missing = sorted(set(columns) - set(file.schema_arrow.names))
    if missing:
        raise SourceError(f"{path.name}: no column {', '.join(missing)}")
    first = 1
    for data in file.iter_batches(batch_size=rows, columns=list(columns)):
        if len(data):
            report.items_read += len(data)
            yield first, data
            first += len(data)


def int64_column(data: pa.RecordBatch, name: str) -> NDArray[np.int64]:
    """A column of integers or nanosecond timestamps; missing values are a ValueError."""
    column = data.column(name)
    if column.null_count:
        raise SourceError(f"column {name!r} has {column.null_count} missing values")
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp("ns", column.type.tz)).cast(pa.int64())
    values: NDArray[np.int64] = column.to_numpy(zero_copy_only=False).astype(np.int64)
    return values


def level_columns(data: pa.RecordBatch, names: Sequence[str]) -> NDArray[np.float64]:
    """List columns as an array of shape (rows, columns, depth), NaN beyond the last level."""
    lists = [data.column(name) for name in names]
    depth = 0
    for column in lists:
        lengths = np.diff(column.offsets.to_numpy())
        depth = max(depth, int(lengths.max(initial=0)))
    table = np.full((len(data), len(names), depth), np.nan)
    for k, column in enumerate(lists):
        offsets = column.offsets.to_numpy()
        values = column.values.to_numpy(zero_copy_only=False)
        lengths = np.diff(offsets)
        if np.all(lengths == depth):
            table[:, k] = values[offsets[0] : offsets[-1]].reshape(-1, depth)
            continue
        row = np.repeat(np.arange(len(data)), lengths)
        level = np.arange(offsets[0], offsets[-1]) - np.repeat(offsets[:-1], lengths)
        table[row, k, level] = values[offsets[0] : offsets[-1]]
    return table
