// The large scatter above the tables: axes of choice, colours, a brush that filters the rows, and pictures to save.
"use strict";

zoo.explorer = (root, board, { state, change, visible, filters }) => {
  const { el, svg } = zoo;
  const { data, column, facts, chosen } = board;
  const { tools } = zoo.charts;
  const figure = root.querySelector("figure[data-board-chart=explore]");
  const controls = root.querySelector("[data-explore]");
  const of = root.querySelector("[data-pictured]");
  const PALETTE = 8;
  const AXES = ["inference_speed", "params", "macs", "relative_speed", "latency_p50", "peak_memory", "file_mib", "train_speed", "wall_time", "calibration_error", "nll"];
  const NAMED = 40; // points with a whisker of their own, and with a name where it fits
  const axes = filters.numeric.filter((each) => !["rank", "interval", "unfinished"].includes(each.key) && each.value.some((value) => typeof value === "number"));
  // A chart of one point says less than its row, and costs that are the same for all rows, as those of one model are, set none apart.
  const first = data.tables.find((table) => table.rows.length > 1);
  const isSpread = (key) => new Set((first?.rows || []).map((row) => column[key].value[row]).filter((value) => value !== null)).size > 1;
  const usualX = AXES.find((key) => axes.some((each) => each.key === key) && isSpread(key));
  const COLOURS = { recipe: chosen.recipe, family: chosen.family, device: chosen.device };
  const kinds = Object.keys(COLOURS).filter((key) => new Set(COLOURS[key]).size > 1);
  const usualColour = () => kinds.find((key) => new Set(rows().map((row) => COLOURS[key][row])).size > 1) || "none";
  const yKey = () => state().y || "accuracy";
  // A limit on a cost is drawn as a line: the chart turns to that cost, unless an axis was chosen.
  const limited = () => Object.keys(state().ranges).find((key) => ![yKey(), "accuracy"].includes(key) && axes.some((each) => each.key === key));
  const xKey = () => state().x || limited() || usualX;
  const colourKey = () => (kinds.includes(state().colour) || state().colour === "none" ? state().colour : usualColour());

  const pictured = () => {
    const tables = data.tables.filter((table) => table.rows.some((row) => filters.matches(row)));
    return tables.find((table) => table.id === of.value) || tables[0];
  };
  const rows = () => (pictured() ? visible(pictured()) : []);
  for (const table of data.tables) of.append(el("option", { value: table.id }, table.heading));
  of.closest("label").hidden = data.tables.length < 2;
  of.addEventListener("change", () => change({}));
  if (first) of.value = first.id;
  if (!figure || !usualX || !first) {
    if (figure) figure.hidden = controls.hidden = true;
    return { rows, repaint: () => pictured() && (of.value = pictured().id) };
  }

  // ----- controls
  const options = (select, values) => values.forEach(([value, text]) => select.append(el("option", { value }, text)));
  for (const name of ["x", "y"]) options(controls.querySelector(`[name=${name}]`), axes.map((each) => [each.key, each.title]));
  options(controls.querySelector("[name=colour]"), [["none", "none"], ...kinds.map((key) => [key, key])]);
  controls.addEventListener("change", (event) => {
    const { name, value, checked } = event.target;
    if (name === "logarithmic") change({ linear: checked ? "" : "1" });
    else if (name === "x") change({ x: value === usualX && !limited() ? "" : value });
    else if (name === "y") change({ y: value === "accuracy" ? "" : value });
    else if (name === "colour") change({ colour: value === usualColour() ? "" : value });
  });
  controls.querySelector("[data-unzoom]").addEventListener("click", () => {
    const { [xKey()]: _x, [yKey()]: _y, ...ranges } = state().ranges;
    change({ ranges });
  });

  // The groups that get a colour: the largest seven, and the rest together.
  const groups = (values) => {
    const counts = new Map();
    for (const value of values) counts.set(value, (counts.get(value) || 0) + 1);
    const names = [...counts.keys()].sort((a, b) => counts.get(b) - counts.get(a) || a.localeCompare(b, "en"));
    return names.length > PALETTE ? [...names.slice(0, PALETTE - 1), null] : names;
  };

  const paint = () => {
    const [x, y] = [column[xKey()], column[yKey()]];
    const canBeLog = (each) => each.value.every((value) => value === null || value > 0);
    const isLog = !state().linear && canBeLog(x);
    const usable = rows().map((row) => ({ ...board.point(row, [x.key, y.key]), x: x.value[row], y: y.value[row] })).filter((point) => typeof point.x === "number" && typeof point.y === "number");
    for (const point of usable) {
      point.isHollow = (x.conditional || y.conditional) && !facts.comparable[point.row];
      if (y.key !== "accuracy") point.low = point.high = null;
      if (point.isHollow) point.lines = [...point.lines, "speed measured under other conditions: not comparable"];
    }
    figure.querySelector("figcaption").textContent = `${y.title} and ${x.title} of the shown rows · ${pictured()?.heading || ""}`;
    if (!usable.length) return tools.empty(figure, "None of the shown rows has both values.");
    const chart = tools.frame(figure, Math.max(300, Math.min(460, tools.roomOf(figure) * 0.5)), `${y.title} vs. ${x.title}, ${usable.length} rows`);
    const isShare = (each) => each.unit === 0.01;
    // Limits that are not far from the points are in the picture, too.
    const near = (key, values, log) => {
      const [low, high] = [Math.min(...values), Math.max(...values)];
      const span = high - low || Math.abs(high);
      return (state().ranges[key] || []).filter(Boolean).map((limit) => Number(limit) * column[key].unit)
        .filter((limit) => (log ? limit > low / 5 && limit < high * 5 : limit > low - span && limit < high + span));
    };
    const reached = usable.flatMap((point) => [point.y, point.low ?? point.y, point.high ?? point.y]);
    const xs = usable.map((point) => point.x);
    xs.push(...near(x.key, xs, isLog));
    const bounds = tools.padded([...reached, ...near(y.key, reached, false)]);
    const xBounds = isLog ? [Math.min(...xs) / 1.25, Math.max(...xs) * 1.25] : tools.padded(xs);
    const toX = (isLog ? tools.logarithmic : tools.linear)(...xBounds, chart.left, chart.right);
    const toY = tools.linear(isShare(y) ? Math.max(0, bounds[0]) : bounds[0], isShare(y) ? Math.min(1.01, bounds[1]) : bounds[1], chart.bottom, chart.top);
    const text = (each) => (isShare(each) ? tools.percent : tools.number);
    tools.axes(chart, toX, toY, { xTitle: `${x.title}${isLog ? " (log)" : ""}`, yTitle: y.title, xText: text(x), yText: text(y) });

    // Limits on an axis are lines; the best row within them is ringed.
    for (const [key, to, isX] of [[x.key, toX, true], [y.key, toY, false]])
      for (const limit of (state().ranges[key] || []).filter(Boolean)) {
        const at = to(Number(limit) * column[key].unit);
        const inside = isX ? at >= chart.left && at <= chart.right : at <= chart.bottom && at >= chart.top;
        if (inside) chart.root.append(svg("line", isX ? { class: "guide", x1: at, x2: at, y1: chart.top, y2: chart.bottom } : { class: "guide", x1: chart.left, x2: chart.right, y1: at, y2: at }));
      }
    // The Pareto front of what can be compared.
    const fair = usable.filter((point) => !point.isHollow);
    const order = [...fair].sort((a, b) => (x.higher ? b.x - a.x : a.x - b.x) || (y.higher ? b.y - a.y : a.y - b.y));
    let top = -Infinity;
    const front = x.key === y.key ? [] : order.filter((point) => (y.higher ? point.y : -point.y) > top && ((top = y.higher ? point.y : -point.y), true));
    const steps = front.map((point, index) => (index ? `H${toX(point.x)}V${toY(point.y)}` : `M${toX(point.x)} ${toY(point.y)}`));
    if (front.length > 1) chart.root.append(svg("path", { class: "front", d: steps.join("") }));
    const onFront = new Set(front);
    const best = filters.best(pictured());
    const values = COLOURS[colourKey()];
    const named = values ? groups(usable.map((point) => values[point.row])) : [];
    const places = new Map(named.map((name, index) => [name, index]));
    const colourOf = (row) => (values ? (places.get(values[row]) ?? places.get(null)) : -1);
    let stops = 0;
    for (const point of usable) {
      const is = onFront.has(point);
      const colour = colourOf(point.row);
      if ((is || usable.length <= NAMED) && point.low !== null)
        chart.root.append(svg("line", { class: ["whisker", is ? "" : "weak", colour < 0 ? "" : "plain"].filter(Boolean).join(" "), x1: toX(point.x), x2: toX(point.x), y1: toY(point.low), y2: toY(point.high) }));
      const place = { cx: toX(point.x), cy: toY(point.y) };
      const mark = svg("circle", { class: ["point", is ? "on-front" : "", point.isHollow ? "hollow" : "", colour < 0 ? "" : `c${colour}`].filter(Boolean).join(" "), ...place, r: is ? 5.5 : 4 });
      const ring = point.row === best ? svg("circle", { class: "ring", ...place, r: 10 }) : null;
      const link = svg("a", { href: point.href, tabindex: is && stops++ < 15 ? null : -1, "aria-label": `${point.label}: ${point.lines.join(", ")}` }, mark, ring);
      chart.root.append(tools.explain(link, [point.label, ...point.lines]));
    }
    // Names where they fit, the front first; the others are in the tooltips.
    const taken = usable.map((point) => ({ x: toX(point.x) - 5, y: toY(point.y) + 4, width: 10 }));
    const rest = usable.length <= NAMED ? usable.filter((point) => !onFront.has(point)) : [];
    for (const point of [...front, ...rest].sort((a, b) => onFront.has(b) - onFront.has(a) || b.y - a.y)) {
      const name = point.short.length > 36 ? `${point.short.slice(0, 35)}…` : point.short;
      const width = 6.2 * name.length;
      const [px, py] = [toX(point.x), toY(point.y)];
      const spots = [[px + 8, py - 6], [px - 8 - width, py - 6], [px + 8, py + 14], [px - 8 - width, py + 14]];
      const spot = spots.find(([left, base]) => left > chart.left && left + width < chart.right && base > chart.top + 8 && base < chart.bottom
        && !taken.some((other) => Math.abs(other.y - base) < 12 && left < other.x + other.width && other.x < left + width));
      if (!spot) continue;
      taken.push({ x: spot[0], y: spot[1], width });
      chart.root.append(svg("text", { class: "name", x: spot[0], y: spot[1] }, name));
    }
    brush(chart, toX, toY, { isLog, x, y, xBounds });
    const keys = named.map((name, index) => el("span", { class: `key dot c${index}` }, el("bdi", {}, name ?? "other")));
    if (usable.some((point) => point.isHollow)) keys.push(el("span", { class: "key hollow" }, "measured under other conditions, not comparable"));
    tools.place(figure, chart.root, [...(keys.length ? [el("p", { class: "keys" }, keys)] : []),
      el("p", { class: "hint no-print" }, front.length > 1 ? "Dashed: the Pareto front of the shown rows that are comparable. " : "", el("span", { class: "by-mouse" }, "Drag over the chart to keep only the rows inside."))]);
  };

  // Dragging a rectangle limits both axes to it.
  const brush = (chart, toX, toY, { isLog, x, y, xBounds }) => {
    let from = null;
    let box = null;
    const at = (event) => {
      const frame = chart.root.getBoundingClientRect();
      const scale = chart.width / frame.width;
      return [Math.min(chart.right, Math.max(chart.left, (event.clientX - frame.left) * scale)), Math.min(chart.bottom, Math.max(chart.top, (event.clientY - frame.top) * scale))];
    };
    const valueX = (place) => {
      const share = (place - chart.left) / (chart.right - chart.left);
      return isLog ? 10 ** (Math.log10(xBounds[0]) + share * Math.log10(xBounds[1] / xBounds[0])) : xBounds[0] + share * (xBounds[1] - xBounds[0]);
    };
    const [yLow, yHigh] = [toY.invert(chart.bottom), toY.invert(chart.top)];
    const valueY = (place) => yLow + ((chart.bottom - place) / (chart.bottom - chart.top)) * (yHigh - yLow);
    chart.root.addEventListener("pointerdown", (event) => {
      if (event.button || event.pointerType === "touch" || event.target.closest("a")) return;
      event.preventDefault();
      from = at(event);
      box = svg("rect", { class: "brush", x: from[0], y: from[1], width: 0, height: 0 });
      chart.root.append(box);
      chart.root.setPointerCapture(event.pointerId);
    });
    chart.root.addEventListener("pointermove", (event) => {
      if (!from) return;
      const to = at(event);
      for (const [name, value] of [["x", Math.min(from[0], to[0])], ["y", Math.min(from[1], to[1])], ["width", Math.abs(to[0] - from[0])], ["height", Math.abs(to[1] - from[1])]]) box.setAttribute(name, value);
    });
    chart.root.addEventListener("pointerup", (event) => {
      if (!from) return;
      const [one, other] = [from, at(event)];
      from = null;
      box.remove();
      if (Math.abs(one[0] - other[0]) < 6 || Math.abs(one[1] - other[1]) < 6) return;
      const range = (each, values) => [Math.min(...values), Math.max(...values)].map((value) => String(+(value / each.unit).toPrecision(4)));
      change({ ranges: { ...state().ranges, [x.key]: range(x, [valueX(one[0]), valueX(other[0])]), [y.key]: range(y, [valueY(one[1]), valueY(other[1])]) } });
    });
  };
  zoo.charts.draw(figure, paint);

  controls.querySelector("[data-picture=svg]").addEventListener("click", () => zoo.save("chart.svg", "image/svg+xml", tools.standalone(figure)));
  controls.querySelector("[data-picture=png]").addEventListener("click", () => tools.png(figure, (blob) => zoo.save("chart.png", "image/png", blob)));

  const repaint = () => {
    if (pictured()) of.value = pictured().id;
    controls.querySelector("[name=x]").value = xKey();
    controls.querySelector("[name=y]").value = yKey();
    controls.querySelector("[name=colour]").value = colourKey();
    controls.querySelector("[name=logarithmic]").checked = !state().linear;
    controls.querySelector("[data-unzoom]").hidden = !state().ranges[xKey()] && !state().ranges[yKey()];
    figure.repaint?.();
  };
  return { rows, repaint };
};
