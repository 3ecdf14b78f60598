"""A report in a browser: it asks nobody, its hosts play back, its tables sort, it prints, and everybody can read it."""

import shutil

import pytest
from playwright.sync_api import expect, sync_playwright

pytestmark = pytest.mark.browser

PIXELS = "document.getElementById('scrubber-picture').toDataURL()"


@pytest.fixture(scope="module")
def browser():
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("there is no chromium: reports are not tested in a browser")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture
def opened(browser, sent):
    """Opens the report with options of a browser's context; at the end the browser must have complained of nothing."""
    contexts, said = [], []

    def open_page(clock=False, **options):
        context = browser.new_context(**options)
        context.set_default_timeout(5000)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: said.append(request.url) if is_elsewhere(request.url) else None)
        if clock:
            page.clock.install(time=0)
        page.goto(sent.file.as_uri())
        expect(page.locator("#scrubber-words")).to_contain_text("At ")
        if clock:
            page.clock.pause_at(10**6)  # from now on time goes by when the test says so
        return page

    def is_elsewhere(address):
        return address != sent.file.as_uri() and not address.startswith("data:")

    yield open_page
    for context in contexts:
        context.close()
    assert said == []


@pytest.fixture
def page(opened):
    return opened()


# -- the hosts over time -----------------------------------------------------------------------------------------


def test_the_page_opens_from_disk_without_a_complaint_or_a_request(page):
    expect(page.get_by_role("heading", level=1)).to_contain_text("on 4 hosts")
    # The fixture looks at what was said and asked for.


def test_keys_on_the_slider_move_the_picture_and_the_words(page):
    slider = page.get_by_role("slider", name="Time")
    pictures, words, times = [], [], []

    slider.focus()
    for key in ("Home", "End"):
        page.keyboard.press(key)
        pictures.append(page.evaluate(PIXELS))
        words.append(page.locator("#scrubber-words").text_content())
        times.append(slider.get_attribute("aria-valuetext"))

    assert len(set(pictures)) == len(set(words)) == len(set(times)) == 2
    assert all(time in told for time, told in zip(times, words, strict=True))


def test_the_mouse_on_the_slider_moves_the_picture(page):
    slider = page.get_by_role("slider", name="Time")
    before = page.evaluate(PIXELS)

    slider.click(position={"x": 4, "y": 8})

    assert page.evaluate(PIXELS) != before


def test_another_load_is_another_picture_on_the_same_time(page):
    before, words = page.evaluate(PIXELS), page.locator("#scrubber-words").text_content()

    page.get_by_label("Load", exact=True).select_option(label="Disk time used")

    expect(page.locator("#scrubber-words")).to_contain_text("Disk time used")
    assert page.evaluate(PIXELS) != before
    assert page.locator("#scrubber-words").text_content().partition(":")[0] == words.partition(":")[0]


def test_every_run_can_be_chosen(page, sent):
    chosen = page.get_by_label("Run", exact=True)
    labels = chosen.locator("option").all_text_contents()

    assert labels == [f"{a}, {p}" for a in sent.study.architectures for p in sent.study.policies]
    for label in labels:
        chosen.select_option(label=label)
        expect(page.get_by_role("img", name=f"CPU used of every host, {label}")).to_be_visible()


@pytest.mark.parametrize(("motion", "step_ms"), [("no-preference", 100), ("reduce", 1000)])
def test_play_goes_on_in_time_and_pause_stops(opened, motion, step_ms):
    page = opened(clock=True, reduced_motion=motion)
    slider = page.get_by_role("slider", name="Time")
    slider.focus()
    page.keyboard.press("Home")

    page.get_by_role("button", name="Play").click()
    page.clock.run_for(3 * step_ms)
    assert slider.input_value() == "3"
    assert page.locator("#scrubber-words").get_attribute("aria-live") == "off"
    page.get_by_role("button", name="Pause").click()
    page.clock.run_for(3 * step_ms)

    assert slider.input_value() == "3"
    assert page.locator("#scrubber-words").get_attribute("aria-live") == "polite"


def test_play_ends_at_the_end_and_begins_again_from_there(opened):
    page = opened(clock=True)
    slider = page.get_by_role("slider", name="Time")
    slider.focus()
    page.keyboard.press("End")
    page.keyboard.press("ArrowLeft")

    page.get_by_role("button", name="Play").click()
    page.clock.run_for(100)
    expect(page.get_by_role("button", name="Play")).to_be_visible()
    assert slider.input_value() == slider.get_attribute("max")
    page.get_by_role("button", name="Play").click()

    assert slider.input_value() == "0"


# -- tables ------------------------------------------------------------------------------------------------------


def column(page, name):
    """The raw numbers of a column of the table of all runs as they stand now, None where nobody knows."""
    return page.evaluate(
        """name => {
            const table = document.querySelectorAll("table.sortable")[1];
            const place = [...table.tHead.rows[0].cells].findIndex(cell => cell.textContent === name);
            return [...table.tBodies[0].rows].map(row => row.cells[place].dataset.value ?? null);
        }""",
        name,
    )


@pytest.mark.parametrize("by", ["mouse", "keyboard"])
def test_a_table_sorts_by_number_in_both_directions(page, by):
    heading = page.get_by_role("columnheader", name="cpu_imbalance", exact=True)
    button = heading.get_by_role("button")

    for direction in ("ascending", "descending"):
        button.click() if by == "mouse" else button.press("Enter")
        expect(heading).to_have_attribute("aria-sort", direction)
        values = [float(value) for value in column(page, "cpu_imbalance")]
        assert len(set(values)) > 1
        assert values == sorted(values, reverse=direction == "descending")


def test_numbers_sort_as_numbers_and_what_nobody_knows_comes_last(page):
    # Into the table of this run, in which everything is known.
    page.evaluate(
        """() => {
            const table = document.querySelectorAll("table.sortable")[1];
            const place = [...table.tHead.rows[0].cells].findIndex(cell => cell.textContent === "horizon_s");
            const values = ["10", undefined, "9", "inf"];
            [...table.tBodies[0].rows].forEach((row, number) => {
                const cell = row.cells[place];
                if (values[number % 4] === undefined) delete cell.dataset.value;
                else cell.dataset.value = values[number % 4];
            });
        }"""
    )
    button = page.get_by_role("columnheader", name="horizon_s", exact=True).get_by_role("button")

    button.click()
    assert column(page, "horizon_s") == ["9", "9", "10", "10", "inf", "inf", None, None]
    button.click()
    assert column(page, "horizon_s") == ["inf", "inf", "10", "10", "9", "9", None, None]


def test_words_sort_by_their_letters_and_one_heading_says_so(page):
    table = page.get_by_role("table").first

    table.get_by_role("columnheader", name="policy").get_by_role("button").click()
    table.get_by_role("columnheader", name="architecture").get_by_role("button").click()

    assert table.locator("[aria-sort]").count() == 1
    rows = table.locator("tbody th").all_text_contents()
    assert rows == sorted(rows)


# -- on paper, on a telephone, for everybody ---------------------------------------------------------------------


def test_on_paper_everything_is_unfolded_and_nothing_is_to_press(page):
    page.emulate_media(media="print")

    expect(page.get_by_role("button", name="Play")).to_be_hidden()
    expect(page.get_by_role("slider")).to_be_hidden()
    expect(page.get_by_role("navigation")).to_be_hidden()
    for settings in page.locator("details dl").all():
        expect(settings).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_it_prints(page):
    paper = page.pdf(format="A4")

    assert paper.startswith(b"%PDF")
    assert paper.count(b"/Type /Page\n") > 1
    assert page.locator("details[open]").count() == 0  # as it was


@pytest.mark.parametrize("width", [360, 768, 1280])
def test_no_window_is_too_narrow(opened, width):
    page = opened(viewport={"width": width, "height": 740})

    assert page.evaluate("document.documentElement.scrollWidth") <= width
    # What has no room scrolls within itself, and keys can do that too.
    cut = page.evaluate(
        """() => [...document.querySelectorAll("main *, header *")].filter(element => {
            const style = getComputedStyle(element);
            return element.scrollWidth > element.clientWidth + 1 && style.overflowX !== "visible"
                && element.tabIndex < 0 && element.tagName !== "SELECT";
        }).map(element => element.outerHTML.slice(0, 80))"""
    )
    assert cut == []


def test_landmarks_and_sections_have_names(page):
    for role in ("banner", "main", "contentinfo"):
        expect(page.get_by_role(role)).to_have_count(1)
    expect(page.get_by_role("navigation", name="Contents")).to_be_visible()
    for link in page.get_by_role("navigation").get_by_role("link").all():
        expect(page.get_by_role("region", name=link.text_content(), exact=True)).to_have_count(1)


def test_whoever_uses_keys_can_go_straight_to_the_results(page):
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")

    expect(page.get_by_role("main")).to_be_focused()


def test_every_picture_and_control_has_a_name(page):
    nameless = page.evaluate(
        """() => [...document.querySelectorAll("img, canvas, input, select, button")].filter(element =>
            !(element.alt || element.ariaLabel || element.labels?.length || element.textContent.trim()))
            .map(element => element.outerHTML.slice(0, 80))"""
    )

    assert nameless == []


def test_names_that_look_like_markup_are_text(page):
    expect(page.locator("b")).to_have_count(0)
    expect(page.get_by_role("heading", level=1)).to_contain_text("<img src=x onerror=alert(1)>.csv")
    assert page.evaluate("[...document.images].every(image => image.complete && image.naturalWidth > 0)")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground(opened, scheme):
    page = opened(color_scheme=scheme)

    # WCAG 2.2, success criterion 1.4.3: contrast of 4.5 at least, of relative luminances.
    faint = page.evaluate(
        """() => {
            const parts = colour => colour.match(/[\\d.]+/g).map(Number);
            const luminance = ([r, g, b]) => [r, g, b].map(v => v / 255)
                .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
                .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
            const ground = element => {
                for (let at = element; at; at = at.parentElement) {
                    const colour = parts(getComputedStyle(at).backgroundColor);
                    if (colour.length === 3 || colour[3] > 0) return colour;
                }
                return [255, 255, 255];
            };
            return [...document.querySelectorAll("body *")].filter(element => element.checkVisibility()
                && [...element.childNodes].some(node => node.nodeType === 3 && node.data.trim())).filter(element => {
                const [a, b] = [parts(getComputedStyle(element).color), ground(element)].map(luminance);
                return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05) < 4.5;
            }).map(element => element.outerHTML.slice(0, 80));
        }"""
    )
    assert faint == []
