// The inspector at the right: the run, API calls, fault toggles, and the bot's log.

import { h, morph } from "./dom.js";
import { icon } from "./icons.js";
import { showToast } from "./menu.js";
import { buildTimeline, drawTimeline } from "./timeline.js";

const TABS = { run: "Run", calls: "Calls", faults: "Faults", log: "Log" };
const GROWING_TABS = new Set(["calls", "log"]);
const NEAR_END = 24; // pixels
const PANE_PADDING = 28; // pixels, on both sides together
const FIRST_COLUMNS = ["state", "id", "command", "target", "prediction_id", "message_id", "created_at", "sent_at", "started_at", "cancel_requested_at", "cancel_requested_by", "ended_at", "delivered_at", "failure", "cause"];
const TIMELINE_TICK = 250; // milliseconds between two drawings of a run that goes on
const CLOCK_SECONDS = { hour: "2-digit", minute: "2-digit", second: "2-digit" };
const CLOCK = { ...CLOCK_SECONDS, fractionalSecondDigits: 1 };

export class Inspector {
  #tab = "run";
  #view = { run: null, service: "all", keep: false };
  #drawRequested = false;
  #timer = 0;

  constructor({ state, socket }) {
    this.state = state;
    this.socket = socket;
    this.element = document.getElementById("inspector");
    this.opener = document.getElementById("open-inspector");
    this.tabs = h("div", { class: "tablist", role: "tablist", "aria-label": "Inspector" });
    const close = h("button", { type: "button", class: "icon", "aria-label": "Close the inspector", on: { click: () => this.toggle(false) } }, icon("close"));
    this.pane = h("div", { class: "pane", role: "tabpanel", id: "pane", tabindex: "0" });
    this.element.append(h("div", { class: "tabs" }, this.tabs, close), this.pane);
    this.opener.addEventListener("click", () => this.toggle());
    this.tabs.addEventListener("click", (event) => {
      const tab = event.target.closest("[role=tab]");
      if (tab) this.#selectTab(tab.dataset.tab);
    });
    this.tabs.addEventListener("keydown", (event) => this.#onTabKey(event));
    this.pane.addEventListener("click", (event) => this.#onClick(event));
    this.pane.addEventListener("change", (event) => this.#onChange(event));
  }

  get open() {
    return this.element.classList.contains("open");
  }

  toggle(open = !this.open) {
    this.element.classList.toggle("open", open);
    this.opener.setAttribute("aria-expanded", String(open));
    document.body.dispatchEvent(new CustomEvent("drawers"));
    if (open) this.requestDraw();
  }

  /** Show the run that a message belongs to. */
  showRun(message) {
    const run = this.state.listRuns().find(({ row }) => row?.message_id === message.id);
    this.#view.run = run?.id ?? null;
    this.#tab = "run";
    this.toggle(true);
  }

  /** Show the latest run, also those that follow. */
  followLatest() {
    this.#view.run = null;
    this.requestDraw();
  }

  /** Draw in the next frame, once for any number of requests. */
  requestDraw() {
    if (this.#drawRequested || !this.open) return;
    this.#drawRequested = true;
    requestAnimationFrame(() => {
      this.#drawRequested = false;
      if (this.open) this.#draw(); // one that was closed meanwhile has no width
    });
  }

  #draw() {
    const armed = Object.keys(this.state.armed).length;
    const tabs = Object.entries(TABS).map(([name, label]) => {
      const selected = name === this.#tab;
      const attributes = { type: "button", role: "tab", "data-key": name, "data-tab": name, "aria-selected": String(selected), "aria-controls": "pane", tabindex: selected ? "0" : "-1" };
      return h("button", attributes, label, name === "faults" && armed ? h("span", { class: "dot", title: `${armed} armed` }) : null);
    });
    morph(this.tabs, h("div", { class: "tablist", role: "tablist", "aria-label": "Inspector" }, tabs));
    clearTimeout(this.#timer);
    this.#view.width = this.pane.clientWidth - PANE_PADDING;
    const draw = { run: drawRunPane, calls: drawCallsPane, faults: drawFaultsPane, log: drawLogPane }[this.#tab];
    // Growing lists stay scrolled to the end, unless the reader scrolled up in them.
    const scrolledUp = new Set(this.#growingBoxes().filter((box) => box.scrollHeight - box.scrollTop - box.clientHeight > NEAR_END));
    const attributes = { class: "pane", role: "tabpanel", id: "pane", tabindex: "0", "aria-label": TABS[this.#tab] };
    morph(this.pane, h("div", attributes, draw(this.state, this.#view)));
    for (const box of this.#growingBoxes()) if (!scrolledUp.has(box)) box.scrollTop = box.scrollHeight;
    if (this.#view.goesOn && this.#tab === "run") this.#timer = setTimeout(() => this.requestDraw(), TIMELINE_TICK);
  }

  #growingBoxes() {
    return [...this.pane.querySelectorAll("[data-growing]"), ...(GROWING_TABS.has(this.#tab) ? [this.pane] : [])];
  }

  #selectTab(tab) {
    this.#tab = tab;
    this.pane.replaceChildren();
    this.#draw();
    this.pane.scrollTop = GROWING_TABS.has(tab) ? this.pane.scrollHeight : 0;
  }

  #onTabKey(event) {
    const names = Object.keys(TABS);
    const offset = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!offset) return;
    this.#selectTab(names[(names.indexOf(this.#tab) + offset + names.length) % names.length]);
    this.tabs.querySelector("[aria-selected=true]").focus();
  }

  async #onClick(event) {
    const target = event.target.closest("[data-action]");
    if (!target) return;
    const { action, name } = target.dataset;
    if (action === "filter") {
      this.#view.service = name;
      this.#draw();
      return;
    }
    try {
      if (action === "undo") await this.socket.request("undo_fault", { name });
      if (action === "toggle") await this.socket.request("toggle_fault", { name, keep: this.#view.keep });
      if (action === "reset") await this.socket.request("reset_faults");
    } catch (error) {
      showToast(error.message);
    }
  }

  #onChange(event) {
    if (event.target.matches(".run-select")) this.#view.run = event.target.value || null;
    if (event.target.matches(".keep input")) this.#view.keep = event.target.checked;
    this.#draw();
  }
}

const formatTime = (text, format = CLOCK) => new Date(text).toLocaleTimeString("en-GB", format);
const drawHeading = (text, count) => h("h2", {}, text, count === undefined ? null : h("span", { class: "count", text: String(count) }));
const drawEmpty = (text) => h("p", { class: "empty", text });

/** Draw one run: its prediction, its stream, its row. */
function drawRunPane(state, view) {
  const runs = state.listRuns();
  view.goesOn = false;
  if (!runs.length) return [drawEmpty("No runs yet. Use a command and follow it here: its time line, the prediction, and what the bot stores.")];
  const run = runs.find(({ id }) => id === view.run) ?? runs[0];
  const { row, prediction } = run;
  const latest = h("option", { value: "", selected: !view.run, text: `Latest: ${describeRun(runs[0])}` });
  const options = runs.map((other) => h("option", { value: other.id, selected: other.id === view.run, text: describeRun(other) }));
  const events = state.events.filter((event) => event.prediction === prediction?.id);
  const timeline = buildTimeline(state, run);
  view.goesOn = !timeline.isOver;
  return [
    h("div", { "data-key": "select" }, h("select", { class: "run-select", "aria-label": "Run" }, latest, options)),
    h("div", { "data-key": `t${run.id}` }, drawHeading("Time line"), drawTimeline(timeline, view.width)),
    h("div", { "data-key": `p${run.id}` }, prediction ? drawPrediction(prediction) : drawEmpty("No prediction on Replicate.")),
    h("div", { "data-key": `e${run.id}` }, drawHeading("Stream", events.length || "no events yet"), h("div", { class: "lines events", "data-growing": "", tabindex: "0", role: "group", "aria-label": "Events of the stream" }, events.map(drawEvent))),
    h("div", { "data-key": `r${run.id}` }, drawHeading("Row in the bot's database"), row ? drawRow(row) : drawEmpty("No row for this prediction.")),
  ];
}

function describeRun({ row, prediction }) {
  const command = row ? `/${row.command}` : prediction.model;
  return `${command} · ${row?.state ?? prediction.status} · ${formatTime(row?.created_at ?? prediction.created_at)}`;
}

function drawPrediction(prediction) {
  const { status, id, model, output, error, started_at: started, completed_at: completed, metrics, logs } = prediction;
  const facts = {
    status: h("span", { class: `state ${status}`, text: status }),
    id,
    model,
    output: Array.isArray(output) ? `${output.length} items` : output === null ? "—" : typeof output,
    error,
    started: started && formatTime(started),
    completed: completed && formatTime(completed),
    metrics: metrics && formatMetrics(metrics),
  };
  return h("div", {}, drawHeading("Prediction on Replicate"), drawFacts(facts), drawHeading("Logs"),
    logs ? h("pre", { class: "logs", "data-growing": "", tabindex: "0", text: logs }) : drawEmpty("No logs yet."));
}

function formatMetrics(metrics) {
  const format = ([name, value]) => `${name.replaceAll("_", " ")} ${typeof value === "number" ? Number(value.toFixed(2)) : JSON.stringify(value)}`;
  return Object.entries(metrics).map(format).join(" · ");
}

function drawRow(row) {
  const names = [...FIRST_COLUMNS, ...Object.keys(row).filter((name) => !FIRST_COLUMNS.includes(name))];
  const facts = {};
  for (const name of names) {
    const value = row[name];
    if (value === null || value === undefined || value === "") continue;
    facts[name] = name === "state" ? h("span", { class: `state ${value}`, text: value }) : name.endsWith("_at") ? formatTime(value) : typeof value === "object" ? JSON.stringify(value) : String(value);
  }
  return drawFacts(facts);
}

function drawFacts(facts) {
  const known = Object.entries(facts).filter(([, value]) => value !== null && value !== undefined);
  return h("dl", { class: "facts" }, known.flatMap(([name, value]) => [
    h("dt", { "data-key": `t-${name}`, text: name }),
    h("dd", { "data-key": `d-${name}` }, value),
  ]));
}

function drawEvent({ n, event, id, data }) {
  return h("p", { class: `event ${event}`, "data-key": `n${n}`, title: `${id} ${data}` }, h("b", { text: event }), h("span", { text: shortenData(data) || "·" }));
}

/** Return only the last part of a URL, which tells it apart from others. */
function shortenData(data) {
  return /^https?:\/\//.test(data) ? `…/${data.split("/").at(-1)}` : data;
}

/** Draw every request of the bot to either service. */
function drawCallsPane(state, view) {
  const calls = state.calls.filter((call) => view.service === "all" || call.to === view.service);
  const chips = ["all", "Discord", "Replicate"].map((name) => h("button", { type: "button", class: "chip", "data-action": "filter", "data-name": name, "aria-pressed": String(name === view.service), text: name === "all" ? "Both" : name }));
  const filter = h("div", { class: "filter", role: "group", "aria-label": "Calls to", "data-key": "filter" }, chips);
  if (!calls.length) return [filter, drawEmpty("No requests yet.")];
  return [filter, h("div", { class: "lines", "data-key": "calls" }, calls.map(drawCall))];
}

function drawCall({ n, to, at, method, path, status, seconds, fault, details }) {
  const succeeded = status && status < 400;
  const duration = seconds === null || seconds === undefined ? "" : seconds < 1 ? `${Math.round(seconds * 1000)} ms` : `${seconds.toFixed(1)} s`;
  const filled = Object.fromEntries(Object.entries(details ?? {}).filter(([, value]) => value !== null && Object.keys(Object(value)).length !== 0));
  return h("details", { class: "call", "data-key": `n${n}` },
    h("summary", { title: `${to} · ${formatTime(at)}${fault ? ` · fault: ${fault}` : ""}` },
      h("span", { class: `service ${to}`, role: "img", "aria-label": to }), h("span", { class: "method", text: method.slice(0, 6) }),
      h("span", { class: "path" }, h("bdi", { text: shortenPath(path) })), h("span", { class: succeeded ? "ok" : "error", text: String(status || "cut") }), h("span", { class: "duration", text: duration })),
    h("pre", { tabindex: "0", text: `${to}, ${formatTime(at)}\n${method} ${path}\n${JSON.stringify(filled, null, 1)}` }));
}

/** Shorten ids to their ends, which tell them apart. */
function shortenPath(path) {
  const short = path.replace(/\d{12,}|[a-z0-9]{20,}/gi, (id) => `…${id.slice(-4)}`);
  try {
    return decodeURIComponent(short);
  } catch {
    return short;
  }
}

function drawFaultsPane(state, view) {
  const groups = new Map();
  for (const toggle of state.toggles) groups.set(toggle.group, [...(groups.get(toggle.group) ?? []), toggle]);
  const [suggested, ...others] = [...groups];
  if (!suggested) return [drawEmpty("No faults yet.")];
  const draw = (toggles) => h("div", { class: "toggles" }, toggles.map((toggle) => drawToggle(toggle, state)));
  const keep = h("label", { class: "keep", "data-key": "keep" }, h("input", { type: "checkbox", props: { checked: view.keep } }), "Keep it on (not just once)",
    Object.keys(state.armed).length ? h("button", { type: "button", class: "plain", "data-action": "reset", text: "Reset all" }) : null);
  return [
    h("p", { class: "dim", "data-key": "about", text: "Start a run, press one of these, and see how the run survives it. Press again to take it back while it is armed." }),
    keep,
    h("div", { "data-key": "suggested" }, draw(suggested[1])),
    ...others.map(([name, toggles]) => {
      const armed = toggles.filter((toggle) => toggle.name in state.armed).length;
      return h("details", { class: "group", "data-key": name }, h("summary", {}, name, armed ? ` · ${armed} armed` : ""), draw(toggles));
    }),
  ];
}

function drawToggle({ name, label, description, arms }, { armed, happened, undo }) {
  const isArmed = name in armed;
  const done = happened[name];
  const status = [isArmed ? describeArmed(armed[name]) : null, done ? describeHappened(done, arms) : null].filter(Boolean).join(" · ");
  return h("div", { class: isArmed ? "toggle armed" : "toggle", "data-key": name },
    h("button", { type: "button", class: "switch", "data-action": "toggle", "data-name": name, "aria-pressed": arms ? String(isArmed) : null, "aria-describedby": `about-${name}` },
      h("b", { text: label }), h("span", { id: `about-${name}`, text: description })),
    status || undo[name] ? h("p", { class: "toggle-status", role: "status" }, status ? h("span", { text: status }) : null,
      undo[name] ? h("button", { type: "button", class: "plain", "data-action": "undo", "data-name": name, text: undo[name] }) : null) : null);
}

function describeArmed(left) {
  return left === null ? "armed until you press again" : left > 1 ? `armed, ${left}×` : "armed";
}

function describeHappened({ count, at }, arms) {
  const time = formatTime(at, CLOCK_SECONDS);
  return `${arms ? "happened" : "done"}${count > 1 ? ` ${count}×` : ""} at ${time}`;
}

/** Draw the bot's log. */
function drawLogPane({ bot: { running, pid, connected }, log }) {
  const status = running ? `${pid}, ${connected ? "connected" : "not connected"}` : "not running";
  return [drawHeading("Bot process", status), h("div", { class: "lines", "data-key": "log" }, log.map(({ n, line }) => h("p", { class: "log-line", "data-key": `n${n}`, text: line })))];
}
