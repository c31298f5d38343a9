// Starts a page: its widgets and, if all pages are in one file, the navigation between them.
"use strict";

// Charts whose data is a block of the page.
zoo.widgets.charts = (root) => {
  for (const figure of root.querySelectorAll("figure[data-chart]"))
    zoo.charts.draw(figure, figure.dataset.chart, zoo.read(root, figure.dataset.block));
};

zoo.widgets.copies = (root) => {
  for (const node of root.querySelectorAll("[data-copy]"))
    node.after(zoo.copyButton(node.textContent.trim(), node.dataset.copy));
};

// Two or more rows of a dataset, compared image by image.
zoo.widgets.compare = (root) => {
  const { el } = zoo;
  const data = zoo.read(root, "comparison");
  const form = root.querySelector("[data-choice]");
  const place = root.querySelector("[data-result]");
  const index = new Map(data.rows.map((row, position) => [row.id, position]));
  const percent = (value) => `${value > 0 ? "+" : value < 0 ? "−" : ""}${Math.abs(100 * value).toFixed(1)}`;
  const share = (value) => (100 * value).toFixed(1);
  for (const row of data.rows)
    form.append(el("label", {}, el("input", { type: "checkbox", value: row.id }), " ", el("bdi", {}, row.label)));
  const boxes = [...form.querySelectorAll("input")];

  const pairOf = (a, b) => {
    const [first, second] = a < b ? [a, b] : [b, a];
    const count = data.rows.length;
    const [difference, low, high, p, separated] = data.pairs[first * count - (first * (first + 1)) / 2 + second - first - 1];
    return a < b ? { difference, low, high, p, separated } : { difference: -difference, low: -high, high: -low, p, separated };
  };

  // The share of seeds that classified each image correctly.
  const rights = (row) => Array.from(row.right, (digit) => Number.parseInt(digit, 36) / row.seeds);

  const table = (chosen) =>
    el("div", { class: "wide", tabindex: 0, role: "region", "aria-label": "Differences" }, el("table", {},
      el("caption", {}, "Accuracy of the row minus that of the column, in percentage points, with a 95 % interval that is not adjusted for other pairs; bold if the two are separated, adjusted for all pairs of the table."),
      el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "row"), el("th", { scope: "col", class: "number" }, "acc %"), chosen.map((row) => el("th", { scope: "col", class: "number" }, el("bdi", {}, row.label))))),
      el("tbody", {}, chosen.map((row) => el("tr", {},
        el("th", { scope: "row" }, el("a", { href: zoo.href(`rows/${row.id}.html`) }, el("bdi", {}, row.label))),
        el("td", { class: "number" }, share(row.accuracy)),
        chosen.map((other) => {
          if (row === other) return el("td", { class: "number" }, "");
          const pair = pairOf(index.get(row.id), index.get(other.id));
          return el("td", { class: "number" }, el(pair.separated ? "strong" : "span", {}, percent(pair.difference)), ` [${percent(pair.low)}, ${percent(pair.high)}]`);
        }))))));

  const disagreement = (first, second) => {
    const [a, b] = [rights(first), rights(second)];
    const count = a.length;
    const both = a.reduce((sum, value, image) => sum + value * b[image], 0) / count;
    const onlyA = a.reduce((sum, value, image) => sum + value * (1 - b[image]), 0) / count;
    const onlyB = b.reduce((sum, value, image) => sum + value * (1 - a[image]), 0) / count;
    const section = el("section", {},
      el("h2", {}, "Disagreements: ", el("bdi", {}, first.label), " and ", el("bdi", {}, second.label)),
      el("table", {}, el("tbody", {},
        [["both correct", both], ["only the first correct", onlyA], ["only the second correct", onlyB], ["both wrong", 1 - both - onlyA - onlyB]].map(([what, value]) =>
          el("tr", {}, el("th", { scope: "row" }, what), el("td", { class: "number" }, `${share(value)} %`), el("td", { class: "number" }, `${Math.round(value * count)} of ${count} images`))))));
    const byClass = data.classes.map(() => [0, 0]);
    data.labels.forEach((label, image) => {
      byClass[label][0] += a[image] - b[image];
      byClass[label][1] += 1;
    });
    const classes = data.classes.map((name, label) => ({ name, value: byClass[label][1] ? byClass[label][0] / byClass[label][1] : null, count: byClass[label][1] }))
      .filter((each) => each.value !== null).sort((one, other) => Math.abs(other.value) - Math.abs(one.value)).slice(0, 30);
    const figure = el("figure", { class: "chart" }, el("figcaption", {}, "Recall of the first minus that of the second, by class, in percentage points"));
    section.append(figure);
    zoo.charts.draw(figure, "bars", { labels: classes.map((each) => each.name), values: classes.map((each) => each.value), texts: classes.map((each) => `${percent(each.value)} points, ${each.count} images`), xTitle: "difference in recall, points" });
    const images = a.map((value, image) => [value - b[image], image]).filter(([gap, image]) => gap && data.images[image]).sort((one, other) => Math.abs(other[0]) - Math.abs(one[0])).slice(0, 24);
    if (images.length)
      section.append(el("h3", {}, "Images that only one classifies correctly"), el("ul", { class: "examples" }, images.map(([gap, image]) =>
        el("li", {}, el("img", { src: data.images[image].startsWith("data:") ? data.images[image] : zoo.href(data.images[image]), alt: `test image of ${data.classes[data.labels[image]]}`, width: 64, height: 64, loading: "lazy" }),
          el("span", {}, el("bdi", {}, data.classes[data.labels[image]])), el("small", {}, gap > 0 ? "first correct" : "second correct")))));
    return section;
  };

  const show = () => {
    const chosen = boxes.filter((box) => box.checked).map((box) => data.rows[index.get(box.value)]);
    zoo.state.write(new URLSearchParams(chosen.length ? { rows: chosen.map((row) => row.id).join(",") } : {}));
    if (chosen.length < 2) return place.replaceChildren(el("p", { class: "hint" }, "Select two or more rows."));
    place.replaceChildren(table(chosen), ...(chosen.length === 2 ? [disagreement(...chosen)] : [el("p", { class: "hint" }, "Select exactly two rows to see the images on which they disagree.")]));
  };
  const start = () => {
    const wanted = (zoo.state.read().get("rows") || "").split(",").filter((id) => index.has(id));
    const first = wanted.length ? wanted : data.rows.slice(0, 2).map((row) => row.id);
    for (const box of boxes) box.checked = first.includes(box.value);
    show();
  };
  form.addEventListener("change", show);
  start();
  return start;
};

(() => {
  let refresh = [];
  const start = (root) => {
    refresh = [];
    for (const node of [root, ...root.querySelectorAll("[data-widget]")])
      for (const name of (node.dataset?.widget || "").split(" ").filter(Boolean)) {
        const again = zoo.widgets[name](node);
        if (again) refresh.push(again);
      }
  };

  const pages = document.querySelectorAll("template[data-page]");
  const main = document.querySelector("main");
  if (!pages.length) {
    start(main);
    window.addEventListener("hashchange", () => refresh.forEach((again) => again()));
    return;
  }
  zoo.pages = new Map([...pages].map((page) => [page.dataset.page, page]));
  const open = () => {
    const path = location.hash.startsWith("#/") ? decodeURIComponent(location.hash.slice(2).split("?")[0]) : pages[0].dataset.page;
    const page = zoo.pages.get(path) || pages[0];
    if (zoo.page === page.dataset.page) return refresh.forEach((again) => again());
    zoo.page = page.dataset.page;
    document.title = page.dataset.title;
    main.replaceChildren(page.content.cloneNode(true));
    start(main);
    window.scrollTo(0, 0);
    main.focus({ preventScroll: true });
  };
  window.addEventListener("hashchange", open);
  open();
})();
