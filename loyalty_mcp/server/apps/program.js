// The card of a program: its shape as a diagram, what a plan or a publication changes, its report.

const MARKS = {
  create: ["new", "New"], change: ["changed", "Changed"], delete: ["removed", "Removed"],
  manual: ["byhand", "Set by hand"],
};

const PERIODS = { day: "day", week: "week", month: "month", year: "year" };

function markFor(changes, kind, name) {
  const own = list(changes).filter((change) => change.kind === kind && change.name === name);
  const done = own.find((change) => change.action !== "keep" && change.action !== "manual");
  const found = done ?? own.find((change) => change.action === "manual");
  return found === undefined ? null : { ...found, mark: MARKS[found.action] ?? ["changed", words(found.action)] };
}

function markedTile(found, ...children) {
  return element("li", { class: `tile ${found ? found.mark[0] : ""}` },
    found ? element("p", {}, element("span", { class: `badge ${found.mark[0]}` }, found.mark[1])) : null,
    children,
    found?.details && found.action === "change" ? element("p", { class: "small" }, found.details) : null);
}

function span(value, unit) {
  const name = PERIODS[unit] ?? clean(unit);
  return value === 1 ? `a ${name}` : counted(value, name);
}

function life(expiry) {
  const { kind, value, unit, snap, day: fixed } = record(expiry);
  const end = snap === "end" ? ", to the end of it" : snap === "start" ? ", to the start of it" : "";
  switch (kind) {
    case "after": return `Points live ${span(value, unit)} after their credit${end}`;
    case "rolling": return `Points live ${span(value, unit)} after the last movement`;
    case "inactivity": return `Points live ${span(value, unit)} after the last credit`;
    case "fixed": return `Points expire each year on ${clean(fixed)}`;
    default: return "Points do not expire";
  }
}

function limitText(limit) {
  const per = record(limit.per);
  const verb = limit.transaction_type === "debit" ? "debited" : "credited";
  const what = limit.constraint_type === "transaction"
    ? counted(limit.value, limit.transaction_type === "debit" ? "debit" : "credit")
    : `${number(limit.value)} ${verb}`;
  const period = per.value === 1 ? `a ${PERIODS[per.unit] ?? clean(per.unit)}` : `in ${span(per.value, per.unit)}`;
  return `At most ${what} ${period}${limit.sliding ? ", counted back from each" : ""}`;
}

// A plan keeps what its description leaves out, so for what is there already nothing is said of it.
function lifeLine(changes, balance, found) {
  const kept = changes.length > 0 && found?.action !== "create" && balance.expiry === undefined;
  return kept ? null : element("p", {}, life(balance.expiry));
}

function balanceOf(changes, balance) {
  const found = markFor(changes, "balance", balance.name);
  const caps = [
    isNumber(balance.minimum) ? `at least ${number(balance.minimum)}` : null,
    isNumber(balance.maximum) ? `at most ${number(balance.maximum)}` : null,
  ].filter(Boolean).join(", ");
  return markedTile(found,
    element("h3", {}, balance.name, " ", element("span", { class: "unit" }, clean(balance.unit).toLowerCase())),
    balance.description ? element("p", { class: "quiet small" }, balance.description) : null,
    lifeLine(changes, balance, found),
    caps ? element("p", {}, `A member holds ${caps}`) : null,
    isNumber(balance.credit_maximum) ? element("p", {}, `At most ${number(balance.credit_maximum)} in one credit`) : null,
    isNumber(balance.debit_maximum) ? element("p", {}, `At most ${number(balance.debit_maximum)} in one debit`) : null,
    list(balance.limits).map((limit) => element("p", {}, limitText(limit))),
    balance.internal ? element("p", { class: "quiet small" }, "Hidden from members") : null);
}

function thresholds(tier) {
  const minimum = Array.isArray(tier.minimum)
    ? tier.minimum.map((each) => [each.balance, each.minimum_value])
    : Object.entries(record(tier.minimum));
  return minimum.map(([name, value]) => element("p", {}, `From ${number(value)} ${clean(name)}`));
}

function tierStep(changes, tier, index) {
  const step = markedTile(markFor(changes, "tier", tier.name),
    element("h3", {}, tier.name),
    thresholds(tier),
    list(tier.rewards).length === 0 ? null
      : element("ul", { class: "tags", "aria-label": "Rewards on entry" },
        tier.rewards.map((reward) => element("li", { class: "tag" }, reward))));
  step.style.setProperty("--rise", index);
  return step;
}

function tierGroup(changes, group) {
  const found = markFor(changes, "tier_group", group.name);
  const rules = [["Up", group.upgrade], ["Down", group.downgrade]]
    .filter(([, rule]) => rule).map(([way, rule]) => `${way}: ${words(rule).toLowerCase()}`);
  return section(`Tiers: ${clean(group.name)}`,
    found ? element("p", {}, element("span", { class: `badge ${found.mark[0]}` }, found.mark[1]),
      ` ${clean(found.details ?? "")}`) : null,
    rules.length ? element("p", { class: "quiet small" }, `${rules.join(" · ")}${group.internal ? " · Hidden from members" : ""}`) : null,
    element("ol", { class: "steps" }, list(group.tiers).map((tier, index) => tierStep(changes, tier, index))));
}

function diagram(spec, changes) {
  const program = record(spec.program);
  const heading = markFor(changes, "program", program.name);
  return [
    element("header", {},
      element("h1", {}, program.name ?? "Program"),
      heading ? element("p", {}, element("span", { class: `badge ${heading.mark[0]}` }, heading.mark[1]), " ",
        heading.details) : null,
      program.description ? element("p", { class: "quiet" }, program.description) : null),
    list(spec.balances).length === 0 ? null : section("Balances", element("ul", { class: "tiles" },
      spec.balances.map((balance) => balanceOf(changes, balance)))),
    list(spec.tier_groups).map((group) => tierGroup(changes, group)),
    list(spec.rewards).length === 0 ? null : section("Rewards", element("ul", { class: "tiles" },
      spec.rewards.map((reward) => markedTile(markFor(changes, "reward", reward.name),
        element("h3", {}, reward.public_name ?? reward.name),
        reward.public_name && reward.public_name !== reward.name
          ? element("p", { class: "quiet small" }, reward.name) : null,
        reward.public_description ? element("p", {}, reward.public_description) : null)))),
  ];
}

// "300 → 400 points; gains reward mug" as what is there now and what the draft has.
function sides(details) {
  const parts = clean(details).split("; ").map((part) => part.split(" → "));
  return {
    before: parts.filter((part) => part.length === 2).map((part) => part[0]).join("; "),
    after: parts.map((part) => part.at(-1)).join("; "),
  };
}

function liveSide(change) {
  return change.action === "create" ? "\u2014" : sides(change.details).before;
}

function draftSide(change) {
  return sides(change.details).after;
}

function changeMark(change) {
  const [kind, title] = MARKS[change.action] ?? MARKS.change;
  return element("span", { class: `badge ${kind}` }, title);
}

function changeTable(label, rows, before) {
  return table(label, [
    { title: "", value: changeMark },
    { title: "What", value: (row) => `${words(row.kind)} ${clean(row.name)}` },
    { title: before, value: liveSide },
    { title: "Draft", value: draftSide },
  ], rows);
}

function moved(rows) {
  return list(rows).length === 0 ? null : section("Members who would move, by their balances",
    element("ul", {}, rows.map((row) => element("li", {},
      `${counted(row.members, "member")}: ${clean(row.from ?? "no tier")} → ${clean(row.to ?? "no tier")}`))));
}

function rehearsed(rehearsal) {
  const members = list(record(rehearsal).members);
  return members.length === 0 ? null : section("Rehearsal in a private sandbox",
    table("Members of the rehearsal", [
      { title: "Member", value: (row) => row.member ?? row.name },
      { title: "Balances", value: (row) => pairs(row.balances) },
      { title: "Tiers", value: (row) => pairs(row.tiers) },
      { title: "Vouchers", value: (row) => list(row.vouchers).map(clean).join(", ") },
      { title: "Refused", value: (row) => list(row.refused).map(clean).join("; ") },
    ], members));
}

function pairs(values) {
  return Object.entries(record(values)).map(([name, value]) => `${clean(name)}: ${number(value)}`).join("; ");
}

function specOf(input) {
  try {
    return record(typeof input.spec === "string" ? JSON.parse(input.spec) : input.spec);
  } catch {
    return {};
  }
}

function planned(data, input) {
  const changes = list(data.changes);
  const spec = specOf(input);
  const different = changes.filter((change) => change.action !== "keep");
  return [
    spec.program ? diagram(spec, changes) : element("h1", {}, "Plan of a program"),
    different.length === 0 ? element("p", {}, "The program is like this already.")
      : section("What the plan changes", changeTable("What the plan changes", different, "Now")),
    moved(data.would_move),
    rehearsed(data.rehearsal),
  ];
}

function unpublished(data) {
  const state = data.first_publication ? "has never been published" : "is live";
  return [
    element("header", {}, element("h1", {}, data.program),
      element("p", { class: "quiet" }, `This program ${state}.`)),
    data.empty ? element("p", {}, "The draft is what is live.")
      : section(`${counted(list(data.differences).length, "difference")} between live and draft`,
        changeTable("Differences between live and draft", list(data.differences), "Live")),
  ];
}

function tierCounts(tiers, members) {
  const groups = [...new Set(tiers.map((tier) => tier.group))];
  return groups.map((group) => section(`Members per tier: ${clean(group)}`,
    tiers.filter((tier) => tier.group === group).map((row) => element("div", { class: "pair" },
      element("span", {}, row.name),
      bar(row.members / Math.max(1, members), `${clean(row.name)}: share of the members`),
      element("span", { class: "value" }, counted(row.members, "member"))))));
}

function report(data) {
  const classes = list(data.distribution);
  const label = classes.map((each) => `from ${number(each.minimum)}: ${counted(each.members, "member")}`).join("; ");
  return [
    element("header", {}, element("h1", {}, data.program),
      element("p", { class: "quiet" }, `Balance ${clean(data.balance)}`)),
    element("ul", { class: "tiles" },
      element("li", { class: "tile" }, element("h2", {}, "Members"), element("p", { class: "figure" }, number(data.members))),
      element("li", { class: "tile" }, element("h2", {}, "Outstanding"),
        element("p", { class: "figure" }, number(data.points_outstanding), " ",
          element("span", { class: "unit" }, data.unit)))),
    warnings(list(data.not_counted).map((part) => `Not counted: ${clean(part)}`)),
    classes.length === 0 ? null : section("Members by balance, from",
      columnChart(classes.map((each) => ({ title: number(each.minimum), value: each.members })), label)),
    tierCounts(list(data.tiers), data.members),
    moved(data.would_move),
  ];
}

function render(data, { input }) {
  if (data.spec !== undefined) return diagram(record(data.spec), []);
  if (data.changes !== undefined) return planned(data, input);
  if (data.differences !== undefined) return unpublished(data);
  if (data.points_outstanding !== undefined) return report(data);
  return null;
}
