// The board: a table with search, filters, sorting and a choice of columns, all of it kept in the address.
"use strict";

zoo.widgets.board = (root) => {
  const { el } = zoo;
  const ROWS_AT_FIRST = 50; // of all tables together; a button shows the others
  const CONSTANT = ["recipe", "runtime", "seeds", "data"]; // columns that a heading replaces where all rows agree
  const SPREAD = "Median, and below it the range of the middle 95 % of the timed windows of all seeds";
  const board = zoo.boardOf(zoo.read(root, "board"));
  const { data, columns, column, facts, chosen, models } = board;
  const usual = columns.filter((each) => each.shown).map((each) => each.key);
  const picked = new Set();
  const whole = new Set(); // tables whose rows are all shown
  const opened = new Set(); // tables whose rows without a result are shown
  let printing = false;
  let before = [[], []]; // what was shown whole and opened before printing
  let state = read();
  const filters = zoo.filters(root, board, () => state, change);
  const { matches } = filters;

  function read() {
    const from = zoo.state.read();
    const keys = (from.get("columns") || "").split(",").filter((key) => column[key]);
    const sort = from.get("sort") || "";
    const known = (name) => (column[from.get(name)]?.numeric ? from.get(name) : "");
    return {
      q: from.get("q") || "",
      ...Object.fromEntries(Object.keys(chosen).map((key) => [key, from.get(key) || ""])),
      front: from.get("front") || "",
      ranges: zoo.rangesOf(from, column),
      sort: column[sort.replace(/^-/, "")]?.sortable || ["model", "data", "recipe"].includes(sort.replace(/^-/, "")) ? sort : "",
      columns: keys.length ? keys : usual,
      x: known("x"),
      y: known("y"),
      colour: from.get("colour") || "",
      linear: from.get("linear") || "",
    };
  }

  function write() {
    const to = new URLSearchParams();
    for (const key of ["q", ...Object.keys(chosen), "front", "sort", "x", "y", "colour", "linear"]) if (state[key]) to.set(key, state[key]);
    for (const [key, [least, most]] of Object.entries(state.ranges)) {
      if (least) to.set(`min_${key}`, least);
      if (most) to.set(`max_${key}`, most);
    }
    if (state.columns.join() !== usual.join()) to.set("columns", state.columns.join(","));
    zoo.state.write(to);
  }

  function change(parts) {
    state = { ...state, ...parts };
    filters.fill();
    render();
  }

  const collator = new Intl.Collator("en", { numeric: true });

  // The shown rows of a table, in order; by rank unless sorted otherwise.
  const visible = (table) => {
    const rows = table.rows.filter((row) => matches(row));
    if (!state.sort) return rows;
    const falling = state.sort.startsWith("-");
    const values = column[state.sort.replace(/^-/, "")].value;
    return rows.sort((a, b) => {
      const [left, right] = [values[a], values[b]];
      if (left === null || right === null) return (left === null) - (right === null) || a - b;
      const order = typeof left === "string" ? collator.compare(left, right) : left - right;
      return (falling ? -order : order) || a - b;
    });
  };

  // ----- columns
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
  root.querySelector("[data-clear]").addEventListener("click", () => {
    change({ ...filters.nothing, sort: "", columns: usual });
    root.querySelector("[name=q]").focus();
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

  const cell = (each, row, best, withRecipe) => {
    const text = each.text[row];
    if (each.key === "model")
      return el("th", { scope: "row", class: "model" },
        el("a", { href: zoo.href(`rows/${facts.id[row]}.html`) }, el("bdi", {}, zoo.breakable(text))),
        withRecipe ? el("small", { class: "narrow" }, el("bdi", {}, chosen.recipe[row])) : null,
        facts.status[row] === "self-reported" ? null : el("span", { class: `badge ${facts.status[row]}`, title: "verification status" }, facts.status[row]),
        facts.signer?.[row] ? el("span", { class: "badge signed", title: `signed by ${facts.signer[row]}` }, "signed") : null,
        row === best ? el("span", { class: "badge best" }, "best within the limits") : null);
    if (each.key === "history") return el("td", { class: "number", "data-key": "history", title: zoo.courseText(data.history, row) }, text, zoo.spark(data.history.rows[row]));
    if (each.key === "interval") return el("td", { class: "number", "data-key": "interval" }, text, strip(row));
    if (each.key === "accuracy")
      return el("td", { class: "number" }, text, column.interval && lows[row] !== null ? el("small", { class: "narrow" }, column.interval.text[row]) : null);
    const spread = each.spread?.[row];
    return el("td", { "data-key": each.key === "recipe" || each.key === "origin" ? each.key : null, class: each.key === "rank" ? "number rank" : each.numeric ? "number" : null, title: spread ? SPREAD : null },
      each.numeric ? text : el("bdi", {}, text), spread ? el("small", { class: "spread" }, spread) : null);
  };

  // A small picture of the interval, on the scale of its table.
  const { lows, highs } = board;
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

  // What all rows of a table have in common stands above it instead of in a column.
  const constants = (table) => {
    if (state.columns.join() !== usual.join()) return [];
    const done = table.rows.filter((row) => facts.done[row]);
    // A column that is empty here, such as that of runtimes where none was asked for, is left out below.
    const isSaid = (key) => !["", "–"].includes(column[key].text[done[0]]);
    return CONSTANT.filter((key) => column[key] && usual.includes(key) && done.length > 1 && isSaid(key) && new Set(done.map((row) => column[key].text[row])).size === 1)
      .map((key) => ({ key, title: key === "seeds" ? key : column[key].title, text: zoo.cut(column[key].text[done[0]], 80) }));
  };

  const renderTable = (table, limit) => {
    const section = places.get(table.id);
    const rows = visible(table);
    section.hidden = !rows.length;
    if (!rows.length) return section.querySelector("[data-grid]").replaceChildren();
    const results = rows.filter((row) => facts.done[row]);
    const without = rows.filter((row) => !facts.done[row]);
    const kept = whole.has(table.id) ? results : results.slice(0, limit);
    const isOpen = opened.has(table.id) || !results.length;
    const lines = [...kept];
    const fold = (columns) => el("tr", { class: "fold" }, el("td", { colspan: columns.length + 1 },
      el("button", { type: "button", "aria-expanded": String(isOpen), onclick: () => toggle(opened, table) }, `${without.length} row${without.length === 1 ? "" : "s"} without a result`)));
    if (without.length && results.length) lines.push(null);
    if (isOpen) lines.push(...without);
    const common = constants(table);
    const isEmpty = (each) => state.columns.join() === usual.join() && each.key !== "accuracy" && [...results, ...(isOpen ? without : [])].every((row) => ["", "–"].includes(each.text[row]));
    const hidden = [...common, ...columns.filter(isEmpty)].map((each) => each.key);
    section.querySelector("[data-common]").replaceChildren(...common.flatMap((each, index) => [index ? " · " : "all rows: ", `${each.title} `, el("bdi", {}, each.text)]));
    const shown = columns.filter((each) => state.columns.includes(each.key) && !hidden.includes(each.key));
    const breaks = new Set(state.sort || rows.length !== table.rows.length ? [] : table.breaks);
    const best = filters.best(table);
    const withRecipe = shown.some((each) => each.key === "recipe"); // which a phone shows below the name
    const line = (row, index, columns) => {
      const box = el("input", { type: "checkbox", "aria-label": `Select ${facts.label[row]} for comparison`, disabled: !facts.done[row], "data-pick": row });
      box.checked = picked.has(row);
      const kinds = [breaks.has(index) ? "break" : "", facts.shaded[row] && !state.sort ? "shaded" : "", facts.done[row] ? "" : "without"].filter(Boolean).join(" ");
      return el("tr", { "data-row": row, class: kinds || null }, el("td", { class: "pick" }, box), columns.map((each) => cell(each, row, best, withRecipe)));
    };
    const make = (index, columns) => (lines[index] === null ? fold(columns) : line(lines[index], index, columns));
    const box = section.querySelector("[data-grid]");
    const bodies = (printing ? zoo.onPaper(shown) : [shown]).map((columns) => {
      const head = el("thead", {}, el("tr", {}, el("th", { scope: "col", class: "pick" }, el("span", { class: "offscreen" }, "compare")), columns.map(heading)));
      const body = el("tbody");
      return [columns, body, el("table", { class: "board", "aria-rowcount": lines.length + 1 }, el("caption", { class: "offscreen" }, table.heading), head, body)];
    });
    box.replaceChildren(...bodies.map(([, , grid]) => grid));
    if (printing) for (const [columns, body] of bodies) body.append(...lines.map((_, index) => make(index, columns)));
    else watch(box, zoo.windowed(box, bodies[0][1], lines.length, (index) => make(index, shown), ["", ...shown.map(zoo.longest)]));
    const more = results.length - kept.length;
    section.querySelector("[data-more]").replaceChildren(...(more || (whole.has(table.id) && results.length > limit)
      ? [el("button", { type: "button", onclick: () => toggle(whole, table) }, more ? `Show all ${results.length} rows` : `Show the first ${limit} rows`)] : []));
    return null;
  };
  function toggle(set, table) {
    if (!set.delete(table.id)) set.add(table.id);
    const which = set === whole ? "[data-more] button" : "tr.fold button";
    render();
    places.get(table.id).querySelector(which)?.focus();
  }

  // A shadow says that columns are hidden behind an edge.
  function watch(box, update) {
    const mark = () => {
      box.classList.toggle("scrolled", box.scrollLeft > 1);
      box.classList.toggle("more", box.scrollLeft + box.clientWidth < box.scrollWidth - 1);
    };
    box.onscroll = () => {
      update();
      mark();
    };
    mark();
  }

  // Rows that the test does not separate from a row are highlighted while the pointer is on it.
  root.addEventListener("pointerover", (event) => markTies(event.target.closest?.("tr[data-row]")));
  root.addEventListener("focusin", (event) => markTies(event.target.closest?.("tr[data-row]")));
  let marked = null;
  function markTies(line) {
    if (line === marked) return;
    marked = line;
    for (const each of root.querySelectorAll("tr.tied")) each.classList.remove("tied");
    if (!line) return;
    const row = Number(line.dataset.row);
    for (const each of line.parentElement.children) {
      const other = Number(each.dataset.row);
      if (other !== row && board.areTied(row, other)) each.classList.add("tied");
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
  const explorer = zoo.explorer(root, board, { state: () => state, change, visible, filters });
  const figures = [...root.querySelectorAll("figure[data-board-chart=intervals]")];
  for (const figure of figures)
    zoo.charts.draw(figure, "intervals", () => ({ points: explorer.rows().map((row) => board.point(row, [])), xTitle: "accuracy, %" }));

  const count = root.querySelector("[data-count]");
  let drawing = 0;
  function render() {
    const shown = facts.id.filter((_, row) => matches(row)).length;
    const total = facts.id.length;
    const tables = data.tables.filter((table) => table.rows.some((row) => matches(row))).length;
    for (const table of data.tables) renderTable(table, Math.max(10, Math.floor(ROWS_AT_FIRST / Math.max(tables, 1))));
    for (const box of boxes) box.checked = state.columns.includes(box.value);
    count.textContent = shown === total ? `${total} row${total === 1 ? "" : "s"}` : `${shown} of ${total} rows`;
    filters.explain(shown);
    write();
    // The tables are seen first; drawing a thousand points takes longer than a reader waits.
    clearTimeout(drawing);
    drawing = setTimeout(() => {
      explorer.repaint();
      for (const figure of figures) figure.repaint?.();
    }, 30);
  }

  // On paper, nothing is folded.
  const print = (is) => {
    if (!root.isConnected || is === printing) return;
    if (is) before = [[...whole], [...opened]];
    [whole, opened].forEach((set, place) => {
      set.clear();
      for (const id of is ? data.tables.map((table) => table.id) : before[place]) set.add(id);
    });
    printing = is;
    render();
  };
  window.addEventListener("beforeprint", () => print(true));
  window.addEventListener("afterprint", () => print(false));

  filters.fill();
  render();
  showCompare();
  return () => {
    state = read();
    filters.fill();
    render();
  };
};
