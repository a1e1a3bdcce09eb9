// One option of a slash command: what can be typed, chosen or dropped there.

import { entities, entity } from "./components.js";
import { FileDrop } from "./drop.js";
import { h } from "./dom.js";

export const KIND = { 3: "text", 4: "whole number", 5: "True or False", 6: "person", 7: "channel", 8: "role", 9: "person or role", 10: "number", 11: "file" };
const ENTITIES = { 6: 5, 7: 8, 8: 6, 9: 7 }; // an option's type -> the select's that offers the same

/** Return what an option takes, in a few words. */
export function takes(option) {
  const words = [KIND[option.type] ?? ""];
  const { min_value: low, max_value: high, min_length: short, max_length: long } = option;
  if (low !== undefined && high !== undefined) words.push(`${low} to ${high}`);
  else if (low !== undefined) words.push(`from ${low}`);
  else if (high !== undefined) words.push(`up to ${high}`);
  if (short || long) words.push(`${short ?? 0} to ${long ?? 6000} characters`);
  return words.join(", ");
}

export class OptionField {
  #picked = null;

  /** `form` is told of focus, input and keys: {focused(field), typed(field), key(field, event), removed(field)}. */
  constructor(option, world, form) {
    this.option = option;
    this.name = option.name;
    this.world = world;
    const label = h("span", { class: "option-name", text: option.name });
    const away = option.required ? null : h("button", { type: "button", class: "option-away", tabindex: "-1", "aria-label": `Remove ${option.name}`, text: "×", on: { click: () => form.removed(this) } });
    this.control = option.type === 11 ? this.#drop(form) : this.#input(form);
    this.element = h("div", { class: `option${option.required ? " required" : ""}`, "data-option": option.name }, label, this.control, away);
    this.element.addEventListener("focusin", () => form.focused(this));
  }

  focus() {
    (this.drop ?? this.input).focus();
  }

  get empty() {
    return this.drop ? this.drop.empty : this.input.value === "" && this.#picked === null;
  }

  /** What can be chosen here for what is typed so far, or null where anything can be typed. */
  offers() {
    const all = this.#choices();
    if (!all) return null;
    const typed = this.#picked ? "" : this.input.value.toLowerCase().replace(/^[@#]/, "");
    return all.filter((one) => one.label.toLowerCase().includes(typed));
  }

  pick(choice) {
    this.#picked = choice;
    this.input.value = choice.label;
    this.#fit();
  }

  /** Fill in a text or give a file, as somebody could by hand. */
  fill(value) {
    if (this.drop) this.drop.add([value]);
    else {
      this.#picked = null;
      this.input.value = String(value);
      this.#fit();
    }
  }

  /** What is sent: a value, an object that stands for something, or undefined for nothing. */
  async value() {
    if (this.drop) return (await this.drop.uploads())[0];
    if (this.empty) return undefined;
    const found = this.#picked ?? this.#choices()?.find((one) => one.label.toLowerCase() === this.input.value.trim().toLowerCase());
    return found ? found.value : this.#typed(this.input.value);
  }

  /** What is typed so far, for autocomplete. */
  partial() {
    return this.drop ? undefined : this.#picked ? this.#picked.value : this.#typed(this.input.value);
  }

  #typed(text) {
    const { type } = this.option;
    if (type === 3) return text;
    const trimmed = text.trim();
    const number = type === 4 ? /^[+-]?\d+$/ : type === 10 ? /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i : null;
    return number?.test(trimmed) ? Number(trimmed) : trimmed; // the sandbox says what is wrong with anything else
  }

  #choices() {
    const { option } = this;
    if (option.choices?.length) return option.choices.map((one) => ({ label: one.name, value: one.value }));
    if (option.type === 5) return [{ label: "True", value: true }, { label: "False", value: false }];
    const select = ENTITIES[option.type];
    return select ? entities(select, this.world).map((one) => ({ label: one.label, value: entity(one.value) })) : null;
  }

  #input(form) {
    const { option } = this;
    const choosing = Boolean(this.#choices() || option.autocomplete);
    this.input = h("input", {
      type: "text", autocomplete: "off", spellcheck: option.type === 3 ? "true" : "false", "aria-label": option.name,
      "aria-required": option.required ? "true" : null, inputmode: option.type === 4 ? "numeric" : option.type === 10 ? "decimal" : null,
      role: choosing ? "combobox" : null, "aria-controls": choosing ? "suggest" : null, "aria-expanded": choosing ? "false" : null, "aria-autocomplete": choosing ? "list" : null,
    });
    this.input.addEventListener("input", () => {
      this.#picked = null;
      this.#fit();
      form.typed(this);
    });
    this.input.addEventListener("keydown", (event) => form.key(this, event));
    this.#fit();
    return this.input;
  }

  #drop(form) {
    this.drop = new FileDrop({ label: `${this.option.name}: drop, paste or choose a file`, compact: true, changed: () => form.typed(this) });
    this.drop.element.addEventListener("keydown", (event) => event.target.tagName !== "BUTTON" || event.key !== "Enter" ? form.key(this, event) : null);
    return this.drop.element;
  }

  #fit() {
    const least = this.option.type === 3 ? 10 : 6;
    this.input.size = Math.max(least, Math.min(this.input.value.length + 1, 60));
  }
}
