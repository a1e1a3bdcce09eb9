// The components of a message, drawn by type (components/reference), and embeds.

import { h } from "./dom.js";
import { drawEmoji, drawLabel } from "./icons.js";
import { drawLink, renderMarkdown } from "./markdown.js";
import { drawFileCard, drawGallery, drawMedia } from "./media.js";
import { drawShortTime } from "./timestamps.js";

const STRING_SELECT = 3;
const MAX_SELECT_ROWS = 6;
const BUTTON_STYLES = { 1: "primary", 2: "secondary", 3: "success", 4: "danger" };
const LINK_STYLE = 5;
const SELECT_ENTITIES = { 5: ["users"], 6: ["roles"], 7: ["users", "roles"], 8: ["channels"] };

const DRAW = {
  1: (item, chat) => h("div", { class: "row" }, drawComponents(item.components, chat)),
  2: drawButton,
  3: drawSelect,
  5: drawSelect,
  6: drawSelect,
  7: drawSelect,
  8: drawSelect,
  9: drawSection,
  10: (item, chat) => h("div", { class: "text" }, renderMarkdown(item.content, chat.names)),
  11: (item, chat) => drawThumbnail(item, chat),
  12: (item, chat) => drawGallery(item.items.map(({ media, description, spoiler }) => drawMedia(media, chat, { about: description ?? "", spoiler }))),
  13: drawFile,
  14: (item) => h("hr", { class: `space-${item.spacing}${item.divider ? "" : " blank"}` }),
  17: drawContainer,
};

/**
 * Draw components below each other. The key of each is its type and its number among those of its type: ids are
 * numbers in reading order, so with one more line every component below it would get the id of another.
 */
export function drawComponents(items, chat) {
  const counts = new Map();
  return items.map((item) => {
    const number = (counts.get(item.type) ?? 0) + 1;
    counts.set(item.type, number);
    const element = drawComponent(item, chat);
    element.dataset.key = `${item.type}.${number}`;
    return element;
  });
}

function drawComponent(item, chat) {
  return DRAW[item.type]?.(item, chat) ?? h("p", { class: "dim", text: `(component of type ${item.type})` });
}

function drawContainer(item, chat) {
  const box = h("div", { class: `card${item.spoiler ? " spoiler-card" : ""}`, "data-action": item.spoiler ? "reveal" : null }, drawComponents(item.components, chat));
  setAccent(box, item.accent_color);
  return box;
}

function drawSection(item, chat) {
  const texts = h("div", { class: "section-texts" }, drawComponents(item.components, chat));
  return h("div", { class: "section" }, texts, drawComponent(item.accessory, chat));
}

function drawThumbnail(item, chat) {
  return h("div", { class: "thumbnail" }, drawMedia(item.media, chat, { about: item.description ?? "", spoiler: item.spoiler }));
}

/** Draw a file as Discord's client does: with its name and size, but no player, whatever it is. */
function drawFile(item, chat) {
  return h("div", { class: "file-part" }, drawFileCard(item.name ?? item.file.url.split("/").at(-1), item.size, item.file.url, chat));
}

function drawButton(item) {
  const label = [item.emoji?.name ? drawEmoji(item.emoji.name) : null, ...drawLabel(item.label ?? "")];
  if (item.style === LINK_STYLE) {
    const href = /^https?:/.test(item.url) ? item.url : null;
    return h("a", { class: "button link", href, target: "_blank", rel: "noopener noreferrer" }, label, h("span", { class: "external", "aria-hidden": "true", text: "↗" }));
  }
  return h("button", { type: "button", class: `button ${BUTTON_STYLES[item.style] ?? "secondary"}`, disabled: item.disabled, "data-action": "press", "data-control": item.custom_id }, label);
}

function drawSelect(item, chat) {
  const options = item.type === STRING_SELECT ? item.options : listEntities(item, chat);
  const name = item.placeholder ?? "Choose";
  const several = item.max_values > 1;
  const drawn = options.map((option) => h("option", { value: option.value, selected: option.default, text: option.label }));
  const blank = several ? null : h("option", { value: "", selected: !options.some((option) => option.default), text: name });
  const common = { "aria-label": name, disabled: item.disabled, "data-control": item.custom_id, "data-kind": item.type };
  const field = h("select", { ...common, "data-action": several ? null : "select", multiple: several, size: several ? Math.min(options.length, MAX_SELECT_ROWS) : null }, blank, drawn);
  if (!several) return h("div", { class: "select" }, field);
  return h("div", { class: "select several" }, field, h("button", { type: "button", class: "button secondary", "data-action": "select-several", text: "Select" }));
}

/** Return the options of a select of users, roles or channels: {value: "user:1", label, default}. */
export function listEntities({ type, channel_types: types, default_values: defaults = [] }, chat) {
  const chosen = new Set(defaults.map((value) => `${value.type}:${value.id}`));
  const guildId = chat.channel?.guild_id;
  const offered = ({ guild_id: guild, type: kind }) => guild && (!guildId || guild === guildId) && (!types?.length || types.includes(kind));
  const entities = [];
  for (const kind of SELECT_ENTITIES[type] ?? []) {
    if (kind === "users") entities.push(...[...chat.users.values()].map((user) => ({ value: `user:${user.id}`, label: `@${chat.userName(user)}` })));
    if (kind === "roles") entities.push(...[...chat.roles.values()].map((role) => ({ value: `role:${role.id}`, label: role.name.startsWith("@") ? role.name : `@${role.name}` })));
    if (kind === "channels") entities.push(...[...chat.channels.values()].filter(offered).map((channel) => ({ value: `channel:${channel.id}`, label: `#${channel.name}` })));
  }
  return entities.map((entity) => ({ ...entity, default: chosen.has(entity.value) }));
}

/** Turn "user:1" into {user: "1"}, as the sandbox expects it. */
export function parseEntity(value) {
  const [kind, id] = value.split(":");
  return { [kind]: id };
}

/** Draw an embed. */
export function drawEmbed(item, chat, key) {
  const field = ({ name, value, inline }) => h("div", { class: inline ? "inline" : null }, h("dt", {}, renderMarkdown(name, chat.names)), h("dd", {}, renderMarkdown(value, chat.names)));
  const box = h("article", { class: "embed", "data-key": key },
    item.author?.name ? h("p", { class: "embed-author" }, item.author.url ? drawLink(item.author.url, [item.author.name]) : item.author.name) : null,
    item.title ? h("p", { class: "embed-title" }, item.url ? drawLink(item.url, [item.title]) : renderMarkdown(item.title, chat.names)) : null,
    item.description ? h("div", { class: "text" }, renderMarkdown(item.description, chat.names)) : null,
    item.fields?.length ? h("dl", { class: "fields" }, item.fields.map(field)) : null,
    item.image?.url ? h("div", { class: "attached image" }, drawMedia({ content_type: "image/png", ...item.image }, chat)) : null,
    item.thumbnail?.url ? h("div", { class: "thumbnail" }, drawMedia({ content_type: "image/png", ...item.thumbnail }, chat)) : null,
    item.footer || item.timestamp ? h("p", { class: "small" }, item.footer?.text ?? "", item.footer && item.timestamp ? " · " : "", item.timestamp ? drawShortTime(item.timestamp) : "") : null);
  setAccent(box, item.color);
  return box;
}

function setAccent(box, colour) {
  if (colour !== undefined && colour !== null) box.style.setProperty("--accent", `#${colour.toString(16).padStart(6, "0")}`);
}
