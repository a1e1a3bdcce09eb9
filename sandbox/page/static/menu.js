// Small things that float: a menu beside a message, the choice of an emoji, a sentence at the bottom.

import { CHOICE, emoji } from "./emoji.js";
import { h } from "./dom.js";
import { step } from "./side.js";

let open = null;

/** Close what floats. */
export function close() {
  open?.remove();
  open = null;
}

/** Show a menu at a place; `items` are {label, act, danger} or null for a line between. */
export function menu(at, items, back) {
  const drawn = items.map((item) =>
    item === null
      ? h("hr")
      : item.heading
        ? h("p", { class: "menu-heading", text: item.heading })
        : h("button", { type: "button", role: "menuitem", class: item.danger ? "danger" : null, on: { click: () => (close(), item.act()) } }, item.label));
  float(h("div", { class: "menu", role: "menu" }, drawn), at, back);
}

/** Let the person choose an emoji. */
export function pickEmoji(at, act, back) {
  const drawn = CHOICE.map((one) => h("button", { type: "button", role: "menuitem", "aria-label": one, on: { click: () => (close(), act(one)) } }, emoji(one)));
  float(h("div", { class: "menu emojis", role: "menu" }, drawn), at, back);
}

function float(box, at, back) {
  close();
  open = box;
  document.body.append(box);
  const { width, height } = box.getBoundingClientRect();
  box.style.left = `${Math.max(8, Math.min(at.x, innerWidth - width - 8))}px`;
  box.style.top = `${Math.max(8, Math.min(at.y, innerHeight - height - 8))}px`;
  box.addEventListener("keydown", (event) => {
    if (event.key === "Escape" || event.key === "Tab") {
      event.preventDefault();
      event.stopPropagation();
      close();
      back?.focus();
    }
    const sideways = { ArrowRight: "ArrowDown", ArrowLeft: "ArrowUp" }[event.key];
    step(sideways ? { key: sideways, preventDefault: () => event.preventDefault() } : event, box);
  });
  box.querySelector("button")?.focus();
}

document.addEventListener("pointerdown", (event) => open && !open.contains(event.target) && close(), true);
addEventListener("resize", close);

/** Say a sentence for a moment. */
export function toast(sentence) {
  const box = h("p", { class: "toast", text: sentence });
  document.getElementById("toasts").append(box);
  setTimeout(() => box.remove(), 6000);
}
