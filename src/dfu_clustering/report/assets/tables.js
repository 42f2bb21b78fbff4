// Tables that sort by a column; the headings become buttons.

function cellValue(row, column, kind) {
  const cell = row.cells[column];
  const value = cell.dataset.value ?? cell.textContent.trim();
  if (kind === "text") return value.toLowerCase();
  return value === "" ? NaN : Number(value);
}

function sortBy(table, header, kind) {
  const column = header.cellIndex;
  const descending = header.getAttribute("aria-sort") ? header.getAttribute("aria-sort") === "ascending" : kind === "number";
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  header.setAttribute("aria-sort", descending ? "descending" : "ascending");
  const body = table.tBodies[0];
  const order = descending ? d3.descending : d3.ascending;
  const rows = [...body.rows].map((row) => ({ row, value: cellValue(row, column, kind) }));
  rows.sort((a, b) => Number.isNaN(a.value) - Number.isNaN(b.value) || order(a.value, b.value));
  body.append(...rows.map(({ row }) => row));
  announce(`Sorted by ${header.textContent.trim()}, ${descending ? "descending" : "ascending"}`);
}

function startTables() {
  for (const table of document.querySelectorAll("table.sortable")) {
    for (const header of table.querySelectorAll("thead th[data-sort]")) {
      const button = element("button", { type: "button" }, ...header.childNodes);
      header.replaceChildren(button);
      button.addEventListener("click", () => sortBy(table, header, header.dataset.sort));
    }
  }
}
