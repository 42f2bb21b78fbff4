// The course of demand: a segment's band on its card, one DFU beside its segment.

function bandOf(segment) {
  const { low, mid, high, mean } = data.bands[segment];
  return months
    .map((month, i) => ({ month, low: low[i], mid: mid[i], high: high[i], mean: mean[i] }))
    .filter((at) => at.mid !== null);
}

function courseChart(segment, width) {
  const band = bandOf(segment);
  const tip = (at) =>
    `${monthName(at.month)}\nmedian ${at.mid.toFixed(2)}\nhalf of the DFUs ${at.low.toFixed(2)} to ${at.high.toFixed(2)}\nmean ${at.mean.toFixed(2)}`;
  return picture(`Demand by month of segment ${nameOf(segment)}: ${courseInWords(band)}`, {
    width,
    height: 118,
    marginTop: 8,
    marginBottom: 20,
    marginLeft: 26,
    marginRight: 6,
    x: { type: "utc", domain: [months[0], months.at(-1)], ticks: "year", label: null, tickSize: 3 },
    y: { label: null, ticks: 3, tickSize: 0, domain: [0, Math.max(1.5, d3.max(band, (at) => Math.max(at.high, at.mean)) ?? 0)], nice: true },
    marks: [
      ...windowShade(),
      Plot.ruleY([1], { stroke: "var(--line)" }),
      Plot.areaY(band, { x: "month", y1: "low", y2: "high", fill: colour(segment), fillOpacity: 0.28 }),
      Plot.lineY(band, { x: "month", y: "mean", stroke: "var(--ink)", strokeWidth: 1, strokeDasharray: "2 3" }),
      Plot.lineY(band, { x: "month", y: "mid", stroke: stroke(segment), strokeWidth: 1.8 }),
      Plot.ruleX(band, Plot.pointerX({ x: "month", stroke: "var(--muted)" })),
      Plot.tip(band, Plot.pointerX({ x: "month", y: "mid", title: tip, fontSize: 12 })),
    ],
  });
}

function courseInWords(band) {
  if (!band.length) return "no demand at hand";
  const highest = d3.greatest(band, (at) => at.mean);
  const lowest = d3.least(band, (at) => at.mean);
  return (
    `highest in ${monthName(highest.month)} at ${highest.mean.toFixed(1)} times a DFU's own mean ` +
    `and lowest in ${monthName(lowest.month)} at ${lowest.mean.toFixed(1)} times`
  );
}

function historyOf(dfu) {
  const { mean } = data.bands[dfu.segment];
  return months
    .map((month, i) => ({ month, demand: dfu.demand[i], usual: mean[i] === null ? null : mean[i] * dfu.mean }))
    .filter((at) => at.demand !== null && at.demand !== undefined);
}

function historyChart(dfu, width) {
  const history = historyOf(dfu);
  const tip = (at) => `${monthName(at.month)}\n${quantity(at.demand)} units\nas the segment: ${quantity(at.usual)}`;
  return picture(`Monthly demand of ${dfu.key}`, {
    width,
    height: 230,
    marginLeft: 52,
    marginBottom: 24,
    x: { type: "utc", domain: [months[0], months.at(-1)], label: null },
    y: { label: "units a month", zero: true, nice: true, ticks: 5, tickFormat: quantity, grid: true },
    marks: [
      ...windowShade(),
      Plot.lineY(history, { x: "month", y: "usual", stroke: "var(--muted)", strokeDasharray: "4 3" }),
      Plot.lineY(history, { x: "month", y: "demand", stroke: stroke(dfu.segment), strokeWidth: 2, marker: "dot" }),
      Plot.tip(history, Plot.pointerX({ x: "month", y: "demand", title: tip, fontSize: 12 })),
    ],
  });
}

function startCourses() {
  for (const figure of document.querySelectorAll("figure.course")) {
    draw(figure, (width) => courseChart(Number(figure.dataset.segment), width));
  }
}
