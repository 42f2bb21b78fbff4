// Typical and borderline DFUs of each segment as small multiples.

const MINI_WIDTH = 190;
const MINI_HEIGHT = 52;

function mini(dfu, kind) {
  const history = dfu.demand.map((demand, i) => ({ month: months[i], demand })).filter((at) => at.demand !== null);
  const largest = d3.max(history, (at) => at.demand) ?? 0;
  const x = d3.scaleUtc([months[0], months.at(-1)], [1, MINI_WIDTH - 1]);
  const y = d3.scaleLinear([0, largest || 1], [MINI_HEIGHT - 1, 3]);
  const line = d3.line((at) => x(at.month), (at) => y(at.demand));
  const svg = d3
    .create("svg:svg")
    .attr("viewBox", `0 0 ${MINI_WIDTH} ${MINI_HEIGHT}`)
    .attr("role", "img")
    .attr("aria-label", `${kind} DFU ${dfu.key}, monthly demand, largest month ${quantity(largest)} units`);
  const shaded = x(windowStart);
  svg.append("rect").attr("x", shaded).attr("y", 0).attr("width", MINI_WIDTH - shaded).attr("height", MINI_HEIGHT).attr("fill", "var(--shade)");
  svg.append("path").attr("d", `M0 ${MINI_HEIGHT - 0.5}H${MINI_WIDTH}`).attr("stroke", "var(--line)");
  svg
    .append("path")
    .attr("d", line(history))
    .attr("fill", "none")
    .attr("stroke", stroke(dfu.segment))
    .attr("stroke-width", 1.5)
    .attr("stroke-linejoin", "round");
  const caption = element("figcaption", { title: dfu.key }, dfu.key);
  const size = element("figcaption", {}, `largest month ${quantity(largest)}`);
  return element("figure", { class: "mini" }, caption, svg.node(), size);
}

function startMembers() {
  for (const article of document.querySelectorAll("article.members")) {
    const segment = Number(article.dataset.segment);
    for (const kind of ["typical", "borderline"]) {
      const row = article.querySelector(`[data-kind="${kind}"]`);
      const name = kind === "typical" ? "Typical" : "Borderline";
      const dfus = data[kind][segment].map((at) => data.sample[at]);
      row.replaceChildren(element("p", {}, dfus.length ? name : `${name}: none`), ...dfus.map((dfu) => mini(dfu, name)));
    }
  }
}
