// @ts-check
/* <jt-screen every="30"> keeps the one screen fresh while somebody looks, and fills the wall on “f”.
   The stage scales by the stylesheet (one rem is 1/120 of it), so it needs no script to fit. */

class JtScreen extends HTMLElement {
  /** @type {number | undefined} */ #timer;

  connectedCallback() {
    const seconds = Number(this.getAttribute("every") ?? "30");
    this.#timer = window.setInterval(() => this.#refresh(), seconds * 1000);
    document.addEventListener("keydown", this.#fill);
  }

  disconnectedCallback() {
    window.clearInterval(this.#timer);
    document.removeEventListener("keydown", this.#fill);
  }

  /** @param {KeyboardEvent} event */
  #fill = (event) => {
    if (event.key !== "f" || event.ctrlKey || event.metaKey) return;
    if (document.fullscreenElement) void document.exitFullscreen();
    else void document.documentElement.requestFullscreen();
  };

  async #refresh() {
    // Nobody looks, or somebody is on a link: leave the wall alone.
    if (document.visibilityState !== "visible" || this.contains(document.activeElement)) return;
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
      if (!answer.ok || answer.redirected) throw new Error(String(answer.status));
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("jt-screen");
      if (!fresh) throw new Error("not the screen");
      this.replaceChildren(...fresh.childNodes);
      this.removeAttribute("stale");
    } catch {
      this.setAttribute("stale", ""); // the stylesheet says so; an old number must not look new
    }
  }
}

customElements.define("jt-screen", JtScreen);
