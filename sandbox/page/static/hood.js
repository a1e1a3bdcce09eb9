// The panel at the right: the run, the calls, the switches, the bot's own log.

import { h, morph } from "./dom.js";
import { glyph } from "./glyphs.js";
import { toast } from "./menu.js";
import { callsPane, logPane, runPane, switchesPane } from "./panes.js";

const TABS = { run: "Run", calls: "Calls", break: "Break", log: "Log" };

export class Hood {
  #tab = "run";
  #shown = { pick: null, whose: "all", keep: false };
  #queued = false;

  constructor({ works, wire }) {
    this.works = works;
    this.wire = wire;
    this.element = document.getElementById("hood");
    this.opener = document.getElementById("open-hood");
    this.tabs = h("div", { class: "tabs", role: "tablist", "aria-label": "Under the hood" });
    this.pane = h("div", { class: "pane", role: "tabpanel", id: "pane", tabindex: "0" });
    this.element.append(this.tabs, this.pane);
    this.opener.addEventListener("click", () => this.toggle());
    this.tabs.addEventListener("click", (event) => {
      const tab = event.target.closest("[role=tab]");
      if (tab) this.#turn(tab.dataset.tab);
      else if (event.target.closest(".shut")) this.toggle(false);
    });
    this.tabs.addEventListener("keydown", (event) => this.#walk(event));
    this.pane.addEventListener("click", (event) => this.#click(event));
    this.pane.addEventListener("change", (event) => this.#change(event));
  }

  get open() {
    return this.element.classList.contains("open");
  }

  toggle(open = !this.open) {
    this.element.classList.toggle("open", open);
    this.opener.setAttribute("aria-expanded", String(open));
    document.body.dispatchEvent(new CustomEvent("drawers"));
    if (open) this.show();
  }

  /** Show the run whose reply a message is. */
  look(message) {
    const run = this.works.runs().find(({ row }) => row?.message_id === message.id);
    this.#shown.pick = run?.id ?? null;
    this.#tab = "run";
    this.toggle(true);
  }

  /** Draw soon; many news are one drawing. */
  show() {
    if (this.#queued || !this.open) return;
    this.#queued = true;
    requestAnimationFrame(() => {
      this.#queued = false;
      this.#draw();
    });
  }

  #draw() {
    const armed = Object.keys(this.works.armed).length;
    const tabs = Object.entries(TABS).map(([name, label]) => {
      const own = name === this.#tab;
      return h("button", { type: "button", role: "tab", "data-key": name, "data-tab": name, "aria-selected": String(own), "aria-controls": "pane", tabindex: own ? "0" : "-1" }, label, name === "break" && armed ? h("span", { class: "dot", title: `${armed} in wait` }) : null);
    });
    const shut = h("button", { type: "button", class: "icon shut", "data-key": "shut", "aria-label": "Close the panel" }, glyph("close"));
    morph(this.tabs, h("div", { class: "tabs", role: "tablist", "aria-label": "Under the hood" }, tabs, h("span", { class: "grow", "data-key": "grow" }), shut));
    const draw = { run: runPane, calls: callsPane, break: switchesPane, log: logPane }[this.#tab];
    // Lists that grow are followed, unless the reader scrolled up in them.
    const left = new Set(this.#lists().filter((box) => box.scrollHeight - box.scrollTop - box.clientHeight > 24));
    const attributes = { class: "pane", role: "tabpanel", id: "pane", tabindex: "0", "aria-label": TABS[this.#tab] };
    morph(this.pane, h("div", attributes, draw(this.works, this.#shown)));
    for (const box of this.#lists()) if (!left.has(box)) box.scrollTop = box.scrollHeight;
  }

  #lists() {
    const own = this.#tab === "calls" || this.#tab === "log" ? [this.pane] : [];
    return [...this.pane.querySelectorAll("[data-follow]"), ...own];
  }

  #turn(tab) {
    this.#tab = tab;
    this.pane.replaceChildren();
    this.#draw();
    this.pane.scrollTop = tab === "calls" || tab === "log" ? this.pane.scrollHeight : 0;
  }

  #walk(event) {
    const names = Object.keys(TABS);
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!by) return;
    this.#turn(names[(names.indexOf(this.#tab) + by + names.length) % names.length]);
    this.tabs.querySelector("[aria-selected=true]").focus();
  }

  async #click(event) {
    const found = event.target.closest("[data-do]");
    if (!found) return;
    const { do: what, name } = found.dataset;
    if (what === "whose") {
      this.#shown.whose = name;
      this.#draw();
      return;
    }
    try {
      if (what === "switch") await this.wire.ask("switch", { name, keep: this.#shown.keep });
      if (what === "calm") await this.wire.ask("calm");
    } catch (error) {
      toast(error.message);
    }
  }

  #change(event) {
    if (event.target.matches(".run-pick")) this.#shown.pick = event.target.value || null;
    if (event.target.matches(".keep input")) this.#shown.keep = event.target.checked;
    this.#draw();
  }
}
