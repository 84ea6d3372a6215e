// The chart of the Overview: an hour, a point a second; each frame of the live stream brings the newest ones.
"use strict";
(() => {
  const place = document.getElementById("chart");
  if (!place || typeof uPlot === "undefined") return;
  const HOUR = 3600;
  let at = [], uploads = [], throttles = [];
  const add = (moments) => {
    for (const [when, archived, , refused] of moments) {
      const second = Math.round(when / 1000);
      if (at.length && second <= at[at.length - 1]) continue;
      if (at.length && second > at[at.length - 1] + 5) {
        at.push(second - 1); uploads.push(null); throttles.push(null);
      }
      at.push(second); uploads.push(archived); throttles.push(refused);
    }
    const old = at.findIndex((when) => when > at[at.length - 1] - HOUR);
    if (old > 0) { at = at.slice(old); uploads = uploads.slice(old); throttles = throttles.slice(old); }
  };
  const colour = (name) => {
    const probe = document.createElement("i");
    probe.hidden = true;
    probe.style.color = `var(${name})`;
    place.append(probe);
    const found = getComputedStyle(probe).color;
    probe.remove();
    return found;
  };
  let chart;
  const draw = () => {
    chart?.destroy();
    place.replaceChildren();
    const grid = { stroke: colour("--line"), width: 1 };
    const clock = (_, splits, space, found, step) => splits.map((at) => new Date(at * 1000).toTimeString().slice(0, step < 60 ? 8 : 5));
    const axis = { stroke: colour("--muted"), grid, ticks: grid, font: "12px system-ui" };
    chart = new uPlot({
      width: place.clientWidth - 20, height: 200, legend: { show: false }, cursor: { y: false },
      scales: { x: { time: true }, y: { range: (_, low, high) => [0, Math.max(1, high * 1.1)] } },
      padding: [null, 36, null, null],
      axes: [{ ...axis, values: clock, space: 90 }, { ...axis, size: 46 }],
      series: [{},
        { stroke: colour("--strong"), width: 1.6, fill: colour("--soft"), points: { show: false } },
        { stroke: colour("--busy"), width: 1.6, points: { show: false } }],
    }, [at, uploads, throttles], place);
  };
  add(JSON.parse(place.dataset.moments));
  draw();
  document.getElementById("live").addEventListener("moments", (event) => {
    add(JSON.parse(event.detail.data));
    chart.setData([at, uploads, throttles]);
  });
  new ResizeObserver(() => chart.setSize({ width: place.clientWidth - 20, height: 200 })).observe(place);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
})();
