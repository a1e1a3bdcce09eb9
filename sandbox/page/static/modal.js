// A modal: the form that an application asked to be filled in.

import { entities, entity } from "./components.js";
import { FileDrop } from "./drop.js";
import { h } from "./dom.js";
import { glyph } from "./glyphs.js";
import { markdown } from "./markdown.js";

/** Open the form of `told` ({modal, form}); closes itself when it was taken. */
export function openModal(told, { world, wire, pending, application }) {
  const fields = [];
  const rows = told.modal.components.map((item) => row(item, world, fields));
  const problem = h("p", { class: "problem", role: "alert" });
  const send = h("button", { type: "submit", class: "button primary", text: "Submit" });
  const cancel = h("button", { type: "button", class: "button secondary", text: "Cancel", on: { click: () => dialog.close() } });
  const shut = h("button", { type: "button", class: "icon close", "aria-label": "Close", on: { click: () => dialog.close() } }, glyph("close"));
  const form = h("form", { method: "dialog", novalidate: true },
    h("header", {}, h("h2", { text: told.modal.title }), h("p", { class: "dim", text: `This form goes to ${application}.` }), shut),
    h("div", { class: "fields-of-form" }, rows), problem, h("footer", {}, cancel, send));
  const dialog = h("dialog", { class: "modal", "aria-label": told.modal.title }, form);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    problem.textContent = "";
    send.disabled = true;
    const settle = pending.show();
    try {
      const values = {};
      for (const [id, read] of fields) {
        const value = await read();
        if (value !== undefined) values[id] = value;
      }
      const answer = await wire.ask("submit", { form: told.form, values });
      if (answer.failed) throw new Error("Something went wrong. Try again.");
      dialog.close();
    } catch (error) {
      problem.textContent = error.message;
    } finally {
      settle(null);
      send.disabled = false;
    }
  });
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  form.querySelector("input, textarea, select")?.focus();
  return dialog;
}

function row(item, world, fields) {
  if (item.type === 10) return h("div", { class: "text" }, markdown(item.content, world.names));
  if (item.type === 1) return item.components.map((one) => labelled(one, one.label ?? "", null, world, fields));
  return labelled(item.component, item.label, item.description, world, fields);
}

function labelled(item, label, description, world, fields) {
  const [element, read] = field(item, world, label);
  fields.push([item.custom_id, read]);
  const group = [21, 22].includes(item.type);
  const needed = item.required ?? item.type !== 23;
  const about = h(group ? "legend" : "span", { class: "label" }, label, needed ? h("span", { class: "needed", title: "required", text: " *" }) : null);
  const more = description ? h("span", { class: "dim", text: description }) : null;
  return h(group ? "fieldset" : "label", { class: "asked" }, about, more, element);
}

/** Return the element of a field and what reads it. */
function field(item, world, label) {
  switch (item.type) {
    case 4:
      return text(item);
    case 19: {
      const drop = new FileDrop({ label: `Drop files here for ${label}, or choose`, most: item.max_values ?? 1 });
      return [drop.element, () => drop.uploads()];
    }
    case 21:
    case 22:
      return choices(item);
    case 23: {
      const box = h("input", { type: "checkbox", props: { checked: Boolean(item.default) } });
      return [box, () => box.checked];
    }
    default:
      return select(item, world);
  }
}

function text(item) {
  const common = { maxlength: item.max_length, placeholder: item.placeholder, autocomplete: "off" };
  const box = item.style === 2 ? h("textarea", { ...common, rows: 4 }) : h("input", { ...common, type: "text" });
  box.value = item.value ?? "";
  return [box, () => box.value];
}

function select(item, world) {
  const options = item.type === 3 ? item.options : entities(item.type, world);
  const several = (item.max_values ?? 1) > 1;
  const blank = several ? null : h("option", { value: "", text: item.placeholder ?? "—" });
  const drawn = options.map((one) => h("option", { value: one.value, text: one.label, props: { selected: Boolean(one.default) } }));
  const box = h("select", { multiple: several }, blank, drawn);
  const read = (value) => (item.type === 3 ? value : entity(value));
  return [box, () => [...box.selectedOptions].map((one) => one.value).filter(Boolean).map(read)];
}

function choices(item) {
  const single = item.type === 21;
  const boxes = item.options.map((one) => h("input", { type: single ? "radio" : "checkbox", name: item.custom_id, value: one.value, props: { checked: Boolean(one.default) } }));
  const rows = item.options.map((one, at) => h("label", { class: "choice" }, boxes[at], one.label, one.description ? h("span", { class: "dim", text: ` ${one.description}` }) : null));
  const chosen = () => boxes.filter((box) => box.checked).map((box) => box.value);
  return [h("div", {}, rows), () => (single ? chosen()[0] : chosen())];
}
