"""What tests of pages share: a browser, and what is wrong with any page."""

from pathlib import Path

WINDOWS = {"desktop": (1280, 900), "telephone": (390, 844)}
# As root there is no sandbox, and nothing is to be asked of the network.
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
BROKEN = """async () => {
    const images = [...document.images];
    const shown = (image) => image.decode().then(() => null, () => image.alt);
    return (await Promise.all(images.map(shown))).filter((broken) => broken !== null);
}"""
NAMELESS = """[...document.querySelectorAll('button, input, select, video, meter, progress, img')]
    .filter((part) => part.checkVisibility())
    .filter((part) => !(part.getAttribute('aria-label') || part.labels?.length || part.textContent.trim() || part.alt))
    .map((part) => part.outerHTML.slice(0, 80))"""
WIDER = "document.documentElement.scrollWidth - window.innerWidth"


def check(condition, what):
    if not condition:
        raise SystemExit(what)


def watched(context, own, allowed=None):
    """A new page, and the list that its errors go to, and its requests for other addresses than its own. What has `allowed` in it may be in the console."""
    page = context.new_page()
    wrong = []
    page.on("pageerror", lambda error: wrong.append(f"error: {error}"))
    page.on("console", lambda message: wrong.append(f"console: {message.text}") if message.type in ("error", "warning") and not (allowed and allowed in message.text) else None)
    page.on("request", lambda request: wrong.append(f"request: {request.url[:80]}") if not request.url.startswith(own) else None)
    return page, wrong


def opened(browser, page_file, size, scheme="light", script=True):
    """The page in a window, and the list that errors and requests of it go to."""
    context = browser.new_context(viewport=dict(zip(("width", "height"), size)), color_scheme=scheme, java_script_enabled=script)
    page, wrong = watched(context, ("data:", "file:"))
    page.goto(Path(page_file).absolute().as_uri())
    return page, wrong


def looks_right(page, wrong, what):
    """It is no wider than its window, every control has a name, and nothing went wrong."""
    check(page.evaluate(WIDER) <= 0, f"{what}: {page.evaluate(WIDER)} pixels wider than its window")
    nameless = page.evaluate(NAMELESS)
    check(not nameless, f"{what}: without a name: {nameless}")
    check(not wrong, f"{what}: " + "; ".join(wrong[:5]))


def fits(page, name):
    """Its images can be seen, or read about, and it is no wider than its window."""
    broken = page.evaluate(BROKEN)
    check(not broken, f"images cannot be shown: {broken[:3]}")
    check(page.evaluate("[...document.images].every(i => i.alt.length > 0)"), "an image has no text instead")
    check(page.evaluate(WIDER) <= 0, f"on a {name} it is {page.evaluate(WIDER)} pixels wider than its window")
