// Everything of the method that comes after the encoders, as the package computes it: relevance.py, freezing.py, fusion.py,
// matching.py, metrics.py and beyond/evidence.py. A test compares the two in some hundred states of the page.
"use strict";

const METHOD = (() => {
  const TIE = 1e-6, MAX_RELIABILITY = 1 - 1e-5, CSLS_K = 3;
  const MODALITIES = ["structure", "relation", "attribute", "image"];
  const OTHERS_DELTA = 0.1; // the threshold grows for pictures only, as in the preset "quick"
  const DEFAULT = {step: 4, delta: 0, freeze: "score", fusion: "none", csls: 0, match: "row", on: "srai", show: 0,
    edits: "", hand: ""};
  const WORDS = {freeze: ["score", "truth"], fusion: ["none", "weights", "keep", "evidence"], match: ["row", "greedy", "mutual"]};

  // --- What is stored ------------------------------------------------------------------------------------------------

  const bytes = (text) => Int8Array.from(atob(text), (c) => c.charCodeAt(0));

  /** A table of rows of length 1, from whole numbers: only their direction is stored. */
  function directions(text, dim) {
    const raw = bytes(text), out = [];
    for (let at = 0; at < raw.length; at += dim) {
      const row = Float64Array.from(raw.subarray(at, at + dim)), length = Math.hypot(...row);
      out.push(row.map((x) => x / length));
    }
    return out;
  }

  let data, n;

  /** Takes what data.js holds. */
  function load(stored) {
    n = stored.names[0].length;
    data = {...stored, embeddings: stored.embeddings.map((step) => step.map((text) => directions(text, stored.dim)))};
    data.noise = stored.noise.map((text) => directions(text, stored.dim));
    data.partner = [];
    stored.counterpart.forEach((j, i) => { data.partner[i] = n + j; data.partner[n + j] = i; });
    cosines.clear();
    return data;
  }

  // --- A state of the page, and its address ---------------------------------------------------------------------------

  const within = (x, low, high, other) => (x !== "" && x >= low && x <= high ? +x : other);
  const list = (text) => text.split(".").filter(Boolean);

  /** A state from text such as "delta=0.6&fusion=keep"; what is missing or makes no sense is as it is by default. */
  function parse(text) {
    const given = Object.fromEntries(new URLSearchParams(text)), s = {...DEFAULT};
    for (const key in WORDS) if (WORDS[key].includes(given[key])) s[key] = given[key];
    s.step = Math.round(within(given.step ?? "", 0, data.epochs.length - 1, s.step));
    s.delta = within(given.delta ?? "", 0, 1, s.delta);
    s.csls = given.csls === "1" ? 1 : 0;
    s.show = Math.round(within(given.show ?? "", 0, 2 * n - 1, s.show));
    s.on = given.on === undefined ? s.on : [..."srai"].filter((letter) => given.on.includes(letter)).join("");
    s.edits = editsOf(sourcesOf(given.edits ?? ""));
    s.hand = list(given.hand ?? "").filter((e) => /^\d+$/.test(e) && e < 2 * n).join(".");
    return s;
  }

  /** The address of a state: what differs from the default. */
  const address = (s) => Object.keys(DEFAULT).filter((key) => s[key] !== DEFAULT[key]).map((key) => `${key}=${s[key]}`).join("&");

  /** Entity -> whose picture it shows: an entity's, that plus 2n for noise, -1 for none. In "3n.7x.4-9" they are noise, none and
   *  another's; "many" are the 48 bad ones that are stored. */
  function sourcesOf(text) {
    const out = Array.from({length: 2 * n}, (_, e) => e);
    for (const entry of list(text === "many" ? data.corrupted : text)) {
      const [, e, kind, other] = entry.match(/^(\d+)(n|x|-)(\d*)$/) ?? [];
      if (!(e < 2 * n) || (kind === "-" && !(other !== "" && other < 4 * n && (other % (2 * n) < n) === (e < n)))) continue;
      out[e] = kind === "n" ? +e + 2 * n : kind === "x" ? -1 : +other;
    }
    return out;
  }

  function editsOf(sources) {
    const text = sources.flatMap((source, e) => source === e ? []
      : source === -1 ? `${e}x` : source === e + 2 * n ? `${e}n` : `${e}-${source}`).join(".");
    return text === data.corrupted ? "many" : text;
  }

  // --- Relevance, Eq. (3) and (4) ---------------------------------------------------------------------------------------

  const dot = (x, y) => { let sum = 0; for (let k = 0; k < x.length; k++) sum += x[k] * y[k]; return sum; };
  const range = (count, f) => Array.from({length: count}, (_, i) => f(i));
  const table = (f) => range(n, (i) => Float64Array.from({length: n}, (_, j) => f(i, j)));
  const transposed = (s) => table((i, j) => s[j][i]);
  const cosines = new Map(); // a slider moves often, and the products stay what they are

  function cosine(step, m, sources) {
    const key = `${step} ${m} ${m === 3 ? sources : ""}`;
    if (!cosines.has(key)) {
      if (cosines.size > 40) cosines.clear();
      const own = data.embeddings[step][m];
      const h = m < 3 ? own : sources.map((s) => s < 0 ? null : s < 2 * n ? own[s] : data.noise[step][s - 2 * n]);
      cosines.set(key, table((i, j) => h[i] && h[n + j] ? dot(h[i], h[n + j]) : 0));
    }
    return cosines.get(key);
  }

  /** Eq. (4): the best cosine of each entity in the other graph, among those that have the feature; -1 if there is none. */
  function bestMatch(cos, mask) {
    const alpha = new Float64Array(2 * n).fill(-1);
    for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) {
      if (!mask[i] || !mask[n + j]) continue;
      alpha[i] = Math.max(alpha[i], cos[i][j]);
      alpha[n + j] = Math.max(alpha[n + j], cos[i][j]);
    }
    return alpha.map((a) => Math.min(1, a));
  }

  /** Eq. (3), each graph for itself; all 0 where no best match exceeds the threshold, and for what is missing. */
  function relevance(alpha, mask, delta) {
    const w = new Float64Array(2 * n);
    for (const start of [0, n]) {
      let top = -Infinity;
      for (let e = start; e < start + n; e++) if (mask[e]) top = Math.max(top, alpha[e]);
      if (top > delta) for (let e = start; e < start + n; e++) if (mask[e]) w[e] = Math.max(0, (alpha[e] - delta) / (top - delta));
    }
    return w;
  }

  // --- Fusion: Eq. (8) and its cosine, or the evidence of each modality --------------------------------------------------

  /** Cosine of concatenations: [modality][i][j], what each adds. */
  function concatenated(cos, counts) {
    const length = range(2 * n, (e) => Math.hypot(...counts.map((w) => w[e])));
    return cos.map((c, m) => table((i, j) => {
      const w = counts[m][i] * counts[m][n + j];
      return w === 0 ? 0 : w * c[i][j] / (length[i] * length[n + j]);
    }));
  }

  /** Evidence in nats: [modality][i][j]. */
  function evidence(cos, counts, temperatures) {
    return cos.map((c, m) => {
      const w = counts[m], tau = temperatures[m];
      const mean = (cells) => cells.length ? Math.log(cells.reduce((sum, x) => sum + Math.exp(x / tau), 0) / cells.length) : 0;
      const right = range(n, (j) => j).filter((j) => w[n + j] > 0), left = range(n, (i) => i).filter((i) => w[i] > 0);
      const rows = range(n, (i) => w[i] > 0 ? mean(right.map((j) => c[i][j])) : 0);
      const columns = range(n, (j) => w[n + j] > 0 ? mean(left.map((i) => c[i][j])) : 0);
      return table((i, j) => {
        const both = Math.min(w[i], MAX_RELIABILITY) * w[n + j];
        return both === 0 ? 0 : Math.log1p(both * Math.expm1(c[i][j] / tau - rows[i] / 2 - columns[j] / 2));
      });
    });
  }

  /** CSLS: mean of the k best of each row. */
  const neighbourhood = (s) => s.map((row) => [...row].sort((a, b) => b - a).slice(0, CSLS_K).reduce((a, b) => a + b, 0) / CSLS_K);

  // --- Matching and measuring -----------------------------------------------------------------------------------------

  const argmax = (row) => { let best = 0; for (let j = 1; j < row.length; j++) if (row[j] > row[best]) best = j; return best; };

  const MATCHERS = {
    row: (s) => s.map((row, i) => [i, argmax(row)]),
    mutual: (s) => {
      const back = transposed(s).map(argmax);
      return s.map((row, i) => [i, argmax(row)]).filter(([i, j]) => back[j] === i);
    },
    /** The most similar pair first; among equals the lower row, then the lower column. */
    greedy: (s) => {
      const cells = s.flatMap((row, i) => [...row].map((x, j) => [x, i, j])).sort((a, b) => b[0] - a[0] || a[1] - b[1] || a[2] - b[2]);
      const rows = new Set(), columns = new Set(), found = [];
      for (const [, i, j] of cells) if (!rows.has(i) && !columns.has(j)) { rows.add(i); columns.add(j); found.push([i, j]); }
      return found.sort((a, b) => a[0] - b[0]);
    },
  };

  /** How many candidates are better than the counterpart, and how many as good, itself included. */
  function rank(row, own) {
    let better = 0, equal = 0;
    for (const x of row) { if (x > row[own] + TIE) better++; else if (x >= row[own] - TIE) equal++; }
    return [better, equal];
  }

  // --- All of it ---------------------------------------------------------------------------------------------------

  /** Everything about a state; pictures of `keep` are not frozen, to see what would then be. */
  function compute(s, keep = []) {
    const sources = sourcesOf(s.edits), hand = new Set(list(s.hand).map(Number));
    const on = MODALITIES.map((_, m) => s.on.includes("srai"[m]));
    const mask = MODALITIES.map((_, m) => range(2 * n, (e) => on[m] && (m < 3 || sources[e] >= 0)));
    const cos = MODALITIES.map((_, m) => cosine(s.step, m, sources));
    const alpha = cos.map((c, m) => bestMatch(c, mask[m]));
    const bad = sources.map((source, e) => source >= 0 && source !== e);
    const w = alpha.map((a, m) => s.freeze === "score" ? relevance(a, mask[m], m === 3 ? s.delta : OTHERS_DELTA)
      : Float64Array.from(mask[m], (here, e) => +(here && !(m === 3 && bad[e]))));
    keep.forEach((e) => { w[3][e] ||= +mask[3][e]; });
    hand.forEach((e) => { w[3][e] = 0; });
    const reliability = (m, e) => m < 3 || sources[e] < 2 * n ? data.reliability[s.step][m][m < 3 ? e : sources[e]]
      : data.noise_reliability[s.step][sources[e] - 2 * n];
    // What a feature counts in the joint embedding.
    const counts = w.map((each, m) => Float64Array.from(each, (x, e) => !mask[m][e] ? 0
      : s.fusion === "none" ? 1 : s.fusion === "weights" ? x : x === 0 ? 0 : s.fusion === "keep" ? 1 : reliability(m, e)));
    const parts = s.fusion === "evidence" ? evidence(cos, counts, data.temperatures[s.step]) : concatenated(cos, counts);
    let scores = table((i, j) => parts.reduce((sum, part) => sum + part[i][j], 0));
    const taken = s.csls ? [neighbourhood(scores), neighbourhood(transposed(scores))].flat() : null;
    if (taken) scores = table((i, j) => 2 * scores[i][j] - taken[i] - taken[n + j]);
    scores = scores.map((row) => Float64Array.from(row, Math.fround)); // what differs by rounding only is a tie
    return {state: s, sources, bad, mask, alpha, w, counts, parts, taken, scores, ...measure(s, scores, sources, bad, mask, w, counts)};
  }

  function measure(s, scores, sources, bad, mask, w, counts) {
    const ranks = scores.map((row, i) => rank(row, data.counterpart[i]));
    const hit = ranks.map(([better, equal]) => better === 0 ? 1 / equal : 0);
    const mean = (values) => values.reduce((sum, x) => sum + x, 0) / values.length;
    const mrr = mean(ranks.map(([better, equal]) => mean(range(equal, (k) => 1 / (better + k + 1)))));
    const matches = MATCHERS[s.match](scores);
    const frozen = range(2 * n, (e) => mask[3][e] && w[3][e] === 0);
    const count = (f) => range(2 * n, (e) => e).filter(f).length;
    // Pairs by how many of their two pictures do not enter the comparison.
    const without = hit.map((_, i) => (counts[3][i] === 0) + (counts[3][n + data.counterpart[i]] === 0));
    const sides = [0, 1, 2].map((k) => hit.filter((_, i) => without[i] === k)).map((some) => [some.length, some.length ? mean(some) : null]);
    return {hit, hits: mean(hit), mrr, matches, right: matches.filter(([i, j]) => data.counterpart[i] === j).length, frozen, sides,
      good: [count((e) => frozen[e] && !bad[e]), count((e) => mask[3][e] && !bad[e])],
      foul: [count((e) => frozen[e] && bad[e]), count((e) => mask[3][e] && bad[e])]};
  }

  /** The candidates of an entity, best first: {entity, score, parts (one per modality, then what CSLS takes)}. */
  function candidates(r, e) {
    const left = e < n, cell = (t, k) => left ? t[e][k] : t[k][e - n];
    return range(n, (k) => ({
      entity: left ? n + k : k,
      score: cell(r.scores, k),
      parts: [...r.parts.map((part) => cell(part, k) * (r.taken ? 2 : 1)), r.taken ? -r.taken[e] - r.taken[left ? n + k : k] : 0],
    })).sort((a, b) => b.score - a.score || a.entity - b.entity);
  }

  /** At which rank an entity's counterpart stands; ties count half. */
  function rankOf(r, e) {
    const row = e < n ? r.scores[e] : r.scores.map((line) => line[e - n]);
    const [better, equal] = rank(row, (data.partner[e]) % n);
    return better + (equal + 1) / 2;
  }

  return {MODALITIES, DEFAULT, load, parse, address, sourcesOf, editsOf, compute, candidates, rankOf, list};
})();
