// The page to try a classifier. Names of files and classes are foreign text: they are only ever set as textContent.
"use strict";

const $ = (id) => document.getElementById(id);
const AT_A_TIME = 8;
let token = sessionStorage.getItem("zoo-token") || "";
let limits = null;
let waiting = [];
let isSending = false;

function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function size(bytes) {
  return bytes >= 1e6 ? `${+(bytes / 1e6).toFixed(1)} MB` : `${Math.ceil(bytes / 1e3)} kB`;
}

function percent(share) {
  if (share < 0.0005) return "< 0.1 %";
  return share < 1 && share >= 0.9995 ? "> 99.9 %" : `${(100 * share).toFixed(1)} %`;
}

function complain(text) {
  $("error").textContent = text;
  $("error").hidden = !text;
}

async function ask(path, options = {}) {
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  const response = await fetch(path, { ...options, headers });
  if (response.status === 401) $("token-form").hidden = false;
  return response;
}

async function readModel() {
  let response;
  try {
    response = await ask("/model");
  } catch {
    complain("The server does not answer.");
    return;
  }
  if (!response.ok) return;
  $("token-form").hidden = true;
  complain("");
  const model = await response.json();
  limits = model.limits;
  $("title").textContent = model.title;
  $("limits").textContent = `up to ${size(limits.image_bytes)} and ${+(limits.pixels / 1e6).toFixed(1)} megapixels each`;
  const shown = model.classes.slice(0, 200).join(", ") + (model.classes.length > 200 ? " …" : "");
  const facts = {
    "Trained on": model.dataset,
    "Takes": `${model.image_size} × ${model.image_size} pixels, ${model.channels === 1 ? "grey" : "colour"}; ${model.resizing}`,
    "Computes": `${model.precision} on ${model.device}`,
    [`${model.classes.length} classes`]: shown,
  };
  const list = $("about").querySelector("dl");
  list.replaceChildren();
  for (const [name, value] of Object.entries(facts)) {
    if (value) list.append(element("dt", "", name), element("dd", "", value));
  }
  $("about").hidden = false;
}

function makeCard(file) {
  const card = element("li", "card waiting");
  const picture = element("img", "picture");
  picture.alt = "";
  picture.onload = () => {
    picture.classList.toggle("tiny", picture.naturalWidth < 100);
    URL.revokeObjectURL(picture.src);
  };
  picture.onerror = () => picture.replaceWith(element("div", "picture", "no preview"));
  picture.src = URL.createObjectURL(file);
  const told = element("div");
  const name = element("p", "name faint", file.name);
  name.title = file.name;
  told.append(name, element("p", "faint", "waiting …"));
  card.append(picture, told);
  return card;
}

function settle(card, node) {
  card.classList.remove("waiting");
  card.lastChild.lastChild.replaceWith(node);
}

function bars(predictions) {
  const list = element("ul", "bars");
  for (const each of predictions) {
    const line = element("li");
    const what = element("div", "what");
    what.append(element("span", "", each.class), element("span", "", percent(each.probability)));
    const bar = element("progress");
    bar.max = 1;
    bar.value = each.probability;
    bar.setAttribute("aria-label", `${each.class}: ${percent(each.probability)}`);
    line.append(what, bar);
    list.append(line);
  }
  return list;
}

// From black through violet and orange to yellow, as zoo explain draws maps: brightness alone carries the value.
const HEAT = [[0, 0, 4], [66, 10, 104], [147, 38, 103], [221, 81, 58], [252, 165, 10], [252, 255, 164]];

function heat(value) {
  const place = Math.min(value, 0.9999) * (HEAT.length - 1);
  const [low, high] = [HEAT[Math.floor(place)], HEAT[Math.floor(place) + 1]];
  return low.map((from, channel) => from + (high[channel] - from) * (place % 1));
}

// Lays heat over grey pixels; *strength* returns the value in [0, 1] of a pixel.
function overlay(pixels, strength) {
  for (let at = 0; at < pixels.length; at += 4) {
    const grey = 0.35 * 255 + 0.65 * ((pixels[at] + pixels[at + 1] + pixels[at + 2]) / 3);
    const value = strength(at / 4);
    const share = 0.6 * value ** 0.7;
    heat(value).forEach((colour, channel) => { pixels[at + channel] = (1 - share) * grey + share * colour; });
  }
}

function canvasOf(image, width, height) {
  const made = element("canvas");
  [made.width, made.height] = [width, height];
  const context = made.getContext("2d", { willReadFrequently: true });
  context.imageSmoothingEnabled = false;
  if (image) context.drawImage(image, 0, 0, width, height);
  return [made, context];
}

async function decoded(base64) {
  const image = new Image();
  image.src = `data:image/png;base64,${base64}`;
  await image.decode();
  return image;
}

function scale() {
  const line = element("p", "scale faint");
  const [bar, context] = canvasOf(null, 120, 12);
  context.fillStyle = "#808080";
  context.fillRect(0, 0, 120, 12);
  const pixels = context.getImageData(0, 0, 120, 12);
  overlay(pixels.data, (place) => (place % 120) / 119);
  context.putImageData(pixels, 0, 0);
  bar.setAttribute("aria-hidden", "true");
  line.append(element("span", "", "0"), bar, element("span", "", "strongest evidence, probability 100 %"));
  return line;
}

// The map of an improbable class is weak: each is multiplied by the probability of its class.
async function drawMaps(told) {
  const box = element("div", "maps");
  box.append(scale());
  const seen = await decoded(told.seen);
  const side = Math.max(1, Math.ceil(160 / seen.naturalWidth));
  const [width, height] = [seen.naturalWidth * side, seen.naturalHeight * side];
  const row = element("div", "row");
  for (const each of told.maps) {
    const [, source] = canvasOf(null, width, height);
    source.imageSmoothingEnabled = true;
    source.drawImage(await decoded(each.map), 0, 0, width, height);
    const map = source.getImageData(0, 0, width, height).data;
    const [canvas, context] = canvasOf(seen, width, height);
    const pixels = context.getImageData(0, 0, width, height);
    overlay(pixels.data, (place) => (map[4 * place] / 255) * each.probability);
    context.putImageData(pixels, 0, 0);
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", `evidence for ${each.class}, ${percent(each.probability)}`);
    const figure = element("figure");
    figure.append(canvas, element("figcaption", "", `${each.class} ${percent(each.probability)}`));
    row.append(figure);
  }
  box.append(row, element("p", "faint", `Where the network looks, not why; ${told.rows} × ${told.columns} places.`));
  return box;
}

function looker(file) {
  const button = element("button", "look", "Where does it look?");
  button.type = "button";
  button.addEventListener("click", async () => {
    button.disabled = true;
    const form = new FormData();
    form.append("images", file, file.name);
    let made;
    try {
      const response = await ask("/explain?top_k=3", { method: "POST", body: form });
      const told = await response.json();
      made = response.ok ? await drawMaps(told) : element("p", "problem", told.detail);
    } catch {
      made = element("p", "problem", "The server did not answer.");
    }
    button.closest(".card")?.append(made); // over the whole width of the card
    button.remove();
  });
  return button;
}

function answered(predictions, file) {
  const made = element("div");
  made.append(bars(predictions), looker(file));
  return made;
}

function add(files) {
  complain("");
  const cards = [...files].map(makeCard);
  $("results").prepend(...cards);
  $("clear").hidden = !$("results").children.length;
  for (const [index, file] of [...files].entries()) {
    const card = cards[index];
    if (limits && file.size > limits.image_bytes) {
      settle(card, element("p", "problem", `it is larger than ${size(limits.image_bytes)}`));
    } else {
      waiting.push({ file, card });
    }
  }
  send();
}

function nextFew() {
  const few = [];
  let bytes = 0;
  while (waiting.length && few.length < Math.min(AT_A_TIME, limits ? limits.images : 1)) {
    bytes += waiting[0].file.size + 1000;
    if (few.length && limits && bytes > limits.request_bytes) break;
    few.push(waiting.shift());
  }
  return few;
}

async function send() {
  if (isSending) return;
  isSending = true;
  const began = performance.now();
  let count = 0;
  while (waiting.length) {
    const few = nextFew();
    $("status").textContent = `asking about ${few.length + waiting.length} …`;
    count += few.length;
    await askAbout(few);
  }
  if (count) $("status").textContent = `${count === 1 ? "1 picture" : `${count} pictures`} in ${((performance.now() - began) / 1000).toFixed(2)} s`;
  isSending = false;
}

async function askAbout(few) {
  const form = new FormData();
  for (const each of few) form.append("images", each.file, each.file.name);
  let entries = null;
  let problem = "";
  for (let attempt = 0; attempt < 5; attempt += 1) {
    try {
      const response = await ask(`/predict?top_k=${$("top-k").value}`, { method: "POST", body: form });
      const told = await response.json();
      entries = Array.isArray(told) ? told : told.images || null;
      problem = told.detail || "";
      if (response.status !== 503) break;
      await new Promise((done) => setTimeout(done, 1000 * Number(response.headers.get("Retry-After") || 1)));
    } catch {
      problem = "The server did not answer.";
      break;
    }
  }
  if (!entries) complain(problem);
  few.forEach((each, index) => {
    const entry = entries && entries[index];
    const text = entry ? entry.problem : "not asked";
    settle(each.card, text ? element("p", "problem", text) : answered(entry.predictions, each.file));
  });
}

$("files").addEventListener("change", () => {
  add($("files").files);
  $("files").value = "";
});
$("clear").addEventListener("click", () => {
  $("results").replaceChildren();
  $("clear").hidden = true;
  $("status").textContent = "";
  complain("");
});
$("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  token = $("token").value.trim();
  sessionStorage.setItem("zoo-token", token);
  readModel();
});
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  $("drop").classList.add("over");
});
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) $("drop").classList.remove("over");
});
document.addEventListener("drop", (event) => {
  event.preventDefault();
  $("drop").classList.remove("over");
  add(event.dataTransfer.files);
});
document.addEventListener("paste", (event) => add(event.clipboardData.files));
readModel();
