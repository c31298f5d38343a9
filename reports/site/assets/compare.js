// Two or more rows of a dataset, compared image by image.
"use strict";

zoo.widgets.compare = (root) => {
  const { el } = zoo;
  const MOST_LISTED = 24; // rows offered at a time; a search finds the others
  const data = zoo.read(root, "comparison");
  const form = root.querySelector("[data-choice]");
  const search = root.querySelector("[data-find]");
  const place = root.querySelector("[data-result]");
  const index = new Map(data.rows.map((row, position) => [row.id, position]));
  const leftOut = new Map(data.left_out.map((row) => [row.id, row.label]));
  const percent = (value) => {
    const size = Math.abs(100 * value).toFixed(1);
    return `${size === "0.0" ? "" : value > 0 ? "+" : "−"}${size}`;
  };
  const share = (value) => (100 * value).toFixed(1);
  let chosen = [];
  let unknown = [];

  // The share of seeds that classified each image correctly, from counts of as few bits as they need.
  const unpack = (row) => {
    const bytes = atob(row.right.replaceAll("-", "+").replaceAll("_", "/"));
    const width = Math.floor(Math.log2(row.seeds)) + 1;
    return data.labels.map((_, image) => {
      let count = 0;
      for (let bit = image * width; bit < (image + 1) * width; bit++) count = 2 * count + ((bytes.charCodeAt(bit >> 3) >> (7 - (bit & 7))) & 1);
      return count / row.seeds;
    });
  };
  const known = (row) => {
    row.shares ||= unpack(row);
    row.mean ??= row.shares.reduce((sum, value) => sum + value, 0) / row.shares.length;
    return row;
  };

  // The quantile of t at 97.5 %; beyond the table, its expansion around that of the normal distribution.
  const quantile = (freedom) => {
    if (freedom <= data.quantiles.length) return data.quantiles[freedom - 1];
    const z = 1.959963984540054;
    return z + (z ** 3 + z) / (4 * freedom) + (5 * z ** 5 + 16 * z ** 3 + 3 * z) / (96 * freedom ** 2) + (3 * z ** 7 + 19 * z ** 5 + 17 * z ** 3 - 15 * z) / (384 * freedom ** 3);
  };

  // The variance of a difference and its degrees of freedom where rows have repeated folds, which covers images and seeds.
  const ofFolds = (one, other) => {
    if (!one || !other || (one.deal < 0 && other.deal < 0)) return null;
    const freedom = Math.min(one.freedom ?? Infinity, other.freedom ?? Infinity);
    if (one.deal !== other.deal) return [one.alone + other.alone, freedom];
    const squares = one.scores.reduce((sum, score, fold) => sum + (score - other.scores[fold]) ** 2, 0);
    return [one.factor * squares / (one.scores.length - 1), freedom];
  };

  // The difference of two rows with its interval: the variances over images and over the seeds of both, each times its
  // own squared quantile, as reports/statistics/paired_tests.py computes them.
  const pairOf = (one, other) => {
    const [a, b] = [known(one), known(other)];
    const count = a.shares.length;
    let squares = 0;
    let fourth = 0;
    for (let image = 0; image < count; image++) {
      const gap = (a.shares[image] - b.shares[image]) ** 2;
      squares += gap;
      fourth += gap * gap;
    }
    const rounding = 1e-12 * count;
    if (squares <= rounding) squares = 0;
    const effective = fourth > rounding ? squares ** 2 / fourth : 1;
    const ofImages = Math.floor(Math.min(Math.max(effective, 1), Math.max(count - 1, 1)) + 1e-9);
    // A single seed has no spread: it borrows that of the other row.
    let [left, leftFreedom, leftSpread] = a.variance;
    let [right, rightFreedom, rightSpread] = b.variance;
    const borrows = (a.seeds === 1) !== (b.seeds === 1);
    if (borrows && a.seeds === 1) left = rightSpread;
    if (borrows && b.seeds === 1) right = leftSpread;
    const total = left + right;
    let freedom = total > 0 ? total ** 2 / (left ** 2 / leftFreedom + right ** 2 / rightFreedom) : 1;
    if (borrows) freedom = Math.max(a.seeds, b.seeds) - 1;
    const folds = ofFolds(a.folds, b.folds);
    const width = folds ? Math.sqrt(folds[0]) * quantile(folds[1]) : Math.sqrt((squares / count ** 2) * quantile(ofImages) ** 2 + total * quantile(Math.floor(Math.max(freedom, 1) + 1e-9)) ** 2);
    const difference = a.mean - b.mean;
    const tied = a.tied.some(([first, last]) => first <= b.place && b.place <= last);
    return { difference, low: Math.max(difference - width, -1), high: Math.min(difference + width, 1), separated: !tied };
  };

  const table = (rows) =>
    el("div", { class: "wide", tabindex: 0, role: "region", "aria-label": "Differences" }, el("table", { class: "beside" },
      el("caption", {}, "Accuracy of the row minus that of the column, in percentage points, with a 95 % interval that is not adjusted for other pairs; bold if the two are separated, adjusted for all pairs of the table."),
      el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "row"), el("th", { scope: "col", class: "number" }, "acc %"), rows.map((row) => el("th", { scope: "col", class: "number" }, el("bdi", {}, row.label))))),
      el("tbody", {}, rows.map((row) => el("tr", {},
        el("th", { scope: "row" }, el("a", { href: zoo.href(`rows/${row.id}.html`) }, el("bdi", {}, row.label))),
        el("td", { class: "number" }, share(row.accuracy)),
        rows.map((other) => {
          if (row === other) return el("td", { class: "number" }, "");
          const pair = pairOf(row, other);
          return el("td", { class: "number" }, el(pair.separated ? "strong" : "span", {}, percent(pair.difference)), ` [${percent(pair.low)}, ${percent(pair.high)}]`);
        }))))));

  const disagreement = (first, second) => {
    const [a, b] = [first.shares, second.shares];
    const count = a.length;
    const both = a.reduce((sum, value, image) => sum + value * b[image], 0) / count;
    const onlyA = a.reduce((sum, value, image) => sum + value * (1 - b[image]), 0) / count;
    const onlyB = b.reduce((sum, value, image) => sum + value * (1 - a[image]), 0) / count;
    const section = el("section", {},
      el("h2", {}, "Disagreements: ", el("bdi", {}, first.label), " and ", el("bdi", {}, second.label)),
      el("table", {}, el("tbody", {},
        [["both correct", both], ["only the first correct", onlyA], ["only the second correct", onlyB], ["both wrong", 1 - both - onlyA - onlyB]].map(([what, value]) =>
          el("tr", {}, el("th", { scope: "row" }, what), el("td", { class: "number" }, `${share(value)} %`), el("td", { class: "number" }, `${Math.round(value * count).toLocaleString("en")} of ${count.toLocaleString("en")} images`))))));
    const byClass = data.classes.map(() => [0, 0]);
    data.labels.forEach((label, image) => {
      byClass[label][0] += a[image] - b[image];
      byClass[label][1] += 1;
    });
    const classes = data.classes.map((name, label) => ({ name, value: byClass[label][1] ? byClass[label][0] / byClass[label][1] : null, count: byClass[label][1] }))
      .filter((each) => each.value !== null).sort((one, other) => Math.abs(other.value) - Math.abs(one.value)).slice(0, 30);
    const figure = el("figure", { class: "chart" }, el("figcaption", {}, "Recall of the first minus that of the second, by class, in percentage points"));
    section.append(figure);
    zoo.charts.draw(figure, "bars", { labels: classes.map((each) => each.name), values: classes.map((each) => each.value), texts: classes.map((each) => `${percent(each.value)} points, ${each.count} images`), xTitle: "difference in recall, points", isDifference: true });
    const images = a.map((value, image) => [value - b[image], image]).filter(([gap, image]) => gap && data.images[image]).sort((one, other) => Math.abs(other[0]) - Math.abs(one[0])).slice(0, 24);
    if (images.length)
      section.append(el("h3", {}, "Images that only one classifies correctly"), el("ul", { class: "examples" }, images.map(([gap, image]) =>
        el("li", {}, el("img", { src: data.images[image].startsWith("data:") ? data.images[image] : zoo.href(data.images[image]), alt: `test image of ${data.classes[data.labels[image]]}`, width: 64, height: 64 }),
          el("span", {}, el("bdi", {}, data.classes[data.labels[image]])), el("small", {}, gap > 0 ? "first correct" : "second correct")))));
    return section;
  };

  // What sets rows apart apart from their names: often the number of epochs.
  const settings = (rows) => {
    const places = rows.map((row) => index.get(row.id));
    const differing = Object.entries(data.settings).filter(([, values]) => new Set(places.map((place) => values[place])).size > 1);
    if (!differing.length) return null;
    return el("section", {}, el("h2", {}, "Settings that differ"),
      el("div", { class: "wide", tabindex: 0, role: "region", "aria-label": "Settings that differ" }, el("table", { class: "beside" },
        el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "setting"), rows.map((row) => el("th", { scope: "col" }, el("bdi", {}, row.label))))),
        el("tbody", {}, differing.map(([name, values]) => el("tr", {}, el("th", { scope: "row" }, name), places.map((place) => el("td", {}, el("bdi", {}, values[place] || "–")))))))));
  };

  // Learning curves over each other: means over seeds with bands from the lowest to the highest.
  const MOST_OVERLAID = 8;
  const curves = (rows) => {
    const shown = rows.slice(0, MOST_OVERLAID).map((row) => [row, data.curves[index.get(row.id)] || {}]);
    const of = (name, words, dashed) => shown.flatMap(([row, each], colour) => (each[name] ? [{ label: `${row.label}${words}`, colour, dashed, ...each[name] }] : []));
    const charts = [
      ["Validation accuracy by epoch", { series: of("val_accuracy", "", false), yTitle: "validation accuracy, %", isShare: true, hasScales: true }],
      ["Loss by epoch: validation, and dashed, training", { series: [...of("val_loss", "", false), ...of("train_loss", ", training", true)], yTitle: "loss", isShare: false, hasScales: true }],
    ].filter(([, chart]) => chart.series.length);
    if (!charts.length) return null;
    return el("section", {}, el("h2", {}, "Learning curves"),
      rows.length > shown.length ? el("p", { class: "hint" }, `Of the first ${shown.length} rows. `) : null,
      el("div", { class: "charts" }, charts.map(([caption, chart]) => {
        const figure = el("figure", { class: "chart" }, el("figcaption", {}, caption));
        zoo.charts.draw(figure, "lines", chart);
        return figure;
      })));
  };

  // Rows that were asked for and are not here are named, and stay in the address.
  const absent = () =>
    unknown.map((id) => el("p", { class: "hint failed" }, el("bdi", {}, leftOut.get(id) || id), leftOut.has(id) ? " cannot be compared here: its predictions of these images are missing, or the page has no room for them." : " is not a row of this dataset."));

  const show = () => {
    const rows = chosen.map((id) => data.rows[index.get(id)]);
    const ids = [...chosen, ...unknown];
    zoo.state.write(new URLSearchParams(ids.length ? { rows: ids.join(",") } : {}));
    if (rows.length < 2) return place.replaceChildren(...absent(), el("p", { class: "hint" }, "Select two or more rows."));
    rows.forEach(known);
    place.replaceChildren(...[...absent(), table(rows), settings(rows), curves(rows)].filter(Boolean), ...(rows.length === 2 ? [disagreement(...rows)] : [el("p", { class: "hint" }, "Select exactly two rows to see the images on which they disagree.")]));
  };

  // The chosen rows, and as many others that fit the search as can be taken in.
  const list = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const fits = (row) => words.every((word) => row.label.toLowerCase().includes(word));
    const others = data.rows.filter((row) => !chosen.includes(row.id) && fits(row));
    const shown = [...data.rows.filter((row) => chosen.includes(row.id)), ...others.slice(0, MOST_LISTED)].sort((a, b) => index.get(a.id) - index.get(b.id));
    form.replaceChildren(form.querySelector("legend"), ...shown.map((row) =>
      el("label", {}, el("input", { type: "checkbox", value: row.id, checked: chosen.includes(row.id) }), " ", el("bdi", {}, row.label))));
    if (others.length > MOST_LISTED) form.append(el("p", { class: "hint" }, `and ${others.length - MOST_LISTED} more: search for them above`));
  };
  const inOrder = (ids) => [...ids].sort((a, b) => index.get(a) - index.get(b));
  const start = () => {
    const wanted = (zoo.state.read().get("rows") || "").split(",").filter(Boolean);
    unknown = wanted.filter((id) => !index.has(id));
    chosen = inOrder(wanted.length ? wanted.filter((id) => index.has(id)) : data.rows.slice(0, 2).map((row) => row.id));
    list();
    show();
  };
  form.addEventListener("change", (event) => {
    const id = event.target.value;
    chosen = inOrder(event.target.checked ? [...chosen, id] : chosen.filter((each) => each !== id));
    show();
  });
  search.closest("label").hidden = data.rows.length <= MOST_LISTED;
  search.addEventListener("input", list);
  start();
  return start;
};
