// The page's colours for those who paint on their own: neither cytoscape nor ECharts knows light-dark().
export function resolved(name) {
  const probe = document.createElement("i");
  probe.style.setProperty("color", `var(${name})`);
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}
