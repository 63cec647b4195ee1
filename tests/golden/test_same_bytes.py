"""The bytes a session ends in do not depend on how its code was compiled.

The digests are of plain Numba's code, made before the project linked and optimised its functions by
itself: ``UNDERTOW_COMPILER=numba python tests/golden/test_same_bytes.py`` prints them, after some minutes.
A change of the model changes them; a change of how it is compiled may not. exp, log and pow are the
system's and may differ in the last bit: where a probe of them does, this says nothing.
"""

from __future__ import annotations

import hashlib
import math

import numpy as np
import pytest

from undertow import makers
from undertow.config import Config
from undertow.replay import replay
from undertow.synthetic.generate import generate

PROBE = "dee425c2ba53f104fc77e1e1c802aa12"
SESSIONS = {
    ("hip3-hype", 7, 1800.0): (
        "222d556bf95aae740f9ea2fded89ceb1",
        "b03198ffbcd69aec352ea24de1e83dee",
        "ebfeb257e9c2edfa114ae85d6256b1d1",
    ),
    ("binance-btc-volatile", 5, 120.0): (
        "e7833dcc484c3bf1885c49d9a6bbc455",
        "83d7f8bff0e7ae589b42fa57271c3daa",
        "ce2e722ddd496c98dd2bf3abab89e0ba",
    ),
}
"""Preset, seed and seconds: digests of the undertow maker's state, the fills, the observations."""


def _digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def _probe() -> str:
    """Digest of the system's functions at many points."""
    rng = np.random.default_rng(1)
    xs = rng.uniform(-20.0, 20.0, 20_000).tolist()
    values = [f(x) for x in xs for f in (math.exp, math.sin, math.erf, lambda x: math.log(abs(x)))]
    values += [math.pow(abs(x), 0.37) for x in xs]
    return _digest(np.array(values).tobytes())


def _session(preset: str, seed: int, duration_s: float) -> tuple[str, str, str]:
    market = generate(preset, seed=seed, duration_s=duration_s)
    config = makers.with_calibration(Config(), preset)
    result = replay(market, makers.make("undertow", config, market.instrument))
    parts = (result.maker_state, result.fills, result.observations)
    state, fills, observations = (_digest(part.tobytes()) for part in parts)
    return state, fills, observations


@pytest.mark.parametrize("session", SESSIONS)
def test_a_session_ends_in_the_bytes_of_plain_numba(session: tuple[str, int, float]) -> None:
    if _probe() != PROBE:
        pytest.skip("exp, log or pow of this system differ in the last bit")
    assert _session(*session) == SESSIONS[session]


if __name__ == "__main__":
    print(_probe())
    for session in SESSIONS:
        print(session, _session(*session))
