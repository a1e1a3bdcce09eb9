// Components of a message, drawn by their type (components/reference).

import { emoji } from "./emoji.js";
import { h } from "./dom.js";
import { markdown } from "./markdown.js";
import { fileCard, grid, picture } from "./media.js";

const STYLES = { 1: "primary", 2: "secondary", 3: "success", 4: "danger", 5: "link" };
const ENTITY = { 5: ["users"], 6: ["roles"], 7: ["users", "roles"], 8: ["channels"] };

const DRAW = {
  1: (item, world) => h("div", { class: "row" }, components(item.components, world)),
  2: button,
  3: select,
  5: select,
  6: select,
  7: select,
  8: select,
  9: section,
  10: (item, world) => h("div", { class: "text" }, markdown(item.content, world.names)),
  11: (item, world) => thumbnail(item, world),
  12: (item, world) => grid(item.items.map((one) => picture(one.media, world, { about: one.description ?? "", spoiler: one.spoiler }))),
  13: file,
  14: (item) => h("hr", { class: `space-${item.spacing}${item.divider ? "" : " blank"}` }),
  17: container,
};

/**
 * Draw components that stand below each other. Each is known by its kind and its place among those of its kind: ids
 * are numbers in reading order, and one line more would make every picture below it another one.
 */
export function components(items, world) {
  const counts = new Map();
  return items.map((item) => {
    const number = (counts.get(item.type) ?? 0) + 1;
    counts.set(item.type, number);
    const drawn = component(item, world);
    drawn.dataset.key = `${item.type}.${number}`;
    return drawn;
  });
}

function component(item, world) {
  return DRAW[item.type]?.(item, world) ?? h("p", { class: "dim", text: `(a component of type ${item.type})` });
}

function container(item, world) {
  const accent = item.accent_color === null ? null : `#${item.accent_color.toString(16).padStart(6, "0")}`;
  const box = h("div", { class: `card${item.spoiler ? " spoilt" : ""}`, "data-act": item.spoiler ? "reveal" : null }, components(item.components, world));
  if (accent) box.style.setProperty("--accent", accent);
  return box;
}

function section(item, world) {
  const texts = h("div", { class: "section-texts" }, components(item.components, world));
  return h("div", { class: "section" }, texts, component(item.accessory, world));
}

function thumbnail(item, world) {
  return h("div", { class: "thumbnail" }, picture(item.media, world, { about: item.description ?? "", spoiler: item.spoiler }));
}

function file(item, world) {
  const kind = (item.file.content_type ?? "").split("/")[0];
  const player = kind === "audio" || kind === "video" ? picture(item.file, world, { about: item.name ?? "" }) : null;
  return h("div", { class: "file-part" }, fileCard(item.name ?? item.file.url.split("/").at(-1), item.size, item.file.url, world), player);
}

function button(item) {
  const label = [item.emoji?.name ? emoji(item.emoji.name) : null, item.label ?? null];
  if (item.style === 5) {
    return h("a", { class: "button link", href: /^https?:/.test(item.url) ? item.url : null, target: "_blank", rel: "noopener noreferrer" }, label, h("span", { class: "out", "aria-hidden": "true", text: "↗" }));
  }
  return h("button", { type: "button", class: `button ${STYLES[item.style] ?? "secondary"}`, disabled: item.disabled, "data-act": "press", "data-control": item.custom_id }, label);
}

function select(item, world) {
  const options = item.type === 3 ? item.options : entities(item.type, world);
  const name = item.placeholder ?? "Choose";
  const several = item.max_values > 1;
  const drawn = options.map((one) => h("option", { value: one.value, selected: one.default, text: one.label }));
  const blank = several ? null : h("option", { value: "", selected: !options.some((one) => one.default), text: name });
  const common = { "aria-label": name, disabled: item.disabled, "data-control": item.custom_id, "data-kind": item.type };
  const field = h("select", { ...common, "data-act": several ? null : "choose", multiple: several, size: several ? Math.min(options.length, 6) : null }, blank, drawn);
  if (!several) return h("div", { class: "select" }, field);
  return h("div", { class: "select several" }, field, h("button", { type: "button", class: "button secondary", "data-act": "choose-several", text: "Choose these" }));
}

/** The choices of a select of users, roles or channels: {value: "user:1", label}. */
export function entities(type, world) {
  const found = [];
  for (const kind of ENTITY[type] ?? []) {
    if (kind === "users") found.push(...[...world.users.values()].map((user) => ({ value: `user:${user.id}`, label: `@${world.name(user)}` })));
    if (kind === "roles") found.push(...[...world.roles.values()].map((role) => ({ value: `role:${role.id}`, label: role.name.startsWith("@") ? role.name : `@${role.name}` })));
    if (kind === "channels") found.push(...[...world.channels.values()].filter((one) => one.guild_id).map((one) => ({ value: `channel:${one.id}`, label: `#${one.name}` })));
  }
  return found;
}

/** Turn "user:1" into {user: "1"}, as the sandbox takes it. */
export function entity(value) {
  const [kind, id] = value.split(":");
  return { [kind]: id };
}
