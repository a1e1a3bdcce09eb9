// The panes of the panel, each drawn whole from what is known.

import { h } from "./dom.js";

const ROW_FIRST = ["state", "id", "command", "target", "prediction_id", "message_id", "created_at", "sent_at", "started_at", "cancel_requested_at", "cancel_requested_by", "ended_at", "delivered_at", "failure", "cause"];
const CLOCK = { hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 1 };

const time = (text) => new Date(text).toLocaleTimeString("en-GB", CLOCK);
const heading = (words, count) => h("h3", {}, words, count === undefined ? null : h("span", { class: "count", text: String(count) }));
const empty = (words) => h("p", { class: "empty", text: words });

/** One run: its prediction, its stream, its row. */
export function runPane(works, shown) {
  const runs = works.runs();
  if (!runs.length) return [empty("Nothing has run yet. Use a command, and watch it here: the prediction, its stream, and what the bot writes down.")];
  const run = runs.find((one) => one.id === shown.pick) ?? runs[0];
  const { row, prediction } = run;
  const newest = h("option", { value: "", selected: !shown.pick, text: `The newest: ${title(runs[0])}` });
  const pick = h("select", { class: "run-pick", "aria-label": "Which run" }, newest, runs.map((one) => h("option", { value: one.id, selected: one.id === shown.pick, text: title(one) })));
  const events = works.events.filter((one) => one.prediction === prediction?.id);
  return [
    h("div", { "data-key": "pick" }, pick),
    h("div", { "data-key": `p${run.id}` }, prediction ? predictionFacts(prediction) : empty("Replicate has no prediction of it.")),
    h("div", { "data-key": `e${run.id}` }, heading("Stream", events.length || "nothing yet"), h("div", { class: "lines events", "data-follow": "" }, events.map(eventLine))),
    h("div", { "data-key": `r${run.id}` }, heading("The run's row in the bot's database"), row ? rowFacts(row) : empty("No row of this.")),
  ];
}

function title({ row, prediction }) {
  const command = row ? `/${row.command}` : prediction.model;
  return `${command} · ${row?.state ?? prediction.status} · ${time(row?.created_at ?? prediction.created_at)}`;
}

function predictionFacts(one) {
  const made = Array.isArray(one.output) ? `${one.output.length} parts` : one.output === null ? "—" : typeof one.output;
  const facts = { status: h("span", { class: `state ${one.status}`, text: one.status }), id: one.id, model: one.model, output: made, error: one.error, began: one.started_at && time(one.started_at), over: one.completed_at && time(one.completed_at), metrics: one.metrics && measured(one.metrics) };
  return h("div", {}, heading("Prediction at Replicate"), list(facts), heading("Logs"), one.logs ? h("pre", { class: "logs", "data-follow": "", tabindex: "0", text: one.logs }) : empty("No line yet."));
}

function measured(metrics) {
  const words = ([name, value]) => `${name.replaceAll("_", " ")} ${typeof value === "number" ? Number(value.toFixed(2)) : JSON.stringify(value)}`;
  return Object.entries(metrics).map(words).join(" · ");
}

function rowFacts(row) {
  const names = [...ROW_FIRST, ...Object.keys(row).filter((name) => !ROW_FIRST.includes(name))];
  const facts = {};
  for (const name of names) {
    const value = row[name];
    if (value === null || value === undefined || value === "") continue;
    facts[name] = name === "state" ? h("span", { class: `state ${value}`, text: value }) : name.endsWith("_at") ? time(value) : typeof value === "object" ? JSON.stringify(value) : String(value);
  }
  return list(facts, true);
}

function list(facts, flash = false) {
  const known = Object.entries(facts).filter(([, value]) => value !== null && value !== undefined);
  return h("dl", { class: "facts" }, known.flatMap(([name, value]) => [
    h("dt", { "data-key": `t-${name}`, text: name }),
    h("dd", { "data-key": flash ? `${name}-${typeof value === "string" ? value : value.textContent}` : `d-${name}` }, value),
  ]));
}

function eventLine(one) {
  return h("p", { class: `event ${one.event}`, "data-key": `n${one.n}`, title: `${one.id} ${one.data}` }, h("b", { text: one.event }), h("span", { text: brief(one.data) || "·" }));
}

/** Of an address, its end says most. */
function brief(data) {
  return /^https?:\/\//.test(data) ? `…/${data.split("/").at(-1)}` : data;
}

/** Every request of the bot, to either side. */
export function callsPane(works, shown) {
  const all = works.calls.filter((one) => shown.whose === "all" || one.to === shown.whose);
  const chips = ["all", "Discord", "Replicate"].map((name) => h("button", { type: "button", class: "chip", "data-do": "whose", "data-name": name, "aria-pressed": String(name === shown.whose), text: name === "all" ? "Both" : name }));
  const about = h("div", { class: "filter", role: "group", "aria-label": "Whose calls", "data-key": "filter" }, chips);
  if (!all.length) return [about, empty("The bot asked nothing yet.")];
  return [about, h("div", { class: "lines", "data-key": "calls" }, all.map(callLine))];
}

function callLine(one) {
  const fine = one.status && one.status < 400;
  const took = one.seconds === null || one.seconds === undefined ? "" : one.seconds < 1 ? `${Math.round(one.seconds * 1000)} ms` : `${one.seconds.toFixed(1)} s`;
  const status = one.status || "cut";
  const more = Object.fromEntries(Object.entries(one.more ?? {}).filter(([, value]) => value !== null && Object.keys(Object(value)).length !== 0));
  return h("details", { class: "call", "data-key": `n${one.n}` },
    h("summary", { title: `${one.to} · ${time(one.at)}${one.fault ? ` · struck by ${one.fault}` : ""}` },
      h("span", { class: `whose ${one.to}`, role: "img", "aria-label": one.to }), h("span", { class: "method", text: one.method.slice(0, 6) }),
      h("span", { class: "path" }, h("bdi", { text: short(one.path) })), h("span", { class: fine ? "ok" : "odd", text: String(status) }), h("span", { class: "took", text: took })),
    h("pre", { tabindex: "0", text: `${one.to}, ${time(one.at)}\n${one.method} ${one.path}\n${JSON.stringify(more, null, 1)}` }));
}

/** Ids are long and all alike; their ends tell them apart. */
function short(path) {
  const words = path.replace(/\d{12,}|[a-z0-9]{20,}/gi, (id) => `…${id.slice(-4)}`);
  try {
    return decodeURIComponent(words);
  } catch {
    return words;
  }
}

/** The switches that break things. */
export function switchesPane(works, shown) {
  const groups = new Map();
  for (const one of works.switches) groups.set(one.group, [...(groups.get(one.group) ?? []), one]);
  const [first, ...others] = [...groups];
  const draw = (all) => h("div", { class: "switches" }, all.map((one) => switchButton(one, works.armed)));
  const keep = h("label", { class: "keep", "data-key": "keep" }, h("input", { type: "checkbox", props: { checked: shown.keep } }), "Keep it on, not only once",
    Object.keys(works.armed).length ? h("button", { type: "button", class: "plain", "data-do": "calm", text: "Take all back" }) : null);
  if (!first) return [empty("No switches yet.")];
  return [
    h("p", { class: "dim", "data-key": "about", text: "Start a run, press one of these, and watch the run survive it." }),
    keep,
    h("div", { "data-key": "first" }, draw(first[1])),
    ...others.map(([name, all]) => {
      const on = all.filter((one) => one.name in works.armed).length;
      return h("details", { class: "group", "data-key": name }, h("summary", {}, name, on ? ` · ${on} in wait` : ""), draw(all));
    }),
  ];
}

function switchButton(one, armed) {
  const on = one.name in armed;
  const left = armed[one.name];
  const words = on ? (left === null ? "on" : left > 1 ? `in wait, ${left}×` : "in wait") : "";
  return h("button", { type: "button", class: "switch", "data-key": one.name, "data-do": "switch", "data-name": one.name, "aria-pressed": one.arms ? String(on) : null },
    h("b", { text: one.label }), h("span", { text: one.sentence }), on ? h("i", { class: "armed", text: words }) : null);
}

/** What the bot writes to its log. */
export function logPane(works) {
  const { running, pid, connected } = works.bot;
  const state = running ? `Process ${pid}, ${connected ? "connected" : "not connected"}` : "Not running";
  return [heading("The bot's process", state), h("div", { class: "lines", "data-key": "log" }, works.log.map((one) => h("p", { class: "log-line", "data-key": `n${one.n}`, text: one.line })))];
}
