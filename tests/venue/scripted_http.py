"""The venue's HTTP as a script: what each question is answered, what is lost."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Answer = Callable[[dict[str, Any]], Any]


@dataclass
class ScriptedHttp:
    """An `Http`. `answers`: by type of question, a value or a function of it; `status` overrides 200."""

    answers: dict[str, Any] = field(default_factory=dict)
    action: Any = None
    status: int = 200
    fail: Callable[[dict[str, Any]], Exception | None] = lambda request: None
    asked: list[dict[str, Any]] = field(default_factory=list)
    closed: bool = False

    async def post(self, path: str, body: bytes) -> tuple[int, bytes]:
        request = json.loads(body)
        self.asked.append(request)
        await asyncio.sleep(0.05)
        error = self.fail(request)
        if error is not None:
            raise error
        if path == "/exchange":
            answer = self.action
        else:
            answer = self.answers[request["type"]]
            answer = answer(request) if callable(answer) else answer
        reply = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        return self.status, reply

    async def close(self) -> None:
        self.closed = True

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [request for request in self.asked if request.get("type") == kind]
