// The map: DFUs on the plane along which they differ most, by shape and colour, each segment numbered at its median.

const mapped = data.sample.filter((dfu) => dfu.at);

function mapChart(width) {
  const ids = data.marks.map((mark) => mark.id);
  const inFront = (dfu) => shownSegment === null || dfu.segment === shownSegment;
  const radius = mapped.length > 1500 ? 2.4 : mapped.length > 400 ? 3.2 : 4.5;
  const height = Math.round(Math.min(560, Math.max(300, width * 0.6)));
  const at = { x: (dfu) => dfu.at[0], y: (dfu) => dfu.at[1] };
  const signs = { fill: "segment", symbol: "segment", r: radius };
  const chart = picture(`Map of ${count(mapped.length)} DFUs on the plane along which they differ most; the table of the segments says what sets them apart`, {
    width,
    height,
    margin: 10,
    x: { axis: null, inset: 12 },
    y: { axis: null, inset: 12 },
    color: { type: "ordinal", domain: ids, range: ids.map(stroke) },
    symbol: { type: "ordinal", domain: ids, range: data.marks.map((mark) => mark.shape) },
    marks: [
      Plot.frame({ stroke: "var(--line)" }),
      Plot.dot(mapped.filter((dfu) => !inFront(dfu)), { ...at, ...signs, fillOpacity: 0.12 }),
      Plot.dot(mapped.filter(inFront), { ...at, ...signs, fillOpacity: 0.6 }),
      ...badges(width, height),
      Plot.tip(mapped, Plot.pointer({ ...at, title: (dfu) => `${dfu.key}\n${nameOf(dfu.segment)}\n${quantity(dfu.mean)} units a month`, fontSize: 12 })),
    ],
  });
  chart.addEventListener("click", () => chart.value && showDfu(chart.value, { scroll: true }));
  return chart;
}

/** Return the number of each segment at the median of its DFUs, moved apart where two would cover each other. */
function badges(width, height) {
  const groups = d3.groups(mapped, (dfu) => dfu.segment);
  const [x, y] = [0, 1].map((axis) => d3.extent(mapped, (dfu) => dfu.at[axis]));
  const span = ([low, high]) => high - low || 1;
  const pixel = { x: span(x) / width, y: span(y) / height };
  const places = groups.map(([segment, dfus]) => ({
    segment,
    x: d3.median(dfus, (dfu) => dfu.at[0]) / pixel.x,
    y: d3.median(dfus, (dfu) => dfu.at[1]) / pixel.y,
  }));
  d3.forceSimulation(places).force("apart", d3.forceCollide(13)).stop().tick(120);
  const at = { x: (place) => place.x * pixel.x, y: (place) => place.y * pixel.y };
  const shown = places.filter((place) => shownSegment === null || place.segment === shownSegment);
  return [
    Plot.dot(shown, { ...at, r: 11, fill: "var(--surface)", stroke: (place) => place.segment, strokeWidth: 2.5 }),
    Plot.text(shown, { ...at, text: "segment", fill: "var(--ink)", fontWeight: 700, fontSize: 11 }),
  ];
}

function startMap() {
  const figure = document.getElementById("map-chart");
  if (!figure) return;
  draw(figure, mapChart);
  segmentListeners.push(() => redraw(figure, true));
}
