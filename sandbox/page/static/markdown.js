// Discord's markdown, drawn as DOM nodes. Text goes in as text; nothing here makes HTML out of strings.

import { emoji } from "./emoji.js";
import { h } from "./dom.js";
import { moment } from "./times.js";

const FENCE = /```(?:([\w+#.-]{0,20})\n)?([\s\S]*?)```/;
const PLAIN = /[^\\`<[*_~|hH\p{Extended_Pictographic}]+/uy;
const WEB = /^https?:\/\//;

/** Draw a text. `names` turns ids into names: {user(id), channel(id), role(id)}. */
export function markdown(text, names) {
  const out = document.createDocumentFragment();
  let rest = text;
  for (let found; (found = FENCE.exec(rest)); rest = rest.slice(found.index + found[0].length).replace(/^\n/, "")) {
    out.append(...blocks(rest.slice(0, found.index).replace(/\n$/, ""), names));
    const code = h("code", { text: found[2].replace(/\n$/, ""), "data-language": found[1] || null });
    out.append(h("pre", { tabindex: "0" }, code));
  }
  out.append(...blocks(rest, names));
  return out;
}

/** Return a text without its marks, for one line of a preview. */
export function plain(text) {
  const holder = document.createElement("div");
  holder.append(markdown(text, { user: () => "someone", channel: () => "channel", role: () => "role" }));
  for (const one of holder.querySelectorAll(".spoiler")) one.textContent = "▇▇";
  return holder.textContent.replace(/\s+/g, " ").trim();
}

function blocks(text, names) {
  if (!text) return [];
  const out = [];
  const lines = text.split("\n");
  for (let number = 0; number < lines.length; ) {
    const kind = BLOCKS.find(([mark]) => mark.test(lines[number]));
    if (kind) {
      const [mark, draw, joins] = kind;
      const start = number++;
      while (joins && number < lines.length && mark.test(lines[number])) number++;
      out.push(draw(lines.slice(start, number), names));
      while (lines[start].startsWith("#") && lines[number] === "") number++; // a heading has its own room below
      continue;
    }
    if (lines[number].startsWith(">>> ")) {
      out.push(h("blockquote", {}, blocks([lines[number].slice(4), ...lines.slice(number + 1)].join("\n"), names)));
      break;
    }
    const start = number++;
    while (number < lines.length && !lines[number].startsWith(">>> ") && !BLOCKS.some(([mark]) => mark.test(lines[number]))) number++;
    out.push(h("p", {}, inline(lines.slice(start, number).join("\n"), names)));
  }
  return out;
}

const BLOCKS = [
  [/^#{1,3} +\S/, ([line], names) => h(`h${line.indexOf(" ") + 2}`, { class: "big" }, inline(line.replace(/^#+ +/, ""), names)), false],
  [/^-# +\S/, ([line], names) => h("p", { class: "small" }, inline(line.replace(/^-# +/, ""), names)), false],
  [/^>( |$)/, (lines, names) => h("blockquote", {}, blocks(lines.map((line) => line.slice(2)).join("\n"), names)), true],
  [/^ *[-*] +\S/, (lines, names) => list("ul", lines, names), true],
  [/^ *\d{1,9}\. +\S/, (lines, names) => list("ol", lines, names), true],
];

function list(tag, lines, names) {
  const start = tag === "ol" ? Number.parseInt(lines[0], 10) : null;
  const items = lines.map((line) => {
    const depth = Math.min(Math.floor(/^ */.exec(line)[0].length / 2), 4);
    return h("li", { class: depth ? `in-${depth}` : null }, inline(line.replace(/^ *(?:[-*]|\d+\.) +/, ""), names));
  });
  return h(tag, { start }, items);
}

const pair = (tag) => (found, names) => h(tag, {}, inline(found[1], names));
// Each rule: where it may begin, and what it becomes; null leaves the mark as it stands.
const RULES = [
  [/\\([^\p{L}\p{N}\s])/uy, (found) => found[1]],
  [/(`{1,2})([^`](?:[\s\S]*?[^`])?)\1(?!`)/y, (found) => h("code", { text: found[2].trim() || found[2] })],
  [/<t:(-?\d{1,12})(?::([tTdDfFR]))?>/y, (found) => moment(Number(found[1]), found[2])],
  [/<@!?(\d{1,22})>/y, (found, names) => h("span", { class: "mention", text: `@${names.user(found[1])}` })],
  [/<@&(\d{1,22})>/y, (found, names) => h("span", { class: "mention", text: `@${names.role(found[1])}` })],
  [/<#(\d{1,22})>/y, (found, names) => h("span", { class: "mention", text: `#${names.channel(found[1])}` })],
  [/<\/([^:<>]{1,100}):\d{1,22}>/y, (found) => h("span", { class: "mention", text: `/${found[1]}` })],
  [/<a?(:\w{2,32}:)\d{1,22}>/y, (found) => found[1]],
  [/<(https?:\/\/[^\s<>]+)>/y, (found) => link(found[1], [found[1]])],
  [/\[((?:\\[\s\S]|[^\]\\\n]){1,300})\]\(<?(https?:\/\/(?:\([^\s()]*\)|[^\s()<>])+)>?\)/y, (found, names) => link(found[2], inline(found[1], names))],
  [/https?:\/\/[^\s<]*[^\s<.,:;"')\]!?*_~|]/iy, (found) => link(found[0], [found[0]])],
  [/\*\*\*((?:\\[\s\S]|[^\\])+?)\*\*\*/y, (found, names) => h("strong", {}, h("em", {}, inline(found[1], names)))],
  [/\*\*((?:\\[\s\S]|[^\\])+?)\*\*(?!\*)/y, pair("strong")],
  [/\*(?=[^\s*])((?:\\[\s\S]|\*\*[^*]+\*\*|[^\\*])*?[^\s\\*])\*(?!\*)/y, pair("em")],
  [/__((?:\\[\s\S]|[^\\])+?)__(?!_)/y, pair("u")],
  [/_(?=[^\s_])((?:\\[\s\S]|[^\\_])+?)_(?![\p{L}\p{N}_])/uy, (found, names, before) => (/[\p{L}\p{N}]$/u.test(before) ? null : h("em", {}, inline(found[1], names)))],
  [/~~((?:\\[\s\S]|[^\\])+?)~~/y, pair("s")],
  [/\|\|((?:\\[\s\S]|[^\\])+?)\|\|/y, (found, names) => h("button", { type: "button", class: "spoiler", "data-act": "reveal", "aria-label": "Hidden text" }, h("span", {}, inline(found[1], names)))],
  [/\p{Extended_Pictographic}\uFE0F?(?:\u200D\p{Extended_Pictographic}\uFE0F?)*/uy, (found) => emoji(found[0])],
];

/** Draw one run of text: an array of nodes and strings. */
export function inline(text, names) {
  const out = [];
  let words = "";
  const put = (node) => {
    if (words) out.push(words);
    words = "";
    out.push(node);
  };
  for (let at = 0; at < text.length; ) {
    PLAIN.lastIndex = at;
    const run = PLAIN.exec(text);
    if (run) {
      words += run[0];
      at += run[0].length;
      continue;
    }
    const step = apply(text, at, names);
    if (step === null) {
      words += text[at++];
    } else {
      at += step.length;
      if (typeof step.node === "string") words += step.node;
      else put(step.node);
    }
  }
  if (words) out.push(words);
  return out;
}

function apply(text, at, names) {
  for (const [rule, draw] of RULES) {
    rule.lastIndex = at;
    const found = rule.exec(text);
    const node = found && draw(found, names, text.slice(Math.max(0, at - 2), at));
    if (node !== null && node !== undefined) return { node, length: found[0].length };
  }
  return null;
}

/** Return a link that opens elsewhere and tells nobody where it was. */
export function link(address, children) {
  if (!WEB.test(address)) return h("span", {}, children);
  return h("a", { href: address, target: "_blank", rel: "noopener noreferrer", title: address }, children);
}
