// The hint in an empty channel: what this is, and a first command to try, one click away.

import { h } from "./dom.js";
import { drawEmoji } from "./icons.js";
import { fetchPortrait } from "./socket.js";

const SLASH_COMMAND = 1;
const IMAGE_PROMPT = "a friendly astronaut, orange suit, short hair";
const TEXT_PROMPT = "Tell me a short story about a lighthouse that was afraid of the dark.";

/** Draw the hint for the open channel, or nothing if it has messages. */
export function showHint(chat, composer) {
  const box = document.getElementById("hint");
  const channel = chat.channel;
  if (!channel || channel.messages.size) {
    box.replaceChildren();
    return;
  }
  const available = new Set(chat.availableCommands(SLASH_COMMAND).map((command) => command.name));
  const buttons = [];
  if (available.has("generate")) {
    const start = async () => composer.start("generate", { prompt: IMAGE_PROMPT, subject: await fetchPortrait(), number_of_outputs: 5 });
    buttons.push(drawButton("Try /generate with a drawn portrait", "primary", start));
  }
  if (available.has("talk")) buttons.push(drawButton("Ask /talk for a story", "secondary", () => composer.start("talk", { prompt: TEXT_PROMPT })));
  const botMissing = channel.guild_id && !available.size;
  const about = botMissing
    ? "The bot is not in this server. To use it here, install it for Mia: the toggle is in the inspector, under Faults, Discord."
    : "This is a stand-in Discord with the real bot in it. The bot runs models on a stand-in Replicate: no accounts, no costs, and nothing leaves this machine.";
  box.replaceChildren(h("div", { class: "hint" },
    h("img", { src: "portrait.png", alt: "A drawn portrait: a person with round glasses", width: 112, height: 112 }),
    h("h2", { text: channel.guild_id ? `No messages in #${chat.channelName(channel)} yet` : `This is your conversation with ${chat.channelName(channel)}` }),
    h("p", { text: about }), h("div", { class: "suggestions" }, buttons),
    h("p", { class: "also" }, "React with ", drawEmoji("❌"), " to a reply to stop its run. Switch to another person on the left, cause faults on the right.")));
}

function drawButton(label, style, action) {
  return h("button", { type: "button", class: `button ${style}`, text: label, on: { click: action } });
}
