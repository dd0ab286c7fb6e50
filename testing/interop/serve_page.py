"""What a browser makes of the page to try models: `python serve_page.py URL LOCKED_URL IMAGE CHROMIUM`.

The second server has two models and asks for the key `secret`. Fails where the page asks for anything beyond its server, an error is thrown, a
control has no name, the page is wider than its window, or an image's answer does not come: chosen, dropped, taken by camera, by keys alone.
With `OCELLI_SCREENSHOTS` it leaves pictures of the page in that folder.
"""

import base64
import os
import sys
from pathlib import Path

from browser import FLAGS, WINDOWS, check, looks_right, watched
from playwright.sync_api import expect, sync_playwright

# The camera is one that shows a test picture.
CAMERA = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
DROP = """([name, text]) => {
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    const data = new DataTransfer();
    data.items.add(new File([bytes], name, { type: name.endsWith('.png') ? 'image/png' : 'text/plain' }));
    document.body.dispatchEvent(new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true }));
}"""

url, locked, image, chromium = sys.argv[1:]
folder = os.environ.get("OCELLI_SCREENSHOTS")


def opened(browser, size, address, scheme="light", path="/"):
    context = browser.new_context(viewport=dict(zip(("width", "height"), size)), color_scheme=scheme, permissions=["camera"])
    # A refused request is a line of its own in the console; the page says it too.
    page, wrong = watched(context, (address, "blob:", "data:"), allowed="status of 4")
    page.goto(address + path)
    return page, wrong


def picture(page, name):
    if folder:
        page.screenshot(path=str(Path(folder) / f"{name}.png"), full_page=True)


def answered(page):
    expect(page.locator("#answer")).to_be_visible()
    expect(page.locator("#status")).to_contain_text("%")
    check(page.locator("#classes tbody tr").count() == 3, "there are not three classes")
    shares = [float(cell.inner_text().rstrip("%")) for cell in page.locator("#classes tbody td:last-child").all()]
    check(abs(sum(shares) - 100) < 0.3 and shares == sorted(shares, reverse=True), f"probabilities {shares}")
    expect(page.locator("#times")).to_contain_text("ms in the network")


def by_every_way(browser, name, scheme):
    page, wrong = opened(browser, WINDOWS[name], url, scheme)
    expect(page.locator("#card")).to_contain_text("lesson")
    looks_right(page, wrong, f"{name}, at first")
    page.locator("#file").set_input_files(image)
    answered(page)
    check(page.evaluate("document.getElementById('shown').naturalWidth") == 120, "the image is not shown")
    page.locator("#heat").check()
    encoded = base64.b64encode(Path(image).read_bytes()).decode()
    page.evaluate(DROP, ["dropped.png", encoded])
    expect(page.locator("#shown-name")).to_have_text("dropped.png")
    answered(page)
    expect(page.locator("#heat-figure")).to_be_visible()
    check(page.evaluate("document.getElementById('heat-shown').naturalWidth") == 120, "the heat map is not shown")
    looks_right(page, wrong, f"{name}, answered")
    picture(page, f"{name}-{scheme}")
    page.evaluate(DROP, ["text.png", base64.b64encode(b"hello").decode()])
    expect(page.locator("#status")).to_contain_text("send PNG, JPEG")
    expect(page.locator("#answer")).to_be_hidden()
    page.evaluate(DROP, ["text.txt", base64.b64encode(b"hello").decode()])
    expect(page.locator("#status")).to_have_text("That is no image.")
    page.locator("#heat").uncheck()
    page.locator("#camera").click()
    expect(page.locator("#live")).to_be_visible()
    looks_right(page, wrong, f"{name}, with the camera")
    page.locator("#shoot").click()
    expect(page.locator("#shown-name")).to_have_text("camera.jpg")
    answered(page)
    page.keyboard.press("Escape")
    expect(page.locator("#live")).to_be_hidden()
    check(not wrong, f"{name}: " + "; ".join(wrong[:5]))


def by_keys_alone(browser):
    page, wrong = opened(browser, WINDOWS["desktop"], url)
    expect(page.locator("#card")).to_contain_text("lesson")
    with page.expect_file_chooser() as chooser:
        for _ in range(10):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.id") == "file":
                break
        page.keyboard.press("Enter")
    chooser.value.set_files(image)
    answered(page)
    check(not wrong, "; ".join(wrong[:5]))


def with_a_key(browser):
    page, wrong = opened(browser, WINDOWS["telephone"], locked)
    expect(page.locator("#access")).to_be_visible()
    page.get_by_label("API key").fill("wrong")
    page.keyboard.press("Enter")
    expect(page.locator("#status")).to_contain_text("not known")
    page.get_by_label("API key").fill("secret")
    page.keyboard.press("Enter")
    expect(page.locator("#card")).to_contain_text("first, version 1")
    page.get_by_label("Model", exact=True).select_option("second@2")
    expect(page.locator("#card")).to_contain_text("second, version 2")
    page.locator("#file").set_input_files(image)
    answered(page)
    looks_right(page, wrong, "with a key")
    picture(page, "key")


def lists_the_api(browser):
    for name, size in WINDOWS.items():
        page, wrong = opened(browser, size, url, path="/docs")
        check(page.locator("section").count() > 10, "routes are missing")
        looks_right(page, wrong, f"{name}, /docs")
        picture(page, f"docs-{name}")


with sync_playwright() as playwright:
    browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS + CAMERA)
    expect.set_options(timeout=20_000)
    for name in WINDOWS:
        for scheme in ("light", "dark"):
            by_every_way(browser, name, scheme)
    by_keys_alone(browser)
    with_a_key(browser)
    lists_the_api(browser)
    browser.close()
