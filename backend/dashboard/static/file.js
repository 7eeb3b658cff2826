"use strict";
// Puts the text of a chosen file into the field of its form, where a person sees it before it is sent.
(function () {
  document.querySelectorAll("input[type=file][data-into]").forEach((input) => {
    const field = input.form.elements[input.dataset.into];
    input.closest("label").hidden = false;
    input.addEventListener("change", () => {
      const file = input.files[0];
      if (!file) return;
      if (file.size > 6 * field.maxLength) {
        input.setCustomValidity("The file is larger than " + field.maxLength + " characters.");
        input.reportValidity();
        return;
      }
      input.setCustomValidity("");
      file.text().then((text) => { field.value = text; });
    });
  });
})();
