// The page: builds its parts and forwards messages from the sandbox to them.

import { Announcer } from "./announcer.js";
import { Composer } from "./composer.js";
import { showHint } from "./hint.js";
import { icon } from "./icons.js";
import { Inspector } from "./inspector.js";
import { Lightbox } from "./media.js";
import { MessageActions } from "./message-actions.js";
import { MessageList, PendingRequests } from "./message-list.js";
import { showToast } from "./menu.js";
import { openModal } from "./modal.js";
import { Sidebar } from "./sidebar.js";
import { Socket } from "./socket.js";
import { ChatState, InspectorState } from "./state.js";
import { syncClock } from "./timestamps.js";
import { Tour } from "./tour.js";

const WIDE = matchMedia("(min-width: 1181px)");
const DEFAULT_PERSON = "mia";
const $ = (id) => document.getElementById(id);

const chat = new ChatState();
const inspectorState = new InspectorState();
const socket = new Socket(() => recall("person") ?? DEFAULT_PERSON);
const list = new MessageList(chat);
const pending = new PendingRequests(list);
const announcer = new Announcer(chat);
const lightbox = new Lightbox();
const inspector = new Inspector({ state: inspectorState, socket });
const sidebar = new Sidebar(chat, { openChannel, switchPerson, chooseLocale });
const openForm = (result) => openModal(result, { chat, socket, pending, application: chat.bot.username });
const actions = new MessageActions({ chat, socket, list, lightbox, pending, openForm, reply: (message) => composer.startReply(message), startCommand: (name) => composer.start(name), inspect: (message) => inspector.showRun(message) });
const composer = new Composer({
  chat,
  request: (action, parameters) => socket.request(action, parameters),
  perform: (action, parameters, label) => actions.perform(action, parameters, label),
  onSend: () => list.follow(),
  toMessages: () => list.focusLast(),
});
const tour = new Tour({
  chat,
  state: inspectorState,
  composer,
  kill: () => socket.request("toggle_fault", { name: "kill-and-start" }).catch((error) => showToast(error.message)),
  isDismissed: () => recall("tour") === "closed",
  dismiss: () => remember("tour", "closed"),
  recallDone: (person) => (recall(`tour-${person}`) ?? "").split(" ").filter(Boolean),
  rememberDone: (person, steps) => remember(`tour-${person}`, steps.join(" ")),
});

function openChannel(id) {
  chat.channelId = id;
  chat.channel.unread = 0;
  remember("channel", id);
  toggleSidebar(false);
  pending.clear();
  showChannel();
  composer.reset();
}

/** Act as another person; the sandbox sends a new snapshot. */
function switchPerson(name) {
  remember("person", name);
  toggleSidebar(false);
  socket.request("switch_person", { person: name }).catch(() => {});
}

/** Let the person's Discord be in another language. */
function chooseLocale(locale) {
  chat.me.locale = locale;
  socket.request("choose_locale", { locale }).catch((error) => showToast(error.message));
}

function showChannel() {
  const { channel } = chat;
  if (!channel) return;
  $("channel-name").textContent = `${channel.guild_id ? "#" : "@"}${chat.channelName(channel)}`;
  $("topic").textContent = channel.topic ?? "";
  document.title = `${$("channel-name").textContent} · Replicord sandbox`;
  sidebar.show();
  list.show();
  announcer.reset();
  showHints();
}

function showHints() {
  showHint(chat, composer, tour);
  tour.draw();
}

function showBotStatus() {
  const { running, connected } = inspectorState.bot;
  const [text, style] = connected && running ? ["Bot online", "on"] : running ? ["Bot connecting", "away"] : ["Bot not running", "off"];
  $("bot-status").textContent = text;
  $("bot-status").className = style;
}

socket.addEventListener("snapshot", ({ detail }) => {
  const before = chat.me?.id;
  syncClock(detail.at);
  chat.channelId ??= recall("channel");
  chat.load(detail);
  inspectorState.load(detail.inspector);
  showChannel();
  if (before !== chat.me.id) {
    pending.clear();
    composer.reset();
  }
  showBotStatus();
  inspector.requestDraw();
});

socket.addEventListener("inspector", ({ detail }) => {
  inspectorState.update(detail);
  showBotStatus();
  tour.draw();
  inspector.requestDraw();
});

socket.addEventListener("commands", ({ detail }) => {
  chat.commands = detail.commands;
  chat.usable = detail.usable;
  showHints();
});

socket.addEventListener("lost", () => {
  $("bot-status").textContent = "Sandbox not running";
  $("bot-status").className = "off";
});

socket.addEventListener("event", ({ detail: { kind, at, d } }) => {
  if (kind === "THREAD_CREATE") {
    const { usable, ...thread } = d;
    chat.usable = usable;
    chat.channels.set(thread.id, { ...thread, messages: new Map(), unread: 0 });
    sidebar.show();
    return;
  }
  syncClock(at);
  const channel = chat.channels.get(d.channel_id ?? d.id);
  if (!channel) return;
  if (kind === "CHANNEL_UPDATE") Object.assign(channel, d);
  if (kind === "MESSAGE_CREATE" || kind === "MESSAGE_UPDATE") putMessage(channel, d);
  if (kind === "MESSAGE_DELETE") {
    channel.messages.delete(d.id);
    if (channel.id === chat.channelId) list.remove(d.id);
    forgetOriginal(channel, d.id);
  }
  if (channel.id === chat.channelId) showHints();
});

function putMessage(channel, message) {
  const isNew = !channel.messages.has(message.id);
  channel.messages.set(message.id, message);
  if (channel.id === chat.channelId) {
    list.put(message);
    announcer.update(message);
    if (isNew && isOwn(message)) {
      list.follow();
      if (message.author.bot) inspector.followLatest();
    }
  } else if (isNew) {
    channel.unread += 1;
    sidebar.show();
  }
}

/** Show at the replies to a message that it was deleted, or dismissed. */
function forgetOriginal(channel, id) {
  for (const reply of [...channel.messages.values()].filter((message) => message.message_reference?.message_id === id)) {
    reply.referenced_message = null;
    if (channel.id === chat.channelId) list.put(reply);
  }
}

/** Return whether the person wrote a message, or the bot did because of what the person used or pressed. */
function isOwn(message) {
  return (message.interaction_metadata?.user ?? message.author).id === chat.me.id;
}

// Drawers, the theme, and keys that work everywhere.

function toggleSidebar(open) {
  $("sidebar").classList.toggle("open", open);
  $("open-sidebar").setAttribute("aria-expanded", String(open));
  updateBackdrop();
}

function updateBackdrop() {
  const drawerOpen = $("sidebar").classList.contains("open") || (inspector.open && !WIDE.matches);
  $("backdrop").hidden = !drawerOpen;
}

function closeDrawers() {
  toggleSidebar(false);
  if (!WIDE.matches) inspector.toggle(false);
}

$("open-sidebar").append(icon("menu"));
$("open-inspector").append(icon("panel"));
$("open-sidebar").addEventListener("click", () => toggleSidebar(true));
$("backdrop").addEventListener("click", closeDrawers);
document.body.addEventListener("drawers", updateBackdrop);
WIDE.addEventListener("change", () => inspector.toggle(WIDE.matches));

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !$("backdrop").hidden) closeDrawers();
  const inControl = event.target.closest("input, textarea, select, button, dialog, [role=menu]");
  if (!inControl && event.key === "/") {
    event.preventDefault();
    composer.insertText("/");
  }
});

// Where a file can be dropped is shown as soon as one is dragged over the page.
let dragDepth = 0;
const holdsFiles = (event) => event.dataTransfer?.types.includes("Files");

function showDropTargets(show) {
  if (!show) dragDepth = 0;
  document.body.classList.toggle("dragging", show);
  $("drop-note").hidden = !show;
  $("drop-note").textContent = composer.dropNote;
}

document.addEventListener("dragenter", (event) => {
  if (!holdsFiles(event)) return;
  dragDepth += 1;
  showDropTargets(true);
});
document.addEventListener("dragleave", (event) => {
  if (holdsFiles(event) && --dragDepth <= 0) showDropTargets(false);
});
document.addEventListener("drop", () => showDropTargets(false), true);

/** Apply a theme ("dark", "light", or null for the system's) and return whether it is dark. */
function applyTheme(theme) {
  const dark = theme ? theme === "dark" : !matchMedia("(prefers-color-scheme: light)").matches;
  if (theme) document.documentElement.dataset.theme = theme;
  $("theme").replaceChildren(icon(dark ? "sun" : "moon"));
  $("theme").title = dark ? "Light theme" : "Dark theme";
  return dark;
}

$("theme").addEventListener("click", () => {
  const theme = applyTheme(recall("theme")) ? "light" : "dark";
  remember("theme", theme);
  applyTheme(theme);
});

function remember(name, value) {
  sessionStorage.setItem(`sandbox-${name}`, value);
}

function recall(name) {
  return sessionStorage.getItem(`sandbox-${name}`);
}

applyTheme(recall("theme"));
inspector.toggle(WIDE.matches);
socket.open();
