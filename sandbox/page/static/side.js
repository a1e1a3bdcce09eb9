// The left side: channels by server, private conversations, and who the page speaks as.

import { h, load, morph } from "./dom.js";

const ABOUT = { mia: "runs commands", noah: "a stranger", ada: "moderator", olga: "owns the server" };
const TEXT = 0;

export class Side {
  /** `go(channel id)` opens a channel, `speak(name)` changes the person. */
  constructor(world, { go, speak }) {
    this.world = world;
    this.channels = document.getElementById("channels");
    this.people = document.getElementById("people");
    this.channels.addEventListener("click", (event) => {
      const found = event.target.closest("[data-id]");
      if (found) go(found.dataset.id);
    });
    this.people.addEventListener("click", (event) => {
      const found = event.target.closest("[data-name]");
      if (found) speak(found.dataset.name);
    });
    for (const box of [this.channels, this.people]) box.addEventListener("keydown", (event) => step(event, box));
  }

  /** Draw both lists as they are now. */
  show() {
    morph(this.channels, h("div", { id: "channels" }, this.#groups()));
    morph(this.people, h("div", { id: "people", role: "radiogroup", "aria-labelledby": "speak-as" }, this.#people().map((user) => this.#person(user))));
    load(this.channels);
    load(this.people);
  }

  #groups() {
    const all = [...this.world.channels.values()];
    const groups = this.world.guilds.map((guild) => {
      const inside = all.filter((one) => one.guild_id === guild.id);
      const tops = inside.filter((one) => one.type === TEXT).sort((one, other) => one.position - other.position);
      const rows = tops.flatMap((top) => [top, ...inside.filter((one) => one.parent_id === top.id)]);
      return [h("h2", { "data-key": `g${guild.id}`, text: guild.name }), rows.map((row) => this.#row(row))];
    });
    const direct = all.filter((one) => !one.guild_id);
    return [h("h2", { "data-key": "direct", text: "Direct messages" }), direct.map((one) => this.#row(one)), groups];
  }

  #row(channel) {
    const { world } = this;
    const thread = Boolean(channel.parent_id);
    const face = channel.recipients?.[0] && world.users.get(channel.recipients[0].id);
    const mark = face ? h("img", { "data-src": world.media(face.avatar_url)?.src, "data-path": face.id, alt: "" }) : thread ? "↳" : "#";
    return h("button", { type: "button", class: thread ? "channel thread" : "channel", "data-key": channel.id, "data-id": channel.id, "aria-current": channel.id === world.place ? "page" : null, title: channel.topic },
      h("span", { class: "mark" }, mark), h("span", { class: "label", text: world.title(channel) }),
      channel.unread ? h("span", { class: "unread", "aria-label": `${channel.unread} new`, text: String(channel.unread) }) : null);
  }

  #people() {
    const order = Object.keys(ABOUT);
    return [...this.world.people].sort((one, other) => order.indexOf(one.username) - order.indexOf(other.username));
  }

  #person(user) {
    const { world } = this;
    const own = user.id === world.me.id;
    return h("button", { type: "button", class: "person", role: "radio", "aria-checked": String(own), tabindex: own ? "0" : "-1", "data-key": user.id, "data-name": user.username },
      h("img", { "data-src": world.media(user.avatar_url)?.src, "data-path": user.id, alt: "" }),
      h("span", {}, world.name(user), h("small", { text: ABOUT[user.username] ?? "" })));
  }
}

/** Let the arrow keys walk through the buttons of a box. */
export function step(event, box) {
  const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!by) return;
  const all = [...box.querySelectorAll("button:not(:disabled)")];
  const next = all[(all.indexOf(document.activeElement) + by + all.length) % all.length];
  next?.focus();
  event.preventDefault();
}
