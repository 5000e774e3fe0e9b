// Refreshes the list of waiting intents every few seconds, draws them, and counts their time down.
"use strict";

const REFRESH_MS = 3000;
const waiting = document.getElementById("waiting");
const news = document.getElementById("news");
const home = waiting && waiting.dataset.home;

function focusOf(element) {
  const card = element && element.closest ? element.closest("article") : null;
  return card ? { card: card.id, value: element.value } : null;
}

// In place of the words that stand there for browsers without scripts.
function drawPictures() {
  for (const place of waiting.querySelectorAll(".picture[data-change]")) {
    place.replaceChildren(...picture(JSON.parse(place.dataset.change)).flat(Infinity).filter(Boolean));
  }
}

function replaceList(markup) {
  const found = new DOMParser().parseFromString(markup, "text/html");
  const kept = focusOf(document.activeElement);
  const before = new Set([...waiting.querySelectorAll("article")].map((item) => item.id));
  waiting.replaceChildren(...found.body.childNodes);
  drawPictures();
  const after = [...waiting.querySelectorAll("article")].map((item) => item.id);
  const added = after.filter((id) => !before.has(id)).length;
  if (added > 0) {
    news.textContent = added === 1 ? "One more waits for you." : `${added} more wait for you.`;
  } else if (after.length !== before.size) {
    news.textContent = "The list has changed.";
  }
  if (kept) {
    const card = document.getElementById(kept.card);
    const buttons = card ? [...card.querySelectorAll("button")] : [];
    const button = buttons.find((item) => item.value === kept.value);
    if (button) {
      button.focus();
    }
  }
}

// The list without its countdown, to see whether anything else has changed.
function withoutCountdown(markup) {
  const body = new DOMParser().parseFromString(markup, "text/html").body;
  return body.innerHTML.replace(/data-seconds="\d+">[^<]*/g, "").trim();
}

let shown = waiting && withoutCountdown(waiting.innerHTML);

async function refresh() {
  try {
    const answer = await fetch(`${home}/waiting`, { credentials: "same-origin" });
    if (answer.status === 401) {
      location.assign(`${home}?notice=ended`);
      return;
    }
    if (!answer.ok) {
      throw new Error(String(answer.status));
    }
    const markup = await answer.text();
    const now = withoutCountdown(markup);
    if (now !== shown) {
      shown = now;
      replaceList(markup);
    }
  } catch {
    news.textContent = "The server does not answer; trying again.";
  }
  setTimeout(refresh, REFRESH_MS);
}

// As `words.py` says it: hours and minutes, and seconds within the last hour.
function timeLeft(seconds) {
  const two = (number) => String(number).padStart(2, "0");
  if (seconds >= 3600) {
    return `${Math.floor(seconds / 3600)} h ${two(Math.floor((seconds % 3600) / 60))} min`;
  }
  return `${Math.floor(seconds / 60)}:${two(seconds % 60)}`;
}

function countDown() {
  for (const item of waiting.querySelectorAll(".left")) {
    const left = Math.max(0, Number(item.dataset.seconds) - 1);
    item.dataset.seconds = String(left);
    item.textContent = timeLeft(left);
  }
}

if (waiting) {
  drawPictures();
  setInterval(countDown, 1000);
  setTimeout(refresh, REFRESH_MS);
}
