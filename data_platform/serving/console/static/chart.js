// Paints charts. What one shows stands in its `spec`, and once more in the table below it; this only draws.
// The drawing lives in a shadow root, so that a page can be brought up to date around it without a flicker.
import { resolved } from "./colours.js";

const NAMES = ["text", "quiet", "surface", "line", "accent", "served", "warn", "bad", "raw", "other", "sunken", "accent-soft"];
const TONES = { good: "served", bad: "bad", unknown: "quiet" };
const SYMBOLS = ["circle", "rect", "triangle", "diamond", "emptyCircle", "emptyRect"];
const isWithoutMotion = matchMedia("(prefers-reduced-motion: reduce)");

// what is less than one is told by its digits, however small; elsewhere four decimals do
const digits = (value) => value.toLocaleString("en", Math.abs(value) < 1 ? { maximumSignificantDigits: 4 } : { maximumFractionDigits: 4 });
const number = (unit) => (value) => (value == null ? "not known" : `${digits(value)}${unit ? ` ${unit}` : ""}`);

function frame(of, spec) {
  const label = { color: of.quiet, fontSize: 11, hideOverlap: true };
  const rule = { lineStyle: { color: of.line } };
  return {
    animation: !isWithoutMotion.matches, animationDuration: 200, useUTC: true,
    color: [of.accent, of.served, of.raw, of.other, of.warn, of.bad],
    textStyle: { fontFamily: "system-ui, sans-serif", color: of.text },
    grid: { outerBoundsClampWidth: "45%", left: 8, right: 14, top: spec.series.length > 1 || spec.marks.length ? 34 : 14, bottom: 4, containLabel: true },
    legend: { show: spec.series.length > 1, top: 0, left: 0, type: "scroll", textStyle: { color: of.text, fontSize: 11 }, inactiveColor: of.line, pageTextStyle: { color: of.text }, pageIconColor: of.accent, itemWidth: 18, itemHeight: 10 },
    tooltip: { trigger: "axis", renderMode: "richText", confine: true, backgroundColor: of.surface, borderColor: of.line, textStyle: { color: of.text, fontSize: 12 }, valueFormatter: number(spec.unit), axisPointer: { lineStyle: { color: of.quiet } } },
    xAxis: { axisLabel: label, axisLine: rule, axisTick: rule, splitLine: { show: false } },
    yAxis: { type: "value", axisLabel: { ...label, formatter: digits }, splitLine: rule, axisLine: { show: false } },
  };
}

// every line has its own mark, and every bar its own pattern: colour is not the only thing that tells them apart
function lines(of, spec) {
  const option = frame(of, spec);
  option.xAxis.type = "time";
  option.series = spec.series.map(({ name, values }, index) => ({
    name, type: "line", data: spec.x.map((at, place) => [at, values[place]]), connectNulls: false, showSymbol: values.length < 60,
    symbol: SYMBOLS[index % SYMBOLS.length], symbolSize: 6, lineStyle: { width: 2, type: index ? "dashed" : "solid" },
    areaStyle: spec.series.length === 1 ? { opacity: 0.12 } : undefined,
    markLine: index ? undefined : marked(of, spec),
  }));
  return option;
}

function bars(of, spec) {
  const option = frame(of, spec);
  option.xAxis = { ...option.xAxis, type: "category", data: spec.x };
  option.aria = { enabled: true, label: { enabled: false }, decal: { show: spec.series.length > 1 } };
  option.series = spec.series.map(({ name, values }, index) => ({
    name, type: "bar", stack: "all", color: TONES[spec.series[index].tone] && of[TONES[spec.series[index].tone]], data: values, barMaxWidth: 28, markLine: index ? undefined : marked(of, spec),
  }));
  return option;
}

function heat(of, spec) {
  const option = frame(of, { ...spec, series: [], marks: [] });
  const cells = spec.series.flatMap(({ values }, row) => values.map((value, column) => [column, row, value ?? "-"]));
  const found = cells.map(([, , value]) => value).filter((value) => value !== "-");
  option.grid = { ...option.grid, left: 18, right: 30 };
  option.tooltip = { ...option.tooltip, trigger: "item" };
  option.xAxis = { ...option.xAxis, type: "category", data: spec.x };
  option.yAxis = { ...option.yAxis, type: "category", data: spec.series.map(({ name }) => name), axisLabel: { ...option.xAxis.axisLabel, formatter: (name) => name.replace(/\.(?=[^.]*$)/, ".\n"), lineHeight: 11 }, inverse: true };
  option.visualMap = { show: false, min: Math.min(0, ...found), max: Math.min(Math.max(2, ...found), 3), inRange: { color: [of["accent-soft"], of.accent] } };
  const label = { show: true, fontSize: 9, color: of.text, textBorderColor: of.surface, textBorderWidth: 2, formatter: ({ value }) => (value[2] === "-" ? "" : value[2].toFixed(1)) };
  option.series = [{ type: "heatmap", data: cells, label, labelLayout: { hideOverlap: true }, itemStyle: { borderColor: of.surface, borderWidth: 2 }, emphasis: { itemStyle: { borderColor: of.text } } }];
  return option;
}

function marked(of, spec) {
  const data = spec.marks.map(({ name, value }) => ({ yAxis: value, name }));
  return { silent: true, symbol: "none", lineStyle: { color: of.bad, type: "dotted" }, label: { formatter: "{b}", position: "insideStartTop", color: of.bad, fontSize: 11 }, data };
}

class DataChart extends HTMLElement {
  static observedAttributes = ["spec"];
  #chart = null;
  #sizes = new ResizeObserver(() => this.#chart?.resize());
  #repaint = () => this.#paint();

  connectedCallback() {
    const root = this.shadowRoot ?? this.attachShadow({ mode: "open" });
    const ground = document.createElement("div");
    ground.style.cssText = "width: 100%; height: 100%";
    root.replaceChildren(ground);
    this.#chart = echarts.init(ground, null, { renderer: "svg" });
    this.#sizes.observe(this);
    document.addEventListener("theme", this.#repaint);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", this.#repaint);
    this.#paint();
  }

  disconnectedCallback() {
    this.#sizes.disconnect();
    document.removeEventListener("theme", this.#repaint);
    matchMedia("(prefers-color-scheme: dark)").removeEventListener("change", this.#repaint);
    this.#chart?.dispose();
    this.#chart = null;
  }

  attributeChangedCallback() { this.#paint(); }

  #paint() {
    if (!this.#chart) return;
    const spec = JSON.parse(this.getAttribute("spec"));
    const of = Object.fromEntries(NAMES.map((name) => [name, resolved(`--${name}`)]));
    this.#chart.setOption({ lines, bars, heat }[spec.kind](of, spec), { notMerge: true });
  }
}

customElements.define("data-chart", DataChart);
