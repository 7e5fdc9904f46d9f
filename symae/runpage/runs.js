// The page is whole without this: it puts the values of an epoch beside the pointer, and switches the ground.
const tip = document.getElementById("tip"), theme = document.getElementById("theme");
for (const band of document.querySelectorAll(".band")) {
  const title = band.querySelector("title"), words = title.textContent;
  title.remove();
  band.addEventListener("pointermove", (event) => {
    tip.textContent = words;
    tip.hidden = false;
    tip.style.left = Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8) + "px";
    tip.style.top = Math.min(event.clientY + 14, innerHeight - tip.offsetHeight - 8) + "px";
  });
  band.addEventListener("pointerleave", () => { tip.hidden = true; });
}
theme.hidden = false;
theme.addEventListener("click", () => {
  const chosen = document.documentElement.dataset.theme;
  const dark = chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.dataset.theme = dark ? "light" : "dark";
});
