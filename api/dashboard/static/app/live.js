// <form data-live="/path" data-answer="id"> is checked while it is filled in: a moment after the last change it is posted to
// that path, and the element of that id in the answer is put in place of the one here. Without a script a button does it.
const form = document.querySelector("form[data-live]");
if (form) {
  let waiting;
  let asked = 0;
  const check = async () => {
    const mine = ++asked;
    try {
      const answer = await fetch(form.dataset.live, { method: "POST", headers: { Accept: "text/html" }, body: new URLSearchParams(new FormData(form)) });
      if (answer.redirected || !answer.ok || mine !== asked) return;
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById(form.dataset.answer);
      if (!fresh) return;
      document.getElementById(form.dataset.answer).replaceWith(document.adoptNode(fresh));
      document.dispatchEvent(new Event("fresh"));
    } catch { /* the network is away; the next change asks again */ }
  };
  form.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(check, 600);
  });
}
