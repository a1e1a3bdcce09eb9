// The list above the composer: commands, choices, autocomplete. The text field keeps the focus.

import { h } from "./dom.js";

export class Suggestions {
  #items = [];
  #selected = 0;
  #onPick = () => {};

  constructor() {
    this.heading = h("p", { class: "suggestion-heading" });
    this.list = h("div", { class: "suggestion-options", role: "listbox", id: "suggestions", "aria-label": "Suggestions", tabindex: "0", on: { focus: () => this.field?.focus() } });
    this.element = h("div", { class: "suggestion-list", hidden: true }, this.heading, this.list);
    this.element.addEventListener("pointerdown", (event) => event.preventDefault()); // keeps the focus in the field
    this.element.addEventListener("click", (event) => {
      const option = event.target.closest("[role=option]");
      if (option) this.#onPick(this.#items[Number(option.dataset.index)]);
    });
  }

  get open() {
    return !this.element.hidden;
  }

  /**
   * Show items ({label, detail, side}); `onPick` is called with the one that is chosen. Without items a `heading` that
   * says why is shown if `explain` is true.
   */
  show(items, onPick, { heading = "", field = null, selected = 0, explain = false } = {}) {
    if (this.field !== field) this.#release();
    this.#items = items;
    this.#onPick = onPick;
    this.#selected = selected;
    this.field = field;
    const rows = items.map((item, index) => h("div", { role: "option", id: `suggestion-${index}`, "data-index": index, class: "suggestion" },
      h("span", { class: "suggestion-label", text: item.label }), h("span", { class: "suggestion-detail", text: item.detail ?? "" }), item.side ? h("span", { class: "suggestion-side", text: item.side }) : null));
    this.heading.textContent = heading;
    this.heading.hidden = !heading;
    this.list.replaceChildren(...rows);
    this.list.hidden = items.length === 0;
    this.element.hidden = items.length === 0 && !explain;
    if (this.#isCombobox) this.field.setAttribute("aria-expanded", String(items.length > 0));
    this.#markSelected();
  }

  hide() {
    this.element.hidden = true;
    this.#release();
  }

  /** Whether the field may say that it is expanded: a text of several lines may not. */
  get #isCombobox() {
    return this.field?.getAttribute("role") === "combobox";
  }

  /** Take back what the field says about the list. */
  #release() {
    if (this.#isCombobox) this.field.setAttribute("aria-expanded", "false");
    this.field?.removeAttribute("aria-activedescendant");
  }

  /** Handle a key of the field; returns whether the list used it. */
  handleKey(event) {
    if (!this.open || event.isComposing || (!this.#items.length && event.key !== "Escape")) return false;
    const offset = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (offset) {
      const from = this.#selected < 0 && offset < 0 ? 0 : this.#selected;
      this.#selected = (from + offset + this.#items.length) % this.#items.length;
      this.#markSelected();
    } else if ((event.key === "Enter" || event.key === "Tab") && this.#selected >= 0 && !event.shiftKey) {
      this.#onPick(this.#items[this.#selected]);
    } else if (event.key === "Escape") {
      this.hide();
    } else {
      return false;
    }
    event.preventDefault();
    event.stopPropagation();
    return true;
  }

  #markSelected() {
    const rows = [...this.element.querySelectorAll("[role=option]")];
    rows.forEach((row, index) => row.setAttribute("aria-selected", String(index === this.#selected)));
    rows[this.#selected]?.scrollIntoView({ block: "nearest" });
    if (rows[this.#selected]) this.field?.setAttribute("aria-activedescendant", `suggestion-${this.#selected}`);
  }
}
