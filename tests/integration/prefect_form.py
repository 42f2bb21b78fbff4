"""A form of the Prefect UI as a person fills it in: of a deployment's run, or of the answer to a run that waits."""

import re
from contextlib import suppress

from playwright.sync_api import Locator, Page
from playwright.sync_api import TimeoutError as PlaywrightTimeoutError

_PRESSES = 4
_GONE_MS = 15_000


class PrefectForm:
    """The fields of the form that a page shows, by the names of the parameters."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def field(self, name: str) -> Locator:
        """Return the field of a parameter, once it is there."""
        label = self.page.locator(".schema-form-property__label").filter(
            # a parameter by its name, an answer by its title: "Answered By"
            has_text=re.compile(rf"^\s*{name.replace('_', '[_ ]')}\s*(\(Optional\))?\s*$", re.IGNORECASE)
        )
        found = self.page.locator(".schema-form-property").filter(has=label).first
        found.wait_for()
        return found

    def fill(self, name: str, text: str) -> None:
        """Write a text; where the parameter may be missing, say first that it is not."""
        field = self.field(name)
        of_a_kind = field.get_by_text("str", exact=True)
        if of_a_kind.count():
            of_a_kind.click()
        field.locator("textarea, input:not([type=checkbox])").first.fill(text)

    def add(self, name: str, text: str) -> None:
        """Write one more item of a list."""
        field = self.field(name)
        field.get_by_text("Add item").click()
        field.locator("textarea").last.fill(text)

    def turn_on(self, name: str) -> None:
        """Turn a switch on."""
        switch = self.field(name).get_by_role("switch")
        if switch.get_attribute("aria-checked") != "true":
            switch.click()

    def submit(self) -> None:
        """Press the button until the form is gone: a press while the page still fills the form in does nothing."""
        button = self.page.get_by_role("button", name="Submit").last
        for _ in range(_PRESSES):
            button.click()
            with suppress(PlaywrightTimeoutError):
                button.wait_for(state="hidden", timeout=_GONE_MS)
                return
        raise AssertionError(f"the form stays: {self.page.inner_text('body')[-500:]}")
