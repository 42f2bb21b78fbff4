// What happens when the page is opened.

function startFilter() {
  const select = document.getElementById("segment");
  select.addEventListener("change", () => showSegment(select.value === "" ? null : Number(select.value)));
  segmentListeners.push((segment) => {
    const other = (node) => segment !== null && Number(node.dataset.segment) !== segment;
    document.querySelectorAll("article[data-segment]").forEach((node) => (node.hidden = other(node)));
    document
      .querySelectorAll("tr[data-segment], .part[data-segment], .legend [data-segment]")
      .forEach((node) => node.classList.toggle("dimmed", other(node)));
    announce(segment === null ? "All segments are shown" : `Only segment ${nameOf(segment)} is shown`);
  });
}

/** Paper has no folds: all that can be opened is open while the page is printed. */
function startPrinting() {
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details:not([open])")];
    opened.forEach((node) => (node.open = true));
  });
  addEventListener("afterprint", () => opened.forEach((node) => (node.open = false)));
}

startTheme();
startCourses();
startMap();
startMembers();
startKChoice();
startFlows();
startFinder();
startTables();
startLinks();
startFilter();
startPrinting();
document.querySelector(".controls").hidden = false;
document.documentElement.dataset.ready = "true";
