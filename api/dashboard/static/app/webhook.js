// The form of a webhook. <div id="preview" data-draft="dialect url"> shows what the form around it comes to: when one of
// those fields changes, the form is sent with do=preview, which keeps nothing, and what is in the element of the same id
// comes here. Without a script a button does that.
const draft = (region) => {
  const form = region.closest("form");
  const fields = region.dataset.draft.split(" ");
  let timer = 0;
  let asked = 0;
  form.addEventListener("input", (e) => {
    if (!fields.includes(e.target.name)) return;
    clearTimeout(timer);
    timer = setTimeout(async () => {
      const mine = ++asked;
      const body = new URLSearchParams(new FormData(form));
      body.set("do", region.id);
      try {
        const answer = await fetch(form.action, { method: "POST", body, headers: { Accept: "text/html" } });
        if (!answer.ok || answer.redirected || mine !== asked) return;
        const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById(region.id);
        if (fresh && mine === asked) region.replaceChildren(...document.adoptNode(fresh).childNodes);
        document.dispatchEvent(new Event("fresh"));
      } catch { /* the network is away; the button is there */ }
    }, 350);
  });
};
document.querySelectorAll("[data-draft]").forEach(draft);

// <details data-fetch="/path" data-part="id"> fetches what it unfolds: the element of that id of that page.
document.addEventListener("toggle", async (e) => {
  const { fetch: path, part } = e.target.dataset;
  if (!path || !e.target.open) return;
  delete e.target.dataset.fetch;
  const dialect = document.querySelector("[name=dialect]");
  try {
    const answer = await fetch(dialect ? `${path}?dialect=${dialect.value}` : path, { headers: { Accept: "text/html" } });
    const found = answer.ok && new DOMParser().parseFromString(await answer.text(), "text/html").getElementById(part);
    if (!found) return;
    found.removeAttribute("id");
    e.target.querySelector("p").replaceWith(document.adoptNode(found));
  } catch { /* the link leads there too */ }
}, true);

// Finding an event by typing.
const picker = document.querySelector("[data-picker]");
if (picker) {
  picker.closest("[data-search]").hidden = false;
  const families = [...document.querySelectorAll(".family")].map((family) => ({ family, open: family.open, picks: [...family.querySelectorAll(".pick")] }));
  picker.addEventListener("input", () => {
    const words = picker.value.toLowerCase().split(/\s+/).filter(Boolean);
    let found = 0;
    for (const { family, open, picks } of families) {
      let here = 0;
      for (const p of picks) {
        p.hidden = !words.every((w) => p.dataset.words.toLowerCase().includes(w));
        if (!p.hidden) here++;
      }
      found += here;
      family.hidden = here === 0;
      if (family.matches("details")) family.open = words.length > 0 ? here > 0 : open;
    }
    document.querySelector("[data-found]").textContent = words.length ? `${found} found` : "";
  });
  picker.addEventListener("keydown", (e) => { if (e.key === "Enter") e.preventDefault(); });
}
