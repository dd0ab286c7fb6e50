"""What a browser makes of a folder of `ocelli export --format web`: `python web_page.py answers|labels|controls PAGE EXPECTED CHROMIUM`.

PAGE is the folder, EXPECTED what `ocelli predict --json --top-k 5` says of pictures. Served from below a path, and opened from the disk, the page
must say the same (`answers`), or at least the same label (`labels`, for eight bits), and do so in every way in which pictures come (`controls`). Fails where the page asks for anything beyond its
folder, an error is thrown, a control has no name, or the page is wider than its window. With `OCELLI_SCREENSHOTS` it leaves pictures of the page
in that folder.
"""

import base64
import json
import os
import shutil
import sys
import tempfile
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from browser import FLAGS, WINDOWS, check, looks_right, watched
from playwright.sync_api import expect, sync_playwright

# What the browser asks of any other host fails; there are two cameras, which show a test picture.
OWN = ["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--use-fake-device-for-media-stream=device-count=2",
       "--use-fake-ui-for-media-stream"]
# Those of one network in two runtimes, whose sums have other orders; the pixels are the same to the bit.
TOLERANCE = 1e-4
ROWS = """(item) => [...item.querySelectorAll('tbody tr')].map((row) => [row.querySelector('th').textContent, Number(row.dataset.probability)])"""
FILES = """([kind, files]) => {
    const data = new DataTransfer();
    for (const [name, type, text] of files) {
        const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
        data.items.add(new File([bytes], name, { type }));
    }
    const options = { bubbles: true, cancelable: true };
    document.body.dispatchEvent(kind === 'drop' ? new DragEvent('drop', { ...options, dataTransfer: data })
        : new ClipboardEvent('paste', { ...options, clipboardData: data }));
}"""

mode, folder, expected, chromium = sys.argv[1:]
folder = Path(folder).absolute()
expected = json.loads(Path(expected).read_text())["predictions"]
screenshots = os.environ.get("OCELLI_SCREENSHOTS")


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def served():
    """The folder below a path that is not the root's, as an address."""
    root = Path(tempfile.mkdtemp())
    (root / "some").mkdir()
    (root / "some/where").symlink_to(folder)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=root))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}/some/where/"


def opened(browser, address, size, scheme="light", ready=True):
    context = browser.new_context(viewport=dict(zip(("width", "height"), size)), color_scheme=scheme, permissions=["camera"])
    own = address if address.startswith("http") else f"{folder.as_uri()}/"
    page, wrong = watched(context, (own, "blob:"))
    page.goto(address)
    if ready:
        expect(page.locator("#status")).to_have_text("Ready.")
        check(page.locator("#loading").is_hidden(), "it still loads")
    return page, wrong


def shot(page, name):
    if screenshots:
        page.screenshot(path=str(Path(screenshots) / f"{name}.png"), full_page=True)


def agrees(page, place, prediction):
    """The entry at a place of the list says what is expected. Gives the largest difference."""
    item = page.locator("#list > li").nth(place)
    name = Path(prediction["image"]).name
    expect(item.locator("table").or_(item.locator(".wrong"))).to_be_visible()
    check(item.locator(".wrong").count() == 0, f"{name}: {item.inner_text()}")
    rows = item.evaluate(ROWS)
    shown = item.locator("h3").text_content()
    if prediction["labels"] is None:
        right = shown.startswith(f"{'Not sure: ' if prediction['rejected'] else ''}{prediction['label']}, ")
    else:
        right = sorted(shown.split(", ")) == (sorted(each["label"] for each in prediction["labels"]) or ["None of the classes"])
    check(right, f"{name}: {shown}")
    if mode == "labels":
        return 0.0
    check([label for label, _ in rows] == [top["label"] for top in prediction["top"]], f"{name}: {rows}, not {prediction['top']}")
    differences = [abs(probability - top["probability"]) for (_, probability), top in zip(rows, prediction["top"])]
    check(max(differences) <= TOLERANCE, f"{name}: {rows}, not {prediction['top']}")
    return max(differences)


def answers(browser, address, pictures):
    page, wrong = opened(browser, address, WINDOWS["desktop"])
    page.locator("#file").set_input_files([each["image"] for each in pictures])
    worst, name = max((agrees(page, place, each), Path(each["image"]).name) for place, each in enumerate(pictures))
    expect(page.locator("#status")).to_have_text(f"{len(pictures)} of {len(pictures)} pictures answered.")
    check(not wrong, "; ".join(wrong[:5]))
    print(f"{address[:5]} {len(pictures)} pictures, largest difference {worst:.2e}, of {name}")


def file(path, name=None, kind="image/png"):
    path = Path(path)
    return [name or path.name, kind, base64.b64encode(path.read_bytes()).decode()]


def by_every_way(browser, address, name, scheme):
    page, wrong = opened(browser, address, WINDOWS[name], scheme)
    expect(page.locator("#card")).to_contain_text("parameters")
    looks_right(page, wrong, f"{name}, at first")
    one, two = expected[:2]
    page.locator("#file").set_input_files(one["image"])
    agrees(page, 0, one)
    page.evaluate(FILES, ["drop", [file(two["image"]), file(one["image"])]])
    agrees(page, 0, two)
    agrees(page, 1, one)
    expect(page.locator("#status")).to_have_text("2 of 2 pictures answered.")
    page.evaluate(FILES, ["paste", [file(two["image"], "pasted.png")]])
    expect(page.locator("#list > li").nth(0)).to_contain_text("pasted.png")
    agrees(page, 0, two)
    expect(page.locator("#status")).to_contain_text("%")
    check(page.locator("#list > li").count() == 4, "the earlier answers are gone")
    looks_right(page, wrong, f"{name}, answered")
    shot(page, f"web-{name}-{scheme}")
    text = base64.b64encode(b"hello").decode()
    page.evaluate(FILES, ["drop", [["broken.png", "image/png", text]]])
    expect(page.locator("#status")).to_have_text("broken.png: this browser cannot read it as a picture.")
    page.evaluate(FILES, ["drop", [["text.txt", "text/plain", text]]])
    expect(page.locator("#status")).to_have_text("That is no picture.")
    page.get_by_role("button", name="Clear").click()
    expect(page.locator("#answers")).to_be_hidden()
    check(not wrong, f"{name}: " + "; ".join(wrong[:5]))
    with_the_camera(page, wrong, name, scheme)


def with_the_camera(page, wrong, name, scheme):
    track = "() => { window.track = document.getElementById('video').srcObject.getVideoTracks()[0]; return window.track.label; }"
    page.get_by_role("button", name="Use the camera").click()
    expect(page.locator("#live-answer tbody tr").first).to_be_visible()
    first = page.evaluate(track)
    page.locator("#live-answer tr").first.evaluate("(row) => { row.dataset.seen = '' }")
    expect(page.locator("#live-answer [data-seen]")).to_have_count(0)
    looks_right(page, wrong, f"{name}, with the camera")
    shot(page, f"web-{name}-{scheme}-camera")
    page.get_by_role("button", name="Keep this picture").click()
    expect(page.locator("#list > li")).to_contain_text("camera.png")
    expect(page.locator("#list > li table")).to_be_visible()
    page.get_by_role("button", name="Other camera").click()
    expect(page.locator("#live-answer tbody tr").first).to_be_visible()
    check(page.evaluate("track.readyState") == "ended", "the first camera goes on")
    check(first and page.evaluate(track), "a camera has no name")
    page.keyboard.press("Escape")
    expect(page.locator("#live")).to_be_hidden()
    check(page.evaluate("track.readyState") == "ended", "the camera goes on when it is closed")
    check(page.evaluate("document.activeElement.id") == "camera", "the keyboard is lost")
    page.keyboard.press("Enter")
    expect(page.locator("#live-answer tbody tr").first).to_be_visible()
    page.evaluate(track)
    page.evaluate("Object.defineProperty(document, 'hidden', { value: true }); document.dispatchEvent(new Event('visibilitychange'))")
    check(page.evaluate("track.readyState") == "ended", "the camera goes on when the page is left")
    check(not wrong, f"{name}, camera: " + "; ".join(wrong[:5]))


def by_keys_alone(browser, address):
    page, wrong = opened(browser, address, WINDOWS["desktop"])
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Tab")
        check(page.evaluate("document.activeElement.id") == "file", "the first stop is not the choice of pictures")
        page.keyboard.press("Enter")
    chooser.value.set_files(expected[0]["image"])
    agrees(page, 0, expected[0])
    check(not wrong, "; ".join(wrong[:5]))


def not_whole(browser):
    with tempfile.TemporaryDirectory() as copy:
        shutil.copytree(folder, copy, dirs_exist_ok=True)
        (Path(copy) / "parts/model-0.js").unlink()
        page, _ = opened(browser, (Path(copy) / "index.html").as_uri(), WINDOWS["telephone"], ready=False)
        expect(page.locator("#status")).to_have_text("The model cannot be run: parts/model-0.js is missing.")
        page.locator("#file").set_input_files(expected[0]["image"])
        expect(page.locator("#list .wrong")).to_contain_text("parts/model-0.js is missing.")


with sync_playwright() as playwright:
    browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS + OWN)
    expect.set_options(timeout=30_000)
    addresses = [(folder / "index.html").as_uri(), served()]
    if mode in ("answers", "labels"):
        # From the disk all of them, from a server some: what differs is how files come.
        answers(browser, addresses[0], expected)
        answers(browser, addresses[1], expected[:5])
    else:
        looks = [("desktop", "light"), ("telephone", "dark"), ("telephone", "light"), ("desktop", "dark")]
        for (name, scheme), address in zip(looks if screenshots else looks[:2], addresses * 2):
            by_every_way(browser, address, name, scheme)
        by_keys_alone(browser, addresses[1])
        not_whole(browser)
    browser.close()
