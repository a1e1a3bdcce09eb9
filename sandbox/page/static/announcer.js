// Says what happens in the messages to people who do not see them: images that arrive, and runs that end.

import { messageText } from "./message.js";
import { EPHEMERAL } from "./state.js";

const MEDIA_GALLERY = 12;
const BUTTON = 2;
const CANCEL = /^cancel$/i;
const STATUS = /^\*\*(.+?)\*\*(.*)$/m;
const PLACE = /\/place-\d+\.png/; // what the bot shows where an image is still to come
const MAX_CHARS = 200;

export class Announcer {
  #known = new Map();

  constructor(chat) {
    this.chat = chat;
    this.element = document.getElementById("announcer");
  }

  /** Take the messages of the open channel as known: they are there already. */
  reset() {
    this.#known.clear();
    for (const message of this.chat.channel?.messages.values() ?? []) this.#known.set(message.id, describe(message));
  }

  /** Announce what is new in a message of the open channel. */
  update(message) {
    const before = this.#known.get(message.id);
    const now = describe(message);
    this.#known.set(message.id, now);
    if (!message.author.bot) {
      if (!before && message.author.id !== this.chat.me.id) this.#say(`${this.chat.userName(message.author)}: ${messageText(message, this.chat.names)}`);
    } else if (message.flags & EPHEMERAL) {
      if (!before) this.#say(messageText(message, this.chat.names));
    } else if (before?.running && !now.running) {
      this.#say(now.status || messageText(message, this.chat.names));
    } else if (now.images > (before?.images ?? 0)) {
      this.#say(now.images === 1 ? "1 image has arrived" : `${now.images} images have arrived`);
    }
  }

  #say(text) {
    this.element.textContent = text.slice(0, MAX_CHARS);
  }
}

/** Return how many images a message of the bot has, whether its run goes on, and its status. */
function describe(message) {
  let images = 0;
  let running = false;
  const texts = [];
  const visit = (items) => {
    for (const item of items ?? []) {
      if (item.type === MEDIA_GALLERY) images += item.items.filter(({ spoiler, media }) => !spoiler && !PLACE.test(media.url)).length;
      if (item.type === BUTTON && CANCEL.test(item.label ?? "") && !item.disabled) running = true;
      if (item.content) texts.push(item.content);
      visit(item.components);
      if (item.accessory) visit([item.accessory]);
    }
  };
  visit(message.components);
  const found = texts.map((text) => text.split("\n").filter((line) => !/^\*\*.*<@|`?\/[\w-]+/.test(line)).map((line) => STATUS.exec(line)).find(Boolean)).find(Boolean);
  return { images, running, status: found ? `${found[1]}${found[2]}`.replace(/<t:[^>]+>|[*_`]/g, "").trim() : "" };
}
