// The page: puts the parts together and carries news from the sandbox to them.

import { Acts } from "./acts.js";
import { Composer } from "./composer.js";
import { glyph } from "./glyphs.js";
import { showHint } from "./hint.js";
import { Hood } from "./hood.js";
import { Conversation } from "./list.js";
import { Lightbox } from "./media.js";
import { openModal } from "./modal.js";
import { Pending } from "./pending.js";
import { Side } from "./side.js";
import { World } from "./state.js";
import { tune } from "./times.js";
import { Wire } from "./wire.js";
import { Works } from "./works.js";

const WIDE = matchMedia("(min-width: 1181px)");
const $ = (id) => document.getElementById(id);

const world = new World();
const works = new Works();
const wire = new Wire(() => recall("person") ?? "mia");
const list = new Conversation(world);
const pending = new Pending(list);
const lightbox = new Lightbox();
const hood = new Hood({ works, wire });
const side = new Side(world, { go, speak });
const modal = (told) => openModal(told, { world, wire, pending, application: world.bot.username });
const acts = new Acts({ world, wire, list, lightbox, pending, modal, reply: (message) => composer.reply(message), look: (message) => hood.look(message) });
const composer = new Composer({ world, ask: (what, about) => wire.ask(what, about), use: (what, about, label) => acts.use(what, about, label) });

/** Open a channel. */
function go(id) {
  world.place = id;
  world.channel.unread = 0;
  remember("place", id);
  openSide(false);
  pending.clear();
  showPlace();
  composer.show();
}

/** Speak as somebody else; everything is told anew. */
function speak(name) {
  remember("person", name);
  openSide(false);
  wire.ask("be", { person: name }).catch(() => {});
}

function showPlace() {
  const { channel } = world;
  if (!channel) return;
  $("place").textContent = `${channel.guild_id ? "#" : "@"}${world.title(channel)}`;
  $("topic").textContent = channel.topic ?? "";
  document.title = `${$("place").textContent} · Replicord sandbox`;
  side.show();
  list.show();
  showHint(world, composer);
}

function showBot() {
  const { running, connected } = works.bot;
  const [words, look] = connected && running ? ["Bot online", "on"] : running ? ["Bot connecting", "away"] : ["Bot not running", "off"];
  $("bot-state").textContent = words;
  $("bot-state").className = look;
}

wire.addEventListener("hello", ({ detail }) => {
  const before = world.me?.id;
  tune(detail.at);
  world.place ??= recall("place");
  world.load(detail);
  works.load(detail.hood);
  showPlace();
  if (before !== world.me.id) {
    pending.clear();
    composer.show();
  }
  showBot();
  hood.show();
});

wire.addEventListener("hood", ({ detail }) => {
  works.take(detail);
  showBot();
  hood.show();
});

wire.addEventListener("commands", ({ detail }) => {
  world.commands = detail.commands;
  world.usable = detail.usable;
  showHint(world, composer);
});

wire.addEventListener("lost", () => {
  $("bot-state").textContent = "The sandbox is not there";
  $("bot-state").className = "off";
});

wire.addEventListener("seen", ({ detail: { kind, at, d } }) => {
  tune(at);
  const channel = world.channels.get(d.channel_id ?? d.id);
  if (!channel) return;
  if (kind === "CHANNEL_UPDATE") Object.assign(channel, d);
  if (kind === "MESSAGE_CREATE" || kind === "MESSAGE_UPDATE") take(channel, d);
  if (kind === "MESSAGE_DELETE") {
    channel.messages.delete(d.id);
    if (channel.id === world.place) list.drop(d.id);
  }
  if (channel.id === world.place) showHint(world, composer);
});

function take(channel, message) {
  const known = channel.messages.has(message.id);
  channel.messages.set(message.id, message);
  if (channel.id === world.place) {
    list.put(message);
    if (!known && message.author.id === world.me.id) list.toEnd();
  } else if (!known) {
    channel.unread += 1;
    side.show();
  }
}

// Drawers, the look, and keys that work everywhere.

function openSide(open) {
  $("side").classList.toggle("open", open);
  $("open-side").setAttribute("aria-expanded", String(open));
  drawers();
}

function drawers() {
  const covered = $("side").classList.contains("open") || (hood.open && !WIDE.matches);
  $("shade").hidden = !covered;
}

$("open-side").append(glyph("menu"));
$("open-hood").append(glyph("hood"));
$("open-side").addEventListener("click", () => openSide(true));
$("shade").addEventListener("click", closeDrawers);
document.body.addEventListener("drawers", drawers);
WIDE.addEventListener("change", () => hood.toggle(WIDE.matches));

function closeDrawers() {
  openSide(false);
  if (!WIDE.matches) hood.toggle(false);
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !$("shade").hidden) closeDrawers();
  const typing = event.target.closest("input, textarea, select, button, dialog, [role=menu]");
  if (!typing && event.key === "/") {
    event.preventDefault();
    composer.type("/");
  }
});

function look(chosen) {
  const dark = chosen ? chosen === "dark" : !matchMedia("(prefers-color-scheme: light)").matches;
  if (chosen) document.documentElement.dataset.look = chosen;
  $("theme").replaceChildren(glyph(dark ? "sun" : "moon"));
  $("theme").title = dark ? "Light" : "Dark";
  return dark;
}

$("theme").addEventListener("click", () => {
  const next = look(recall("look")) ? "light" : "dark";
  remember("look", next);
  look(next);
});

function remember(name, value) {
  sessionStorage.setItem(`sandbox-${name}`, value);
}

function recall(name) {
  return sessionStorage.getItem(`sandbox-${name}`);
}

look(recall("look"));
hood.toggle(WIDE.matches);
wire.open();
