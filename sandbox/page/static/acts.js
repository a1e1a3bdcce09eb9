// What a click or a key on a message does.

import { entity } from "./components.js";
import { menu, pickEmoji, toast } from "./menu.js";
import { words } from "./message.js";
import { MANAGE_MESSAGES, EPHEMERAL } from "./state.js";

const MESSAGE_MENU = 3;

export class Acts {
  /** `modal(told)` opens a form, `reply(message)` begins an answer, `look(message)` shows the run under the hood. */
  constructor({ world, wire, list, lightbox, pending, modal, reply, look }) {
    Object.assign(this, { world, wire, list, lightbox, pending, modal, reply, look });
    const box = list.list;
    box.addEventListener("click", (event) => this.#click(event));
    box.addEventListener("change", (event) => this.#change(event));
    box.addEventListener("contextmenu", (event) => this.#context(event));
  }

  /** Ask for something that a bot may answer, and show what became of it. */
  async use(what, about, label) {
    const settle = this.pending.show(label);
    try {
      const told = await this.wire.ask(what, about);
      settle(told.failed ? "The application did not respond." : null);
      if (told.modal) this.modal(told);
      return told;
    } catch (error) {
      settle(null);
      throw error;
    }
  }

  async #try(work) {
    try {
      return await work();
    } catch (error) {
      toast(error.message);
      return null;
    }
  }

  #of(node) {
    const id = node.closest(".message")?.dataset.id;
    return this.world.channel?.messages.get(id);
  }

  #about(message, more = {}) {
    return { channel: message.channel_id, message: message.id, ...more };
  }

  #click(event) {
    const found = event.target.closest("[data-act]");
    const message = found && this.#of(found);
    if (!message) return;
    const at = found.getBoundingClientRect();
    const below = { x: at.left, y: at.bottom + 4 };
    const act = {
      press: () => this.#press(message, found),
      react: () => this.#react(message, found.dataset.emoji),
      pick: () => pickEmoji(below, (one) => this.#react(message, one), found),
      reply: () => this.reply(message),
      more: () => menu({ x: at.right - 210, y: below.y }, this.#choices(message), found),
      delete: () => this.#delete(message),
      reveal: () => found.setAttribute("data-shown", ""),
      jump: () => this.list.find(found.dataset.to),
      "choose-several": () => this.#choose(message, found.parentElement.querySelector("select")),
      zoom: () => (found.classList.contains("hidden") && !found.hasAttribute("data-shown") ? found.setAttribute("data-shown", "") : this.lightbox.open(found)),
    }[found.dataset.act];
    act?.();
  }

  #change(event) {
    const field = event.target.closest("select[data-act='choose']");
    if (field?.value) this.#choose(this.#of(field), field);
  }

  #context(event) {
    const message = this.#of(event.target);
    if (!message || event.target.closest("a, img") || getSelection().toString()) return;
    event.preventDefault();
    menu({ x: event.clientX, y: event.clientY }, this.#choices(message), event.target.closest(".message"));
  }

  async #press(message, button) {
    button.classList.add("busy");
    await this.#try(() => this.use("press", this.#about(message, { control: button.dataset.control })));
    button.classList.remove("busy");
  }

  #choose(message, field) {
    const values = [...field.selectedOptions].map((one) => (field.dataset.kind === "3" ? one.value : entity(one.value)));
    return this.#try(() => this.use("choose", this.#about(message, { control: field.dataset.control, values })));
  }

  #react(message, emoji) {
    return this.#try(() => this.wire.ask("react", this.#about(message, { emoji })));
  }

  #delete(message) {
    return this.#try(() => this.wire.ask("delete", this.#about(message)));
  }

  #choices(message) {
    const hidden = Boolean(message.flags & EPHEMERAL);
    const apps = hidden ? [] : this.world.offered(MESSAGE_MENU);
    const may = hidden || message.author.id === this.world.me.id || this.world.may(MANAGE_MESSAGES);
    return [
      ...(hidden ? [] : [{ label: "Reply", act: () => this.reply(message) }]),
      { label: "Copy text", act: () => navigator.clipboard?.writeText(words(message)) },
      ...(message.author.bot ? [{ label: "Look under the hood", act: () => this.look(message) }] : []),
      ...(apps.length ? [null, { heading: "Apps" }] : []),
      ...apps.map(({ name }) => ({ label: name, act: () => this.#try(() => this.use("menu", this.#about(message, { name }), `Sending ${name}…`)) })),
      ...(may ? [null, { label: hidden ? "Dismiss message" : "Delete message", danger: true, act: () => this.#delete(message) }] : []),
    ];
  }
}
