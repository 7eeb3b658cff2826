"use strict";
// The map of the unknown: one point a box, its crop by pointing, tapping or the arrow keys.
(function () {
  const map = document.querySelector(".map");
  if (!map) return;
  const place = map.querySelector(".canvas"), ring = map.querySelector(".ring");
  const says = map.querySelector(".says"), links = map.querySelector(".links");
  const toTask = map.querySelector("a.task"), toCluster = map.querySelector("a.cluster");
  const clusters = JSON.parse(document.getElementById("map-clusters").textContent);
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const CELL = 16, REACH = 24; // pixels: of the grid that finds the nearest point, and how far it looks
  let data = null, chart = null, cells = new Map(), pixels = [], chosen = -1, waiting = 0;
  let image = map.querySelector("img");

  function colour(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  }

  function name(cluster) {
    if (cluster < 0) return "in no cluster";
    const id = data.clusters[cluster], known = clusters[id];
    return known && known.title ? id + ", " + known.title : id;
  }

  function datasets() {
    const small = data.x.length > 5000, groups = new Map();
    data.cluster.forEach((cluster, at) => {
      if (!groups.has(cluster)) groups.set(cluster, []);
      groups.get(cluster).push({ x: data.x[at], y: data.y[at] });
    });
    return [...groups.keys()].sort((one, other) => one - other).map((cluster) => ({
      label: name(cluster), data: groups.get(cluster),
      pointBackgroundColor: cluster < 0 ? colour("--line") : colour("--series-" + (cluster % 8 + 1)),
      pointStyle: ["circle", "rect", "triangle", "rectRot"][Math.floor(Math.max(0, cluster) / 8) % 4],
      pointBorderWidth: 0, pointRadius: cluster < 0 ? (small ? 1.2 : 2) : (small ? 2 : 3.5),
    }));
  }

  function draw() {
    if (chart) chart.destroy();
    const axis = { type: "linear", min: -0.02, max: 1.02, display: false };
    chart = new Chart(map.querySelector("canvas"), {
      type: "scatter", data: { datasets: datasets() },
      options: {
        responsive: true, maintainAspectRatio: false, animation: false, parsing: false, normalized: true, events: [],
        scales: { x: axis, y: axis }, onResize: () => requestAnimationFrame(locate),
        plugins: { tooltip: { enabled: false }, legend: { display: data.clusters.length <= 24, position: "bottom",
          labels: { color: colour("--text"), usePointStyle: true, boxHeight: 7 } } },
      },
    });
    locate();
  }

  function locate() { // where each point is on the screen, and in which cell of the grid
    const x = chart.scales.x, y = chart.scales.y;
    cells = new Map();
    pixels = data.x.map((value, at) => {
      const point = [x.getPixelForValue(value), y.getPixelForValue(data.y[at])];
      const key = Math.floor(point[0] / CELL) + ":" + Math.floor(point[1] / CELL);
      if (!cells.has(key)) cells.set(key, []);
      cells.get(key).push(at);
      return point;
    });
    if (chosen >= 0) mark();
  }

  function nearest(left, top) {
    const column = Math.floor(left / CELL), row = Math.floor(top / CELL), around = Math.ceil(REACH / CELL);
    let best = -1, least = REACH * REACH;
    for (let x = column - around; x <= column + around; x += 1) {
      for (let y = row - around; y <= row + around; y += 1) {
        for (const at of cells.get(x + ":" + y) || []) {
          const far = (pixels[at][0] - left) ** 2 + (pixels[at][1] - top) ** 2;
          if (far < least) { least = far; best = at; }
        }
      }
    }
    return best;
  }

  function step(right, down) { // the nearest point in that direction, more ahead than aside
    if (chosen < 0) return 0;
    const from = pixels[chosen];
    let best = chosen, least = Infinity;
    pixels.forEach((point, at) => {
      const along = (point[0] - from[0]) * right + (point[1] - from[1]) * down;
      const aside = Math.abs((point[0] - from[0]) * down + (point[1] - from[1]) * right);
      if (along > 0.5 && aside <= along && along + 2 * aside < least) { least = along + 2 * aside; best = at; }
    });
    return best;
  }

  function mark() {
    ring.hidden = false;
    ring.style.left = pixels[chosen][0] + "px";
    ring.style.top = pixels[chosen][1] + "px";
  }

  function choose(at) {
    if (at < 0 || at === chosen) return;
    chosen = at;
    mark();
    const cluster = data.cluster[at], known = cluster < 0 ? null : clusters[data.clusters[cluster]];
    const label = data.labels[data.label[at]] || "no label";
    const texts = [name(cluster), ": task " + data.task[at] + ", ", label, " " + data.score[at].toFixed(2)];
    if (known && known.decision !== "open") texts.push(", ", known.decision);
    says.replaceChildren(...texts.map((text) => { // each by itself: a name may turn the direction of writing
      const part = document.createElement("span");
      part.textContent = text;
      return part;
    }));
    links.hidden = false;
    toTask.href = map.dataset.tasks + data.task[at];
    toCluster.hidden = !known;
    if (known) toCluster.href = known.address;
    clearTimeout(waiting);
    waiting = setTimeout(() => { // a pointer that moves on asks for no crop
      const next = new Image(160, 160);
      next.alt = "Crop of " + says.textContent;
      next.onload = () => { // the crop before stays until then
        if (at !== chosen) return;
        image.replaceWith(next);
        image = next;
      };
      next.src = map.dataset.crops + data.task[at] + "/" + encodeURIComponent(data.region[at]) + ".jpg";
    }, 60);
  }

  function point(event) {
    const box = place.getBoundingClientRect();
    choose(nearest(event.clientX - box.left, event.clientY - box.top));
  }

  const KEYS = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] };
  fetch(map.dataset.points).then((answer) => {
    if (!answer.ok) throw new Error("status " + answer.status);
    return answer.json();
  }).then((content) => {
    data = content;
    draw();
    place.addEventListener("pointermove", point);
    place.addEventListener("pointerdown", point);
    place.addEventListener("keydown", (event) => {
      if (event.key in KEYS && data.x.length) { event.preventDefault(); choose(step(...KEYS[event.key])); }
      if (event.key === "Enter" && chosen >= 0) toTask.focus();
    });
    dark.addEventListener("change", draw);
    map.dataset.drawn = String(data.x.length);
  }).catch((error) => { says.textContent = "The points could not be loaded (" + error.message + "). Load the page again."; });
})();
