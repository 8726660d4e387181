
"use strict";
const all = (selector, inside = document) => [...inside.querySelectorAll(selector)];
const made = (name, words, type) => {
  const made = document.createElement(name);
  made.append(words);
  if (type) made.className = type;
  return made;
};

// Tables: a heading sorts, a button copies.
const isNumber = (head) => head.classList.contains("number");
const plain = (text) => text.replace(/\s+/g, " ").trim().replaceAll("\u2212", "-").replaceAll("\u221e", "inf");
const value = (cell, asNumber) => {
  const text = cell.dataset.value ?? plain(cell.textContent);
  return asNumber ? parseFloat(text.replaceAll(",", "")) : text;
};
function sort(table, head) {
  const column = head.cellIndex, rising = head.getAttribute("aria-sort") !== "ascending", sign = rising ? 1 : -1;
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", rising ? "ascending" : "descending");
  const keyed = [...table.tBodies[0].rows].map((row) => [value(row.cells[column], isNumber(head)), row]);
  const order = isNumber(head)
    ? ([x], [y]) => (isNaN(x) || isNaN(y) ? isNaN(x) - isNaN(y) : sign * (x - y))  // what is undefined stays last
    : ([x], [y]) => sign * x.localeCompare(y, "en", { numeric: true });
  table.tBodies[0].append(...keyed.sort(order).map(([, row]) => row));
}
// Numbers with intervals become three columns.
function csv(table) {
  const rows = [...table.rows].filter((row) => !row.classList.contains("off"));
  const split = new Set(all(".interval", table).map((part) => part.closest("td").cellIndex));
  const quoted = (text) => (/[",\n]/.test(text) ? '"' + text.replaceAll('"', '""') + '"' : text);
  const cells = (cell) => {
    const interval = cell.querySelector(".interval"), head = cell.closest("thead");
    const text = plain([...cell.childNodes].filter((part) => part !== interval).map((part) => (part.className === "fine" ? "; " : " ") + part.textContent).join(""));
    const first = text === "\u2013" ? "" : isNumber(cell) && !head ? text.replaceAll(",", "") : text;
    if (!split.has(cell.cellIndex)) return [first];
    return [first, ...(head ? [text + " low", text + " high"] : interval ? plain(interval.textContent).split(" to ") : ["", ""])];
  };
  return rows.map((row) => [...row.cells].flatMap(cells).map(quoted).join(",") + "\n").join("");
}
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = made("textarea", text);
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
}
for (const table of all("main .scroll > table")) {
  for (const head of table.tHead.rows[0].cells) {
    const button = made("button", "");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => sort(table, head));
  }
  const box = table.closest(".scroll"), before = box.previousElementSibling;
  const tools = before?.classList.contains("tools") ? before : made("div", "", "tools");
  box.before(tools);
  const button = made("button", "Copy as CSV", "copy");
  button.type = "button";
  tools.append(button);
  button.addEventListener("click", async () => {
    await copy(csv(table));
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = "Copy as CSV"), 1500);
  });
}

// A method is hidden in all figures and tables at once.
const shown = document.getElementById("shown");
if (shown) {
  const buttons = all("button", shown);
  shown.hidden = false;
  for (const button of buttons) button.addEventListener("click", () => {
    const off = button.getAttribute("aria-pressed") === "true";
    button.setAttribute("aria-pressed", !off);
    for (const part of all(`[data-m="${button.dataset.method}"]`)) part.classList.toggle("off", off);
    shown.querySelector(".hint").hidden = buttons.every((other) => other.getAttribute("aria-pressed") === "true");
    tell();
  });
}

// Figures say their values: under the pointer, at a touch, or mark by mark with the arrow keys.
const tip = made("div", "", "tip");
tip.setAttribute("role", "status");
tip.hidden = true;
document.body.append(tip);
let lit = null;
function tell(mark = null) {
  if (mark === lit) return;
  lit?.classList.remove("lit");
  lit = mark;
  tip.hidden = !mark;
  if (!mark) return;
  mark.classList.add("lit");
  const [first, ...rest] = mark.dataset.tip.split("\n");
  tip.replaceChildren(made("b", first), rest.join("\n"));
  const place = mark.getBoundingClientRect(), own = tip.getBoundingClientRect();
  const left = place.x + place.width / 2 - own.width / 2, above = place.y - own.height - 9;
  tip.style.left = Math.max(6, Math.min(left, document.documentElement.clientWidth - own.width - 6)) + "px";
  tip.style.top = (above < 6 ? place.bottom + 9 : above) + "px";
}
const marks = (plot) => all("[data-tip]:not(.off)", plot);
function nearest(plot, x, y) {
  let found = null, least = 22;
  for (const mark of marks(plot)) {
    const box = mark.getBoundingClientRect();
    const outside = Math.hypot(Math.max(box.left - x, 0, x - box.right), Math.max(box.top - y, 0, y - box.bottom));
    const far = outside + Math.hypot(box.x + box.width / 2 - x, box.y + box.height / 2 - y) / 1e3;
    if (far < least) [found, least] = [mark, far];
  }
  return found;
}
for (const plot of all("svg.plot")) {
  if (!marks(plot).length) continue;
  plot.tabIndex = 0;
  plot.setAttribute("aria-label", plot.getAttribute("aria-label") + "; arrow keys read the values");
  const point = (event) => tell(nearest(plot, event.clientX, event.clientY));
  plot.addEventListener("pointermove", point);
  plot.addEventListener("pointerdown", point);
  plot.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && tell());
  plot.addEventListener("blur", () => tell());
  plot.addEventListener("keydown", (event) => {
    const own = marks(plot), at = own.indexOf(lit), last = own.length - 1;
    const to = {
      ArrowRight: at + 1, ArrowDown: at + 1, ArrowLeft: at - 1, ArrowUp: at - 1, Home: 0, End: last, Escape: NaN,
    }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    tell(own[Math.max(0, Math.min(to, last))]);
  });
}
addEventListener("scroll", () => tell(), { passive: true });
addEventListener("pointerdown", (event) => event.target.closest?.("svg.plot") || tell());

// On paper nothing is folded.
let folded = [];
addEventListener("beforeprint", () => {
  folded = all("details:not([open])");
  for (const part of folded) part.open = true;
});
addEventListener("afterprint", () => folded.forEach((part) => (part.open = false)));
