"""axe-core and the keyboard's focus, for all tests that look at a page in a browser. Rules of WCAG 2.2, levels A and AA."""

import importlib.util
import json
from pathlib import Path

AXE = Path(importlib.util.find_spec("axe_playwright_python").submodule_search_locations[0]) / "axe.min.js"
LEVELS = {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
COLOURS = {"type": "rule", "values": ["color-contrast"]}
RUN = """axe.run(document, OPTIONS).then(found => found.violations.flatMap(rule => rule.nodes.map(node =>
  [rule.id, node.target.flat().join(" "), node.html.slice(0, 200), node.failureSummary])))"""

# Marks elements with text, two of each look at most: axe looks for what lies behind every one of them, which takes most of
# its time. Alike are those of one tag and class whose ancestors up to the page have the same colours and sizes in the same
# order; so what is said of one is said of all. Anew in each theme and each width.
LOOKS = """(() => {
  document.querySelectorAll("[data-look]").forEach(e => e.removeAttribute("data-look"));
  const looks = new Map([[null, ""]]), counts = new Map(), found = [];
  const look = e => {
    if (!looks.has(e)) {
      const s = getComputedStyle(e);
      looks.set(e, [look(e.parentElement), s.color, s.backgroundColor, s.backgroundImage, s.opacity, s.filter, s.mixBlendMode,
        s.fontSize, s.fontWeight, s.textShadow, s.position].join("|"));
    }
    return looks.get(e);
  };
  for (const e of document.querySelectorAll(WITHIN)) {
    const text = [...e.childNodes].some(node => node.nodeType == 3 && node.data.trim());
    // Axe has no opinion on a single letter, nor on what is hidden, in a closed box, say.
    if (!text || e.textContent.trim().length < 2 || !e.checkVisibility({visibilityProperty: true})) continue;
    const key = e.tagName + e.className + look(e), seen = counts.get(key) ?? 0;
    counts.set(key, seen + 1);
    if (seen < 2) found.push(e);
  }
  found.forEach(e => e.setAttribute("data-look", ""));
  axe.configure({rules: [{id: "color-contrast", selector: "[data-look]"}]});
})()"""

# Of what has the focus: a name for it, whether it is on the screen, and how it differs from the same thing without focus.
FOCUS = """(() => {
  const at = document.activeElement, look = e => {
    const s = getComputedStyle(e);
    return [s.outlineStyle, s.outlineWidth, s.boxShadow, s.backgroundColor, s.color, s.textDecorationLine].join("|");
  };
  if (!at || at === document.body) return null;
  const box = at.getBoundingClientRect(), style = getComputedStyle(at), focused = look(at);
  at.blur();
  const plain = look(at);
  at.focus({focusVisible: true});
  return {html: at.outerHTML.slice(0, 120), tag: at.tagName, type: at.type ?? "", label: at.labels?.[0]?.textContent ?? "",
          shown: box.width > 0 && box.height > 0 && box.bottom > 0 && box.top < innerHeight && style.visibility == "visible",
          marked: focused != plain || (style.outlineStyle != "none" && style.outlineWidth != "0px")};
})()"""
TAB = {"windowsVirtualKeyCode": 9}


def load_axe(browser):
    """Into the page that is open."""
    browser.evaluate(f"{AXE.read_text(encoding='utf-8')};0")


def violations(browser, which=LEVELS):
    """Rule, path, HTML and explanation of each violation of these rules."""
    return browser.evaluate(RUN.replace("OPTIONS", json.dumps({"runOnly": which, "resultTypes": ["violations"]})))


def one_of_each_look(browser, within="*"):
    """From now on the rule on colours looks at what :data:`LOOKS` picks from the elements of a CSS selector."""
    browser.evaluate(LOOKS.replace("WITHIN", json.dumps(within)))
