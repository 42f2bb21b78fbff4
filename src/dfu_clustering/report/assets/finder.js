// Search for a DFU by a part of its key, and what the page knows of the one that was chosen.

const MOST_FOUND = 10;
const findInput = document.getElementById("find");
const foundList = document.getElementById("found");
let found = [];
let active = -1;

/** Return the DFUs whose key holds the text, those that begin with it first. */
function matching(text) {
  const wanted = text.trim().toLowerCase();
  if (!wanted) return [];
  const places = data.sample.map((dfu) => ({ dfu, place: dfu.key.toLowerCase().indexOf(wanted) }));
  return places
    .filter(({ place }) => place >= 0)
    .sort((a, b) => a.place - b.place || d3.ascending(a.dfu.key, b.dfu.key))
    .slice(0, MOST_FOUND)
    .map(({ dfu }) => dfu);
}

function listFound() {
  found = matching(findInput.value);
  active = found.length ? 0 : -1;
  const options = found.map((dfu, i) => {
    const option = element("li", { role: "option", id: `found-${i}`, "aria-selected": String(i === active) }, dfu.key);
    option.append(element("small", {}, nameOf(dfu.segment)));
    option.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      choose(i);
    });
    return option;
  });
  const none = element("li", { class: "none", role: "option", "aria-disabled": "true", "aria-selected": "false" }, `None of the ${count(data.sample.length)} DFUs in this file has that in its key`);
  foundList.replaceChildren(...(options.length ? options : [none]));
  openFound(findInput.value.trim() !== "");
}

function openFound(open) {
  foundList.hidden = !open;
  findInput.setAttribute("aria-expanded", String(open));
  markActive();
}

function markActive() {
  [...foundList.children].forEach((option, i) => option.setAttribute("aria-selected", String(i === active)));
  if (active >= 0 && !foundList.hidden) findInput.setAttribute("aria-activedescendant", `found-${active}`);
  else findInput.removeAttribute("aria-activedescendant");
}

function choose(i) {
  openFound(false);
  if (found[i]) showDfu(found[i], { scroll: true });
}

function onFindKey(event) {
  if (event.key === "Escape") return openFound(false);
  if (foundList.hidden || !found.length) return undefined;
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step) {
    event.preventDefault();
    active = (active + step + found.length) % found.length;
    return markActive();
  }
  if (event.key === "Enter") {
    event.preventDefault();
    return choose(active);
  }
  return undefined;
}

/** Return the labels that a DFU had before, the newest first, months with one label together. */
function earlierLabels(dfu) {
  const spells = [];
  dfu.earlier.forEach((place, i) => {
    const label = place === null ? "none" : data.earlier_labels[place];
    const month = data.earlier_months[i];
    if (spells.at(-1)?.label === label) spells.at(-1).to = month;
    else spells.push({ label, from: month, to: month });
  });
  return spells
    .reverse()
    .map(({ label, from, to }) => `${label} (${from === to ? from : `${from} to ${to}`})`)
    .join(", ");
}

/** Show a DFU by itself, above everything else. */
function showDfu(dfu, { scroll }) {
  const section = document.getElementById("dfu");
  const heading = document.getElementById("dfu-heading");
  heading.textContent = dfu.key;
  const segment = element("a", { href: `#segment-${dfu.segment}` }, nameOf(dfu.segment));
  const kinds = ["typical", "borderline"].filter((kind) => data[kind][dfu.segment].some((at) => data.sample[at] === dfu));
  const kind = kinds.length ? `, one of its ${kinds[0]} DFUs` : "";
  const rest = data.months.length ? " Dashed: the segment on average, at this size." : "";
  document.getElementById("dfu-text").replaceChildren("In segment ", segment, `${kind}; ${quantity(dfu.mean)} units a month${dfu.abc ? `, class ${dfu.abc} by volume` : ""}.${rest}`);
  const facts = [["Why this label", dfu.reason], ["By itself", dfu.own], ["Borderline", dfu.near], ["Earlier labels", earlierLabels(dfu)]];
  document.getElementById("dfu-facts").replaceChildren(...facts.filter(([, text]) => text).map(([name, text]) => element("div", {}, element("dt", {}, name), element("dd", {}, text))));
  section.hidden = false;
  const figure = document.getElementById("dfu-chart");
  figure.hidden = !data.months.length;
  draw(figure, (width) => historyChart(dfu, width));
  redraw(figure, true);
  if (scroll) section.scrollIntoView({ block: "start" });
  heading.focus({ preventScroll: true });
  announce(`${dfu.key} is shown`);
}

function startFinder() {
  findInput.addEventListener("input", listFound);
  findInput.addEventListener("focus", () => findInput.value && listFound());
  findInput.addEventListener("blur", () => openFound(false));
  findInput.addEventListener("keydown", onFindKey);
  document.getElementById("dfu-close").addEventListener("click", () => {
    document.getElementById("dfu").hidden = true;
    findInput.focus();
  });
}
