"""What a browser makes of a report's page: `python report_page.py PAGE.html CHROMIUM`.

Fails where the page asks for anything beyond itself, an error is thrown, an image cannot be shown or has no text instead, the page is wider
than its window, or the images of a cell of the confusion matrix do not come up: by click, by keys, and without JavaScript. Prints what it saw.
"""

import json
import sys

from browser import FLAGS, WIDER, WINDOWS, check, fits, opened
from playwright.sync_api import sync_playwright


def shown(page):
    """The heading and the number of images of each cell that can be seen."""
    return [(cell.locator("h3").inner_text(), cell.locator("img").count()) for cell in page.locator(".cell").all() if cell.is_visible()]


def looks_right(browser, name, scheme):
    page, wrong = opened(browser, page_file, WINDOWS[name], scheme)
    fits(page, name)
    check(not shown(page), "a cell's images are seen before they are asked for")
    link = page.locator(".matrix td.wrong a").first
    link.click()
    check(len(shown(page)) == 1 and shown(page)[0][0] == link.get_attribute("aria-label"), "a click on a cell does not show its images")
    check(page.evaluate("document.activeElement.tagName") == "H3", "what a click shows has not the focus")
    check(page.evaluate(WIDER) <= 0, "the images of a cell are wider than the window")
    check(not wrong, "; ".join(wrong[:5]))
    return shown(page)


def keys_work(browser):
    page, wrong = opened(browser, page_file, WINDOWS["desktop"])
    page.locator(".matrix a").first.focus()
    page.keyboard.press("Enter")
    first = shown(page)
    page.keyboard.press("Escape")
    check(len(first) == 1 and not shown(page), "Enter and Escape do not show and hide a cell's images")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    second = shown(page)
    check(len(second) == 1 and second != first, "arrow keys do not lead to another cell")
    check(not wrong, "; ".join(wrong[:5]))


def links_work_without_script(browser):
    page, _ = opened(browser, page_file, WINDOWS["desktop"], script=False)
    link = page.locator(".matrix a").first
    link.click()
    check([heading for heading, _ in shown(page)] == [link.get_attribute("aria-label")], "without JavaScript a link does not lead to its images")


page_file, chromium = sys.argv[1:]
with sync_playwright() as playwright:
    browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
    seen = {f"{name}, {scheme}": looks_right(browser, name, scheme) for name in WINDOWS for scheme in ("light", "dark")}
    keys_work(browser)
    links_work_without_script(browser)
    browser.close()
print(json.dumps(seen))
