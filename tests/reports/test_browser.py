"""The page in a real browser: nothing runs, nothing overflows, dark is dark."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from outcrop.reports.html import render_html
from outcrop.reports.matrix_html import render_matrix_html

from . import matrices
from .samples import ALL

CHROMIUM = shutil.which("chromium")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--virtual-time-budget=4000",
    "--dump-dom",
    "--window-size=1400,1000",
]
DARK = "--blink-settings=preferredColorScheme=0"

#: Frames of each width around the page; what is measured in them is written where --dump-dom shows it.
MEASURE = """
<body><pre id="found"></pre><script>
addEventListener("load", () => {
  const found = [...document.querySelectorAll("iframe")].map((frame) => {
    const inner = frame.contentDocument, root = inner.documentElement;
    const left = (node) => node.closest(".scroll, .long, .skip, .stack thead, desc, title");
    return {
      name: frame.title,
      width: frame.clientWidth,
      overflow: root.scrollWidth - root.clientWidth,
      beyond: [...inner.body.querySelectorAll("h1,h2,h3,h4,p,li,dd,th,td,.text-body")]
        .filter((node) => !left(node) && node.getBoundingClientRect().right > root.clientWidth + 1).length,
      height: root.scrollHeight,
      ground: frame.contentWindow.getComputedStyle(inner.body).backgroundColor,
      ran: inner.querySelectorAll("script, img").length,
    };
  });
  document.getElementById("found").textContent = JSON.stringify(found);
});
</script>
"""


def rendered() -> dict[str, str]:
    """Every kind of page, of every sample."""
    of_reports = {name: render_html(make()) for name, make in ALL.items()}
    return of_reports | {f"matrix {name}": render_matrix_html(make()) for name, make in matrices.ALL.items()}


def measured(folder: Path, *flags: str) -> list[dict[str, Any]]:
    pages = {name: html.escape(page) for name, page in rendered().items()}
    frames = [
        f'<iframe title="{name}" style="border:0;height:800px;width:{width}px" srcdoc="{page}"></iframe>'
        for name, page in pages.items()
        for width in (1280, 320)
    ]
    wrapper = folder / "frames.html"
    wrapper.write_text(f'<!doctype html><meta charset="utf-8">{MEASURE}{"".join(frames)}', encoding="utf-8")
    command = [str(CHROMIUM), *FLAGS, *flags, f"--user-data-dir={folder / 'profile'}", wrapper.as_uri()]
    dom = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    found = re.search(r'<pre id="found">(.*?)</pre>', dom, re.DOTALL)
    assert found is not None
    values: list[dict[str, Any]] = json.loads(html.unescape(found.group(1)))
    return values


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium")
@pytest.mark.parametrize(("flags", "ground"), [((), "rgb(255, 255, 255)"), ((DARK,), "rgb(15, 20, 25)")])
def test_nothing_overflows_at_a_desk_or_on_a_phone(tmp_path: Path, flags: tuple[str, ...], ground: str) -> None:
    found = measured(tmp_path, *flags)
    assert len(found) == 2 * len(rendered())
    for frame in found:
        assert frame["overflow"] <= 0, frame
        assert frame["beyond"] == 0, frame
        assert frame["height"] > (900 if frame["name"] != "matrix alone" else 0), frame
        assert frame["ground"] == ground, frame
        assert frame["ran"] == 0, frame
