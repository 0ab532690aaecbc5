// The preview of a template follows what is typed; without this script its button does the same.

const form = document.querySelector("[data-preview-form]");
const button = form.querySelector("[data-preview]");
/** How long nothing is typed before the preview is made anew, ms. */
const PAUSE = 500;
let timer;

function preview() {
  // The first address of a new frame takes no step in the history of the window.
  const frame = form.querySelector("iframe[name=preview]");
  frame.replaceWith(frame.cloneNode());
  form.requestSubmit(button);
}

form.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(preview, PAUSE);
});
