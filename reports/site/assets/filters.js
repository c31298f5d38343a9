// The rows of a board as columns of values, and which of them a search and filters leave.
"use strict";

// Columns, decoded; and what charts, filters and tables ask of rows.
zoo.boardOf = (data) => {
  const columns = data.columns.map((column) => {
    const plain = Object.fromEntries(Object.entries(column.plain).map(([key, values]) => [key, zoo.decode(values)]));
    const own = plain[column.key];
    return {
      ...column,
      plain,
      text: column.text ? zoo.decode(column.text) : own.map((value) => (value === null ? "–" : String(value))),
      spread: column.spread ? zoo.decode(column.spread) : null,
      value: column.value ? zoo.decode(column.value) : own,
      // Numbers in filters and on axes are in the unit of the heading: percent, or millions.
      unit: column.title.endsWith("%") ? 0.01 : ["params", "macs"].includes(column.key) ? 1e6 : 1,
    };
  });
  if (data.history) columns.push(zoo.courseColumn(data.history));
  const column = Object.fromEntries(columns.map((each) => [each.key, each]));
  const facts = Object.fromEntries(Object.entries(data.rows).map(([key, values]) => [key, zoo.decode(values)]));
  const models = column.model.plain.model;
  const chosen = {
    data: column.data ? column.data.plain.data : facts.id.map(() => ""),
    recipe: column.recipe ? column.recipe.plain.recipe : facts.id.map(() => ""),
    family: facts.family,
    device: facts.device,
    status: facts.status,
    seen: column.seen ? column.seen.plain.seen : facts.id.map(() => ""),
  };
  const lows = column.interval ? column.interval.plain.accuracy_low : facts.id.map(() => null);
  const highs = column.interval ? column.interval.plain.accuracy_high : facts.id.map(() => null);
  const areTied = (row, other) => {
    for (let run = 0; run < facts.tied[row].length; run += 2)
      if (facts.tied[row][run] <= facts.place[other] && facts.place[other] <= facts.tied[row][run + 1]) return true;
    return false;
  };
  const point = (row, keys) => ({
    row,
    label: [facts.label[row], chosen.data[row]].filter(Boolean).join(" · "),
    short: facts.label[row],
    href: zoo.href(`rows/${facts.id[row]}.html`),
    y: column.accuracy.plain.accuracy[row],
    low: lows[row],
    high: highs[row],
    lines: [
      `accuracy ${column.accuracy.text[row]} %${lows[row] === null ? "" : `, 95 % interval ${column.interval.text[row]}`}`,
      ...keys.filter((key) => key !== "accuracy").map((key) => `${column[key].title} ${column[key].text[row]} ${column[key].spread?.[row] || ""}`.trim()),
      `rank ${column.rank.text[row]}`,
      ...(column.recipe ? [`recipe ${chosen.recipe[row]}`] : []),
    ],
  });
  return { data, columns, column, facts, chosen, models, lows, highs, areTied, point };
};

// The ranges in an address, as text in the units of the headings: { params: ["", "2"] }.
zoo.rangesOf = (from, column) => {
  const ranges = {};
  const amount = (text) => (text && Number.isFinite(Number(text)) ? text : "");
  for (const [name, text] of from) {
    const [, end, key] = /^(min|max)_(.+)$/.exec(name) || [];
    if (!column[key]?.numeric || !amount(text)) continue;
    (ranges[key] ||= ["", ""])[end === "min" ? 0 : 1] = text;
  }
  return ranges;
};

zoo.filters = (root, board, state, change) => {
  const { el } = zoo;
  const { columns, column, facts, chosen, models } = board;
  const RANGES = ["accuracy", "params", "inference_speed", "latency_p50", "peak_memory"]; // with fields of their own
  const FRONTS = { inference_speed: "inference throughput", params: "parameters", macs: "multiply-accumulates" };
  const form = root.querySelector("[data-controls]");
  const search = form.querySelector("[name=q]");
  const fields = facts.id.map((_, row) => [models[row], facts.name[row], chosen.data[row], chosen.recipe[row], facts.family[row], facts.label[row]].map((text) => String(text).toLowerCase()));
  const haystack = fields.map((each) => each.join("\n"));
  const nothing = { q: "", ...Object.fromEntries(Object.keys(chosen).map((key) => [key, ""])), front: "", ranges: {} };

  // A comma separates alternatives, a space words that must all occur; * and ? stand for any text and any letter.
  let asked = null;
  let wanted = [];
  const alternatives = (text) => {
    if (text === asked) return wanted;
    asked = text;
    wanted = text.toLowerCase().split(",").map((each) => each.split(/\s+/).filter(Boolean)).filter((words) => words.length)
      .map((words) => words.map((word) => {
        if (!/[*?]/.test(word)) return (row) => haystack[row].includes(word);
        const pattern = new RegExp(`^${word.replace(/[.+^${}()|[\]\\]/g, "\\$&").replaceAll("*", ".*").replaceAll("?", ".")}$`, "s");
        return (row) => fields[row].some((field) => pattern.test(field));
      }));
    return wanted;
  };

  const isWithin = (row, key, [least, most]) => {
    const value = column[key].value[row];
    if (value === null || value === undefined) return false;
    return !(least && value < column[key].unit * Number(least) * (1 - 1e-9)) && !(most && value > column[key].unit * Number(most) * (1 + 1e-9));
  };
  const matches = (row, given = state()) => {
    const words = alternatives(given.q);
    if (words.length && !words.some((each) => each.every((test) => test(row)))) return false;
    for (const key of Object.keys(chosen)) if (given[key] && chosen[key][row] !== given[key]) return false;
    if (given.front && column.dominated_by?.plain[`on_front_${given.front}`]?.[row] !== true) return false;
    for (const [key, range] of Object.entries(given.ranges)) if (!isWithin(row, key, range)) return false;
    return true;
  };

  // The most accurate row of a table within limits on costs, if there are any.
  const best = (table) => {
    if (!Object.keys(state().ranges).some((key) => key !== "accuracy")) return null;
    const means = column.accuracy.plain.accuracy;
    return table.rows.filter((row) => matches(row) && means[row] !== null).reduce((top, row) => (top === null || means[row] > means[top] ? row : top), null);
  };

  // ----- controls
  for (const [key, values] of Object.entries(chosen)) {
    const select = form.querySelector(`select[name="${key}"]`);
    const counts = new Map();
    for (const value of values) if (value) counts.set(value, (counts.get(value) || 0) + 1);
    if (counts.size < 2) select.closest("label").hidden = true;
    for (const value of [...counts.keys()].sort((a, b) => a.localeCompare(b, "en", { numeric: true })))
      select.append(el("option", { value }, `${value.length > 60 ? `${value.slice(0, 59)}…` : value} (${counts.get(value)})`));
  }
  const front = form.querySelector("[name=front]");
  for (const [key, name] of Object.entries(FRONTS))
    if (column.dominated_by?.plain[`on_front_${key}`]?.some((is) => is === true)) front.append(el("option", { value: key }, name));
  front.closest("label").hidden = front.options.length < 2;
  const place = form.querySelector("[data-ranges]");
  for (const key of RANGES) {
    if (!column[key] || new Set(column[key].value.filter((value) => value !== null)).size < 2) continue;
    const title = key === "params" || key === "macs" ? `${column[key].title}, millions` : column[key].title;
    const end = (name, what) => el("input", { type: "number", name: `${name}_${key}`, step: "any", placeholder: name, "aria-label": `${what} ${title}` });
    place.append(el("div", { class: "range", role: "group", "aria-label": title }, el("span", {}, title), end("min", "Minimum"), " – ", end("max", "Maximum")));
  }

  const fill = () => {
    for (const field of form.querySelectorAll("input[name], select[name]")) {
      const [, end, key] = /^(min|max)_(.+)$/.exec(field.name) || [];
      field.value = key ? (state().ranges[key] || ["", ""])[end === "min" ? 0 : 1] : state()[field.name];
    }
  };
  let typing = 0;
  let pending = {}; // what was typed and is not shown yet
  form.addEventListener("input", (event) => {
    const { name, value } = event.target;
    const [, end, key] = /^(min|max)_(.+)$/.exec(name || "") || [];
    if (key) {
      const ranges = { ...(pending.ranges || state().ranges) };
      const range = [...(ranges[key] || ["", ""])];
      range[end === "min" ? 0 : 1] = value;
      if (range[0] || range[1]) ranges[key] = range;
      else delete ranges[key];
      pending.ranges = ranges;
    } else if (name in nothing) pending[name] = value;
    else return;
    clearTimeout(typing);
    if (event.target !== search) return apply();
    typing = setTimeout(apply, 120);
  });
  function apply() {
    clearTimeout(typing);
    const parts = pending;
    pending = {};
    change(parts);
  }
  form.addEventListener("submit", (event) => event.preventDefault());
  // On a phone, results come first.
  const fold = form.querySelector("[data-filters]");
  if (window.matchMedia("(max-width: 40rem)").matches) fold.open = false;

  // ----- what is active, each with a button that ends it
  const active = () => {
    const now = state();
    const found = [];
    if (now.q.trim()) found.push([`search “${now.q.trim()}”`, { q: "" }]);
    for (const key of Object.keys(chosen)) if (now[key]) found.push([`${key === "seen" ? "test images seen:" : key} ${now[key]}`, { [key]: "" }]);
    if (now.front) found.push([`on the front of ${FRONTS[now.front] || now.front}`, { front: "" }]);
    for (const [key, [least, most]] of Object.entries(now.ranges)) {
      const { [key]: _, ...ranges } = now.ranges;
      const unit = column[key].unit === 1e6 ? " M" : "";
      found.push([`${column[key].title} ${least && most ? `${least} to ${most}` : least ? `at least ${least}` : `at most ${most}`}${unit}`, { ranges }]);
    }
    return found;
  };
  const chips = root.querySelector("[data-active]");
  const none = root.querySelector("[data-none]");
  const explain = (shown) => {
    const all = active();
    chips.replaceChildren(...all.map(([name, parts]) => el("button", { type: "button", class: "chip", "aria-label": `Remove filter: ${name}`, onclick: () => change(parts) }, el("bdi", {}, name), " ×")));
    none.hidden = shown > 0;
    if (shown > 0) return;
    const without = all.map(([name, parts]) => [name, parts, facts.id.filter((_, row) => matches(row, { ...state(), ...parts })).length])
      .filter(([, , count]) => count > 0).sort((a, b) => b[2] - a[2]);
    none.replaceChildren(...(without.length
      ? ["No row matches. ", ...without.flatMap(([name, parts, count]) => ["Without ", el("button", { type: "button", class: "chip", onclick: () => change(parts) }, el("bdi", {}, name)), `, ${count} row${count === 1 ? "" : "s"} would. `])]
      : [all.length ? "No row matches, whichever one filter is removed." : "There are no rows."]));
  };
  return { matches, best, fill, explain, nothing, numeric: columns.filter((each) => each.numeric && each.value) };
};
