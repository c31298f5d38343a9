// Starts a page: its widgets and, if all pages are in one file, the navigation between them.
"use strict";

// Charts whose data is a block of the page.
zoo.widgets.charts = (root) => {
  for (const figure of root.querySelectorAll("figure[data-chart]"))
    zoo.charts.draw(figure, figure.dataset.chart, zoo.read(root, figure.dataset.block));
};

zoo.widgets.copies = (root) => {
  for (const node of root.querySelectorAll("[data-copy]"))
    (node.closest("a") || node).after(zoo.copyButton(node.textContent.trim(), node.dataset.copy));
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
