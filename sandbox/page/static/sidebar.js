// The sidebar: channels by server, direct messages, and the people to act as.

import { h, loadMedia, morph } from "./dom.js";

const ROLES = { mia: "runs commands", noah: "another member", ada: "moderator", olga: "server owner" };
const TEXT_CHANNEL = 0;
// Some of Discord's locales: the languages of the bot, and one that it does not have.
const LOCALES = { "en-US": "English", de: "Deutsch", "es-ES": "Español", fr: "Français", ja: "日本語", ko: "한국어", pl: "Polski", "pt-BR": "Português (Brasil)" };

export class Sidebar {
  /** `openChannel(id)` opens a channel, `switchPerson(name)` changes the person, `chooseLocale(locale)` their language. */
  constructor(chat, { openChannel, switchPerson, chooseLocale }) {
    this.chat = chat;
    this.locale = document.getElementById("locale");
    this.locale.replaceChildren(...Object.entries(LOCALES).map(([value, text]) => h("option", { value, text })));
    this.locale.addEventListener("change", () => chooseLocale(this.locale.value));
    this.channels = document.getElementById("channels");
    this.people = document.getElementById("people");
    this.channels.addEventListener("click", (event) => {
      const button = event.target.closest("[data-id]");
      if (button) openChannel(button.dataset.id);
    });
    this.people.addEventListener("click", (event) => {
      const button = event.target.closest("[data-name]");
      if (button) switchPerson(button.dataset.name);
    });
    for (const box of [this.channels, this.people]) box.addEventListener("keydown", (event) => moveFocus(event, box));
  }

  /** Draw both lists. */
  show() {
    morph(this.channels, h("div", { id: "channels" }, this.#drawGroups()));
    const people = this.#sortedPeople().map((user) => this.#drawPerson(user));
    morph(this.people, h("div", { id: "people", role: "radiogroup", "aria-labelledby": "people-heading" }, people));
    this.locale.value = this.chat.me.locale;
    loadMedia(this.channels);
    loadMedia(this.people);
  }

  #drawGroups() {
    const channels = [...this.chat.channels.values()];
    const direct = channels.filter((channel) => !channel.guild_id);
    const groups = this.chat.guilds.map((guild) => {
      const own = channels.filter((channel) => channel.guild_id === guild.id);
      const text = own.filter((channel) => channel.type === TEXT_CHANNEL).sort((a, b) => a.position - b.position);
      const rows = text.flatMap((parent) => [parent, ...own.filter((channel) => channel.parent_id === parent.id)]);
      return [h("h2", { "data-key": `g${guild.id}`, text: guild.name }), rows.map((channel) => this.#drawChannel(channel))];
    });
    return [h("h2", { "data-key": "direct", text: "Direct messages" }), direct.map((channel) => this.#drawChannel(channel)), groups];
  }

  #drawChannel(channel) {
    const { chat } = this;
    const isThread = Boolean(channel.parent_id);
    const recipient = channel.recipients?.[0] && chat.users.get(channel.recipients[0].id);
    const mark = recipient ? h("img", { "data-src": chat.mediaSource(recipient.avatar_url)?.src, "data-path": recipient.id, alt: "" }) : isThread ? "↳" : "#";
    const attributes = { type: "button", class: isThread ? "channel thread" : "channel", "data-key": channel.id, "data-id": channel.id, "aria-current": channel.id === chat.channelId ? "page" : null, title: channel.topic };
    return h("button", attributes, h("span", { class: "mark" }, mark), h("span", { class: "label", text: chat.channelName(channel) }),
      channel.unread ? h("span", { class: "unread", "aria-label": `${channel.unread} new`, text: String(channel.unread) }) : null);
  }

  #sortedPeople() {
    const order = Object.keys(ROLES);
    return [...this.chat.people].sort((a, b) => order.indexOf(a.username) - order.indexOf(b.username));
  }

  #drawPerson(user) {
    const { chat } = this;
    const selected = user.id === chat.me.id;
    return h("button", { type: "button", class: "person", role: "radio", "aria-checked": String(selected), tabindex: selected ? "0" : "-1", "data-key": user.id, "data-name": user.username },
      h("img", { "data-src": chat.mediaSource(user.avatar_url)?.src, "data-path": user.id, alt: "" }),
      h("span", {}, chat.userName(user), h("small", { text: ROLES[user.username] ?? "" })));
  }
}

/** Move the focus between the buttons of a box with the up and down arrow keys. */
export function moveFocus(event, box) {
  const offset = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!offset) return;
  const buttons = [...box.querySelectorAll("button:not(:disabled)")];
  const next = buttons[(buttons.indexOf(document.activeElement) + offset + buttons.length) % buttons.length];
  next?.focus();
  event.preventDefault();
}
