// Charts: SVG drawn from data in the colours of the style sheet, with a tooltip for each mark.
"use strict";

zoo.charts = (() => {
  const { svg, el } = zoo;
  const PALETTE = 8;

  const signed = (value) => `${value}`.replace("-", "−");
  const number = (value) => {
    if (value === 0) return "0";
    const size = Math.abs(value);
    for (const [unit, scale] of [["G", 1e9], ["M", 1e6], ["k", 1e3]])
      if (size >= scale) return `${signed(+(value / scale).toPrecision(3))}${unit}`;
    return signed(+value.toPrecision(3));
  };
  const percent = (value) => signed(+(100 * value).toFixed(1));

  const linear = (low, high, from, to) => {
    const span = high - low || 1;
    const scale = (value) => from + ((value - low) / span) * (to - from);
    scale.invert = (place) => low + ((place - from) / (to - from)) * span;
    const rough = span / Math.max(3, Math.abs(to - from) / 60);
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = power * [1, 2, 5, 10].find((each) => each * power >= rough);
    scale.ticks = [];
    for (let tick = Math.ceil(low / step) * step; tick <= high + step * 1e-6; tick += step) scale.ticks.push(+tick.toPrecision(12));
    return scale;
  };

  const logarithmic = (low, high, from, to) => {
    const [a, b] = [Math.log10(low), Math.log10(high)];
    const span = b - a || 1;
    const scale = (value) => from + ((Math.log10(value) - a) / span) * (to - from);
    const factors = span < 1 ? [1, 2, 3, 5, 7] : span < 3 ? [1, 2, 5] : [1];
    const every = Math.max(1, Math.ceil((span * 45) / Math.max(Math.abs(to - from), 1)));
    scale.ticks = [];
    for (let power = Math.floor(a); power <= Math.ceil(b); power++)
      if (power % every === 0)
        for (const factor of factors) {
          const tick = factor * 10 ** power;
          if (tick >= low * 0.999 && tick <= high * 1.001) scale.ticks.push(tick);
        }
    return scale;
  };

  // Room for the marks between the ends of an axis.
  const padded = (values, share = 0.06) => {
    const [low, high] = [Math.min(...values), Math.max(...values)];
    const room = (high - low) * share || Math.abs(high) * share || 0.01;
    return [low - room, high + room];
  };

  // Room for a drawing in pixels; on paper, that of a page or of half of it.
  let onPaper = false;
  const roomOf = (figure) => (onPaper ? (figure.closest(".charts") ? 330 : 680) : Math.floor(figure.clientWidth) || 560);

  const frame = (figure, height, label, left = 48) => {
    const width = Math.max(260, roomOf(figure));
    const box = { width, height, left, right: width - 14, top: 12, bottom: height - 40 };
    const root = svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "group", "aria-label": label });
    return { root, ...box };
  };

  const axes = (chart, x, y, { xTitle, yTitle, xText = number, yText = percent }) => {
    for (const tick of y.ticks)
      chart.root.append(
        svg("line", { class: "grid", x1: chart.left, x2: chart.right, y1: y(tick), y2: y(tick) }),
        svg("text", { class: "tick", x: chart.left - 6, y: y(tick) + 4, "text-anchor": "end" }, yText(tick)),
      );
    for (const tick of x.ticks)
      chart.root.append(
        svg("line", { class: "grid", x1: x(tick), x2: x(tick), y1: chart.top, y2: chart.bottom }),
        svg("text", { class: "tick", x: x(tick), y: chart.bottom + 16, "text-anchor": "middle" }, xText(tick)),
      );
    chart.root.append(
      svg("text", { class: "title", x: (chart.left + chart.right) / 2, y: chart.bottom + 33, "text-anchor": "middle" }, xTitle),
      svg("text", { class: "title", x: 12, y: (chart.top + chart.bottom) / 2, "text-anchor": "middle", transform: `rotate(-90 12 ${(chart.top + chart.bottom) / 2})` }, yTitle),
    );
  };

  const tip = () => {
    let box = document.getElementById("tip");
    if (!box) document.body.append((box = el("div", { id: "tip", role: "status", hidden: true })));
    return box;
  };
  const hide = () => (tip().hidden = true);
  const show = (mark, lines) => {
    const box = tip();
    box.replaceChildren(...lines.map((line) => el("div", {}, el("bdi", {}, line))));
    box.hidden = false;
    const at = mark.getBoundingClientRect();
    const left = Math.min(window.innerWidth - box.offsetWidth - 8, Math.max(8, at.left + at.width / 2 - box.offsetWidth / 2));
    const above = at.top - box.offsetHeight - 8;
    box.style.left = `${left + window.scrollX}px`;
    box.style.top = `${(above > 0 ? above : at.bottom + 8) + window.scrollY}px`;
  };
  const explain = (mark, lines) => {
    for (const event of ["pointerenter", "focus"]) mark.addEventListener(event, () => show(mark, lines));
    for (const event of ["pointerleave", "blur"]) mark.addEventListener(event, hide);
    return mark;
  };

  // A line for each row: its mean and 95 % interval, in the table's order.
  const intervals = (figure, { points, xTitle, isShare = true, most = 40 }) => {
    const usable = points.filter((point) => point.y !== null);
    if (!usable.length) return empty(figure, "None of the shown rows has a value.");
    const kept = usable.slice(0, most);
    const longest = Math.max(...kept.map((point) => point.short.length));
    const room = Math.min(6.6 * longest + 16, Math.max(90, roomOf(figure) * 0.46));
    const chart = frame(figure, 22 * kept.length + 52, `${xTitle} of ${kept.length} rows, with 95 % intervals`, room);
    const bounds = padded(kept.flatMap((point) => [point.low ?? point.y, point.high ?? point.y]));
    const x = linear(Math.max(0, bounds[0]), isShare ? Math.min(1.002, bounds[1]) : bounds[1], chart.left, chart.right);
    for (const tick of x.ticks)
      chart.root.append(
        svg("line", { class: "grid", x1: x(tick), x2: x(tick), y1: chart.top, y2: chart.bottom }),
        svg("text", { class: "tick", x: x(tick), y: chart.bottom + 16, "text-anchor": "middle" }, (isShare ? percent : number)(tick)),
      );
    chart.root.append(svg("text", { class: "title", x: (chart.left + chart.right) / 2, y: chart.bottom + 33, "text-anchor": "middle" }, xTitle));
    kept.forEach((point, index) => {
      const y = chart.top + 22 * index + 12;
      const length = Math.floor(room / 6.4) - 1;
      const name = zoo.cutMiddle(point.short, length);
      const marks = [svg("text", { class: "name", x: chart.left - 8, y: y + 4, "text-anchor": "end" }, name)];
      if (point.low !== null && point.low !== undefined)
        marks.push(svg("line", { class: "whisker", x1: x(point.low), x2: x(point.high), y1: y, y2: y }));
      marks.push(svg("circle", { class: `point ${point.kind || "on-front"}`, cx: x(point.y), cy: y, r: 4.5 }));
      // The table above has the same rows and links: the keyboard need not stop at each of them again.
      const label = `${point.label}: ${point.lines.join(", ")}`;
      const href = point.href || (point.path ? zoo.href(point.path) : null);
      const link = href ? svg("a", { href, tabindex: -1, "aria-label": label }, marks) : svg("g", { role: "img", "aria-label": label }, marks);
      chart.root.append(explain(link, [point.label, ...point.lines]));
    });
    place(figure, chart.root);
    if (usable.length > kept.length) figure.append(el("p", { class: "hint" }, `The first ${kept.length} of the ${usable.length} shown rows.`));
  };

  // Curves over the epochs, with the band from the lowest to the highest seed where there is one.
  const lines = (figure, { series, yTitle, isShare, xTitle = "epoch", hasScales = false }) => {
    const usable = series.filter((each) => each.y.some((value) => value !== null));
    if (!usable.length) return empty(figure, "The training history is missing.");
    const chart = frame(figure, 240, `${yTitle} by ${xTitle}, ${usable.length} curves`);
    const values = usable.flatMap((each) => [...each.y, ...(each.low || []), ...(each.high || [])].filter((value) => value !== null));
    const places = usable.flatMap((each) => each.x);
    const [last, first] = [Math.max(...places), Math.min(1, ...places)];
    const can = { x: hasScales && first > 0 && last > first, y: hasScales && values.every((value) => value > 0) };
    const isLog = { x: can.x && figure.dataset.logX === "1", y: can.y && figure.dataset.logY === "1" };
    const bounds = isLog.y ? [Math.min(...values) / 1.08, Math.max(...values) * 1.08] : padded(values);
    if (isShare && !isLog.y) bounds[0] = Math.max(0, bounds[0]);
    if (isShare) bounds[1] = Math.min(1.01, bounds[1]);
    const x = (isLog.x ? logarithmic : linear)(Math.min(first, last - 1) || first, Math.max(last, first + 1), chart.left, chart.right);
    const y = (isLog.y ? logarithmic : linear)(...bounds, chart.bottom, chart.top);
    x.ticks = x.ticks.filter(Number.isInteger);
    axes(chart, x, y, { xTitle: isLog.x ? `${xTitle} (log)` : xTitle, yTitle: isLog.y ? `${yTitle} (log)` : yTitle, yText: isShare ? percent : number });
    const at = (epoch, value) => `${x(epoch).toFixed(1)} ${y(value).toFixed(1)}`;
    for (const each of usable.filter((some) => some.low)) {
      const there = each.x.map((epoch, index) => at(epoch, each.high[index]));
      const back = each.x.map((epoch, index) => at(epoch, each.low[index])).reverse();
      chart.root.append(svg("path", { class: `band c${each.colour % PALETTE}`, d: `M${[...there, ...back].join("L")}Z` }));
    }
    for (const each of usable) {
      const points = each.x.map((epoch, index) => [epoch, each.y[index]]).filter(([, value]) => value !== null);
      const path = points.map(([epoch, value], index) => `${index ? "L" : "M"}${x(epoch).toFixed(1)} ${y(value).toFixed(1)}`);
      const colour = `c${each.colour % PALETTE}`;
      chart.root.append(svg("path", { class: `curve ${colour}${each.dashed ? " dashed" : ""}`, d: path.join("") }));
      if (points.length <= 60)
        for (const [epoch, value] of points) {
          const mark = svg("circle", { class: `dot ${colour}`, cx: x(epoch), cy: y(value), r: 2.6 });
          chart.root.append(explain(mark, [each.label, `${xTitle} ${epoch}: ${said(value)}`, ...spread(each, epoch)]));
        }
    }
    // Of many curves, those of a row share a key.
    const keyed = usable.length > 12 ? usable.filter((each) => !each.dashed) : usable;
    const legend = keyed.map((each) => el("span", { class: `key c${each.colour % PALETTE}${each.dashed ? " dashed" : ""}` }, el("bdi", {}, each.label)));
    const scales = ["x", "y"].filter((axis) => can[axis]).map((axis) => {
      const box = el("input", { type: "checkbox", checked: isLog[axis], "data-scale": axis });
      box.addEventListener("change", () => {
        figure.dataset[axis === "x" ? "logX" : "logY"] = box.checked ? "1" : "";
        lines(figure, { series, yTitle, isShare, xTitle, hasScales });
        figure.querySelector(`[data-scale=${axis}]`).focus();
      });
      return el("label", {}, box, ` log ${axis}`);
    });
    place(figure, chart.root, [...(keyed.length > 12 ? [] : [el("p", { class: "keys" }, legend)]), ...(scales.length ? [el("p", { class: "scales no-print" }, scales)] : [])]);

    function said(value) {
      return isShare ? `${percent(value)} %` : number(value);
    }
    function spread(each, epoch) {
      const index = each.x.indexOf(epoch);
      return each.low ? [`${said(each.low[index])} to ${said(each.high[index])} over ${each.seeds[index]} seed${each.seeds[index] === 1 ? "" : "s"}`] : [];
    }
  };

  // Shares from 0 to 1, or differences around 0.
  const bars = (figure, { labels, values, texts, xTitle, isDifference = false }) => {
    if (!labels.length) return empty(figure, "There is no data to draw.");
    const room = Math.min(150, 16 + 6.6 * Math.max(...labels.map((label) => Math.min(label.length, 20))));
    const chart = frame(figure, 20 * labels.length + 52, `${xTitle} by class`, room);
    const most = 1.05 * Math.max(0.0001, ...values.filter((value) => value !== null).map(Math.abs));
    const x = linear(isDifference ? -most : 0, isDifference ? most : 1, chart.left, chart.right);
    for (const tick of x.ticks)
      chart.root.append(
        svg("line", { class: "grid", x1: x(tick), x2: x(tick), y1: chart.top, y2: chart.bottom }),
        svg("text", { class: "tick", x: x(tick), y: chart.bottom + 16, "text-anchor": "middle" }, percent(tick)),
      );
    chart.root.append(svg("text", { class: "title", x: (chart.left + chart.right) / 2, y: chart.bottom + 33, "text-anchor": "middle" }, xTitle));
    labels.forEach((label, index) => {
      const y = chart.top + 20 * index + 2;
      const name = label.length > 20 ? `${label.slice(0, 19)}…` : label;
      chart.root.append(svg("text", { class: "name", x: chart.left - 8, y: y + 12, "text-anchor": "end" }, name));
      if (values[index] === null) return;
      const [from, to] = [x(Math.min(0, values[index])), x(Math.max(0, values[index]))];
      const mark = svg("rect", { class: values[index] < 0 ? "bar below" : "bar", x: from, y, width: Math.max(1, to - from), height: 15 });
      chart.root.append(explain(mark, [label, texts[index]]));
    });
    place(figure, chart.root);
  };

  // A confusion matrix: darker cells are a larger share of their true class.
  const heatmap = (figure, { labels, matrix }) => {
    const count = labels.length;
    const width = Math.max(260, roomOf(figure));
    const room = Math.min(120, 16 + 6.6 * Math.max(...labels.map((label) => Math.min(label.length, 15))));
    const size = Math.max(4, Math.min(34, (width - room - 14) / count));
    const side = size * count;
    const chart = frame(figure, side + room + 8, `Confusion matrix of ${count} classes`, room);
    const cut = (label) => (label.length > 15 ? `${label.slice(0, 14)}…` : label);
    matrix.forEach((row, truth) => {
      const total = row.reduce((sum, value) => sum + value, 0) || 1;
      row.forEach((value, predicted) => {
        const share = value / total;
        const mark = svg("rect", {
          class: truth === predicted ? "cell right" : "cell wrong",
          x: room + predicted * size, y: 4 + truth * size, width: size - (size > 8 ? 1 : 0), height: size - (size > 8 ? 1 : 0),
          "fill-opacity": value ? Math.min(1, 0.12 + 0.88 * share ** 0.6).toFixed(3) : 0.04,
        });
        chart.root.append(explain(mark, [`${labels[truth]} predicted as ${labels[predicted]}`, `${number(value)} of ${number(total)} (${percent(share)} %)`]));
        if (size >= 26 && value >= 0.5)
          chart.root.append(svg("text", { class: share > 0.45 ? "count dark" : "count", x: room + (predicted + 0.5) * size, y: 8 + (truth + 0.5) * size, "text-anchor": "middle" }, number(Math.round(value))));
      });
    });
    if (size >= 9)
      labels.forEach((label, index) => {
        const middle = (index + 0.5) * size;
        chart.root.append(
          svg("text", { class: "tick", x: room - 6, y: 8 + middle, "text-anchor": "end" }, cut(label)),
          svg("text", { class: "tick", x: 0, y: 0, "text-anchor": "end", transform: `translate(${room + middle + 4} ${side + 12}) rotate(-60)` }, cut(label)),
        );
      });
    place(figure, chart.root, [el("p", { class: "hint" }, "Rows are true classes, columns are predicted classes; counts are means over seeds.")]);
  };

  // Accuracy against confidence.
  const reliability = (figure, { bins, error }) => {
    const chart = frame(figure, 300, "Reliability: accuracy vs. confidence");
    const x = linear(0, 1, chart.left, chart.right);
    const y = linear(0, 1, chart.bottom, chart.top);
    axes(chart, x, y, { xTitle: "confidence, %", yTitle: "accuracy, %", xText: percent });
    chart.root.append(svg("line", { class: "ideal", x1: x(0), y1: y(0), x2: x(1), y2: y(1) }));
    const total = bins.reduce((sum, bin) => sum + bin.count, 0) || 1;
    const width = (x(1) - x(0)) / bins.length;
    bins.forEach((bin, index) => {
      if (!bin.count) return;
      const share = bin.count / total;
      const mark = svg("rect", { class: "bar", x: x(index / bins.length) + 1, y: y(bin.right), width: width - 2, height: Math.max(1, y(0) - y(bin.right)), "fill-opacity": (0.25 + 0.75 * Math.sqrt(share)).toFixed(3) });
      chart.root.append(
        explain(mark, [`confidence ${percent(bin.confidence)} %: accuracy ${percent(bin.right)} %`, `${percent(share)} % of the predictions`]),
        svg("line", { class: "whisker", x1: x(index / bins.length) + 1, x2: x((index + 1) / bins.length) - 1, y1: y(bin.confidence), y2: y(bin.confidence) }),
      );
    });
    const hint = "Bars show accuracy, lines mean confidence; a bar that ends below its line is overconfident. Darker bars contain more predictions.";
    place(figure, chart.root, [el("p", { class: "hint" }, error === null ? hint : `Calibration error ${percent(error)} %. ${hint}`)]);
  };

  const empty = (figure, sentence) => place(figure, el("p", { class: "hint" }, sentence));

  // Replaces an earlier drawing; the caption stays.
  const place = (figure, drawing, more = []) => {
    const caption = figure.querySelector("figcaption");
    hide();
    figure.replaceChildren(...(caption ? [caption] : []), drawing, ...more);
  };

  // The drawing of a figure as a file of its own: the colours that the style sheet gives are written into it.
  const PROPERTIES = ["fill", "fill-opacity", "stroke", "stroke-width", "stroke-dasharray", "font-size", "font-family"];
  const standalone = (figure) => {
    const drawn = figure.querySelector("svg");
    if (!drawn) return "";
    const copy = drawn.cloneNode(true);
    const nodes = [...copy.querySelectorAll("*")];
    [...drawn.querySelectorAll("*")].forEach((node, index) => {
      const style = getComputedStyle(node);
      for (const name of PROPERTIES) if (style.getPropertyValue(name)) nodes[index].setAttribute(name, style.getPropertyValue(name));
      for (const name of ["class", "href", "tabindex"]) nodes[index].removeAttribute(name);
    });
    copy.prepend(svg("rect", { width: "100%", height: "100%", fill: getComputedStyle(document.body).backgroundColor }));
    copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
    return `${new XMLSerializer().serializeToString(copy)}\n`;
  };
  const png = (figure, done) => {
    const drawn = figure.querySelector("svg");
    if (!drawn) return;
    const scale = 2;
    const image = new Image();
    image.onload = () => {
      const canvas = el("canvas", { width: scale * drawn.width.baseVal.value, height: scale * drawn.height.baseVal.value });
      canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
      canvas.toBlob(done);
    };
    image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(standalone(figure))}`;
  };

  const kinds = { intervals, lines, bars, heatmap, reliability };
  const pending = new Map();
  const watcher = new IntersectionObserver((seen) => {
    for (const each of seen)
      if (each.isIntersecting) {
        watcher.unobserve(each.target);
        pending.get(each.target)?.();
        pending.delete(each.target);
      }
  }, { rootMargin: "200px" });

  // Draws once the figure comes near the screen, and again when its width changes.
  const draw = (figure, kind, data) => {
    const paint = () => {
      figure.dataset.width = figure.clientWidth;
      if (typeof kind === "function") kind(figure);
      else kinds[kind](figure, typeof data === "function" ? data() : data);
    };
    figure.repaint = () => pending.has(figure) || paint();
    pending.set(figure, paint);
    watcher.observe(figure);
  };

  const repaint = (force) => {
    for (const figure of document.querySelectorAll("figure.chart"))
      if (figure.repaint && (force || Math.abs(figure.clientWidth - Number(figure.dataset.width || 0)) > 8)) figure.repaint();
  };
  let waiting = 0;
  window.addEventListener("resize", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => repaint(false), 150);
  });
  // For printing, all figures are drawn as wide as a page, also those that were never scrolled into view.
  window.addEventListener("beforeprint", () => {
    onPaper = true;
    for (const figure of pending.keys()) watcher.unobserve(figure);
    pending.clear();
    repaint(true);
  });
  window.addEventListener("afterprint", () => {
    onPaper = false;
    repaint(true);
  });
  window.addEventListener("scroll", hide, { passive: true });
  document.addEventListener("keydown", (event) => event.key === "Escape" && hide());

  return { draw, percent, number, tools: { frame, roomOf, axes, linear, logarithmic, padded, explain, place, empty, percent, number, standalone, png } };
})();
