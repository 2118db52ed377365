// @ts-check
/* <jt-chart kind="bar|line" unit="…"> holds the table the server rendered and draws it with ECharts.
   The table is the truth: it stays in the page for readers and print, and comes back when the library does not. */

/** @type {Promise<any> | undefined} */
let library;

function load() {
  const script = document.querySelector("script[data-charts]");
  const url = script instanceof HTMLElement ? script.dataset.charts : undefined;
  library ??= url ? import(url).then(() => /** @type {any} */ (globalThis).echarts) : Promise.reject(new Error("no library"));
  return library;
}

/** @param {HTMLTableElement} table */
function read(table) {
  const names = [...table.tHead?.rows[0].cells ?? []].slice(1).map((cell) => cell.textContent?.trim() ?? "");
  const rows = [...table.tBodies[0].rows];
  return {
    labels: rows.map((row) => row.cells[0].textContent?.trim() ?? ""),
    series: names.map((name, at) => ({
      name,
      values: rows.map((row) => {
        const value = row.cells[at + 1].dataset.value;
        return value === undefined || value === "" ? null : Number(value);
      }),
    })),
  };
}

class JtChart extends HTMLElement {
  /** @type {any} */ #chart;
  /** @type {ResizeObserver | undefined} */ #observer;

  async connectedCallback() {
    const table = this.querySelector("table");
    if (!(table instanceof HTMLTableElement)) return;
    let echarts;
    try {
      echarts = await load();
    } catch {
      return; // the table stays
    }
    if (!this.isConnected) return;
    const canvas = document.createElement("div");
    canvas.className = "canvas";
    const behind = document.createElement("details");
    behind.className = "raw";
    const summary = document.createElement("summary");
    summary.textContent = document.documentElement.lang === "en" ? "Show the numbers" : "看数字";
    behind.append(summary);
    table.before(canvas, behind);
    behind.append(table);
    this.#chart = echarts.init(canvas, undefined, { renderer: "canvas" });
    this.#chart.setOption(this.#option(read(table)));
    this.#observer = new ResizeObserver(() => this.#chart?.resize());
    this.#observer.observe(canvas);
  }

  disconnectedCallback() {
    this.#observer?.disconnect();
    this.#chart?.dispose();
    this.#chart = undefined;
  }

  /** @param {{labels: string[], series: {name: string, values: (number | null)[]}[]}} data */
  #option(data) {
    const style = getComputedStyle(this);
    const ink = (/** @type {string} */ name) => style.getPropertyValue(name).trim();
    const text = { color: ink("--ink-2"), fontFamily: style.fontFamily, fontSize: 12 };
    const kind = this.getAttribute("kind") === "line" ? "line" : "bar";
    const marks = ["circle", "rect", "triangle", "diamond"];
    return {
      animation: false,
      aria: { enabled: true, decal: { show: data.series.length > 1 && kind === "bar" } },
      color: ["--c1", "--c2", "--c3", "--c4", "--c5"].map(ink),
      textStyle: text,
      grid: { left: 8, right: 8, top: data.series.length > 1 ? 40 : 24, bottom: 4, containLabel: true },
      legend: data.series.length > 1 ? { top: 0, right: 0, textStyle: text, icon: "rect", itemWidth: 10, itemHeight: 10 } : undefined,
      tooltip: { trigger: "axis", renderMode: "richText", confine: true, backgroundColor: ink("--raised"), borderColor: ink("--line-2"), textStyle: { ...text, color: ink("--ink") } },
      xAxis: { type: "category", data: data.labels, axisLine: { lineStyle: { color: ink("--line-2") } }, axisTick: { show: false }, axisLabel: text },
      yAxis: { type: "value", name: this.getAttribute("unit") ?? "", nameTextStyle: { ...text, align: "left" }, splitLine: { lineStyle: { color: ink("--line") } }, axisLabel: text },
      series: data.series.map((one, at) => ({
        type: kind,
        name: one.name,
        data: one.values,
        barMaxWidth: 36,
        symbol: marks[at % marks.length],
        symbolSize: 6,
        lineStyle: { width: 2, type: at ? "dashed" : "solid" },
      })),
    };
  }
}

customElements.define("jt-chart", JtChart);
