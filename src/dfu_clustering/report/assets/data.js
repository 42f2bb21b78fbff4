// The data of the page and what all its parts share. Texts go in by textContent only: a key may hold anything.

const data = JSON.parse(document.getElementById("report-data").textContent);
const months = data.months.map((month) => new Date(`${month}-01T00:00:00Z`));
const windowStart = months[Math.max(0, months.length - data.window_months)];

const count = d3.format(",");
const monthName = d3.utcFormat("%b %Y");
const share = (value) => d3.format(value >= 0.1 || value === 0 ? ".0%" : ".1%")(value);
const quantity = (value) => {
  if (value === null || value === undefined) return "–";
  if (Math.abs(value) >= 1e6) return `${d3.format(".3~r")(value / 1e6)}M`;
  if (Math.abs(value) >= 1e4) return `${d3.format(".3~r")(value / 1e3)}k`;
  return Math.abs(value) >= 100 ? count(Math.round(value)) : d3.format(".3~r")(value);
};

const colour = (segment) => `var(--segment-${segment})`;
const stroke = (segment) => `var(--stroke-${segment})`; // dark enough for thin lines
const nameOf = (segment) => `${segment} · ${data.marks[segment].title}`;
const markOf = new Map(data.marks.map((mark) => [mark.label, mark]));

/** Return a new element with attributes and children; texts among the children stay texts. */
function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** Say something to those who cannot see what changed. */
function announce(text) {
  document.getElementById("announcement").textContent = text;
}

// charts that fit the width of their figure, drawn again when it changes
const drawings = new Map();
const resized = new ResizeObserver((entries) => {
  requestAnimationFrame(() => entries.forEach((entry) => redraw(entry.target)));
});

/** Draw a chart into a figure: render(width in pixels) returns an element. */
function draw(figure, render) {
  drawings.set(figure, { render, width: 0 });
  resized.observe(figure);
}

/** Draw a figure's chart again where its width changed, or always where its data did. */
function redraw(figure, always = false) {
  const drawing = drawings.get(figure);
  const width = Math.round(figure.clientWidth);
  if (!drawing || !width || (width === drawing.width && !always)) return;
  drawing.width = width;
  figure.replaceChildren(drawing.render(width));
}

/** Return a chart as one picture with a text in its place; its parts say nothing by themselves. */
function picture(text, options) {
  const chart = Plot.plot({ className: "chart", ariaLabel: text, ...options });
  chart.setAttribute("role", "img");
  chart.querySelectorAll("[aria-label]").forEach((part) => part.removeAttribute("aria-label"));
  return chart;
}

/** Return the marks that shade the months that count; nothing where all months count. */
function windowShade() {
  if (!months.length || data.window_months >= months.length) return [];
  return [Plot.rectX([0], { x1: windowStart, x2: months.at(-1), fill: "var(--shade)" })];
}

// the one segment that is looked at, or null for all
const segmentListeners = [];
let shownSegment = null;

function showSegment(segment) {
  shownSegment = segment;
  segmentListeners.forEach((listener) => listener(segment));
}
