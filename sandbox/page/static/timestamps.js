// Discord's timestamps, <t:seconds:style>; relative ones are updated every second.

import { h } from "./dom.js";

const DAY = { day: "2-digit", month: "2-digit", year: "numeric" };
const LONG_DAY = { day: "numeric", month: "long", year: "numeric" };
const TIME = { hour: "2-digit", minute: "2-digit" };
const STYLES = {
  t: TIME,
  T: { ...TIME, second: "2-digit" },
  d: DAY,
  D: LONG_DAY,
  f: { ...LONG_DAY, ...TIME },
  F: { weekday: "long", ...LONG_DAY, ...TIME },
};
const UNITS = [
  ["year", 31536000],
  ["month", 2592000],
  ["day", 86400],
  ["hour", 3600],
  ["minute", 60],
  ["second", 1],
];
const RELATIVE = new Intl.RelativeTimeFormat("en", { numeric: "always" });
const MAX_DRIFT = 2500; // milliseconds that count as no difference

let clockOffset = 0;

/** Set the offset of the sandbox's clock from this machine's: a fault can make it jump ahead. */
export function syncClock(sandboxTime) {
  const offset = Date.parse(sandboxTime) - Date.now();
  clockOffset = Math.abs(offset) < MAX_DRIFT ? 0 : offset;
}

/** Draw a timestamp in one of Discord's styles. */
export function drawTimestamp(seconds, style = "f") {
  const time = new Date(seconds * 1000);
  const title = time.toLocaleString("en-GB", STYLES.F);
  return h("time", { datetime: toIso(time), title, "data-ts": seconds, "data-style": style, text: formatTimestamp(seconds, style) });
}

/** Draw the time next to a name: the hour for today, otherwise the day, too. */
export function drawShortTime(text) {
  const time = new Date(text);
  const isToday = new Date(sandboxNow()).toDateString() === time.toDateString();
  const short = time.toLocaleString("en-GB", isToday ? TIME : { ...DAY, ...TIME });
  return h("time", { datetime: text, title: time.toLocaleString("en-GB", STYLES.F), text: short });
}

function formatTimestamp(seconds, style) {
  if (style in STYLES) return new Date(seconds * 1000).toLocaleString("en-GB", STYLES[style]);
  const distance = Math.round(seconds - sandboxNow() / 1000);
  const [unit, length] = UNITS.find(([, size]) => Math.abs(distance) >= size) ?? UNITS.at(-1);
  return RELATIVE.format(Math.trunc(distance / length), unit);
}

/** Return the sandbox's time in milliseconds. */
function sandboxNow() {
  return Date.now() + clockOffset;
}

function toIso(time) {
  return Number.isNaN(time.getTime()) ? "" : time.toISOString();
}

setInterval(() => {
  for (const element of document.querySelectorAll("time[data-style='R']")) {
    const text = formatTimestamp(Number(element.dataset.ts), "R");
    if (element.textContent !== text) element.textContent = text;
  }
}, 1000);
