// What scrolls in a box of its own must scroll by the keyboard too: the box can then be reached with the tab key.
// A phone's window makes other boxes scroll than a wide one, and formulas get their width late.
const boxes = ".cell_output, .cell_output figure, table.table, mjx-container[display], div.math";
const reach = () => {
  for (const box of document.querySelectorAll(boxes)) {
    if (box.scrollWidth > box.clientWidth + 1) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
  }
};
addEventListener("load", () => {
  reach();
  window.MathJax?.startup?.promise?.then(reach);
});
addEventListener("resize", reach);
