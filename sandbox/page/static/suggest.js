// The list above the composer: commands, choices, what autocomplete offers. The field keeps the focus.

import { h } from "./dom.js";

export class Suggest {
  #items = [];
  #at = 0;
  #pick = () => {};

  constructor() {
    this.element = h("div", { class: "suggest", role: "listbox", id: "suggest", hidden: true });
    // The field must not lose the focus to the list.
    this.element.addEventListener("pointerdown", (event) => event.preventDefault());
    this.element.addEventListener("click", (event) => {
      const found = event.target.closest("[role=option]");
      if (found) this.#pick(this.#items[Number(found.dataset.at)]);
    });
  }

  get open() {
    return !this.element.hidden;
  }

  /** Offer items ({label, detail, side}); `pick` gets the one that is chosen. */
  show(items, pick, { heading = "", field = null, chosen = 0 } = {}) {
    this.#items = items;
    this.#pick = pick;
    this.#at = chosen;
    this.field = field;
    const rows = items.map((item, at) => h("div", { role: "option", id: `suggest-${at}`, "data-at": at, class: "offer" },
      h("span", { class: "offer-label", text: item.label }), h("span", { class: "offer-detail", text: item.detail ?? "" }), item.side ? h("span", { class: "offer-side", text: item.side }) : null));
    this.element.replaceChildren(...(heading ? [h("p", { class: "offer-heading", text: heading })] : []), ...rows);
    this.element.hidden = items.length === 0;
    this.#mark();
  }

  hide() {
    this.element.hidden = true;
    this.field?.removeAttribute("aria-activedescendant");
  }

  /** Handle a key of the field; returns whether it was for the list. */
  key(event) {
    if (!this.open || event.isComposing) return false;
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (by) {
      this.#at = (this.#at + by + this.#items.length) % this.#items.length;
      this.#mark();
    } else if ((event.key === "Enter" || event.key === "Tab") && this.#at >= 0 && !event.shiftKey) {
      this.#pick(this.#items[this.#at]);
    } else if (event.key === "Escape") {
      this.hide();
    } else {
      return false;
    }
    event.preventDefault();
    event.stopPropagation();
    return true;
  }

  #mark() {
    const rows = [...this.element.querySelectorAll("[role=option]")];
    rows.forEach((row, at) => row.setAttribute("aria-selected", String(at === this.#at)));
    rows[this.#at]?.scrollIntoView({ block: "nearest" });
    if (rows[this.#at]) this.field?.setAttribute("aria-activedescendant", `suggest-${this.#at}`);
  }
}
