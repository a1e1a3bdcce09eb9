// A modal: a form that the application asks the person to fill in.

import { listEntities, parseEntity } from "./components.js";
import { h } from "./dom.js";
import { FileDrop } from "./file-drop.js";
import { icon } from "./icons.js";
import { renderMarkdown } from "./markdown.js";

// Types of components.
const ACTION_ROW = 1;
const STRING_SELECT = 3;
const TEXT_INPUT = 4;
const TEXT_DISPLAY = 10;
const FILE_UPLOAD = 19;
const RADIO_GROUP = 21;
const CHECKBOX_GROUP = 22;
const CHECKBOX = 23;

const PARAGRAPH_STYLE = 2;
const MAX_SELECT_ROWS = 5;

/** Open the form in `result` ({modal, form}); it closes when it has been submitted. */
export function openModal(result, { chat, socket, pending, application }) {
  const fields = [];
  const rows = result.modal.components.map((item) => drawRow(item, chat, fields));
  const problem = h("p", { class: "problem", role: "alert" });
  const submit = h("button", { type: "submit", class: "button primary", text: "Submit" });
  const cancel = h("button", { type: "button", class: "button secondary", text: "Cancel", on: { click: () => dialog.close() } });
  const close = h("button", { type: "button", class: "icon close", "aria-label": "Close", on: { click: () => dialog.close() } }, icon("close"));
  const form = h("form", { method: "dialog", novalidate: true },
    h("header", {}, h("h2", { text: result.modal.title }), h("p", { class: "dim", text: `This form will be submitted to ${application}.` }), close),
    h("div", { class: "form-fields" }, rows), problem, h("footer", {}, cancel, submit));
  const dialog = h("dialog", { class: "modal", "aria-label": result.modal.title }, form);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    problem.textContent = "";
    submit.disabled = true;
    const settle = pending.show();
    try {
      const values = {};
      for (const [id, read] of fields) {
        const value = await read();
        if (value !== undefined) values[id] = value;
      }
      const response = await socket.request("submit_form", { form: result.form, values });
      if (response.failed) throw new Error("Something went wrong. Try again.");
      dialog.close();
    } catch (error) {
      problem.textContent = error.message;
    } finally {
      settle(null);
      submit.disabled = false;
    }
  });
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  form.querySelector("input, textarea, select")?.focus();
  return dialog;
}

function drawRow(item, chat, fields) {
  if (item.type === TEXT_DISPLAY) return h("div", { class: "text" }, renderMarkdown(item.content, chat.names));
  if (item.type === ACTION_ROW) return item.components.map((input) => drawLabelled(input, input.label ?? "", null, chat, fields));
  return drawLabelled(item.component, item.label, item.description, chat, fields);
}

function drawLabelled(item, label, description, chat, fields) {
  const [element, read] = drawField(item, chat, label);
  fields.push([item.custom_id, read]);
  const isGroup = [RADIO_GROUP, CHECKBOX_GROUP].includes(item.type);
  const required = item.required ?? item.type !== CHECKBOX;
  const caption = h(isGroup ? "legend" : "span", { class: "label" }, label, required ? h("span", { class: "required-mark", title: "required", text: " *" }) : null);
  const hint = description ? h("span", { class: "dim", text: description }) : null;
  return h(isGroup ? "fieldset" : "label", { class: "form-field" }, caption, hint, element);
}

/** Return the element of a field and a function that returns its value. */
function drawField(item, chat, label) {
  switch (item.type) {
    case TEXT_INPUT:
      return drawTextInput(item);
    case FILE_UPLOAD: {
      const drop = new FileDrop({ label: `Drop files here for ${label}, or choose them`, max: item.max_values ?? 1 });
      return [drop.element, () => drop.uploads()];
    }
    case RADIO_GROUP:
    case CHECKBOX_GROUP:
      return drawChoices(item);
    case CHECKBOX: {
      const box = h("input", { type: "checkbox", props: { checked: Boolean(item.default) } });
      return [box, () => box.checked];
    }
    default:
      return drawSelect(item, chat);
  }
}

function drawTextInput(item) {
  const common = { maxlength: item.max_length, placeholder: item.placeholder, autocomplete: "off" };
  const input = item.style === PARAGRAPH_STYLE ? h("textarea", { ...common, rows: 4 }) : h("input", { ...common, type: "text" });
  input.value = item.value ?? "";
  return [input, () => input.value];
}

function drawSelect(item, chat) {
  const options = item.type === STRING_SELECT ? item.options : listEntities(item, chat);
  const several = (item.max_values ?? 1) > 1;
  const blank = several ? null : h("option", { value: "", text: item.placeholder ?? "—" });
  const drawn = options.map((option) => h("option", { value: option.value, text: option.label, props: { selected: Boolean(option.default) } }));
  const select = h("select", { multiple: several, size: several ? Math.min(Math.max(options.length, 2), MAX_SELECT_ROWS) : null }, blank, drawn);
  const parse = (value) => (item.type === STRING_SELECT ? value : parseEntity(value));
  return [select, () => [...select.selectedOptions].map((option) => option.value).filter(Boolean).map(parse)];
}

function drawChoices(item) {
  const single = item.type === RADIO_GROUP;
  const boxes = item.options.map((option) => h("input", { type: single ? "radio" : "checkbox", name: item.custom_id, value: option.value, props: { checked: Boolean(option.default) } }));
  const rows = item.options.map((option, index) => h("label", { class: "choice" }, boxes[index], h("span", {}, option.label, option.description ? h("span", { class: "about-choice", text: option.description }) : null)));
  const checked = () => boxes.filter((box) => box.checked).map((box) => box.value);
  return [h("div", {}, rows), () => (single ? checked()[0] : checked())];
}
