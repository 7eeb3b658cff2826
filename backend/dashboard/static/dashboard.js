"use strict";
// Says in the page that a part of it could not be refreshed, and takes it back when it could.
(function () {
  const trouble = () => document.getElementById("trouble");
  function report(text) {
    const place = trouble();
    if (place) { place.textContent = text; place.hidden = !text; }
  }
  document.addEventListener("htmx:responseError", (event) =>
    report("A part of this page could not be loaded (status " + event.detail.xhr.status + "). Load the page again."));
  document.addEventListener("htmx:sendError", () => report("The backend does not answer."));
  document.addEventListener("htmx:afterSwap", () => report(""));
})();
