// Creating DOM nodes, and updating an existing tree in place.

const SVG = "http://www.w3.org/2000/svg";
// Attributes that the reader or the page has changed since the element was drawn.
const PRESERVED = new Set(["open", "data-shown", "src", "data-loaded"]);

/**
 * Create an element. Attributes: `class`, `text`, `on` ({event: listener}), `style` ({property: value}), `props`
 * (properties set directly), anything else as an attribute; null, undefined and false are omitted.
 * Children: nodes, strings (as text), arrays; null, undefined and false are omitted.
 * @returns {any}
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "text") element.textContent = value;
    else if (name === "on") for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    else if (name === "style") for (const [property, setting] of Object.entries(value)) element.style.setProperty(property, setting);
    else if (name === "props") Object.assign(element, value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Create an SVG element; attributes and children as for `h`, without `on` and `props`. */
export function s(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "text") element.textContent = value;
    else element.setAttribute(name, String(value));
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Create an SVG icon from one path on a 24 × 24 grid. */
export function svg(path) {
  const element = document.createElementNS(SVG, "svg");
  const line = document.createElementNS(SVG, "path");
  line.setAttribute("d", path);
  element.append(line);
  element.setAttribute("viewBox", "0 0 24 24");
  element.setAttribute("class", "glyph");
  element.setAttribute("aria-hidden", "true");
  return element;
}

/**
 * Load the media of a tree that is in the document: elements with `data-src`, once for each `data-path`. A file gets a
 * new signed URL whenever it is drawn, and a tree that is only drawn for comparison must load nothing.
 */
export function loadMedia(root) {
  for (const element of root.querySelectorAll("[data-src]")) {
    if (element.dataset.loaded === element.dataset.path) continue;
    element.src = element.dataset.src;
    element.dataset.loaded = element.dataset.path;
  }
}

/** Update `old` until it equals `fresh`, keeping every element that can be kept; returns the element now in place. */
export function morph(old, fresh) {
  if (!canMorph(old, fresh)) {
    old.replaceWith(fresh);
    return fresh;
  }
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.nodeValue !== fresh.nodeValue) old.nodeValue = fresh.nodeValue;
    return old;
  }
  morphAttributes(old, fresh);
  morphChildren(old, fresh);
  // As in Discord's client, an update of a message sets the selects in it back.
  if (old instanceof HTMLSelectElement && old.dataset.control && !old.multiple) old.value = fresh.value;
  return old;
}

function canMorph(old, fresh) {
  return old.nodeType === fresh.nodeType && old.nodeName === fresh.nodeName && keyOf(old) === keyOf(fresh);
}

function keyOf(node) {
  return node.nodeType === Node.ELEMENT_NODE ? node.getAttribute("data-key") : null;
}

function morphAttributes(old, fresh) {
  for (const { name, value } of [...fresh.attributes]) {
    if (old.getAttribute(name) === value || PRESERVED.has(name)) continue;
    // The content security policy forbids style attributes, but not setting style properties.
    if (name === "style") old.style.cssText = value;
    else old.setAttribute(name, value);
  }
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name) && !PRESERVED.has(name)) old.removeAttribute(name);
  }
}

function morphChildren(old, fresh) {
  const keyed = new Map([...old.childNodes].filter(keyOf).map((node) => [keyOf(node), node]));
  let current = old.firstChild;
  for (const child of [...fresh.childNodes]) {
    const key = keyOf(child);
    const match = key ? keyed.get(key) : current && !keyOf(current) ? current : null;
    if (match && canMorph(match, child)) {
      if (match === current) current = current.nextSibling;
      else old.insertBefore(match, current);
      morph(match, child);
    } else {
      old.insertBefore(child, current);
    }
  }
  while (current) {
    const next = current.nextSibling;
    current.remove();
    current = next;
  }
}
