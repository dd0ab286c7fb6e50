"""What a browser makes of a search's page: `python search_page.py PAGE.html CHROMIUM`.

Fails where the page asks for anything beyond itself, an error is thrown, an image cannot be shown or has no text instead, the page is wider than its
window, a link leads nowhere, or the table of all trials does not unfold. Prints how many figures it saw.
"""

import json
import sys

from browser import FLAGS, WIDER, WINDOWS, check, fits, opened
from playwright.sync_api import sync_playwright


def looks_right(browser, name, scheme):
    page, wrong = opened(browser, page_file, WINDOWS[name], scheme)
    fits(page, name)
    links = page.locator("nav a")
    for place in range(links.count()):
        target = links.nth(place).get_attribute("href")
        check(page.locator(target).count() == 1, f"a link leads to {target}, which is not there")
    summary = page.locator("#trials summary")
    if summary.count():
        summary.click()
        check(page.locator("#trials table").is_visible(), "the table of all trials does not unfold")
    check(page.evaluate(WIDER) <= 0, f"on a {name} the table is wider than the window")
    # Wide figures scroll in their own boxes.
    shown = page.locator("figure.chart img")
    sizes = [shown.nth(place).bounding_box() for place in range(shown.count())]
    check(all(box["width"] > 200 and box["height"] > 150 for box in sizes), f"a figure is small: {sizes}")
    check(not wrong, "; ".join(wrong[:5]))
    return len(sizes)


page_file, chromium = sys.argv[1:]
with sync_playwright() as playwright:
    browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
    seen = {f"{name}, {scheme}": looks_right(browser, name, scheme) for name in WINDOWS for scheme in ("light", "dark")}
    browser.close()
print(json.dumps(seen))
