// Discord's Markdown, rendered as DOM nodes. Text stays text: no HTML is ever built from strings.

import { h } from "./dom.js";
import { drawEmoji } from "./icons.js";
import { drawTimestamp } from "./timestamps.js";

const FENCE = /```(?:([\w+#.-]{0,20})\n)?([\s\S]*?)```/;
const PLAIN = /[^\\`<[*_~|hH\p{Extended_Pictographic}]+/uy;
const WEB_URL = /^https?:\/\//;

/** Render a text. `names` returns names for ids: {user(id), channel(id), role(id)}. */
export function renderMarkdown(text, names) {
  const fragment = document.createDocumentFragment();
  let rest = text;
  for (let match; (match = FENCE.exec(rest)); rest = rest.slice(match.index + match[0].length).replace(/^\n/, "")) {
    fragment.append(...renderBlocks(rest.slice(0, match.index).replace(/\n$/, ""), names));
    const code = h("code", { text: match[2].replace(/\n$/, ""), "data-language": match[1] || null });
    fragment.append(h("pre", { tabindex: "0" }, code));
  }
  fragment.append(...renderBlocks(rest, names));
  return fragment;
}

/** Return a text without its Markdown, for a preview in one line. */
export function stripMarkdown(text, names) {
  const container = document.createElement("div");
  container.append(renderMarkdown(text, names));
  for (const block of container.querySelectorAll("p, h3, h4, h5, li, pre")) block.append(" ");
  for (const spoiler of container.querySelectorAll(".spoiler")) spoiler.textContent = "▇▇";
  return container.textContent.replace(/\s+/g, " ").trim();
}

function renderBlocks(text, names) {
  if (!text) return [];
  const parts = [];
  const lines = text.split("\n");
  for (let number = 0; number < lines.length; ) {
    const block = BLOCKS.find(([pattern]) => pattern.test(lines[number]));
    if (block) {
      const [pattern, render, joinsLines] = block;
      const start = number++;
      while (joinsLines && number < lines.length && pattern.test(lines[number])) number++;
      parts.push(render(lines.slice(start, number), names));
      while (lines[start].startsWith("#") && lines[number] === "") number++; // headings have a margin of their own
      continue;
    }
    if (lines[number].startsWith(">>> ")) {
      parts.push(h("blockquote", {}, renderBlocks([lines[number].slice(4), ...lines.slice(number + 1)].join("\n"), names)));
      break;
    }
    const start = number++;
    while (number < lines.length && !lines[number].startsWith(">>> ") && !BLOCKS.some(([pattern]) => pattern.test(lines[number]))) number++;
    parts.push(h("p", {}, renderInline(lines.slice(start, number).join("\n"), names)));
  }
  return parts;
}

const BLOCKS = [
  [/^#{1,3} +\S/, ([line], names) => h(`h${line.indexOf(" ") + 2}`, { class: "big" }, renderInline(line.replace(/^#+ +/, ""), names)), false],
  [/^-# +\S/, ([line], names) => h("p", { class: "small" }, renderInline(line.replace(/^-# +/, ""), names)), false],
  [/^>( |$)/, (lines, names) => h("blockquote", {}, renderBlocks(lines.map((line) => line.slice(2)).join("\n"), names)), true],
  [/^ *[-*] +\S/, (lines, names) => renderList("ul", lines, names), true],
  [/^ *\d{1,9}\. +\S/, (lines, names) => renderList("ol", lines, names), true],
];

function renderList(tag, lines, names) {
  const start = tag === "ol" ? Number.parseInt(lines[0], 10) : null;
  const items = lines.map((line) => {
    const depth = Math.min(Math.floor(/^ */.exec(line)[0].length / 2), 4);
    return h("li", { class: depth ? `in-${depth}` : null }, renderInline(line.replace(/^ *(?:[-*]|\d+\.) +/, ""), names));
  });
  return h(tag, { start }, items);
}

const wrapIn = (tag) => (match, names) => h(tag, {}, renderInline(match[1], names));
// Each rule is a pattern and a function that renders a match; null leaves the text as it is.
const RULES = [
  [/\\([^\p{L}\p{N}\s])/uy, (match) => match[1]],
  [/(`{1,2})([^`](?:[\s\S]*?[^`])??)\1(?!`)/y, (match) => h("code", { text: match[2].trim() || match[2] })],
  [/<t:(-?\d{1,12})(?::([tTdDfFR]))?>/y, (match) => drawTimestamp(Number(match[1]), match[2])],
  [/<@!?(\d{1,22})>/y, (match, names) => h("span", { class: "mention", text: `@${names.user(match[1])}` })],
  [/<@&(\d{1,22})>/y, (match, names) => h("span", { class: "mention", text: `@${names.role(match[1])}` })],
  [/<#(\d{1,22})>/y, (match, names) => h("span", { class: "mention", text: `#${names.channel(match[1])}` })],
  [/<\/([^:<>]{1,100}):\d{1,22}>/y, (match) => h("button", { type: "button", class: "mention", "data-action": "command", "data-command": match[1], text: `/${match[1]}` })],
  [/<a?(:\w{2,32}:)\d{1,22}>/y, (match) => match[1]],
  [/<(https?:\/\/[^\s<>]+)>/y, (match) => drawLink(match[1], [match[1]])],
  [/\[((?:\\[\s\S]|[^\]\\\n]){1,300})\]\(<?(https?:\/\/(?:\([^\s()]*\)|[^\s()<>])+)>?\)/y, (match, names) => drawLink(match[2], renderInline(match[1], names))],
  [/https?:\/\/[^\s<]*[^\s<.,:;"')\]!?*_~|]/iy, (match) => drawLink(match[0], [match[0]])],
  [/\*\*\*((?:\\[\s\S]|[^\\])+?)\*\*\*/y, (match, names) => h("strong", {}, h("em", {}, renderInline(match[1], names)))],
  [/\*\*((?:\\[\s\S]|[^\\])+?)\*\*(?!\*)/y, wrapIn("strong")],
  [/\*(?=[^\s*])((?:\\[\s\S]|\*\*[^*]+\*\*|[^\\*])*?[^\s\\*])\*(?!\*)/y, wrapIn("em")],
  [/__((?:\\[\s\S]|[^\\])+?)__(?!_)/y, wrapIn("u")],
  [/_(?=[^\s_])((?:\\[\s\S]|[^\\_])+?)_(?![\p{L}\p{N}_])/uy, (match, names, before) => (/[\p{L}\p{N}]$/u.test(before) ? null : h("em", {}, renderInline(match[1], names)))],
  [/~~((?:\\[\s\S]|[^\\])+?)~~/y, wrapIn("s")],
  [/\|\|((?:\\[\s\S]|[^\\])+?)\|\|/y, (match, names) => h("button", { type: "button", class: "spoiler", "data-action": "reveal", "aria-label": "Hidden text" }, h("span", {}, renderInline(match[1], names)))],
  [/\p{Extended_Pictographic}\uFE0F?(?:\u200D\p{Extended_Pictographic}\uFE0F?)*/uy, (match) => drawEmoji(match[0])],
];

/** Return inline text as an array of nodes and strings. */
function renderInline(text, names) {
  const parts = [];
  let plain = "";
  const add = (node) => {
    if (plain) parts.push(plain);
    plain = "";
    parts.push(node);
  };
  for (let position = 0; position < text.length; ) {
    PLAIN.lastIndex = position;
    const run = PLAIN.exec(text);
    if (run) {
      plain += run[0];
      position += run[0].length;
      continue;
    }
    const result = applyRules(text, position, names);
    if (result === null) {
      plain += text[position++];
    } else {
      position += result.length;
      if (typeof result.node === "string") plain += result.node;
      else add(result.node);
    }
  }
  if (plain) parts.push(plain);
  return parts;
}

function applyRules(text, position, names) {
  for (const [pattern, render] of RULES) {
    pattern.lastIndex = position;
    const match = pattern.exec(text);
    const node = match && render(match, names, text.slice(Math.max(0, position - 2), position));
    if (node !== null && node !== undefined) return { node, length: match[0].length };
  }
  return null;
}

/** Draw a link that opens in a new tab without a referrer; anything but a web address becomes plain text. */
export function drawLink(url, children) {
  if (!WEB_URL.test(url)) return h("span", {}, children);
  return h("a", { href: url, target: "_blank", rel: "noopener noreferrer", title: url }, children);
}
