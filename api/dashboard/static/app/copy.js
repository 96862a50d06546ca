// <a data-copy-link href="…"> copies the text at its address, fetched at that moment. Where that fails, and without a
// script, it is a link to the text.
document.addEventListener("click", async (e) => {
  const link = e.target.closest("a[data-copy-link]");
  if (!link || e.ctrlKey || e.metaKey || e.shiftKey) return;
  e.preventDefault();
  const words = link.dataset.words ??= link.textContent;
  try {
    const answer = await fetch(link.href, { headers: { Accept: "text/plain" } });
    if (!answer.ok || answer.redirected) throw new Error(answer.statusText);
    await navigator.clipboard.writeText(await answer.text());
    link.textContent = "Copied";
    setTimeout(() => { link.textContent = words; }, 1200);
  } catch {
    location.assign(link.href);
  }
});
