// The little that every page cannot do without a script: copying, revealing, tabs, and the age of times.
const flash = (button, text) => {
  const before = button.textContent;
  button.textContent = text;
  setTimeout(() => { button.textContent = before; }, 1200);
};

const copy = async (button, text) => {
  try {
    await navigator.clipboard.writeText(text);
    flash(button, "Copied");
  } catch {
    flash(button, "Select and copy it");
  }
};

const showTab = (box, name) => {
  for (const b of box.querySelectorAll("[data-tab]")) b.setAttribute("aria-pressed", String(b.dataset.tab === name));
  for (const p of box.querySelectorAll("[data-pane]")) p.hidden = p.dataset.pane !== name;
};

const reveal = async (button) => {
  const shown = button.parentElement.querySelector("[data-secret]");
  if (button.dataset.shown) { copy(button, shown.textContent); return; }
  const answer = await fetch(button.dataset.reveal, { headers: { Accept: "application/json" } });
  if (!answer.ok) { flash(button, "Not possible"); return; }
  shown.textContent = (await answer.json()).secret ?? "none";
  button.dataset.shown = "yes";
  button.textContent = "Copy";
};

// One listener for everything: what the inspector adds later works too.
document.addEventListener("click", (e) => {
  const b = e.target.closest("button");
  if (!b) return;
  if (b.dataset.copy !== undefined) copy(b, b.dataset.copy);
  else if (b.dataset.copyFrom !== undefined) copy(b, b.closest("[data-tabs]").querySelector("[data-pane=raw]").textContent);
  else if (b.dataset.tab) showTab(b.closest("[data-tabs]"), b.dataset.tab);
  else if (b.dataset.reveal) reveal(b);
  else if (b.dataset.fill) document.querySelector(`[name="${b.dataset.fill}"]`).value = b.dataset.value;
});

// A form that is under way is not sent twice.
document.addEventListener("submit", (e) => {
  const b = e.submitter;
  if (b && e.target.method === "post") setTimeout(() => { b.disabled = true; });
});
addEventListener("pageshow", () => { for (const b of document.querySelectorAll("form button:disabled")) b.disabled = false; });

const ago = (at) => {
  let s = (Date.now() - at) / 1000;
  const form = s < 0 ? (t) => `in ${t}` : (t) => `${t} ago`;
  s = Math.abs(s);
  if (s < 2) return "now";
  if (s < 120) return form(`${Math.floor(s)} s`);
  if (s < 7200) return form(`${Math.floor(s / 60)} min`);
  if (s < 172800) return form(`${Math.floor(s / 3600)} h`);
  return form(`${Math.floor(s / 86400)} days`);
};

const refreshTimes = () => {
  for (const t of document.querySelectorAll("time")) {
    const at = new Date(t.dateTime);
    t.textContent = ago(at);
    t.title = at.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });
  }
};
refreshTimes();
setInterval(refreshTimes, 1000);
document.addEventListener("fresh", refreshTimes); // somebody has added to the page

// On a phone the page that is shown may be the last of a long row.
for (const row of document.querySelectorAll(".tabs.under")) {
  const here = row.querySelector("[aria-current]");
  if (here) row.scrollLeft += here.getBoundingClientRect().left - row.getBoundingClientRect().left - row.clientWidth / 3;
}

// The menu of narrow pages closes with Escape, and when somebody goes elsewhere.
const menu = document.querySelector("details.menu");
if (menu) {
  menu.addEventListener("keydown", (e) => {
    if (e.key !== "Escape") return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });
  document.addEventListener("click", (e) => { if (!menu.contains(e.target)) menu.open = false; });
}
