"""The control channel and the three commands that talk to it."""

from __future__ import annotations

import asyncio
import json
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.risk.guarding import guarded, resting
from tests.trading.driving import market, play, runner

from undertow.cli import control as commands
from undertow.cli.errors import UsageError
from undertow.live.control import FILE, Control, KillNow, Reset, Status
from undertow.live.reaching import NoSession, ask, place_of
from undertow.risk.findings import Finding, Grade, Reason
from undertow.risk.memory import FileMemory
from undertow.risk.switch import KillSwitch
from undertow.trading.playback import messages


class Scene:
    """A paper session under a guard, and its control channel."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        made = market(3, 60.0)
        self.one = runner("symmetric", made)
        self.memory = FileMemory(folder / "kill.json")
        self.session, self.paper, self.guard = guarded([self.one], switch=KillSwitch(memory=self.memory))
        play(self.session, list(messages(made, "BTC"))[:300])
        self.said: list[str] = []
        self.control = Control(
            folder,
            self.memory.path,
            self.guard,
            now_ns=lambda: self.one.last_ns,
            enforce=self.session.enforce,
            view=lambda: {"session": "s", "venue": "local", "elapsed_s": 3.0, "coins": [{"coin": "BTC"}]},
            said=self.said.append,
        )

    def during(self, *calls: Callable[[], object]) -> list[object]:
        """What `calls` give, one after the other, while the channel is open."""

        async def main() -> list[object]:
            await self.control.start()
            try:
                return [await asyncio.to_thread(call) for call in calls]
            finally:
                await self.control.stop()

        return asyncio.run(main())


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path / "session")


def test_kill_and_reset_take_effect_at_once(scene: Scene) -> None:
    inbox = scene.paper.matchers["BTC"].cells.ex
    before = int(inbox["inbox_tail"][0])
    place: list = []

    def kill():
        place.append(place_of(scene.folder))
        return ask(place[0], KillNow(who="me", grade="flatten"))

    def reset():
        assert int(inbox["inbox_tail"][0]) > before
        assert scene.session.gate.restraint("BTC").shut
        return ask(place[0], Reset(who="me"))

    killed, was_reset, status = scene.during(kill, reset, lambda: ask(place[0], Status()))
    assert [(held.reason, held.grade) for held in killed.latched] == [(Reason.MANUAL, Grade.FLATTEN)]
    assert [held.reason for held in was_reset.gone] == [Reason.MANUAL]
    assert status.latched == []
    assert status.view["session"] == "s"
    assert scene.session.gate.restraint("BTC") is None
    assert [text.split(" (")[0] for text in scene.said] == [
        "kill switch thrown by hand",
        "kill switch reset by hand",
    ]
    assert sum(map(len, resting(scene.paper, "BTC").values())) > 0


def test_only_its_owner_may_talk_to_it(scene: Scene) -> None:
    modes = scene.during(
        lambda: stat.S_IMODE((scene.folder / FILE).stat().st_mode),
        lambda: stat.S_IMODE(Path(place_of(scene.folder).socket).stat().st_mode),
    )
    assert modes == [0o600, 0o600]
    assert not (scene.folder / "control").exists()


def test_a_long_path_has_its_socket_elsewhere(tmp_path: Path) -> None:
    scene = Scene(tmp_path / ("x" * 120) / "session")
    (found,) = scene.during(lambda: (place_of(scene.folder), ask(place_of(scene.folder), Status())))
    place, reply = found
    assert not place.socket.startswith(str(tmp_path))
    assert reply.latched == []
    assert not Path(place.socket).exists()


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (b"", "Input data was truncated"),
        (b'{"do":"dance"}', "Invalid value 'dance'"),
        (b'{"do":"kill","who":"x","coin":"ETH"}', "coin 'ETH' is not traded here; there are: BTC"),
        (b'{"do":"kill","who":"x","grade":"soft"}', "grade 'soft' is not known"),
        (b'{"do":"reset","who":"x","reason":"bad"}', "reason 'bad' is not known; there are: loss, "),
    ],
)
def test_what_it_does_not_understand_changes_nothing(line: bytes, told: str, scene: Scene) -> None:
    reply = scene.control.answer(line)
    assert told in reply.error
    assert scene.guard.switch.latched == ()


def test_commands(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    folder = scene.folder.parent  # the newest session in it
    codes = scene.during(
        lambda: commands.status(folder),
        lambda: commands.kill(folder, coin="BTC", grade="accumulating", because="a test"),
        lambda: commands.reset(folder, reason="loss"),
        lambda: commands.kill(folder, coin="ETH"),
        lambda: commands.status(folder, json=True),
    )
    assert codes == [0, 0, 0, 1, 0]
    told, errors = capsys.readouterr()
    assert "s on local, 3 s" in told
    assert "nothing is latched" in told
    assert "latched: manual BTC, accumulating: by hand: " in told
    assert "a test" in told
    assert "coin 'ETH' is not traded here" in errors
    last = json.loads(told.splitlines()[-1])
    assert last["running"]
    assert [held["reason"] for held in last["latched"]] == ["manual"]


def test_commands_without_a_session(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    """A session that was killed: its kept switch is what the next start finds."""
    scene.guard.on_finding(Finding(Reason.LOSS, "5.00 USD lost"), 1)
    scene.during(lambda: None)
    assert commands.status(scene.folder) == 3
    assert commands.kill(scene.folder) == 0
    assert {held.reason for held in scene.memory.load()} == {Reason.LOSS, Reason.MANUAL}
    assert commands.reset(scene.folder) == 0
    assert scene.memory.load() == []
    told = capsys.readouterr().out
    assert "runs no longer" in told
    assert "reset: loss, accumulating: 5.00 USD lost" in told
    with pytest.raises(UsageError, match="holds no session"):
        commands.status(scene.folder / "nothing")
    with pytest.raises(NoSession):
        place_of(scene.folder / "nothing")
