() => {
  // Gradio gives each choice a name of its own, so that the arrow keys lead nowhere.
  document.addEventListener("focusin", ({target}) => {
    if (target.type != "radio") return;
    const group = target.closest("[id]");
    for (const choice of group.querySelectorAll("input[type=radio]")) choice.name = group.id;
  });
  // A painting may be dropped on the tile that asks for one.
  for (const moved of ["dragover", "drop"]) document.addEventListener(moved, event => {
    if (!event.target.closest?.("#stylize-own")) return;
    event.preventDefault();
    if (moved == "dragover") return;
    const chosen = document.querySelector(".picking input[type=file]");
    chosen.files = event.dataTransfer.files;
    chosen.dispatchEvent(new Event("change", {bubbles: true}));
  });
  // What its components do not tell.
  const origins = ORIGINS;
  const tell = () => {
    for (const style of document.querySelectorAll(".styles input:not([title])"))
      style.title = style.parentElement.title = origins[style.value] ?? "";
    for (const sample of document.querySelectorAll(".gallery-item:not([aria-label])"))
      sample.ariaLabel = `Sample: ${sample.querySelector("img")?.src.split("/").at(-1).split(".")[0]}`;
    for (const empty of document.querySelectorAll(".empty[aria-label]:not([role])")) empty.role = "img";
  };
  new MutationObserver(tell).observe(document.body, {childList: true, subtree: true});
  tell();
}
