// The inspector. EventSource comes back by itself and says what it saw last.
const arrivals = document.getElementById("arrivals");
if (arrivals) {
  const live = document.querySelector("[data-live]");
  const state = (look, text) => { live.className = `live ${look}`; live.textContent = text; };
  const shown = 200;
  const source = new EventSource(arrivals.dataset.stream);
  source.onopen = () => state("on", "live");
  source.onerror = () => (source.readyState === EventSource.CLOSED ? state("ended", "ended; reload the page") : state("", "connecting"));
  source.addEventListener("arrival", (e) => {
    if (arrivals.querySelector(`[data-arrival="${e.lastEventId}"]`)) return;
    document.querySelector("[data-waiting]").hidden = true;
    arrivals.insertAdjacentHTML("afterbegin", e.data);
    arrivals.firstElementChild.classList.add("fresh");
    while (arrivals.childElementCount > shown) arrivals.lastElementChild.remove();
    document.dispatchEvent(new Event("fresh"));
  });
}
