// Images, videos, audio and files in a message, and the lightbox.

import { h } from "./dom.js";
import { icon } from "./icons.js";

const UNITS = ["bytes", "kB", "MB", "GB"];
const IS_SPOILER = 8;
const MAX_GALLERY = 10;

/** Return a number of bytes with its unit: "1.5 MB". */
export function formatSize(bytes) {
  const step = bytes < 1024 ? 0 : Math.min(3, Math.floor(Math.log(bytes) / Math.log(1024)));
  return `${step ? (bytes / 1024 ** step).toFixed(1) : bytes} ${UNITS[step]}`;
}

/** Draw one media item: {url, content_type, width, height}; `about` is its description. */
export function drawMedia(item, chat, { about = "", spoiler = false } = {}) {
  const source = chat.mediaSource(item.url);
  if (!source) return h("div", { class: "external-media", title: item.url, text: "External image; the sandbox loads nothing from outside." });
  const kind = (item.content_type ?? "").split("/")[0];
  const common = { "data-src": source.src, "data-path": source.path, "data-key": source.path };
  if (kind === "video") return h("video", { ...common, controls: true, preload: "metadata", "aria-label": about || "Video", width: item.width, height: item.height });
  if (kind === "audio") return h("audio", { ...common, controls: true, preload: "metadata", "aria-label": about || "Audio" });
  const image = h("img", { ...common, alt: about, width: item.width, height: item.height, decoding: "async", draggable: "false" });
  const attributes = { type: "button", class: spoiler ? "zoom hidden" : "zoom", "data-action": "zoom", "data-key": source.path, "data-about": about };
  return h("button", { ...attributes, "aria-label": about ? `Enlarge: ${about}` : "Enlarge" }, image);
}

/** Draw a file that can only be downloaded. */
export function drawFileCard(name, bytes, url, chat) {
  const source = chat.mediaSource(url);
  const text = h("span", { class: "file-text" },
    source ? h("a", { href: source.src, download: name, text: name }) : h("span", { text: name }),
    h("span", { class: "dim", text: bytes === null || bytes === undefined ? "" : formatSize(bytes) }));
  return h("div", { class: "file", "data-key": source?.path }, icon("file"), text);
}

/** Draw an attachment as its type requires. */
export function drawAttachment(item, chat) {
  const kind = (item.content_type ?? "").split("/")[0];
  if (!["image", "video", "audio"].includes(kind)) return drawFileCard(item.filename, item.size, item.url, chat);
  const media = drawMedia(item, chat, { about: item.description ?? item.filename, spoiler: Boolean(item.flags & IS_SPOILER) });
  return h("div", { class: `attached ${kind}`, "data-key": `a${item.id}` }, kind === "audio" ? h("span", { class: "dim", text: item.filename }) : null, media);
}

/** Draw images side by side; `elements` are drawn media. */
export function drawGallery(elements) {
  const cells = elements.map((element) => h("div", { class: "cell", "data-key": element.dataset.key }, element));
  return h("div", { class: `gallery of-${Math.min(elements.length, MAX_GALLERY)}` }, cells);
}

/** The lightbox: the images of one message, one at a time. */
export class Lightbox {
  #dialog;
  #items = [];
  #index = 0;

  constructor() {
    this.image = h("img", { alt: "" });
    this.caption = h("p", {});
    this.count = h("span", { class: "dim" });
    this.save = h("a", { text: "Save", download: "" });
    const button = (name, label, action) => h("button", { class: `icon ${name}`, type: "button", "aria-label": label, on: { click: action } }, icon(name));
    this.previous = button("left", "Previous", () => this.#move(-1));
    this.next = button("right", "Next", () => this.#move(1));
    const footer = h("footer", {}, this.caption, h("span", { class: "grow" }), this.count, this.save);
    this.#dialog = h("dialog", { class: "lightbox", "aria-label": "Image" }, button("close", "Close", () => this.#dialog.close()), this.previous, h("figure", {}, this.image), this.next, footer);
    this.#dialog.addEventListener("keydown", (event) => {
      if (event.key === "ArrowLeft") this.#move(-1);
      if (event.key === "ArrowRight") this.#move(1);
    });
    this.#dialog.addEventListener("click", (event) => {
      if (!event.target.closest("img, button, a, p")) this.#dialog.close();
    });
    document.body.append(this.#dialog);
  }

  /** Show the image of `button`; the others of its message are before and after it. A thumbnail is shown alone. */
  open(button) {
    const gallery = [...button.closest(".message").querySelectorAll("button.zoom")].filter((other) => !other.closest(".thumbnail"));
    const buttons = gallery.includes(button) ? gallery : [button];
    this.#items = buttons.map((other) => ({ image: other.querySelector("img"), about: other.dataset.about }));
    this.#index = buttons.indexOf(button);
    this.#show();
    this.#dialog.showModal();
  }

  #move(offset) {
    this.#index = (this.#index + offset + this.#items.length) % this.#items.length;
    this.#show();
  }

  #show() {
    const { image, about } = this.#items[this.#index];
    this.image.src = image.src;
    this.image.alt = about;
    this.caption.textContent = about;
    this.save.href = image.src;
    this.save.download = image.dataset.path.split("/").at(-1);
    const several = this.#items.length > 1;
    this.count.textContent = several ? `${this.#index + 1} / ${this.#items.length}` : "";
    this.previous.hidden = this.next.hidden = !several;
  }
}
