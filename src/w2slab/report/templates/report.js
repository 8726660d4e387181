
"use strict";
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    head.querySelector("button").addEventListener("click", () => {
      const rising = head.getAttribute("aria-sort") !== "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", rising ? "ascending" : "descending");
      const value = (row) => row.cells[column].dataset.value ?? row.cells[column].textContent.trim();
      const isNumber = head.classList.contains("number");
      const order = (a, b) => {
        const [x, y] = [value(a), value(b)];
        if (!isNumber) return x.localeCompare(y, "en", { numeric: true }) * (rising ? 1 : -1);
        if (x === "" || y === "") return (x === "") - (y === "");  // what is undefined stays last
        return (x - y) * (rising ? 1 : -1);
      };
      const body = table.tBodies[0];
      body.append(...[...body.rows].sort(order));
    });
  });
}
for (const button of document.querySelectorAll("button.copy")) {
  button.addEventListener("click", async () => {
    const rows = [...document.getElementById(button.dataset.table).rows];
    const cell = (text) => (/[",\n]/.test(text) ? '"' + text.replaceAll('"', '""') + '"' : text);
    const words = (c) => (c.dataset.text ?? c.innerText).replace(/\s+/g, " ").trim();
    const text = rows.map((row) => [...row.cells].map((c) => cell(words(c))).join(",")).join("\n") + "\n";
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const area = document.createElement("textarea");
      area.value = text;
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
    const before = button.textContent;
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = before), 1500);
  });
}
