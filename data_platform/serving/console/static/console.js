// Keys, theme and times. Pages work without it; it makes them quicker.
const root = document.documentElement;

// a browser that blocks storage throws at the mention of it: the theme then lasts as long as the page
function kept(theme) {
  try {
    if (theme) localStorage.setItem("theme", theme);
    return localStorage.getItem("theme");
  } catch {
    return null;
  }
}

const stored = kept();
if (stored) root.dataset.theme = stored;

const isTyping = (event) => event.target.closest("input, select, textarea, [contenteditable]");
const hits = () => [...document.querySelectorAll(".hits a")];

function step(by) {
  const links = hits();
  if (!links.length) return false;
  const at = links.indexOf(document.activeElement);
  const next = at + by;
  if (next < 0) document.querySelector(".search").focus();
  else (links[next] ?? links[at]).focus();
  return true;
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const inSearch = event.target.matches?.(".search");
  if (event.key === "ArrowDown" && (inSearch || event.target.closest(".hits"))) { if (step(1)) event.preventDefault(); return; }
  if (event.key === "ArrowUp" && event.target.closest(".hits")) { if (step(-1)) event.preventDefault(); return; }
  if (event.key === "Escape" && inSearch) { event.target.blur(); return; }
  if (isTyping(event)) return;
  if (event.key === "/") { event.preventDefault(); const field = document.querySelector(".search"); field.focus(); field.select(); }
  if (event.key === "j") step(1);
  if (event.key === "k") step(-1);
  if (event.key === "t") turn();
  const way = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
  if (way) way.click();
});

function turn() {
  const isDark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = isDark ? "light" : "dark";
  kept(root.dataset.theme);
  document.dispatchEvent(new CustomEvent("theme"));
}

document.querySelector("#theme")?.addEventListener("click", turn);

const UNITS = [["year", 31536000], ["month", 2592000], ["day", 86400], ["hour", 3600], ["minute", 60]];
const words = new Intl.RelativeTimeFormat("en", { numeric: "auto" });

function tellTimes() {
  for (const time of document.querySelectorAll("time[datetime]:not([data-exact])")) {
    const seconds = (new Date(time.dateTime) - Date.now()) / 1000;
    const unit = UNITS.find(([, size]) => Math.abs(seconds) >= size);
    time.title = new Date(time.dateTime).toLocaleString();
    time.textContent = unit ? words.format(Math.round(seconds / unit[1]), unit[0]) : seconds > 0 ? "in a moment" : "just now";
  }
}

tellTimes();
setInterval(tellTimes, 30000);
document.addEventListener("htmx:after:swap", tellTimes);

// a page that is no longer brought up to date must not look as if all were well
const stale = document.querySelector("#stale");
const tellStale = (isStale) => { if (stale) stale.hidden = !isStale; };
document.addEventListener("htmx:error", () => tellStale(true));
document.addEventListener("htmx:response:error", () => tellStale(true));
document.addEventListener("htmx:after:swap", () => tellStale(false));

// the row of pages scrolls sideways on a telephone: the page one is on is in sight
const current = document.querySelector(".bar nav [aria-current]");
if (current) current.parentElement.scrollLeft = current.offsetLeft - current.parentElement.offsetLeft - 40;

for (const button of document.querySelectorAll("[data-copy]")) button.hidden = !navigator.clipboard;
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  await navigator.clipboard.writeText(button.dataset.copy);
  button.textContent = "Copied";
});
