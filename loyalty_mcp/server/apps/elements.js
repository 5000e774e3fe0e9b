"use strict";
// Elements, words and numbers of every card. Text from outside becomes a text node, never markup.

const SVG = "http://www.w3.org/2000/svg";

// Control characters, and those that turn the direction of the text around them.
const UNSEEN = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

function clean(text) {
  return String(text ?? "").replace(UNSEEN, "\ufffd");
}

function filled(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== "") node.setAttribute(name, clean(value));
  }
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === "") continue;
    node.append(child instanceof Node ? child : document.createTextNode(clean(child)));
  }
  return node;
}

function element(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

function shape(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

function list(value) {
  return Array.isArray(value) ? value : [];
}

function record(value) {
  return value !== null && typeof value === "object" && !Array.isArray(value) ? value : {};
}

function isNumber(value) {
  return typeof value === "number" && Number.isFinite(value);
}

const numbers = new Intl.NumberFormat("en", { maximumFractionDigits: 6 });
const days = new Intl.DateTimeFormat("en-GB", {
  day: "numeric", month: "short", year: "numeric", timeZone: "UTC",
});
const months = new Intl.DateTimeFormat("en-GB", { month: "short", timeZone: "UTC" });

function number(value) {
  return isNumber(value) ? numbers.format(value).replace("-", "\u2212") : clean(value);
}

function signed(value) {
  return isNumber(value) && value > 0 ? `+${number(value)}` : number(value);
}

function moment(text) {
  const found = new Date(text ?? NaN);
  return Number.isNaN(found.getTime()) ? null : found;
}

function day(value) {
  const found = value instanceof Date ? value : moment(value);
  return found === null ? clean(value) : days.format(found);
}

function inDays(from, to) {
  const count = Math.max(0, Math.round((to - from) / 86_400_000));
  return count === 0 ? "today" : `in ${count} day${count === 1 ? "" : "s"}`;
}

function counted(count, noun) {
  return `${number(count)} ${noun}${count === 1 ? "" : "s"}`;
}

function words(name) {
  const text = clean(name).replaceAll("_", " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function section(title, ...children) {
  const shown = children.flat(Infinity).filter(Boolean);
  return shown.length === 0 ? null : element("section", {}, element("h2", {}, title), shown);
}

function warnings(texts) {
  if (texts.length === 0) return null;
  return element("ul", { class: "warnings", "aria-label": "Warnings" },
    texts.map((text) => element("li", { class: "lines" }, text)));
}

// A part of a whole, from 0 to 1; text: what a screen reader says instead of the percentage.
function bar(part, label, kind = "", text = null) {
  const percent = Math.max(0, Math.min(100, Math.round(part * 100)));
  const inner = element("span");
  inner.style.setProperty("--part", `${percent}%`);
  return element("div", {
    class: `bar ${kind}`, role: "progressbar", "aria-label": label,
    "aria-valuemin": "0", "aria-valuemax": "100", "aria-valuenow": percent,
    "aria-valuetext": text,
  }, inner);
}

// columns: [{title, value: (row) => content, kind}]; kind is a class of the cells.
function table(label, columns, rows) {
  const head = element("tr", {},
    columns.map((column) => element("th", { scope: "col", class: column.kind }, column.title)));
  const body = rows.map((row) => element("tr", {},
    columns.map((column) => element("td", { class: column.kind }, column.value(row)))));
  return element("div", { class: "scroll", role: "region", tabindex: "0", "aria-label": label },
    element("table", {}, element("thead", {}, head), element("tbody", {}, body)));
}
