// The course of a row over the publications of its board.
"use strict";

// A column of the board: how far the accuracy moved with the newest publication that has the row.
zoo.courseColumn = ({ rows }) => {
  const latest = (values) => {
    const known = values.filter((value) => value !== null);
    return known.length > 1 && values.at(-1) !== null ? known.at(-1) - known.at(-2) : null;
  };
  const value = rows.map(latest);
  const sign = (move) => (move > 0.00005 ? "+" : move < -0.00005 ? "−" : "±");
  return {
    key: "history",
    title: "history",
    about: "accuracy in the latest publications of this board, and the last change in percentage points",
    numeric: true,
    higher: true,
    shown: true,
    sortable: true,
    unit: 0.01,
    plain: { history: value },
    text: value.map((move, row) => (move === null ? (rows[row].length ? "new" : "–") : `${sign(move)}${Math.abs(100 * move).toFixed(1)}`)),
    value,
  };
};

zoo.courseText = ({ dates, rows }, row) =>
  rows[row].map((value, place) => `${dates[place]}: ${value === null ? "not on the board" : `${(100 * value).toFixed(1)} %`}`).join("\n");

// A line over the publications, the newest as a point.
zoo.spark = (values) => {
  const known = values.map((value, place) => [place, value]).filter(([, value]) => value !== null);
  if (known.length < 2) return null;
  const [low, high] = [Math.min(...known.map(([, value]) => value)), Math.max(...known.map(([, value]) => value))];
  const at = ([place, value]) => [2 + (56 * place) / (values.length - 1), high > low ? 12 - (10 * (value - low)) / (high - low) : 7].map((each) => each.toFixed(1));
  const points = known.map(at);
  return zoo.svg("svg", { class: "spark", viewBox: "0 0 60 14", width: 60, height: 14, "aria-hidden": "true" },
    zoo.svg("polyline", { points: points.join(" ") }), zoo.svg("circle", { cx: points.at(-1)[0], cy: points.at(-1)[1], r: 2 }));
};
