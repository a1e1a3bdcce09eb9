// What an empty channel says: a first thing to try, one click away.

import { h } from "./dom.js";
import { emoji } from "./emoji.js";
import { portrait } from "./wire.js";

const PROMPT = "a friendly astronaut, orange suit, short hair";

/** Draw the hint for the channel that is open, or nothing when somebody has spoken there. */
export function showHint(world, composer) {
  const box = document.getElementById("hint");
  const channel = world.channel;
  if (!channel || channel.messages.size) {
    box.replaceChildren();
    return;
  }
  const offered = new Set(world.offered(1).map((command) => command.name));
  const tries = [];
  if (offered.has("generate")) tries.push(one("Try /generate with a drawn portrait", "primary", async () => composer.begin("generate", { prompt: PROMPT, subject: await portrait(), number_of_outputs: 5 })));
  if (offered.has("talk")) tries.push(one("Ask /talk for a story", "secondary", () => composer.begin("talk", { prompt: "Tell me a short story about a lighthouse that was afraid of the dark." })));
  const nothing = channel.guild_id && !offered.size;
  const say = nothing
    ? "The bot is not in this server. Mia can install it for herself: the panel's Break tab has a switch for that."
    : "This is a stand-in Discord with the real bot in it. It runs models on a stand-in Replicate: no accounts, no money, nothing leaves this machine.";
  box.replaceChildren(h("div", { class: "hint" },
    h("img", { src: "portrait.png", alt: "A drawn portrait: a person with round glasses", width: 112, height: 112 }),
    h("h2", { text: channel.guild_id ? `Nothing in #${world.title(channel)} yet` : `Only you and ${world.title(channel)} are here` }),
    h("p", { text: say }), h("div", { class: "tries" }, tries),
    h("p", { class: "also" }, emoji("❌"), " under a reply stops its run. Speak as somebody else at the left, break things at the right.")));
}

function one(label, style, act) {
  return h("button", { type: "button", class: `button ${style}`, text: label, on: { click: act } });
}
