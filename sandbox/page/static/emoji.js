// Emoji are text, but for the one that matters most here: not every machine has a picture of it.

import { h, icon } from "./dom.js";

const CROSS = "M5.6 3.2 12 9.6l6.4-6.4 2.4 2.4-6.4 6.4 6.4 6.4-2.4 2.4-6.4-6.4-6.4 6.4-2.4-2.4L9.6 12 3.2 5.6z";

export const CHOICE = ["❌", "👍", "👎", "❤️", "😂", "🎉", "👀", "🔥", "✨", "🙏", "✅", "🔁"];

/** Draw an emoji: ours where we have one, else the machine's. */
export function emoji(text) {
  if (text !== "❌") return h("span", { class: "emoji", text });
  const cross = icon(CROSS);
  return h("span", { class: "emoji cross", role: "img", "aria-label": "❌" }, cross);
}
