// The flow of DFUs from the labels before to the labels after; the table beneath says the same in numbers.

const NODE_GAP = 10;
const NODE_WIDTH = 12;

/** Return where each label's block begins, largest first, no label last. */
function stack(totals, scale) {
  let top = 0;
  const ordered = [...totals].sort(([a, n], [b, m]) => (a === null) - (b === null) || m - n);
  return new Map(
    ordered.map(([label, dfus]) => {
      const node = { label, dfus, top, height: Math.max(2, dfus * scale), used: 0 };
      top += node.height + NODE_GAP;
      return [label, node];
    }),
  );
}

function flowChart(width) {
  const before = d3.rollup(data.flows, (flows) => d3.sum(flows, (flow) => flow.dfus), (flow) => flow.old_label);
  const after = d3.rollup(data.flows, (flows) => d3.sum(flows, (flow) => flow.dfus), (flow) => flow.new_label);
  const most = Math.max(before.size, after.size);
  const scale = Math.max(240, 30 * most) / d3.sum(data.flows, (flow) => flow.dfus);
  const [left, right] = [stack(before, scale), stack(after, scale)];
  const bottom = (nodes) => d3.max([...nodes.values()], (node) => node.top + node.height);
  const labelWidth = Math.min(290, width * 0.3);
  const [x0, x1] = [labelWidth, width - labelWidth];
  const height = Math.max(bottom(left), bottom(right)) + 30;
  const svg = d3.create("svg:svg").attr("class", "chart").attr("viewBox", `0 0 ${width} ${height}`);
  const body = svg.append("g").attr("transform", "translate(0,24)");
  for (const [x, anchor, text] of [[x0, "end", "before"], [x1, "start", "after"]]) {
    svg.append("text").attr("x", x).attr("y", 12).attr("text-anchor", anchor).attr("fill", "var(--muted)").attr("font-size", 12).text(text);
  }
  const order = [...data.flows].sort((a, b) => right.get(a.new_label).top - right.get(b.new_label).top);
  for (const flow of order) ribbon(body, flow, left.get(flow.old_label), right.get(flow.new_label), scale, x0, x1);
  for (const node of left.values()) block(body, node, x0 - NODE_WIDTH, "end", x0 - NODE_WIDTH - 6, labelWidth);
  for (const node of right.values()) block(body, node, x1, "start", x1 + NODE_WIDTH + 6, labelWidth);
  return svg.node();
}

function ribbon(body, flow, from, to, scale, x0, x1) {
  const thick = Math.max(1, flow.dfus * scale);
  const [y0, y1] = [from.top + from.used, to.top + to.used];
  from.used += flow.dfus * scale;
  to.used += flow.dfus * scale;
  const middle = (x0 + x1) / 2;
  const path = d3.path();
  path.moveTo(x0, y0);
  path.bezierCurveTo(middle, y0, middle, y1, x1, y1);
  path.lineTo(x1, y1 + thick);
  path.bezierCurveTo(middle, y1 + thick, middle, y0 + thick, x0, y0 + thick);
  path.closePath();
  const moves = flow.old_label !== flow.new_label;
  body
    .append("path")
    .attr("class", "ribbon")
    .attr("d", path)
    .attr("fill", labelColour(flow.new_label))
    .attr("fill-opacity", moves ? 0.62 : 0.18)
    .append("title")
    .text(`${flow.old_label ?? "no label"} → ${flow.new_label ?? "no label"}: ${count(flow.dfus)} DFUs`);
}

function block(body, node, x, anchor, textX, room) {
  body.append("rect").attr("x", x).attr("y", node.top).attr("width", NODE_WIDTH).attr("height", node.height).attr("fill", labelColour(node.label)).attr("rx", 2);
  const name = `${node.label ?? "no label"} `;
  const most = Math.max(8, Math.floor(room / 7.4) - 7); // characters of 12 pixels' height, of a wide font
  body
    .append("text")
    .attr("x", textX)
    .attr("y", node.top + Math.max(node.height / 2, 5))
    .attr("dy", "0.35em")
    .attr("text-anchor", anchor)
    .attr("fill", "var(--ink)")
    .attr("font-size", 12)
    .text(`${name.length > most ? `${name.slice(0, most)}… ` : name}${count(node.dfus)}`)
    .append("title")
    .text(node.label ?? "no label");
}

const labelColour = (label) => (markOf.has(label) ? colour(markOf.get(label).id) : "var(--muted)");

function startFlows() {
  const figure = document.getElementById("flows");
  if (figure) draw(figure, flowChart);
}
