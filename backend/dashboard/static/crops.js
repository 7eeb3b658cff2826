"use strict";
// Selects crops by the arrow keys, Space and Shift, and counts them; without this script the checkboxes work by themselves.
(function () {
  const form = document.querySelector("[data-crops]");
  const boxes = form ? [...form.querySelectorAll("input[name=box]")] : [];
  if (!boxes.length) return;
  const count = form.querySelector("[data-count]"), all = form.querySelector("[data-all]"), hint = count.textContent;
  let last = null;
  function tell() {
    const chosen = boxes.filter((box) => box.checked).length;
    count.textContent = chosen ? chosen + " of " + boxes.length + " selected" : hint;
    all.textContent = chosen === boxes.length ? "Select none" : "Select all";
  }
  function row() {
    const top = boxes[0].closest("li").offsetTop;
    const next = boxes.findIndex((box) => box.closest("li").offsetTop !== top);
    return next < 0 ? boxes.length : next;
  }
  form.addEventListener("keydown", (event) => {
    const at = boxes.indexOf(event.target);
    if (at >= 0 && event.key === "Enter") event.preventDefault(); // it would press the first button
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -row(), ArrowDown: row() }[event.key];
    if (at < 0 || step === undefined) return;
    event.preventDefault();
    (boxes[at + step] || boxes[at]).focus();
  });
  form.addEventListener("click", (event) => {
    const at = boxes.indexOf(event.target);
    if (at < 0) return;
    if (event.shiftKey && last !== null) {
      boxes.slice(Math.min(at, last), Math.max(at, last) + 1).forEach((box) => { box.checked = event.target.checked; });
    }
    last = at;
  });
  form.addEventListener("change", tell);
  form.addEventListener("click", tell);
  all.addEventListener("click", () => {
    const chosen = !boxes.every((box) => box.checked);
    boxes.forEach((box) => { box.checked = chosen; });
    tell();
  });
  all.hidden = false;
  tell();
})();
