// The board: a table with search, filters, sorting and a choice of columns, all of it kept in the address.
"use strict";

zoo.widgets.board = (root) => {
  const { el } = zoo;
  const data = zoo.read(root, "board");
  const columns = data.columns.map((column) => {
    const plain = Object.fromEntries(Object.entries(column.plain).map(([key, values]) => [key, zoo.decode(values)]));
    const own = plain[column.key];
    return {
      ...column,
      plain,
      text: column.text ? zoo.decode(column.text) : own.map((value) => (value === null ? "–" : String(value))),
      value: column.value ? zoo.decode(column.value) : own,
    };
  });
  const column = Object.fromEntries(columns.map((each) => [each.key, each]));
  const facts = Object.fromEntries(Object.entries(data.rows).map(([key, values]) => [key, zoo.decode(values)]));
  const models = column.model.plain.model;
  const chosen = {
    data: column.data ? column.data.plain.data : facts.id.map(() => ""),
    recipe: column.recipe ? column.recipe.plain.recipe : facts.id.map(() => ""),
    family: facts.family,
    device: facts.device,
    status: facts.status,
  };
  const haystack = facts.id.map((_, row) =>
    [models[row], facts.name[row], chosen.data[row], chosen.recipe[row], facts.family[row]].join("\n").toLowerCase(),
  );
  const usual = columns.filter((each) => each.shown).map((each) => each.key);
  const picked = new Set();
  let state = read();

  function read() {
    const from = zoo.state.read();
    const keys = (from.get("columns") || "").split(",").filter((key) => column[key]);
    const sort = from.get("sort") || "";
    return {
      q: from.get("q") || "",
      ...Object.fromEntries(Object.keys(chosen).map((key) => [key, from.get(key) || ""])),
      least: amount(from.get("least")),
      most: amount(from.get("most")),
      sort: column[sort.replace(/^-/, "")]?.sortable || ["model", "data", "recipe"].includes(sort.replace(/^-/, "")) ? sort : "",
      columns: keys.length ? keys : usual,
    };
  }

  function amount(text) {
    return text && Number.isFinite(Number(text)) && Number(text) >= 0 ? text : "";
  }

  function write() {
    const to = new URLSearchParams();
    for (const key of ["q", ...Object.keys(chosen), "least", "most", "sort"]) if (state[key]) to.set(key, state[key]);
    if (state.columns.join() !== usual.join()) to.set("columns", state.columns.join(","));
    zoo.state.write(to);
  }

  const matches = (row) => {
    if (state.q && !state.q.toLowerCase().split(/\s+/).every((word) => haystack[row].includes(word))) return false;
    for (const key of Object.keys(chosen)) if (state[key] && chosen[key][row] !== state[key]) return false;
    const params = column.params?.plain.params[row] ?? null;
    if (state.least && !(params !== null && params >= 1e6 * Number(state.least))) return false;
    if (state.most && !(params !== null && params <= 1e6 * Number(state.most))) return false;
    return true;
  };

  // The shown rows of a table, in order; by rank unless sorted otherwise.
  const visible = (table) => {
    const rows = table.rows.filter(matches);
    if (!state.sort) return rows;
    const falling = state.sort.startsWith("-");
    const values = column[state.sort.replace(/^-/, "")].value;
    return rows.sort((a, b) => {
      const [left, right] = [values[a], values[b]];
      if (left === null || right === null) return (left === null) - (right === null) || a - b;
      const order = typeof left === "string" ? left.localeCompare(right, "en", { numeric: true }) : left - right;
      return (falling ? -order : order) || a - b;
    });
  };

  // ----- controls
  const form = root.querySelector("[data-controls]");
  const search = form.querySelector("[name=q]");
  const fields = [...form.querySelectorAll("input[name], select[name]")];
  for (const [key, values] of Object.entries(chosen)) {
    const select = form.querySelector(`select[name="${key}"]`);
    const counts = new Map();
    for (const value of values) if (value) counts.set(value, (counts.get(value) || 0) + 1);
    if (counts.size < 2) select.closest("label").hidden = true;
    for (const value of [...counts.keys()].sort((a, b) => a.localeCompare(b, "en", { numeric: true })))
      select.append(el("option", { value }, `${value.length > 60 ? `${value.slice(0, 59)}…` : value} (${counts.get(value)})`));
  }
  const choice = root.querySelector("[data-columns]");
  const boxes = columns.map((each) => {
    const box = el("input", { type: "checkbox", value: each.key, onchange: chooseColumns });
    choice.append(el("label", { title: each.about }, box, ` ${each.title}`, el("small", {}, ` ${each.about}`)));
    return box;
  });

  function chooseColumns() {
    state.columns = boxes.filter((box) => box.checked).map((box) => box.value);
    if (!state.columns.length) state.columns = ["model"];
    render();
  }

  function fillControls() {
    for (const field of fields) field.value = state[field.name];
    for (const box of boxes) box.checked = state.columns.includes(box.value);
  }

  let typing = 0;
  form.addEventListener("input", (event) => {
    if (!(event.target.name in state)) return;
    state[event.target.name] = event.target.value;
    clearTimeout(typing);
    typing = setTimeout(render, event.target === search ? 120 : 0);
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  root.querySelector("[data-clear]").addEventListener("click", () => {
    state = { ...state, q: "", data: "", recipe: "", family: "", device: "", status: "", least: "", most: "", sort: "", columns: usual };
    fillControls();
    render();
    search.focus();
  });

  // ----- tables
  const places = new Map([...root.querySelectorAll("[data-table]")].map((node) => [node.dataset.table, node]));

  const heading = (each) => {
    const sorted = state.sort.replace(/^-/, "") === each.key;
    const falling = state.sort.startsWith("-");
    const sortable = each.sortable || ["model", "data", "recipe", "rank"].includes(each.key);
    const direction = !sorted ? (each.key === "rank" && !state.sort ? "ascending" : "none") : falling ? "descending" : "ascending";
    const title = sortable
      ? el("button", { type: "button", title: each.about, onclick: () => sortBy(each) }, each.title, el("span", { class: "arrow", "aria-hidden": "true" }, { ascending: "▲", descending: "▼", none: "" }[direction]))
      : el("span", { title: each.about }, each.title);
    return el("th", { scope: "col", class: each.numeric ? "number" : null, "data-key": each.key, "aria-sort": sortable ? direction : null }, title);
  };

  // Best first, then worst first, then back to the ranks.
  function sortBy(each) {
    const [first, second] = each.numeric && each.higher ? [`-${each.key}`, each.key] : [each.key, `-${each.key}`];
    state.sort = each.key === "rank" ? "" : state.sort === first ? second : state.sort === second ? "" : first;
    const focus = document.activeElement?.closest("[data-table]")?.dataset.table;
    render();
    if (focus) places.get(focus).querySelector(`th[data-key="${each.key}"] button`)?.focus();
  }

  const cell = (each, row) => {
    const text = each.text[row];
    if (each.key === "model")
      return el(
        "th",
        { scope: "row", class: "model" },
        el("span", { class: "row-name" },
          el("a", { href: zoo.href(`rows/${facts.id[row]}.html`) }, el("bdi", {}, text)),
          zoo.copyButton(facts.name[row], "name")),
        facts.status[row] === "self-reported" ? null : el("span", { class: `badge ${facts.status[row]}`, title: "verification status" }, facts.status[row]),
      );
    if (each.key === "interval") return el("td", { class: "number" }, text, strip(row));
    return el("td", { class: each.numeric ? "number" : null }, each.numeric ? text : el("bdi", {}, text));
  };

  // A small picture of the interval, on the scale of its table.
  const lows = column.interval.plain.accuracy_low;
  const highs = column.interval.plain.accuracy_high;
  const scaleOf = new Map();
  for (const table of data.tables) {
    const known = table.rows.filter((row) => lows[row] !== null);
    const scale = [Math.min(...known.map((row) => lows[row])), Math.max(...known.map((row) => highs[row]))];
    for (const row of known) scaleOf.set(row, scale);
  }
  const strip = (row) => {
    if (!scaleOf.has(row)) return null;
    const [floor, ceiling] = scaleOf.get(row);
    const at = (value) => (60 * (value - floor)) / (ceiling - floor || 1);
    const mean = column.accuracy.plain.accuracy[row];
    return zoo.svg("svg", { class: "strip", viewBox: "0 0 60 8", width: 60, height: 8, "aria-hidden": "true" },
      zoo.svg("line", { x1: at(lows[row]).toFixed(1), x2: at(highs[row]).toFixed(1), y1: 4, y2: 4 }),
      zoo.svg("circle", { cx: at(mean).toFixed(1), cy: 4, r: 2.2 }));
  };

  const renderTable = (table) => {
    const section = places.get(table.id);
    const rows = visible(table);
    section.hidden = !rows.length;
    const shown = columns.filter((each) => state.columns.includes(each.key));
    const breaks = new Set(state.sort || rows.length !== table.rows.length ? [] : table.breaks);
    const pick = (row) => el("td", { class: "pick" }, el("input", { type: "checkbox", "aria-label": `Select ${models[row]} for comparison`, disabled: !facts.done[row], "data-pick": row }));
    const body = rows.map((row, index) =>
      el("tr", { "data-row": row, class: [breaks.has(index) ? "break" : "", facts.shaded[row] && !state.sort ? "shaded" : "", facts.done[row] ? "" : "without"].join(" ").trim() || null }, pick(row), shown.map((each) => cell(each, row))));
    for (const box of body) box.querySelector("input").checked = picked.has(Number(box.dataset.row));
    const head = el("thead", {}, el("tr", {}, el("th", { scope: "col", class: "pick" }, el("span", { class: "offscreen" }, "compare")), shown.map(heading)));
    const grid = el("table", { class: "board" }, el("caption", { class: "offscreen" }, table.heading), head, el("tbody", {}, body));
    section.querySelector("[data-grid]").replaceChildren(grid);
    return rows.length;
  };

  // Rows whose ranges of ranks overlap are tied; they are highlighted while the pointer is on one of them.
  const [best, worst] = [column.rank.plain.rank_low, column.rank.plain.rank_high];
  root.addEventListener("pointerover", (event) => markTies(event.target.closest?.("tr[data-row]")));
  root.addEventListener("focusin", (event) => markTies(event.target.closest?.("tr[data-row]")));
  let marked = null;
  function markTies(line) {
    if (line === marked) return;
    marked = line;
    for (const each of root.querySelectorAll("tr.tied")) each.classList.remove("tied");
    if (!line || best[line.dataset.row] === null) return;
    const row = Number(line.dataset.row);
    for (const each of line.parentElement.children) {
      const other = Number(each.dataset.row);
      if (other !== row && best[other] !== null && best[other] <= worst[row] && best[row] <= worst[other]) each.classList.add("tied");
    }
  }

  // ----- comparing
  const compare = root.querySelector("[data-compare]");
  root.addEventListener("change", (event) => {
    const row = event.target.dataset?.pick;
    if (row === undefined) return;
    if (event.target.checked) picked.add(Number(row));
    else picked.delete(Number(row));
    showCompare();
  });
  function showCompare() {
    const table = data.tables.find((each) => each.rows.some((row) => picked.has(row)));
    const same = table ? table.rows.filter((row) => picked.has(row)) : [];
    const elsewhere = picked.size - same.length;
    compare.hidden = picked.size < 2;
    const button = compare.querySelector("a");
    button.hidden = same.length < 2 || elsewhere > 0;
    if (!button.hidden) {
      button.href = zoo.href(`compare/${table.id}.html`, new URLSearchParams({ rows: same.map((row) => facts.id[row]).join(",") }).toString());
      button.textContent = `Compare ${same.length} rows`;
    }
    compare.querySelector("span").textContent = elsewhere ? "Only rows of one dataset can be compared." : "";
  }

  // ----- downloads: the shown rows and columns, in order, with plain numbers
  const records = () => {
    const shown = columns.filter((each) => state.columns.includes(each.key));
    return data.tables.flatMap((table) => visible(table).map((row) => {
      const record = { table: table.data };
      for (const each of shown) for (const [key, values] of Object.entries(each.plain)) record[key] = values[row];
      return record;
    }));
  };
  const field = (value) => {
    let text = value === null || value === undefined ? "" : String(value);
    // A spreadsheet would execute text that starts like a formula.
    if (typeof value === "string" && /^[=+\-@\t\r]/.test(text)) text = `'${text}`;
    return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  root.querySelector("[data-save=csv]").addEventListener("click", () => {
    const rows = records();
    const keys = Object.keys(rows[0] || { table: "" });
    zoo.save("shown.csv", "text/csv", `${[keys, ...rows.map((row) => keys.map((key) => row[key]))].map((line) => line.map(field).join(",")).join("\r\n")}\r\n`);
  });
  root.querySelector("[data-save=json]").addEventListener("click", () =>
    zoo.save("shown.json", "application/json", `${JSON.stringify({ columns: state.columns, rows: records() }, null, 2)}\n`));

  // ----- charts of the shown rows
  const point = (row, key) => ({
    label: [models[row], chosen.data[row], chosen.recipe[row]].filter(Boolean).join(" · "),
    short: models[row],
    href: zoo.href(`rows/${facts.id[row]}.html`),
    x: key ? column[key].value[row] : null,
    y: column.accuracy.plain.accuracy[row],
    low: lows[row] ?? null,
    high: highs[row] ?? null,
    lines: [`accuracy ${column.accuracy.text[row]} %${column.interval && lows[row] !== null ? `, 95 % interval ${column.interval.text[row]}` : ""}`, ...(key ? [`${column[key].title} ${column[key].text[row]}`] : []), `rank ${column.rank.text[row]}`],
  });
  const pictured = () => {
    const tables = data.tables.filter((table) => table.rows.some(matches));
    return tables.find((table) => table.id === of?.value) || tables[0];
  };
  const of = root.querySelector("[data-pictured]");
  if (of) {
    for (const table of data.tables) of.append(el("option", { value: table.id }, table.heading));
    of.closest("label").hidden = data.tables.length < 2;
    of.addEventListener("change", repaint);
  }
  const figures = [...root.querySelectorAll("figure[data-board-chart]")];
  for (const figure of figures) {
    const key = figure.dataset.boardChart;
    if (key !== "intervals" && !column[key]) {
      figure.hidden = true;
      continue;
    }
    const rows = () => (pictured() ? visible(pictured()) : []);
    if (key === "intervals") zoo.charts.draw(figure, "intervals", () => ({ points: rows().map((row) => point(row, null)), xTitle: "accuracy, %" }));
    else zoo.charts.draw(figure, "scatter", () => ({ points: rows().map((row) => point(row, key)), xTitle: column[key].title, yTitle: "accuracy, %", higher: column[key].higher }));
  }
  function repaint() {
    for (const figure of figures) figure.repaint?.();
  }

  const count = root.querySelector("[data-count]");
  function render() {
    const shown = data.tables.map(renderTable).reduce((sum, each) => sum + each, 0);
    const total = facts.id.length;
    count.textContent = shown === total ? `${total} row${total === 1 ? "" : "s"}` : `${shown} of ${total} rows`;
    root.querySelector("[data-none]").hidden = shown > 0;
    if (of && pictured()) of.value = pictured().id;
    write();
    repaint();
  }

  fillControls();
  render();
  showCompare();
  return () => {
    state = read();
    fillControls();
    render();
  };
};
