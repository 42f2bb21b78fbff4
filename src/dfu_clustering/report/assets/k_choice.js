// The curves behind the number of segments: what nominated which K, and where clusters get too small.

const K_CURVES = [
  { key: "wcss", criterion: "elbow", title: "Spread within clusters", hint: "the bend is nominated", format: quantity },
  { key: "silhouette", criterion: "silhouette", title: "Silhouette", hint: "the highest is nominated", format: d3.format(".3f") },
  { key: "gap", criterion: "gap", title: "Gap ± standard error", hint: "the first that the next does not exceed is nominated", format: d3.format(".3f") },
  { key: "smallest_share", criterion: null, title: "Smallest cluster", hint: "crossed out where too small", format: share },
];

function kChart({ key, criterion, title, format }, width) {
  const { points, nominations, selected, least_share: least } = data.k_curves;
  const nominated = points.filter((at) => at.k === nominations[criterion]);
  const marks = [
    Plot.ruleX([selected], { stroke: "var(--accent)", strokeWidth: 10, strokeOpacity: 0.22 }),
    Plot.lineY(points, { x: "k", y: key, stroke: "var(--ink)", strokeWidth: 1.5 }),
    Plot.dot(points, { x: "k", y: key, fill: "var(--ink)", r: 2.5, filter: (at) => criterion || at.feasible }),
    Plot.dot(nominated, { x: "k", y: key, r: 8, stroke: "var(--critical)", strokeWidth: 2 }),
    Plot.tip(points, Plot.pointerX({ x: "k", y: key, title: (at) => `K ${at.k}\n${format(at[key])}`, fontSize: 12 })),
  ];
  if (key === "gap") marks.unshift(Plot.ruleX(points, { x: "k", y1: "gap_low", y2: "gap_high", stroke: "var(--muted)" }));
  if (!criterion) {
    marks.unshift(Plot.ruleY([least], { stroke: "var(--muted)", strokeDasharray: "4 3" }));
    marks.push(Plot.dot(points, { x: "k", y: key, symbol: "times", stroke: "var(--critical)", strokeWidth: 2.5, r: 5, filter: (at) => !at.feasible }));
  }
  return picture(`${title} by number of clusters; the values are in the table below`, {
    width,
    height: 170,
    marginLeft: 44,
    marginBottom: 28,
    x: { label: null, ticks: points.map((at) => at.k).filter((k) => width > 260 || k % 2 === 0), tickFormat: "d", tickSize: 0, inset: 10 },
    y: { label: null, ticks: 4, tickSize: 0, grid: true, nice: true, zero: !criterion, tickFormat: key === "smallest_share" ? share : key === "wcss" ? quantity : undefined },
    marks,
  });
}

function startKChoice() {
  const place = document.getElementById("curves");
  const { nominations } = data.k_curves;
  for (const curve of K_CURVES) {
    const figure = element("div");
    const ringed = curve.criterion ? `; ringed: ${nominations[curve.criterion]}` : "";
    const caption = element("figcaption", {}, element("b", {}, curve.title), `${curve.hint}${ringed}`);
    place.append(element("figure", {}, caption, figure));
    draw(figure, (width) => kChart(curve, width));
  }
}
