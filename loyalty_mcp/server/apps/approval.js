// The card of an approval: what a change would do, and the two buttons that only a person can press.

const CONFIRMATION = "loyalty-mcp/confirmation";
const CALL = "loyalty-mcp/call";

// A second press that was meant for the picture before must not agree to a new one.
const READING = 700;

const OUTCOMES = {
  applied: "Done", not_applied: "Not done", unknown: "The outcome is not known",
  partly_applied: "Partly done", declined: "Declined", expired: "Expired", waiting_for_operator: "An operator has to approve",
};

// Which pictures have been decided, by the confirmation that each had.
const decided = new Set();

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

function tellModel(button, result) {
  if (call.capabilities.updateModelContext === undefined) return;
  const text = `A person pressed ${button} in the card. ${textOf(result)}`;
  ask("ui/update-model-context", { content: [{ type: "text", text }] }).catch(() => {});
}

async function decide(button, answer, repeated, intent) {
  let result;
  try {
    result = record(await callTool(repeated.name, { ...record(repeated.arguments), confirmation: answer }));
  } catch (error) {
    showOutcome(outcomeBox([
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
  document.querySelector("h1")?.focus();
  tellModel(button, result);
}

function showOutcome(box) {
  document.getElementById("outcome").replaceChildren(box);
}

// What is only marked as unusable keeps the keyboard's place; `press` and `field.readOnly` do the rest.
function setUsable(usable) {
  for (const button of document.querySelectorAll("button")) button.setAttribute("aria-disabled", String(!usable));
  const field = document.getElementById("typed");
  if (field !== null) field.readOnly = !usable;
}

// The press was refused and nothing changed, as after a wrong amount: the picture stays, to be decided again.
function refusedPress(text) {
  showOutcome(outcomeBox([text], false));
  decided.clear();
  setUsable(true);
  const field = document.getElementById("typed");
  field?.setAttribute("aria-invalid", "true");
  field?.focus();
}

function buttons(data, meta) {
  const secret = meta[CONFIRMATION];
  const typed = record(data.preview).typed;
  const field = typed ? element("input", {
    id: "typed", autocomplete: "off", spellcheck: "false", "aria-describedby": "outcome",
  }) : null;
  const agree = element("button", { type: "button", class: "agree", "aria-disabled": "true" }, "Agree");
  const decline = element("button", { type: "button", class: "decline", "aria-disabled": "true" }, "Decline");
  const press = (button, answer) => {
    if (button.getAttribute("aria-disabled") === "true" || decided.has(secret)) return;
    decided.add(secret);
    setUsable(false);
    showOutcome(element("p", { class: "quiet", role: "status" }, "Sent; waiting for the answer."));
    decide(button.textContent, answer, record(meta[CALL]), data.intent);
  };
  agree.addEventListener("click", () => press(agree, field ? `${secret}:${field.value}` : secret));
  decline.addEventListener("click", () => press(decline, `decline:${secret}`));
  setTimeout(() => {
    if (agree.isConnected) setUsable(!decided.has(secret));
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
    picture(preview),
    warnings(list(preview.warnings)),
    canDecide ? buttons(data, meta)
      : element("p", { class: "quiet" }, open ? "Nothing has changed yet; this card cannot decide it."
        : "Nothing has changed yet; an operator decides on the approvals page."),
    canDecide ? timeLeft(data.expires_at, now) : null,
    element("div", { id: "outcome", "aria-live": "polite" }),
  ];
}
