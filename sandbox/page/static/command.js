// A slash command being filled in, where the text field was.

import { h } from "./dom.js";
import { glyph } from "./glyphs.js";
import { OptionField, takes } from "./option.js";

const ATTACHMENT = 11;
const SHOWN = 2; // options that stand ready when none is required
const PATIENCE = 160; // between a key and the question what fits

/** Return every command that can be typed: subcommands stand by themselves. */
export function flatten(commands) {
  const out = [];
  const walk = (command, words, node) => {
    const below = (node.options ?? []).filter((one) => one.type === 1 || one.type === 2);
    if (!below.length) out.push({ id: command.id, words, description: node.description, options: node.options ?? [] });
    for (const one of below) walk(command, `${words} ${one.name}`, one);
  };
  for (const command of commands) walk(command, command.name, command);
  return out.sort((one, other) => one.words.localeCompare(other.words));
}

export class CommandForm {
  #fields = new Map();
  #timer = 0;
  #focused = null;

  /** `send(words, values)` uses the command and may throw what to show; `leave()` goes back to plain text. */
  constructor(command, { world, suggest, complete, send, leave }) {
    Object.assign(this, { command, world, suggest, complete, send, leave });
    this.about = h("p", { class: "about", "aria-live": "polite" });
    this.problem = h("p", { class: "problem", role: "alert", hidden: true });
    this.bar = h("div", { class: "options" }, h("span", { class: "command-name", text: `/${command.words}` }));
    this.more = h("div", { class: "more-options", role: "group", "aria-label": "More options" });
    const back = h("button", { type: "button", class: "icon", "aria-label": "Leave the command", on: { click: () => this.leave() } }, glyph("close"));
    this.button = h("button", { type: "button", class: "icon send", "aria-label": `Send /${command.words}`, on: { click: () => this.submit() } }, glyph("send"));
    this.element = h("div", { class: "command" }, this.about, this.problem, h("div", { class: "command-row" }, back, this.bar, this.button), this.more);
    const required = command.options.filter((one) => one.required);
    for (const option of required.length ? required : command.options.slice(0, SHOWN)) this.add(option);
    this.#show();
    this.element.addEventListener("paste", (event) => this.#paste(event), true);
    this.element.addEventListener("keydown", (event) => event.key === "Escape" && !event.defaultPrevented && this.leave());
    for (const event of ["dragover", "drop"]) this.element.addEventListener(event, (one) => one.preventDefault());
    this.element.addEventListener("drop", (event) => this.give(event.dataTransfer.files));
  }

  /** Put the cursor where the next thing is missing. */
  focus() {
    const fields = [...this.#fields.values()];
    (fields.find((field) => field.empty) ?? fields[0])?.focus();
    if (!fields.length) this.button.focus();
  }

  /** Show the field of an option and return it. */
  add(option) {
    const field = new OptionField(option, this.world, this);
    this.#fields.set(option.name, field);
    this.bar.append(field.element);
    return field;
  }

  /** Fill in options by name, adding their fields. */
  fill(values) {
    for (const [name, value] of Object.entries(values)) {
      const option = this.command.options.find((one) => one.name === name);
      if (option) (this.#fields.get(name) ?? this.add(option)).fill(value);
    }
    this.#show();
  }

  /** Give files to the options that take one and have none. */
  give(files) {
    for (const file of files) {
      const open = this.command.options.filter((one) => one.type === ATTACHMENT && (this.#fields.get(one.name)?.empty ?? true))[0];
      if (open) this.fill({ [open.name]: file });
    }
  }

  async submit() {
    if (this.button.disabled) return;
    this.suggest.hide();
    this.#tell("");
    this.button.disabled = true;
    this.element.classList.add("busy");
    try {
      const values = {};
      for (const [name, field] of this.#fields) {
        const value = await field.value();
        if (value !== undefined) values[name] = value;
      }
      await this.send(this.command.words, values);
    } catch (error) {
      this.#tell(error.message);
    } finally {
      this.button.disabled = false;
      this.element.classList.remove("busy");
    }
  }

  focused(field) {
    this.#focused = field;
    this.#about(field.option);
    this.#offer(field);
  }

  typed(field) {
    this.#tell("");
    this.#offer(field);
  }

  key(field, event) {
    if (this.suggest.key(event)) return;
    if (event.key === "Enter" && !event.isComposing) {
      event.preventDefault();
      this.submit();
    } else if (event.key === "Backspace" && field.empty && !field.option.required) {
      event.preventDefault();
      this.removed(field);
    }
  }

  removed(field) {
    const names = [...this.#fields.keys()];
    const before = this.#fields.get(names[names.indexOf(field.name) - 1]);
    this.#fields.delete(field.name);
    field.element.remove();
    this.suggest.hide();
    this.#show();
    if (before) before.focus();
    else this.focus();
  }

  #paste(event) {
    const files = event.clipboardData?.files;
    if (!files?.length || this.#focused?.drop?.element.contains(event.target)) return;
    event.preventDefault();
    this.give(files);
  }

  #about(option) {
    this.about.replaceChildren(h("b", { text: option.name }), h("span", { class: "kind", text: takes(option) }), option.required ? h("span", { class: "needed", text: "required" }) : "", h("span", { text: option.description ?? "" }));
  }

  #tell(sentence) {
    this.problem.textContent = sentence;
    this.problem.hidden = !sentence;
    for (const [name, field] of this.#fields) field.element.classList.toggle("wrong", sentence.includes(`“${name}”`));
  }

  #offer(field) {
    clearTimeout(this.#timer);
    if (field.option.autocomplete) {
      this.#timer = setTimeout(() => this.#complete(field), PATIENCE);
      return;
    }
    const offers = field.drop ? null : field.offers();
    field.input?.setAttribute("aria-expanded", String(Boolean(offers?.length)));
    if (!offers) {
      this.suggest.hide();
      return;
    }
    this.suggest.show(offers, (choice) => this.#take(field, choice), { field: field.input, heading: field.name });
  }

  async #complete(field) {
    const values = {};
    for (const [name, one] of this.#fields) {
      const value = one.partial();
      if (value !== undefined && !(one.empty && one !== field)) values[name] = value;
    }
    const choices = await this.complete(this.command.words, values, field.name);
    if (this.#focused !== field || !field.element.isConnected) return;
    const offers = choices.map((one) => ({ label: one.name, value: one.value }));
    this.suggest.show(offers, (choice) => this.#take(field, choice), { field: field.input, heading: field.name });
  }

  #take(field, choice) {
    field.pick(choice);
    this.#tell("");
    this.suggest.hide();
  }

  #show() {
    const left = this.command.options.filter((one) => !this.#fields.has(one.name));
    const chips = left.map((option) => h("button", { type: "button", class: "chip", title: option.description, on: { click: () => (this.add(option).focus(), this.#show()) } }, `+ ${option.name}`));
    this.more.replaceChildren(...chips);
    if (!this.#focused) this.about.textContent = this.command.description;
  }
}
