// Lists of DFUs and the comparison: links where an API has put its address into the page, else the commands.

function startLinks() {
  const { api, lists } = document.documentElement.dataset;
  if (!api) return;
  for (const link of document.querySelectorAll(lists ? "a[data-list], a[data-compare]" : "a[data-compare]")) {
    link.href = api + (link.dataset.list ?? link.dataset.compare);
    link.parentElement.hidden = false;
    link.parentElement.nextElementSibling.hidden = true;
  }
}
