// The card of an approval: what a change would do, and the two buttons that only a person can press.

const CONFIRMATION = "loyalty-mcp/confirmation";
const CALL = "loyalty-mcp/call";

// A second press that was meant for the picture before must not agree to a new one.
const READING = 700;

const OUTCOMES = {
  applied: "Done", not_applied: "Not done", unknown: "The outcome is not known",
  declined: "Declined", expired: "Expired", waiting_for_operator: "An operator has to approve",
};

// Which pictures have been decided, by the confirmation that each had.
const decided = new Set();

function summaryOf(preview) {
  const lines = clean(preview.summary).split("\n");
  const rows = lines.filter((line) => line.startsWith("- "))
    .map((line) => /^- (?:Row (\d+)[:,] )?(.*)$/s.exec(line));
  const other = lines.filter((line) => !line.startsWith("- ")).join("\n");
  return [
    element("p", { class: "lines" }, other),
    rows.length === 0 ? null : table("Rows", [
      { title: "Row", kind: "number", value: (row) => row[1] ?? "" },
      { title: "What", value: (row) => row[2] },
    ], rows),
  ];
}

function figurePair(name, before, after, unit) {
  const most = Math.max(Math.abs(before), Math.abs(after), 1);
  const difference = Math.round((after - before) * 1e6) / 1e6;
  const line = (title, value, kind) => [
    element("span", { class: "quiet" }, title),
    bar(Math.abs(value) / most, `${words(name)} ${title.toLowerCase()}`, kind),
    element("span", { class: "value" }, `${number(value)} ${unit}`),
  ];
  return element("div", { class: "tile" },
    element("h3", {}, words(name), " ",
      element("span", { class: "unit" }, difference === 0 ? "unchanged" : `${signed(difference)} ${unit}`)),
    element("div", { class: "pair" },
      line("Before", before, "before"), line("After", after, after < before ? "less" : "")));
}

function plainText(value) {
  if (value === null || value === undefined || value === "") return "\u2014";
  if (value === true) return "yes";
  if (value === false) return "no";
  if (isNumber(value)) return number(value);
  if (typeof value === "string") return value;
  if (Array.isArray(value)) return value.map(plainText).join(", ") || "\u2014";
  return Object.entries(value).map(([name, each]) => `${words(name)}: ${plainText(each)}`).join("; ") || "\u2014";
}

function changeLine(name, before, after) {
  const [was, becomes] = [plainText(before), plainText(after)];
  if (was === becomes) {
    return element("div", { class: "change" }, element("span", { class: "name" }, words(name)),
      element("span", {}, was), element("span", { class: "quiet small" }, "unchanged"));
  }
  return element("div", { class: "change" }, element("span", { class: "name" }, words(name)),
    element("span", { class: "was" }, was), element("span", { "aria-label": "becomes" }, "→"),
    element("span", { class: "becomes" }, becomes));
}

function rowsTable(name, rows) {
  const keys = [...new Set(rows.flatMap((row) => Object.keys(record(row))))];
  if (keys.length === 0) return element("ul", {}, rows.map((row) => element("li", {}, plainText(row))));
  return table(words(name), keys.map((key) => ({
    title: words(key), kind: rows.every((row) => isNumber(record(row)[key])) ? "number" : "",
    value: (row) => plainText(record(row)[key]),
  })), rows);
}

function picture(preview) {
  const before = record(preview.before);
  const after = record(preview.after);
  const unit = clean(after.unit ?? before.unit ?? "");
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].filter((name) => name !== "unit");
  const figures = [];
  const lines = [];
  const tables = [];
  for (const name of names) {
    const [was, becomes] = [before[name], after[name]];
    if (isNumber(was) && isNumber(becomes)) {
      figures.push(figurePair(name, was, becomes, name === "rows" ? "" : unit));
    } else if (Array.isArray(becomes) && becomes.length > 0 && was === undefined) {
      tables.push(section(words(name), rowsTable(name, becomes)));
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

function outcomeBox(text, good) {
  return element("div", { class: `outcome ${good ? "" : "bad"}`, role: "status" },
    text.map((line) => element("p", { class: "lines" }, line)));
}

function timeLeft(expiresAt, now) {
  const until = moment(expiresAt)?.getTime();
  if (!until) return null;
  const place = element("p", { class: "quiet small", role: "timer" });
  const tick = () => {
    const seconds = Math.floor((until - now()) / 1000);
    if (seconds <= 0) {
      place.textContent = "Its time ran out. Agree shows what it would do now.";
      return;
    }
    const minutes = Math.ceil(seconds / 60);
    place.textContent = `Can be decided for ${seconds < 90 ? counted(seconds, "second") : counted(minutes, "more minute")}.`;
    setTimeout(tick, seconds < 90 ? 1000 : 10_000);
  };
  tick();
  return place;
}

function tellModel(result) {
  if (call.capabilities.updateModelContext === undefined) return;
  const text = `A person decided in the card. ${textOf(result)}`;
  ask("ui/update-model-context", { content: [{ type: "text", text }] }).catch(() => {});
}

async function decide(answer, repeated, intent) {
  let result;
  try {
    result = await callTool(repeated.name, { ...record(repeated.arguments), confirmation: answer });
  } catch (error) {
    document.getElementById("outcome").replaceChildren(outcomeBox([
      "The host gave no answer, so the outcome is not known here. Do not ask for it anew.",
      `The assistant can call check_intent with ${clean(intent ?? "the intent")}. (${clean(error.message)})`,
    ], false));
    return;
  }
  if (result.isError && record(result.structuredContent).status === undefined) {
    refusedPress(textOf(result));
    return;
  }
  call.result = result;
  show();
  document.getElementById("card").querySelector("h1")?.focus();
  tellModel(result);
}

// The press was refused and nothing changed, as after a wrong amount: the picture stays, to be decided again.
function refusedPress(text) {
  document.getElementById("outcome").replaceChildren(outcomeBox([text], false));
  for (const control of document.querySelectorAll("button, input")) control.disabled = false;
  decided.clear();
}

function buttons(data, meta) {
  const secret = meta[CONFIRMATION];
  const typed = record(data.preview).typed;
  const field = typed ? element("input", { id: "typed", autocomplete: "off", spellcheck: "false" }) : null;
  const agree = element("button", { type: "button", class: "agree", disabled: "disabled" }, "Agree");
  const decline = element("button", { type: "button", class: "decline", disabled: "disabled" }, "Decline");
  const press = (answer) => {
    if (decided.has(secret)) return;
    decided.add(secret);
    for (const control of [agree, decline, field]) if (control) control.disabled = true;
    document.getElementById("outcome").replaceChildren(element("p", { class: "quiet", role: "status" }, "Sent; waiting for the answer."));
    decide(answer, record(meta[CALL]), data.intent);
  };
  agree.addEventListener("click", () => press(field ? `${secret}:${field.value}` : secret));
  decline.addEventListener("click", () => press(`decline:${secret}`));
  setTimeout(() => {
    agree.disabled = decline.disabled = decided.has(secret);
  }, READING);
  return [
    field ? element("label", { for: "typed" }, `Type ${clean(typed)} to agree`) : null,
    field,
    element("div", { class: "actions" }, agree, decline),
  ];
}

const TITLES = {
  confirmation_required: "Do this?", waiting_for_operator: "Waiting for an operator",
};

function render(data, { result, now }) {
  const meta = record(result._meta);
  const open = data.status === "confirmation_required";
  const canDecide = open && typeof meta[CONFIRMATION] === "string";
  if (data.status === undefined) return null;
  const title = element("h1", { tabindex: "-1" }, TITLES[data.status] ?? OUTCOMES[data.status] ?? words(data.status));
  const preview = record(data.preview);
  if (!open && data.status !== "waiting_for_operator") {
    const told = textOf(result) || clean(data.reason);
    return [title, outcomeBox([told], data.status === "applied" || data.status === "declined")];
  }
  return [
    title,
    data.reason ? outcomeBox([data.reason], false) : null,
    summaryOf(preview),
    picture(preview),
    warnings(list(preview.warnings)),
    canDecide ? buttons(data, meta)
      : element("p", { class: "quiet" }, open ? "Nothing has changed yet; this card cannot decide it."
        : "Nothing has changed yet; an operator decides on the approvals page."),
    canDecide ? timeLeft(data.expires_at, now) : null,
    element("div", { id: "outcome", "aria-live": "polite" }),
  ];
}
