// What a click or a key on a message does.

import { parseEntity } from "./components.js";
import { openEmojiPicker, openMenu, showToast } from "./menu.js";
import { messageText } from "./message.js";
import { EPHEMERAL, MANAGE_MESSAGES } from "./state.js";

const MESSAGE_COMMAND = 3;
const GUILD_INSTALL = "0";
const USER_INSTALL = "1";
const STRING_SELECT = "3";
const MENU_WIDTH = 210;

export class MessageActions {
  /**
   * `openForm(result)` opens a modal, `reply(message)` starts a reply, `inspect(message)` shows its run in the inspector,
   * and `startCommand(name)` opens a slash command, false if there is none of that name here.
   */
  constructor({ chat, socket, list, lightbox, pending, openForm, reply, inspect, startCommand }) {
    Object.assign(this, { chat, socket, list, lightbox, pending, openForm, reply, inspect, startCommand });
    const box = list.list;
    box.addEventListener("click", (event) => this.#onClick(event));
    box.addEventListener("change", (event) => this.#onChange(event));
    box.addEventListener("contextmenu", (event) => this.#onContextMenu(event));
  }

  /** Request an action that the bot responds to, and show that it is pending, a form that it opens, or its failure. */
  async perform(action, parameters, label) {
    const settle = this.pending.show(label);
    try {
      const result = await this.socket.request(action, parameters);
      settle(result.failed ? "The application did not respond." : null);
      if (result.modal) this.openForm(result);
      return result;
    } catch (error) {
      settle(null);
      throw error;
    }
  }

  async #attempt(work) {
    try {
      return await work();
    } catch (error) {
      showToast(error.message);
      return null;
    }
  }

  #messageOf(node) {
    const id = node.closest(".message")?.dataset.id;
    return this.chat.channel?.messages.get(id);
  }

  #parameters(message, more = {}) {
    return { channel: message.channel_id, message: message.id, ...more };
  }

  #onClick(event) {
    const target = event.target.closest("[data-action]");
    const message = target && this.#messageOf(target);
    if (!message) return;
    const box = target.getBoundingClientRect();
    const below = { x: box.left, y: box.bottom + 4 };
    const action = {
      press: () => this.#press(message, target),
      react: () => this.#react(message, target.dataset.emoji),
      "pick-emoji": () => openEmojiPicker(below, (emoji) => this.#react(message, emoji), target),
      reply: () => this.reply(message),
      command: () => this.startCommand(target.dataset.command) || showToast(`/${target.dataset.command} isn't available here`),
      more: () => openMenu({ x: box.right - MENU_WIDTH, y: below.y }, this.#menuItems(message), target),
      delete: () => this.#delete(message),
      reveal: () => target.setAttribute("data-shown", ""),
      jump: () => this.list.scrollTo(target.dataset.to),
      "select-several": () => this.#select(message, target.parentElement.querySelector("select")),
      zoom: () => (target.classList.contains("hidden") && !target.hasAttribute("data-shown") ? target.setAttribute("data-shown", "") : this.lightbox.open(target)),
    }[target.dataset.action];
    action?.();
  }

  #onChange(event) {
    const field = event.target.closest("select[data-action='select']");
    if (field?.value) this.#select(this.#messageOf(field), field);
  }

  #onContextMenu(event) {
    const message = this.#messageOf(event.target);
    if (!message || event.target.closest("a, img") || getSelection().toString()) return;
    event.preventDefault();
    openMenu({ x: event.clientX, y: event.clientY }, this.#menuItems(message), event.target.closest(".message"));
  }

  async #press(message, button) {
    button.classList.add("busy");
    await this.#attempt(() => this.perform("press", this.#parameters(message, { control: button.dataset.control })));
    button.classList.remove("busy");
  }

  #select(message, field) {
    const values = [...field.selectedOptions].map((option) => (field.dataset.kind === STRING_SELECT ? option.value : parseEntity(option.value)));
    return this.#attempt(() => this.perform("select", this.#parameters(message, { control: field.dataset.control, values })));
  }

  #react(message, emoji) {
    return this.#attempt(() => this.socket.request("toggle_reaction", this.#parameters(message, { emoji })));
  }

  #delete(message) {
    return this.#attempt(() => this.socket.request("delete_message", this.#parameters(message)));
  }

  #menuItems(message) {
    const ephemeral = Boolean(message.flags & EPHEMERAL);
    const apps = ephemeral ? [] : this.chat.availableCommands(MESSAGE_COMMAND);
    const owners = message.interaction_metadata?.authorizing_integration_owners ?? {};
    const isOwnApp = owners[USER_INSTALL] === this.chat.me.id && !(GUILD_INSTALL in owners);
    const canDelete = ephemeral || message.author.id === this.chat.me.id || isOwnApp || this.chat.hasPermission(MANAGE_MESSAGES);
    const use = (name) => this.#attempt(() => this.perform("use_context_menu", this.#parameters(message, { name }), `Sending ${name}…`));
    return [
      ...(ephemeral ? [] : [{ label: "Reply", action: () => this.reply(message) }]),
      { label: "Copy text", action: () => navigator.clipboard?.writeText(messageText(message, this.chat.names)) },
      ...(message.author.bot ? [{ label: "Show in inspector", action: () => this.inspect(message) }] : []),
      ...(apps.length ? [null, { heading: "Apps" }] : []),
      ...apps.map((app) => ({ label: this.chat.localName(app), action: () => use(app.name) })),
      ...(canDelete ? [null, { label: ephemeral ? "Dismiss message" : "Delete message", danger: true, action: () => this.#delete(message) }] : []),
    ];
  }
}
