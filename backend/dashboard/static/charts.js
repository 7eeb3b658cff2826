"use strict";
// Draws each chart of the page from the JSON beside it, in the colours of the style sheet.
(function () {
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const drawn = [];

  function colour(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  }

  function write(chart, value) {
    if (value === null || value === undefined) return "";
    return chart.is_share ? (value * 100).toFixed(1) + "%" : String(Math.round(value * 1e4) / 1e4);
  }

  function isNumeric(chart) {
    return chart.kind !== "bar" && chart.places.length > 0 && chart.places.every((place) => typeof place === "number");
  }

  function points(chart, values) {
    return isNumeric(chart) ? values.map((value, at) => ({ x: chart.places[at], y: value })) : values;
  }

  function lines(chart) {
    const sets = [];
    chart.series.forEach((series, number) => {
      const own = colour("--series-" + (number % 8 + 1));
      const line = {
        label: series.name, data: points(chart, series.values), borderColor: own, backgroundColor: own,
        borderWidth: 2, pointRadius: 3, spanGaps: true, showLine: chart.kind !== "points", own: series,
        hasWhiskers: chart.kind === "points" && series.low.length > 0,
      };
      sets.push(line);
      if (series.low.length && chart.kind === "line") {
        const end = { borderWidth: 0, pointRadius: 0, backgroundColor: own + "2e", isEnd: true, spanGaps: true };
        sets.push({ ...end, label: "", data: points(chart, series.low), fill: false });
        sets.push({ ...end, label: "", data: points(chart, series.high), fill: "-1" });
      }
    });
    return sets;
  }

  const whiskers = { id: "whiskers", afterDatasetsDraw: (chart) => chart.data.datasets.forEach((set, number) => {
    if (!set.hasWhiskers || !chart.isDatasetVisible(number)) { return; }
    const pen = chart.ctx, y = chart.scales.y;
    pen.save();
    pen.strokeStyle = set.borderColor;
    pen.lineWidth = 1.5;
    chart.getDatasetMeta(number).data.forEach((point, at) => {
      const low = set.own.low[at], high = set.own.high[at];
      if (low === null || high === null || point.skip) { return; }
      pen.beginPath();
      pen.moveTo(point.x, y.getPixelForValue(low));
      pen.lineTo(point.x, y.getPixelForValue(high));
      pen.stroke();
    });
    pen.restore();
  }) };

  function reach(chart, end, pick) {
    const ends = chart.series.flatMap((series) => series[end].concat(series.values)).filter((value) => value !== null);
    return ends.length ? pick(...ends) : undefined;
  }

  function axis(chart, title) {
    return { title: { display: Boolean(title), text: title, color: colour("--soft") },
      ticks: { color: colour("--soft") }, grid: { color: colour("--line") } };
  }

  function label(chart, item) {
    const series = item.dataset.own;
    const text = (series.name ? series.name + ": " : "") + write(chart, series.values[item.dataIndex]);
    return series.low.length ? text + " (" + write(chart, series.low[item.dataIndex]) + " to " +
      write(chart, series.high[item.dataIndex]) + ")" : text;
  }

  function options(chart) {
    const y = axis(chart, chart.y), x = axis(chart, chart.x);
    if (chart.is_share) { y.ticks.callback = (value) => Math.round(value * 100) + "%"; }
    if (chart.kind === "bar") { y.beginAtZero = true; }
    if (isNumeric(chart)) {
      x.type = "linear";
      x.suggestedMin = 0;
    } else {
      x.offset = true;
    }
    if (chart.kind === "points") {
      y.suggestedMin = reach(chart, "low", Math.min);
      y.suggestedMax = reach(chart, "high", Math.max);
    }
    return {
      responsive: true, maintainAspectRatio: false, animation: false,
      interaction: { mode: "nearest", intersect: false, axis: chart.kind === "points" ? "xy" : "x" },
      scales: { x: x, y: y },
      plugins: {
        legend: { display: chart.series.length > 1,
          labels: { color: colour("--text"), filter: (item, data) => !data.datasets[item.datasetIndex].isEnd } },
        tooltip: { filter: (item) => !item.dataset.isEnd, callbacks: { label: (item) => label(chart, item) } },
      },
    };
  }

  function draw(figure) {
    const chart = JSON.parse(figure.querySelector("script[type='application/json']").textContent);
    const type = chart.kind === "bar" ? "bar" : isNumeric(chart) ? "scatter" : "line";
    drawn.push(new Chart(figure.querySelector("canvas"),
      { type: type, data: { labels: chart.places, datasets: lines(chart) }, options: options(chart), plugins: [whiskers] }));
  }

  function drawAll() {
    drawn.splice(0).forEach((chart) => chart.destroy());
    document.querySelectorAll("figure[data-chart]").forEach(draw);
  }

  drawAll();
  dark.addEventListener("change", drawAll);
  document.addEventListener("htmx:afterSwap", drawAll);
})();
