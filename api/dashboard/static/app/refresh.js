// <div id="jobs" data-refresh="/webhooks/7" data-every="2"> is kept up to date: while the page is seen, the page at that
// address is fetched every so many seconds (3 unless it says otherwise), and the element of the same id is put in place
// of this one. It ends when that page has no such element, or one without data-refresh. Without a script it just stays.
const pace = (region) => 1000 * (Number(region.dataset.every) || 3);

// What the person is doing inside stays as it is: the focus, what is unfolded, and what is being typed, which waits.
const busy = (region) => region.contains(document.activeElement) && document.activeElement.matches("input, select, textarea");
const controls = (region) => [...region.querySelectorAll("a, button, summary, [tabindex]")];

const swap = (region, fresh) => {
  const at = controls(region).indexOf(document.activeElement);
  const key = at >= 0 ? document.activeElement.id : "";
  const unfolded = [...region.querySelectorAll("details")].map((d) => d.open);
  [...fresh.querySelectorAll("details")].forEach((d, i) => { if (unfolded[i]) d.open = true; });
  region.replaceWith(fresh);
  document.dispatchEvent(new Event("fresh"));
  if (at >= 0) ((key && document.getElementById(key)) || controls(fresh)[at])?.focus({ preventScroll: true });
};

// Two regions of one page say the same when all but the ages of their times is equal.
const gist = (region) => region.outerHTML.replace(/(<time[^>]*?)( title="[^"]*")?>[^<]*</g, "$1<");

const keep = (region) => setTimeout(async () => {
  if (!region.isConnected) return;
  let next = region;
  if (!document.hidden && !busy(region)) {
    try {
      const answer = await fetch(region.dataset.refresh, { headers: { Accept: "text/html" } });
      if (answer.redirected) return; // to the login
      if (answer.ok) {
        const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById(region.id);
        if (!fresh) return;
        if (gist(fresh) !== gist(region) && !busy(region)) {
          next = document.adoptNode(fresh);
          swap(region, next);
        }
      }
    } catch { /* the network is away; it is tried again */ }
  }
  if (next.dataset.refresh) keep(next);
}, pace(region));

document.querySelectorAll("[data-refresh]").forEach(keep);
