// The page book/explore: pairs, result, switches, candidates, and the tour. What is computed is in method.js.
"use strict";

addEventListener("DOMContentLoaded", () => {
  const root = document.getElementById("explorable");
  if (!root || !window.EXPLORE) return;
  const M = METHOD, data = M.load(window.EXPLORE), n = data.names[0].length, LETTERS = "srai";
  const steps = [...document.querySelectorAll("[data-state]")].map((mark) => ({section: mark.closest("section"), state: mark.dataset.state}));
  let state, result, tour = 0, swapping = null, frame = 0, writing = 0;

  // --- Small tools -----------------------------------------------------------------------------------------------------

  /** An element; "on…" are listeners, other keys attributes (false: none), children are elements and texts. */
  function h(tag, keys = {}, ...children) {
    const e = document.createElement(tag);
    for (const [key, value] of Object.entries(keys)) {
      if (key.startsWith("on")) e.addEventListener(key.slice(2), value);
      else if (value === true) e.setAttribute(key, "");
      else if (value !== false && value != null) e.setAttribute(key, value);
    }
    e.append(...children.flat().filter((child) => child != null && child !== false));
    return e;
  }
  const number = (x, digits = 2) => x.toFixed(digits).replace(/^-(?=[0.]+$)/, "").replace("-", "−").replace(/^(−?)0\./, "$1.");
  const signed = (x, digits) => (x > 0 ? "+" : "") + number(x, digits);
  const place = (rank) => Number.isInteger(rank) ? `${rank}` : rank.toFixed(1);
  const say = (text, more = {}) => h("span", {class: "ex-hidden", ...more}, text);
  const name = (e) => data.names[+(e >= n)][e % n];
  const side = (e) => (e < n ? "French" : "English");

  /** The picture that belongs to a source: an entity's own, noise, or none. */
  function picture(source, more = "") {
    if (source < 0) return h("span", {class: `ex-face ex-none ${more}`});
    const e = source % (2 * n), k = source < 2 * n ? e % n : 60 + (e % 10);
    const at = `${(k % 10) / 9 * 100}% ${Math.floor(k / 10) / 6 * 100}%`;
    return h("span", {class: `ex-face ${e < n ? "ex-left" : "ex-right"} ${more}`, style: `background-position:${at}`});
  }

  const source = (e) => result.sources[e];
  const kindOf = (e) => (source(e) === e ? "" : source(e) < 0 ? "no picture" : source(e) >= 2 * n ? "noise" : `picture of ${name(source(e))}`);

  // --- The frame -------------------------------------------------------------------------------------------------------

  const card = (cls, title, ...children) => h("section", {class: `ex-card ${cls}`, "aria-label": title}, ...children);
  const dots = steps.map((step, k) => h("a", {class: "ex-dot", href: `#${step.section.id}`, onclick: () => go(k), "aria-label": `Step ${k + 1}: ${step.section.querySelector("h3").firstChild.textContent}`}, `${k + 1}`));
  const text = h("div", {class: "ex-text"});
  const again = h("button", {class: "ex-quiet", onclick: () => go(tour)}, "Show this step again");
  const back = h("button", {onclick: () => go(tour - 1)}, "Back"), next = h("button", {class: "ex-strong", onclick: () => (tour + 1 < steps.length ? go(tour + 1) : location.hash = "your-turn")});
  const spoken = h("p", {class: "ex-hidden", role: "status"});

  const big = h("b", {class: "ex-big"}), mrr = h("b"), right = h("b");
  const shares = h("div", {class: "ex-sides"});
  const frozen = h("p", {class: "ex-frozen"});
  const chart = h("div", {class: "ex-chart"});
  const delta = h("input", {type: "range", min: 0, max: 1, step: .01, id: "ex-delta", oninput: () => set({delta: +delta.value})});
  const shown = h("output", {for: "ex-delta"});
  const remark = h("p", {class: "ex-remark"});

  const grid = h("div", {class: "ex-grid", role: "group", "aria-label": "Sixty pairs of emoji, the French one first. Arrow keys move, Enter chooses.", onkeydown: move});
  const cells = [];
  for (let i = 0; i < n; i++) {
    const pair = [i, data.partner[i]].map((e) => (cells[e] = h("button", {class: "ex-cell", tabindex: -1, onclick: () => choose(e, true)})));
    grid.append(h("div", {class: "ex-pair"}, pair));
  }
  const hint = h("p", {class: "ex-hint"});
  const detail = h("div");

  /** Radio buttons that look like one row. */
  function choice(key, title, options) {
    const inputs = options.map(([value, label]) => h("label", {}, h("input", {type: "radio", name: `ex-${key}`, value, onchange: () => set({[key]: value})}), h("span", {}, label)));
    return h("fieldset", {class: "ex-choice", "data-key": key}, h("legend", {}, title), h("div", {}, inputs));
  }
  const chips = M.MODALITIES.map((m, k) => h("label", {class: `ex-chip ex-m${k}`}, h("input", {type: "checkbox", onchange: (event) => {
    const on = new Set(state.on);
    on[event.target.checked ? "add" : "delete"](LETTERS[k]);
    set({on: [...LETTERS].filter((letter) => on.has(letter)).join("")});
  }}), h("span", {}, m)));
  const ways = [
    choice("fusion", "Fusion", [["none", "nothing weighted"], ["weights", "weights"], ["keep", "keep or drop"], ["evidence", "evidence"]]),
    choice("freeze", "Frozen by", [["score", "the score"], ["truth", "an oracle"]]),
  ], more = [
    h("fieldset", {class: "ex-choice"}, h("legend", {}, "Modalities"), h("div", {class: "ex-chips"}, chips)),
    choice("step", "Epoch of the run", data.epochs.map((epoch, k) => [k, epoch])),
    choice("match", "Matches", [["row", "nearest"], ["greedy", "greedy"], ["mutual", "mutual"]]),
    choice("csls", "CSLS", [[0, "off"], [1, "on"]]),
  ];
  const corrupt = h("button", {onclick: () => set({edits: "many", hand: ""})}, "Corrupt 48 pictures");
  const restore = h("button", {onclick: () => set({edits: "", hand: ""})}, "Restore all");

  root.append(h("div", {class: "ex"},
    card("ex-tour", "The tour", h("div", {class: "ex-steps"}, h("nav", {class: "ex-dots", "aria-label": "Steps of the tour"}, dots), again, back, next), text),
    card("ex-result", "The result",
      h("div", {class: "ex-numbers"}, h("div", {}, big, h("span", {}, "Hits@1")), h("div", {}, mrr, h("span", {}, "MRR")), h("div", {}, right, h("span", {}, "matches right"))),
      h("div", {class: "ex-along"}, chart, h("label", {class: "ex-slider", for: "ex-delta"}, "Threshold δ ", shown), delta), frozen, remark),
    card("ex-pairs", "The pairs", grid, hint),
    card("ex-lost", "What was lost", h("h4", {}, "Hits@1 of pairs that lost"), shares),
    card("ex-detail", "The chosen emoji", detail, h("button", {class: "ex-quiet ex-up", onclick: () => cells[state.show].focus()}, "Back to the pairs")),
    card("ex-controls", "Fusion and freezing", ways),
    card("ex-more", "Further switches", more, h("div", {class: "ex-buttons"}, corrupt, restore)),
    spoken));
  const home = steps[0].section.parentElement;
  document.documentElement.classList.add("ex-live");
  home.classList.add("ex-moved");

  // --- State and address -----------------------------------------------------------------------------------------------

  function set(change) {
    Object.assign(state, change);
    state = M.parse(new URLSearchParams(state).toString());
    // Browsers take few addresses a second: Chromium drops more, Safari throws. A slider that moves asks for many.
    clearTimeout(writing);
    writing = setTimeout(() => history.replaceState(null, "", `#${M.address(state) || "step=" + M.DEFAULT.step}`), 300);
    show();
  }

  function go(k) {
    if (k < 0 || k >= steps.length) return;
    if (location.hash === `#${steps[k].section.id}`) read();
    else location.hash = steps[k].section.id;
  }

  /** Takes the state from the address: a step of the tour, or what its parts say. */
  function read() {
    const hash = decodeURIComponent(location.hash.slice(1));
    const k = steps.findIndex((step) => step.section.id === hash);
    if (k < 0 && hash && !hash.includes("=")) return; // another place of the page
    clearTimeout(writing);
    if (k >= 0 || !hash) tour = Math.max(0, k);
    state = M.parse(k < 0 && hash ? hash : steps[tour].state);
    swapping = null;
    show();
    if (k >= 0) root.scrollIntoView({block: "start"});
  }

  function choose(e, above = false) {
    if (swapping === null) {
      set({show: e});
      // On a phone what is chosen is shown below all pairs.
      if (above && detail.offsetTop > grid.offsetTop + grid.offsetHeight) detail.parentElement.scrollIntoView({block: "start"});
      return;
    }
    const from = swapping;
    swapping = null;
    if (e === from || (e < n) !== (from < n)) return show();
    const sources = [...result.sources];
    [sources[e], sources[from]] = [sources[from], sources[e]];
    set({edits: M.editsOf(sources), show: from});
  }

  function edit(e, source) {
    const sources = [...result.sources];
    // A picture that was swapped goes back to where it came from.
    const other = sources.indexOf(e);
    if (source === e && other >= 0 && other !== e) sources[other] = sources[e];
    sources[e] = source;
    set({edits: M.editsOf(sources)});
  }

  // --- Showing ---------------------------------------------------------------------------------------------------------

  function show() {
    result = M.compute(state);
    showTour();
    showNumbers();
    showPairs();
    showSwitches();
    // What takes longest is shown once a frame, however fast the slider moves.
    frame ||= requestAnimationFrame(() => { frame = 0; showDetail(); showChart(); });
    const [good, foul] = [result.good, result.foul];
    spoken.textContent = `Hits@1 ${number(result.hits)}. Frozen: ${foul[0]} of ${foul[1]} bad and ${good[0]} of ${good[1]} good pictures.`;
  }

  function showTour() {
    const step = steps[tour];
    home.append(...text.childNodes);
    text.append(step.section);
    dots.forEach((dot, k) => dot.toggleAttribute("aria-current", k === tour));
    back.disabled = tour === 0;
    next.textContent = tour + 1 < steps.length ? "Next" : "Your turn";
    again.hidden = M.address(M.parse(step.state)) === M.address(state);
  }

  function showNumbers() {
    big.textContent = number(result.hits);
    mrr.textContent = number(result.mrr);
    right.textContent = `${result.right} of ${result.matches.length}`;
    delta.value = state.delta;
    shown.textContent = number(state.delta);
    delta.setAttribute("aria-valuetext", number(state.delta));
    delta.disabled = state.freeze === "truth";
    remark.textContent = state.freeze === "truth" ? "An oracle freezes the bad pictures and no others."
      : state.fusion === "none" ? "Nothing is weighted: what is frozen still counts." : "";
    const share = ([some, all], word) => h("span", {}, h("b", {}, `${some}`), ` of ${all} ${word}`.trimEnd());
    frozen.replaceChildren("Frozen: ", ...result.foul[1] ? [share(result.good, "good"), " and ", share(result.foul, "bad")] : [share(result.good, "")], " pictures");
    shares.replaceChildren(...["no picture", "one picture", "both"].map((label, k) => {
      const [count, hits] = result.sides[k];
      return h("div", {class: "ex-side"}, h("span", {}, label), h("span", {class: "ex-track"}, h("span", {style: `width:${(hits ?? 0) * 100}%`})),
        h("b", {}, hits === null ? "–" : number(hits)), h("small", {}, `${count} pair${count === 1 ? "" : "s"}`));
    }));
  }

  function showPairs() {
    const match = new Map(result.matches);
    for (let i = 0; i < n; i++) {
      const found = match.get(i), good = found === data.counterpart[i];
      const pair = cells[i].parentElement;
      pair.classList.toggle("ex-wrong", found !== undefined && !good);
      pair.classList.toggle("ex-open", found === undefined);
      for (const e of [i, data.partner[i]]) {
        const cell = cells[e], cold = result.frozen[e], kind = kindOf(e), weight = result.counts[3][e];
        cell.replaceChildren(picture(source(e), cold ? "ex-cold" : ""), h("span", {class: "ex-weight"}, h("span", {style: `width:${weight * 100}%`})));
        cell.classList.toggle("ex-bad", result.bad[e]);
        cell.classList.toggle("ex-iced", cold);
        cell.setAttribute("aria-pressed", e === state.show);
        cell.tabIndex = e === state.show ? 0 : -1;
        cell.title = name(e);
        cell.setAttribute("aria-label", [`${name(e)}, ${side(e)}`, kind, cold && "frozen", e < n && (found === undefined ? "unmatched" : good ? "matched" : `wrongly matched with ${name(n + found)}`)].filter(Boolean).join(", "));
      }
    }
    hint.replaceChildren(...swapping === null
      ? [h("span", {class: "ex-key ex-key-wrong"}), "wrong match", h("span", {class: "ex-key ex-key-bad"}), "bad picture", h("span", {class: "ex-key ex-key-iced"}), "frozen", h("span", {class: "ex-key ex-key-weight"}), "how much it counts"]
      : [h("b", {}, `Choose the ${side(swapping)} emoji to swap with. `), h("button", {class: "ex-quiet", onclick: () => { swapping = null; show(); }}, "Cancel")]);
    grid.classList.toggle("ex-swapping", swapping !== null);
  }

  function showSwitches() {
    root.querySelectorAll("fieldset[data-key]").forEach((set) => set.querySelectorAll("input").forEach((input) => {
      input.checked = input.value === String(state[set.dataset.key]);
    }));
    chips.forEach((chip, k) => { chip.firstChild.checked = state.on.includes(LETTERS[k]); });
    restore.disabled = !state.edits && !state.hand;
  }

  // --- The chosen emoji ------------------------------------------------------------------------------------------------

  function showDetail() {
    const e = state.show, partner = data.partner[e], all = M.candidates(result, e);
    const at = all.findIndex((c) => c.entity === partner), rows = all.slice(0, 5);
    if (at >= 5) rows.push(all[at]);
    const focused = detail.contains(document.activeElement) ? document.activeElement.dataset.key : null;
    detail.replaceChildren(...[
      h("div", {class: "ex-two"}, portrait(e, "ex-chosen"), h("span", {class: "ex-arrow", "aria-hidden": "true"}, at === 0 ? "=" : "≠"), portrait(partner)),
      actions(e), state.on !== "i" && state.on !== "" && whatIf(e, partner),
      h("h4", {}, `Nearest to it among the ${side(partner)} emoji`),
      h("p", {class: "ex-legend"}, [...M.MODALITIES, ...(result.taken ? ["neighbourhood"] : [])].map((m, k) => h("span", {class: `ex-m${k}`}, m))),
      list(rows, all, partner), h("p", {class: "ex-why"}, why(all, at))].filter(Boolean));
    if (focused) (detail.querySelector(`[data-key="${focused}"]`) ?? detail.querySelector("[data-key=Restore], [data-key=Noise]")).focus();
  }

  function portrait(e, cls = "") {
    const kind = kindOf(e), cold = result.frozen[e];
    return h("div", {class: `ex-portrait ${cls}`}, h("button", {class: "ex-frame", "data-key": cls || "other", "aria-label": `Choose ${name(e)}, ${side(e)}`, onclick: () => choose(e)}, picture(source(e), cold ? "ex-cold" : "")),
      h("span", {class: "ex-name", lang: e < n ? "fr" : "en"}, name(e)),
      h("small", {}, [kind, cold ? "frozen" : source(e) >= 0 && `score w ${number(result.w[3][e])}`].filter(Boolean).join(", ")));
  }

  function actions(e) {
    const hand = new Set(M.list(state.hand).map(Number));
    const button = (label, act, pressed) => h("button", {onclick: act, "aria-pressed": pressed, "data-key": label}, label);
    return h("div", {class: "ex-actions", role: "group", "aria-label": `The picture of ${name(e)}`},
      source(e) !== e && button("Restore", () => edit(e, e)),
      source(e) !== e + 2 * n && button("Noise", () => edit(e, e + 2 * n)),
      source(e) >= 0 && button("Remove", () => edit(e, -1)),
      button("Swap", () => { swapping = e; show(); (cells[e]).focus(); }),
      button("Freeze", () => { hand[hand.has(e) ? "delete" : "add"](e); set({hand: [...hand].sort((a, b) => a - b).join(".")}); }, hand.has(e) ? "true" : "false"));
  }

  /** The rank of the counterpart, were the pictures of neither, one or both dropped. */
  function whatIf(e, partner) {
    const fusion = state.fusion === "none" ? "keep" : state.fusion;
    const rank = (...dropped) => {
      const kept = M.list(state.hand).map(Number).filter((x) => x !== e && x !== partner);
      return M.rankOf(M.compute({...state, fusion, hand: [...kept, ...dropped].join(".")}, [e, partner]), e);
    };
    const cells = [["kept", rank()], ["dropped here", rank(e)], ["dropped there", rank(partner)], ["dropped from both", rank(e, partner)]];
    return h("div", {}, h("h4", {}, "Rank of its counterpart if the picture were …"),
      h("dl", {class: "ex-ranks"}, cells.map(([label, value]) => h("div", {class: value > 1 ? "ex-worse" : ""}, h("dt", {}, label), h("dd", {}, place(value))))));
  }

  function list(rows, all, partner) {
    const reach = (c) => [c.parts.reduce((sum, x) => sum + Math.min(0, x), 0), c.parts.reduce((sum, x) => sum + Math.max(0, x), 0)];
    const low = Math.min(0, ...rows.map((c) => reach(c)[0])), high = Math.max(1e-9, ...rows.map((c) => reach(c)[1])), wide = high - low;
    return h("ol", {class: "ex-list"}, rows.map((c) => {
      let [left, right] = [-low, -low];
      const bars = c.parts.map((x, m) => {
        if (x < 0) left += x;
        const bar = h("span", {class: `ex-bar ex-m${m}`, style: `left:${(x < 0 ? left : right) / wide * 100}%;width:${Math.abs(x) / wide * 100}%`});
        if (x > 0) right += x;
        return bar;
      });
      const words = M.MODALITIES.map((m, k) => `${m} ${number(c.parts[k])}`).join(", ") + (result.taken ? `, neighbourhood ${number(c.parts[4])}` : "");
      const rank = all.indexOf(c) + 1;
      return h("li", {class: c.entity === partner ? "ex-true" : "", value: rank}, h("span", {class: "ex-rank"}, `${rank}`),
        h("button", {class: "ex-small", "data-key": `rank ${rank}`, "aria-label": `Choose ${name(c.entity)}`, onclick: () => choose(c.entity)}, picture(source(c.entity), result.frozen[c.entity] ? "ex-cold" : "")),
        h("span", {class: "ex-line"}, h("span", {class: "ex-label"}, name(c.entity), c.entity === partner && h("small", {}, " its counterpart")),
          h("span", {class: "ex-bars", title: words}, h("span", {class: "ex-zero", style: `left:${-low / wide * 100}%`}), bars), say(words)),
        h("b", {}, number(c.score)));
    }));
  }

  function why(all, at) {
    const unit = state.fusion === "evidence" ? " nats" : "";
    const [best, other] = at === 0 ? [all[0], all[1]] : [all[0], all[at]];
    const gap = best.parts.map((x, m) => [x - other.parts[m], M.MODALITIES[m] ?? "neighbourhood"]).filter(([x]) => Math.abs(x) >= .005).sort((a, b) => Math.abs(b[0]) - Math.abs(a[0]));
    if (best.score - other.score < 1e-6) return `${name(best.entity)} and ${name(other.entity)} tie.`;
    const parts = gap.map(([x, m]) => `${m} ${signed(x)}`).join(", ");
    return `${name(best.entity)} ${at === 0 ? "leads" : "beats"} ${name(other.entity)} by ${number(best.score - other.score)}${unit}${parts && ": "}${parts}.`;
  }

  // --- Hits@1 and frozen shares along the threshold ----------------------------------------------------------------------

  let drawn = null, lines = null;

  function showChart() {
    const key = M.address({...state, delta: 0, show: 0, match: "row"});
    if (key !== drawn) {
      drawn = key;
      lines = {hits: [], good: [], foul: []};
      for (let k = 0; k <= 50; k++) {
        const r = M.compute({...state, delta: k / 50, match: "row"}), at = (y) => `${k / 50},${1 - y}`;
        lines.hits.push(at(r.hits));
        lines.good.push(at(r.good[0] / Math.max(1, r.good[1])));
        lines.foul.push(at(r.foul[0] / Math.max(1, r.foul[1])));
      }
    }
    const line = (points, cls) => `<polyline class="${cls}" points="${points.join(" ")}" />`;
    const some = result.foul[1] > 0;
    chart.innerHTML = `<i>1</i><i>0</i><svg viewBox="0 0 1 1" preserveAspectRatio="none" aria-hidden="true"><path class="ex-gridline" d="M0 0H1M0 .5H1M0 1H1"/>
      ${line(lines.good, "ex-good")}${some ? line(lines.foul, "ex-foul") : ""}${line(lines.hits, "ex-hits")}
      <path class="ex-now" d="M${state.delta} 0V1"/></svg><p><span class="ex-hits">Hits@1</span><span class="ex-good">frozen${some ? ", good" : ""}</span>${some ? '<span class="ex-foul">frozen, bad</span>' : ""}</p>`;
  }

  // --- Keyboard --------------------------------------------------------------------------------------------------------

  function move(event) {
    if (event.key === "Escape" && swapping !== null) { swapping = null; return show(); }
    const order = [...grid.querySelectorAll(".ex-cell")], at = order.indexOf(document.activeElement);
    const columns = order.filter((cell) => cell.offsetTop === order[0].offsetTop).length;
    const to = at + ({ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns}[event.key] ?? 0);
    if (at < 0 || to === at || !order[to]) return;
    event.preventDefault();
    order.forEach((cell, k) => { cell.tabIndex = k === to ? 0 : -1; });
    order[to].focus();
  }

  addEventListener("hashchange", read);
  window.explorable = {set, get state() { return state; }, get result() { return result; }};
  read();
});
