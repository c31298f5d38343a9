// Starts a page: its widgets and, if all pages are in one file, the navigation between them.
"use strict";

// Charts whose data is a block of the page.
zoo.widgets.charts = (root) => {
  for (const figure of root.querySelectorAll("figure[data-chart]"))
    zoo.charts.draw(figure, figure.dataset.chart, zoo.read(root, figure.dataset.block));
};

zoo.widgets.copies = (root) => {
  for (const node of root.querySelectorAll("[data-copy]"))
    {
      const button = zoo.copyButton(node.textContent.trim(), node.dataset.copy);
      if (node.tagName === "P") node.append(" ", button);
      else (node.closest("a") || node).after(button);
    }
};

(() => {
  zoo.embedded = zoo.state.read().has("embed");
  document.body.classList.toggle("embedded", zoo.embedded);
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-link]")) zoo.copy(location.href);
    if (event.target.closest("[data-embed]")) zoo.copy(zoo.frame());
  });
  let refresh = [];
  const start = (root) => {
    refresh = [];
    for (const node of [root, ...root.querySelectorAll("[data-widget]")])
      for (const name of (node.dataset?.widget || "").split(" ").filter(Boolean)) {
        const again = zoo.widgets[name](node);
        if (again) refresh.push(again);
      }
  };

  const main = document.querySelector("main");
  const index = zoo.read(document, "pages");
  if (!index) {
    start(main);
    window.addEventListener("hashchange", () => refresh.forEach((again) => again()));
    return;
  }

  // All pages are in this file: the first as it is, the others compressed, many together.
  zoo.pages = new Set([index.first, ...Object.keys(index.chunks)]);
  const pristine = main.cloneNode(true);
  const chunks = new Map();
  const chunkOf = (number) => {
    if (!chunks.has(number)) chunks.set(number, unpack(document.querySelector(`script[data-chunk="${number}"]`).textContent));
    return chunks.get(number);
  };
  const unpack = async (text) => {
    const bytes = Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    return new Map(JSON.parse(await new Response(stream).text()).map(([path, title, html]) => [path, { title, html }]));
  };
  const contentOf = async (path) => {
    if (path === index.first) return { title: index.title, nodes: [...pristine.cloneNode(true).childNodes] };
    const { title, html } = (await chunkOf(index.chunks[path])).get(path);
    // Markup that zoo wrote and escaped; what is parsed so is not executed.
    return { title, nodes: [...document.adoptNode(new DOMParser().parseFromString(html, "text/html").body).childNodes] };
  };

  let wanted = "";
  const open = async () => {
    const asked = location.hash.startsWith("#/") ? decodeURIComponent(location.hash.slice(2).split("?")[0]) : index.first;
    const path = zoo.pages.has(asked) ? asked : index.first;
    wanted = path;
    if (zoo.page === path) return refresh.forEach((again) => again());
    const { title, nodes } = await contentOf(path);
    if (wanted !== path) return; // another page has been asked for meanwhile
    const isFirst = zoo.page === undefined;
    zoo.page = path;
    document.title = title;
    main.replaceChildren(...nodes);
    start(main);
    window.scrollTo(0, 0);
    if (!isFirst) main.focus({ preventScroll: true });
  };
  window.addEventListener("hashchange", open);
  open();
})();
