// Tables that are larger than what shows them. Of a long one on the screen, only the rows near the part that is in sight
// are in the page, between two spaces of the others' height. Of a wide one on paper, the columns stand in several tables.
"use strict";

// The longest text of a column.
zoo.longest = (each) => (each.longest ??= each.text.reduce((most, text) => (text.length > most.length ? text : most), ""));

// The columns of each table on paper: as many as fit across a page, behind the rank and the name.
zoo.onPaper = (columns) => {
  const ACROSS = 185; // letters on a line of portrait A4, in the size of the style sheet
  const size = (each) => {
    const texts = [zoo.longest(each), ...(each.spread || []), ...each.title.split(" ")];
    return 3 + Math.min(26, Math.max(...texts.map((text) => (text || "").length)));
  };
  const kept = columns.filter((each) => ["rank", "model"].includes(each.key));
  const room = ACROSS - kept.reduce((sum, each) => sum + size(each), 0);
  const tables = [];
  let left = 0;
  for (const each of columns.filter((some) => !kept.includes(some))) {
    if (!tables.length || size(each) > left) {
      tables.push([...kept]);
      left = room;
    }
    tables.at(-1).push(each);
    left -= size(each);
  }
  return tables.length ? tables : [columns];
};

// Fills the body of a table in a box that scrolls, and returns what brings it up to date after scrolling.
// `make(index)` returns a row; `widest` holds the longest text of each column, so that columns keep their widths.
zoo.windowed = (box, body, count, make, widest) => {
  const { el } = zoo;
  const MOST_WHOLE = 150; // rows of a table that is drawn whole
  const AHEAD = 8; // rows beyond each edge of what is in sight
  if (count <= MOST_WHOLE) {
    for (let index = 0; index < count; index++) body.append(make(index));
    return () => {};
  }
  const space = () => el("tr", { class: "space", "aria-hidden": "true" }, el("td", { colspan: widest.length }));
  const [above, below] = [space(), space()];
  const sizes = el("tr", { class: "sizes", "aria-hidden": "true" }, widest.map((text) => el("td", {}, text)));
  body.append(sizes, above, below);
  const heights = new Array(count).fill(null);
  const nodes = new Map();
  let usual = 34;
  let [first, last] = [0, 0];

  // Rows are measured once they have been laid out, when the reader scrolls on.
  const measure = () => {
    const fresh = [...nodes].filter(([index]) => heights[index] === null);
    for (const [index, node] of fresh) heights[index] = node.offsetHeight || usual;
    const known = heights.filter((height) => height !== null);
    if (fresh.length) usual = known.reduce((total, height) => total + height, 0) / known.length;
  };
  const update = () => {
    let [top, view] = [0, 0.85 * window.innerHeight];
    if (last) {
      measure();
      [top, view] = [box.scrollTop, Math.max(box.clientHeight, view)];
    }
    let [sum, from, to] = [0, null, count];
    for (let index = 0; index < count; index++) {
      sum += heights[index] ?? usual;
      if (from === null && sum > top) from = index;
      if (sum > top + view) {
        to = index + 1;
        break;
      }
    }
    from = Math.max(0, (from ?? count - 1) - AHEAD);
    to = Math.min(count, to + AHEAD);
    if (from === first && to === last && last) return;
    for (const [index, node] of nodes)
      if (index < from || index >= to) {
        node.remove();
        nodes.delete(index);
      }
    for (let index = from, next = above; index < to; index++) {
      if (!nodes.has(index)) {
        const node = make(index);
        node.setAttribute("aria-rowindex", index + 2);
        nodes.set(index, node);
        next.after(node);
      }
      next = nodes.get(index);
    }
    [first, last] = [from, to];
    const room = (start, end) => {
      let total = 0;
      for (let index = start; index < end; index++) total += heights[index] ?? usual;
      return `${total}px`;
    };
    above.firstChild.style.height = room(0, from);
    below.firstChild.style.height = room(to, count);
    above.hidden = !from;
    below.hidden = to === count;
  };
  update();
  return update;
};
