// A field for files: drop, paste or choose. Files are uploaded to the sandbox at once.

import { h } from "./dom.js";
import { icon } from "./icons.js";
import { formatSize } from "./media.js";
import { uploadFile } from "./socket.js";

export class FileDrop {
  #files = [];

  constructor({ label, max = 1, compact = false, onChange = () => {} }) {
    this.max = max;
    this.onChange = onChange;
    this.input = h("input", { type: "file", multiple: max > 1, class: "visually-hidden", tabindex: "-1", "aria-label": label, on: { change: () => (this.add(this.input.files), (this.input.value = "")) } });
    this.button = h("button", { type: "button", class: "choose", "aria-label": label, on: { click: () => this.input.click() } }, icon("plus"), compact ? "Drop, paste or choose" : label);
    this.list = h("span", { class: "files" });
    this.element = h("div", { class: compact ? "drop compact" : "drop" }, this.list, this.button, this.input);
    for (const type of ["dragenter", "dragover"]) this.element.addEventListener(type, (event) => (event.preventDefault(), this.element.classList.add("over")));
    for (const type of ["dragleave", "drop"]) this.element.addEventListener(type, () => this.element.classList.remove("over"));
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

  /** Add files; the oldest are dropped if there are more than `max`. */
  add(files) {
    for (const file of files) {
      const upload = uploadFile(file);
      upload.catch(() => {}); // reported by `uploads`
      const preview = file.type.startsWith("image/") ? URL.createObjectURL(file) : null;
      this.#files.push({ file, upload, preview });
    }
    while (this.#files.length > this.max) this.#remove(this.#files[0]);
    this.#show();
  }

  /** Return references to the uploaded files, as the sandbox expects them. */
  async uploads() {
    return Promise.all(this.#files.map(async ({ upload }) => ({ upload: await upload })));
  }

  clear() {
    for (const item of [...this.#files]) this.#remove(item);
    this.#show();
  }

  #remove(item) {
    if (item.preview) URL.revokeObjectURL(item.preview);
    this.#files = this.#files.filter((other) => other !== item);
  }

  #show() {
    const drawn = this.#files.map((item) => {
      const { file, preview } = item;
      const remove = h("button", { type: "button", class: "icon", "aria-label": `Remove ${file.name}`, on: { click: () => (this.#remove(item), this.#show(), this.focus()) } }, icon("close"));
      const picture = preview ? h("img", { src: preview, alt: "" }) : icon("file");
      return h("span", { class: "chosen-file" }, picture, h("span", { class: "file-name", text: file.name }), h("span", { class: "dim", text: formatSize(file.size) }), remove);
    });
    this.list.replaceChildren(...drawn);
    this.button.hidden = this.#files.length >= this.max;
    this.onChange();
  }
}
