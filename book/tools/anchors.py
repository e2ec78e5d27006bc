"""Give every exercise of the built pages a short address of its own, `#exercise-3`, and let its heading link to it.

Sphinx makes the anchor from the whole heading, with difficulty and minutes, which change; it stays beside the short one.
"""

import re
from pathlib import Path

HEADING = re.compile(
    r'<h3>(Exercise (\d+) \([a-z]+, \d+ minutes\).*?)<a class="headerlink" href="#[^"]*" title="[^"]*">', re.DOTALL
)


def linked(page):
    """The HTML of a page with its exercises' anchors."""
    return HEADING.sub(
        r'<h3 id="exercise-\2">\1<a class="headerlink exercise-link" href="#exercise-\2" title="Link to exercise \2" '
        r'aria-label="Link to exercise \2">',
        page,
    )


def write(site):
    """Rewrite the chapters of the built site in the folder `site`."""
    for path in sorted((Path(site) / "notebooks").glob("*.html")):
        before = path.read_text(encoding="utf-8")
        if (after := linked(before)) != before:
            path.write_text(after, encoding="utf-8")
