// The form of a slash command, in place of the text field, and the fields of its options.

import { listEntities, parseEntity } from "./components.js";
import { h } from "./dom.js";
import { FileDrop } from "./file-drop.js";
import { icon } from "./icons.js";

// Types of options.
const SUBCOMMAND = 1;
const SUBCOMMAND_GROUP = 2;
const STRING = 3;
const INTEGER = 4;
const BOOLEAN = 5;
const NUMBER = 10;
const ATTACHMENT = 11;

const TYPE_NAMES = { 3: "text", 4: "integer", 5: "True or False", 6: "user", 7: "channel", 8: "role", 9: "user or role", 10: "number", 11: "file" };
const SELECT_TYPES = { 6: 5, 7: 8, 8: 6, 9: 7 }; // the type of the select that offers the same entities
const MAX_TEXT = 6000;

const AUTOCOMPLETE_DELAY = 160; // milliseconds after the last key

/** Return every command that can be used, each subcommand as a command of its own: {id, name, description, options}. */
export function flattenCommands(commands) {
  const flat = [];
  const visit = (command, name, node) => {
    const subcommands = (node.options ?? []).filter(({ type }) => type === SUBCOMMAND || type === SUBCOMMAND_GROUP);
    if (!subcommands.length) flat.push({ id: command.id, name, description: node.description, options: node.options ?? [] });
    for (const subcommand of subcommands) visit(command, `${name} ${subcommand.name}`, subcommand);
  };
  for (const command of commands) visit(command, command.name, command);
  return flat.sort((a, b) => a.name.localeCompare(b.name));
}

export class CommandForm {
  #fields = new Map();
  #timer = 0;
  #focused = null;

  /** `send(name, values)` uses the command and may throw an error to show; `leave()` goes back to plain text. */
  constructor(command, { chat, suggestions, autocomplete, send, leave }) {
    Object.assign(this, { command, chat, suggestions, autocomplete, send, leave });
    this.about = h("p", { class: "about", "aria-live": "polite" });
    this.problem = h("p", { class: "problem", role: "alert", hidden: true });
    this.finder = this.#createFinder();
    this.bar = h("div", { class: "options" }, h("span", { class: "command-name", text: `/${command.name}` }), this.finder);
    this.more = h("div", { class: "more-options", role: "group", "aria-label": "More options" });
    const back = h("button", { type: "button", class: "icon", "aria-label": "Leave the command", on: { click: () => this.leave() } }, icon("close"));
    this.button = h("button", { type: "button", class: "icon send", "aria-label": `Send /${command.name}`, on: { click: () => this.submit() } }, icon("send"));
    this.element = h("div", { class: "command" }, this.about, this.problem, h("div", { class: "command-row" }, back, this.bar, this.button), this.more);
    for (const option of command.options.filter((option) => option.required)) this.addField(option);
    this.#showMoreOptions();
    this.element.addEventListener("paste", (event) => this.#onPaste(event), true);
    this.element.addEventListener("keydown", (event) => event.key === "Escape" && !event.defaultPrevented && this.leave());
    for (const type of ["dragover", "drop"]) this.element.addEventListener(type, (event) => event.preventDefault());
    this.element.addEventListener("drop", (event) => this.addFiles(event.dataTransfer.files));
  }

  /** Focus the first empty field, else the place where an option is named. */
  focus() {
    const empty = [...this.#fields.values()].find((field) => field.empty);
    if (empty) empty.focus();
    else this.finder.focus();
  }

  /** Show the field of an option and return it. */
  addField(option) {
    const field = new OptionField(option, this.chat, this);
    this.#fields.set(option.name, field);
    this.finder.before(field.element);
    return field;
  }

  /** Fill in options by name, adding their fields. */
  fill(values) {
    for (const [name, value] of Object.entries(values)) {
      const option = this.command.options.find((other) => other.name === name);
      if (option) (this.#fields.get(name) ?? this.addField(option)).fill(value);
    }
    this.#showMoreOptions();
  }

  /** Put files into the empty attachment options, in order. */
  addFiles(files) {
    for (const file of files) {
      const option = this.nextFileOption;
      if (option) this.fill({ [option.name]: file });
    }
  }

  /** The first attachment option without a file. */
  get nextFileOption() {
    return this.command.options.find((option) => option.type === ATTACHMENT && (this.#fields.get(option.name)?.empty ?? true));
  }

  async submit() {
    if (this.button.disabled) return;
    this.suggestions.hide();
    const typed = this.finder.value.trim();
    this.#showProblem(typed ? `/${this.command.name} has no option “${typed}”.` : "");
    if (typed) return;
    this.button.disabled = true;
    this.element.classList.add("busy");
    try {
      const values = {};
      for (const [name, field] of this.#fields) {
        const value = await field.value();
        if (value !== undefined) values[name] = value;
      }
      await this.send(this.command.name, values);
    } catch (error) {
      this.#showProblem(error.message);
    } finally {
      this.button.disabled = false;
      this.element.classList.remove("busy");
    }
  }

  // Called by the fields.

  onFocus(field) {
    this.#focused = field;
    this.#describe(field.option);
    this.#suggest(field);
  }

  onInput(field) {
    this.#showProblem("");
    this.#suggest(field);
  }

  onKey(field, event) {
    if (this.suggestions.handleKey(event)) return;
    if (event.key === "Enter" && !event.isComposing) {
      event.preventDefault();
      this.submit();
    } else if (event.key === "Backspace" && field.empty && !field.option.required) {
      event.preventDefault();
      this.removeField(field);
    }
  }

  removeField(field) {
    const names = [...this.#fields.keys()];
    const previous = this.#fields.get(names[names.indexOf(field.name) - 1]);
    this.#fields.delete(field.name);
    field.element.remove();
    this.suggestions.hide();
    this.#showMoreOptions();
    if (previous) previous.focus();
    else this.finder.focus();
  }

  /** Create the field after the options, in which the name of another one can be typed, as in Discord. */
  #createFinder() {
    const input = h("input", { type: "text", class: "finder", autocomplete: "off", spellcheck: "false", role: "combobox", "aria-label": "Add an option", "aria-controls": "suggestions", "aria-expanded": "false", "aria-autocomplete": "list" });
    input.addEventListener("focus", () => {
      this.#focused = null;
      this.suggestions.hide();
      this.#showMoreOptions();
    });
    input.addEventListener("blur", () => this.suggestions.hide());
    input.addEventListener("input", () => {
      this.#showProblem("");
      this.#suggestOptions(input.value.trim() ? 0 : -1);
    });
    input.addEventListener("keydown", (event) => this.#onFinderKey(event));
    return input;
  }

  #suggestOptions(selected) {
    const typed = this.finder.value.trim().toLowerCase();
    const items = this.#unusedOptions().filter((option) => option.name.includes(typed)).map((option) => ({ label: option.name, detail: option.description, option }));
    this.suggestions.show(items, ({ option }) => this.#openOption(option), { field: this.finder, heading: "Options", selected });
  }

  #onFinderKey(event) {
    if (event.key === "ArrowDown" && !this.suggestions.open) this.#suggestOptions(-1);
    if (this.suggestions.handleKey(event)) return;
    if (event.key === "Enter" && !event.isComposing) {
      event.preventDefault();
      this.submit();
    } else if (event.key === "Backspace" && !this.finder.value) {
      event.preventDefault();
      const last = [...this.#fields.values()].at(-1);
      if (last) last.focus();
      else this.leave();
    }
  }

  #openOption(option) {
    this.finder.value = "";
    this.suggestions.hide();
    const field = this.addField(option);
    this.#showMoreOptions();
    field.focus();
  }

  #unusedOptions() {
    return this.command.options.filter((option) => !this.#fields.has(option.name));
  }

  #onPaste(event) {
    const files = event.clipboardData?.files;
    if (!files?.length || this.#focused?.drop?.element.contains(event.target)) return;
    event.preventDefault();
    this.addFiles(files);
  }

  #describe(option) {
    const required = option.required ? h("span", { class: "required-mark", text: "required" }) : "";
    this.about.replaceChildren(h("b", { text: option.name }), h("span", { class: "kind", text: describeOption(option) }), required, h("span", { text: option.description ?? "" }));
  }

  #showProblem(text) {
    this.problem.textContent = text;
    this.problem.hidden = !text;
    for (const [name, field] of this.#fields) field.element.classList.toggle("invalid", text.includes(`“${name}”`));
  }

  #suggest(field) {
    clearTimeout(this.#timer);
    if (field.option.autocomplete) {
      this.#timer = setTimeout(() => this.#suggestFromBot(field), AUTOCOMPLETE_DELAY);
      return;
    }
    const choices = field.drop ? null : field.matchingChoices();
    if (!choices) {
      this.suggestions.hide();
      return;
    }
    this.suggestions.show(choices, (choice) => this.#pick(field, choice), { field: field.input, heading: field.name });
  }

  async #suggestFromBot(field) {
    const values = {};
    for (const [name, other] of this.#fields) {
      const value = other.partialValue();
      if (value !== undefined && !(other.empty && other !== field)) values[name] = value;
    }
    const choices = await this.autocomplete(this.command.name, values, field.name);
    if (this.#focused !== field || !field.element.isConnected) return;
    const items = choices.map(({ name, value }) => ({ label: name, value }));
    this.suggestions.show(items, (choice) => this.#pick(field, choice), { field: field.input, heading: field.name });
  }

  #pick(field, choice) {
    field.pick(choice);
    this.#showProblem("");
    this.suggestions.hide();
  }

  #showMoreOptions() {
    const chips = this.#unusedOptions().map((option) => h("button", { type: "button", class: "chip", title: option.description, on: { click: () => this.#openOption(option) } }, `+ ${option.name}`));
    this.more.replaceChildren(...chips);
    if (!this.#focused) this.about.textContent = this.command.description;
    this.finder.placeholder = this.#fields.size ? "" : "Press Enter to send";
  }
}

/** Return what an option accepts, in a few words. */
function describeOption(option) {
  const parts = [TYPE_NAMES[option.type] ?? ""];
  const { min_value: min, max_value: max, min_length: minLength, max_length: maxLength } = option;
  if (min !== undefined && max !== undefined) parts.push(`${min} to ${max}`);
  else if (min !== undefined) parts.push(`at least ${min}`);
  else if (max !== undefined) parts.push(`up to ${max}`);
  if (minLength || maxLength) parts.push(`${minLength ?? 0} to ${maxLength ?? MAX_TEXT} characters`);
  return parts.join(", ");
}

class OptionField {
  #picked = null;

  /** `form` gets onFocus(field), onInput(field), onKey(field, event) and removeField(field). */
  constructor(option, chat, form) {
    this.option = option;
    this.name = option.name;
    this.chat = chat;
    const label = h("span", { class: "option-name", text: option.name });
    const remove = option.required ? null : h("button", { type: "button", class: "remove-option", tabindex: "-1", "aria-label": `Remove ${option.name}`, text: "×", on: { click: () => form.removeField(this) } });
    this.control = option.type === ATTACHMENT ? this.#createDrop(form) : this.#createInput(form);
    this.element = h("div", { class: `option${option.required ? " required" : ""}`, "data-option": option.name }, label, this.control, remove);
    this.element.addEventListener("focusin", () => form.onFocus(this));
  }

  focus() {
    (this.drop ?? this.input).focus();
  }

  get empty() {
    return this.drop ? this.drop.empty : this.input.value === "" && this.#picked === null;
  }

  /** Return the choices that match the text, or null for an option without choices. */
  matchingChoices() {
    const choices = this.#choices();
    if (!choices) return null;
    const typed = this.#picked ? "" : this.input.value.toLowerCase().replace(/^[@#]/, "");
    return choices.filter((choice) => choice.label.toLowerCase().includes(typed));
  }

  pick(choice) {
    this.#picked = choice;
    this.input.value = choice.label;
    this.#fitWidth();
  }

  /** Fill in a text or a file, as if by hand. */
  fill(value) {
    if (this.drop) this.drop.add([value]);
    else {
      this.#picked = null;
      this.input.value = String(value);
      this.#fitWidth();
    }
  }

  /** Return what is sent: a value, a reference to an entity or an upload, or undefined for nothing. */
  async value() {
    if (this.drop) return (await this.drop.uploads())[0];
    if (this.empty) return undefined;
    const typed = this.input.value.trim().toLowerCase();
    const choice = this.#picked ?? this.#choices()?.find(({ label }) => label.toLowerCase() === typed);
    return choice ? choice.value : this.#parse(this.input.value);
  }

  /** Return what is typed so far, for autocomplete. */
  partialValue() {
    return this.drop ? undefined : this.#picked ? this.#picked.value : this.#parse(this.input.value);
  }

  #parse(text) {
    const { type } = this.option;
    if (type === STRING) return text;
    const trimmed = text.trim();
    const pattern = type === INTEGER ? /^[+-]?\d+$/ : type === NUMBER ? /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i : null;
    return pattern?.test(trimmed) ? Number(trimmed) : trimmed; // the sandbox reports what is wrong with anything else
  }

  #choices() {
    const { option } = this;
    if (option.choices?.length) return option.choices.map((choice) => ({ label: this.chat.localName(choice), value: choice.value }));
    if (option.type === BOOLEAN) return [{ label: "True", value: true }, { label: "False", value: false }];
    const select = SELECT_TYPES[option.type];
    return select ? listEntities({ type: select }, this.chat).map(({ label, value }) => ({ label, value: parseEntity(value) })) : null;
  }

  #createInput(form) {
    const { option } = this;
    const hasChoices = Boolean(this.#choices() || option.autocomplete);
    this.input = h("input", {
      type: "text", autocomplete: "off", spellcheck: option.type === STRING ? "true" : "false", "aria-label": option.name,
      "aria-required": option.required ? "true" : null, inputmode: option.type === INTEGER ? "numeric" : option.type === NUMBER ? "decimal" : null,
      role: hasChoices ? "combobox" : null, "aria-controls": hasChoices ? "suggestions" : null, "aria-expanded": hasChoices ? "false" : null, "aria-autocomplete": hasChoices ? "list" : null,
    });
    this.input.addEventListener("input", () => {
      this.#picked = null;
      this.#fitWidth();
      form.onInput(this);
    });
    this.input.addEventListener("keydown", (event) => form.onKey(this, event));
    this.#fitWidth();
    return this.input;
  }

  #createDrop(form) {
    this.drop = new FileDrop({ label: `${this.option.name}: drop, paste or choose a file`, compact: true, onChange: () => form.onInput(this) });
    this.drop.element.addEventListener("keydown", (event) => event.target.tagName !== "BUTTON" || event.key !== "Enter" ? form.onKey(this, event) : null);
    return this.drop.element;
  }

  #fitWidth() {
    const min = this.option.type === STRING ? 10 : 6;
    this.input.size = Math.max(min, Math.min(this.input.value.length + 1, 60));
  }
}
