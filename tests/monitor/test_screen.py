"""The screen: fits any terminal, says what the view says, needs no colour, leaves the terminal as it was."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from undertow.monitor.facts import Feed, Kill
from undertow.monitor.screen import History, Screen, frame
from undertow.monitor.screen_process import ScreenProcess, draw_all
from undertow.monitor.view import SessionView, to_json
from undertow.units import s_to_ns

from .watched import NAME, Watched, quoting


def _eventful() -> Watched:
    """A session with fills, a position, feeds, a kill for one coin, delays."""
    s = quoting()
    for _ in range(3):
        s.filled(s.working(1)[0], 0.05)
        s.acknowledge(s.timer())
    own = s.facts.coin(NAME)
    own.feeds["bbo"] = Feed(last_ns=s.now_ns - s_to_ns(0.2), limit_s=5.0)
    own.feeds["fast"] = Feed(last_ns=s.now_ns - s_to_ns(7.0), limit_s=3.0)
    s.facts.ends_ns = s.now_ns + s_to_ns(140.0)
    s.facts.budget.used, s.facts.budget.left, s.facts.budget.cap = 1_234, 8_766.0, 10_000.0
    s.facts.latency("frame_to_order").observe_ns(250_000)
    for k in range(5):
        s.watch.add_coin(f"C{k}", s.maker, s.state, s.maker.params, s.instrument, s.book)
    return s


@pytest.fixture(scope="module")
def view() -> SessionView:
    return _eventful().view()


def _comes(path: Path, text: str) -> bool:
    """Whether `text` is written to `path` before long."""
    for _ in range(500):
        if text in path.read_text():
            return True
        time.sleep(0.01)
    return False


def text_of(view: SessionView, size: tuple[int, int], focus: str | None = None) -> list[str]:
    return [line.plain for line in frame(view, size, focus)]


@settings(max_examples=60, deadline=None)
@given(st.integers(20, 260), st.integers(4, 80))
def test_a_frame_fits_its_terminal(view: SessionView, width: int, height: int) -> None:
    history = History()
    history.add(view, view.coins[0])
    history.add(msgspec.structs.replace(view, now_ns=view.now_ns + s_to_ns(3.0)), view.coins[0])
    lines = frame(view, (width, height), None, history)
    assert len(lines) == height
    assert all(line.cell_len <= width for line in lines)
    assert all(c.isprintable() for line in lines for c in line.plain)


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 50)])
def test_everything_a_person_wants_is_on_it(view: SessionView, size: tuple[int, int]) -> None:
    """At 80 x 24 too."""
    if size == (80, 24):
        view = msgspec.structs.replace(view, coins=view.coins[:1])
    lines = text_of(view, size)
    text, coin = "\n".join(lines), view.coins[0]
    for wanted in (
        "paper on local",
        "0:40 of 3:00",
        "link up",
        f"● {NAME} {coin.why}"[:70],
        f"{coin.price.mid:.10g}",
        f"{coin.reservation.px:.7g}",
        f"inventory {coin.reservation.inventory_bps:+.2f}",
        f"± {coin.belief.drift_sd_bps_per_s:.3f} bps/s",
        f"{coin.belief.sigma_bps_per_sqrt_s:.2f} bps/√s",
        f"position {coin.position.qty:+.6g}",
        "of 12 lots",
        f"PnL {coin.pnl.total:+.2f} USD",
        "3 fills",
        f"spread {coin.pnl.spread:+.2f}" if coin.pnl.spread >= 0.005 else "spread",
        "requests 1,234 used, 8,766 left",
        "bbo 0.2",
        "fast 7.0!",
        "bought   0.05 at ",
        "Ctrl-C",
    ):
        assert wanted in text, wanted
    for level in (*coin.bid.levels, *coin.ask.levels):
        if level.own_qty > 0.0:
            assert any(f"{level.px:.10g}" in line and f"{level.own_qty:.5g}" in line for line in lines)


def test_asks_stand_above_bids_and_the_mid_between(view: SessionView) -> None:
    prices = []
    for line in text_of(view, (80, 30)):
        words = line[8:18].split()
        if (
            len(words) == 1
            and words[0].replace(".", "").isdigit()
            and line[:7].strip(" 0123456789.mid") == ""
        ):
            prices.append(float(words[0]))
    assert len(prices) > 8
    assert prices == sorted(prices, reverse=True)
    assert any(px == pytest.approx(view.coins[0].price.mid) for px in prices)


def test_coins_are_rows_and_the_focus_can_be_chosen(view: SessionView) -> None:
    lines = text_of(view, (100, 40), "C3")
    assert lines[1].startswith("● C3 ")
    assert any(line.startswith("▸● C3") for line in lines)
    assert sum(line.startswith(" ● ") for line in lines) == 5
    short = text_of(view, (100, 14))
    assert any("and 4 more, 0 of them not quoting" in line for line in short)


def test_a_kill_and_a_lost_link_are_words_not_colours() -> None:
    s = _eventful()
    s.facts.kills.append(Kill(reason="loss", text="-12 USD", since_ns=s.now_ns - s_to_ns(3.0)))
    s.facts.connection.state, s.facts.connection.since_ns = "down", s.now_ns - s_to_ns(4.0)
    text = "\n".join(text_of(s.view(), (80, 24)))
    assert "link DOWN 4.0 s" in text
    assert "KILL loss: -12 USD (cancel, 3.0 s ago)" in text
    assert f"○ {NAME} not quoting: kill switch, loss" in text


def test_only_what_changed_is_drawn_and_the_terminal_is_put_back(view: SessionView) -> None:
    out = io.StringIO()
    screen = Screen(out, size=(80, 24))
    with screen:
        screen.draw(view)
        first = len(out.getvalue())
        screen.draw(view)
        assert len(out.getvalue()) == first
        screen.draw(msgspec.structs.replace(view, elapsed_s=view.elapsed_s + 1.0))
        again = out.getvalue()[first:]
        assert "\x1b[1;1H" in again
        assert again.count("\x1b[K") == 1
    text = out.getvalue()
    assert text.startswith("\x1b[?1049h")
    assert text.endswith("\x1b[?25h\x1b[?1049l")


def test_colours_obey_no_color(view: SessionView, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    out = io.StringIO()
    with Screen(out, size=(80, 24)) as screen:
        screen.draw(view)
    body = out.getvalue()
    assert "\x1b[32m" not in body
    assert "\x1b[1;32m" not in body


def test_lines_that_are_no_views_are_skipped(view: SessionView) -> None:
    lines = [b"{}\n", to_json(view) + b"\n", b"\xff\n", to_json(view)[:50] + b"\n"]
    assert draw_all(lines, io.StringIO()) == 1


def test_the_drawing_process_ends_with_its_pipe_and_ignores_ctrl_c(view: SessionView, tmp_path: Path) -> None:
    with (tmp_path / "out").open("wb") as out, ScreenProcess(output=out) as process:
        process.show(view)
        assert process._process is not None
        assert os.getpgid(process._process.pid) != os.getpgid(0)  # a terminal's Ctrl-C goes elsewhere
        assert _comes(tmp_path / "out", "Ctrl-C")
        process._process.send_signal(signal.SIGINT)
        process.show(view)
        assert process.alive
    assert process._process.returncode == 0
    drawn = (tmp_path / "out").read_text()
    assert drawn.startswith("\x1b[?1049h")
    assert drawn.endswith("\x1b[?1049l")
    assert view.coins[0].why[:30] in drawn


def test_a_terminal_that_does_not_read_never_holds_the_session_up(view: SessionView, tmp_path: Path) -> None:
    with (tmp_path / "out").open("wb") as out, ScreenProcess(output=out) as process:
        process.show(view)
        assert process._process is not None
        process._process.send_signal(signal.SIGSTOP)
        for _ in range(200):
            process.show(view)
        assert process.dropped > 50
        process._process.send_signal(signal.SIGCONT)
        last = msgspec.structs.replace(view, session="last", market="the very last")
        for _ in range(500):
            process.show(last)
            if "the very last" in (tmp_path / "out").read_text():
                break
            time.sleep(0.01)
    assert "the very last" in (tmp_path / "out").read_text()


def test_a_drawing_process_that_dies_is_not_our_death(view: SessionView, tmp_path: Path) -> None:
    with (tmp_path / "out").open("wb") as out, ScreenProcess(output=out) as process:
        assert process._process is not None
        process._process.kill()
        process._process.wait()
        for _ in range(3):
            process.show(view)
        assert not process.alive


def test_a_killed_session_leaves_a_usable_terminal(view: SessionView, tmp_path: Path) -> None:
    """SIGKILL cannot be caught: the drawing process sees its pipe end and puts the terminal back."""
    code = (
        "import sys, time, os, signal\n"
        "from undertow.monitor.screen_process import ScreenProcess\n"
        "from undertow.monitor.view import from_json\n"
        "p = ScreenProcess(output=open(sys.argv[2], 'wb'))\n"
        "p.__enter__()\n"
        "p.show(from_json(open(sys.argv[1], 'rb').read()))\n"
        "for _ in range(500):\n"
        "    time.sleep(0.01)\n"
        "    if b'COIN' in open(sys.argv[2], 'rb').read(): break\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    (tmp_path / "view").write_bytes(to_json(view))
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "view"), str(tmp_path / "out")],
        env=os.environ,
        timeout=30,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    assert _comes(tmp_path / "out", "\x1b[?1049l")
