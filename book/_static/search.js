// Headings that have most of the words asked for come first, the shortest of them before the others. Sphinx looks for the whole
// question in a heading, so it would find neither "equation 8" in "Eq. (8)" nor "exercise ties" in "Exercise 2: fair MRR with ties".
const FIRST = 5;
const EMPTY = new Set(["a", "an", "and", "code", "for", "how", "in", "is", "of", "on", "the", "to", "what", "with"]);
const wordsOf = (text) =>
  (text.toLowerCase().match(/[\p{L}\p{N}@]+/gu) ?? []).map((word) => (word === "equation" ? "eq" : word));
const same = (a, b) => a === b || a === `${b}s` || b === `${a}s`;

const headings = (query) => {
  const asked = wordsOf(query).filter((word) => !EMPTY.has(word));
  const { alltitles, titles, docnames, filenames } = Search._index;
  const found = [];
  for (const [title, places] of Object.entries(alltitles)) {
    const words = wordsOf(title);
    const missed = asked.filter((word) => !words.some((other) => same(word, other)));
    if (missed.some((word) => /^\d+$/.test(word)) || missed.length > asked.length / 3) continue;
    for (const [file, id] of places) {
      const whole = titles[file] === title;
      const result = [docnames[file], whole ? title : `${titles[file]} > ${title}`, id ? `#${id}` : "", null, 100, filenames[file]];
      const mended = docnames[file] === "book/errata"; // what was wrong comes after what is right
      found.push({ mended, missed: missed.length, length: words.length, result });
    }
  }
  found.sort((a, b) => a.mended - b.mended || a.missed - b.missed || a.length - b.length);
  return asked.length ? found.slice(0, FIRST).map((entry) => entry.result) : [];
};

document.addEventListener("DOMContentLoaded", () => {
  if (typeof Search === "undefined") return; // on all pages but that of the search
  const usual = Search._performSearch;
  Search._performSearch = (query, ...words) => {
    const first = headings(query);
    const places = new Set(first.map(([page, , anchor]) => page + anchor));
    const rest = usual(query, ...words).filter(([page, , anchor]) => !places.has(page + anchor));
    return [...rest, ...first.reverse()]; // the last one is shown first
  };
});
