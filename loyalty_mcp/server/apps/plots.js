// Plots as SVG. Each is drawn for the width it has, so that its text keeps its size on a phone.

const YEAR = 365 * 86_400_000;

// A place for a plot: draw(width) returns {height, label, shapes}; drawn anew when the width changes.
function plot(draw) {
  const place = element("div", { class: "plot" });
  let drawn = 0;
  const fit = () => {
    const width = Math.max(240, Math.floor(place.clientWidth));
    if (width === drawn) return;
    drawn = width;
    const { height, label, shapes } = draw(width);
    place.replaceChildren(shape("svg", {
      viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label,
    }, shapes));
  };
  new ResizeObserver(fit).observe(place);
  return place;
}

function monthMarks(from, to, scale, y, room) {
  const marks = [];
  const first = new Date(from);
  const month = new Date(Date.UTC(first.getUTCFullYear(), first.getUTCMonth() + 1, 1));
  let last = -Infinity;
  while (month.getTime() <= to) {
    const x = scale(month.getTime());
    if (x - last >= room) {
      marks.push(shape("line", { class: "axis", x1: x, x2: x, y1: y, y2: y + 4 }));
      marks.push(shape("text", { x, y: y + 17, "text-anchor": "middle" }, months.format(month)));
      last = x;
    }
    month.setUTCMonth(month.getUTCMonth() + 1);
  }
  return marks;
}

// A balance over time. points: [{at, value}] in the order of time; opening: the value before them.
function balanceLine(points, { from, to, opening, unit, closing }) {
  const top = Math.max(opening, closing, ...points.map((point) => point.value), 1);
  const bottom = Math.min(0, opening, closing, ...points.map((point) => point.value));
  return plot((width) => {
    const [left, right, high, low] = [8, width - 8, 22, 132];
    const x = (time) => left + ((time - from) / Math.max(1, to - from)) * (right - left);
    const y = (value) => low - ((value - bottom) / (top - bottom)) * (low - high);
    let path = `M${left} ${y(opening)}`;
    for (const point of points) path += `H${x(point.at)}V${y(point.value)}`;
    path += `H${right}`;
    return {
      height: 156,
      label: `Balance from ${day(new Date(from))} to ${day(new Date(to))}: `
        + `${number(opening)} at the beginning, ${number(closing)} ${unit} at the end, `
        + `at most ${number(top)}.`,
      shapes: [
        shape("path", { class: "area", d: `${path}V${y(bottom)}H${left}Z` }),
        shape("line", { class: "axis", x1: left, x2: right, y1: y(0), y2: y(0) }),
        shape("path", { class: "curve", d: path }),
        points.map((point) => shape("circle", {
          class: point.amount < 0 ? "fewer" : "more", cx: x(point.at), cy: y(point.value), r: 3.5,
        })),
        shape("text", { x: left, y: 12 }, `${number(top)} ${unit}`),
        shape("text", { class: "strong", x: right, y: Math.max(12, y(closing) - 7), "text-anchor": "end" },
          number(closing)),
        monthMarks(from, to, x, low, 44),
      ],
    };
  });
}

// Credits up, debits down, over a year. moves: [{at, amount}].
function movementStems(moves, { from, to, label }) {
  const most = Math.max(...moves.map((move) => Math.abs(move.amount)), 1);
  return plot((width) => {
    const [left, right, middle, reach] = [14, width - 14, 62, 40];
    const x = (time) => left + ((time - from) / Math.max(1, to - from)) * (right - left);
    return {
      height: 142,
      label,
      shapes: [
        shape("line", { class: "axis", x1: left, x2: right, y1: middle, y2: middle }),
        moves.map((move) => {
          const kind = move.amount < 0 ? "fewer" : "more";
          const end = middle - (move.amount / most) * reach;
          return shape("g", { class: kind },
            shape("line", { class: kind, "stroke-width": 2, x1: x(move.at), x2: x(move.at), y1: middle, y2: end }),
            shape("circle", { class: kind, cx: x(move.at), cy: end, r: 4 }),
            moves.length > 8 ? null : shape("text", {
              x: x(move.at), y: move.amount < 0 ? end + 18 : end - 9, "text-anchor": "middle", stroke: "none",
            }, signed(move.amount)));
        }),
        monthMarks(from, to, x, 120, 44),
      ],
    };
  });
}

// What happens on coming days. events: [{at, text}] in the order of time.
function timeLine(events, { from, to, label }) {
  return plot((width) => {
    const [left, right, y] = [14, width - 14, 40];
    const x = (time) => left + ((time - from) / Math.max(1, to - from)) * (right - left);
    let last = -Infinity;
    return {
      height: 66,
      label,
      shapes: [
        shape("line", { class: "axis", x1: left, x2: right, y1: y, y2: y }),
        shape("text", { x: left, y: y + 20 }, "today"),
        shape("text", { x: right, y: y + 20, "text-anchor": "end" }, day(new Date(to))),
        events.map((event) => {
          const at = x(event.at);
          const free = at - last > 60;
          if (free) last = at;
          const anchor = at > right - 40 ? "end" : at < left + 40 ? "start" : "middle";
          return shape("g", {},
            shape("circle", { class: "fewer", cx: at, cy: y, r: 6 }),
            free ? shape("text", { class: "strong", x: at, y: y - 14, "text-anchor": anchor }, event.text) : null);
        }),
      ],
    };
  });
}

// One column for each class. columns: [{title, value}].
function columnChart(columns, label) {
  const most = Math.max(...columns.map((column) => column.value), 1);
  return plot((width) => {
    const [high, low] = [20, 130];
    const step = width / columns.length;
    const every = Math.ceil(44 / step);
    return {
      height: 154,
      label,
      shapes: [
        columns.map((column, index) => {
          const y = low - (column.value / most) * (low - high);
          const middle = step * (index + 0.5);
          return shape("g", {},
            shape("rect", { class: "column", rx: 3, x: step * index + step * 0.12, width: step * 0.76, y, height: low - y }),
            column.value === 0 || step < 22 ? null
              : shape("text", { class: "strong", x: middle, y: y - 6, "text-anchor": "middle" }, number(column.value)),
            index % every ? null
              : shape("text", { x: middle, y: low + 17, "text-anchor": "middle" }, column.title));
        }),
        shape("line", { class: "axis", x1: 0, x2: width, y1: low, y2: low }),
      ],
    };
  });
}
