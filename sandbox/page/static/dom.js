// Building DOM nodes, and bringing an old tree to the state of a new one without replacing what did not change.

/**
 * Make an element. Attributes: `class`, `text`, `on` ({event: listener}), `style` ({property: value}), `props`
 * (properties set directly), anything else as an attribute; null, undefined and false are left out.
 * Children: nodes, strings (as text), arrays; null, undefined and false are left out.
 * @returns {any}
 */
export function h(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** Make an SVG icon of one path on a 24 × 24 grid. */
export function icon(path, label = "") {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  const line = document.createElementNS(space, "path");
  line.setAttribute("d", path);
  svg.append(line);
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "glyph");
  svg.setAttribute(label ? "aria-label" : "aria-hidden", label || "true");
  return svg;
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "text") element.textContent = value;
    else if (name === "on") for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    else if (name === "style") for (const [property, one] of Object.entries(value)) element.style.setProperty(property, one);
    else if (name === "props") Object.assign(element, value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

// What a reader changed by hand stays as it is.
const KEPT = new Set(["open", "data-shown", "src", "data-loaded"]);

/**
 * Load the media of a tree that is in place: those with `data-src`, each once for each `data-path`. Addresses are
 * signed anew at every look though the file is the same, and a tree that is only compared must load nothing.
 */
export function load(root) {
  for (const element of root.querySelectorAll("[data-src]")) {
    if (element.dataset.loaded === element.dataset.path) continue;
    element.src = element.dataset.src;
    element.dataset.loaded = element.dataset.path;
  }
}

/** Change `old` until it equals `fresh`, keeping every element that can stay; returns the element now in place. */
export function morph(old, fresh) {
  if (!alike(old, fresh)) {
    old.replaceWith(fresh);
    return fresh;
  }
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.nodeValue !== fresh.nodeValue) old.nodeValue = fresh.nodeValue;
    return old;
  }
  morphAttributes(old, fresh);
  morphChildren(old, fresh);
  return old;
}

function alike(one, other) {
  return one.nodeType === other.nodeType && one.nodeName === other.nodeName && keyOf(one) === keyOf(other);
}

function keyOf(node) {
  return node.nodeType === Node.ELEMENT_NODE ? node.getAttribute("data-key") : null;
}

function morphAttributes(old, fresh) {
  for (const { name, value } of [...fresh.attributes]) {
    if (old.getAttribute(name) === value || KEPT.has(name)) continue;
    // The page's policy takes no style attribute; a style's properties are another road.
    if (name === "style") old.style.cssText = value;
    else old.setAttribute(name, value);
  }
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name) && !KEPT.has(name)) old.removeAttribute(name);
  }
}

function morphChildren(old, fresh) {
  const keyed = new Map([...old.childNodes].filter(keyOf).map((node) => [keyOf(node), node]));
  let place = old.firstChild;
  for (const wanted of [...fresh.childNodes]) {
    const key = keyOf(wanted);
    const found = key ? keyed.get(key) : place && !keyOf(place) ? place : null;
    if (found && alike(found, wanted)) {
      if (found === place) place = place.nextSibling;
      else old.insertBefore(found, place);
      morph(found, wanted);
    } else {
      old.insertBefore(wanted, place);
    }
  }
  while (place) {
    const next = place.nextSibling;
    place.remove();
    place = next;
  }
}
