"""``undertow replay --scenario``: one page for two makers, and mixtures that make no sense."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from undertow.cli.main import run

FEB19 = ["replay", "--scenario", "feb19", "--maker", "symmetric", "--seed", "2"]


def test_two_makers_on_one_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "loss.html"
    assert run([*FEB19, "--json", "--output", str(path)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert set(told["makers"]) == {"old maker", "symmetric"}
    old = told["makers"]["old maker"]
    assert old["final_position"] > 4.0
    assert re.fullmatch(r"22:\d\d:\d\d|never", old["withdrew"])
    assert told["trend_seen"] == "never"  # the symmetric ladder believes nothing
    page = path.read_text(encoding="utf-8")
    figures = json.loads(re.search(r'id="figures">(.*?)</script>', page, re.DOTALL).group(1))  # type: ignore[union-attr]
    assert set(figures) == set(re.findall(r"class='figure' id='(\w+)'", page)) == {"duel"}
    names = {trace.get("name") for trace in figures["duel"]["data"]}
    assert {"mid", "old maker: bid", "symmetric: bid", "old maker: position"} <= names
    assert old["withdrew"] in page
    ours = page.replace(re.search(r"<script>/\*\*.*?</script>", page, re.DOTALL).group(0), "")  # type: ignore[union-attr]
    assert not re.search(r"""(src|href)\s*=|https?://|@import|url\(""", ours)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--scenario", "feb20"], "feb19"),
        (["--scenario", "feb19", "--market", "hl-btc"], "--market"),
        (["--scenario", "feb19", "--maker", "six-gate"], "name another"),
        (["--scenario", "feb19", "--maker", "nobody"], "nobody"),
    ],
)
def test_mistakes_are_named(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["replay", *arguments]) != 0
    assert said in capsys.readouterr().err
