const filter = document.getElementById("filter"), expected = document.getElementById("expected");
const sections = [...document.querySelectorAll("section[data-name]")];
filter.addEventListener("input", () => {
  const wanted = filter.value.toLowerCase();
  for (const section of sections) section.classList.toggle("hidden", !section.dataset.name.toLowerCase().includes(wanted));
});
expected.addEventListener("change", () => document.body.classList.toggle("all", expected.checked));
