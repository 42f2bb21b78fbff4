// Lists of DFUs: links where an API that shows this run has put its address into the page, else the command.

function startLists() {
  const address = document.documentElement.dataset.lists;
  if (!address) return;
  for (const link of document.querySelectorAll("a[data-list]")) {
    link.href = address + link.dataset.list;
    link.parentElement.hidden = false;
  }
  document.querySelectorAll(".command").forEach((node) => (node.hidden = true));
}
