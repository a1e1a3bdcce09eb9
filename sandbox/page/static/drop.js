// A place for files: drop, paste or choose. Files travel to the sandbox as soon as they are here.

import { h } from "./dom.js";
import { glyph } from "./glyphs.js";
import { size } from "./media.js";
import { upload } from "./wire.js";

export class FileDrop {
  #files = [];

  constructor({ label, most = 1, compact = false, changed = () => {} }) {
    this.most = most;
    this.changed = changed;
    this.input = h("input", { type: "file", multiple: most > 1, class: "unseen", tabindex: "-1", "aria-label": label, on: { change: () => (this.add(this.input.files), (this.input.value = "")) } });
    this.button = h("button", { type: "button", class: "choose", "aria-label": label, on: { click: () => this.input.click() } }, glyph("plus"), compact ? "Drop, paste or choose" : label);
    this.list = h("span", { class: "dropped" });
    this.element = h("div", { class: compact ? "drop compact" : "drop" }, this.list, this.button, this.input);
    for (const event of ["dragenter", "dragover"]) this.element.addEventListener(event, (one) => (one.preventDefault(), this.element.classList.add("over")));
    for (const event of ["dragleave", "drop"]) this.element.addEventListener(event, () => this.element.classList.remove("over"));
    this.element.addEventListener("drop", (event) => {
      event.preventDefault();
      event.stopPropagation();
      this.add(event.dataTransfer.files);
    });
    this.element.addEventListener("paste", (event) => event.clipboardData.files.length && (event.preventDefault(), event.stopPropagation(), this.add(event.clipboardData.files)));
  }

  get empty() {
    return this.#files.length === 0;
  }

  focus() {
    this.button.focus();
  }

  /** Take files; what is too many pushes the oldest out. */
  add(files) {
    for (const file of files) {
      const sent = upload(file);
      sent.catch(() => {}); // told when it is asked for
      this.#files.push({ file, sent, view: this.#view(file) });
    }
    while (this.#files.length > this.most) this.#forget(this.#files[0]);
    this.#show();
  }

  /** Return the files as the sandbox knows them. */
  async uploads() {
    return Promise.all(this.#files.map(async ({ sent }) => ({ upload: await sent })));
  }

  clear() {
    for (const one of [...this.#files]) this.#forget(one);
    this.#show();
  }

  #view(file) {
    if (!file.type.startsWith("image/")) return null;
    return URL.createObjectURL(file);
  }

  #forget(one) {
    if (one.view) URL.revokeObjectURL(one.view);
    this.#files = this.#files.filter((other) => other !== one);
  }

  #show() {
    const drawn = this.#files.map((one) => {
      const away = h("button", { type: "button", class: "icon", "aria-label": `Remove ${one.file.name}`, on: { click: () => (this.#forget(one), this.#show(), this.focus()) } }, glyph("close"));
      const face = one.view ? h("img", { src: one.view, alt: "" }) : glyph("file");
      return h("span", { class: "given" }, face, h("span", { class: "given-name", text: one.file.name }), h("span", { class: "dim", text: size(one.file.size) }), away);
    });
    this.list.replaceChildren(...drawn);
    this.button.hidden = this.#files.length >= this.most;
    this.changed();
  }
}
