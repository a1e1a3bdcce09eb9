// One message, drawn as a whole; the list updates the element in place.

import { drawComponents, drawEmbed } from "./components.js";
import { h } from "./dom.js";
import { drawEmoji, icon } from "./icons.js";
import { renderMarkdown, stripMarkdown } from "./markdown.js";
import { drawAttachment, drawGallery } from "./media.js";
import { EPHEMERAL, LOADING } from "./state.js";
import { drawShortTime } from "./timestamps.js";

const GROUPING_MILLISECONDS = 7 * 60 * 1000;
const MAX_LABEL = 140;
const SLASH_COMMAND = 1;

/** Draw a message; it has no header if it continues `previous`, the message above it. */
export function drawMessage(message, chat, previous) {
  const continued = continuesMessage(message, previous);
  const ephemeral = Boolean(message.flags & EPHEMERAL);
  const mentionsMe = message.mentions?.some((user) => user.id === chat.me.id);
  const classes = ["message", continued && "continued", ephemeral && "ephemeral", mentionsMe && "mentions-me"].filter(Boolean).join(" ");
  const label = `${chat.userName(message.author)}: ${messageText(message, chat.names).slice(0, MAX_LABEL)}`;
  const avatar = { class: "avatar", "data-key": "avatar", "data-path": message.author.id, "data-src": chat.mediaSource(message.author.avatar_url)?.src, alt: "", width: 40, height: 40 };
  return h("li", { class: classes, "data-key": message.id, "data-id": message.id, tabindex: "-1", "aria-label": label },
    drawOrigin(message, chat),
    continued ? null : h("img", avatar),
    continued ? null : drawHeader(message, chat),
    h("div", { class: "body", "data-key": "body" }, drawBody(message, chat, continued)),
    drawReactions(message),
    ephemeral ? drawEphemeralNote() : null,
    drawToolbar(ephemeral));
}

/** Return the text of a message in one line: its content, embeds and components. `names` as for `renderMarkdown`. */
export function messageText(message, names) {
  const parts = [message.content, ...(message.embeds ?? []).flatMap(({ title, description }) => [title, description])];
  const collect = (items) => items?.forEach((item) => (item.content && parts.push(item.content), collect(item.components)));
  collect(message.components);
  return stripMarkdown(parts.filter(Boolean).join("\n"), names);
}

function continuesMessage(message, previous) {
  if (!previous || hasOrigin(message) || previous.author.id !== message.author.id) return false;
  if ((previous.flags ^ message.flags) & EPHEMERAL) return false;
  return Date.parse(message.timestamp) - Date.parse(previous.timestamp) < GROUPING_MILLISECONDS;
}

function hasOrigin(message) {
  return message.message_reference || message.interaction_metadata?.name;
}

/** Draw what a message responds to: the message it replies to, or the command that was used. */
function drawOrigin(message, chat) {
  const interaction = message.interaction_metadata;
  if (!message.message_reference) {
    if (!interaction?.name) return null;
    const slash = interaction.command_type === SLASH_COMMAND ? "/" : "";
    return h("div", { class: "origin", "data-key": "origin" }, icon("reply"),
      h("b", { text: chat.userName(interaction.user) }), " used ", h("span", { class: "mention", text: `${slash}${interaction.name}` }));
  }
  const original = message.referenced_message;
  const text = original ? messageText(original, chat.names) || (original.flags & LOADING ? "…" : "Attachment") : "Original message was deleted";
  return h("button", { type: "button", class: "origin", "data-key": "origin", "data-action": "jump", "data-to": message.message_reference.message_id },
    icon("reply"), original ? h("b", { text: chat.userName(original.author) }) : null, h("span", { class: "quoted", text }));
}

function drawHeader(message, chat) {
  const colour = message.author.bot ? null : nameColour(message, chat);
  const name = h("b", { class: "name", text: chat.userName(message.author) });
  if (colour) name.style.setProperty("--name", colour);
  return h("div", { class: "header", "data-key": "header" }, name,
    message.author.bot ? h("span", { class: "app", text: "APP" }) : null, drawShortTime(message.timestamp), message.content ? null : drawEdited(message));
}

function nameColour(message, chat) {
  const coloured = (message.member?.roles ?? []).map((id) => chat.roles.get(id)).filter((role) => role?.color);
  coloured.sort((a, b) => b.position - a.position);
  return coloured.length ? `#${coloured[0].color.toString(16).padStart(6, "0")}` : null;
}

function drawBody(message, chat, continued) {
  if (message.flags & LOADING) return drawThinking(chat.userName(message.author));
  const images = message.attachments.filter((attachment) => /^image\//.test(attachment.content_type ?? ""));
  const others = message.attachments.filter((attachment) => !images.includes(attachment));
  const drawn = images.map((attachment) => drawAttachment(attachment, chat));
  return [
    message.content ? h("div", { class: "text", "data-key": "content" }, renderMarkdown(message.content, chat.names), drawEdited(message)) : null,
    drawn.length > 1 ? drawGallery(drawn) : drawn,
    others.map((attachment) => drawAttachment(attachment, chat)),
    message.embeds.map((embed, index) => drawEmbed(embed, chat, `e${index}`)),
    drawComponents(message.components, chat),
    continued && !message.content ? drawEdited(message) : null,
  ];
}

function drawEdited(message) {
  if (!message.edited_timestamp) return null;
  return h("span", { class: "edited", "data-key": "edited", title: new Date(message.edited_timestamp).toLocaleString("en-GB"), text: "(edited)" });
}

function drawThinking(name) {
  const dots = h("span", { class: "dots", "aria-hidden": "true" }, [0, 1, 2].map(() => h("i")));
  return h("p", { class: "thinking", "data-key": "thinking" }, dots, `${name} is thinking…`);
}

function drawReactions(message) {
  if (!message.reactions?.length) return null;
  const pills = message.reactions.map(({ emoji, count, me }) => {
    const key = emoji.id ? `${emoji.name}:${emoji.id}` : emoji.name;
    return h("button", { type: "button", class: me ? "reaction mine" : "reaction", "data-key": key, "data-action": "react", "data-emoji": key, "aria-pressed": String(Boolean(me)), "aria-label": `${emoji.name}, ${count}` },
      drawEmoji(emoji.name), h("span", { class: "count", text: String(count) }));
  });
  const add = h("button", { type: "button", class: "reaction add", "data-key": "add", "data-action": "pick-emoji", "aria-label": "Add a reaction" }, icon("smile"));
  return h("div", { class: "reactions", "data-key": "reactions" }, pills, add);
}

function drawEphemeralNote() {
  return h("p", { class: "ephemeral-note", "data-key": "ephemeral-note" }, icon("eye"), "Only you can see this · ",
    h("button", { type: "button", class: "plain", "data-action": "delete", text: "Dismiss message" }));
}

function drawToolbar(ephemeral) {
  const button = (action, label, name) => h("button", { type: "button", class: "icon", "data-action": action, "data-key": action, "aria-label": label, title: label }, icon(name));
  const cross = h("button", { type: "button", class: "icon", "data-action": "react", "data-emoji": "❌", "data-key": "cross", "aria-label": "React with ❌", title: "React with ❌" }, drawEmoji("❌"));
  return h("div", { class: "toolbar", "data-key": "toolbar" },
    ephemeral ? null : [cross, button("pick-emoji", "Add a reaction", "smile"), button("reply", "Reply", "reply")],
    button("more", "More", "more"));
}
