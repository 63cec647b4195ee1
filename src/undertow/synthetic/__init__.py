"""Generated markets, fitted by code from recordings."""

from undertow import _compile_cache as _compile_cache
