// What scrolls in a box of its own must scroll by the keyboard too: the box can then be reached with the tab key.
// A phone's window makes other boxes scroll than a wide one, bars beside the text slide in and out, and formulas get
// their width late: so each box is watched, not the window.
const boxes = ".cell_output, .cell_output figure, table.table, mjx-container[display], div.math";
const reach = (box) => {
  if (box.scrollWidth > box.clientWidth + 1) box.tabIndex = 0;
  else box.removeAttribute("tabindex");
};
const watcher = new ResizeObserver((entries) => entries.forEach((entry) => reach(entry.target)));
const watch = () => {
  for (const box of document.querySelectorAll(boxes)) {
    reach(box);
    watcher.observe(box);
  }
};
addEventListener("load", () => {
  watch();
  window.MathJax?.startup?.promise?.then(watch);
});
