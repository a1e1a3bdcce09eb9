// Floating elements: a menu next to a message, the emoji picker, and a toast at the bottom.

import { h } from "./dom.js";
import { EMOJI_CHOICES, drawEmoji } from "./icons.js";
import { moveFocus } from "./sidebar.js";

const MARGIN = 8;
const TOAST_MILLISECONDS = 6000;

let openElement = null;

function closeMenu() {
  openElement?.remove();
  openElement = null;
}

/** Open a menu at a position; `items` are {label, action, danger}, {heading}, or null for a separator. `opener` gets the focus back. */
export function openMenu(position, items, opener) {
  const drawItem = (item) => {
    if (item === null) return h("hr");
    if (item.heading) return h("p", { class: "menu-heading", text: item.heading });
    return h("button", { type: "button", role: "menuitem", class: item.danger ? "danger" : null, on: { click: () => (closeMenu(), item.action()) } }, item.label);
  };
  openFloating(h("div", { class: "menu", role: "menu" }, items.map(drawItem)), position, opener);
}

/** Let the person choose an emoji. */
export function openEmojiPicker(position, onPick, opener) {
  const buttons = EMOJI_CHOICES.map((emoji) => h("button", { type: "button", role: "menuitem", "aria-label": emoji, on: { click: () => (closeMenu(), onPick(emoji)) } }, drawEmoji(emoji)));
  openFloating(h("div", { class: "menu emojis", role: "menu" }, buttons), position, opener);
}

function openFloating(box, position, opener) {
  closeMenu();
  openElement = box;
  document.body.append(box);
  const { width, height } = box.getBoundingClientRect();
  box.style.left = `${Math.max(MARGIN, Math.min(position.x, innerWidth - width - MARGIN))}px`;
  box.style.top = `${Math.max(MARGIN, Math.min(position.y, innerHeight - height - MARGIN))}px`;
  box.addEventListener("keydown", (event) => {
    if (event.key === "Escape" || event.key === "Tab") {
      event.preventDefault();
      event.stopPropagation();
      closeMenu();
      opener?.focus();
    }
    const key = { ArrowRight: "ArrowDown", ArrowLeft: "ArrowUp" }[event.key];
    moveFocus(key ? { key, preventDefault: () => event.preventDefault() } : event, box);
  });
  box.querySelector("button")?.focus();
}

document.addEventListener("pointerdown", (event) => openElement && !openElement.contains(event.target) && closeMenu(), true);
addEventListener("resize", closeMenu);

/** Show a sentence for a few seconds. */
export function showToast(text) {
  const box = h("p", { class: "toast", text });
  document.getElementById("toasts").append(box);
  setTimeout(() => box.remove(), TOAST_MILLISECONDS);
}
