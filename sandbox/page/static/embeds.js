// Embeds, as bots made before components.

import { h } from "./dom.js";
import { link, markdown } from "./markdown.js";
import { picture } from "./media.js";
import { stamp } from "./times.js";

/** Draw one embed. */
export function embed(item, world, key) {
  const box = h("article", { class: "embed", "data-key": key },
    item.author?.name ? h("p", { class: "embed-author" }, item.author.url ? link(item.author.url, [item.author.name]) : item.author.name) : null,
    item.title ? h("p", { class: "embed-title" }, item.url ? link(item.url, [item.title]) : markdown(item.title, world.names)) : null,
    item.description ? h("div", { class: "text" }, markdown(item.description, world.names)) : null,
    item.fields?.length ? h("dl", { class: "fields" }, item.fields.map((field) => h("div", { class: field.inline ? "inline" : null }, h("dt", {}, markdown(field.name, world.names)), h("dd", {}, markdown(field.value, world.names))))) : null,
    item.image?.url ? h("div", { class: "attached image" }, picture({ content_type: "image/png", ...item.image }, world)) : null,
    item.thumbnail?.url ? h("div", { class: "thumbnail" }, picture({ content_type: "image/png", ...item.thumbnail }, world)) : null,
    item.footer || item.timestamp ? h("p", { class: "small" }, item.footer?.text ?? "", item.footer && item.timestamp ? " · " : "", item.timestamp ? stamp(item.timestamp) : "") : null);
  if (item.color !== undefined && item.color !== null) box.style.setProperty("--accent", `#${item.color.toString(16).padStart(6, "0")}`);
  return box;
}
