"""undertow: a market maker for Hyperliquid perpetuals that prices adverse selection.

From Python: `run`, `generate`, `open_recording` (`undertow.api`), imported when first used.
"""

from typing import TYPE_CHECKING, Any

from undertow import _compile_cache

if TYPE_CHECKING:
    from undertow.api import Session as Session
    from undertow.api import generate as generate
    from undertow.api import open_recording as open_recording
    from undertow.api import run as run

__version__ = "0.1.0"
__all__ = ["Session", "__version__", "generate", "open_recording", "run"]

_compile_cache.install()


def __getattr__(name: str) -> Any:
    """Import the API when it is first asked for, so that ``import undertow`` stays light."""
    if name in __all__:
        from undertow import api

        return getattr(api, name)
    raise AttributeError(f"module 'undertow' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
