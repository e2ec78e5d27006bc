// The page of an alignment. All that it shows comes from the page's own JSON, and goes into text nodes only.

const read = id => JSON.parse(document.getElementById(id).textContent);
const data = read("data");
const match = data.matches;
const count = match.score.length;
const $ = id => document.getElementById(id);

// --- Elements and words ---------------------------------------------------------------------------------------------

/** An element; `more` are its attributes, strings among its children become text. */
function el(tag, more = {}, ...children) {
  const made = document.createElement(tag);
  for (const [key, value] of Object.entries(more)) if (value !== false && value != null) made.setAttribute(key, value);
  made.append(...children.filter(child => child != null));
  return made;
}

function svg(tag, more, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [key, value] of Object.entries(more)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/** Foreign text: its direction is its own, and does not turn what stands around it. */
const foreign = (text, more = {}, tag = "bdi") => el(tag, {dir: "auto", ...more}, text);
const round = x => x < 1 && x >= 0.995 ? ">99" : x > 0 && x < 0.005 ? "<1" : `${Math.round(100 * x)}`;
const percent = x => x == null ? "–" : `${round(x)} %`;
const interval = step => `${round(step.precision_low)} to ${percent(step.precision_high)}`;
const whole = n => Math.round(n).toLocaleString("en-GB");
const signed = x => x == null ? "–" : x === 0 ? "0" : `${x < 0 ? "−" : "+"}${Math.abs(x).toFixed(2)}`;
const plain = x => x == null ? "–" : x.toFixed(2).replace("-", "−");

/** How a log-odds changes the odds. */
function factor(x) {
  const times = Math.exp(Math.abs(x));
  return (x < 0 ? "÷ " : "× ") + (times < 9.95 ? times.toFixed(1) : times < 1000 ? whole(times) : "1,000+");
}

/** The last part of an IRI, which people read. */
function local(iri) {
  const [, arrow, rest] = /^(← )?(.*)$/s.exec(iri);
  const last = /:\/\/|^urn:/.test(rest) ? rest.replace(/[#/]+$/, "").split(/[#/]/).pop() : rest;
  let decoded = last;
  try { decoded = decodeURIComponent(last); } catch { /* no escapes after all */ }
  return (arrow ?? "") + (/[\p{C}\u2028\u2029]/u.test(decoded) ? last : decoded);
}

const name = (side, i) => match[`${side}_name`][i];
const title = i => `${name("left", i)} = ${name("right", i)}`;
const measure = i => match.probability ? percent(match.probability[i]) : plain(match.score[i]);

// --- Summary --------------------------------------------------------------------------------------------------------

const all = [...Array(count).keys()];
const known = all.filter(i => match.known[i]);
const found = all.filter(i => !match.known[i]);
const kept = found.filter(i => match.kept[i]);
// Estimates by rising threshold.
const steps = (data.thresholds.threshold ?? []).map((_, k) =>
  Object.fromEntries(Object.entries(data.thresholds).map(([column, values]) => [column, values[k]])))
  .sort((a, b) => a.threshold - b.threshold);
const keptFrom = steps.findIndex(step => step.precision >= data.asked);

function summary() {
  document.title = `Alignment report: ${data.title}`;
  $("title").textContent = data.title;
  const [left, right] = data.entities, step = steps[keptFrom];
  $("lead").textContent = `${whole(left)} entities of the left graph, ${whole(right)} of the right one. ` + (step
    ? `Matches are kept down to the lowest score from which on at least ${percent(data.asked)} are estimated to be correct.`
    : `No score promises that ${percent(data.asked)} of the matches are correct, so none is kept beside the known pairs.`);
  const tile = (number, what, more) => el("div", {}, el("dt", {}, what), el("dd", {class: "value"}, number), el("dd", {class: "more"}, more));
  const range = step && `estimated, 95 % interval ${interval(step)}`;
  const matched = side => new Set([...known, ...kept].map(i => match[`${side}_uri`][i])).size;
  $("tiles").append(
    tile(whole(kept.length), "new matches kept", `of ${whole(found.length)} found`),
    tile(step ? percent(step.precision) : "–", "of them are correct", range ?? "not known"),
    tile(step ? percent(step.recall) : "–", "of the true matches are kept", "estimated"),
    tile(whole(known.length), "known pairs", "given before the run"),
    tile(whole(left - matched("left") + right - matched("right")), "entities without a kept match",
      `${whole(left - matched("left"))} left, ${whole(right - matched("right"))} right`));
  if (data.notes.length) {
    $("notes").hidden = false;
    $("notes").querySelector("summary").textContent = `Notes on the data (${data.notes.length})`;
    $("notes").querySelector("ul").append(...data.notes.map(note => foreign(note, {}, "li")));
  }
}

// --- Curve ----------------------------------------------------------------------------------------------------------

const HEIGHT = 240, AXIS = {left: 46, right: 16, top: 10, bottom: 38};

function curve() {
  const box = $("curve");
  if (!steps.length) {
    box.append(el("p", {class: "muted"}, "No threshold could be tried: nothing can be said about precision."));
    return;
  }
  const slider = el("input", {type: "range", id: "threshold", min: 0, max: steps.length - 1, step: 1});
  slider.value = keptFrom < 0 ? steps.length - 1 : keptFrom;
  const output = el("output", {for: "threshold"}), drawing = el("div");
  const swatch = (kind, words) => el("span", {class: `legend ${kind}`}, words);
  box.append(drawing,
    el("p", {class: "legends", "aria-hidden": "true"}, swatch("precision", "precision, 95 % interval"), swatch("recall", "recall"),
      swatch("asked", `asked for: ${percent(data.asked)}`)),
    el("label", {class: "slide"}, "Threshold ", slider), output, thresholdTable());
  const show = () => {
    const step = steps[slider.value];
    const words = `From a score of ${plain(step.threshold)} on: ${whole(step.matches)} matches, precision ${percent(step.precision)}`
      + ` (${interval(step)}), recall ${percent(step.recall)}.`;
    output.textContent = words;
    slider.setAttribute("aria-valuetext", words);
    drawing.replaceChildren(drawCurve(Math.max(260, box.clientWidth), step));
  };
  slider.addEventListener("input", show);
  let width;
  new ResizeObserver(() => {
    if (width !== (width = box.clientWidth)) show();
  }).observe(box);
}

function drawCurve(width, chosen) {
  const lowest = steps[0].threshold, span = steps.at(-1).threshold - lowest;
  const right = width - AXIS.right, bottom = HEIGHT - AXIS.bottom;
  const x = t => AXIS.left + (span ? (t - lowest) / span : 0.5) * (right - AXIS.left);
  const y = p => bottom - p * (bottom - AXIS.top);
  const at = key => steps.map(step => `${x(step.threshold).toFixed(1)},${y(step[key]).toFixed(1)}`);
  const line = (key, kind) => svg("polyline", {points: at(key).join(" "), class: kind});
  const text = (where, place, anchor, ...words) =>
    svg("text", {x: where, y: place, "text-anchor": anchor}, ...words);
  const ticks = [0, 0.25, 0.5, 0.75, 1].flatMap(p => [
    svg("line", {x1: AXIS.left, x2: right, y1: y(p), y2: y(p), class: "grid"}), text(AXIS.left - 8, y(p) + 4, "end", percent(p))]);
  const unit = 10 ** Math.floor(Math.log10(span / 4 || 1)), apart = unit * [1, 2, 5, 10].find(k => span / 6 <= k * unit);
  const places = [];
  for (let t = Math.ceil(lowest / apart) * apart; t <= lowest + span + 1e-9; t += apart) places.push(t);
  const tick = t => t.toFixed(Math.max(0, -Math.floor(Math.log10(apart)))).replace("-", "−");
  const drawn = svg("svg", {width, height: HEIGHT, role: "img", "aria-label":
    `Precision, its interval and recall against the threshold, from ${plain(lowest)} to ${plain(lowest + span)}; the table below has the numbers.`},
    ...ticks, ...places.map(t => text(x(t), bottom + 17, "middle", tick(t))), text((AXIS.left + right) / 2, HEIGHT - 4, "middle", "threshold (score)"),
    svg("polygon", {points: [...at("precision_low"), ...at("precision_high").reverse()].join(" "), class: "band"}),
    svg("line", {x1: AXIS.left, x2: right, y1: y(data.asked), y2: y(data.asked), class: "asked"}), line("recall", "recall"),
    line("precision", "precision"),
    svg("line", {x1: x(chosen.threshold), x2: x(chosen.threshold), y1: AXIS.top, y2: bottom, class: "chosen"}),
    svg("circle", {cx: x(chosen.threshold), cy: y(chosen.precision), r: 4.5, class: "dot"}));
  return drawn;
}

/** The numbers of the curve; of many thresholds some, evenly chosen. */
function thresholdTable() {
  const some = steps.length <= 20 ? steps : [...Array(20).keys()].map(k => steps[Math.round(k * (steps.length - 1) / 19)]);
  const columns = [["threshold", plain], ["matches", whole], ["precision", percent], ["precision_low", percent], ["precision_high", percent],
    ["recall", percent]];
  const head = ["Threshold", "Matches", "Precision", "Low", "High", "Recall"].map(word => el("th", {scope: "col"}, word));
  const rows = some.map(step => el("tr", {}, ...columns.map(([column, shown]) => el("td", {}, shown(step[column])))));
  const label = steps.length > some.length ? `Some of the ${whole(steps.length)} thresholds, in numbers` : "All thresholds in numbers";
  return el("details", {}, el("summary", {}, label), el("div", {class: "scroll", tabindex: 0, role: "region", "aria-label": label},
    el("table", {class: "numbers"}, el("thead", {}, el("tr", {}, ...head)), el("tbody", {}, ...rows))));
}

// --- Evidence -------------------------------------------------------------------------------------------------------

/** A table whose bars begin where the one before ended: parts of the log-odds, and what they add up to. */
function waterfall(parts, total, caption) {
  let end = 0;
  const spans = parts.map(part => [end, end += part ?? 0]);
  const low = Math.min(0, ...spans.flat()), width = Math.max(0, ...spans.flat()) - low || 1;
  const place = value => 100 * (value - low) / width;
  const row = (word, [from, to], value, kind) => {
    const bar = el("span", {class: `bar ${value < 0 ? "against" : "for"} ${kind}`}), zero = el("span", {class: "zero"});
    bar.style.left = `${place(Math.min(from, to))}%`;
    bar.style.width = `${Math.abs(to - from) / width * 100}%`;
    zero.style.left = `${place(0)}%`;
    return el("tr", {class: kind}, el("th", {scope: "row"}, word), el("td", {class: "track"}, el("span", {class: "lane"}, zero, value ? bar : null)),
      el("td", {class: "number"}, signed(value)), el("td", {class: "number odds"}, value ? factor(value) : ""));
  };
  const head = ["", "", "log-odds", "odds"].map(word => word ? el("th", {scope: "col"}, word) : el("td"));
  return el("table", {class: "waterfall"}, el("caption", {}, caption), el("thead", {}, el("tr", {}, ...head)),
    el("tbody", {}, ...spans.map((span, k) => row(data.modalities[k], span, parts[k], "part")), row("together", [0, end], total, "sum")));
}

function restOn() {
  const rows = kept.length ? kept : found;
  const parts = match.parts.map(values => rows.reduce((sum, i) => sum + values[i], 0) / rows.length);
  $("rest").append(rows.length ? waterfall(parts, parts.reduce((a, b) => a + b, 0),
    `Mean evidence of each modality over the ${whole(rows.length)} new matches${kept.length ? " that are kept" : ", none of which is kept"}. ` +
    "A bar that goes to the right speaks for the matches, one that goes to the left against them.")
    : el("p", {class: "muted"}, "No new match was found."));
}

// --- Review: what a person decides, kept in this browser ------------------------------------------------------------

// The same graphs have one review, whatever was known when they were aligned.
const SHELF = `pmf-review ${data.title} ${data.entities.join(" ")}`;
const pair = i => `${match.left_uri[i]}\t${match.right_uri[i]}`; // printable: a tab is in none of them
const verdicts = new Map(); // pair -> accepted, rejected or unsure
const history = [];
const MARKS = {accepted: "✓", rejected: "✕", unsure: "?"};
let remembers = true;

try {
  for (const [key, verdict] of Object.entries(JSON.parse(localStorage.getItem(SHELF) ?? "{}")))
    if (Object.hasOwn(MARKS, verdict)) verdicts.set(key, verdict);
} catch { remembers = false; }

function remember() {
  try { localStorage.setItem(SHELF, JSON.stringify(Object.fromEntries(verdicts))); } catch { remembers = false; }
}

const verdict = i => verdicts.get(pair(i));
const seeds = () => all.filter(i => match.known[i] ? verdict(i) !== "rejected" : verdict(i) === "accepted");
// Also those of earlier reviews, which are matches no more.
const rejected = () => new Set([...data.rejected.map(ids => ids.join("\t")).filter(key => verdicts.get(key) !== "accepted"),
  ...[...verdicts.keys()].filter(key => verdicts.get(key) === "rejected")]);

function tally() {
  const number = {accepted: 0, rejected: 0, unsure: 0};
  for (const i of all) if (verdict(i)) number[verdict(i)]++;
  $("tally").textContent = Object.entries(number).map(([word, n]) => `${whole(n)} ${word}`).join(" · ");
  const pairs = seeds().length, others = rejected().size;
  $("save").textContent = `Save seeds.csv (${whole(pairs)} ${pairs === 1 ? "pair" : "pairs"}${others ? `, ${whole(others)} rejected` : ""})`;
  $("kept-here").textContent = remembers ? "This browser keeps your decisions until you clear its data."
    : "This browser does not keep your decisions: save before you close the page.";
}

/** As the package writes cells: a spreadsheet runs none of them. */
const cell = text => {
  const safe = /^[^\S\ufeff]*[=+\-@＝＋－＠]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
};

function save() {
  const columns = ["left_uri", "right_uri", "left_name", "right_name"];
  const row = i => columns.map(column => match[column][i]);
  const shown = new Map(all.map(i => [pair(i), i]));
  const accepted = seeds(), others = [...rejected()];
  const rows = [...accepted.map(i => [...row(i), "accepted"]),
    ...others.map(key => [...(shown.has(key) ? row(shown.get(key)) : [...key.split("\t"), "", ""]), "rejected"])];
  const lines = rows.map(cells => cells.map(cell).join(","));
  const link = el("a", {download: "seeds.csv",
    href: URL.createObjectURL(new Blob([["left,right,left_name,right_name,verdict", ...lines, ""].join("\n")], {type: "text/csv"}))});
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  $("said").textContent = `${whole(accepted.length)} pairs${others.length ? ` and ${whole(others.length)} rejected ones` : ""} saved as seeds.csv.`;
}

// --- Filters and the list -------------------------------------------------------------------------------------------

const PAGE = 50;
const strongest = all.map(i => match.parts.reduce((best, part, k, parts) => part[i] > parts[best][i] ? k : best, 0));
const words = i => ["left_name", "right_name", "left_uri", "right_uri"].map(c => match[c][i]).join("\n").normalize("NFKC").toLowerCase();
const GROUPS = {
  new: ["new matches", i => !match.known[i]],
  kept: ["new, kept", i => !match.known[i] && match.kept[i]],
  left: ["new, not kept", i => !match.known[i] && !match.kept[i]],
  known: ["known pairs", i => match.known[i]],
  all: ["all", () => true],
};
const DECIDED = {
  any: ["any", () => true],
  open: ["none yet", i => !verdict(i)],
  ...Object.fromEntries(Object.keys(MARKS).map(word => [word, [word, i => verdict(i) === word]])),
};
const score = i => match.score[i] ?? -Number.MAX_VALUE; // a known pair may have none
const byScore = () => [...all].sort((a, b) => score(b) - score(a));
const ORDERS = {
  hard: ["hardest first", () => data.order],
  sure: ["surest first", byScore],
  least: ["least sure first", () => byScore().reverse()],
  name: ["by left name", () => { const {compare} = new Intl.Collator(); return [...all].sort((a, b) => compare(name("left", a), name("left", b))); }],
};
const sorted = {}; // order -> rows
let texts, shown = [], current = null;

function filter() {
  const [group, decided, main, order] = ["group", "decided", "main", "order"].map(id => $(id).value);
  const asked = $("query").value.normalize("NFKC").toLowerCase().split(/\s+/).filter(Boolean);
  if (asked.length) texts ??= all.map(words);
  sorted[order] ??= ORDERS[order][1]();
  shown = sorted[order].filter(i => GROUPS[group][1](i) && DECIDED[decided][1](i) && (main === "" || strongest[i] === +main)
    && asked.every(word => texts[i].includes(word)));
}

/** Filter anew and show a match: the one that is wanted if it is among them, else the first. */
function refresh(wanted = current) {
  filter();
  show(shown.includes(wanted) ? wanted : shown[0] ?? null);
}

function show(i) {
  current = i;
  list();
  detail();
}

function list() {
  const at = shown.indexOf(current), page = Math.max(0, Math.floor(at / PAGE)), pages = Math.max(1, Math.ceil(shown.length / PAGE));
  const focused = $("rows").contains(document.activeElement);
  const count = `${whole(shown.length)} ${shown.length === 1 ? "match" : "matches"}`;
  if ($("count").textContent !== count) $("count").textContent = count;
  $("place").textContent = `page ${page + 1} of ${pages}`;
  $("before").disabled = page === 0;
  $("after").disabled = page >= pages - 1;
  $("rows").start = page * PAGE + 1;
  $("rows").replaceChildren(...shown.slice(page * PAGE, (page + 1) * PAGE).map(i => {
    const word = verdict(i), button = el("button", {type: "button", "aria-current": i === current ? "true" : false},
      el("span", {class: "names"}, foreign(name("left", i)), el("span", {class: "unseen"}, " = "), foreign(name("right", i))),
      el("span", {class: "measure"}, measure(i), match.known[i] ? el("small", {}, "known") : match.kept[i] ? el("small", {}, "kept") : null),
      el("span", {class: `mark ${word ?? ""}`}, word ? el("span", {"aria-hidden": "true"}, MARKS[word]) : null, el("span", {class: "unseen"}, word ?? "")));
    button.addEventListener("click", () => show(i));
    return el("li", {}, button);
  }));
  const marked = $("rows").querySelector("[aria-current]");
  if (!marked) return;
  if (focused) marked.focus({preventScroll: true});
  // The list scrolls, and not the page around it.
  const box = $("rows").getBoundingClientRect(), row = marked.getBoundingClientRect();
  if (row.top < box.top) $("rows").scrollTop -= box.top - row.top;
  if (row.bottom > box.bottom) $("rows").scrollTop += row.bottom - box.bottom;
}

const turn = by => show(shown[(Math.floor(shown.indexOf(current) / PAGE) + by) * PAGE]);

function step(by) {
  const next = shown[shown.indexOf(current) + by];
  if (next === undefined) $("said").textContent = by > 0 ? "This is the last match." : "This is the first match.";
  else { show(next); $("said").textContent = `${title(next)}, ${measure(next)}`; }
}

function decide(word) {
  if (current === null) return;
  const at = shown.indexOf(current), next = shown[at + 1] ?? current, said = current, before = verdict(said);
  history.push([said, before]);
  if (before === word) verdicts.delete(pair(said)); // the same word again takes it back
  else verdicts.set(pair(said), word);
  remember();
  refresh(before === word ? said : next);
  tally();
  $("said").textContent = `${before === word ? "no longer " : ""}${word}: ${title(said)}.` + (current === null ? "" : ` Now ${title(current)}, ${measure(current)}`);
}

function undo() {
  if (!history.length) return;
  const [i, before] = history.pop();
  if (before) verdicts.set(pair(i), before);
  else verdicts.delete(pair(i));
  remember();
  refresh(i);
  tally();
  $("said").textContent = `Undone: ${title(i)}.`;
}

// --- One match ------------------------------------------------------------------------------------------------------

const position = [];
data.order.forEach((i, k) => position[i] = k);
const blocks = [];

/** Values and picture of both entities; null where the page is too small for them. */
function record(i) {
  const k = Math.floor(position[i] / data.block);
  return position[i] < data.described ? (blocks[k] ??= read(`details-${k}`))[position[i] % data.block] : null;
}

// Words; a number with its decimals is one.
const WORD = /[\p{L}\p{M}\p{N}]+(?:[.,:]\p{N}+)*/gu;
const tokens = text => text.normalize("NFKD").toLowerCase().match(WORD)?.map(word => word.replace(/\p{M}/gu, "")) ?? [];
const bigrams = text => new Set(tokens(text).flatMap(word => [...Array(Math.max(1, word.length - 1)).keys()].map(k => word.slice(k, k + 2))));

/** How alike two sets of strings are: twice what they share by what they have. */
const dice = (a, b) => a.size + b.size ? 2 * [...a].filter(x => b.has(x)).length / (a.size + b.size) : 0;

/** Names of the one side -> names of the other side that are matched with them, as seen from the left and from the right. */
const matched = [["left", "right"], ["right", "left"]].map(([from, to]) => {
  const found = new Map();
  for (const i of all) found.set(name(from, i), (found.get(name(from, i)) ?? new Set()).add(name(to, i)));
  return found;
});
const own = (value, side) => value === name(["left", "right"][side], current);

/** Whether a value is a name that is matched with one of the others; the names of the match that is shown do not count. */
const partner = (value, others, side) => others.some(other =>
  matched[side].get(value)?.has(other) && !(own(value, side) && own(other, 1 - side)));

/** Rows of both sides, the most alike beside each other, what is without counterpart below. Returns [[left, right]]. */
function pairUp(left, right) {
  const bags = side => side.map(row => bigrams(row[1].join(" ")));
  const [a, b] = [bags(left), bags(right)], label = row => local(data.words[row[0]]).toLowerCase();
  const alike = (i, j) => dice(a[i], b[j]) + (label(left[i]) === label(right[j]) ? 0.5 : 0)
    + (left[i][1].some(value => partner(value, right[j][1], 0)) ? 0.5 : 0);
  const likely = left.flatMap((_, i) => right.map((_, j) => [alike(i, j), i, j])).filter(([x]) => x >= 0.4).sort((x, y) => y[0] - x[0]);
  const used = [new Set(), new Set()], rows = [];
  for (const [, i, j] of likely) {
    if (used[0].has(i) || used[1].has(j)) continue;
    used[0].add(i);
    used[1].add(j);
    rows.push([left[i], right[j]]);
  }
  return [...rows, ...left.filter((_, i) => !used[0].has(i)).map(row => [row, null]), ...right.filter((_, j) => !used[1].has(j)).map(row => [null, row])];
}

/** The text, with the words that the other side has too marked. */
function marked(text, others) {
  const made = el("bdi", {dir: "auto"});
  let end = 0;
  for (const word of text.matchAll(WORD)) {
    if (!tokens(word[0]).every(token => others.has(token))) continue;
    made.append(text.slice(end, word.index), el("mark", {}, word[0]));
    end = word.index + word[0].length;
  }
  made.append(text.slice(end));
  return made;
}

const label = row => row && foreign(local(data.words[row[0]]), {title: data.words[row[0]], class: "label"}, "span");

/** What both files say, side by side. */
function sideBySide(left, right) {
  const cellOf = (row, other, side, named) => {
    if (!row) return el("td");
    const common = new Set(other ? other[1].flatMap(tokens) : []);
    const entry = value => other && partner(value, other[1], side) ? el("mark", {}, foreign(value)) : marked(value, common);
    return el("td", {}, named ? null : label(row), el("ul", {}, ...row[1].map(value => el("li", {}, entry(value))),
      row[2] ? el("li", {class: "muted"}, `and ${whole(row[2])} more`) : null));
  };
  const rows = pairUp(left, right), oneName = ([l, r]) => l && r && local(data.words[l[0]]) === local(data.words[r[0]]);
  const body = rows.map(([l, r]) => {
    const one = oneName([l, r]);
    return el("tr", {}, el("th", {scope: "row"}, one ? label(l) : el("span", {class: "unseen"}, l && r ? "alike" : l ? "left only" : "right only")),
      cellOf(l, r, 0, one), cellOf(r, l, 1, one));
  });
  const head = ["left", "right"].map(word => el("th", {scope: "col"}, word));
  return el("table", {class: rows.some(oneName) ? "sides" : "sides apart"}, el("caption", {}, "What both graphs say. Marked: words that both have, and names that are matched with each other"),
    el("thead", {}, el("tr", {}, el("td"), ...head)), el("tbody", {}, ...body));
}

function entity(side, i, about) {
  const picture = about?.[1] && el("img", {src: about[1], alt: `Picture of ${name(side, i)}`});
  return el("div", {class: "entity"}, picture || null, el("div", {}, el("p", {class: "kicker"}, `${side} graph`), foreign(name(side, i), {class: "name"}, "p"),
    foreign(match[`${side}_uri`][i], {class: "uri"}, "p")));
}

function detail() {
  const i = current, at = shown.indexOf(i);
  for (const button of $("verdict").querySelectorAll("[data-verdict]")) {
    button.disabled = i === null;
    button.setAttribute("aria-pressed", i !== null && verdict(i) === button.dataset.verdict);
  }
  $("previous").disabled = at <= 0;
  $("next").disabled = at < 0 || at >= shown.length - 1;
  $("undo").disabled = !history.length;
  if (i === null) {
    $("detail").replaceChildren(el("h3", {id: "match-title"}, "Nothing to show"), el("p", {class: "muted"}, count ? "No match fits these filters." : "There are no matches."));
    return;
  }
  const about = record(i), chip = (kind, words) => el("li", {class: kind}, words);
  const chips = [chip(match.known[i] ? "known" : "", match.known[i] ? "known pair" : match.kept[i] ? "new, kept" : "new, not kept")];
  if (match.probability) chips.push(chip("", `probability ${percent(match.probability[i])}`));
  chips.push(chip("", `score ${plain(match.score[i])}`));
  if (match.precision[i] != null) chips.push(chip("", `precision from this score on: ${percent(match.precision[i])}`));
  const parts = [el("h3", {id: "match-title", class: "unseen"}, title(i)), el("div", {class: "entities"}, entity("left", i, about?.[0]), entity("right", i, about?.[1])),
    el("ul", {class: "chips"}, ...chips),
    waterfall(match.parts.map(part => part[i]), match.evidence[i], "Evidence: what each modality adds to the log-odds that the two are the same")];
  if (!about) parts.push(el("p", {class: "muted"}, `To keep the page small, only the ${whole(data.described)} hardest matches have their values here.`));
  else if (about.some(([values]) => values.length)) parts.push(sideBySide(about[0][0], about[1][0]));
  $("detail").replaceChildren(...parts);
}

// --- Start ----------------------------------------------------------------------------------------------------------

function options(id, entries) {
  $(id).append(...Object.entries(entries).map(([value, [words]]) => el("option", {value}, words)));
}

const KEYS = {
  a: () => decide("accepted"), r: () => decide("rejected"), u: () => decide("unsure"),
  j: () => step(1), k: () => step(-1), z: undo, "/": () => $("query").focus(),
};
const ONCE = new Set(["a", "r", "u"]); // a key that is held down decides about one match, not about the next ones too

document.addEventListener("keydown", event => {
  const key = event.key?.toLowerCase();
  if (!$("keys").checked || event.ctrlKey || event.metaKey || event.altKey || !Object.hasOwn(KEYS, key)) return;
  if (event.target.closest?.("select, textarea, input:not([type=checkbox])") || event.repeat && ONCE.has(key)) return;
  event.preventDefault();
  KEYS[key]();
});

options("group", GROUPS);
options("decided", DECIDED);
options("order", ORDERS);
options("main", {"": ["any modality"]});
$("main").append(...data.modalities.map((modality, k) => el("option", {value: k}, modality)));
if (!found.length) $("group").value = "all";
$("filters").addEventListener("submit", event => event.preventDefault());
$("filters").addEventListener("input", () => refresh(null));
$("before").addEventListener("click", () => turn(-1));
$("after").addEventListener("click", () => turn(1));
$("previous").addEventListener("click", () => step(-1));
$("next").addEventListener("click", () => step(1));
$("undo").addEventListener("click", undo);
$("save").addEventListener("click", save);
for (const button of $("verdict").querySelectorAll("[data-verdict]")) button.addEventListener("click", () => decide(button.dataset.verdict));

summary();
curve();
restOn();
tally();
refresh(null);
