// The time line of a run: the model, the bot's process and the message in Discord, drawn while they happen.

import { h, s } from "./dom.js";

const LABEL_WIDTH = 58; // pixels
const RIGHT = 8;
const LANE_HEIGHT = 30;
const TOP = 6;
const BAND = 8;
const AXIS_HEIGHT = 18;
const MIN_SECONDS = 4;
const STEPS = [1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600];
const TOUCHING = 3; // pixels
const MAX_MARKS = 6; // on the axis
const AFTER_END = 1.5; // seconds in which an edit still belongs to the run: its row is written before the last answer
const IS_URL = /^(https?:\/\/|data:)/;
const EDIT = /^(PATCH|POST)$/;

/**
 * Return what happened in a run, in seconds since it was requested:
 * {end, isOver, model: [{from, to, kind}], bot: [{from, to, kind}], outputs: [at], edits: [at], faults: [{at, text}], moments: [{at, text, kind}]}.
 */
export function buildTimeline(state, { row, prediction }, now = Date.now()) {
  const start = Date.parse(row?.created_at ?? prediction.created_at);
  const since = (time) => Math.max(0, (Date.parse(time) - start) / 1000);
  const endTime = row?.delivered_at ?? (row ? null : prediction?.completed_at);
  const isOver = Boolean(endTime);
  const end = isOver ? since(endTime) : Math.max(0, (now - start) / 1000);
  const within = (at) => at <= end;
  const after = ({ seen }) => Date.parse(seen) >= start;

  const events = state.events.filter((event) => event.prediction === prediction?.id);
  const outputs = events.filter(({ event }) => event === "output");
  const edits = row?.message_id ? state.calls.filter((call) => call.to === "Discord" && call.message === row.message_id && EDIT.test(call.method) && call.status && call.status < 300 && after(call)) : [];
  const moments = state.moments.filter(after);
  const ended = moments.filter(({ kind }) => kind === "bot-ended").map(({ seen }) => since(seen)).filter(within);
  const started = moments.filter(({ kind }) => kind === "bot-started").map(({ seen }) => since(seen)).filter(within);
  const resumed = started.map((at) => findResumption(state, row, prediction, since, at, end)).filter((at) => at !== null);

  const list = [{ at: 0, text: row ? `/${row.command} was sent` : "The prediction was created", kind: "start" }];
  if (row?.sent_at) list.push({ at: since(row.sent_at), text: "Sent to Replicate", kind: "sent" });
  if (prediction?.started_at) list.push({ at: since(prediction.started_at), text: "The model starts to work", kind: "model" });
  list.push(...describeOutputs(outputs, since));
  for (const at of ended) list.push({ at, text: "The bot's process ends", kind: "killed" });
  for (const at of started) list.push({ at, text: "A new bot starts", kind: "started" });
  for (const at of resumed) list.push({ at, text: "It goes on with this run", kind: "resumed" });
  const faults = moments.filter(({ kind, name }) => kind === "fault" && !isAboutProcess(name)).map(({ seen, label }) => ({ at: since(seen), text: label })).filter(({ at }) => within(at));
  for (const { at, text } of faults) list.push({ at, text: `Fault: ${text}`, kind: "fault" });
  if (row?.cancel_requested_at) list.push({ at: since(row.cancel_requested_at), text: "Asked to stop", kind: "cancel" });
  if (prediction?.completed_at) list.push({ at: since(prediction.completed_at), text: `The model ends: ${prediction.status}`, kind: "model" });
  if (row?.delivered_at) list.push({ at: since(row.delivered_at), text: "The message is complete", kind: "done" });

  return {
    end,
    isOver,
    model: prediction ? modelBands(prediction, since, end) : [],
    bot: processBands(ended, started, end),
    outputs: outputs.map(({ seen }) => since(seen)),
    edits: edits.map(({ seen }) => since(seen)).filter((at) => at <= end + AFTER_END),
    resumed,
    faults,
    moments: list.sort((a, b) => a.at - b.at),
  };
}

/** Return whether a run went on after the bot was killed in the middle of it. */
export function survivedKill(state, { row, prediction }) {
  if (!row?.delivered_at || row.state !== "succeeded") return false;
  const { moments } = buildTimeline(state, { row, prediction });
  return moments.some(({ kind }) => kind === "killed") && moments.some(({ kind }) => kind === "started");
}

/** Return when a new process did its first thing for the run after `at`, or null. */
function findResumption(state, row, prediction, since, at, end) {
  const isAbout = (call) => (call.prediction && call.prediction === prediction?.id) || (call.message && call.message === row?.message_id);
  const times = state.calls.filter(isAbout).map(({ seen }) => since(seen)).filter((time) => time >= at && time <= end + AFTER_END);
  return times.length ? Math.min(...times) : null;
}

function describeOutputs(outputs, since) {
  const files = outputs.length > 0 && outputs.every(({ data }) => IS_URL.test(data));
  if (files) return outputs.map(({ seen }, index) => ({ at: since(seen), text: outputs.length === 1 ? "The result arrives" : `Result ${index + 1} arrives`, kind: "output" }));
  return outputs.slice(0, 1).map(({ seen }) => ({ at: since(seen), text: "The first words arrive", kind: "output" }));
}

const isAboutProcess = (name) => ["kill", "kill-and-start", "stop", "start"].includes(name);

function modelBands({ created_at: created, started_at: started, completed_at: completed, status }, since, end) {
  const to = completed ? since(completed) : end;
  const bands = [{ from: since(created), to: started ? since(started) : to, kind: "starting" }];
  if (started) bands.push({ from: since(started), to, kind: completed ? status : "processing" });
  return bands;
}

/** Return when the bot's process lived and when it was gone. */
function processBands(ended, started, end) {
  const bands = [];
  let from = 0;
  const changes = [...ended.map((at) => ({ at, up: false })), ...started.map((at) => ({ at, up: true }))].sort((a, b) => a.at - b.at);
  let up = !(changes[0]?.up ?? false);
  for (const change of changes) {
    bands.push({ from, to: change.at, kind: up ? "alive" : "dead" });
    from = change.at;
    up = change.up;
  }
  bands.push({ from, to: end, kind: up ? "alive" : "dead" });
  return bands.filter((band) => band.to > band.from);
}

/** Draw a time line `width` pixels wide, and below it a list of its moments. */
export function drawTimeline(timeline, width) {
  const seconds = Math.max(MIN_SECONDS, timeline.end * (timeline.isOver ? 1.02 : 1.12));
  const x = (at) => LABEL_WIDTH + (Math.min(at, seconds) / seconds) * (width - LABEL_WIDTH - RIGHT);
  const lanes = [
    drawLane("Model", 0, timeline.model, x, [ticks(timeline.outputs, x, "output")]),
    drawLane("Bot", 1, timeline.bot, x, [timeline.resumed.map((at) => s("circle", { class: "resumed", cx: x(at), cy: BAND / 2, r: 4.5 })), timeline.bot.filter(({ kind }) => kind === "dead").map(({ from }) => drawCross(x(from)))]),
    drawLane("Message", 2, [{ from: 0, to: timeline.end, kind: "quiet" }], x, [ticks(timeline.edits, x, "edit")]),
  ];
  const height = TOP + LANE_HEIGHT * lanes.length + AXIS_HEIGHT;
  const faults = timeline.faults.map(({ at, text }) => s("g", { class: "fault" }, s("line", { x1: x(at), x2: x(at), y1: 0, y2: height - AXIS_HEIGHT }), s("title", { text })));
  const drawing = s("svg", { class: "timeline", viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": describe(timeline) },
    drawAxis(seconds, x, height), faults, lanes,
    timeline.isOver ? null : s("line", { class: "now", x1: x(timeline.end), x2: x(timeline.end), y1: 0, y2: height - AXIS_HEIGHT }));
  const moments = timeline.moments.map(({ at, text, kind }, index) => h("li", { class: kind, "data-key": `${kind}${index}` }, h("span", { class: "at", text: formatSeconds(at) }), h("span", { text })));
  return [drawing, h("ol", { class: "moments", "data-growing": "", tabindex: "0", "aria-label": "What happened, in order" }, moments)];
}

function drawLane(label, number, bands, x, marks) {
  const top = TOP + number * LANE_HEIGHT + (LANE_HEIGHT - BAND) / 2;
  return s("g", { class: `lane ${label.toLowerCase()}`, transform: `translate(0 ${top})` },
    s("text", { x: 0, y: BAND / 2 + 4, class: "lane-name", text: label }),
    bands.map(({ from, to, kind }) => s("rect", { class: `band ${kind}`, x: x(from), y: 0, width: Math.max(1, x(to) - x(from)), height: BAND, rx: 2 })),
    marks);
}

/** Draw a mark for each time; those that would touch each other become one bar. */
function ticks(times, x, kind) {
  const bars = [];
  for (const at of [...new Set(times.map((time) => Math.round(x(time))))].sort((a, b) => a - b)) {
    const last = bars.at(-1);
    if (last && at - last.to <= TOUCHING) last.to = at;
    else bars.push({ from: at, to: at });
  }
  return bars.map(({ from, to }) => s("rect", { class: to > from ? `${kind} many` : kind, x: from - 1, y: -5, width: to - from + 2, height: BAND + 10, rx: 1 }));
}

function drawCross(at) {
  return s("path", { class: "killed", d: `M${at - 5} ${BAND / 2 - 5}l10 10m0 -10l-10 10` });
}

function drawAxis(seconds, x, height) {
  const step = STEPS.find((size) => seconds / size <= MAX_MARKS) ?? Math.ceil(seconds / MAX_MARKS);
  const marks = [];
  for (let at = 0; at <= seconds; at += step) {
    marks.push(s("line", { class: "mark", x1: x(at), x2: x(at), y1: TOP, y2: height - AXIS_HEIGHT }));
    if (x(at) < x(seconds) - 4) marks.push(s("text", { class: "mark-name", x: x(at), y: height - 4, text: formatMark(at) }));
  }
  return s("g", { class: "axis" }, marks);
}

/** Say in one sentence what the drawing shows. */
function describe(timeline) {
  const killed = timeline.moments.filter(({ kind }) => kind === "killed").length;
  const parts = [`${timeline.outputs.length} results or words streamed`, `the message was edited ${timeline.edits.length} times`];
  if (killed) parts.push(`the bot ended ${killed === 1 ? "once" : `${killed} times`} and went on`);
  return `Time line of ${formatSeconds(timeline.end)}: ${parts.join(", ")}.`;
}

const formatSeconds = (at) => (at < 100 ? `${at.toFixed(1)} s` : formatMark(at));

function formatMark(at) {
  return at < 60 ? `${at} s` : `${Math.floor(at / 60)} min${at % 60 ? ` ${Math.round(at % 60)}` : ""}`;
}
