// The card of a member: what they have, what they are near, what expires; or how a balance came about.

function who(data) {
  return element("header", {},
    element("h1", {}, `Member ${clean(data.member)}`),
    element("p", { class: "quiet" }, [
      data.own_id ? `Own id ${clean(data.own_id)}` : null,
      data.program ? `Program ${clean(data.program)}` : null,
      data.since ? `Since ${day(data.since)}` : null,
    ].filter(Boolean).join(" · ")));
}

function balanceTile(balance) {
  return element("li", { class: "tile" },
    element("h3", {}, balance.balance),
    element("p", { class: "figure" }, number(balance.value), " ",
      element("span", { class: "unit" }, balance.unit)),
    balance.internal ? element("p", { class: "quiet small" }, "Hidden from the member") : null);
}

function expiries(data, now) {
  const events = list(data.balances).flatMap((balance) => list(balance.expiring_soon).map((part) => ({
    at: moment(part.expires_at)?.getTime() ?? null,
    text: number(part.amount),
    line: `${number(part.amount)} ${clean(balance.unit)} of ${clean(balance.balance)}`,
  }))).filter((event) => event.at !== null).sort((one, other) => one.at - other.at);
  if (events.length === 0) return null;
  const lines = events.map((event) => `${event.line}: ${day(new Date(event.at))}, ${inDays(now, event.at)}`);
  const to = Math.max(events.at(-1).at, now + 86_400_000);
  return section("Expiring soon",
    timeLine(events, { from: now, to, label: `Expiring: ${lines.join("; ")}` }),
    element("ul", {}, lines.map((line) => element("li", {}, line))));
}

function tierProgress(tier, balances) {
  const missing = Object.entries(record(tier.missing)).filter(([, lacking]) => isNumber(lacking));
  const values = new Map(balances.map((balance) => [balance.balance, balance]));
  return element("li", { class: "tile" },
    element("h3", {}, tier.group),
    element("p", { class: "figure" }, tier.tier ?? "No tier"),
    tier.next_tier ? element("p", {}, `Next: ${clean(tier.next_tier)}`)
      : element("p", { class: "quiet" }, tier.tier ? "There is no higher tier." : ""),
    missing.map(([name, lacking]) => {
      const balance = record(values.get(name));
      const has = isNumber(balance.value) ? balance.value : null;
      const text = `${number(lacking)} ${clean(balance.unit ?? "points")} of ${clean(name)} missing`;
      if (has === null || has + lacking <= 0) return element("p", {}, text);
      return [
        bar(has / (has + lacking), `${clean(name)}: progress to ${clean(tier.next_tier)}`),
        element("p", { class: "small" }, `${number(has)} of ${number(has + lacking)}; ${text}`),
      ];
    }));
}

function voucherTile(voucher) {
  const value = isNumber(voucher.value) ? `${number(voucher.value)} ${clean(voucher.unit ?? "")}` : null;
  return element("li", { class: "tile" },
    element("h3", {}, voucher.reward),
    voucher.code ? element("p", { class: "code" }, voucher.code) : null,
    value ? element("p", {}, value) : null,
    voucher.expires_at ? element("p", { class: "quiet small" }, `Until ${day(voucher.expires_at)}`) : null);
}

function movementsOf(data, now) {
  const moves = list(data.movements)
    .filter((move) => isNumber(move.amount) && moment(move.at) !== null)
    .map((move) => ({ ...move, at: moment(move.at).getTime(), shown: move.at }));
  if (data.movements === undefined) return null;
  if (moves.length === 0) return section("Movements", element("p", {}, "There are none."));
  const recent = moves.filter((move) => move.at >= now - YEAR);
  const names = [...new Set(recent.map((move) => move.balance))];
  return section("The latest movements, over twelve months",
    names.map((name) => {
      const own = recent.filter((move) => move.balance === name);
      const label = `${clean(name)}: ${own.map((move) => `${day(move.shown)} ${signed(move.amount)}`).join("; ")}`;
      return [
        names.length > 1 ? element("p", { class: "quiet" }, name) : null,
        movementStems(own, { from: now - YEAR, to: now, label }),
      ];
    }),
    table("Movements", [
      { title: "Day", kind: "day", value: (move) => day(move.shown) },
      { title: "Balance", value: (move) => move.balance },
      { title: "Amount", kind: "number", value: (move) => signed(move.amount) },
    ], moves));
}

function drafts(data) {
  const rows = list(data.drafts);
  return rows.length === 0 ? null : section("Pending, not in the balance",
    element("ul", {}, rows.map((row) => element("li", {}, `${signed(row.amount)} ${clean(row.balance)}`))));
}

function unread(data) {
  return warnings(list(data.could_not_read).map((part) => `Could not be read: ${clean(part)}`));
}

function overview(data, now) {
  return [
    who(data),
    unread(data),
    section("Balances", element("ul", { class: "tiles" }, list(data.balances).map(balanceTile))),
    expiries(data, now),
    list(data.tiers).length === 0 ? null : section("Tiers", element("ul", { class: "tiles" },
      data.tiers.map((tier) => tierProgress(tier, list(data.balances))))),
    list(data.vouchers).length === 0 ? null : section("Vouchers that can be used",
      element("ul", { class: "tiles" }, data.vouchers.map(voucherTile))),
    movementsOf(data, now),
    drafts(data),
  ];
}

const KINDS = { credit: "Credit", debit: "Debit", reversal: "Reversal", expired: "Expired" };

function explanation(data, now) {
  const lines = list(data.lines).filter((line) => isNumber(line.balance_after) && moment(line.at) !== null);
  const points = lines.map((line) => ({
    at: moment(line.at).getTime(), amount: line.amount, value: line.balance_after,
  }));
  const to = Math.min(moment(data.until)?.getTime() ?? now, now);
  // Twelve months are drawn, unless another beginning was asked for; the table has every line.
  const from = moment(data.since)?.getTime() ?? to - YEAR;
  const earlier = points.filter((point) => point.at < from);
  const drawn = points.filter((point) => point.at >= from);
  const opening = earlier.length > 0 ? earlier.at(-1).value : data.opening;
  const gap = isNumber(data.unexplained) && data.unexplained !== 0
    ? [`${signed(data.unexplained)} ${clean(data.unit)} are explained by no transaction that was read.`] : [];
  const cut = data.read_back_to
    ? [`The history is longer; it was read back to ${day(data.read_back_to)}.`] : [];
  return [
    element("header", {},
      element("h1", {}, `${clean(data.balance)} of member ${clean(data.member)}`),
      data.own_id ? element("p", { class: "quiet" }, `Own id ${clean(data.own_id)}`) : null),
    element("p", { class: "figure" }, number(data.closing), " ", element("span", { class: "unit" }, data.unit)),
    element("p", { class: "quiet" }, `${data.until ? `On ${day(data.until)}` : "Now"}; `
      + `${number(data.opening)} ${data.since ? `on ${day(data.since)}` : "at the beginning"}.`),
    warnings([...gap, ...cut]),
    balanceLine(drawn, { from, to: Math.max(to, from + 1), opening, closing: data.closing, unit: clean(data.unit) }),
    lines.length === 0 ? element("p", {}, "Nothing moved it.") : section("What moved it",
      table("What moved the balance", [
        { title: "Day", kind: "day", value: (line) => day(line.at) },
        { title: "What", value: (line) => KINDS[line.kind] ?? words(line.kind) },
        { title: "Amount", kind: "number", value: (line) => signed(line.amount) },
        { title: "Balance", kind: "number", value: (line) => number(line.balance_after) },
        { title: "Reason", value: (line) => reasonOf(line) },
      ], lines)),
  ];
}

function reasonOf(line) {
  return [
    line.reason,
    line.order_id ? `order ${clean(line.order_id)}` : null,
    line.credited_at ? `credited ${day(line.credited_at)}` : null,
    line.reversed_by ? "reversed since" : null,
  ].filter(Boolean).map(clean).join("; ");
}

function render(data, { now }) {
  if (data.member === undefined) return null;
  return data.lines === undefined ? overview(data, now()) : explanation(data, now());
}
