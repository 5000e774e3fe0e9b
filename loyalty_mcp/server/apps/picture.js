// What a change would do, as a picture: in the card of an approval and on the approvals page.

function plainText(value) {
  if (value === null || value === undefined || value === "") return "\u2014";
  if (value === true) return "yes";
  if (value === false) return "no";
  if (isNumber(value)) return number(value);
  if (typeof value === "string") return value;
  if (Array.isArray(value)) return value.map(plainText).join(", ") || "\u2014";
  return Object.entries(value).map(([name, each]) => `${words(name)}: ${plainText(each)}`).join("; ") || "\u2014";
}

// A summary in its order, with a list of the lines that are items. The rows of a batch have their
// own table, so neither they nor the line that leads to them are said again.
function summaryParts(preview, rows) {
  const parts = [];
  const lines = clean(preview.summary).split("\n");
  lines.forEach((line, index) => {
    const item = line.startsWith("- ");
    const leads = line.endsWith(":") && (lines[index + 1] ?? "").startsWith("- ");
    if (rows.length > 0 && (item || leads)) return;
    const last = parts.at(-1);
    if (last !== undefined && last.item === item) last.lines.push(line);
    else parts.push({ item, lines: [line] });
  });
  return parts.map((part) => (part.item
    ? element("ul", { class: "items" }, part.lines.map((line) => element("li", {}, line.slice(2))))
    : element("p", { class: "lines" }, part.lines.join("\n"))));
}

function batchTable(rows) {
  const done = (row) => row.refused === undefined;
  return section(`${counted(rows.filter(done).length, "row")} of ${number(rows.length)} would be done`,
    table("Rows", [
      { title: "Row", kind: "number", value: (row) => number(row.number) },
      { title: "Member", value: (row) => row.member },
      { title: "What", value: (row) => (done(row) ? row.summary
        : [element("strong", {}, "Cannot be done: "), row.refused]) },
    ], rows));
}

function figurePair(name, before, after, unit) {
  const most = Math.max(Math.abs(before), Math.abs(after), 1);
  const difference = Math.round((after - before) * 1e6) / 1e6;
  const line = (title, value, kind) => [
    element("span", { class: "quiet" }, title),
    bar(Math.abs(value) / most, `${words(name)} ${title.toLowerCase()}`, kind, `${number(value)} ${unit}`),
    element("span", { class: "value" }, `${number(value)} ${unit}`),
  ];
  return element("div", { class: "tile" },
    element("h3", {}, words(name), " ",
      element("span", { class: "unit" }, difference === 0 ? "unchanged" : `${signed(difference)} ${unit}`)),
    element("div", { class: "pair" },
      line("Before", before, "before"), line("After", after, after < before ? "less" : "")));
}

function changeLine(name, before, after) {
  const [was, becomes] = [plainText(before), plainText(after)];
  const title = element("span", { class: "name" }, words(name));
  if (before === undefined) {
    return element("div", { class: "change" }, title, element("span", { class: "becomes" }, becomes));
  }
  if (was === becomes) {
    return element("div", { class: "change" }, title, element("span", {}, was),
      element("span", { class: "quiet small" }, "unchanged"));
  }
  return element("div", { class: "change" }, title, element("span", { class: "was" }, was),
    element("span", { role: "img", "aria-label": "becomes" }, "→"),
    element("span", { class: "becomes" }, becomes));
}

function valuesTable(name, rows) {
  const keys = [...new Set(rows.flatMap((row) => Object.keys(record(row))))];
  if (keys.length === 0) return element("ul", {}, rows.map((row) => element("li", {}, plainText(row))));
  return table(words(name), keys.map((key) => ({
    title: words(key), kind: rows.every((row) => isNumber(record(row)[key])) ? "number" : "",
    value: (row) => plainText(record(row)[key]),
  })), rows);
}

// Before and after: numbers as bars, other values as lines, lists that are new as tables.
function beforeAndAfter(before, after) {
  const unit = clean(after.unit ?? before.unit ?? "");
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].filter((name) => name !== "unit");
  const figures = [];
  const lines = [];
  const tables = [];
  for (const name of names) {
    const [was, becomes] = [before[name], after[name]];
    if (isNumber(was) && isNumber(becomes)) {
      figures.push(figurePair(name, was, becomes, unit));
    } else if (Array.isArray(becomes) && becomes.length > 0 && was === undefined) {
      tables.push(section(words(name), valuesTable(name, becomes)));
    } else if (Object.keys(record(was)).length + Object.keys(record(becomes)).length > 0) {
      const inner = new Set([...Object.keys(record(was)), ...Object.keys(record(becomes))]);
      for (const key of inner) lines.push(changeLine(key, record(was)[key], record(becomes)[key]));
    } else if (!(Array.isArray(becomes) && becomes.length === 0)) {
      lines.push(changeLine(name, was, becomes));
    }
  }
  return [
    figures.length + lines.length === 0 ? null
      : element("section", { "aria-label": "Before and after" }, element("h2", {}, "Before → after"),
        figures.length ? element("div", { class: "tiles" }, figures) : null, lines),
    tables,
  ];
}

// preview: {summary, before, after, rows}, where rows are those of a batch.
function picture(preview) {
  const rows = list(preview.rows).map(record);
  const [before, after] = [{ ...record(preview.before) }, { ...record(preview.after) }];
  if (rows.length > 0) {
    // The table of the rows tells how many there are, and which cannot be done.
    delete before.rows;
    delete after.rows;
    delete after.cannot_be_done;
  }
  return [
    summaryParts(preview, rows),
    rows.length > 0 ? batchTable(rows) : null,
    beforeAndAfter(before, after),
  ];
}
