// The composer: a text message with files, or a slash command.

import { CommandForm, flattenCommands } from "./command-form.js";
import { h } from "./dom.js";
import { FileDrop } from "./file-drop.js";
import { icon } from "./icons.js";
import { messageText } from "./message.js";
import { Suggestions } from "./suggestions.js";

const SLASH_COMMAND = 1;
const MAX_FILES = 10;
const MAX_HEIGHT = 200; // pixels
const NARROW = matchMedia("(max-width: 760px)");
const NO_COMMANDS = "No commands here: the bot is not in this server, or has not registered any yet";

export class Composer {
  #form = null;
  #reply = null;

  /**
   * `perform(action, parameters, label)` is for actions that the bot responds to, `request(action, parameters)` for
   * others. `onSend()` is called when something was sent, and `toMessages()` moves the focus to the messages.
   */
  constructor({ chat, perform, request, onSend, toMessages }) {
    Object.assign(this, { chat, perform, request, onSend, toMessages });
    this.suggestions = new Suggestions();
    this.problem = h("p", { class: "problem", role: "alert", hidden: true });
    this.drop = new FileDrop({ label: "Attach files", max: MAX_FILES, onChange: () => this.#onFilesChange() });
    this.text = h("textarea", { id: "text", rows: 1, "aria-label": "Message", "aria-haspopup": "listbox", "aria-controls": "suggestions", "aria-autocomplete": "list" });
    this.replyBar = h("p", { class: "reply-bar", hidden: true });
    const attach = h("button", { type: "button", class: "icon", "aria-label": "Attach files", title: "Attach files", on: { click: () => this.drop.input.click() } }, icon("plus"));
    const send = h("button", { type: "button", class: "icon send", "aria-label": "Send", on: { click: () => this.#sendMessage() } }, icon("send"));
    this.plain = h("div", { class: "plain-text" }, this.replyBar, this.problem, this.drop.element, h("div", { class: "text-row" }, attach, this.text, send));
    this.element = document.getElementById("composer");
    this.element.append(this.suggestions.element, this.plain);
    this.text.addEventListener("input", () => this.#onInput());
    this.text.addEventListener("keydown", (event) => this.#onKey(event));
    NARROW.addEventListener("change", () => this.#showPlaceholder());
    this.text.addEventListener("blur", () => this.suggestions.hide());
    this.text.addEventListener("paste", (event) => event.clipboardData.files.length && (event.preventDefault(), this.drop.add(event.clipboardData.files)));
    const main = document.querySelector("main");
    main.addEventListener("dragover", (event) => event.preventDefault());
    main.addEventListener("drop", (event) => {
      event.preventDefault();
      if (this.#form) this.#form.addFiles(event.dataTransfer.files);
      else this.drop.add(event.dataTransfer.files);
    });
  }

  /** Show the open channel and the person in the placeholder, and go back to plain text. */
  reset() {
    if (!this.chat.channel) return;
    this.#showPlaceholder();
    this.leave();
  }

  /** Start a slash command with `values` filled in. */
  start(name, values = {}) {
    const command = flattenCommands(this.chat.availableCommands(SLASH_COMMAND)).find((other) => other.name === name);
    if (!command) return false;
    this.#openForm(command);
    this.#form.fill(values);
    this.#form.focus();
    return true;
  }

  /** Start a reply to a message. */
  startReply(message) {
    this.leave();
    this.#reply = message;
    const cancel = h("button", { type: "button", class: "icon", "aria-label": "Cancel reply", on: { click: () => this.#setReply(null) } }, icon("close"));
    this.replyBar.replaceChildren("Replying to ", h("b", { text: this.chat.userName(message.author) }), h("span", { class: "quoted", text: messageText(message, this.chat.names) }), cancel);
    this.replyBar.hidden = false;
    this.text.focus();
  }

  /** Go back to plain text. */
  leave() {
    if (this.#form) {
      this.#form.element.replaceWith(this.plain);
      this.#form = null;
      this.text.value = "";
    }
    this.suggestions.hide();
    this.#fitHeight();
    // On a phone the keyboard would cover half of the page.
    if (matchMedia("(hover: hover)").matches) this.text.focus({ preventScroll: true });
  }

  /** Insert text at the cursor, as if it was typed. */
  insertText(text) {
    if (this.#form) return;
    this.text.focus();
    this.text.setRangeText(text, this.text.selectionStart, this.text.selectionEnd, "end");
    this.#onInput();
  }

  /** What happens to a file that is dropped now. */
  get dropNote() {
    if (!this.#form) return "Drop files to attach them";
    const option = this.#form.nextFileOption;
    return option ? `Drop the file for “${option.name}”` : `/${this.#form.command.name} takes no more files`;
  }

  /** Show who writes where; a narrow page has no space for the channel, whose name is above the messages. */
  #showPlaceholder() {
    const { chat } = this;
    const { channel } = chat;
    if (!channel) return;
    const place = NARROW.matches ? "" : ` in ${channel.guild_id ? "#" : ""}${chat.channelName(channel)}`;
    this.text.placeholder = `${chat.userName(chat.me)}${place} · / for commands`;
  }

  #setReply(message) {
    this.#reply = message;
    this.replyBar.hidden = !message;
  }

  #onFilesChange() {
    this.drop.element.classList.toggle("has-files", !this.drop.empty);
  }

  #fitHeight() {
    this.text.style.height = "auto";
    this.text.style.height = `${Math.min(this.text.scrollHeight, MAX_HEIGHT)}px`;
  }

  #onInput() {
    this.#fitHeight();
    this.problem.hidden = true;
    const match = /^\/([\w -]*)$/.exec(this.text.value);
    if (!match) {
      this.suggestions.hide();
      return;
    }
    const typed = match[1].toLowerCase();
    const commands = flattenCommands(this.chat.availableCommands(SLASH_COMMAND));
    const matching = commands.filter((command) => command.name.includes(typed.trim()));
    matching.sort((a, b) => Number(b.name.startsWith(typed)) - Number(a.name.startsWith(typed)));
    if (matching.length === 1 && typed === `${matching[0].name} `) {
      this.#openForm(matching[0]);
      this.#form.focus();
      return;
    }
    const items = matching.map((command) => ({ label: `/${command.name}`, detail: command.description, side: this.chat.bot.username, command }));
    const heading = commands.length ? (matching.length ? "Commands" : "No matching command") : NO_COMMANDS;
    this.suggestions.show(items, ({ command }) => (this.#openForm(command), this.#form.focus()), { field: this.text, heading, explain: true });
  }

  #onKey(event) {
    if (this.suggestions.handleKey(event)) return;
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      this.#sendMessage();
    } else if (event.key === "Escape") {
      this.#setReply(null);
    } else if (event.key === "ArrowUp" && !this.text.value) {
      event.preventDefault();
      this.toMessages();
    }
  }

  #openForm(command) {
    this.suggestions.hide();
    this.#setReply(null);
    this.#form = new CommandForm(command, {
      chat: this.chat,
      suggestions: this.suggestions,
      autocomplete: (name, values, focused) => this.#autocomplete(name, values, focused),
      send: (name, values) => this.#sendCommand(name, values),
      leave: () => this.leave(),
    });
    this.plain.replaceWith(this.#form.element);
  }

  async #autocomplete(command, values, focused) {
    try {
      return (await this.request("autocomplete", { channel: this.chat.channelId, command, values, focused })).choices;
    } catch {
      return []; // missing suggestions must not stop anyone from typing
    }
  }

  async #sendCommand(command, values) {
    this.onSend();
    const result = await this.perform("use_command", { channel: this.chat.channelId, command, values }, `Sending /${command}…`);
    if (!result.failed) this.leave();
  }

  async #sendMessage() {
    const text = this.text.value.trim();
    if (!text && this.drop.empty) return;
    try {
      const files = await this.drop.uploads();
      this.onSend();
      await this.request("send_message", { channel: this.chat.channelId, text, files, reply: this.#reply?.id });
      this.text.value = "";
      this.drop.clear();
      this.#setReply(null);
      this.#fitHeight();
    } catch (error) {
      this.problem.textContent = error.message;
      this.problem.hidden = false;
    }
  }
}
