// @ts-check
/* Small comforts. Every page works without this file: menus and whys are <details>, dialogs open by :target. */

/** An open menu or why closes when one looks elsewhere, and on Escape, which gives the focus back. */
document.addEventListener("click", (event) => {
  for (const open of document.querySelectorAll("details.menu[open], details.why[open]")) {
    if (event.target instanceof Node && !open.contains(event.target)) open.removeAttribute("open");
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") {
    for (const open of document.querySelectorAll("details.menu[open], details.why[open]")) {
      open.removeAttribute("open");
      const summary = open.querySelector("summary");
      if (summary instanceof HTMLElement) summary.focus();
    }
    if (document.querySelector(".dialog:target")) location.hash = "#main";
  }
  const typing = event.target instanceof HTMLElement && event.target.closest("input, textarea, select");
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    const search = document.getElementById("q");
    if (search instanceof HTMLElement) {
      search.focus();
      event.preventDefault();
    }
  }
});

/** A why opens to the side that has room. */
document.addEventListener("toggle", (event) => {
  const why = event.target;
  if (!(why instanceof HTMLDetailsElement) || !why.open || !why.classList.contains("why")) return;
  const pop = why.querySelector(".pop");
  if (!(pop instanceof HTMLElement)) return;
  pop.classList.remove("to-left");
  if (pop.getBoundingClientRect().right > document.documentElement.clientWidth) pop.classList.add("to-left");
}, true);

/** “All” of a column of boxes. */
document.addEventListener("change", (event) => {
  const box = event.target;
  if (!(box instanceof HTMLInputElement) || !box.dataset.all) return;
  const boxes = box.closest("form")?.querySelectorAll(`input[type=checkbox][name="${CSS.escape(box.dataset.all)}"]:not([disabled])`);
  for (const one of boxes ?? []) if (one instanceof HTMLInputElement) one.checked = box.checked;
});

/** A form is sent once: the second click of an impatient finger does nothing. */
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!(form instanceof HTMLFormElement) || form.method !== "post" || event.defaultPrevented) return;
  if (form.dataset.sent) event.preventDefault();
  form.dataset.sent = "yes";
  setTimeout(() => delete form.dataset.sent, 5000);
});

/** What was reported stays long enough to be read, then makes room. */
for (const toast of document.querySelectorAll(".toast")) setTimeout(() => toast.remove(), 8000);

/** A secret shown once can be taken along with one click. */
document.addEventListener("click", async (event) => {
  const button = event.target instanceof Element ? event.target.closest("button[data-copy]") : null;
  if (!(button instanceof HTMLButtonElement)) return;
  const text = document.getElementById(button.dataset.copy ?? "")?.textContent ?? "";
  try {
    await navigator.clipboard.writeText(text.trim());
    button.textContent = button.dataset.copied ?? "✓";
  } catch {
    /* without the permission the text is still there to be selected */
  }
});
for (const button of document.querySelectorAll("button[data-copy][hidden]")) button.removeAttribute("hidden");
