// Draws a lineage graph. Where everything stands is decided by the server; this only paints, pans and tells.
import { resolved } from "./colours.js";

const canvas = document.querySelector("#canvas");
const side = document.querySelector("#side");

function style(isLarge) {
  const of = Object.fromEntries(
    ["text", "quiet", "surface", "line", "strong-line", "accent", "raw", "raw-soft", "curated", "curated-soft", "served", "served-soft", "other", "other-soft", "bad"]
      .map((name) => [name, resolved(`--${name}`)]));
  const layer = (name) => ({ selector: `node.${name}`, style: { "background-color": of[`${name}-soft`], "border-color": of[name] } });
  return [
    { selector: "node", style: {
      label: "data(label)", shape: "round-rectangle", width: "data(width)", height: 30, "font-size": 12, color: of.text,
      "text-valign": "center", "text-halign": "center", "background-color": of["other-soft"], "border-width": 1.2, "border-color": of.other,
      "font-family": "system-ui, sans-serif", "min-zoomed-font-size": 5 } },
    layer("raw"), layer("curated"), layer("served"), layer("other"),
    { selector: "node.stub", style: { "border-style": "dashed" } },
    { selector: "node.drifted", style: { "border-color": of.bad, "border-width": 2 } },
    { selector: ":parent", style: { "text-valign": "top", "text-margin-y": -4, "font-weight": 600, "background-opacity": 0.35, padding: 10 } },
    { selector: "node.column", style: { height: 22, "font-size": 11, "border-width": 0.8, "background-color": of.surface } },
    { selector: "node.focus", style: { "border-width": 3, "font-weight": 700 } },
    { selector: "edge", style: { width: 1.4, "line-color": of["strong-line"], "target-arrow-color": of["strong-line"], "target-arrow-shape": "triangle", "arrow-scale": 0.8, "curve-style": isLarge ? "straight" : "bezier", "source-endpoint": "90deg", "target-endpoint": "270deg" } },
    { selector: "edge.indirect", style: { "line-style": "dashed", opacity: 0.75 } },
    { selector: ".faded", style: { opacity: 0.15 } },
    { selector: "edge.lit", style: { "line-color": of.accent, "target-arrow-color": of.accent, width: 2.4 } },
    { selector: "node:selected", style: { "border-color": of.accent, "border-width": 3 } },
  ];
}

function light(graph, node) {
  const whole = node.union(node.predecessors()).union(node.successors());
  graph.batch(() => {
    graph.elements().addClass("faded").removeClass("lit");
    whole.union(whole.parents()).union(whole.children()).removeClass("faded");
    whole.edges().addClass("lit");
  });
}

function tell(data) {
  if (!side) return;
  const link = document.createElement("a");
  link.href = data.href;
  link.textContent = data.full;
  const title = document.createElement("h2");
  title.append(link);
  const facts = document.createElement("dl");
  facts.className = "list";
  for (const [name, value] of Object.entries(data.facts ?? {})) {
    const term = document.createElement("dt"); term.textContent = name;
    const said = document.createElement("dd"); said.textContent = value;
    facts.append(term, said);
  }
  side.replaceChildren(title, facts);
}

// as high as the graph is when it fills the width, within reason
function makeRoom(nodes) {
  const spread = (axis) => Math.max(...nodes.map((n) => n.position[axis])) - Math.min(...nodes.map((n) => n.position[axis]));
  const scale = Math.min(1.2, canvas.clientWidth / (spread("x") + 320));
  const height = (spread("y") + 160) * scale;
  canvas.style.height = `${Math.round(Math.min(Math.max(height, 240), innerHeight * 0.72))}px`;
}

// null where the server refuses, or is gone
async function load() {
  try {
    const answer = await fetch(canvas.dataset.source, { headers: { accept: "application/json" } });
    return answer.ok ? await answer.json() : null;
  } catch {
    return null;
  }
}

async function draw() {
  const found = await load();
  if (!found) { canvas.textContent = "The graph could not be loaded. Reload the page, or see the list below."; return; }
  const { nodes, edges } = found;
  makeRoom(nodes);
  const isLarge = nodes.length > 400;
  const graph = cytoscape({
    container: canvas, style: style(isLarge), minZoom: 0.03, maxZoom: 2.5,
    textureOnViewport: isLarge, hideEdgesOnViewport: isLarge, autoungrabify: isLarge,
    elements: { nodes, edges }, layout: { name: "preset", fit: true, padding: 30 },
  });
  if (graph.zoom() > 1.2) { graph.zoom(1.2); graph.center(); }
  canvas.dataset.ready = String(graph.nodes().length);
  graph.on("tap", "node", (event) => { tell(event.target.data()); light(graph, event.target); });
  graph.on("dbltap", "node", (event) => { location.href = event.target.data("href"); });
  graph.on("tap", (event) => { if (event.target === graph) graph.elements().removeClass("faded lit"); });
  document.addEventListener("theme", () => graph.style(style(isLarge)));
  document.querySelector("#fit")?.addEventListener("click", () => graph.animate({ fit: { padding: 30 }, duration: 150 }));
  document.querySelector("#find")?.addEventListener("input", (event) => {
    const words = event.target.value.trim().toLowerCase();
    const found = words ? graph.nodes().filter((node) => node.data("full").toLowerCase().includes(words)) : graph.collection();
    graph.elements().removeClass("faded lit");
    if (found.nonempty()) { graph.elements().not(found).addClass("faded"); graph.animate({ fit: { eles: found, padding: 120 }, duration: 150 }); }
  });
  canvas.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] }[event.key];
    if (by) { graph.panBy({ x: by[0], y: by[1] }); event.preventDefault(); }
    if (event.key === "+" || event.key === "=") graph.zoom({ level: graph.zoom() * 1.2, renderedPosition: { x: canvas.clientWidth / 2, y: canvas.clientHeight / 2 } });
    if (event.key === "-") graph.zoom({ level: graph.zoom() / 1.2, renderedPosition: { x: canvas.clientWidth / 2, y: canvas.clientHeight / 2 } });
    if (event.key === "0") graph.fit(undefined, 30);
  });
}

draw();
