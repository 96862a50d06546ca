// The live tail. EventSource comes back by itself and says where it was; what it gets twice it shows once.
const tail = document.getElementById("live");
if (tail) {
  const [badge, pause, jumped] = ["[data-tail]", "[data-pause]", "[data-jumped]"].map((s) => document.querySelector(s));
  const most = 200;
  let kept = null; // what came while it is paused
  let state = ["", "connecting"];
  const say = () => {
    const [look, where] = state;
    const words = kept ? `${look === "on" ? "" : `${where}, `}paused, ${kept.length} new` : where;
    if (badge.textContent !== words) badge.textContent = words;
    badge.className = `live ${kept && look === "on" ? "" : look}`;
  };
  const turn = (look, words) => { state = [look, words]; say(); };
  const show = (html) => {
    tail.insertAdjacentHTML("afterbegin", html);
    const row = tail.firstElementChild;
    if ([...tail.children].some((other) => other !== row && other.dataset.event === row.dataset.event)) { row.remove(); return; }
    row.classList.add("fresh");
    while (tail.childElementCount > most) tail.lastElementChild.remove();
  };
  const settle = () => {
    document.querySelector("[data-waiting]").hidden = tail.childElementCount > 0;
    document.dispatchEvent(new Event("fresh"));
  };
  badge.hidden = pause.hidden = false;
  document.querySelector("[data-still]").hidden = true;
  pause.addEventListener("click", () => {
    const late = kept ?? [];
    kept = kept ? null : [];
    pause.textContent = kept ? "Resume" : "Pause";
    late.forEach(show);
    settle();
    say();
  });
  const source = new EventSource(tail.dataset.stream);
  source.onopen = () => turn("on", "live");
  source.onerror = () => (source.readyState === EventSource.CLOSED ? turn("ended", "ended; reload the page") : turn("", "connecting"));
  source.addEventListener("happened", (e) => {
    if (kept) {
      kept.push(e.data);
      if (kept.length > most) kept.shift();
      say();
      return;
    }
    show(e.data);
    settle();
  });
  source.addEventListener("jumped", () => {
    jumped.hidden = false;
    if (kept) kept.length = 0;
    else tail.replaceChildren();
  });
}
