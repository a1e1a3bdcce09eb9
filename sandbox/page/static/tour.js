// The tour: three things to try, ticked when they have happened. In an empty channel it is a list, else one line.

import { h, morph } from "./dom.js";
import { drawEmoji, icon } from "./icons.js";
import { fetchPortrait } from "./socket.js";
import { survivedKill } from "./timeline.js";

const SLASH_COMMAND = 1;
const COMMAND = "generate";
const PROMPT = "a friendly astronaut, orange suit, short hair";
const IMAGES = { make: 3, stop: 12, kill: 8 };
const IS_URL = /^https?:\/\//;

const STEPS = [
  {
    name: "make",
    title: "Make a picture",
    about: "/generate is filled in with a drawn portrait. Press Enter, and watch the images arrive.",
    waiting: "Press Enter to send the command.",
  },
  {
    name: "stop",
    title: "Stop one",
    about: "Ask for twelve images. When the first is there, react with ❌ or press Cancel: you keep it.",
    waiting: "Send the command. When the first image is there, react with ❌ or press Cancel.",
    running: "React with ❌, or press Cancel under the images. You keep what is there.",
  },
  {
    name: "kill",
    title: "Kill the bot in the middle",
    about: "End its process while it works. It comes back after two seconds and goes on in the same message.",
    waiting: "Send the command. When the first image is there, kill the bot.",
    running: "Kill it now, and follow the time line in the panel: the new bot goes on in the same message.",
  },
];

export class Tour {
  #started = null;

  /**
   * `kill()` kills and restarts the bot; `isDismissed()` and `dismiss()` remember that the tour was closed, and
   * `recallDone(person)` and `rememberDone(person, steps)` the names of the steps that a person has done.
   */
  constructor({ chat, state, composer, kill, isDismissed, dismiss, recallDone, rememberDone }) {
    Object.assign(this, { chat, state, composer, kill, isDismissed, dismiss, recallDone, rememberDone });
    this.bar = document.getElementById("tour");
  }

  /** Draw the line above the composer: nothing in an empty channel, which has the list, or when it was closed. */
  draw() {
    const show = this.chat.channel?.messages.size && this.#isPossible() && !this.isDismissed();
    morph(this.bar, h("section", { id: "tour", "aria-label": "Tour", hidden: !show }, show ? this.#drawBar() : null));
    this.bar = document.getElementById("tour");
  }

  /** Return the list of an empty channel, or null where the bot has no /generate. */
  drawList() {
    if (!this.#isPossible()) return null;
    const done = this.#findDone();
    const label = (step) => (done.has(step.name) ? "Again" : "Fill in");
    return h("ol", { class: "tour-steps", "aria-label": "Three things to try" }, STEPS.map((step) => h("li", { class: done.has(step.name) ? "done" : null },
      drawTick(done.has(step.name)),
      h("div", {}, h("b", { text: step.title }), h("p", {}, withCross(step.about))),
      h("button", { type: "button", class: "button secondary", "aria-label": `${label(step)}: ${step.title}`, text: label(step), on: { click: () => this.#start(step) } }))));
  }

  #drawBar() {
    const done = this.#findDone();
    const onClose = { click: () => (this.dismiss(), this.draw()) };
    const close = h("button", { type: "button", class: "icon", "data-key": "close", "aria-label": "Close the tour", title: "Close the tour", on: onClose }, icon("close"));
    const ticks = h("ol", { class: "tour-ticks", "data-key": "ticks" }, STEPS.map((step) => h("li", { class: done.has(step.name) ? "done" : null, "data-key": step.name }, drawTick(done.has(step.name)), h("span", { text: step.title }))));
    const next = STEPS.find((step) => !done.has(step.name));
    if (!next) return [ticks, close, h("p", { "data-key": "text", text: "That is all: nothing was lost, and nothing was paid twice." })];
    const running = this.#isRunning() && next.running;
    const text = running ? next.running : this.#started === next.name ? next.waiting : next.about;
    const action = running ? (next.name === "kill" ? this.#drawAction("kill-now", "Kill the bot now", () => this.kill()) : null) : this.#drawAction(next.name, "Fill in", () => this.#start(next));
    return [ticks, close, h("p", { "data-key": "text", "aria-live": "polite" }, withCross(text)), action];
  }

  /** Draw the button; its key tells it apart from those of other steps, whose listeners must not stay. */
  #drawAction(key, label, act) {
    return h("button", { type: "button", class: "button primary", "data-key": `do-${key}`, text: label, on: { click: act } });
  }

  async #start(step) {
    this.#started = step.name;
    this.composer.start(COMMAND, { prompt: PROMPT, subject: await fetchPortrait(), number_of_outputs: IMAGES[step.name] });
    this.draw();
  }

  /** Return whether a run goes on that has made something: the moment to stop it, or to kill the bot. */
  #isRunning() {
    return this.#listOwnRuns().some(({ row, prediction }) => !row.delivered_at && hasImages(prediction));
  }

  /** Return the steps that were done; the page may have been loaded again since, and lost what it saw happen. */
  #findDone() {
    const done = new Set(this.recallDone(this.chat.me.id));
    const known = done.size;
    for (const run of this.#listOwnRuns()) {
      const { row, prediction } = run;
      if (!row.delivered_at || !hasImages(prediction)) continue;
      if (row.state === "succeeded") done.add("make");
      if (row.state === "canceled") done.add("stop");
      if (survivedKill(this.state, run)) done.add("kill");
    }
    if (done.size > known) this.rememberDone(this.chat.me.id, [...done]);
    return done;
  }

  /** Return the runs of the person that the page acts as: everybody has a tour of their own. */
  #listOwnRuns() {
    return this.state.listRuns().filter(({ row }) => row && String(row.author_id) === this.chat.me.id);
  }

  #isPossible() {
    return this.chat.availableCommands(SLASH_COMMAND).some(({ name }) => name === COMMAND);
  }
}

function hasImages(prediction) {
  const output = prediction?.output;
  return Array.isArray(output) && IS_URL.test(output[0] ?? "");
}

/** Return a text with its ❌ drawn: not every machine has a font for it. */
function withCross(text) {
  return text.split("❌").flatMap((part, index) => (index ? [drawEmoji("❌"), part] : [part]));
}

function drawTick(done) {
  return h("span", { class: "tick", role: "img", "aria-label": done ? "done" : "to do", text: done ? "✓" : "" });
}
