// The messages of the open channel, each with the same element as long as it exists, and requests that are pending.

import { h, loadMedia, morph } from "./dom.js";
import { icon } from "./icons.js";
import { drawMessage } from "./message.js";

const NEAR_END = 90; // pixels
const INPUT_MILLISECONDS = 1000; // for which a wheel, a finger or a key goes on to scroll
const PENDING_DELAY = 250; // milliseconds; most responses arrive sooner

export class MessageList {
  #elements = new Map();
  #order = [];
  #pinned = true;
  #lastTop = 0;
  #lastInput = -Infinity; // when the reader last did something that can scroll
  #current = null; // the id of the message that Tab reaches; the arrow keys go from it to the others

  constructor(chat) {
    this.chat = chat;
    this.list = document.getElementById("messages");
    this.scroll = document.getElementById("scroll");
    this.jumpButton = document.getElementById("jump-to-latest");
    this.scroll.addEventListener("scroll", () => this.#onScroll(), { passive: true });
    this.jumpButton.addEventListener("click", () => this.follow());
    this.list.addEventListener("keydown", (event) => this.#onKey(event));
    this.list.addEventListener("focusin", (event) => this.#setCurrent(event.target.closest(".message")));
    for (const type of ["wheel", "touchmove", "pointerdown", "keydown"]) this.scroll.addEventListener(type, () => (this.#lastInput = performance.now()), { passive: true });
    // Images load and cards grow; a reader at the end stays there.
    const observer = new ResizeObserver(() => this.#pinned && this.scrollToEnd());
    observer.observe(this.list);
    observer.observe(this.scroll);
  }

  /** Show the open channel. */
  show() {
    const messages = [...(this.chat.channel?.messages.values() ?? [])];
    this.#order = messages.map((message) => message.id);
    const fresh = h("ol", {}, messages.map((message, index) => drawMessage(message, this.chat, messages[index - 1])));
    const kept = new Set(this.#order);
    for (const [id, element] of this.#elements) if (!kept.has(id)) element.remove();
    for (const element of [...fresh.children]) this.#place(element.dataset.id, element);
    for (const id of this.#elements.keys()) if (!kept.has(id)) this.#elements.delete(id);
    this.scrollToEnd();
  }

  /** Draw a new or changed message. */
  put(message) {
    if (!this.#order.includes(message.id)) {
      this.#order.push(message.id);
      this.#order.sort((a, b) => (BigInt(a) < BigInt(b) ? -1 : 1));
    }
    const index = this.#order.indexOf(message.id);
    this.#redraw(index);
    this.#redraw(index + 1);
  }

  remove(id) {
    const index = this.#order.indexOf(id);
    if (index < 0) return;
    this.#order.splice(index, 1);
    this.#elements.get(id)?.remove();
    this.#elements.delete(id);
    this.#redraw(index);
    this.#redraw(this.#order.length - 1);
  }

  /** Move the focus to the last message. */
  focusLast() {
    this.list.lastElementChild?.focus();
  }

  /** Scroll to a message and highlight it for a moment. */
  scrollTo(id) {
    const element = this.#elements.get(id);
    if (!element) return;
    element.scrollIntoView({ block: "center" });
    element.classList.remove("highlighted");
    void element.offsetWidth; // restarts the animation
    element.classList.add("highlighted");
  }

  /** Go to the end and stay there, whatever the reader scrolled before. */
  follow() {
    this.#lastInput = -Infinity;
    this.scrollToEnd();
  }

  /** Scroll to the end, of which an empty channel has none: its hint is read from the top. */
  scrollToEnd() {
    this.#pinned = true;
    this.scroll.scrollTop = this.#order.length ? this.scroll.scrollHeight : 0;
    this.jumpButton.hidden = true;
    this.scroll.classList.remove("reading");
  }

  #onKey(event) {
    const messages = [...this.list.children];
    const index = messages.indexOf(event.target);
    const next = { ArrowUp: index - 1, ArrowDown: index + 1, Home: 0, End: messages.length - 1 }[event.key];
    if (index < 0 || next === undefined) return;
    event.preventDefault();
    if (next < messages.length) messages[Math.max(0, next)].focus();
    else document.querySelector("#text, #composer .finder")?.focus();
  }

  #setCurrent(element) {
    this.#elements.get(this.#current)?.setAttribute("tabindex", "-1");
    this.#current = element?.dataset.id ?? null;
    element?.setAttribute("tabindex", "0");
  }

  #redraw(index) {
    const { channel } = this.chat;
    const message = channel?.messages.get(this.#order[index]);
    if (message) this.#place(message.id, drawMessage(message, this.chat, channel.messages.get(this.#order[index - 1])));
  }

  #place(id, fresh) {
    const old = this.#elements.get(id);
    const current = this.#order.includes(this.#current) ? this.#current : this.#order.at(-1);
    if (!old && current === id && current !== this.#current) this.#elements.get(this.#order.at(-2))?.setAttribute("tabindex", "-1");
    fresh.setAttribute("tabindex", id === current ? "0" : "-1");
    if (old) {
      morph(old, fresh);
    } else {
      const next = this.#order.slice(this.#order.indexOf(id) + 1).find((other) => this.#elements.has(other));
      this.list.insertBefore(fresh, next ? this.#elements.get(next) : null);
      this.#elements.set(id, fresh);
    }
    loadMedia(old ?? fresh);
  }

  #onScroll() {
    const { scrollTop, scrollHeight, clientHeight } = this.scroll;
    // Only a reader leaves the end. A greater distance from it without that means that something grew or shrank.
    const isReading = performance.now() - this.#lastInput < INPUT_MILLISECONDS;
    if (scrollHeight - scrollTop - clientHeight < NEAR_END) this.#pinned = true;
    else if (scrollTop < this.#lastTop && isReading) this.#pinned = false;
    this.#lastTop = scrollTop;
    this.jumpButton.hidden = this.#pinned;
    // While someone reads, what they read stays in place when a card above it grows.
    this.scroll.classList.toggle("reading", !this.#pinned);
  }
}

export class PendingRequests {
  constructor(list) {
    this.box = document.getElementById("pending");
    this.list = list;
  }

  /** Show that a request is pending; returns a function to call at its end, with a sentence if it failed. */
  show(label = "Waiting for the application…") {
    const dots = h("span", { class: "dots", "aria-hidden": "true" }, [0, 1, 2].map(() => h("i")));
    const row = h("p", { class: "pending" }, dots, label);
    const timer = setTimeout(() => this.#add(row), PENDING_DELAY);
    return (failure) => {
      clearTimeout(timer);
      row.remove();
      if (failure) this.#add(this.#drawFailure(failure));
    };
  }

  /** Remove the failures that are shown. */
  clear() {
    this.box.replaceChildren();
  }

  #drawFailure(text) {
    const dismiss = h("button", { type: "button", class: "icon", "aria-label": "Dismiss", on: { click: () => row.remove() } }, icon("close"));
    const row = h("p", { class: "pending failed" }, text, dismiss);
    return row;
  }

  #add(row) {
    this.box.append(row);
    this.list.scrollToEnd();
  }
}
