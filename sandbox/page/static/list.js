// The conversation: messages in their order, each element kept for as long as its message lives.

import { h, load, morph } from "./dom.js";
import { draw } from "./message.js";

const NEAR_THE_END = 90;

export class Conversation {
  #elements = new Map();
  #order = [];
  #pinned = true;
  #top = 0;

  constructor(world) {
    this.world = world;
    this.list = document.getElementById("messages");
    this.scroll = document.getElementById("scroll");
    this.newest = document.getElementById("to-newest");
    this.scroll.addEventListener("scroll", () => this.#look(), { passive: true });
    this.newest.addEventListener("click", () => this.toEnd());
    // Pictures arrive and cards grow; whoever reads the newest stays with it.
    const observer = new ResizeObserver(() => this.#pinned && this.toEnd());
    observer.observe(this.list);
    observer.observe(this.scroll);
  }

  /** Show the channel that is open, as it is now. */
  show() {
    const messages = [...(this.world.channel?.messages.values() ?? [])];
    this.#order = messages.map((message) => message.id);
    const fresh = h("ol", {}, messages.map((message, at) => draw(message, this.world, messages[at - 1])));
    const kept = new Set(this.#order);
    for (const [id, element] of this.#elements) if (!kept.has(id)) element.remove();
    for (const one of [...fresh.children]) this.#place(one.dataset.id, one);
    for (const id of this.#elements.keys()) if (!kept.has(id)) this.#elements.delete(id);
    this.toEnd();
  }

  /** Draw a message that is new or other than before. */
  put(message) {
    if (!this.#order.includes(message.id)) {
      this.#order.push(message.id);
      this.#order.sort((one, other) => (BigInt(one) < BigInt(other) ? -1 : 1));
    }
    const at = this.#order.indexOf(message.id);
    this.#redraw(at);
    this.#redraw(at + 1);
  }

  /** Take a message away. */
  drop(id) {
    const at = this.#order.indexOf(id);
    if (at < 0) return;
    this.#order.splice(at, 1);
    this.#elements.get(id)?.remove();
    this.#elements.delete(id);
    this.#redraw(at);
  }

  /** Bring a message into view and let it shine for a moment. */
  find(id) {
    const element = this.#elements.get(id);
    if (!element) return;
    element.scrollIntoView({ block: "center" });
    element.classList.remove("found");
    void element.offsetWidth;
    element.classList.add("found");
  }

  toEnd() {
    this.#pinned = true;
    this.scroll.scrollTop = this.scroll.scrollHeight;
    this.newest.hidden = true;
    this.scroll.classList.remove("reading");
  }

  #redraw(at) {
    const message = this.world.channel?.messages.get(this.#order[at]);
    if (message) this.#place(message.id, draw(message, this.world, this.world.channel.messages.get(this.#order[at - 1])));
  }

  #place(id, fresh) {
    const old = this.#elements.get(id);
    if (old) {
      morph(old, fresh);
    } else {
      const after = this.#order.slice(this.#order.indexOf(id) + 1).find((one) => this.#elements.has(one));
      this.list.insertBefore(fresh, after ? this.#elements.get(after) : null);
      this.#elements.set(id, fresh);
    }
    load(old ?? fresh);
  }

  #look() {
    const { scrollTop, scrollHeight, clientHeight } = this.scroll;
    const near = scrollHeight - scrollTop - clientHeight < NEAR_THE_END;
    // Only a reader scrolls up. Further from the end without that means that something grew.
    if (near) this.#pinned = true;
    else if (scrollTop < this.#top) this.#pinned = false;
    this.#top = scrollTop;
    this.newest.hidden = this.#pinned;
    // What somebody reads stays under their eyes when a card above it grows.
    this.scroll.classList.toggle("reading", !this.#pinned);
  }
}
