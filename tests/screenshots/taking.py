"""Opens each page in Chromium, as a person would come to it, and keeps small pictures."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.urls import reverse
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from campaigns.outreach.demo.platform import Platform, running_platform
from tests.screenshots.stage import LOGIN, PASSWORD, Shown, make_stage

IMAGES = Path(settings.BASE_DIR) / "docs" / "images"
WORK = Path(settings.BASE_DIR) / ".batuta" / "screenshots"
CHROMIUM = shutil.which("chromium") or "chromium"
MOST_BYTES = 200_000
COLOURS = 255
PAUSE = 1_200  # milliseconds for parts that load after the page
TALLEST = 1_500  # pixels; a longer page is cut


@dataclass(frozen=True, slots=True)
class View:
    """How it is looked at."""

    width: int = 1440
    height: int = 900
    dark: bool = False
    language: str = "en-US"
    tallest: int = TALLEST


WIDE, DARK, PHONE = View(), View(dark=True), View(width=390, height=844, language="pt-BR")
LIST = View(tallest=900)
PORTUGUESE = View(language="pt-BR")


@dataclass(frozen=True, slots=True)
class Picture:
    """One file of docs/images: where to go (empty: the sandbox's own page), and what to do there first."""

    name: str
    address: Callable[[Shown], str]
    view: View = WIDE
    before: Callable[[Page, Shown], None] | None = None


def _list(record: str) -> Callable[[Shown], str]:
    return lambda shown: reverse(f"admin:{record}_changelist")


def _campaign(shown: Shown) -> str:
    return reverse("admin:outreach_campaign_change", args=(shown.campaign.pk,))


def _finished(shown: Shown) -> str:
    return reverse("admin:outreach_execution_change", args=(shown.finished.pk,))


def _look_at_file(page: Page, shown: Shown) -> None:
    """Give the import a file and wait for what it understood."""
    page.select_option("select[name=client]", str(shown.client_id))
    page.set_input_files("input[type=file]", shown.leads)
    page.click("#import-upload button[type=submit]")
    page.wait_for_url("**/contactimport/*/change/")


def _start(page: Page, shown: Shown) -> None:
    """Start the campaign by its button and let it run a little."""
    page.goto(reverse("admin:outreach_campaign_change_do", args=(shown.campaign.pk, "start")))
    page.click("#content form button[type=submit]")
    page.wait_for_url(f"**{_campaign(shown)}")
    page.wait_for_timeout(12_000)


PICTURES = (
    Picture("campaign-before", _campaign),
    Picture("campaign-before-phone", _campaign, PHONE),
    Picture("contacts", _list("messaging_contact"), LIST),
    Picture("import-preview", lambda shown: reverse("admin:messaging_contactimport_add"), before=_look_at_file),
    Picture("senders", _list("messaging_sender"), LIST),
    Picture("sender", lambda shown: reverse("admin:messaging_sender_change", args=(shown.sender.pk,))),
    Picture("template", lambda shown: reverse("admin:messaging_template_change", args=(shown.template_id,))),
    Picture("segment", lambda shown: reverse("admin:outreach_segment_change", args=(shown.segment.pk,))),
    Picture("campaign-running", _campaign, before=_start),
    Picture("campaign-running-phone", _campaign, PHONE),
    Picture("home", lambda shown: reverse("admin:index")),
    Picture("home-dark", lambda shown: reverse("admin:index"), DARK),
    Picture("home-pt", lambda shown: reverse("admin:index"), PORTUGUESE),
    Picture("home-phone", lambda shown: reverse("admin:index"), PHONE),
    Picture("execution", _finished),
    Picture("execution-dark", _finished, DARK),
    Picture("recipients", lambda shown: reverse("admin:outreach_execution_people", args=(shown.finished.pk,)), LIST),
    Picture("connections", _list("integrations_connection"), LIST),
    Picture("sandbox", lambda shown: "", LIST),
    Picture("sandbox-phone", lambda shown: "", View(width=390, height=844, language="pt-BR", tallest=1_000)),
)


def take(*, only: Sequence[str], people: int) -> int:
    """Take the chosen pictures, or all. Returns the exit code."""
    chosen = [picture for picture in PICTURES if not only or picture.name in only]
    if len(chosen) < len(only):
        print(f"The pictures are {', '.join(picture.name for picture in PICTURES)}.")
        return 2
    call_command("migrate", verbosity=0)
    call_command("sync_schedules", verbosity=0)
    IMAGES.mkdir(parents=True, exist_ok=True)
    WORK.mkdir(parents=True, exist_ok=True)
    with running_platform(logs=WORK / "logs") as platform:
        print(f"Platform up at {platform.url}; making {people:,} people and their campaigns …", flush=True)
        shown = make_stage(platform, people, WORK)
        return _take_all(platform, shown, chosen)


def _take_all(platform: Platform, shown: Shown, chosen: Sequence[Picture]) -> int:
    failed = 0
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for picture in chosen:
            try:
                address = picture.address(shown) or f"{platform.sandbox.url}/"
                size = _take(browser, platform, shown, picture, address)
                print(f"{picture.name:24}{size:>9,} bytes", flush=True)
            except Exception as error:  # one page that changed does not cost the other pictures
                failed += 1
                print(f"{picture.name:24}FAILED: {type(error).__name__}: {str(error).splitlines()[0]}", flush=True)
        browser.close()
    return 1 if failed else 0


def _take(browser: Browser, platform: Platform, shown: Shown, picture: Picture, address: str) -> int:
    view = picture.view
    context = browser.new_context(
        base_url=platform.url,
        locale=view.language,
        timezone_id="America/Sao_Paulo",
        color_scheme="dark" if view.dark else "light",
        viewport={"width": view.width, "height": view.height},
    )
    page = context.new_page()
    try:
        if not address.startswith("http"):
            page.goto("/accounts/login/?next=/admin/")
            page.fill("input[name=login]", LOGIN)
            page.fill("input[name=password]", PASSWORD)
            page.click("main button[type=submit]:not([form])")
            page.wait_for_url("**/admin/")
        page.goto(address)
        if picture.before:
            picture.before(page, shown)
        page.wait_for_timeout(PAUSE)
        wide = page.evaluate("document.documentElement.scrollWidth")
        if wide > view.width:
            raise ValueError(f"the page is {wide} px wide in a window of {view.width}")
        tall = page.evaluate("document.documentElement.scrollHeight")
        page.set_viewport_size({"width": view.width, "height": max(view.height, min(tall, view.tallest))})
        page.wait_for_timeout(200)
        path = WORK / f"{picture.name}.png"
        page.screenshot(path=path)
    finally:
        context.close()
    return _keep(path, IMAGES / path.name)


def _keep(taken: Path, kept: Path) -> int:
    """Fewer colours and bytes. Raises ValueError when it is still too large."""
    with Image.open(taken) as image:
        few = image.convert("RGB").quantize(
            COLOURS,
            method=Image.Quantize.MAXCOVERAGE,
            kmeans=1,
            dither=Image.Dither.NONE,  # keeps rare colours: a state's dot
        )
    few.save(kept, optimize=True)
    size = kept.stat().st_size
    if size > MOST_BYTES:
        raise ValueError(f"{kept.name} has {size:,} bytes")
    return size
