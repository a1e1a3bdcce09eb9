// The hint in an empty channel: what this is, and what to try, one click away.

import { h } from "./dom.js";

const SLASH_COMMAND = 1;
const STORY_PROMPT = "Tell me a short story about a lighthouse that was afraid of the dark.";

/** Draw the hint for the open channel, or nothing if it has messages. */
export function showHint(chat, composer, tour) {
  const box = document.getElementById("hint");
  const channel = chat.channel;
  if (!channel || channel.messages.size) {
    box.replaceChildren();
    return;
  }
  const available = new Set(chat.availableCommands(SLASH_COMMAND).map((command) => command.name));
  const botMissing = channel.guild_id && !available.size;
  const about = botMissing
    ? "The bot is not in this server. To use it here, install it for Mia: the switch is in the panel at the right, under Faults, Discord."
    : "This is a stand-in Discord with the real bot in it. The bot runs models on a stand-in Replicate: no accounts, no costs, and nothing leaves this machine.";
  box.replaceChildren(h("div", { class: "hint" },
    h("img", { src: "portrait.png", alt: "A drawn portrait: a person with round glasses", width: 96, height: 96 }),
    h("h2", { text: channel.guild_id ? `No messages in #${chat.channelName(channel)} yet` : `This is your conversation with ${chat.channelName(channel)}` }),
    h("p", { text: about }), tour.drawList(),
    available.has("talk") ? h("p", { class: "also" }, "Or ", h("button", { type: "button", class: "plain", text: "ask /talk for a story", on: { click: () => composer.start("talk", { prompt: STORY_PROMPT }) } }), ", switch to another person on the left, and see what goes wrong under Faults on the right.") : null));
}
