// The composer: plain words with files, or a slash command.

import { CommandForm, flatten } from "./command.js";
import { FileDrop } from "./drop.js";
import { h } from "./dom.js";
import { glyph } from "./glyphs.js";
import { words } from "./message.js";
import { Suggest } from "./suggest.js";

const SLASH = 1;
const FILES = 10;

export class Composer {
  #form = null;
  #reply = null;

  /** `use(what, about, label)` asks the bot, `ask(what, about)` asks the sandbox. */
  constructor({ world, use, ask }) {
    Object.assign(this, { world, use, ask });
    this.suggest = new Suggest();
    this.problem = h("p", { class: "problem", role: "alert", hidden: true });
    this.drop = new FileDrop({ label: "Attach files", most: FILES, changed: () => this.#attached() });
    this.text = h("textarea", { id: "text", rows: 1, "aria-label": "Message", role: "combobox", "aria-controls": "suggest", "aria-expanded": "false", "aria-autocomplete": "list" });
    this.replying = h("p", { class: "replying", hidden: true });
    const send = h("button", { type: "button", class: "icon send", "aria-label": "Send", on: { click: () => this.#say() } }, glyph("send"));
    this.plain = h("div", { class: "plain-text" }, this.replying, this.problem, this.drop.element, h("div", { class: "text-row" }, this.#plus(), this.text, send));
    this.element = document.getElementById("composer");
    this.element.append(this.suggest.element, this.plain);
    this.text.addEventListener("input", () => this.#typed());
    this.text.addEventListener("keydown", (event) => this.#key(event));
    this.text.addEventListener("blur", () => this.suggest.hide());
    this.text.addEventListener("paste", (event) => event.clipboardData.files.length && (event.preventDefault(), this.drop.add(event.clipboardData.files)));
    const main = document.querySelector("main");
    main.addEventListener("dragover", (event) => event.preventDefault());
    main.addEventListener("drop", (event) => {
      event.preventDefault();
      if (this.#form) this.#form.give(event.dataTransfer.files);
      else this.drop.add(event.dataTransfer.files);
    });
  }

  /** Show where words go now, and for whom. */
  show() {
    const { world } = this;
    const channel = world.channel;
    if (!channel) return;
    const place = `${channel.guild_id ? "#" : ""}${world.title(channel)}`;
    this.text.placeholder = `${world.name(world.me)} in ${place} · / for commands`;
    this.leave();
  }

  /** Begin a slash command; `values` are filled in. */
  begin(name, values = {}) {
    const command = flatten(this.world.offered(SLASH)).find((one) => one.words === name);
    if (!command) return false;
    this.#open(command);
    this.#form.fill(values);
    this.#form.focus();
    return true;
  }

  /** Begin an answer to a message. */
  reply(message) {
    this.leave();
    this.#reply = message;
    const away = h("button", { type: "button", class: "icon", "aria-label": "Do not reply", on: { click: () => this.#replyTo(null) } }, glyph("close"));
    this.replying.replaceChildren("Replying to ", h("b", { text: this.world.name(message.author) }), h("span", { class: "said", text: words(message) }), away);
    this.replying.hidden = false;
    this.text.focus();
  }

  /** Go back to plain text. */
  leave() {
    if (this.#form) {
      this.#form.element.replaceWith(this.plain);
      this.#form = null;
      this.text.value = "";
    }
    this.suggest.hide();
    this.#grow();
    // On a phone the keyboard would cover half of the page.
    if (matchMedia("(hover: hover)").matches) this.text.focus({ preventScroll: true });
  }

  /** Begin to type, as if the cursor had been here. */
  type(text) {
    if (this.#form) return;
    this.text.focus();
    this.text.setRangeText(text, this.text.selectionStart, this.text.selectionEnd, "end");
    this.#typed();
  }

  #replyTo(message) {
    this.#reply = message;
    this.replying.hidden = !message;
  }

  #plus() {
    return h("button", { type: "button", class: "icon", "aria-label": "Attach files", title: "Attach files", on: { click: () => this.drop.input.click() } }, glyph("plus"));
  }

  #attached() {
    this.drop.element.classList.toggle("has", !this.drop.empty);
  }

  #grow() {
    this.text.style.height = "auto";
    this.text.style.height = `${Math.min(this.text.scrollHeight, 200)}px`;
  }

  #typed() {
    this.#grow();
    this.problem.hidden = true;
    const found = /^\/([\w -]*)$/.exec(this.text.value);
    this.text.setAttribute("aria-expanded", String(Boolean(found)));
    if (!found) {
      this.suggest.hide();
      return;
    }
    const typed = found[1].toLowerCase();
    const all = flatten(this.world.offered(SLASH));
    const fits = all.filter((one) => one.words.includes(typed.trim()));
    fits.sort((one, other) => Number(other.words.startsWith(typed)) - Number(one.words.startsWith(typed)));
    const exact = fits.length === 1 && typed === `${fits[0].words} `;
    if (exact) {
      this.#open(fits[0]);
      this.#form.focus();
      return;
    }
    const offers = fits.map((one) => ({ label: `/${one.words}`, detail: one.description, side: this.world.bot.username, command: one }));
    const heading = all.length ? (fits.length ? "Commands" : "No command fits") : "No commands here: the bot is not in this server, or has not registered any yet";
    this.suggest.show(offers, ({ command }) => (this.#open(command), this.#form.focus()), { field: this.text, heading });
    if (!offers.length) this.suggest.element.hidden = false;
  }

  #key(event) {
    if (this.suggest.key(event)) return;
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      this.#say();
    } else if (event.key === "Escape") {
      this.#replyTo(null);
    }
  }

  #open(command) {
    this.suggest.hide();
    this.#replyTo(null);
    this.#form = new CommandForm(command, {
      world: this.world,
      suggest: this.suggest,
      complete: (name, values, focused) => this.#complete(name, values, focused),
      send: (name, values) => this.#send(name, values),
      leave: () => this.leave(),
    });
    this.plain.replaceWith(this.#form.element);
  }

  async #complete(command, values, focused) {
    try {
      return (await this.ask("autocomplete", { channel: this.world.place, command, values, focused })).choices;
    } catch {
      return []; // a list that does not come is no reason to stop somebody typing
    }
  }

  async #send(command, values) {
    const told = await this.use("slash", { channel: this.world.place, command, values }, `Sending /${command}…`);
    if (!told.failed) this.leave();
  }

  async #say() {
    const text = this.text.value.trim();
    if (!text && this.drop.empty) return;
    try {
      const files = await this.drop.uploads();
      await this.ask("say", { channel: this.world.place, text, files, reply: this.#reply?.id });
      this.text.value = "";
      this.drop.clear();
      this.#replyTo(null);
      this.#grow();
    } catch (error) {
      this.problem.textContent = error.message;
      this.problem.hidden = false;
    }
  }
}
