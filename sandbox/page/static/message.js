// One message, drawn whole; the list puts it in place without disturbing what did not change.

import { components } from "./components.js";
import { embed } from "./embeds.js";
import { emoji } from "./emoji.js";
import { h } from "./dom.js";
import { glyph } from "./glyphs.js";
import { markdown, plain } from "./markdown.js";
import { attachment, grid } from "./media.js";
import { EPHEMERAL, LOADING } from "./state.js";
import { stamp } from "./times.js";

const NEAR = 7 * 60 * 1000;

/** Draw a message; `before` is the one above it, to see whether its head can be left out. */
export function draw(message, world, before) {
  const follows = continues(message, before);
  const hidden = Boolean(message.flags & EPHEMERAL);
  const mine = message.mentions?.some((user) => user.id === world.me.id);
  const classes = ["message", follows && "follows", hidden && "ephemeral", mine && "calls"].filter(Boolean).join(" ");
  const about = `${world.name(message.author)}: ${words(message).slice(0, 140)}`;
  return h("li", { class: classes, "data-key": message.id, "data-id": message.id, tabindex: "-1", "aria-label": about },
    above(message, world),
    follows ? null : h("img", { class: "avatar", "data-key": "avatar", "data-path": message.author.id, "data-src": world.media(message.author.avatar_url)?.src, alt: "", width: 40, height: 40 }),
    follows ? null : head(message, world),
    h("div", { class: "body", "data-key": "body" }, body(message, world, follows)),
    reactions(message),
    hidden ? private_() : null,
    tools(hidden));
}

/** Return the words of a message, wherever they are. */
export function words(message) {
  const parts = [message.content, ...(message.embeds ?? []).flatMap((one) => [one.title, one.description])];
  const walk = (items) => items?.forEach((item) => (item.content && parts.push(item.content), walk(item.components)));
  walk(message.components);
  return plain(parts.filter(Boolean).join("\n"));
}

function continues(message, before) {
  if (!before || above_(message) || before.author.id !== message.author.id) return false;
  if ((before.flags ^ message.flags) & EPHEMERAL) return false;
  return Date.parse(message.timestamp) - Date.parse(before.timestamp) < NEAR;
}

function above_(message) {
  return message.message_reference || message.interaction_metadata?.name;
}

function above(message, world) {
  const used = message.interaction_metadata;
  if (used?.name) {
    const slash = used.command_type === 1;
    return h("div", { class: "above", "data-key": "above" }, glyph("reply"),
      h("b", { text: world.name(used.user) }), " used ", h("span", { class: "mention", text: `${slash ? "/" : ""}${used.name}` }));
  }
  if (!message.message_reference) return null;
  const origin = message.referenced_message;
  const said = origin ? words(origin) || (origin.flags & LOADING ? "…" : "a picture") : "A message that was deleted";
  return h("button", { type: "button", class: "above", "data-key": "above", "data-act": "jump", "data-to": message.message_reference.message_id },
    glyph("reply"), origin ? h("b", { text: world.name(origin.author) }) : null, h("span", { class: "said", text: said }));
}

function head(message, world) {
  const colour = message.author.bot ? null : nameColour(message, world);
  const name = h("b", { class: "name", text: world.name(message.author) });
  if (colour) name.style.setProperty("--name", colour);
  return h("div", { class: "head", "data-key": "head" }, name,
    message.author.bot ? h("span", { class: "app", text: "APP" }) : null, stamp(message.timestamp), message.content ? null : edited(message));
}

function nameColour(message, world) {
  const coloured = (message.member?.roles ?? []).map((id) => world.roles.get(id)).filter((role) => role?.color);
  coloured.sort((one, other) => other.position - one.position);
  return coloured.length ? `#${coloured[0].color.toString(16).padStart(6, "0")}` : null;
}

function body(message, world, follows) {
  if (message.flags & LOADING) return thinking(world.name(message.author));
  const pictures = message.attachments.filter((one) => /^image\//.test(one.content_type ?? ""));
  const others = message.attachments.filter((one) => !pictures.includes(one));
  const drawn = pictures.map((one) => attachment(one, world));
  return [
    message.content ? h("div", { class: "text", "data-key": "content" }, markdown(message.content, world.names), edited(message)) : null,
    drawn.length > 1 ? grid(drawn) : drawn,
    others.map((one) => attachment(one, world)),
    message.embeds.map((one, number) => embed(one, world, `e${number}`)),
    components(message.components, world),
    follows && !message.content ? edited(message) : null,
  ];
}

function edited(message) {
  if (!message.edited_timestamp) return null;
  return h("span", { class: "edited", "data-key": "edited", title: new Date(message.edited_timestamp).toLocaleString("en-GB"), text: "(edited)" });
}

function thinking(name) {
  const dots = h("span", { class: "dots", "aria-hidden": "true" }, [0, 1, 2].map(() => h("i")));
  return h("p", { class: "thinking", "data-key": "thinking" }, dots, `${name} is thinking…`);
}

function reactions(message) {
  if (!message.reactions?.length) return null;
  const pills = message.reactions.map(({ emoji: one, count, me }) => {
    const name = one.id ? `${one.name}:${one.id}` : one.name;
    return h("button", { type: "button", class: me ? "reaction mine" : "reaction", "data-key": name, "data-act": "react", "data-emoji": name, "aria-pressed": String(Boolean(me)), "aria-label": `${one.name}, ${count}` },
      emoji(one.name), h("span", { class: "count", text: String(count) }));
  });
  const add = h("button", { type: "button", class: "reaction add", "data-key": "add", "data-act": "pick", "aria-label": "Add a reaction" }, glyph("smile"));
  return h("div", { class: "reactions", "data-key": "reactions" }, pills, add);
}

function private_() {
  return h("p", { class: "private", "data-key": "private" }, glyph("eye"), "Only you can see this · ",
    h("button", { type: "button", class: "plain", "data-act": "delete", text: "Dismiss message" }));
}

function tools(hidden) {
  const one = (act, label, drawing) => h("button", { type: "button", class: "icon", "data-act": act, "data-key": act, "aria-label": label, title: label }, drawing);
  const cross = h("button", { type: "button", class: "icon", "data-act": "react", "data-emoji": "❌", "data-key": "cross", "aria-label": "React with ❌", title: "React with ❌" }, emoji("❌"));
  return h("div", { class: "tools", "data-key": "tools" },
    hidden ? null : [cross, one("pick", "Add a reaction", glyph("smile")), one("reply", "Reply", glyph("reply"))],
    one("more", "More", glyph("more")));
}
