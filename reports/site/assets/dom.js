// Elements, data and addresses. Text reaches the page as text nodes only; nothing here makes markup of it.
"use strict";

const zoo = { widgets: {}, pages: null };

// An element: attributes by name, children as text or elements; on* are listeners.
zoo.el = (tag, attributes = {}, ...children) => zoo.fill(document.createElement(tag), attributes, children);
zoo.svg = (tag, attributes = {}, ...children) =>
  zoo.fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);

zoo.fill = (node, attributes, children) => {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
};

// The JSON of a page's script block.
zoo.read = (root, name) => {
  const block = root.querySelector(`script[data-block="${name}"]`);
  return block ? JSON.parse(block.textContent) : null;
};

// Columns of few different values come as these and places among them.
zoo.decode = (values) => (Array.isArray(values) ? values : values.places.map((place) => values.words[place]));

// A long name may break behind a slash.
zoo.breakable = (text) => text.split(/(?<=\/)/).flatMap((part, place) => (place ? [zoo.el("wbr"), part] : [part]));

zoo.cut = (text, length) => (text.length > length ? `${text.slice(0, length - 1)}…` : text);

// What sets long names apart is often their end.
zoo.cutMiddle = (text, length) => {
  const end = Math.floor(length * 0.45);
  return text.length > length ? `${text.slice(0, length - 1 - end)}…${text.slice(text.length - end)}` : text;
};

// The address of another page of the site, with what its state should be.
zoo.href = (path, state = "") => {
  if (zoo.pages) return `#/${path}${state ? `?${state}` : ""}`;
  const up = document.body.dataset.up || "";
  return `${up}${path}${state ? `#${state}` : ""}`;
};

// State lives in the address after the #, so that it works from a folder, and a link shows what its sender saw.
zoo.state = {
  read() {
    const hash = location.hash.slice(1);
    return new URLSearchParams(zoo.pages ? hash.split("?").slice(1).join("?") : hash);
  },
  write(parameters) {
    if (zoo.embedded) parameters.set("embed", "1");
    const text = parameters.toString();
    const page = zoo.pages ? `/${zoo.page || ""}` : "";
    const hash = zoo.pages ? `#${page}${text ? `?${text}` : ""}` : text ? `#${text}` : location.pathname + location.search;
    history.replaceState(null, "", hash);
  },
};

zoo.save = (name, type, content) => {
  const link = zoo.el("a", { href: URL.createObjectURL(new Blob([content], { type })), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
};

zoo.copy = async (text) => {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Where pages may not reach the clipboard, a selection can still be copied.
    const area = zoo.el("textarea", { class: "offscreen", "aria-hidden": "true" });
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  zoo.say(`Copied ${text.length > 60 ? `${text.slice(0, 60)}…` : text}`);
};

// The HTML of a frame that shows what is shown here, without headings and controls.
zoo.frame = () => {
  const escaped = (text) => text.replaceAll("&", "&amp;").replaceAll('"', "&quot;").replaceAll("<", "&lt;");
  const parameters = zoo.state.read();
  parameters.set("embed", "1");
  const page = zoo.pages ? `/${zoo.page || ""}?` : "";
  const address = `${location.href.split("#")[0]}#${page}${parameters}`;
  return `<iframe src="${escaped(address)}" title="${escaped(document.title)}" width="100%" height="480" loading="lazy"></iframe>`;
};

// Said to screen readers, and shown for a moment.
zoo.say = (text) => {
  const place = document.getElementById("said");
  if (!place) return;
  place.textContent = text;
  clearTimeout(zoo.silence);
  zoo.silence = setTimeout(() => (place.textContent = ""), 2500);
};

zoo.copyButton = (text, what) =>
  zoo.el("button", { type: "button", class: "copy", title: `Copy ${what}`, "aria-label": `Copy ${what} ${text}`, onclick: () => zoo.copy(text) },
    zoo.svg("svg", { viewBox: "0 0 16 16", width: 13, height: 13, "aria-hidden": "true" },
      zoo.svg("path", { d: "M5.5 5.5V2.5h8v8h-3M2.5 5.5h8v8h-8z", fill: "none", stroke: "currentColor", "stroke-width": 1.4 })));
