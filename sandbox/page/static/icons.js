// Icons, each one path on a 24 × 24 grid, and emoji.

import { h, svg } from "./dom.js";

const PATHS = {
  menu: "M3 5h18v2.4H3zm0 5.8h18v2.4H3zm0 5.8h18V19H3z",
  panel: "M4 4h16v2.4H4zm0 4.8h7v2.4H4zm9 0h7V20h-7zM4 13.4h7V20H4z",
  moon: "M20.6 14.6A8.7 8.7 0 0 1 9.4 3.4a8.7 8.7 0 1 0 11.2 11.2z",
  sun: "M12 7.2a4.8 4.8 0 1 0 0 9.6 4.8 4.8 0 0 0 0-9.6zM11 1.8h2v3h-2zm0 17.4h2v3h-2zM1.8 11h3v2h-3zm17.4 0h3v2h-3zM4.1 5.5l1.4-1.4 2.1 2.1-1.4 1.4zm12.3 12.3 1.4-1.4 2.1 2.1-1.4 1.4zM4.1 18.5l2.1-2.1 1.4 1.4-2.1 2.1zM16.4 6.2l2.1-2.1 1.4 1.4-2.1 2.1z",
  plus: "M10.8 4h2.4v6.8H20v2.4h-6.8V20h-2.4v-6.8H4v-2.4h6.8z",
  send: "M3 20.5v-7l9-1.5-9-1.5v-7L21.5 12z",
  close: "M5.7 4.3 12 10.6l6.3-6.3 1.4 1.4-6.3 6.3 6.3 6.3-1.4 1.4-6.3-6.3-6.3 6.3-1.4-1.4 6.3-6.3-6.3-6.3z",
  smile: "M12 2.5a9.5 9.5 0 1 0 0 19 9.5 9.5 0 0 0 0-19zm0 2a7.5 7.5 0 1 1 0 15 7.5 7.5 0 0 1 0-15zM7.6 13.6c.7 2.2 2.4 3.4 4.4 3.4s3.700-1.200 4.400-3.400zM8.700 8a1.400 1.400 0 1 0 0 2.800 1.400 1.400 0 0 0 0-2.800zm6.600 0a1.400 1.400 0 1 0 0 2.800 1.400 1.400 0 0 0 0-2.800z",
  reply: "M10 5v4c6.500.600 10 4 11 10-2.600-3.600-5.800-5-11-5v4.200L3 11.500z",
  more: "M5 10a2 2 0 1 0 0 4 2 2 0 0 0 0-4zm7 0a2 2 0 1 0 0 4 2 2 0 0 0 0-4zm7 0a2 2 0 1 0 0 4 2 2 0 0 0 0-4z",
  file: "M6 2.500h8l5 5V21.500H6zm2 2v15h9V9h-4.500V4.500z",
  left: "M15.500 4.500 8 12l7.500 7.500-1.600 1.600L4.800 12l9.100-9.100z",
  right: "M8.500 4.500 16 12l-7.500 7.500 1.600 1.600 9.100-9.100-9.100-9.100z",
  eye: "M12 5c4.500 0 8 3 10 7-2 4-5.500 7-10 7s-8-3-10-7c2-4 5.500-7 10-7zm0 3a4 4 0 1 0 0 8 4 4 0 0 0 0-8z",
};
const CROSS = "M5.6 3.2 12 9.6l6.4-6.4 2.4 2.4-6.4 6.4 6.4 6.4-2.4 2.4-6.4-6.4-6.4 6.4-2.4-2.4L9.6 12 3.2 5.6z";

const STAR = "M12 2.2l3 6.4 7 .9-5.100 4.900 1.300 7L12 18l-6.200 3.400 1.300-7L2 9.500l7-.900z";
const DRAWN = { "❌": ["cross", CROSS], "⭐": ["star", STAR] };

export const EMOJI_CHOICES = ["❌", "⭐", "🙈", "✉️", "👍", "❤️", "😂", "🎉", "👀", "🔥", "✨", "🙏", "✅", "🔁"];

/** Draw an icon by its name. */
export function icon(name) {
  return svg(PATHS[name]);
}

/** Draw an emoji as text; ❌ and ⭐ as icons, because not every machine has a font with them and they do something here. */
export function drawEmoji(text) {
  if (!(text in DRAWN)) return h("span", { class: "emoji", text });
  const [name, path] = DRAWN[text];
  return h("span", { class: `emoji ${name}`, role: "img", "aria-label": text }, svg(path));
}

/** Draw a plain text with its emoji. */
export function drawLabel(text) {
  return text.split(/(\p{Extended_Pictographic}\uFE0F?)/u).map((part, number) => (number % 2 ? drawEmoji(part) : part));
}
