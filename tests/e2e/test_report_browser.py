"""The report in a real browser.

Draws, fetches nothing, fits a phone, follows the colours, prints.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from browser import NETWORK, Browser
from lab.report import page as report_page
from lab.report import theme
from unit.lab import experiment_folder as planted

# A line has several pieces where it has gaps: the percentiles while too few are served.
LINES = (
    "Array.from(document.querySelectorAll('#timeline .scatterlayer .trace'))"
    ".filter(trace => trace.querySelector('.js-line')).length"
)
DRAWN = "document.documentElement.dataset.drawn === 'yes'"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return report_page.write(planted.plant(tmp_path_factory.mktemp("results") / "run"))


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Fail, with what to install, where there is no browser.

    A report nobody has opened is not tested.
    """
    with Browser(tmp_path_factory.mktemp("browser")) as opened:
        yield opened


def rgb(colour: str) -> str:
    return "rgb({}, {}, {})".format(*(int(colour[at : at + 2], 16) for at in (1, 3, 5)))


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width_px", [1200, 390], ids=["desk", "phone"])
def test_the_page_is_drawn_offline_and_fits(browser: Browser, page: Path, width_px: int, dark: bool) -> None:
    browser.requests.clear()
    browser.complaints.clear()
    browser.open(page, width_px=width_px, dark=dark)
    browser.wait(DRAWN)
    assert [url for url in browser.requests if url.startswith(NETWORK)] == []
    assert browser.complaints == []
    assert browser.evaluate("document.documentElement.scrollWidth") <= width_px, "nobody scrolls sideways"
    assert browser.evaluate("document.querySelectorAll('#timeline .barlayer .point').length") > 10
    assert browser.evaluate(LINES) == 4
    assert browser.evaluate("document.querySelector('#timeline .main-svg').clientWidth") > 0.8 * width_px
    ground = rgb((theme.DARK if dark else theme.LIGHT)["surface"])
    assert browser.evaluate("getComputedStyle(document.querySelector('section')).backgroundColor") == ground
    assert browser.evaluate("document.querySelector('#timeline .main-svg').style.background") == ground


def test_no_button_sends_anything_anywhere(browser: Browser, page: Path) -> None:
    browser.open(page)
    browser.wait(DRAWN)
    buttons = "Array.from(document.querySelectorAll('.modebar-btn'), button => button.dataset.title)"
    assert len(browser.evaluate(buttons)) == 6
    assert not [title for title in browser.evaluate(buttons) if "loud" in title or "hare" in title]


def test_the_chart_changes_with_the_readers_colours(browser: Browser, page: Path) -> None:
    browser.open(page)
    browser.wait(DRAWN)
    ground = "document.querySelector('#timeline .main-svg').style.background"
    browser.look(dark=True)
    browser.wait(f"{ground} === '{rgb(theme.DARK['surface'])}'")
    browser.look(dark=False)
    browser.wait(f"{ground} === '{rgb(theme.LIGHT['surface'])}'")


def test_the_buttons_show_the_failover_and_the_whole_run(browser: Browser, page: Path) -> None:
    browser.open(page)
    browser.wait(DRAWN)
    shown = "document.getElementById('timeline').layout.xaxis.range"
    whole = browser.evaluate(shown)
    browser.evaluate("document.querySelector('button[data-to=\"1.5\"]').click()")
    browser.wait(f"{shown}[1] === 1.5 && {shown}[0] === -0.5")
    browser.evaluate("document.querySelector('button[data-to=\"\"]').click()")
    browser.wait(f"{shown}[0] === {whole[0]} && {shown}[1] === {whole[1]}")


def test_the_journal_opens_on_a_click(browser: Browser, page: Path) -> None:
    browser.open(page)
    journal = "document.querySelector('[aria-labelledby=h-journal] details')"
    assert not browser.evaluate(f"{journal}.open")
    browser.evaluate(f"{journal}.querySelector('summary').click()")
    assert browser.evaluate(f"{journal}.open")


def test_a_dark_readers_print_is_black_on_white(browser: Browser, page: Path, tmp_path: Path) -> None:
    browser.open(page, dark=True)
    browser.wait(DRAWN)
    browser.look(dark=True, media="print")
    ink = "getComputedStyle(document.body).color"
    assert browser.evaluate(ink) == rgb(theme.LIGHT["ink"])
    browser.look(dark=True)
    browser.pdf(tmp_path / "report.pdf")
    assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF")
    ground = "document.querySelector('#timeline .main-svg').style.background"
    browser.wait(f"{ground} === '{rgb(theme.DARK['surface'])}'")  # as before, for the screen
