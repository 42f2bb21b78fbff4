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

/** Show how often: of DFUs that pause in most months the median is zero, and says nothing. */
function occasionsChart(segment, width) {
  const { selling } = data.bands[segment];
  const shares = months.map((month, i) => ({ month, end: d3.utcMonth.offset(month, 1), share: selling[i] })).filter((at) => at.share !== null);
  const highest = d3.greatest(shares, (at) => at.share);
  const words = highest ? `most of them in ${monthName(highest.month)}, ${share(highest.share)}` : "no demand at hand";
  const [low, mid, high] = data.bands[segment].sizes ?? [null, null, null];
  return picture(`Share of the DFUs of segment ${nameOf(segment)} that sell, by month: ${words}`, {
    width,
    height: 118,
    marginTop: 8,
    marginBottom: 20,
    marginLeft: 36,
    marginRight: 6,
    x: { type: "utc", domain: [months[0], d3.utcMonth.offset(months.at(-1), 1)], ticks: "year", label: null, tickSize: 3 },
    y: { label: null, ticks: 3, tickSize: 0, domain: [0, Math.max(0.1, highest?.share ?? 0)], nice: true, tickFormat: ".0%" },
    marks: [
      ...windowShade(),
      Plot.rectY(shares, { x1: "month", x2: "end", y: "share", fill: stroke(segment), insetLeft: 0.5, insetRight: 0.5 }),
      Plot.tip(shares, Plot.pointerX({ x: "month", y: "share", title: (at) => `${monthName(at.month)}\n${share(at.share)} of the DFUs sell\nin any month that does: ${quantity(mid)} units,\nhalf of the times ${quantity(low)} to ${quantity(high)}`, fontSize: 12 })),
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
    const segment = Number(figure.dataset.segment);
    const chart = data.bands[segment].selling ? occasionsChart : courseChart;
    draw(figure, (width) => chart(segment, width));
  }
}
