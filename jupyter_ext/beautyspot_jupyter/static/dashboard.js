// The dashboard's front end: one module for anywidget (notebooks) and for the standalone host.
// In: traits `state` (counters, five times a second at most) and `rows` (newest entries, when they were read again), both
// JSON texts; `beat` (a number that moves while the server lives, where there is one); answers as custom messages.
// Out: trait `requests` (JSON list of unanswered requests).
// Stored data reaches the page as textContent, as data: URIs on <img>/<audio>/<video>, or as srcdoc of a sandboxed iframe.

// ---- DOM ----
const FOCUSABLE = new Set(["button", "input", "select", "summary", "audio", "video"]);
const SVG = "http://www.w3.org/2000/svg";

function h(tag, attributes = {}, ...children) {
  const element = ["svg", "polyline", "line"].includes(tag) ? document.createElementNS(SVG, tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value == null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class") element.setAttribute("class", value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  // JupyterLab's shortcuts ("dd" deletes the cell) look at the focused element itself.
  if (FOCUSABLE.has(tag) || "tabindex" in attributes) element.setAttribute("data-lm-suppress-shortcuts", "true");
  element.append(...children.filter((child) => child != null && child !== false));
  return element;
}

function put(element, text) { if (element.textContent !== text) element.textContent = text; }

// Rows are kept by key, so that focus and hover survive five updates a second.
function keyed(parent, items, key, make, update) {
  const old = parent._rows ?? new Map(), rows = new Map();
  for (const item of items) {
    const row = old.get(key(item)) ?? make(item);
    update(row, item);
    rows.set(key(item), row);
  }
  const wanted = [...rows.values()].map((row) => row.el);
  if (wanted.length !== parent.childNodes.length || wanted.some((el, i) => parent.childNodes[i] !== el)) parent.replaceChildren(...wanted);
  parent._rows = rows;
}

// ---- numbers ----
const grouped = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const count = (n) => grouped.format(n ?? 0);

function duration(s) {
  if (s == null) return "–";
  const sign = s < 0 ? "-" : ""; s = Math.abs(s);
  if (s === 0) return "0 s";
  if (s < 0.0005) return `${sign}${(s * 1e6).toFixed(0)} µs`;
  if (s < 0.9995) return `${sign}${(s * 1e3).toFixed(s < 0.00995 ? 1 : 0)} ms`;
  if (s < 59.95) return `${sign}${s.toFixed(1)} s`;
  const whole = Math.round(s);
  for (const [unit, next, length, step] of [["d", "h", 86400, 3600], ["h", "min", 3600, 60], ["min", "s", 60, 1]])
    if (whole >= length) {
      const rest = Math.floor((whole % length) / step);
      return `${sign}${count(Math.floor(whole / length))} ${unit}${rest ? ` ${rest} ${next}` : ""}`;
    }
}

function size(n) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"]; let i = 0;
  while (n >= 1023.95 && i < units.length - 1) { n /= 1024; i++; }
  return `${i === 0 || n >= 99.95 || Number.isInteger(n) ? Math.round(n) : n.toFixed(1)} ${units[i]}`;
}

function percent(x) {
  if (x == null) return "–";
  const edge = (x > 0 && x < 0.1) || (x > 0.99 && x < 1);
  return `${edge ? (Math.min(Math.max(x, 0.001), 0.999) * 100).toFixed(1) : (x * 100).toFixed(0)}%`;
}

const calls = (n) => `${count(n)} ${n === 1 ? "call" : "calls"}`;

const rate = (t) => (t.hits + t.misses ? t.hits / (t.hits + t.misses) : null);

function age(then, now) {
  if (then == null) return "–";
  const d = Math.abs(now - then);
  if (d < 1) return "now";
  for (const [unit, length] of [["y", 31557600], ["d", 86400], ["h", 3600], ["min", 60], ["s", 1]])
    if (d >= length) return then <= now ? `${Math.floor(d / length)} ${unit} ago` : `in ${Math.floor(d / length)} ${unit}`;
}

// ---- theme ----
function isDark() {
  const body = document.body.dataset, root = document.documentElement;
  if (body.jpThemeLight) return body.jpThemeLight === "false";
  if (body.vscodeThemeKind) return body.vscodeThemeKind.includes("dark");
  if (root.hasAttribute("theme")) return root.getAttribute("theme") === "dark";
  return matchMedia("(prefers-color-scheme: dark)").matches;
}

function followTheme(root) {
  const apply = () => { root.dataset.theme = isDark() ? "dark" : "light"; };
  const media = matchMedia("(prefers-color-scheme: dark)"), watcher = new MutationObserver(apply);
  media.addEventListener("change", apply);
  for (const target of [document.body, document.documentElement])
    watcher.observe(target, { attributes: true, attributeFilter: ["data-jp-theme-light", "data-vscode-theme-kind", "theme"] });
  apply();
  return () => { media.removeEventListener("change", apply); watcher.disconnect(); };
}

// ---- requests ----
function channel(model, onWait) {
  const prefix = crypto.getRandomValues(new Uint32Array(2)).join("-"), pending = new Map();
  let serial = 0;
  const settle = () => onWait(Math.max(0, ...[...pending.values()].map((p) => p.late)));
  const onMessage = (message) => {
    for (const answer of message?.answers ? JSON.parse(message.answers) : []) {
      const asked = pending.get(answer.id);
      if (!asked) continue;                               // another view of the same model asked
      pending.delete(answer.id);
      clearTimeout(asked.timer);
      if (answer.ok) asked.resolve(answer.result); else asked.reject(new Error(answer.error));
      settle();
    }
  };
  model.on("msg:custom", onMessage);
  const ask = (method, params) => new Promise((resolve, reject) => {
    const id = `${prefix}.${++serial}`;
    const asked = { request: { id, method, params }, resolve, reject, late: 0 };
    const wait = (late, after) => { asked.timer = setTimeout(() => { asked.late = late; settle(); if (late < 2) wait(2, 15000); }, after); };
    wait(1, 600);
    pending.set(id, asked);
    // The whole list goes out each time: hosts may merge two updates into one while the kernel is busy.
    model.set("requests", JSON.stringify([...pending.values()].map((p) => p.request)));
    model.save_changes();
  });
  return { ask, close: () => { model.off("msg:custom", onMessage); for (const p of pending.values()) clearTimeout(p.timer); } };
}

// ---- header and tiles ----
function headerPart(store) {
  const title = h("h2"), mode = h("span", { class: "bs-badge" }), live = h("span", { class: "bs-badge bs-live" }), path = h("p", { class: "bs-path" });
  const scopes = ["session", "total"].map((scope) => h("button", { type: "button", onclick: () => store.scope(scope) }, scope === "session" ? "This session" : "All time"));
  const toggle = h("div", { class: "bs-scope", role: "group", "aria-label": "Period of the counters" }, ...scopes);
  const choice = h("select", { class: "bs-choice", "aria-label": "Database", onchange: () => store.choose(choice.selectedIndex) });
  const el = h("header", {}, h("div", {}, h("div", { class: "bs-title" }, h("span", { class: "bs-mark", "aria-hidden": "true" }, "◆"), title, choice, mode, live), path), toggle);
  return { el, paint(s, ui, running) {
    const several = s.choices.length > 1;
    title.classList.toggle("bs-hidden", several); choice.hidden = !several;
    if (several && choice.options.length !== s.choices.length) choice.replaceChildren(...s.choices.map((name) => h("option", {}, name)));
    if (several) choice.selectedIndex = s.chosen;
    put(title, s.title); put(path, s.db); path.title = s.storage ? `${s.db}\nblobs: ${s.storage}` : s.db;
    put(mode, s.mode); mode.hidden = !s.mode || s.mode === "on";
    const state = s.closed ? "closed" : running.length ? `${running.length} running` : s.live ? "live" : s.edit ? "" : "read-only";
    put(live, state); live.hidden = !state; live.dataset.state = s.closed ? "closed" : running.length ? "busy" : s.live ? "live" : "";
    toggle.hidden = !s.session;
    scopes.forEach((button, i) => button.setAttribute("aria-pressed", String((i === 0) === (ui.scope === "session"))));
  } };
}

function tilesPart() {
  const tile = (label) => {
    const value = h("dd"), note = h("dd", { class: "bs-note" });
    return { el: h("div", { class: "bs-tile" }, h("dt", {}, label), value, note), value, note };
  };
  const tiles = Object.fromEntries([["rate", "Hit rate"], ["hits", "Hits"], ["misses", "Misses"], ["saved", "Time saved"], ["entries", "Entries"], ["size", "Size"]].map(([k, label]) => [k, tile(label)]));
  for (const [name, t] of Object.entries(tiles)) t.value.dataset.name = name;
  const bar = h("span", { class: "bs-bar" }, h("i"));
  tiles.rate.note.append(bar);
  const spoken = h("p", { class: "bs-hidden", role: "status", "aria-live": "polite" });
  let said = 0;
  const el = h("div", {}, h("dl", { class: "bs-tiles", "aria-label": "Totals" }, ...Object.values(tiles).map((t) => t.el)), spoken);
  return { el, paint(s, totals) {
    const share = rate(totals);
    put(tiles.rate.value, percent(share)); bar.firstChild.style.width = `${(share ?? 0) * 100}%`; bar.dataset.empty = share == null;
    put(tiles.hits.value, count(totals.hits)); put(tiles.hits.note, totals.hits + totals.misses ? `of ${calls(totals.hits + totals.misses)}` : "no calls yet");
    put(tiles.misses.value, count(totals.misses));
    put(tiles.misses.note, totals.failures ? `${count(totals.failures)} failed` : totals.misses ? `ran ${duration(totals.ran)}` : "");
    tiles.misses.note.classList.toggle("bs-bad", totals.failures > 0);
    put(tiles.saved.value, duration(totals.saved)); put(tiles.saved.note, totals.hits ? `${duration(totals.saved / totals.hits)} a hit` : "");
    put(tiles.entries.value, count(s.entries)); put(tiles.entries.note, s.entries ? "stored now" : "");
    put(tiles.size.value, size(s.size)); put(tiles.size.note, s.entries ? `${size(s.size / s.entries)} an entry` : "");
    if (Date.now() - said > 10000) {                     // read aloud at most every ten seconds
      said = Date.now();
      put(spoken, `Hit rate ${percent(share)}, ${count(totals.hits)} hits, ${count(totals.misses)} misses, ${duration(totals.saved)} saved`);
    }
  } };
}

// ---- functions, limits, running calls ----
function functionsPart(store) {
  const body = h("tbody"), more = h("button", { type: "button", class: "bs-quiet", onclick: () => store.allFunctions() });
  const heads = ["Function", "Hit rate", "Hits", "Misses", "Mean run", "Saved", "Size"].map((text, i) => h("th", { scope: "col", class: i ? "bs-num" : null }, text));
  const table = h("table", { class: "bs-functions", "aria-label": "Functions" }, h("thead", {}, h("tr", {}, ...heads)), body), none = h("p", { class: "bs-empty" });
  const el = h("section", { "aria-label": "Functions" }, h("h3", {}, "Functions"), h("div", { class: "bs-scroll" }, table), none, more);
  const make = (row) => {
    const cells = ["share", "hits", "misses", "mean", "saved", "size"].map(() => h("td", { class: "bs-num" }));
    const bar = h("span", { class: "bs-bar" }, h("i")), share = h("span");
    cells[0].append(share, bar); cells[0].classList.add("bs-rate");
    const name = h("button", { type: "button", class: "bs-link", title: `Show the entries of ${row.name}`, onclick: () => store.filter(row.name) }, row.name);
    return { el: h("tr", {}, h("th", { scope: "row" }, name), ...cells), cells, bar, share };
  };
  const update = (view, row) => {
    const share = rate(row);
    put(view.share, percent(share)); view.bar.firstChild.style.width = `${(share ?? 0) * 100}%`; view.bar.dataset.empty = share == null;
    [count(row.hits), count(row.misses) + (row.failures ? ` (${count(row.failures)} failed)` : ""), row.misses ? duration(row.ran / row.misses) : "–", duration(row.saved), size(row.size)]
      .forEach((text, i) => put(view.cells[i + 1], text));
  };
  return { el, paint(s, totals, ui) {
    const sizes = new Map(s.total.functions.map((row) => [row.name, row.size]));
    const rows = totals.functions.map((row) => ({ ...row, size: sizes.get(row.name) ?? row.size })).sort((a, b) => b.saved - a.saved || b.hits + b.misses - a.hits - a.misses || (a.name < b.name ? -1 : 1));
    keyed(body, ui.allFunctions ? rows : rows.slice(0, 8), (row) => row.name, make, update);
    table.hidden = !rows.length; none.hidden = rows.length > 0;
    put(none, ui.scope === "session" && s.session ? "No calls in this session yet. Call a marked function and watch the counters move." : "No calls recorded yet.");
    more.hidden = rows.length <= 8; put(more, ui.allFunctions ? "Show fewer" : `Show all ${rows.length} functions`); more.setAttribute("aria-expanded", String(ui.allFunctions));
  } };
}

// Only what runs for a second or more is shown: shorter calls would make the page jump five times a second.
const longRunning = (s, passed) => s.running.filter((call) => s.now + passed - call.started_at >= 1);

function limitsPart() {
  let seen = -Infinity;
  const list = h("ul", { class: "bs-limits" }), running = h("ul", { class: "bs-running" }), none = h("p", { class: "bs-note" }, "Nothing right now.");
  const left = h("section", { "aria-label": "Rate limits" }, h("h3", {}, "Rate limits"), list), right = h("section", { "aria-label": "Running calls" }, h("h3", {}, "Running"), running, none);
  const el = h("div", { class: "bs-pair" }, left, right);
  const makeLimit = () => {
    const name = h("b"), text = h("span"), gauge = h("span", { class: "bs-bar bs-gauge", role: "meter", "aria-valuemin": "0", "aria-valuemax": "60" }, h("i"));
    return { el: h("li", {}, h("div", {}, name, text), gauge), name, text, gauge };
  };
  const makeCall = () => { const name = h("span"), time = h("span", { class: "bs-num" }); return { el: h("li", {}, name, time), name, time }; };
  return { el, paint(s, calls, passed) {
    if (calls.length) seen = performance.now();
    left.hidden = !s.limits.length; right.hidden = s.closed || performance.now() - seen > 3000; none.hidden = calls.length > 0; el.hidden = left.hidden && right.hidden;
    keyed(list, s.limits, (l) => l.name, makeLimit, (view, l) => {
      const wait = Math.max(0, l.next_slot_in - passed);
      put(view.name, l.name);
      put(view.text, `${l.tpm.toLocaleString("en-US", { maximumFractionDigits: 2 })} a minute · ${wait > 0.05 ? `next slot in ${duration(wait)}` : "free now"}${l.waiting ? ` · ${count(l.waiting)} waiting` : ""}`);
      view.gauge.style.visibility = wait > 0.05 ? "" : "hidden";
      view.gauge.firstChild.style.width = `${Math.min(1, wait / 60) * 100}%`;
      view.gauge.setAttribute("aria-label", `Backlog of ${l.name} in seconds`); view.gauge.setAttribute("aria-valuenow", String(Math.min(60, Math.round(wait))));
    });
    keyed(running, calls, (r) => r.key, makeCall, (view, r) => { put(view.name, r.name); put(view.time, duration(Math.max(0, Math.floor(s.now + passed - r.started_at)))); });
  } };
}

// ---- entries ----
const COLUMNS = [["func_name", "Function"], [null, "Arguments"], ["size", "Size"], ["duration", "Took"], ["hits", "Hits"], ["created_at", "Created"]];

function entriesPart(store) {
  let typing;
  const search = h("input", { type: "search", placeholder: "Search function, arguments or key", "aria-label": "Search entries", spellcheck: "false", oninput: () => { clearTimeout(typing); typing = setTimeout(() => store.search(search.value), 250); } });
  const chip = h("button", { type: "button", class: "bs-chip", onclick: () => store.filter(null) });
  const kind = h("select", { "aria-label": "Kind", onchange: () => store.kind(kind.value) }, ...[["", "All kinds"], ["function", "Functions"], ["cell", "Cells"]].map(([value, text]) => h("option", { value }, text)));
  const heads = COLUMNS.map(([order, text], i) => h("th", { scope: "col", class: i > 1 ? "bs-num" : null }, order ? h("button", { type: "button", class: "bs-sort", onclick: () => store.sort(order) }, text) : text));
  const body = h("tbody"), none = h("p", { class: "bs-empty" }), range = h("span", { class: "bs-range" });
  const previous = h("button", { type: "button", class: "bs-quiet", onclick: () => store.turn(-1) }, "Previous"), next = h("button", { type: "button", class: "bs-quiet", onclick: () => store.turn(1) }, "Next");
  const table = h("table", { class: "bs-entries", "aria-label": "Entries" }, h("thead", {}, h("tr", {}, ...heads)), body), detail = h("div", { class: "bs-detail-slot" });
  const el = h("section", { "aria-label": "Entries" },
    h("div", { class: "bs-tools" }, h("h3", {}, "Entries"), chip, h("span", { class: "bs-grow" }), kind, search),
    h("div", { class: "bs-split" }, h("div", { class: "bs-list" }, h("div", { class: "bs-scroll" }, table), none, h("nav", { class: "bs-pages", "aria-label": "Pages of entries" }, range, previous, next)), detail));
  const make = (row) => {
    const cells = ["args", "size", "took", "hits", "age"].map((name, i) => h("td", { class: i ? "bs-num" : "bs-args" }));
    const name = h("button", { type: "button", class: "bs-link", title: row.name, onclick: (event) => { event.stopPropagation(); store.open(row.key); } }, row.name);
    const marks = h("span", { class: "bs-marks" });
    return { el: h("tr", { onclick: () => store.open(row.key), "data-key": row.key }, h("th", { scope: "row" }, name, marks), ...cells), cells, marks };
  };
  return { el, detail, reset: () => { search.value = kind.value = ""; }, paint(s, ui, now) {
    const page = ui.page;
    keyed(body, page.rows, (row) => row.key, make, (view, row) => {
      [row.arguments, size(row.size), duration(row.duration), count(row.hits), age(row.created_at, now)].forEach((text, i) => put(view.cells[i], text));
      view.cells[0].title = row.arguments;
      put(view.marks, [row.kind === "cell" && "cell", row.pinned && "pinned", row.expires_at != null && row.expires_at <= now && "expired", row.legacy && "1.x/2.x"].filter(Boolean).join(" · "));
      if (row.key === ui.key) view.el.setAttribute("aria-current", "true"); else view.el.removeAttribute("aria-current");
    });
    heads.forEach((head, i) => { if (COLUMNS[i][0]) head.setAttribute("aria-sort", ui.query.order !== COLUMNS[i][0] ? "none" : ui.query.descending ? "descending" : "ascending"); });
    const filtered = ui.query.text || ui.query.function || ui.query.kind, from = ui.cursors.length * 25;
    chip.hidden = !ui.query.function; put(chip, `${ui.query.function ?? ""} ✕`); chip.setAttribute("aria-label", `Remove the filter ${ui.query.function ?? ""}`);
    search.hidden = kind.hidden = !filtered && !page.total && document.activeElement !== search;
    table.hidden = !page.rows.length; none.hidden = page.rows.length > 0;
    put(none, filtered ? "No entry matches." : "Nothing is stored yet. Results appear here as soon as a marked function or cell has run.");
    put(range, page.rows.length ? `${count(from + 1)}–${count(from + page.rows.length)} of ${count(page.total)}, ${size(page.size)}` : "");
    previous.disabled = !ui.cursors.length; next.disabled = !page.after; previous.hidden = next.hidden = previous.disabled && next.disabled;
    el.setAttribute("aria-busy", String(ui.loading));
  } };
}

// ---- one entry ----
const draw = {
  notice: (b) => h("p", { class: `bs-notice bs-${b.tone === "warning" ? "warning" : "info"}` }, b.text),
  text: (b) => h("div", {}, h("pre", { tabindex: "0" }, b.text), b.total ? h("p", { class: "bs-note" }, `Shown: the beginning of ${count(b.total)} characters.`) : null),
  facts: (b) => h("dl", { class: "bs-facts" }, ...b.items.map(([label, text]) => h("div", { class: text.length > 60 ? "bs-long" : null }, h("dt", {}, label), h("dd", {}, text)))),
  tree: (b) => h("div", { class: "bs-tree" }, branch(b.root, 0)),
  group: (b) => h("section", { class: "bs-group" }, h("h5", {}, b.title), ...b.blocks.map(block)),
  media: (b) => !b.source.startsWith("data:") ? null : h("figure", {}, b.kind === "image" ? h("img", { src: b.source, alt: b.caption }) : h(b.kind === "audio" ? "audio" : "video", { src: b.source, controls: true, preload: "metadata" }), h("figcaption", {}, b.caption)),
  frame: (b) => h("div", {}, h("iframe", { class: b.themed ? "bs-themed" : null, sandbox: "", style: `height:${height(b.document)}px`, srcdoc: b.document, title: "Stored content", referrerpolicy: "no-referrer" }),
    h("details", { class: "bs-parts" }, h("summary", {}, "Source"), h("pre", { tabindex: "0" }, b.plain))),
  table: (b) => h("div", {}, h("div", { class: "bs-scroll", tabindex: "0", role: "region", "aria-label": "Table" }, h("table", { class: "bs-data" },
    h("thead", {}, h("tr", {}, h("th"), ...b.columns.map((name, i) => h("th", { scope: "col", class: side(b.dtypes[i]) }, name, h("small", {}, b.dtypes[i] ?? ""))))),
    h("tbody", {}, ...b.rows.map((row, r) => h("tr", {}, h("th", { scope: "row" }, b.index[r] ?? String(r)), ...row.map((cell, i) => h("td", { class: side(b.dtypes[i]) }, cell))))))),
    b.rows.length < b.shape[0] || b.columns.length < b.shape[1] ? h("p", { class: "bs-note" }, `Shown: ${b.rows.length} of ${count(b.shape[0])} rows, ${b.columns.length} of ${count(b.shape[1])} columns.`) : null),
  plot: (b) => {
    const span = b.high - b.low || 1, svg = h("svg", { class: "bs-plot", viewBox: "0 0 600 120", preserveAspectRatio: "none", role: "img", "aria-label": `Line plot from ${b.low} to ${b.high}` });
    b.series.forEach((line, s) => {
      let part = [];
      const flush = () => { if (part.length > 1) svg.append(h("polyline", { points: part.join(" "), class: `bs-line${s}` })); part = []; };
      line.forEach((v, i) => { if (v == null) flush(); else part.push(`${(i / Math.max(1, line.length - 1) * 600).toFixed(1)},${(114 - (v - b.low) / span * 108).toFixed(1)}`); });
      flush();
    });
    return h("figure", { class: "bs-plotbox" }, svg, h("figcaption", {}, h("span", {}, `low ${+b.low.toPrecision(4)}`), h("span", {}, `high ${+b.high.toPrecision(4)}`)));
  },
};
// A sandboxed document cannot be measured: its elements are counted. The frame can be resized.
function height(html) {
  const body = html.slice(html.indexOf("<body>")), count = (pattern) => (body.match(pattern) ?? []).length;
  return Math.min(320, Math.max(64, 32 + 26 * count(/<(tr|p|br|li|h[1-6]|pre|blockquote)\b/g) + 20 * Math.floor(body.replace(/<style[^]*?<\/style>|<[^>]*>/g, "").length / 120) + 240 * count(/<(img|svg)\b/g)));
}

const side = (dtype) => (/int|float|double|decimal|complex|bool/i.test(dtype ?? "") ? null : "bs-left");
const block = (b) => (Object.hasOwn(draw, b.block) ? draw[b.block](b) : h("p", { class: "bs-notice" }, "Content of a kind that this dashboard does not know."));

function branch(node, depth) {
  const line = [node.label ? h("b", {}, node.label) : null, node.label ? ": " : null, h("span", { class: "bs-value" }, node.text), h("small", {}, node.type)];
  if (!node.children.length) return h("div", { class: "bs-leaf" }, ...line, node.more ? h("small", {}, "not shown") : null);
  const rest = node.more ? h("div", { class: "bs-leaf bs-note" }, `… ${count(node.more)} more`) : null;
  return h("details", { open: depth < 2 && node.children.length <= 30 }, h("summary", {}, ...line), ...node.children.map((child) => branch(child, depth + 1)), rest);
}

function detailPanel(store, s, detail, now) {
  const row = detail.row, facts = [
    ["Key", row.key], ["Arguments", row.arguments], ["Type", row.content_type], ["Size", `${size(row.size)}, ${detail.location ? `blob ${detail.location}` : "in the database"}`],
    ["Ran", `${duration(row.duration)}, ${age(row.created_at, now)}`], ["Hits", row.hits ? `${count(row.hits)}, last ${age(row.last_hit, now)}` : "none"],
    ["Expires", row.expires_at == null ? "" : age(row.expires_at, now)], ["Version", row.version], ["Tags", row.tags.join(", ")], ...Object.entries(detail.meta),
  ].filter(([, text]) => text);
  const parts = Object.entries(detail.components).map(([name, digest]) => [name, digest.slice(0, 16)]);
  const close = h("button", { type: "button", class: "bs-quiet", "aria-label": "Close", onclick: () => store.open(null) }, "Close");
  const pin = h("button", { type: "button", class: "bs-quiet", onclick: () => store.edit("pin", { key: row.key, pinned: !row.pinned }) }, row.pinned ? "Unpin" : "Pin");
  const remove = h("button", { type: "button", class: "bs-quiet bs-bad", onclick: () => { if (remove.dataset.sure) store.edit("delete", { key: row.key }); else { remove.dataset.sure = "1"; remove.textContent = "Delete for good?"; } } }, "Delete");
  return h("article", { class: "bs-detail", "aria-label": `Entry ${row.name}`, tabindex: "-1", onkeydown: (event) => { if (event.key === "Escape") { event.stopPropagation(); store.open(null); } } },
    h("header", {}, h("h4", { title: row.name }, row.name), h("span", { class: "bs-grow" }), ...(s.edit && !s.closed ? [pin, remove] : []), close),
    h("div", { class: "bs-content" }, ...detail.blocks.map(block)), draw.facts({ items: facts }),
    parts.length ? h("details", { class: "bs-parts" }, h("summary", {}, `What the key is made of (${parts.length})`), draw.facts({ items: parts })) : null);
}

// ---- putting it together ----
const WAITING = ["", "Queued: the kernel is busy and answers when the running cell has ended.",
  "No answer yet: the kernel is busy, or this dashboard belongs to a kernel that has ended. Then run its cell again."];
const LOST = "The server does not answer: it was stopped, or this computer slept. Start it again, or reload the page.";

function render({ model, el }) {
  const read = (name) => JSON.parse(model.get(name) || "null");
  let s = read("state"), received = performance.now();
  const firstPage = () => read("rows") ?? { rows: [], total: 0, size: 0, after: null };
  const ui = { scope: "session", allFunctions: false, page: firstPage(), query: { order: "created_at", descending: true }, cursors: [], key: null, loading: false, problem: "", waiting: 0 };
  const untouched = () => !ui.cursors.length && !ui.query.text && !ui.query.function && !ui.query.kind && ui.query.order === "created_at" && ui.query.descending;
  const wire = channel(model, (waiting) => { ui.waiting = waiting; paint(); });

  let asked = 0;
  async function load(cursors = ui.cursors) {
    const serial = ++asked;
    ui.loading = true; paint();
    try {
      const page = await wire.ask("page", { ...ui.query, after: cursors.at(-1) ?? null });
      if (serial === asked) { Object.assign(ui, { page, cursors, problem: "" }); }
    } catch (error) { ui.problem = error.message; }
    if (serial === asked) { ui.loading = false; paint(); }
  }
  const query = (change) => { Object.assign(ui.query, change); load([]); };
  const store = {
    scope(scope) { ui.scope = scope; paint(); },
    allFunctions() { ui.allFunctions = !ui.allFunctions; paint(); },
    search: (text) => query({ text: text || undefined }),
    filter(name) { query({ function: name ?? undefined }); entriesView.el.scrollIntoView({ block: "nearest" }); },
    kind: (kind) => query({ kind: kind || undefined }),
    sort: (order) => query({ order, descending: ui.query.order === order ? !ui.query.descending : order !== "func_name" }),
    turn(step) { if (!ui.loading) load(step > 0 ? [...ui.cursors, ui.page.after] : ui.cursors.slice(0, -1)); },
    async open(key) {
      const back = ui.key; ui.key = key; paint();
      if (key == null) { showDetail(null); entriesView.el.querySelector(`tr[data-key="${CSS.escape(back ?? "")}"] button`)?.focus(); return; }
      try {
        const detail = await wire.ask("detail", { key });
        if (ui.key !== key) return;
        ui.problem = detail ? "" : "This entry is gone."; showDetail(detail);
      } catch (error) { ui.problem = error.message; }
      paint();
    },
    async choose(index) {
      Object.assign(ui, { query: { order: "created_at", descending: true }, cursors: [], key: null, problem: "" });
      entriesView.reset(); showDetail(null);
      try { await wire.ask("choose", { index }); } catch (error) { ui.problem = error.message; paint(); }
    },
    async edit(method, params) {
      try { await wire.ask(method, params); ui.problem = ""; } catch (error) { ui.problem = error.message; paint(); return; }
      if (method === "delete") { ui.key = null; showDetail(null); } else store.open(params.key);
      load();
    },
  };
  function showDetail(detail) {
    entriesView.detail.replaceChildren(...(detail ? [detailPanel(store, s, detail, clock())] : []));
    root.classList.toggle("bs-has-detail", Boolean(detail));
    entriesView.detail.firstChild?.focus({ preventScroll: true });
    entriesView.detail.firstChild?.scrollIntoView({ block: "nearest" });
  }
  const header = headerPart(store), tiles = tilesPart(), functions = functionsPart(store), limits = limitsPart(), entriesView = entriesPart(store);
  const strip = h("p", { class: "bs-strip", role: "status" });
  const root = h("div", { class: "bs-dash", role: "region", "aria-label": "beautyspot dashboard" }, header.el, strip, tiles.el, limits.el, functions.el, entriesView.el);
  const passed = () => (performance.now() - received) / 1000, clock = () => (s?.now ?? 0) + passed();

  function paint() {
    if (!s) return;
    const totals = ui.scope === "session" && s.session ? s.session : s.total;
    const lost = !s.closed && silent() ? LOST : "", trouble = lost || ui.problem || s.error, text = trouble || (s.closed ? "" : WAITING[ui.waiting]);
    put(strip, text); strip.hidden = !text; strip.dataset.tone = trouble ? "bad" : "info";
    const running = longRunning(s, passed());
    header.paint(s, ui, running); tiles.paint(s, totals); functions.paint(s, totals, ui); limits.paint(s, running, passed()); entriesView.paint(s, ui, clock());
  }
  const onState = () => { s = read("state"); received = performance.now(); paint(); };
  const onRows = () => {
    if (ui.loading) return;
    if (untouched()) { ui.page = firstPage(); paint(); }
    else if (model.get("beat") != null && !ui.cursors.length) load();   // a server answers at once, a busy kernel would not
  };
  // A server sends a beat every two seconds; a kernel tells when its end of the line is gone.
  let beat = performance.now();
  const onBeat = () => { beat = performance.now(); };
  const silent = () => model.get("beat") != null && performance.now() - beat > 15000;
  const onKernel = () => { if (s && !s.closed) { s = { ...s, closed: true, running: [] }; ui.problem = "The kernel of this dashboard has ended. Run its cell again to go on."; paint(); } };
  const timer = setInterval(() => { if (!document.hidden && s && !s.closed) paint(); }, 1000);
  const unfollow = followTheme(root);
  // A live front end hides the saved snapshot next to it; without this module the snapshot is what a reader sees.
  const mark = model.get("uid");
  root.classList.toggle("bs-inline", Boolean(mark));
  const hide = mark ? h("style", {}, `.bs-static-${CSS.escape(mark)},.jp-OutputArea-child:has(.bs-static-${CSS.escape(mark)}){display:none!important}`) : null;
  if (hide) document.head.append(hide);
  const events = { "change:state": onState, "change:rows": onRows, ...(model.get("beat") == null ? { comm_live_update: onKernel } : { "change:beat": onBeat }) };
  for (const [name, handler] of Object.entries(events)) model.on(name, handler);
  el.append(root);
  paint();
  return () => { for (const [name, handler] of Object.entries(events)) model.off(name, handler); wire.close(); clearInterval(timer); unfollow(); hide?.remove(); root.remove(); };
}

export default { render };
