"""Requests posted over a websocket, matched to their answers by id."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from undertow.venue.failures import NotSent, Unanswered
from undertow.venue.limits import MAX_INFLIGHT_POSTS
from undertow.venue.wire.messages import encode_post
from undertow.venue.wire.posts import Post, PostedAction, PostedError, PostedInfo

MOST_INFLIGHT: Final = MAX_INFLIGHT_POSTS - 10
"""Posts under way at once that we allow ourselves."""
Answer = PostedInfo | PostedAction | PostedError


class Posting:
    """The posts of one connection. Ids never repeat, so an answer from an earlier socket finds nobody."""

    def __init__(self, most: int = MOST_INFLIGHT) -> None:
        self._most = most
        self._next_id = 1
        self._waiting: dict[int, asyncio.Future[Answer]] = {}
        self.late = 0
        """Answers that came when nobody waited any longer."""

    def __len__(self) -> int:
        return len(self._waiting)

    async def request(
        self, send: Callable[[bytes], None], kind: str, body: bytes, timeout_s: float
    ) -> Answer:
        """Post `body` (`kind`: ``info`` or ``action``) through `send`, before the first suspension.

        Raises `NotSent` where too many are under way, `Unanswered` after `timeout_s` or when the
        socket is lost meanwhile.
        """
        if len(self._waiting) >= self._most:
            raise NotSent(f"{self._most} posts are under way already")
        request_id, self._next_id = self._next_id, self._next_id + 1
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting[request_id] = future
        try:
            send(encode_post(request_id, kind, body))
            async with asyncio.timeout(timeout_s):
                return await future
        except TimeoutError:
            raise Unanswered(f"no answer to a posted {kind} within {timeout_s:g} s") from None
        finally:
            self._waiting.pop(request_id, None)

    def answered(self, post: Post) -> None:
        """An answer came."""
        future = self._waiting.pop(post.id, None)
        if future is None or future.done():
            self.late += 1
        else:
            future.set_result(post.response)

    def refused(self, request_id: int, text: str) -> None:
        """The venue took no notice of a request (too many under way)."""
        future = self._waiting.pop(request_id, None)
        if future is not None and not future.done():
            future.set_exception(NotSent(text))

    def lost(self, reason: str) -> None:
        """The socket is gone, and every answer with it."""
        waiting, self._waiting = self._waiting, {}
        for future in waiting.values():
            if not future.done():
                future.set_exception(Unanswered(f"the socket was lost before the answer: {reason}"))
