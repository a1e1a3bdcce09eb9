// What was asked of the bot and is not answered yet, below the messages.

import { h } from "./dom.js";
import { glyph } from "./glyphs.js";

const PATIENCE = 250; // most answers come sooner, and need no row of their own

export class Pending {
  constructor(list) {
    this.box = document.getElementById("pending");
    this.list = list;
  }

  /** Show that something waits; returns what to call when it is over, with a sentence if it failed. */
  show(label = "Waiting for the application…") {
    const dots = h("span", { class: "dots", "aria-hidden": "true" }, [0, 1, 2].map(() => h("i")));
    const row = h("p", { class: "pending" }, dots, label);
    const timer = setTimeout(() => this.#add(row), PATIENCE);
    return (failure) => {
      clearTimeout(timer);
      row.remove();
      if (failure) this.#add(this.#failed(failure));
    };
  }

  /** Forget the failures that are shown. */
  clear() {
    this.box.replaceChildren();
  }

  #failed(sentence) {
    const away = h("button", { type: "button", class: "icon", "aria-label": "Dismiss", on: { click: () => row.remove() } }, glyph("close"));
    const row = h("p", { class: "pending failed" }, sentence, away);
    return row;
  }

  #add(row) {
    this.box.append(row);
    this.list.toEnd();
  }
}
