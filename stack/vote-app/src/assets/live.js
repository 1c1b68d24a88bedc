// Keeps the results page current. Without it the page loads itself again.
"use strict";
(() => {
  const state = document.getElementById("live");
  const total = document.getElementById("total");
  if (!state || !total || !window.EventSource) return;

  const lang = document.documentElement.lang;
  const whole = new Intl.NumberFormat(lang);
  const percent = new Intl.NumberFormat(lang, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
  const lines = () => [...document.querySelectorAll("[data-choice]")];
  const votes = (count) => `${whole.format(count)} ${state.dataset[lang === "en" && count === 1 ? "vote" : "votes"]}`;

  // live, away (the votes cannot be counted) or lost (the server cannot be heard)
  const tell = (what) => {
    if (state.dataset.state === what) return;
    state.dataset.state = what;
    state.textContent = state.dataset[what];
  };

  const show = (results) => {
    const known = lines();
    // A choice that came or went changes the page itself.
    if (known.length !== results.choices.length) return location.reload();
    for (const { id, votes: count } of results.choices) {
      const line = known.find((line) => line.dataset.choice === id);
      if (!line) return location.reload();
      const share = results.total ? Math.round((count * 1000) / results.total) / 10 : 0;
      line.querySelector(".share").textContent = `${percent.format(share)}%`;
      line.querySelector(".votes").textContent = votes(count);
      line.querySelector(".fill").setAttribute("width", `${share}%`);
    }
    total.textContent = votes(results.total);
    tell("live");
  };

  const source = new EventSource("/results/live");
  source.onmessage = (event) => show(JSON.parse(event.data));
  source.addEventListener("away", () => tell("away"));
  source.onerror = () => {
    tell("lost");
    // A refused stream is not tried again by the browser.
    if (source.readyState === EventSource.CLOSED) setTimeout(() => location.reload(), 5000);
  };
})();
