"""Captured websocket messages: one JSON per line, with or without the receive time before it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from undertow.data.files import line_blocks
from undertow.data.report import Report


class CapturedLine(NamedTuple):
    """One line: its number (from 1), the receive time in ns (None if not recorded) and the JSON."""

    number: int
    recv_ns: int | None
    message: bytes


def captured_lines(path: Path, report: Report) -> Iterator[CapturedLine]:
    """The lines of a capture. Blank lines count as nothing; a bad prefix is ``malformed``."""
    for block in line_blocks(path, report):
        for number, line in enumerate(block.data.splitlines(), start=block.first_line):
            if not line.strip():
                continue
            if line[:1] == b"{":
                yield CapturedLine(number, None, line)
                continue
            prefix, _, message = line.partition(b" ")
            if prefix.isdigit() and message.lstrip()[:1] == b"{":
                yield CapturedLine(number, receive_ns(int(prefix)), message)
                continue
            report.items_read += 1
            malformed(report, path.name, number, "a line is 'receive_ns {json}' or '{json}'")


def malformed(report: Report, file: str, line: int, detail: str) -> None:
    """Note a record that cannot be read."""
    report.drop_items("malformed", 1)
    report.find("malformed", file, [line], detail=detail)


def receive_ns(stamp: int) -> int:
    """A receive time in ns; stamps in ms or µs are told by their size (years 2001 to 2286)."""
    if stamp < 10**13:
        return stamp * 1_000_000
    if stamp < 10**16:
        return stamp * 1_000
    return stamp
