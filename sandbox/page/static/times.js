// Times as Discord writes them: <t:seconds:style>, counting on by themselves.

import { h } from "./dom.js";

const day = { day: "2-digit", month: "2-digit", year: "numeric" };
const long = { day: "numeric", month: "long", year: "numeric" };
const clock = { hour: "2-digit", minute: "2-digit" };
const STYLES = {
  t: clock,
  T: { ...clock, second: "2-digit" },
  d: day,
  D: long,
  f: { ...long, ...clock },
  F: { weekday: "long", ...long, ...clock },
};
const STEPS = [
  ["year", 31536000],
  ["month", 2592000],
  ["day", 86400],
  ["hour", 3600],
  ["minute", 60],
  ["second", 1],
];
const relative = new Intl.RelativeTimeFormat("en", { numeric: "always" });
let ahead = 0;

/** Learn how far the sandbox's clock is ahead of this machine's (somebody may have let time skip). */
export function tune(at) {
  const off = Date.parse(at) - Date.now();
  ahead = Math.abs(off) < 2500 ? 0 : off;
}

/** Return the sandbox's time in milliseconds. */
export function now() {
  return Date.now() + ahead;
}

/** Return an element that shows a moment in one of Discord's styles, live where it counts. */
export function moment(seconds, style = "f") {
  const when = new Date(seconds * 1000);
  const title = when.toLocaleString("en-GB", STYLES.F);
  return h("time", { datetime: iso(when), title, "data-ts": seconds, "data-style": style, text: format(seconds, style) });
}

/** Return the words for a moment in one of Discord's styles. */
export function format(seconds, style) {
  if (style in STYLES) return new Date(seconds * 1000).toLocaleString("en-GB", STYLES[style]);
  const away = Math.round(seconds - now() / 1000);
  const [unit, length] = STEPS.find(([, size]) => Math.abs(away) >= size) ?? STEPS.at(-1);
  return relative.format(Math.trunc(away / length), unit);
}

/** Return the short time that stands beside a name: the hour today, the day before that. */
export function stamp(text) {
  const when = new Date(text);
  const today = new Date(now()).toDateString() === when.toDateString();
  const words = when.toLocaleString("en-GB", today ? clock : { ...day, ...clock });
  return h("time", { datetime: text, title: when.toLocaleString("en-GB", STYLES.F), text: words });
}

function iso(when) {
  return Number.isNaN(when.getTime()) ? "" : when.toISOString();
}

setInterval(() => {
  for (const element of document.querySelectorAll("time[data-style='R']")) {
    const words = format(Number(element.dataset.ts), "R");
    if (element.textContent !== words) element.textContent = words;
  }
}, 1000);
