// Pictures, films, sounds and files in a message, and the lightbox.

import { h } from "./dom.js";
import { glyph } from "./glyphs.js";

const UNITS = ["bytes", "kB", "MB", "GB"];

/** Return a number of bytes in words. */
export function size(bytes) {
  const step = bytes < 1024 ? 0 : Math.min(3, Math.floor(Math.log(bytes) / Math.log(1024)));
  return `${step ? (bytes / 1024 ** step).toFixed(1) : bytes} ${UNITS[step]}`;
}

/** Draw one media item: {url, content_type, width, height}; `about` is its description. */
export function picture(item, world, { about = "", spoiler = false, key = null, zoom = true } = {}) {
  const found = world.media(item.url);
  if (!found) return h("div", { class: "elsewhere", title: item.url, text: "A picture from elsewhere; the sandbox loads nothing from outside." });
  const kind = (item.content_type ?? "").split("/")[0];
  const common = { "data-src": found.src, "data-path": found.path, "data-key": key ?? found.path };
  if (kind === "video") return h("video", { ...common, controls: true, preload: "metadata", "aria-label": about || "A film", width: item.width, height: item.height });
  if (kind === "audio") return h("audio", { ...common, controls: true, preload: "metadata", "aria-label": about || "A sound" });
  const image = h("img", { ...common, alt: about, width: item.width, height: item.height, decoding: "async", draggable: "false" });
  if (!zoom) return image;
  const act = { type: "button", class: spoiler ? "zoom hidden" : "zoom", "data-act": "zoom", "data-key": found.path, "data-about": about };
  return h("button", { ...act, "aria-label": about ? `Look closer: ${about}` : "Look closer" }, image);
}

/** Draw a file that can only be downloaded. */
export function fileCard(name, bytes, url, world) {
  const found = world.media(url);
  const words = h("span", { class: "file-words" },
    found ? h("a", { href: found.src, download: name, text: name }) : h("span", { text: name }),
    h("span", { class: "dim", text: bytes === null || bytes === undefined ? "" : size(bytes) }));
  return h("div", { class: "file", "data-key": found?.path }, glyph("file"), words);
}

/** Draw an attachment as its type asks for. */
export function attachment(item, world) {
  const kind = (item.content_type ?? "").split("/")[0];
  if (!["image", "video", "audio"].includes(kind)) return fileCard(item.filename, item.size, item.url, world);
  const drawn = picture(item, world, { about: item.description ?? item.filename, spoiler: Boolean(item.flags & 8) });
  return h("div", { class: `attached ${kind}`, "data-key": `a${item.id}` }, kind === "audio" ? h("span", { class: "dim", text: item.filename }) : null, drawn);
}

/** Draw pictures side by side: `items` are drawn nodes. */
export function grid(items) {
  return h("div", { class: `gallery of-${Math.min(items.length, 10)}` }, items.map((item) => h("div", { class: "cell", "data-key": item.dataset.key }, item)));
}

/** The lightbox: every picture of one message, one at a time. */
export class Lightbox {
  #dialog;
  #shown = [];
  #at = 0;

  constructor() {
    this.image = h("img", { alt: "" });
    this.caption = h("p", {});
    this.count = h("span", { class: "dim" });
    this.save = h("a", { text: "Save", download: "" });
    const button = (name, label, act) => h("button", { class: `icon ${name}`, type: "button", "aria-label": label, on: { click: act } }, glyph(name));
    this.before = button("left", "The one before", () => this.#step(-1));
    this.next = button("right", "The next one", () => this.#step(1));
    const foot = h("footer", {}, this.caption, h("span", { class: "grow" }), this.count, this.save);
    this.#dialog = h("dialog", { class: "lightbox", "aria-label": "Picture" }, button("close", "Close", () => this.#dialog.close()), this.before, h("figure", {}, this.image), this.next, foot);
    this.#dialog.addEventListener("keydown", (event) => {
      if (event.key === "ArrowLeft") this.#step(-1);
      if (event.key === "ArrowRight") this.#step(1);
    });
    this.#dialog.addEventListener("click", (event) => {
      if (!event.target.closest("img, button, a, p")) this.#dialog.close();
    });
    document.body.append(this.#dialog);
  }

  /** Show the picture behind `button` and let the others of its message be reached; a thumbnail stands alone. */
  open(button) {
    const others = [...button.closest(".message").querySelectorAll("button.zoom")].filter((one) => !one.closest(".thumbnail"));
    const all = others.includes(button) ? others : [button];
    this.#shown = all.map((one) => ({ image: one.querySelector("img"), about: one.dataset.about }));
    this.#at = all.indexOf(button);
    this.#show();
    this.#dialog.showModal();
  }

  #step(by) {
    this.#at = (this.#at + by + this.#shown.length) % this.#shown.length;
    this.#show();
  }

  #show() {
    const { image, about } = this.#shown[this.#at];
    this.image.src = image.src;
    this.image.alt = about;
    this.caption.textContent = about;
    this.save.href = image.src;
    this.save.download = image.dataset.path.split("/").at(-1);
    const several = this.#shown.length > 1;
    this.count.textContent = several ? `${this.#at + 1} / ${this.#shown.length}` : "";
    this.before.hidden = this.next.hidden = !several;
  }
}
